/// One reused piece of memory through which bytes stream. Its size fits a core's second-level cache, so that a checksum
/// taken right after reading costs almost nothing.
public struct ChunkBuffer: ~Copyable {
  public static let capacity = 256 << 10

  var bytes: [UInt8]

  public init() { bytes = [UInt8](repeating: 0, count: ChunkBuffer.capacity) }

  /// Reads a range of canonical bytes in order and lends each piece, with its offset.
  public mutating func forEachChunk(
    of storage: some TensorStorage, in range: Range<Int>,
    _ body: (RawSpan, Int) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    var position = range.lowerBound
    while position < range.upperBound {
      let count = min(ChunkBuffer.capacity, range.upperBound - position)
      var part = bytes.mutableRawSpan(0..<count)
      try storage.read(into: &part, at: position)
      try body(bytes.rawSpan.extracting(0..<count), position)
      position += count
    }
  }
}
