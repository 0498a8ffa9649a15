import CheckpointCore

/// A message with some of its fields replaced: what stays is named by its range in the original, which is never copied.
public struct EditedMessage: Sendable {
  public enum Piece: Sendable {
    /// Bytes of the original.
    case kept(Range<Int>)
    case made([UInt8])
  }

  public private(set) var pieces: [Piece] = []
  public private(set) var byteCount = 0

  public init() {}

  mutating func keep(_ range: Range<Int>) {
    byteCount += range.count
    if case .kept(let last)? = pieces.last, last.upperBound == range.lowerBound {
      pieces[pieces.count - 1] = .kept(last.lowerBound..<range.upperBound)
    } else {
      pieces.append(.kept(range))
    }
  }

  mutating func append(_ bytes: [UInt8]) {
    byteCount += bytes.count
    pieces.append(.made(bytes))
  }

  /// A field that is itself an edited message.
  mutating func append(field: Int, _ message: EditedMessage) {
    var head: [UInt8] = []
    head.appendVarint(UInt64(field) << 3 | 2)
    head.appendVarint(UInt64(message.byteCount))
    append(head)
    byteCount += message.byteCount
    pieces += message.pieces
  }
}

extension Message {
  /// Replaces fields that are messages or strings; fields that this program does not know stay as they are.
  /// - Parameter body: the new content of a field, or nil where it stays.
  func edited(
    _ body: (Int, Message) throws(CheckpointError) -> EditedMessage?
  ) throws(CheckpointError) -> EditedMessage {
    var result = EditedMessage()
    try forEachRecord { (number, value, record) throws(CheckpointError) in
      if case .bytes(let range) = value, let new = try body(number, nested(range)) {
        result.append(field: number, new)
      } else {
        result.keep(record)
      }
    }
    return result
  }
}
