import CCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A file being written inside a `StagedOutput`. It is nobody's checkpoint until the whole output is committed.
public final class OutputFile: Sendable {
  /// Where it is now, and where it will be.
  public let path: String
  public let target: String
  private let descriptor: CInt

  /// - Throws: `cannotCreate`, also where the disk cannot hold `size` bytes.
  init(path: String, target: String, size: Int) throws(CheckpointError) {
    try throwIfInterrupted()
    unsafe ck_remove_if_interrupted(path)
    descriptor = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw CheckpointError.system(.cannotCreate, "cannot be made", errno).at(file: target) }
    self.path = path
    self.target = target
    let failure = ck_reserve(descriptor, Int64(size))
    guard failure == 0 else {
      unsafe unlink(path)
      throw CheckpointError.system(.io, "\(size) bytes cannot be reserved", failure).at(file: target)
    }
  }

  deinit { close(descriptor) }

  /// For a process that is to write the file through this descriptor, and nothing else.
  package var handle: CInt { descriptor }

  public func write(_ bytes: RawSpan, at offset: Int) throws(CheckpointError) {
    var done = 0
    while done < bytes.byteCount {
      // SAFETY: the pointer is used inside the closure only, for the bytes that the span has from `done` on.
      let put = unsafe bytes.withUnsafeBytes { buffer in
        unsafe pwrite(
          descriptor, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done, off_t(offset + done))
      }
      if put > 0 {
        done += put
      } else if put == 0 || errno != EINTR {
        throw CheckpointError.system(.io, "cannot be written", errno).at(file: target, offset: offset + done)
      }
    }
  }

  public func write(_ bytes: [UInt8], at offset: Int) throws(CheckpointError) { try write(bytes.rawSpan, at: offset) }

  /// Sets the length, so that a tail that nobody wrote reads as zeros.
  public func truncate(to size: Int) throws(CheckpointError) {
    guard ftruncate(descriptor, off_t(size)) == 0 else {
      throw CheckpointError.system(.io, "cannot be set to \(size) bytes", errno).at(file: target)
    }
  }

  func size() throws(CheckpointError) -> Int {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw CheckpointError.system(.io, "cannot be examined", errno).at(file: target)
    }
    return Int(status.st_size)
  }

  func synchronize() throws(CheckpointError) {
    let failure = makeDurable(descriptor)
    guard failure == 0 else { throw CheckpointError.system(.io, "cannot be made durable", failure).at(file: target) }
  }
}

/// Waits until what was written, or the names in a folder, would survive a loss of power.
/// - Returns: 0 or an errno.
func makeDurable(_ descriptor: CInt) -> CInt {
  while true {
    #if canImport(Darwin)
      let result = fcntl(descriptor, F_FULLFSYNC)
    #else
      let result = fsync(descriptor)
    #endif
    if result == 0 { return 0 }
    if errno != EINTR { return errno }
  }
}
