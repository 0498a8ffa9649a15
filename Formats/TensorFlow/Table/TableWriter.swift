import CheckpointCore

/// Builds a table in memory, byte for byte as TensorFlow's own writer does: blocks of 256 KiB, not compressed.
/// Layout: FORMAT.md, "Table".
struct TableWriter {
  /// `table_options.h`: block_size.
  static let blockSize = 262_144

  private(set) var bytes: [UInt8] = []
  private var block = BlockBuilder()
  private var index = BlockBuilder()
  /// A finished block whose index key waits for the first key of the next.
  private var pending: (lastKey: [UInt8], handle: BlockHandle)?

  init() {}

  /// - Parameter key: larger than every key before.
  mutating func append(_ key: [UInt8], _ value: [UInt8]) {
    if let (lastKey, handle) = pending {
      addIndexEntry(TableWriter.separator(lastKey, key), handle)
      pending = nil
    }
    block.append(key, value)
    if block.encodedSize >= TableWriter.blockSize { finishBlock() }
  }

  /// - Returns: the whole file.
  mutating func finish() -> [UInt8] {
    finishBlock()
    if let (lastKey, handle) = pending { addIndexEntry(TableWriter.successor(lastKey), handle) }
    let metaindex = write(BlockBuilder())
    let footer = Footer(metaindex: metaindex, index: write(index))
    return bytes + footer.encode()
  }

  private mutating func addIndexEntry(_ key: [UInt8], _ handle: BlockHandle) {
    var value: [UInt8] = []
    handle.encode(into: &value)
    index.append(key, value, restartInterval: 1)
  }

  private mutating func finishBlock() {
    guard !block.isEmpty else { return }
    pending = (block.lastKey, write(block))
    block = BlockBuilder()
  }

  private mutating func write(_ block: BlockBuilder) -> BlockHandle {
    let encoded = block.encode()
    let handle = BlockHandle(offset: bytes.count, size: encoded.count - BlockHandle.trailerSize)
    bytes += encoded
    return handle
  }

  /// A short key that is not below `a` and is below `b` (LevelDB: FindShortestSeparator).
  static func separator(_ a: [UInt8], _ b: [UInt8]) -> [UInt8] {
    var same = 0
    while same < min(a.count, b.count), a[same] == b[same] { same += 1 }
    guard same < min(a.count, b.count), a[same] < 0xff, a[same] + 1 < b[same] else { return a }
    return Array(a[..<same]) + [a[same] + 1]
  }

  /// A short key that is not below `a` (LevelDB: FindShortSuccessor).
  static func successor(_ a: [UInt8]) -> [UInt8] {
    guard let i = a.firstIndex(where: { $0 != 0xff }) else { return a }
    return Array(a[..<i]) + [a[i] + 1]
  }
}
