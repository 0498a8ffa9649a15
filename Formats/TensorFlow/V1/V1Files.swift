import CheckpointCore

/// The files of a V1 checkpoint: one with the prefix as its name, or a set `PREFIX-00000-of-00002`, …, which TensorFlow names by the
/// pattern `PREFIX-?????-of-00002`. Names: FORMAT.md, "Files".
struct V1Files {
  /// The checkpoint's name, without a shard's number.
  let prefix: String
  /// How many shards there must be; nil for one plain file.
  let shardCount: Int?

  /// - Parameter path: a file, a pattern, or a prefix of one set.
  /// - Throws: `usage` where sets of different sizes share the prefix.
  init(_ path: String) throws(CheckpointError) {
    if let set = V1Files.set(of: path) {
      (prefix, shardCount) = (set.prefix, set.count)
      return
    }
    prefix = path
    let counts = V1Files.counts(ofPrefix: path)
    guard !Candidate.isFile(path), let first = counts.first else {
      shardCount = nil
      return
    }
    guard counts.count == 1 else {
      let patterns = counts.map { V1Files.pattern(splitPath(path).last, of: $0) }.joined(separator: ", ")
      throw CheckpointError(.usage, "there are several sets of files: \(patterns)", remedy: "name one").at(file: path)
    }
    shardCount = first
  }

  /// - Throws: `notFound` for a shard that is missing; TensorFlow itself would go on without it.
  func open() throws(CheckpointError) -> [InputFile] {
    guard let shardCount else { return [try InputFile(prefix)] }
    var files: [InputFile] = []
    for shard in 0..<shardCount {
      let path = "\(prefix)-\(ShardName.fiveDigits(shard))-of-\(ShardName.fiveDigits(shardCount))"
      do throws(CheckpointError) {
        files.append(try InputFile(path))
      } catch {
        guard error.code == .notFound else { throw error }
        throw CheckpointError(
          .notFound, "this shard is missing; its name says that there are \(shardCount)",
          remedy: "copy all files of the checkpoint together"
        ).at(file: path)
      }
    }
    return files
  }

  /// The set that a shard's name or a pattern belongs to.
  private static func set(of path: String) -> (prefix: String, count: Int)? {
    // Shards of a bundle end in the same way.
    guard let mark = path.utf8.lastRange(of: "-of-"), ShardName.prefix(of: path) == nil else { return nil }
    let number = path[..<mark.lowerBound].utf8.suffix(6)
    let digits = number.dropFirst()
    guard number.count == 6, number.first == UInt8(ascii: "-"),
      digits.allSatisfy({ $0 >= 0x30 && $0 < 0x3a }) || digits.allSatisfy({ $0 == UInt8(ascii: "?") }),
      path[mark.upperBound...].utf8.count == 5, let count = Int(path[mark.upperBound...]), count > 0
    else { return nil }
    return (String(path[..<number.startIndex]), count)
  }

  /// Sizes of the sets that are there under a prefix, ascending.
  private static func counts(ofPrefix prefix: String) -> [Int] {
    let (folder, stem) = splitPath(prefix)
    let sets = Candidate.names(in: folder).compactMap { set(of: $0) }
    return Set(sets.filter { $0.prefix == stem }.map(\.count)).sorted()
  }

  private static func pattern(_ prefix: String, of count: Int) -> String {
    "\(prefix)-?????-of-\(ShardName.fiveDigits(count))"
  }

  /// Whether a path names a set of which at least one file is there.
  static func isSet(_ path: String) -> Bool {
    if let set = set(of: path) { return counts(ofPrefix: set.prefix).contains(set.count) }
    return !counts(ofPrefix: path).isEmpty
  }

  /// What the reader opens, where a path leads to a V1 checkpoint.
  static func recognise(_ candidate: Candidate) -> String? {
    let path = candidate.path
    switch candidate.kind {
    case .folder: return nil
    case .file:
      if path.hasSuffix(".meta") {
        let prefix = String(path.dropLast(5))
        if let file = try? Candidate(prefix), file.kind == .file { return isCheckpoint(file) ? prefix : nil }
        return isSet(prefix) ? prefix : nil
      }
      guard isCheckpoint(candidate) else { return nil }
      guard let set = set(of: path) else { return path }
      return counts(ofPrefix: set.prefix).count > 1 || Candidate.isFile(set.prefix)
        ? pattern(set.prefix, of: set.count) : set.prefix
    case .missing:
      guard isSet(path) else { return nil }
      guard let set = set(of: path), counts(ofPrefix: set.prefix).count == 1, !Candidate.isFile(set.prefix) else {
        return path
      }
      return set.prefix
    }
  }

  /// Whether a file begins as a V1 checkpoint does, or is a table and no bundle index. The first record of both kinds has the
  /// empty key; field 1 of its value is a message in V1 and a number in a bundle.
  private static func isCheckpoint(_ candidate: Candidate) -> Bool {
    var cursor = ByteCursor(candidate.head)
    if let shared = try? cursor.varint(), let unshared = try? cursor.varint(), (try? cursor.length()) != nil,
      let tag = try? cursor.byte(), shared == 0, unshared == 0, tag == 0x0a || tag == 0x08
    {
      // A list of tensors begins with the field of its first tensor, or of the version where there is none.
      return tag == 0x0a && (try? cursor.length()) != nil && [0x0a, 0x12].contains(try? cursor.byte())
    }
    // A compressed block, or damage.
    return Footer.hasMagic(candidate.tail) && !candidate.path.hasSuffix(ShardName.index)
  }
}
