import CHDF5
package import CheckpointCore
import Synchronization

/// A process that runs libhdf5 on one file. Whatever the file does to the library is an error here: a crash, a time limit, a
/// memory limit. Nothing that it answers is believed without a check. Protocol: README.md beside this file.
///
/// A worker that fails is gone. Where it was reading, the next question starts another one, so that one damaged object does not
/// take those behind it along; after too many failures, the last is said again.
package final class HDF5Worker: Sendable {
  /// What a reply holds, besides an error.
  struct Reply {
    let kind: Int
    let bytes: [UInt8]
  }

  package let version: String
  /// The end of the addresses that the file uses, counted from its superblock.
  package let end: Int

  private let access: Access
  private let executable: String
  private let seconds: CInt
  /// Longest silence that is waited for, in seconds.
  private let patience: CInt
  private let state: Mutex<State>

  private struct Process {
    let socket: CInt
    let id: pid_t
  }

  private struct State {
    var process: Process?
    /// The object that the worker looks at, for a message.
    var object: Name?
    /// After this one nothing is asked any more.
    var failure: CheckpointError?
    var failures = 0
    /// Of the failures: those that took all the time that there is.
    var silences = 0
  }

  private static let mostFailures = 64
  private static let mostSilences = 2

  package enum Access: Sendable {
    /// The bytes from `base` to `end`.
    case reading(InputFile, base: Int, end: Int)
    /// `needs18` for attributes beyond 64 KiB, which HDF5 before 1.8 cannot have.
    case writing(OutputFile, base: Int, needs18: Bool)

    fileprivate var path: String {
      switch self {
      case .reading(let file, _, _): file.path
      case .writing(let file, _, _): file.target
      }
    }

    fileprivate var isReading: Bool { if case .reading = self { true } else { false } }

    /// What the worker gets: a descriptor, the letter of its mode, where the data begin, and their size.
    fileprivate var arguments: (descriptor: CInt, mode: Character, base: Int, size: Int) {
      switch self {
      case .reading(let file, let base, let end): (file.handle, "r", base, end - base)
      // A day: what is written is ours.
      case .writing(let file, let base, let needs18): (file.handle, needs18 ? "W" : "w", base, 1 << 40)
      }
    }
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
    (self.access, self.executable, self.seconds) = (access, executable, seconds ?? HDF5Worker.usual)
    patience = silence ?? CInt(clamping: 20 + access.arguments.size >> 22)
    let started = try HDF5Worker.start(access, executable, self.seconds, patience)
    (version, end) = (started.version, started.end)
    state = Mutex(State(process: started.process))
  }

  deinit {
    guard let process = state.withLock({ $0.process }) else { return }
    ck_hdf5_hang_up(process.socket)
    _ = ck_hdf5_bury(process.id)
  }

  private static func start(
    _ access: Access, _ executable: String, _ seconds: CInt, _ patience: CInt
  ) throws(CheckpointError) -> (process: Process, version: String, end: Int) {
    let arguments = access.arguments
    var id: pid_t = 0
    // SAFETY: the pointer to `id` is used inside the call only.
    let socket = unsafe ck_hdf5_spawn(
      executable, arguments.descriptor, CInt(arguments.mode.asciiValue ?? 0), UInt64(arguments.base),
      UInt64(arguments.size), seconds, &id)
    guard socket >= 0 else { throw CheckpointError.system(.io, "the HDF5 worker cannot be started", -socket) }
    let process = Process(socket: socket, id: id)
    do throws(CheckpointError) {
      let ready = try receive(socket, patience: patience, limit: 64)
      guard ready.kind == CK_HDF5_READY else { throw nonsense() }
      var fields = ByteCursor(ready.bytes)
      let version = "\(try fields.fixed32()).\(try fields.fixed32()).\(try fields.fixed32())"
      return (process, version, Int(clamping: try fields.fixed64()))
    } catch {
      throw bury(process, error).failure.at(file: access.path)
    }
  }

  /// Asks one thing and gives the replies to `body` until it says that the last has come.
  /// - Parameter limit: bytes that a reply may have.
  func ask(
    _ kind: Int, _ payload: [UInt8], of object: Name? = nil, limit: Int, _ body: (Reply) throws(CheckpointError) -> Bool
  ) throws(CheckpointError) {
    try exclusively { (state, socket) throws(CheckpointError) in
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
    try exclusively { (_, socket) throws(CheckpointError) in try HDF5Worker.send(socket, kind, payload) }
  }

  /// One conversation at a time.
  private func exclusively(
    _ body: (inout State, CInt) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    let failure = state.withLock { state -> CheckpointError? in
      if let failure = state.failure { return failure }
      do throws(CheckpointError) {
        if state.process == nil {
          state.process = try HDF5Worker.start(access, executable, seconds, patience).process
        }
        guard let process = state.process else { throw HDF5Worker.nonsense() }
        try body(&state, process.socket)
        return nil
      } catch {
        return fail(error, &state)
      }
    }
    if let failure { throw failure }
  }

  /// What is said of a failure, and whether another worker may be asked after it.
  private func fail(_ error: CheckpointError, _ state: inout State) -> CheckpointError {
    var failure = error
    state.failures += 1
    // One that could not even begin again would not the next time.
    let couldStart = state.process != nil
    if let process = state.process {
      let end = HDF5Worker.bury(process, error)
      state.process = nil
      if end.isSilence { state.silences += 1 }
      failure = end.failure.at(file: access.path, variable: state.object.map { $0.bytes.isEmpty ? Name("/") : $0 })
    }
    state.object = nil
    let isOver =
      !couldStart || failure.code != .corrupt || state.failures >= HDF5Worker.mostFailures
      || state.silences >= HDF5Worker.mostSilences
    if isOver || !access.isReading { state.failure = failure }
    return failure
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

  /// Buries a worker and turns its silence into a sentence.
  private static func bury(_ process: Process, _ error: CheckpointError) -> (failure: CheckpointError, isSilence: Bool)
  {
    ck_hdf5_hang_up(process.socket)
    let signal = ck_hdf5_bury(process.id)
    if isInterrupted() { return (CheckpointError(.interrupted, "interrupted; nothing was written"), false) }
    guard error.message == Ending.gone || error.message == Ending.late else { return (error, false) }
    let isSilence = error.message == Ending.late || signal == CK_HDF5_SIGNAL_TIME
    let reason =
      switch (isSilence, signal) {
      case (true, _): "the HDF5 library took too long over it and was stopped"
      case (_, 0): "the HDF5 library gave up"
      default: "the HDF5 library crashed on it (signal \(signal))"
      }
    return (CheckpointError(.corrupt, reason, remedy: "the file is damaged, or made to do harm"), isSilence)
  }

  private static func isInterrupted() -> Bool {
    do throws(CheckpointError) { try throwIfInterrupted() } catch { return true }
    return false
  }
}
