import CheckpointCore

/// Lays out a table byte for byte as TensorFlow's own writer does: blocks of 256 KiB, not compressed. The end of a value may be a
/// gap, which somebody else fills when the table is written; such a table is never in memory as a whole.
/// Layout: FORMAT.md, "Table".
struct TableWriter {
  /// `table_options.h`: block_size.
  static let blockSize = 262_144

  /// A finished block and where it begins.
  struct PlacedBlock {
    let offset: Int
    let block: BlockBuilder
  }

  private(set) var blocks: [PlacedBlock] = []
  private var position = 0
  private var block = BlockBuilder()
  private var index = BlockBuilder()
  /// A finished block whose index key waits for the first key of the next.
  private var pending: (lastKey: [UInt8], handle: BlockHandle)?

  init() {}

  /// - Parameter key: larger than every key before.
  mutating func append(_ key: [UInt8], _ value: [UInt8], gap: BlockBuilder.Gap? = nil) {
    if let (lastKey, handle) = pending {
      addIndexEntry(TableWriter.separator(lastKey, key), handle)
      pending = nil
    }
    block.append(key, value, gap: gap)
    if block.encodedSize >= TableWriter.blockSize { finishBlock() }
  }

  /// - Returns: the whole file, of a table without gaps.
  mutating func finish() -> [UInt8] {
    let footer = finishBlocks()
    return blocks.flatMap { $0.block.encode() } + footer.bytes
  }

  /// Lays out the rest: the blocks are complete then.
  /// - Returns: the footer and where it begins.
  mutating func finishBlocks() -> (offset: Int, bytes: [UInt8]) {
    finishBlock()
    if let (lastKey, handle) = pending { addIndexEntry(TableWriter.successor(lastKey), handle) }
    let metaindex = place(BlockBuilder())
    let footer = Footer(metaindex: metaindex, index: place(index))
    return (position, footer.encode())
  }

  private mutating func addIndexEntry(_ key: [UInt8], _ handle: BlockHandle) {
    var value: [UInt8] = []
    handle.encode(into: &value)
    index.append(key, value, restartInterval: 1)
  }

  private mutating func finishBlock() {
    guard !block.isEmpty else { return }
    pending = (block.lastKey, place(block))
    block = BlockBuilder()
  }

  private mutating func place(_ block: BlockBuilder) -> BlockHandle {
    let handle = BlockHandle(offset: position, size: block.encodedSize)
    blocks.append(PlacedBlock(offset: position, block: block))
    position = handle.end
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

extension TableWriter.PlacedBlock {
  /// Writes the block around its gaps, which are filled already.
  /// - Parameter sums: of the bytes that fill each gap, by the gap's id.
  func write(to file: OutputFile, sums: [UInt32]) throws(CheckpointError) {
    var sum = CRC32C()
    var start = 0
    var target = offset
    for (position, gap) in block.gaps {
      let piece = block.entries.rawSpan.extracting(start..<position)
      sum.update(piece)
      try file.write(piece, at: target)
      sum.append(sums[gap.id], count: gap.count)
      target += position - start + gap.count
      start = position
    }
    var rest = Array(block.entries[start...]) + block.end
    sum.update(rest.rawSpan)
    rest.appendLittleEndian(UInt64(sum.masked), count: 4)
    try file.write(rest, at: target)
  }

  /// Where each gap begins in the file.
  var gapOffsets: [(gap: BlockBuilder.Gap, offset: Int)] {
    var before = 0
    return block.gaps.map { (position, gap) in
      defer { before += gap.count }
      return (gap, offset + position + before)
    }
  }
}
