package import CheckpointCore

/// The `checkpoint` file in a folder of checkpoints: which is the latest, and which are kept. A `CheckpointState` message as
/// text (checkpoint_state.proto). Format: State/FORMAT.md.
package struct StateFile {
  package static let name = "checkpoint"

  /// As the file has it.
  package let latest: String
  package let warnings: [String]

  package init(contentsOf path: String) throws(CheckpointError) {
    self = try locating(file: path) { () throws(CheckpointError) in
      try StateFile(try InputFile(path).contents(limit: 1 << 24))
    }
  }

  init(_ bytes: [UInt8]) throws(CheckpointError) {
    var warnings: [String] = []
    var parser = TextProto(bytes)
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) {
      warnings.append("the state file begins with a byte-order mark")
      parser = TextProto(Array(bytes.dropFirst(3)))
    }
    var found: [[UInt8]] = []
    while let field = try parser.nextField() {
      if field.name == "model_checkpoint_path", let value = field.string { found.append(value) }
    }
    guard let last = found.last, !last.isEmpty else {
      throw CheckpointError(.corrupt, "the state file names no checkpoint")
    }
    guard let text = String(validating: last, as: UTF8.self), !text.utf8.contains(0) else {
      throw CheckpointError(.corrupt, "the state file names a checkpoint whose path is not text")
    }
    if found.count > 1 {
      warnings.append("the state file names a latest checkpoint \(found.count) times; the last one counts")
    }
    latest = text
    self.warnings = warnings
  }

  /// Whether the path begins at a root, or at a drive of Windows.
  package var isAbsolute: Bool {
    let start = Array(latest.utf8.prefix(2))
    let hasDrive = start.count == 2 && start[1] == UInt8(ascii: ":") && Character(Unicode.Scalar(start[0])).isLetter
    return start.first == UInt8(ascii: "/") || hasDrive
  }

  /// Where the latest checkpoint is looked for: as named, below the state file's folder, and beside the state file under its
  /// last part, because paths of other machines point nowhere here. A path never leads out of the folder.
  package func prefixes(in folder: String) -> [String] {
    // Windows paths come from other machines too.
    let parts = latest.split(omittingEmptySubsequences: true) { $0 == "/" || $0 == "\\" }
    guard let last = parts.last else { return [] }
    return (!isAbsolute && !parts.contains("..") ? [joinPath(folder, latest)] : [])
      + (last == ".." || last == "." ? [] : [joinPath(folder, String(last))])
  }

  /// A state file that names one checkpoint beside it.
  static func text(latest: String) -> String {
    let quoted = TextProto.quote(latest)
    return "model_checkpoint_path: \(quoted)\nall_model_checkpoint_paths: \(quoted)\n"
  }
}
