import CheckpointCore

/// Where a block lies in a table: offset and size in bytes, both varint64. The size leaves out the block's trailer.
/// Layout: FORMAT.md, "Table".
struct BlockHandle: Equatable {
  /// Compression byte and masked CRC-32C behind every block.
  static let trailerSize = 5

  let offset: Int
  let size: Int

  init(offset: Int, size: Int) {
    self.offset = offset
    self.size = size
  }

  /// - Throws: `corrupt` where the block and its trailer do not lie before `limit`.
  init(_ cursor: inout ByteCursor, limit: Int) throws(CheckpointError) {
    offset = try cursor.length()
    size = try cursor.length()
    let (end, overflow) = offset.addingReportingOverflow(size)
    guard !overflow, end <= limit - BlockHandle.trailerSize else {
      throw CheckpointError(
        .corrupt, "a block handle points to bytes \(offset)+\(size), outside the table's \(limit) bytes of blocks")
    }
  }

  /// The first byte after block and trailer.
  var end: Int { offset + size + BlockHandle.trailerSize }

  func encode(into bytes: inout [UInt8]) {
    bytes.appendVarint(UInt64(offset))
    bytes.appendVarint(UInt64(size))
  }
}
