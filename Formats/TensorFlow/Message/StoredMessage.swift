import CheckpointCore
import ProtoWire

/// A serialised message that stays where it is, because it may hold a large tensor: a range of a file or of another storage. A
/// small one is read once.
struct StoredMessage {
  /// Largest message that is read as a whole.
  private static let largestRead = 64 << 10

  let storage: any TensorStorage
  let range: Range<Int>
  /// The bytes, where they were read, and where in the storage they begin.
  private let read: (bytes: [UInt8], start: Int)?

  /// - Parameter range: must lie inside the storage.
  init(_ storage: any TensorStorage, _ range: Range<Int>) throws(CheckpointError) {
    self.storage = storage
    self.range = range
    read = range.count <= StoredMessage.largestRead ? (try storage.bytes(range), range.lowerBound) : nil
  }

  private init(_ storage: any TensorStorage, _ range: Range<Int>, read: (bytes: [UInt8], start: Int)) {
    self.storage = storage
    self.range = range
    self.read = read
  }

  /// A field of this message that is itself a message.
  func nested(_ range: Range<Int>) throws(CheckpointError) -> StoredMessage {
    if let read { return StoredMessage(storage, range, read: read) }
    return try StoredMessage(storage, range)
  }

  /// The message in memory, for one that holds no tensor.
  func loaded() throws(CheckpointError) -> Message {
    if let read { return Message(read.bytes, range.lowerBound - read.start..<range.upperBound - read.start) }
    return Message(try storage.bytes(range))
  }

  /// The bytes of a field, for what is small.
  func bytes(_ range: Range<Int>) throws(CheckpointError) -> [UInt8] {
    // A field that is not there has a range of its own.
    guard !range.isEmpty else { return [] }
    if let read { return Array(read.bytes[range.lowerBound - read.start..<range.upperBound - read.start]) }
    return try storage.bytes(range)
  }

  /// Calls `body` with the number and value of every field, as `Message` does; ranges are those of the storage.
  func forEachField(_ body: (Int, WireValue) throws(CheckpointError) -> Void) throws(CheckpointError) {
    if let read {
      return try loaded().forEachField { (number, value) throws(CheckpointError) in
        guard case .bytes(let range) = value else { return try body(number, value) }
        try body(number, .bytes(range.lowerBound + read.start..<range.upperBound + read.start))
      }
    }
    var cursor = StorageCursor(storage, range)
    while !cursor.isAtEnd {
      let (number, value) = try WireValue.field(&cursor)
      try body(number, value)
    }
  }
}
