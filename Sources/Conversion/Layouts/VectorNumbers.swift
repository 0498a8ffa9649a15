import CheckpointCore

/// Numbers of a tensor as doubles, a range at a time, with what is known of ranges kept.
final class VectorNumbers {
  /// The most numbers of a range that are looked at where a part speaks for all.
  static let sampleSize = 1 << 14

  private let numbers: Tensor
  private var samples: [Range<Int>: [Double]] = [:]
  private var minima: [Range<Int>: Double] = [:]

  init(_ tensor: Tensor) throws(CheckpointError) {
    let wide = tensor.dtype == .bool ? try Tensor(dtype: .uint8, shape: tensor.shape, storage: tensor.storage) : tensor
    numbers = wide.dtype == .float64 ? wide : try wide.cast(to: .float64)
  }

  var count: Int { numbers.shape.elementCount }

  /// The first numbers of a range.
  func sample(_ range: Range<Int>) throws(CheckpointError) -> [Double] {
    let part = range.prefix(VectorNumbers.sampleSize)
    if let known = samples[part] { return known }
    let values = try read(part)
    samples[part] = values
    return values
  }

  /// The smallest number of a whole range, or the first one below zero.
  func minimum(_ range: Range<Int>) throws(CheckpointError) -> Double {
    if let known = minima[range] { return known }
    var least = Double.infinity
    var start = range.lowerBound
    while start < range.upperBound, least >= 0 {
      let end = min(start + VectorNumbers.sampleSize, range.upperBound)
      for value in try read(start..<end) where value < least { least = value }
      start = end
    }
    minima[range] = least
    return least
  }

  private func read(_ range: Range<Int>) throws(CheckpointError) -> [Double] {
    var bytes = [UInt8](repeating: 0, count: 8 * range.count)
    var span = bytes.mutableRawSpan(0..<bytes.count)
    if !range.isEmpty { try numbers.storage.read(into: &span, at: 8 * range.lowerBound) }
    return range.indices.map { i in
      let first = 8 * (i - range.lowerBound)
      var bits: UInt64 = 0
      for k in 0..<8 { bits |= UInt64(bytes[first + k]) << (8 * UInt64(k)) }
      return Double(bitPattern: bits)
    }
  }
}

extension [Double] {
  var mean: Double { isEmpty ? 0 : reduce(0, +) / Double(count) }

  var deviation: Double {
    let center = mean
    return isEmpty ? 0 : (reduce(0) { $0 + ($1 - center) * ($1 - center) } / Double(count)).squareRoot()
  }

  /// Pearson's; 0 where one side is constant.
  func correlation(_ other: [Double]) -> Double {
    let (a, b) = (mean, other.mean)
    var (xy, xx, yy) = (0.0, 0.0, 0.0)
    for (x, y) in zip(self, other) {
      xy += (x - a) * (y - b)
      xx += (x - a) * (x - a)
      yy += (y - b) * (y - b)
    }
    let r = xy / (xx * yy).squareRoot()
    return r.isFinite ? Swift.max(-1, Swift.min(1, r)) : 0
  }

  /// Largest distance between the distributions of two samples (Kolmogorov and Smirnov); both sorted.
  func distribution(from other: [Double]) -> Double {
    guard !isEmpty, !other.isEmpty else { return 0 }
    var (i, j, largest) = (0, 0, 0.0)
    while i < count, j < other.count {
      let value = Swift.min(self[i], other[j])
      while i < count, self[i] <= value { i += 1 }
      while j < other.count, other[j] <= value { j += 1 }
      largest = Swift.max(largest, abs(Double(i) / Double(count) - Double(j) / Double(other.count)))
    }
    return largest
  }
}
