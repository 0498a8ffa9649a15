import CheckpointCore

/// A sorted string table as TensorFlow writes its bundle indexes and V1 checkpoints: LevelDB's, with TensorFlow's magic
/// number and no sequence numbers in the keys. Every checksum is checked, and that every key is larger than the one before.
/// Layout: FORMAT.md, "Table".
struct TableReader {
  let file: InputFile
  /// Damage that does not touch what is read.
  private(set) var warnings: [String] = []
  private let blocks: [(lastKey: [UInt8], handle: BlockHandle)]

  /// Checks footer and index block.
  init(_ file: InputFile) throws(CheckpointError) {
    self.file = file
    guard file.size >= Footer.encodedSize else {
      throw CheckpointError(.corrupt, "is \(file.size) bytes long, too short for a TensorFlow table").at(
        file: file.path
      ).because(.truncated)
    }
    var blocks: [(lastKey: [UInt8], handle: BlockHandle)] = []
    do throws(CheckpointError) {
      let footer = try Footer(
        try file.bytes(at: file.size - Footer.encodedSize, count: Footer.encodedSize), fileSize: file.size)
      if !footer.isPaddedWithZeros { warnings.append("the padding of the footer is not zero") }
      // Nothing reads the metaindex; it is always empty.
      if (try? Block(footer.metaindex, of: file)) == nil {
        warnings.append("the metaindex block, which holds nothing, is damaged")
      }
      try Block(footer.index, of: file).forEachEntry { (key, bytes, value) throws(CheckpointError) in
        var cursor = ByteCursor(bytes, value)
        let handle = try BlockHandle(&cursor, limit: footer.metaindex.offset)
        if let last = blocks.last {
          guard last.lastKey.lexicographicallyPrecedes(key), last.handle.end <= handle.offset else {
            throw CheckpointError(.corrupt, "the index block is not in order")
          }
        }
        blocks.append((key, handle))
      }
    } catch {
      throw error.at(file: file.path)
    }
    self.blocks = blocks
  }

  /// Calls `body` with every key, in order, and where its value lies in the given bytes. Offsets in errors count from the
  /// beginning of the expanded block.
  func forEachEntry(
    _ body: (_ key: [UInt8], _ bytes: [UInt8], _ value: Range<Int>) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    var order = KeyOrder(fileSize: file.size)
    for (lastKey, handle) in blocks {
      try locating(file: file.path) { () throws(CheckpointError) in
        order.begin(lastKey: lastKey)
        try Block(handle, of: file).forEachEntry { (key, bytes, value) throws(CheckpointError) in
          try order.append(key)
          try body(key, bytes, value)
        }
        try order.end(at: handle.offset)
      }
    }
  }

  /// Calls `body` with every block in order, large ones without reading the values in them.
  /// - Parameter damaged: is given the error of a block that is not sound, which is left out then; nil to stop there.
  func forEachBlock(
    damaged: ((CheckpointError) -> Void)? = nil, _ body: (TableBlock) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    var order = KeyOrder(fileSize: file.size)
    let cache = BlockCache(file)
    for (lastKey, handle) in blocks {
      do throws(CheckpointError) {
        let block = try TableBlock(handle, of: file, cache: cache)
        order.begin(lastKey: lastKey)
        for entry in block.entries { try order.append(entry.key) }
        try order.end(at: handle.offset)
        try body(block)
      } catch {
        guard let damaged, error.code != .io, error.code != .interrupted else { throw error.at(file: file.path) }
        damaged(error.at(file: file.path))
      }
    }
  }
}

/// What must hold for the keys of a table, block by block.
private struct KeyOrder {
  private var previous: [UInt8]?
  private var lastKey: [UInt8] = []
  private var isEmpty = true
  /// Shared prefixes let a few bytes stand for a long key; honest tables stay far below this.
  private var budget: Int

  init(fileSize: Int) { budget = 64 * fileSize + Block.largestKey }

  /// - Parameter lastKey: the key that the index has for the block.
  mutating func begin(lastKey: [UInt8]) {
    self.lastKey = lastKey
    isEmpty = true
  }

  mutating func append(_ key: [UInt8]) throws(CheckpointError) {
    if let previous, !previous.lexicographicallyPrecedes(key) {
      throw previous == key
        ? CheckpointError(.corrupt, "the name is there twice").at(variable: Name(bytes: key))
        : CheckpointError(.corrupt, "the keys are not sorted").at(variable: Name(bytes: key))
    }
    guard !lastKey.lexicographicallyPrecedes(key) else {
      throw CheckpointError(.corrupt, "a key lies behind the last one of its block").at(variable: Name(bytes: key))
    }
    budget -= key.count
    guard budget >= 0 else {
      throw CheckpointError(.corrupt, "the names together are too long for a table of this size")
    }
    isEmpty = false
    previous = key
  }

  func end(at offset: Int) throws(CheckpointError) {
    guard !isEmpty else { throw CheckpointError(.corrupt, "bad block: it is empty").at(offset: offset) }
  }
}
