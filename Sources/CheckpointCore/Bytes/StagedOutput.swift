import CCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Everything that one conversion writes, in a private folder beside the target until `commit`. Whole or nothing: a value
/// that is never committed removes what it wrote; a commit renames the content first and the index last, so that a reader
/// finds the old checkpoint or the new one.
public struct StagedOutput: ~Copyable {
  /// Which files come first when they move into place.
  public enum Place: Int, Sendable, Comparable {
    /// Tensor bytes and everything that only the index makes reachable.
    case content
    /// The file whose appearance makes the checkpoint exist.
    case index
    /// What points to a finished checkpoint.
    case pointer

    public static func < (a: Place, b: Place) -> Bool { a.rawValue < b.rawValue }
  }

  /// The output as the user named it, without a suffix: `dir/model`.
  public let prefix: String
  /// The folder of the prefix, and its last part.
  public let folder: String
  public let stem: String
  /// Whether files that are there may be replaced.
  public let replacing: Bool

  private let staging: String
  private var files: [(file: OutputFile, place: Place)] = []
  private var superseded: [String] = []
  private let protected: [InputFile]

  /// A file that was moved into place.
  public struct Finished: Sendable {
    public let path: String
    public let bytes: Int
  }

  /// - Parameter protected: files that must not be written over, whatever the person allows: the input's.
  /// - Throws: `cannotCreate` where the folder is missing or cannot be written to.
  public init(prefix: String, replacing: Bool, protecting protected: [InputFile]) throws(CheckpointError) {
    (folder, stem) = splitPath(prefix)
    self.prefix = prefix
    self.replacing = replacing
    self.protected = protected
    var status = stat()
    guard unsafe stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw CheckpointError(.cannotCreate, "there is no folder of this name", remedy: "make it first: mkdir -p").at(
        file: folder)
    }
    var attempt = 0
    while true {
      let path = joinPath(folder, ".\(stem.prefix(100)).\(getpid())-\(attempt).ckpt-convert-tmp")
      if unsafe mkdir(path, 0o700) == 0 {
        staging = path
        return
      }
      attempt += 1
      guard errno == EEXIST, attempt < 100 else {
        throw CheckpointError.system(.cannotCreate, "cannot be written to", errno).at(file: folder)
      }
    }
  }

  deinit {
    for entry in files { unsafe unlink(entry.file.path) }
    unsafe rmdir(staging)
  }

  /// The prefix at which a reader finds the output before it is committed.
  public var stagedPrefix: String { joinPath(staging, stem) }

  /// Begins the file `stem + suffix`, or one of another name in the same folder.
  /// - Parameter size: bytes to reserve, so that a full disk shows before the work is done.
  /// - Throws: `cannotCreate` where the target is there and may not be replaced.
  public mutating func create(
    suffix: String = "", name: String? = nil, place: Place = .content, size: Int
  ) throws(CheckpointError) -> OutputFile {
    let name = name ?? stem + suffix
    let target = joinPath(folder, name)
    var status = stat()
    if unsafe lstat(target, &status) == 0 {
      guard !protected.contains(where: { $0.isSameFile(as: target) }) else {
        throw CheckpointError(
          .cannotCreate, "is part of the input, which is never written over", remedy: "choose another name with -o"
        )
        .at(file: target)
      }
      guard replacing else { throw CheckpointError.alreadyThere(target) }
      guard status.st_mode & S_IFMT != S_IFDIR else {
        throw CheckpointError(.cannotCreate, "is a folder").at(file: target)
      }
    }
    let file = try OutputFile(path: joinPath(staging, name), target: target, size: size)
    files.append((file, place))
    return file
  }

  /// Names a file of the output that is being replaced; it is removed after the commit.
  public mutating func supersede(_ path: String) { superseded.append(path) }

  /// Makes the output durable and moves it into place: content, then the index, then what points to it.
  /// - Returns: the files in place, the index first.
  public consuming func commit() throws(CheckpointError) -> [Finished] {
    try throwIfInterrupted()
    let finished = try files.sorted { $0.place > $1.place }.map { (entry) throws(CheckpointError) in
      Finished(path: entry.file.target, bytes: try entry.file.size())
    }
    for entry in files { try entry.file.synchronize() }
    try synchronizeFolder(staging)
    files.sort { $0.place < $1.place }
    var place = Place.content
    var moved: [String] = []
    do throws(CheckpointError) {
      while !files.isEmpty {
        let (file, next) = files[0]
        if next != place {
          // What was renamed so far must be durable before the index can be.
          try synchronizeFolder(folder)
          place = next
        }
        try move(file.path, to: file.target, replacing: replacing || next == .pointer)
        // What something points to stays.
        if next == .pointer { moved = [] } else { moved.append(file.target) }
        files.removeFirst()
      }
      try synchronizeFolder(folder)
    } catch {
      // Nothing was there before, so that nothing stays; the index goes first.
      if !replacing { for path in moved.reversed() { unsafe unlink(path) } }
      throw error
    }
    for path in superseded { unsafe unlink(path) }
    return finished
  }

  private func move(_ path: String, to target: String, replacing: Bool) throws(CheckpointError) {
    let failure = replacing ? (unsafe rename(path, target) == 0 ? 0 : errno) : unsafe ck_rename_exclusive(path, target)
    if failure == EEXIST { throw CheckpointError.alreadyThere(target) }
    guard failure == 0 else {
      throw CheckpointError.system(.cannotCreate, "cannot be moved into place", failure).at(file: target)
    }
  }

  private func synchronizeFolder(_ path: String) throws(CheckpointError) {
    let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CheckpointError.system(.io, "cannot be opened", errno).at(file: path) }
    defer { close(descriptor) }
    // Some network file systems cannot synchronise a folder and say EINVAL.
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw CheckpointError.system(.io, "cannot be made durable", errno).at(file: path)
    }
  }
}

extension CheckpointError {
  static func alreadyThere(_ path: String) -> CheckpointError {
    CheckpointError(
      .cannotCreate, "is already there", remedy: "choose another name with -o, or replace it with --force"
    )
    .at(file: path)
  }
}

/// Stops work that a signal asked to end.
public func throwIfInterrupted() throws(CheckpointError) {
  guard ck_interrupted() == 0 else { throw CheckpointError(.interrupted, "interrupted; nothing was written") }
}

/// The folder of a path (`.` for none) and its last part.
public func splitPath(_ path: String) -> (folder: String, last: String) {
  guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
  let last = String(path[path.utf8.index(after: slash)...])
  let folder = String(path[..<slash])
  return (folder.isEmpty ? "/" : folder, last)
}

/// A name inside a folder; an absolute name stays as it is.
public func joinPath(_ folder: String, _ name: String) -> String {
  if name.utf8.first == UInt8(ascii: "/") || folder == "." { return name }
  return folder.utf8.last == UInt8(ascii: "/") ? folder + name : folder + "/" + name
}
