public import CheckpointCore

/// How often numbers fall into equal parts of a range.
public struct Histogram: Sendable {
  public static let bins = 32

  public let range: ClosedRange<Double>
  /// Numbers in each bin, from the least up.
  public private(set) var counts = [Int](repeating: 0, count: Histogram.bins)

  init(_ range: ClosedRange<Double>) { self.range = range }

  mutating func add(_ numbers: [Double]) {
    // Halves, where the difference of the ends is more than the largest number.
    let scale = (range.upperBound - range.lowerBound).isFinite ? 1 : 0.5
    let low = range.lowerBound * scale
    let width = range.upperBound * scale - low
    guard width > 0 else {
      counts[0] += numbers.count { $0.isFinite }
      return
    }
    for number in numbers where number.isFinite {
      // From 0 to 1, as no number is beyond the ends.
      let part = min(max(0, (number * scale - low) / width), 1)
      counts[min(Int(part * Double(Histogram.bins)), Histogram.bins - 1)] += 1
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
