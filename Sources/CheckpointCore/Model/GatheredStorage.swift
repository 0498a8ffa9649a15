/// Ranges of other storages, one after the other.
public struct GatheredStorage: TensorStorage {
  public struct Piece: Sendable {
    public let source: Int
    public let offset: Int
    public let count: Int

    public init(source: Int, offset: Int, count: Int) {
      self.source = source
      self.offset = offset
      self.count = count
    }
  }

  private let sources: [any TensorStorage]
  private let pieces: [Piece]
  private let starts: [Int]
  public let byteCount: Int

  /// - Parameter pieces: ranges that lie inside their sources.
  public init(sources: [any TensorStorage], pieces: [Piece]) {
    self.sources = sources
    self.pieces = pieces
    var start = 0
    var starts: [Int] = []
    for piece in pieces {
      starts.append(start)
      start += piece.count
    }
    self.starts = starts
    byteCount = start
  }

  public var isSequential: Bool { sources.contains { $0.isSequential } }
  public var path: String? { sources.first?.path }
  public var missing: CheckpointError? { sources.lazy.compactMap(\.missing).first }

  /// Nil where one of the sources has none.
  public var recordedSum: String? {
    sources.contains { $0.recordedSum == nil } ? nil : sources.first?.recordedSum
  }

  public func verify() throws(CheckpointError) {
    for source in sources { try source.verifyWhole() }
  }

  public func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    let wanted = offset..<offset + span.byteCount
    var low = 0
    var high = pieces.count
    while low < high {
      let middle = (low + high) / 2
      if starts[middle] + pieces[middle].count <= wanted.lowerBound { low = middle + 1 } else { high = middle }
    }
    while low < pieces.count, starts[low] < wanted.upperBound {
      let piece = pieces[low]
      let overlap = max(starts[low], wanted.lowerBound)..<min(starts[low] + piece.count, wanted.upperBound)
      if !overlap.isEmpty {
        var part = span._mutatingExtracting(overlap.lowerBound - offset..<overlap.upperBound - offset)
        try sources[piece.source].read(into: &part, at: piece.offset + overlap.lowerBound - starts[low])
      }
      low += 1
    }
  }
}
