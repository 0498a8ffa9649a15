public import CheckpointCore

/// One value on the wire, by wire type.
public enum WireValue: Sendable {
  case varint(UInt64)
  case fixed64(UInt64)
  case bytes(Range<Int>)
  case fixed32(UInt32)
}

/// A serialised protocol buffer message: a range of bytes that are in memory. Nothing is decoded before it is asked for.
///
/// Format: the protocol buffer encoding guide ("Message structure"). Wire types 3 and 4 (groups) are skipped; no message
/// read here has one.
public struct Message: Sendable {
  public let bytes: [UInt8]
  public let range: Range<Int>

  public init(_ bytes: [UInt8]) {
    self.bytes = bytes
    range = 0..<bytes.count
  }

  /// - Parameter range: must lie inside `bytes`, as every range that `forEachField` hands out does.
  public init(_ bytes: [UInt8], _ range: Range<Int>) {
    self.bytes = bytes
    self.range = range
  }

  /// A field of this message that is itself a message.
  public func nested(_ range: Range<Int>) -> Message { Message(bytes, range) }

  /// A field of this message that is itself a message and, where it is there several times, is made of all their fields, one after
  /// the other (encoding guide, "Last One Wins").
  public func nested(_ ranges: [Range<Int>]) -> Message {
    ranges.count == 1 ? nested(ranges[0]) : Message(ranges.flatMap { bytes[$0] })
  }

  public var contents: [UInt8] { Array(bytes[range]) }

  /// Calls `body` with the number and value of every field, in the order of the file. A field that is there twice comes
  /// twice: for a single field the last one counts.
  /// - Throws: `corrupt` where a field runs past the end or has no valid number or type.
  public func forEachField(_ body: (Int, WireValue) throws(CheckpointError) -> Void) throws(CheckpointError) {
    try forEachRecord { (number, value, _) throws(CheckpointError) in try body(number, value) }
  }

  /// The same, with the bytes that field and value take together.
  func forEachRecord(
    _ body: (Int, WireValue, Range<Int>) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    var cursor = ByteCursor(bytes, range)
    while !cursor.isAtEnd {
      let start = cursor.position
      let (number, value) = try WireValue.field(&cursor)
      try body(number, value, start..<cursor.position)
    }
  }

  public func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
}

extension WireValue {
  /// The number and the value of the next field of a message.
  /// - Throws: `corrupt` where it runs past the end or has no valid number or type.
  public static func field(_ cursor: inout some FieldCursor) throws(CheckpointError) -> (number: Int, value: WireValue)
  {
    let start = cursor.position
    let tag = try cursor.varint()
    let number = tag >> 3
    guard number > 0, number < 1 << 29 else {
      throw CheckpointError(.corrupt, "a message has a field with the number \(number)").at(offset: start)
    }
    switch tag & 7 {
    case 0: return (Int(number), .varint(try cursor.varint()))
    case 1: return (Int(number), .fixed64(try cursor.fixed64()))
    case 2:
      let length = try cursor.length()
      return (Int(number), .bytes(try cursor.skip(length)))
    case 5: return (Int(number), .fixed32(try cursor.fixed32()))
    default: throw CheckpointError(.corrupt, "a message has a field of wire type \(tag & 7)").at(offset: start)
    }
  }

  /// A whole number: `int32`, `int64`, `uint64`, `enum`, `bool`. Other wire types are an error, because a reader that took
  /// them for zero would be wrong in silence.
  public func integer(_ field: StaticString) throws(CheckpointError) -> Int {
    guard case .varint(let value) = self else { throw mismatch(field) }
    return Int(truncatingIfNeeded: value)
  }

  public func range(_ field: StaticString) throws(CheckpointError) -> Range<Int> {
    guard case .bytes(let range) = self else { throw mismatch(field) }
    return range
  }

  public func float(_ field: StaticString) throws(CheckpointError) -> Float {
    guard case .fixed32(let bits) = self else { throw mismatch(field) }
    return Float(bitPattern: bits)
  }

  private func mismatch(_ field: StaticString) -> CheckpointError {
    CheckpointError(.corrupt, "the field \(field) has the wrong wire type")
  }
}

extension Message {
  /// Elements of a repeated number field, packed or one by one.
  public func appendIntegers(_ value: WireValue, to list: inout [Int]) throws(CheckpointError) {
    switch value {
    case .varint(let number): list.append(Int(truncatingIfNeeded: number))
    case .bytes(let range):
      var cursor = ByteCursor(bytes, range)
      while !cursor.isAtEnd { list.append(Int(truncatingIfNeeded: try cursor.varint())) }
    default: throw CheckpointError(.corrupt, "a list of numbers has the wrong wire type")
    }
  }

  public func appendFloats(_ value: WireValue, to list: inout [Float]) throws(CheckpointError) {
    switch value {
    case .fixed32(let bits): list.append(Float(bitPattern: bits))
    case .bytes(let range):
      var cursor = ByteCursor(bytes, range)
      while !cursor.isAtEnd { list.append(Float(bitPattern: try cursor.fixed32())) }
    default: throw CheckpointError(.corrupt, "a list of floats has the wrong wire type")
    }
  }

  public func appendDoubles(_ value: WireValue, to list: inout [Double]) throws(CheckpointError) {
    switch value {
    case .fixed64(let bits): list.append(Double(bitPattern: bits))
    case .bytes(let range):
      var cursor = ByteCursor(bytes, range)
      while !cursor.isAtEnd { list.append(Double(bitPattern: try cursor.fixed64())) }
    default: throw CheckpointError(.corrupt, "a list of doubles has the wrong wire type")
    }
  }
}
