public import CheckpointCore

/// What the numbers of a tensor are like, in one pass. Minimum, maximum, mean and deviation are over the finite ones.
///
/// The sums of squares are taken around the mean of each block of some thousand numbers, and blocks are put together by the
/// formulas of Chan, Golub and LeVeque (1983), so that neither large means nor many numbers cost digits.
public struct TensorStatistics: Sendable {
  /// Finite numbers. A complex number counts as two, its parts.
  public private(set) var finite = 0
  /// Of either sign.
  public private(set) var zeros = 0
  public private(set) var nans = 0
  public private(set) var infinities = 0
  /// Nil where no number is finite.
  public private(set) var minimum: Double?
  public private(set) var maximum: Double?
  /// Mean, and sum of the squared distances from it; where `isScaled`, of the numbers times `scale`.
  private var center = 0.0
  private var squares = 0.0
  /// Whether a number is so large that squares or sums of such would not be finite.
  private var isScaled = false
  private static let large = 0x1p500
  private static let scale = 0x1p-600

  public init() {}

  public var mean: Double { isScaled ? TensorStatistics.unscaled(center) : center }

  /// Of the whole population: numpy's `std` with `ddof` 0.
  public var deviation: Double? {
    guard finite > 0 else { return nil }
    let deviation = (squares / Double(finite)).squareRoot()
    return isScaled ? TensorStatistics.unscaled(deviation) : deviation
  }

  /// What rounding may have brought beyond the largest number is that number.
  private static func unscaled(_ number: Double) -> Double {
    let largest = Double.greatestFiniteMagnitude
    return max(-largest, min(largest, number / scale))
  }

  /// Takes some thousand numbers at a time: a block is gone through twice.
  mutating func add(_ numbers: [Double]) {
    var sums = SIMD4<Double>.zero
    var low = SIMD4<Double>(repeating: .infinity)
    var high = SIMD4<Double>(repeating: -.infinity)
    var zeroCounts = SIMD4<Int64>.zero
    let whole = numbers.count & ~3
    for i in stride(from: 0, to: whole, by: 4) {
      let four = SIMD4(numbers[i], numbers[i + 1], numbers[i + 2], numbers[i + 3])
      sums += four
      low = pointwiseMin(low, four)
      high = pointwiseMax(high, four)
      zeroCounts.replace(with: zeroCounts &+ 1, where: four .== 0)
    }
    // One number that is not finite shows in the sum; a finite sum has none.
    let total = sums.sum() + numbers[whole...].reduce(0, +)
    let (least, most) = numbers[whole...].reduce((low.min(), high.max())) { (min($0.0, $1), max($0.1, $1)) }
    guard total.isFinite, least >= -TensorStatistics.large, most <= TensorStatistics.large else {
      addCounting(numbers)
      return
    }
    let mean = total / Double(numbers.count)
    let means = SIMD4(repeating: mean)
    var distances = SIMD4<Double>.zero
    for i in stride(from: 0, to: whole, by: 4) {
      let distance = SIMD4(numbers[i], numbers[i + 1], numbers[i + 2], numbers[i + 3]) - means
      distances += distance * distance
    }
    var block = TensorStatistics()
    block.finite = numbers.count
    block.center = mean
    block.squares = distances.sum() + numbers[whole...].reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    block.zeros = Int(zeroCounts.wrappedSum()) + numbers[whole...].count { $0 == 0 }
    (block.minimum, block.maximum) = (least, most)
    append(block)
  }

  /// The slow way, for a block with numbers that are not finite, or very large.
  private mutating func addCounting(_ numbers: [Double]) {
    for number in numbers {
      if number.isNaN {
        nans += 1
      } else if number.isInfinite {
        infinities += 1
      } else {
        var one = TensorStatistics()
        (one.finite, one.center, one.minimum, one.maximum) = (1, number, number, number)
        if abs(number) > TensorStatistics.large { one.scaleDown() }
        one.zeros = number == 0 ? 1 : 0
        append(one)
      }
    }
  }

  private mutating func scaleDown() {
    guard !isScaled else { return }
    center *= TensorStatistics.scale
    squares = squares * TensorStatistics.scale * TensorStatistics.scale
    isScaled = true
  }

  /// Adds the numbers of another part.
  mutating func append(_ other: TensorStatistics) {
    zeros += other.zeros
    nans += other.nans
    infinities += other.infinities
    guard other.finite > 0 else { return }
    var other = other
    if isScaled != other.isScaled {
      scaleDown()
      other.scaleDown()
    }
    let count = Double(finite + other.finite)
    let distance = other.center - center
    squares += other.squares + distance * distance * (Double(finite) * Double(other.finite) / count)
    center += distance * (Double(other.finite) / count)
    finite += other.finite
    minimum = min(minimum ?? .infinity, other.minimum ?? .infinity)
    maximum = max(maximum ?? -.infinity, other.maximum ?? -.infinity)
  }
}

extension TensorStatistics {
  /// Statistics of all variables, on all cores; every checksum is checked.
  /// - Returns: in their order; nil for those that hold no numbers.
  /// - Throws: the first error that a variable meets, in their order.
  public static func of(
    _ variables: [Variable], jobs: Int, progress: Progress? = nil
  ) throws(CheckpointError) -> [TensorStatistics?] {
    let visitor = StatisticsVisitor(decoders: variables.map { NumberDecoder($0.tensor.dtype) })
    let outcomes = try TensorSweep(jobs: jobs, progress: progress).run(variables.map(\.tensor), visitor)
    for (variable, outcome) in zip(variables, outcomes) {
      if let failure = outcome.failure { throw failure.at(variable: variable.name) }
    }
    return zip(outcomes, visitor.decoders).map { outcome, decoder in decoder == nil ? nil : outcome.part }
  }
}

private struct StatisticsVisitor: SweepVisitor {
  /// Nil for what holds no numbers.
  let decoders: [NumberDecoder?]

  func scratch() -> [Double] { [] }
  func part(of tensor: Int) -> TensorStatistics { TensorStatistics() }
  func append(_ next: TensorStatistics, to part: inout TensorStatistics) { part.append(next) }

  func visit(
    _ chunk: RawSpan, of tensor: Int, at offset: Int, _ part: inout TensorStatistics, _ numbers: inout [Double]
  ) {
    decoders[tensor]?.forEachBlock(of: chunk, using: &numbers) { part.add($0) }
  }
}

extension NumberDecoder {
  /// Numbers that are decoded at a time: they stay in the first-level cache.
  private static let blockSize = 2048

  /// Decodes whole numbers, block by block.
  func forEachBlock(of chunk: RawSpan, using numbers: inout [Double], _ body: ([Double]) -> Void) {
    var offset = 0
    while offset < chunk.byteCount {
      let count = min(NumberDecoder.blockSize, (chunk.byteCount - offset) / width)
      guard count > 0 else { return }
      if numbers.count != count { numbers = [Double](repeating: 0, count: count) }
      decode(chunk, at: offset, into: &numbers)
      body(numbers)
      offset += count * width
    }
  }
}
