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

  private let staging: StagingFolder
  private var files: [(file: OutputFile, place: Place)] = []
  private var superseded: [String] = []
  private var detour: Detour?
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
    staging = try StagingFolder(in: folder, for: stem)
  }

  deinit {
    for entry in files { unsafe unlink(entry.file.path) }
    if let detour { unsafe unlink(detour.index.path) }
  }

  /// The prefix at which a reader finds the output before it is committed.
  public var stagedPrefix: String { joinPath(staging.path, stem) }

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
          .cannotCreate, "is part of the input, which is never written over", remedy: "choose another name"
        ).at(file: target)
      }
      guard replacing else { throw CheckpointError.alreadyThere(target) }
      guard status.st_mode & S_IFMT != S_IFDIR else {
        throw CheckpointError(.cannotCreate, "is a folder").at(file: target)
      }
    }
    let path = joinPath(staging.path, name)
    let make = { () throws(CheckpointError) in try OutputFile(path: path, target: target, size: size) }
    let file = place == .index ? try staging.claim(name, make) : try make()
    files.append((file, place))
    return file
  }

  /// Names a file of the output that is being replaced; it is removed after the commit. What belongs to the input stays.
  public mutating func supersede(_ path: String) {
    if !protected.contains(where: { $0.isSameFile(as: path) }) { superseded.append(path) }
  }

  // ---- replacing files under their own names

  /// Files that are there cannot be replaced together under their own names in one step. So the new ones get second names
  /// first, and an index of the detour, in the old one's place, that refers to those; then the files are replaced, then the
  /// index by that which refers to them. At every moment the index that is there leads to whole files, old or new.
  private struct Detour {
    let index: OutputFile
    /// Path of every content file's second name.
    let paths: [String: String]
  }

  /// Begins the index of the detour, after all content and the index itself.
  /// - Returns: nil where no content replaces anything; else the index and, by name, the second name of every content file.
  public mutating func beginDetour() throws(CheckpointError) -> (index: OutputFile, names: [String: String])? {
    let content = files.filter { $0.place == .content }.map { splitPath($0.file.target).last }
    guard replacing, content.contains(where: { Candidate.exists(joinPath(folder, $0)) }),
      let index = files.first(where: { $0.place == .index })?.file
    else { return nil }
    var names: [String: String] = [:]
    for name in content {
      let rest = name.hasPrefix(stem) ? name.dropFirst(stem.count) : name[...]
      var number = 1
      while Candidate.exists(joinPath(folder, "\(stem).new-\(number)\(rest)")) { number += 1 }
      names[name] = "\(stem).new-\(number)\(rest)"
    }
    let file = try OutputFile(path: index.path + ".detour", target: index.target, size: 0)
    detour = Detour(index: file, paths: names.mapValues { joinPath(folder, $0) })
    return (file, names)
  }

  // ---- the commit

  /// One change of the output's folder.
  private enum Step {
    case move(OutputFile)
    /// A second name for a file.
    case link(OutputFile, String)

    var target: String {
      switch self {
      case .move(let file): file.target
      case .link(_, let path): path
      }
    }
  }

  /// Makes the output durable and moves it into place: content, then the index, then what points to it.
  /// - Returns: the files in place, the index first.
  public consuming func commit() throws(CheckpointError) -> [Finished] {
    try throwIfInterrupted()
    let finished = try files.sorted { $0.place > $1.place }.map { (entry) throws(CheckpointError) in
      Finished(path: entry.file.target, bytes: try entry.file.size())
    }
    for entry in files { try entry.file.synchronize() }
    try detour?.index.synchronize()
    try synchronizeFolder(staging.path)
    // Held first: an interrupt is seen here, or waits.
    ck_hold_interrupts()
    defer { ck_release_interrupts() }
    try throwIfInterrupted()
    // What was not there before and is of no use until the index is in place.
    var added: [String] = []
    do throws(CheckpointError) {
      for (steps, endsIn) in stages() where !steps.isEmpty {
        for step in steps {
          let isNew = !replacing || !Candidate.exists(step.target)
          try take(step, replacing: replacing || endsIn == .pointer)
          if isNew, endsIn != .pointer { added.append(step.target) }
          // The old index is gone: from here on the new checkpoint is the only one.
          if !isNew, endsIn == .index { added = [] }
        }
        // Each stage must be durable before the next can be.
        try synchronizeFolder(folder)
        if endsIn == .index { added = [] }
      }
    } catch {
      // The index goes first.
      for path in added.reversed() { unsafe unlink(path) }
      throw error
    }
    for path in superseded + (detour.map { Array($0.paths.values) } ?? []) { unsafe unlink(path) }
    return finished
  }

  /// The steps, and what is in place after each stage of them: the index's stages make the output the new one.
  private func stages() -> [(steps: [Step], endsIn: Place)] {
    let last = [(moves(to: .index), Place.index), (moves(to: .pointer), .pointer)]
    guard let detour else { return [(moves(to: .content), .content)] + last }
    let links = files.compactMap { entry in
      detour.paths[splitPath(entry.file.target).last].map { Step.link(entry.file, $0) }
    }
    return [(links, .content), ([.move(detour.index)], .index), (moves(to: .content), .index)] + last
  }

  private func moves(to place: Place) -> [Step] { files.filter { $0.place == place }.map { .move($0.file) } }

  private func take(_ step: Step, replacing: Bool) throws(CheckpointError) {
    switch step {
    case .move(let file): try move(file.path, to: file.target, replacing: replacing)
    case .link(let file, let path):
      guard unsafe link(file.path, path) == 0 else {
        throw CheckpointError.system(.cannotCreate, "cannot be replaced at a stroke", errno).advising(
          "choose another name, or remove the old one first"
        ).at(file: file.target)
      }
    }
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
    let failure = makeDurable(descriptor)
    guard failure == 0 || failure == EINVAL else {
      throw CheckpointError.system(.io, "cannot be made durable", failure).at(file: path)
    }
  }
}

extension CheckpointError {
  package static func alreadyThere(_ path: String) -> CheckpointError {
    CheckpointError(.cannotCreate, "is already there", remedy: "choose another name, or replace it with --force").at(
      file: path)
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
