/// A reader of little-endian fields and varints over bytes in memory that never runs past their end: what is not there is
/// an ordinary error with the offset at which it was missed.
public struct ByteCursor: FieldCursor, Sendable {
  public let bytes: [UInt8]
  public private(set) var position: Int
  public let end: Int

  public init(_ bytes: [UInt8]) {
    self.init(bytes, 0..<bytes.count)
  }

  /// - Parameter range: must lie inside `bytes`.
  public init(_ bytes: [UInt8], _ range: Range<Int>) {
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  public var remaining: Int { end - position }
  public var isAtEnd: Bool { position == end }

  public mutating func byte() throws(CheckpointError) -> UInt8 {
    guard position < end else { throw ended(1) }
    position += 1
    return bytes[position - 1]
  }

  public mutating func varint() throws(CheckpointError) -> UInt64 { try varintByBytes() }

  public mutating func fixed32() throws(CheckpointError) -> UInt32 {
    UInt32(truncatingIfNeeded: try little(4))
  }

  public mutating func fixed64() throws(CheckpointError) -> UInt64 { try little(8) }

  private mutating func little(_ count: Int) throws(CheckpointError) -> UInt64 {
    let range = try skip(count)
    var value: UInt64 = 0
    for i in range.reversed() { value = value << 8 | UInt64(bytes[i]) }
    return value
  }

  /// Steps over `count` bytes and says where they are.
  @discardableResult
  public mutating func skip(_ count: Int) throws(CheckpointError) -> Range<Int> {
    guard count >= 0, count <= remaining else { throw ended(count) }
    position += count
    return position - count..<position
  }

  private func ended(_ wanted: Int) -> CheckpointError {
    CheckpointError(.corrupt, "\(wanted) more bytes were expected where \(remaining) are left").at(offset: position)
  }
}

extension Array where Element == UInt8 {
  public mutating func appendVarint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }

  /// `count` bytes of `value`, lowest first.
  public mutating func appendLittleEndian(_ value: UInt64, count: Int) {
    for i in 0..<count { append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(i)))) }
  }
}
