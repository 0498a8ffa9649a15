import CHDF5
package import CheckpointCore
import Synchronization

/// A process that runs libhdf5 on one file. Whatever the file does to the library is an error here: a crash, a time limit, a
/// memory limit. Nothing that it answers is believed without a check. Protocol: README.md beside this file.
package final class HDF5Worker: Sendable {
  /// What a reply holds, besides an error.
  struct Reply {
    let kind: Int
    let bytes: [UInt8]
  }

  package let version: String
  /// The end of the addresses that the file uses, counted from its superblock.
  package let end: Int

  private let path: String
  private let socket: CInt
  private let process: pid_t
  private let state = Mutex(State())
  /// Longest silence that is waited for, in seconds.
  private let patience: CInt

  private struct State {
    /// The object that the worker looks at, for a message.
    var object: Name?
    var failure: CheckpointError?
    var isBuried = false
  }

  package enum Access: Sendable {
    /// The bytes from `base` to `end`.
    case reading(InputFile, base: Int, end: Int)
    /// `needs18` for attributes beyond 64 KiB, which HDF5 before 1.8 cannot have.
    case writing(OutputFile, base: Int, needs18: Bool)
  }

  /// Seconds of processor time for one request besides what the file's size justifies.
  private static let usual: CInt = 1

  /// - Parameter seconds: of processor time for one request besides what the file's size justifies and the second that all have.
  /// - Throws: `corrupt` where the library refuses the file, `unsupported` where there is no library.
  package convenience init(_ access: Access, seconds: CInt? = nil) throws(CheckpointError) {
    try self.init(access, executable: WorkerExecutable.path(), seconds: seconds)
  }

  /// - Parameters:
  ///   - executable: what is started.
  ///   - silence: the longest that is waited for, in seconds; nil for what the file's size justifies.
  init(_ access: Access, executable: String, silence: CInt? = nil, seconds: CInt? = nil) throws(CheckpointError) {
    let (descriptor, mode, base, size): (CInt, Character, Int, Int)
    switch access {
    case .reading(let file, let start, let end):
      (path, descriptor, mode, base, size) = (file.path, file.handle, "r", start, end - start)
    case .writing(let file, let start, let needs18):
      // A day: what is written is ours.
      (path, descriptor, mode, base, size) = (file.target, file.handle, needs18 ? "W" : "w", start, 1 << 40)
    }
    patience = silence ?? CInt(clamping: 20 + size >> 22)
    var process: pid_t = 0
    // SAFETY: the pointer to `process` is used inside the call only.
    socket = unsafe ck_hdf5_spawn(
      executable, descriptor, CInt(mode.asciiValue ?? 0), UInt64(base), UInt64(size),
      seconds ?? HDF5Worker.usual,
      &process)
    self.process = process
    guard socket >= 0 else {
      state.withLock { $0.isBuried = true }
      (version, end) = ("", 0)
      throw CheckpointError.system(.io, "the HDF5 worker cannot be started", -socket)
    }
    do throws(CheckpointError) {
      let ready = try HDF5Worker.receive(socket, patience: patience, limit: 64)
      guard ready.kind == CK_HDF5_READY else { throw HDF5Worker.nonsense() }
      var fields = ByteCursor(ready.bytes)
      let version = "\(try fields.fixed32()).\(try fields.fixed32()).\(try fields.fixed32())"
      (self.version, end) = (version, Int(clamping: try fields.fixed64()))
    } catch {
      (version, end) = ("", 0)
      throw state.withLock { HDF5Worker.explain(error, socket, process, path, &$0) }
    }
  }

  deinit {
    let isBuried = state.withLock { $0.isBuried }
    guard !isBuried else { return }
    ck_hdf5_hang_up(socket)
    _ = ck_hdf5_bury(process)
  }

  /// Asks one thing and gives the replies to `body` until it says that the last has come.
  /// - Parameter limit: bytes that a reply may have.
  func ask(
    _ kind: Int, _ payload: [UInt8], of object: Name? = nil, limit: Int, _ body: (Reply) throws(CheckpointError) -> Bool
  ) throws(CheckpointError) {
    try exclusively { (state) throws(CheckpointError) in
      state.object = object
      try HDF5Worker.send(socket, kind, payload)
      while true {
        let reply = try HDF5Worker.receive(socket, patience: patience, limit: limit)
        if reply.kind == CK_HDF5_BEGIN { state.object = Name(bytes: reply.bytes) }
        if try body(reply) { break }
      }
      state.object = nil
    }
  }

  /// Asks for bytes.
  func data(_ kind: Int, _ payload: [UInt8], of object: Name, limit: Int) throws(CheckpointError) -> [UInt8] {
    var found: [UInt8] = []
    try ask(kind, payload, of: object, limit: limit) { (reply) throws(CheckpointError) in
      guard reply.kind == CK_HDF5_DATA else { throw HDF5Worker.nonsense() }
      found = reply.bytes
      return true
    }
    return found
  }

  /// Sends what has no answer.
  func tell(_ kind: Int, _ payload: [UInt8]) throws(CheckpointError) {
    try exclusively { (_) throws(CheckpointError) in try HDF5Worker.send(socket, kind, payload) }
  }

  /// One conversation at a time; after the first failure there is no other.
  private func exclusively(_ body: (inout State) throws(CheckpointError) -> Void) throws(CheckpointError) {
    let failure = state.withLock { state -> CheckpointError? in
      if let failure = state.failure { return failure }
      do throws(CheckpointError) {
        try body(&state)
        return nil
      } catch {
        let failure = HDF5Worker.explain(error, socket, process, path, &state)
        state.failure = failure
        return failure
      }
    }
    if let failure { throw failure }
  }

  // ---- the socket

  /// Ways in which a conversation ends that only the process itself can explain.
  private enum Ending { static let gone = "the HDF5 worker is gone", late = "the HDF5 worker does not answer" }

  static func nonsense() -> CheckpointError { CheckpointError(.corrupt, "the HDF5 worker answers nonsense") }

  private static func send(_ socket: CInt, _ kind: Int, _ payload: [UInt8]) throws(CheckpointError) {
    guard let count = UInt32(exactly: payload.count) else {
      throw CheckpointError(.unsupported, "\(payload.count) bytes are more than HDF5 takes at once")
    }
    let head = [UInt32(kind), count]
    // SAFETY: both pointers are used inside the closures only, for the bytes that the arrays have.
    let failure = unsafe head.withUnsafeBytes { unsafe ck_hdf5_send(socket, $0.baseAddress, $0.count) }
    let failed =
      failure != 0 || payload.isEmpty
      ? failure : unsafe payload.withUnsafeBytes { unsafe ck_hdf5_send(socket, $0.baseAddress, $0.count) }
    // A worker that has said why it ends is heard before it is called gone.
    guard failed == 0 else {
      _ = try receive(socket, patience: 1, limit: 4096); throw CheckpointError(.corrupt, Ending.gone)
    }
  }

  private static func receive(_ socket: CInt, patience: CInt, limit: Int) throws(CheckpointError) -> Reply {
    let head = try bytes(socket, patience, 12)
    var fields = ByteCursor(head)
    let kind = Int(try fields.fixed32())
    _ = try fields.fixed32()
    let count = Int(try fields.fixed32())
    guard count <= max(limit, 4096) else { throw nonsense() }
    try requireMemory(count)
    let body = try bytes(socket, patience, count)
    guard kind == CK_HDF5_ERROR else { return Reply(kind: kind, bytes: body) }
    var error = ByteCursor(body)
    let cause = Int(try error.fixed32())
    let number = CInt(truncatingIfNeeded: try error.fixed32())
    let text = Name.printable(Array(body[try error.skip(error.remaining)]))
    switch cause {
    case CK_HDF5_IO: throw CheckpointError.system(.io, text, number)
    case CK_HDF5_NO_LIBRARY: throw CheckpointError(.unsupported, text)
    default: throw CheckpointError(.corrupt, text)
    }
  }

  private static func bytes(_ socket: CInt, _ patience: CInt, _ count: Int) throws(CheckpointError) -> [UInt8] {
    guard count > 0 else { return [] }
    var bytes = [UInt8](repeating: 0, count: count)
    // SAFETY: the pointer is used inside the closure only, for the bytes that the array has.
    let failure = unsafe bytes.withUnsafeMutableBytes {
      unsafe ck_hdf5_receive(socket, $0.baseAddress, $0.count, patience)
    }
    switch failure {
    case 0: return bytes
    case -1: throw CheckpointError(.corrupt, Ending.gone)
    default: throw CheckpointError(.corrupt, Ending.late)
    }
  }

  /// Buries the worker and turns its silence into a sentence.
  private static func explain(
    _ error: CheckpointError, _ socket: CInt, _ process: pid_t, _ path: String, _ state: inout State
  ) -> CheckpointError {
    ck_hdf5_hang_up(socket)
    let signal = ck_hdf5_bury(process)
    state.isBuried = true
    var failure = error
    if isInterrupted() {
      failure = CheckpointError(.interrupted, "interrupted; nothing was written")
    } else if error.message == Ending.gone || error.message == Ending.late {
      let reason =
        switch (error.message, signal) {
        case (Ending.late, _), (_, CK_HDF5_SIGNAL_TIME): "the HDF5 library took too long over it and was stopped"
        case (_, 0): "the HDF5 library gave up"
        default: "the HDF5 library crashed on it (signal \(signal))"
        }
      failure = CheckpointError(.corrupt, reason, remedy: "the file is damaged, or made to do harm")
    }
    let object = state.object.map { $0.bytes.isEmpty ? Name("/") : $0 }
    return failure.at(file: path, variable: object)
  }

  private static func isInterrupted() -> Bool {
    do throws(CheckpointError) { try throwIfInterrupted() } catch { return true }
    return false
  }
}
