/// What reads little-endian fields and varints one after the other: from memory, or from a file through a window.
public protocol FieldCursor {
  /// Where the next field begins.
  var position: Int { get }
  mutating func byte() throws(CheckpointError) -> UInt8
  mutating func varint() throws(CheckpointError) -> UInt64
  mutating func fixed32() throws(CheckpointError) -> UInt32
  mutating func fixed64() throws(CheckpointError) -> UInt64
  /// Steps over `count` bytes and says where they are.
  mutating func skip(_ count: Int) throws(CheckpointError) -> Range<Int>
}

extension FieldCursor {
  /// Up to 10 bytes of 7 bits, lowest first; bits beyond the 64th make it corrupt.
  @inlinable
  public mutating func varintByBytes() throws(CheckpointError) -> UInt64 {
    let start = position
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while shift < 64 {
      let byte = try byte()
      guard shift < 63 || byte <= 1 else { break }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw CheckpointError(.corrupt, "a number is longer than 64 bits").at(offset: start)
  }

  /// A varint that counts bytes or elements.
  public mutating func length() throws(CheckpointError) -> Int {
    let start = position
    let value = try varint()
    guard let length = Int(exactly: value) else {
      throw CheckpointError(.corrupt, "the length \(value) is not plausible").at(offset: start)
    }
    return length
  }
}
