import CCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The private folder `.NAME.PROCESS-N.ckpt-convert-tmp` in which an output lies until it is moved into place. It is locked for
/// as long as its process lives, by which others tell work that is going on from what a killed process left behind.
struct StagingFolder: ~Copyable {
  static let suffix = ".ckpt-convert-tmp"

  /// The folder that it lies in.
  let parent: String
  let path: String
  private let lock: CInt

  /// - Throws: `cannotCreate` where the parent is missing or cannot be written to.
  init(in parent: String, for stem: String) throws(CheckpointError) {
    (path, lock) = try StagingFolder.make(in: parent, for: stem)
    self.parent = parent
  }

  private static func make(in parent: String, for stem: String) throws(CheckpointError) -> (path: String, lock: CInt) {
    var status = stat()
    guard unsafe stat(parent, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw CheckpointError(.cannotCreate, "there is no folder of this name", remedy: "make it first: mkdir -p").at(
        file: parent)
    }
    // A name has room for 255 bytes; what is left of a long one is for people to recognise.
    var shown = stem[...]
    while shown.utf8.count > 100 { shown.removeLast() }
    for attempt in 0..<100 {
      let path = joinPath(parent, ".\(shown).\(getpid())-\(attempt)\(suffix)")
      if unsafe mkdir(path, 0o700) == 0 {
        unsafe ck_remove_if_interrupted(path)
        if let lock = lock(path) { return (path, lock) }
        unsafe rmdir(path)
      } else if errno != EEXIST {
        throw CheckpointError.system(.cannotCreate, "cannot be written to", errno).at(file: parent)
      }
    }
    throw CheckpointError(
      .cannotCreate, "is full of what others left behind", remedy: "remove it with 'ckpt-convert clean'"
    ).at(file: parent)
  }

  /// - Returns: nil where the folder was cleaned away before it was locked.
  private static func lock(_ path: String) -> CInt? {
    let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    // A file system without locks has no cleaning either.
    _ = ck_lock(descriptor, CInt(CK_LOCK_WAIT))
    guard Candidate.isFolder(path) else {
      close(descriptor)
      return nil
    }
    return descriptor
  }

  deinit {
    unsafe rmdir(path)
    close(lock)
  }

  /// Runs `body` while no other output can begin a file in the parent, and fails if another process is at work on the same one.
  func claim<R>(_ name: String, _ body: () throws(CheckpointError) -> R) throws(CheckpointError) -> R {
    let descriptor = unsafe open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw CheckpointError.system(.cannotCreate, "cannot be opened", errno).at(file: parent)
    }
    defer { close(descriptor) }
    _ = ck_lock(descriptor, CInt(CK_LOCK_WAIT))
    try throwIfInterrupted()
    for other in LeftOver.names(in: parent) {
      let folder = joinPath(parent, other)
      if folder != path, Candidate.exists(joinPath(folder, name)), LeftOver.isInUse(folder) {
        throw CheckpointError(.cannotCreate, "is being written by another ckpt-convert", remedy: "wait for it").at(
          file: joinPath(parent, name))
      }
    }
    return try body()
  }
}

/// The staging folder of a process that was killed.
public struct LeftOver: Sendable {
  public enum Outcome: Sendable, Equatable {
    case removed(files: Int, bytes: Int)
    /// Its process lives.
    case inUse
    /// Why it stays.
    case kept(String)
  }

  public let path: String

  /// Names of the staging folders in a folder, sorted.
  static func names(in folder: String) -> [String] {
    Candidate.names(in: folder).filter { $0.hasPrefix(".") && $0.hasSuffix(StagingFolder.suffix) }
  }

  public static func all(in folder: String) -> [LeftOver] {
    names(in: folder).map { LeftOver(path: joinPath(folder, $0)) }
  }

  static func isInUse(_ path: String) -> Bool {
    let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return ck_lock(descriptor, CInt(CK_LOCK_SHARED)) == EWOULDBLOCK
  }

  /// Removes it with the files in it, if its lock is free. Nothing but plain files is ever in one.
  public func remove() -> Outcome {
    let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return .kept("it cannot be opened: \(CheckpointError.reason(errno))") }
    defer { close(descriptor) }
    switch ck_lock(descriptor, CInt(CK_LOCK_TRY)) {
    case 0: break
    case EWOULDBLOCK: return .inUse
    case let failure: return .kept("whether it is in use cannot be told: \(CheckpointError.reason(failure))")
    }
    var outcome = (files: 0, bytes: 0)
    for name in Candidate.names(in: path) {
      var status = stat()
      guard unsafe fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFREG
      else { return .kept("'\(name)' in it is no plain file") }
      guard unsafe unlinkat(descriptor, name, 0) == 0 else {
        return .kept("'\(name)' in it cannot be removed: \(CheckpointError.reason(errno))")
      }
      outcome.files += 1
      outcome.bytes += Int(status.st_size)
    }
    guard unsafe rmdir(path) == 0 else { return .kept("it cannot be removed: \(CheckpointError.reason(errno))") }
    return .removed(files: outcome.files, bytes: outcome.bytes)
  }
}
