import CHDF5
import CheckpointCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The program that is started as a worker: this one, or, in a test, the one that was built beside the tests.
package enum WorkerExecutable {
  /// The first argument of a worker.
  package static let mode = "--hdf5-worker"

  package static func path() -> String {
    let own = ownPath()
    let (folder, name) = splitPath(own)
    if name != "ckpt-convert" {
      let sibling = joinPath(folder, "ckpt-convert")
      if Candidate.isFile(sibling) { return sibling }
    }
    return own
  }

  private static func ownPath() -> String {
    #if canImport(Glibc)
      var buffer = [UInt8](repeating: 0, count: 4096)
      // SAFETY: the pointer is used inside the closure only, for the bytes that the array has.
      let count = unsafe buffer.withUnsafeMutableBytes { raw in
        unsafe raw.withMemoryRebound(to: CChar.self) {
          unsafe $0.baseAddress.map { unsafe readlink("/proc/self/exe", $0, 4096) }
        }
      }
      guard let count, count > 0, count < 4096 else { return "/proc/self/exe" }
      return String(decoding: buffer[..<count], as: UTF8.self)
    #else
      return CommandLine.arguments.first ?? "ckpt-convert"
    #endif
  }

  /// Becomes a worker where the arguments ask for one; returns where they do not.
  package static func runIfAsked(_ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) {
    guard CommandLine.arguments.count == 6, CommandLine.arguments[1] == mode else { return }
    // SAFETY: `main` was given six arguments; the worker takes the last four.
    unsafe ck_hdf5_worker(4, arguments + 2)
  }
}
