#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A regular file opened for reading, never for anything else. Its size is taken once; a read beyond it, or a file that has
/// shrunk since, is an error and not a signal: nothing is mapped.
public final class InputFile: Sendable {
  /// More than any disk holds, and so little that 64 times as much fits an `Int`: sparse files claim what they like.
  private static let largest = 1 << 56

  /// What it was opened by, or what it is shown as.
  public let path: String
  /// Bytes, when it was opened.
  public let size: Int

  private let descriptor: CInt
  private let identity: Identity

  /// What tells that a file was replaced or written to.
  private struct Identity: Equatable {
    let device: UInt64, inode: UInt64, size: Int, modified: Int, modifiedNanoseconds: Int, changed: Int,
      changedNanoseconds: Int

    init(_ status: stat) {
      device = UInt64(status.st_dev)
      inode = UInt64(status.st_ino)
      size = Int(status.st_size)
      #if canImport(Glibc)
        (modified, modifiedNanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
        (changed, changedNanoseconds) = (status.st_ctim.tv_sec, status.st_ctim.tv_nsec)
      #else
        (modified, modifiedNanoseconds) = (status.st_mtimespec.tv_sec, status.st_mtimespec.tv_nsec)
        (changed, changedNanoseconds) = (status.st_ctimespec.tv_sec, status.st_ctimespec.tv_nsec)
      #endif
    }
  }

  /// - Parameter name: what the file is called in messages where that is not its path: a copy of a part of another.
  /// - Throws: `notFound`, `io`, or `corrupt` where the path is a folder or anything but a regular file.
  public init(_ path: String, shownAs name: String? = nil) throws(CheckpointError) {
    // Without O_NONBLOCK a named pipe would block here for ever.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw CheckpointError.opening(path, errno) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      let failure = CheckpointError.system(.io, "cannot be examined", errno).at(file: path)
      close(descriptor)
      throw failure
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      let kind = status.st_mode & S_IFMT == S_IFDIR ? "is a folder" : "is not a regular file"
      throw CheckpointError(.corrupt, kind).at(file: path)
    }
    guard status.st_size <= InputFile.largest else {
      close(descriptor)
      throw CheckpointError(.unsupported, "claims to be \(status.st_size) bytes long, more than any disk holds").at(
        file: path)
    }
    self.path = name ?? path
    self.descriptor = descriptor
    size = Int(status.st_size)
    identity = Identity(status)
  }

  deinit { close(descriptor) }

  /// For a process that is to read the file through this descriptor, and nothing else.
  package var handle: CInt { descriptor }

  /// Whether this and another path are one file.
  public func isSameFile(as path: String) -> Bool {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return false }
    let other = Identity(status)
    return other.device == identity.device && other.inode == identity.inode
  }

  /// - Throws: `io` where the file was changed or replaced since it was opened.
  public func requireUnchanged() throws(CheckpointError) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, Identity(status) == identity else {
      throw CheckpointError(.io, "changed while it was being read", remedy: "nothing was written; run again").at(
        file: path)
    }
  }

  /// Fills the span with the bytes from `offset` on.
  /// - Throws: `corrupt` where they lie outside the file, `io` where the machine cannot read them.
  public func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    try requireInside(offset, span.byteCount)
    var done = 0
    while done < span.byteCount {
      // SAFETY: the pointer is used inside the closure only, for the bytes that the span owns from `done` on.
      let got = unsafe span.withUnsafeMutableBytes { buffer in
        unsafe pread(descriptor, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done, off_t(offset + done))
      }
      if got > 0 {
        done += got
      } else if got == 0 {
        throw CheckpointError(.io, "became shorter while it was being read").at(file: path, offset: offset + done)
      } else if errno != EINTR {
        throw CheckpointError.system(.io, "cannot be read", errno).at(file: path, offset: offset + done)
      }
    }
  }

  /// The bytes of one range; for headers and indexes, not for tensors.
  public func bytes(at offset: Int, count: Int) throws(CheckpointError) -> [UInt8] {
    try requireInside(offset, count)
    try requireMemory(count)
    var bytes = [UInt8](repeating: 0, count: count)
    var raw = bytes.mutableRawSpan(0..<count)
    try read(into: &raw, at: offset)
    return bytes
  }

  /// The whole file, for the small ones that are parsed in memory.
  /// - Throws: `unsupported` beyond `limit` bytes.
  public func contents(limit: Int) throws(CheckpointError) -> [UInt8] {
    guard size <= limit else {
      throw CheckpointError(.unsupported, "is \(size) bytes long, more than the \(limit) that such a file may have")
        .at(file: path)
    }
    return try bytes(at: 0, count: size)
  }

  private func requireInside(_ offset: Int, _ count: Int) throws(CheckpointError) {
    let (end, overflow) = offset.addingReportingOverflow(count)
    guard offset >= 0, count >= 0, !overflow, end <= size else {
      throw CheckpointError(.corrupt, "bytes \(offset)+\(count) lie outside the \(size) bytes of the file").at(
        file: path)
    }
  }
}

/// Fails where the machine would not give `count` bytes: Swift's own arrays end the program then.
public func requireMemory(_ count: Int) throws(CheckpointError) {
  guard count > 1 << 22 else { return }
  // SAFETY: the block is given back at once; only the answer counts.
  guard let probe = unsafe malloc(count) else {
    throw CheckpointError(.io, "there is not enough memory for \(count) bytes")
  }
  unsafe free(probe)
}

extension CheckpointError {
  /// An error of the machine, with its own words for the number.
  public static func system(_ code: Code, _ message: String, _ number: CInt) -> CheckpointError {
    CheckpointError(code, "\(message): \(reason(number))")
  }

  /// What the machine calls an errno.
  static func reason(_ number: CInt) -> String {
    // SAFETY: strerror returns a C string that stays until the next call on this thread; it is copied at once.
    unsafe String(cString: strerror(number))
  }

  static func opening(_ path: String, _ number: CInt) -> CheckpointError {
    let failure =
      switch number {
      case ENOENT, ENOTDIR: CheckpointError(.notFound, "no such file")
      case ENAMETOOLONG: CheckpointError(.notFound, "the name is too long for a file")
      default: CheckpointError.system(.io, "cannot be opened", number)
      }
    return failure.at(file: path)
  }
}
