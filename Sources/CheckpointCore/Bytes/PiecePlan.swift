/// How many tensors are cut into pieces that several workers take in turn: large ones into pieces of 4 MiB, small ones gathered
/// into batches of about as much. The cut does not depend on the number of workers.
public struct PiecePlan: Sendable {
  /// Bytes of a tensor that one worker takes at a time, and of a batch of small tensors.
  public static let pieceSize = 4 << 20

  public struct Piece: Sendable {
    /// Which of the tensors.
    public let item: Int
    /// Of its canonical bytes.
    public let range: Range<Int>
  }

  /// In the order of the tensors. Every tensor has at least one, so that an empty one is looked at too.
  public private(set) var pieces: [Piece] = []
  /// Ranges of pieces that one worker takes together.
  public private(set) var batches: [Range<Int>] = []

  /// - Parameter tensors: bytes of each, and whether it must be read from end to end.
  public init(_ tensors: some Collection<(bytes: Int, isSequential: Bool)>) {
    pieces.reserveCapacity(tensors.count)
    var batchStart = 0
    var batchSize = 0
    for (i, tensor) in tensors.enumerated() {
      // At most some thousand pieces, so that what is kept of each does not grow with the tensor.
      let grown = (tensor.bytes >> 34 + 1) * PiecePlan.pieceSize
      let largest = tensor.isSequential ? tensor.bytes : grown
      var offset = 0
      repeat {
        let count = min(largest, tensor.bytes - offset)
        if batchSize + count > PiecePlan.pieceSize, batchStart < pieces.count {
          batches.append(batchStart..<pieces.count)
          (batchStart, batchSize) = (pieces.count, 0)
        }
        pieces.append(Piece(item: i, range: offset..<offset + count))
        batchSize += count + 64
        offset += count
      } while offset < tensor.bytes
    }
    if batchStart < pieces.count { batches.append(batchStart..<pieces.count) }
  }
}
