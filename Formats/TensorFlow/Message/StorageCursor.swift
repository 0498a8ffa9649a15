import CheckpointCore

/// A cursor over bytes that are not in memory, with a window that follows it: small while most is stepped over, larger the longer
/// it is read. What is not there is an ordinary error with the offset at which it was missed.
struct StorageCursor: FieldCursor {
  private let storage: any TensorStorage
  private(set) var position: Int
  let end: Int
  private var window: [UInt8] = []
  private var windowStart = 0
  private var windowSize = smallestWindow
  private static let smallestWindow = 256
  private static let largestWindow = 64 << 10

  /// - Parameter range: must lie inside the storage.
  init(_ storage: any TensorStorage, _ range: Range<Int>) {
    self.storage = storage
    position = range.lowerBound
    end = range.upperBound
  }

  var isAtEnd: Bool { position == end }
  var remaining: Int { end - position }

  mutating func byte() throws(CheckpointError) -> UInt8 {
    if position < windowStart || position >= windowStart + window.count { try fill() }
    position += 1
    return window[position - 1 - windowStart]
  }

  private mutating func fill() throws(CheckpointError) {
    guard position < end else { throw ended(1) }
    let isContinued = position == windowStart + window.count
    windowSize = isContinued ? min(2 * windowSize, StorageCursor.largestWindow) : StorageCursor.smallestWindow
    window = try storage.bytes(position..<position + min(windowSize, remaining))
    windowStart = position
  }

  mutating func varint() throws(CheckpointError) -> UInt64 { try varintByBytes() }

  mutating func fixed32() throws(CheckpointError) -> UInt32 { UInt32(truncatingIfNeeded: try little(4)) }
  mutating func fixed64() throws(CheckpointError) -> UInt64 { try little(8) }

  private mutating func little(_ count: Int) throws(CheckpointError) -> UInt64 {
    var value: UInt64 = 0
    for i in 0..<count { value |= UInt64(try byte()) << (8 * UInt64(i)) }
    return value
  }

  /// Steps over `count` bytes and says where they are.
  @discardableResult
  mutating func skip(_ count: Int) throws(CheckpointError) -> Range<Int> {
    guard count >= 0, count <= remaining else { throw ended(count) }
    position += count
    return position - count..<position
  }

  /// The next `count` bytes.
  mutating func bytes(_ count: Int) throws(CheckpointError) -> [UInt8] {
    let range = try skip(count)
    if range.lowerBound >= windowStart, range.upperBound <= windowStart + window.count {
      return Array(window[range.lowerBound - windowStart..<range.upperBound - windowStart])
    }
    return try storage.bytes(range)
  }

  private func ended(_ wanted: Int) -> CheckpointError {
    CheckpointError(.corrupt, "\(wanted) more bytes were expected where \(remaining) are left").at(offset: position)
  }
}

extension TensorStorage {
  /// A range in memory; for names and heads, not for tensors.
  func bytes(_ range: Range<Int>) throws(CheckpointError) -> [UInt8] {
    try requireMemory(range.count)
    var bytes = [UInt8](repeating: 0, count: range.count)
    var span = bytes.mutableRawSpan(0..<range.count)
    try read(into: &span, at: range.lowerBound)
    return bytes
  }
}
