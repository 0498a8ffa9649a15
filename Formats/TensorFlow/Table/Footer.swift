import CheckpointCore

/// The last 48 bytes of a table: handles of its two indexes, zero padding, and a magic number.
/// Layout: FORMAT.md, "Table".
struct Footer {
  static let encodedSize = 48
  /// LevelDB's table magic with which TensorFlow replaced it (`table/format.h`: kTableMagicNumber).
  static let magic: UInt64 = 0xdb47_7524_8b80_fb57

  let metaindex: BlockHandle
  let index: BlockHandle
  /// Whether the bytes between handles and magic are zero, as writers leave them.
  let isPaddedWithZeros: Bool

  init(metaindex: BlockHandle, index: BlockHandle) {
    self.metaindex = metaindex
    self.index = index
    isPaddedWithZeros = true
  }

  /// - Parameters:
  ///   - bytes: the last 48 bytes of the file.
  ///   - fileSize: to check the handles against.
  init(_ bytes: [UInt8], fileSize: Int) throws(CheckpointError) {
    var end = ByteCursor(bytes, 40..<Footer.encodedSize)
    guard try end.fixed64() == Footer.magic else {
      throw CheckpointError(
        .corrupt, "is cut short, or no TensorFlow table: the magic number at its end is missing",
        remedy: "fetch or copy the file again"
      ).because(.truncated)
    }
    var cursor = ByteCursor(bytes, 0..<40)
    let limit = fileSize - Footer.encodedSize
    metaindex = try BlockHandle(&cursor, limit: limit)
    index = try BlockHandle(&cursor, limit: limit)
    isPaddedWithZeros = bytes[cursor.position..<40].allSatisfy { $0 == 0 }
    // Writers put the two blocks right before the footer; anything else is a damaged handle.
    guard metaindex.end == index.offset, index.end == limit else {
      throw CheckpointError(.corrupt, "the footer's block handles do not meet: metaindex \(metaindex), index \(index)")
    }
  }

  static func hasMagic(_ tail: [UInt8]) -> Bool {
    guard tail.count >= 8 else { return false }
    var cursor = ByteCursor(tail, tail.count - 8..<tail.count)
    return (try? cursor.fixed64()) == magic
  }

  func encode() -> [UInt8] {
    var bytes: [UInt8] = []
    metaindex.encode(into: &bytes)
    index.encode(into: &bytes)
    bytes += [UInt8](repeating: 0, count: 40 - bytes.count)
    bytes.appendLittleEndian(Footer.magic, count: 8)
    return bytes
  }
}
