import CFaults

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Calls to the system that are watched, and one of them that fails; see CFaults.h.
struct Faults {
  enum Kind: UInt32, CaseIterable {
    case open, create, read, write, truncate, reserve, sync, makeFolder, rename, renameExclusive, link, unlink
    case removeFolder
  }

  /// How a call fails.
  enum Failure: CustomStringConvertible {
    case ioError, diskFull, interrupted, short
    /// The file is changed by somebody else just before it is read.
    case cut, appended, overwritten

    static let ofTheMachine: [Failure] = [.ioError, .diskFull, .interrupted, .short]
    static let ofTheSource: [Failure] = [.cut, .appended, .overwritten]

    /// Calls that can fail like this.
    var kinds: [Kind] {
      switch self {
      case .ioError: [.open, .create, .read, .write, .truncate, .sync, .makeFolder, .rename, .renameExclusive, .link]
      case .diskFull: [.create, .write, .truncate, .reserve, .makeFolder, .rename, .renameExclusive, .link]
      case .interrupted: [.read, .write, .sync]
      case .short: [.read, .write]
      case .cut, .appended, .overwritten: [.read]
      }
    }

    fileprivate var number: CInt {
      switch self {
      case .ioError: EIO
      case .diskFull: ENOSPC
      case .interrupted: EINTR
      case .short: CInt(CKF_SHORT)
      case .cut: CInt(CKF_CUT)
      case .appended: CInt(CKF_APPEND)
      case .overwritten: CInt(CKF_OVERWRITE)
      }
    }

    var description: String {
      switch self {
      case .ioError: "EIO"
      case .diskFull: "ENOSPC"
      case .interrupted: "EINTR"
      case .short: "a short transfer"
      case .cut: "the source cut"
      case .appended: "a byte appended to the source"
      case .overwritten: "a byte of the source written over"
      }
    }
  }

  /// A call that was done.
  struct Call {
    let kind: Kind
    let path: String
    let other: String
    let offset: Int
    let bytes: [UInt8]
  }

  /// Runs `body` with the call number `nth` of those that can fail in this way failing, and, if it lasts, all after it.
  /// - Returns: whether there was such a call.
  static func run(
    in folder: String, _ failure: Failure, at nth: Int, lasting: Bool, _ body: () throws -> Void
  ) rethrows -> Bool {
    let kinds = failure.kinds.reduce(UInt32(0)) { $0 | 1 << $1.rawValue }
    unsafe ckf_begin(folder, kinds, CInt(nth), lasting ? 1 : 0, failure.number)
    var count: CInt = 0
    do {
      defer { count = ckf_end() }
      try body()
    }
    return Int(count) >= nth
  }

  /// Runs `body` with nothing failing.
  static func log(in folder: String, _ body: () throws -> Void) rethrows -> [Call] {
    unsafe ckf_begin(folder, 0, 0, 0, 0)
    do {
      defer { _ = ckf_end() }
      try body()
    }
    return (0..<ckf_log_count()).compactMap { i in
      // SAFETY: the log stays until the next beginning; all of it is copied here.
      guard let call = unsafe ckf_log_at(i), let path = unsafe call.pointee.path,
        let kind = unsafe Kind(rawValue: call.pointee.kind.rawValue)
      else { return nil }
      let bytes = unsafe call.pointee.bytes.map {
        unsafe Array(UnsafeBufferPointer(start: $0, count: call.pointee.size))
      }
      return unsafe Call(
        kind: kind, path: String(cString: path), other: call.pointee.other.map { unsafe String(cString: $0) } ?? "",
        offset: Int(call.pointee.offset), bytes: bytes ?? [])
    }
  }
}
