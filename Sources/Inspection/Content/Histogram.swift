public import CheckpointCore

/// How often numbers fall into equal parts of a range.
public struct Histogram: Sendable {
  public static let bins = 32

  public let range: ClosedRange<Double>
  /// Numbers in each bin, from the least up.
  public private(set) var counts = [Int](repeating: 0, count: Histogram.bins)

  init(_ range: ClosedRange<Double>) { self.range = range }

  mutating func add(_ numbers: [Double]) {
    let width = range.upperBound - range.lowerBound
    // A range of one number, or one that is too wide for a difference.
    let scale = width > 0 && width.isFinite ? Double(Histogram.bins) / width : 0
    for number in numbers where number.isFinite {
      let bin = Int((number - range.lowerBound) * scale)
      counts[min(max(0, bin), Histogram.bins - 1)] += 1
    }
  }

  mutating func append(_ other: Histogram) {
    for i in counts.indices { counts[i] += other.counts[i] }
  }
}

extension Histogram {
  /// Histograms of all variables between their least and largest number; reads everything.
  /// - Returns: in their order; nil for those that hold no finite number.
  public static func of(
    _ variables: [Variable], _ statistics: [TensorStatistics?], jobs: Int, progress: Progress? = nil
  ) throws(CheckpointError) -> [Histogram?] {
    let ranges = statistics.map { one -> ClosedRange<Double>? in
      guard let low = one?.minimum, let high = one?.maximum else { return nil }
      return low...high
    }
    let visitor = HistogramVisitor(decoders: variables.map { NumberDecoder($0.tensor.dtype) }, ranges: ranges)
    let outcomes = try TensorSweep(jobs: jobs, progress: progress).run(variables.map(\.tensor), visitor)
    for (variable, outcome) in zip(variables, outcomes) {
      if let failure = outcome.failure { throw failure.at(variable: variable.name) }
    }
    return outcomes.map(\.part)
  }
}

private struct HistogramVisitor: SweepVisitor {
  let decoders: [NumberDecoder?]
  /// Nil where there is nothing to count.
  let ranges: [ClosedRange<Double>?]

  func scratch() -> [Double] { [] }
  func part(of tensor: Int) -> Histogram? { ranges[tensor].map { Histogram($0) } }
  func append(_ next: Histogram?, to part: inout Histogram?) { if let next { part?.append(next) } }

  func visit(_ chunk: RawSpan, of tensor: Int, at offset: Int, _ part: inout Histogram?, _ numbers: inout [Double]) {
    guard part != nil else { return }
    decoders[tensor]?.forEachBlock(of: chunk, using: &numbers) { part?.add($0) }
  }
}
