#if LIBFUZZER
  import CheckpointCore
  import Foundation
  import FuzzTargets

  #if canImport(Glibc)
    import Glibc
  #else
    import Darwin
  #endif

  /// libFuzzer, which looks for inputs that reach new code. Built with CKPT_FUZZ=1; see README.md.
  enum LibFuzzer {
    fileprivate nonisolated(unsafe) static var session: FuzzSession?

    /// Arguments: the target's name, then libFuzzer's own.
    static func run(_ targets: [FuzzTarget]) -> Never {
      var arguments = CommandLine.arguments
      guard arguments.count > 1, let target = targets.first(where: { $0.name == arguments[1] }) else {
        print("usage: fuzz TARGET [libFuzzer's options]; targets: \(targets.map(\.name).joined(separator: " "))")
        exit(64)
      }
      arguments.remove(at: 1)
      do {
        unsafe session = try FuzzSession(target)
        // The first folder is where libFuzzer begins, and keeps what it finds.
        if let folder = arguments.dropFirst().first(where: Candidate.isFolder) {
          for (i, seed) in target.seeds.enumerated() {
            try Data(seed.bytes).write(to: URL(fileURLWithPath: "\(folder)/seed-\(i)"))
          }
        }
      } catch {
        fatalError("\(error)")
      }
      // SAFETY: the copies live as long as the process.
      var pointers: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
      var count = CInt(arguments.count)
      unsafe pointers.withUnsafeMutableBufferPointer { buffer in
        var start = buffer.baseAddress
        _ = unsafe runDriver(&count, &start, tryOne)
      }
      exit(0)
    }
  }

  /// One input, by the name that libFuzzer links against. Half of the work is behind the checksums.
  @_cdecl("LLVMFuzzerTestOneInput")
  func tryOne(_ bytes: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    // SAFETY: libFuzzer lends the bytes for the time of the call.
    let input = unsafe Array(UnsafeBufferPointer(start: bytes, count: size))
    let repaired = unsafe LibFuzzer.session?.target.repair?(input)
    let problem = unsafe LibFuzzer.session?.feed(repaired ?? input, seed: 0, isRepaired: true)
    if let problem { fatalError(problem) }
    return 0
  }

  @_silgen_name("LLVMFuzzerRunDriver")
  private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
  ) -> CInt
#endif
