import CheckpointCore
import Inspection
import TestKit
import Testing

@Suite struct StatisticsTests {
  private func statistics(_ tensor: Tensor, jobs: Int = 2) throws -> TensorStatistics {
    let store = try VariableStore(["v": tensor])
    return try #require(try TensorStatistics.of(store.variables, jobs: jobs)[0])
  }

  @Test func theNumbersOfATextbook() throws {
    let found = try statistics(.floats([8], [2, 4, 4, 4, 5, 5, 7, 9]))
    #expect(found.minimum == 2 && found.maximum == 9 && found.mean == 5 && found.deviation == 2)
    #expect(found.finite == 8 && found.zeros == 0)
  }

  @Test func whatIsNotFiniteIsCountedAndLeftOut() throws {
    let found = try statistics(.floats([7], [1, .nan, -.infinity, 0, -0.0, .infinity, 3]))
    #expect(found.nans == 1 && found.infinities == 2 && found.zeros == 2 && found.finite == 4)
    #expect(found.minimum == 0 && found.maximum == 3 && found.mean == 1)
    let none = try statistics(.floats([1], [.nan]))
    #expect(none.minimum == nil && none.deviation == nil)
  }

  @Test func aLargeMeanCostsNoDigits() throws {
    // The sum of squares of these would lose everything: 10^8 ± 1 in float64.
    var bytes: [UInt8] = []
    for i in 0..<100_000 { bytes.appendLittleEndian((1e8 + (i % 2 == 0 ? 1 : -1)).bitPattern, count: 8) }
    let found = try statistics(Tensor(.float64, [100_000], bytes))
    #expect(found.mean == 1e8 && found.deviation == 1)
  }

  /// Numbers whose squares, and whose sums, are beyond all numbers.
  @Test func theLargestNumbersHaveAMeanAndADeviation() throws {
    func float64(_ numbers: [Double]) throws -> Tensor {
      var bytes: [UInt8] = []
      for number in numbers { bytes.appendLittleEndian(number.bitPattern, count: 8) }
      return try Tensor(.float64, [numbers.count], bytes)
    }
    let opposite = try statistics(float64((0..<12).map { $0 % 2 == 0 ? 1.5e308 : -1.5e308 }))
    #expect(abs(opposite.mean) < 1e293 && abs((opposite.deviation ?? 0) / 1.5e308 - 1) < 1e-15)
    let equal = try statistics(float64([Double](repeating: 1.5e308, count: 5000)))
    #expect(abs(equal.mean / 1.5e308 - 1) < 1e-15 && equal.deviation == 0)
    let largest = Double.greatestFiniteMagnitude
    let edge = try statistics(float64([largest, -largest]))
    #expect(edge.mean == 0 && edge.deviation == largest)
    let mixed = try statistics(float64([1e200, 1, 2, 3, 4, 5, 6, 7]))
    #expect(abs(mixed.mean / 1.25e199 - 1) < 1e-12 && mixed.deviation?.isFinite == true)
  }

  @Test func theResultDoesNotDependOnTheNumberOfWorkers() throws {
    var random = RandomSource(seed: 8)
    let values = (0..<3_000_000).map { _ in Float.random(in: -0.5..<0.5, using: &random) }
    let tensor = try Tensor.floats([3000, 1000], values)
    let one = try statistics(tensor, jobs: 1)
    let four = try statistics(tensor, jobs: 4)
    #expect(one.mean == four.mean && one.deviation == four.deviation && one.minimum == four.minimum)
    let mean = values.reduce(0.0) { $0 + Double($1) } / Double(values.count)
    #expect(abs(one.mean - mean) < 1e-12)
    #expect(abs((one.deviation ?? 0) - 0.288675) < 1e-3)
  }

  @Test(
    arguments: [
      (DType.int8, "ff", -1.0), (.qint8, "80", -128), (.uint16, "ffff", 65535), (.bool, "01", 1), (.float16, "003c", 1),
      (.bfloat16, "803f", 1), (.float8E4M3FNUZ, "40", 1), (.float8E5M2FNUZ, "41", 1.25), (.float8E4M3B11FNUZ, "58", 1),
      (.float8E4M3FN, "38", 1), (.int64, "ffffffffffffffff", -1), (.int4, "ff", -1),
    ] as [(DType, String, Double)])
  func everyNumericDType(dtype: DType, bytes: String, value: Double) throws {
    let found = try statistics(Tensor(dtype, [], hex(bytes)))
    #expect(found.minimum == value && found.mean == value && found.finite == 1)
  }

  @Test func complexNumbersCountByTheirParts() throws {
    let found = try statistics(Tensor(.complex64, [1], hex("0000803f 00000040")))
    #expect(found.finite == 2 && found.minimum == 1 && found.maximum == 2)
  }

  @Test func stringsHaveNone() throws {
    let store = try VariableStore(["s": .strings([1], [[1]]), "w": .floats([1], [1])])
    let found = try TensorStatistics.of(store.variables, jobs: 1)
    #expect(found[0] == nil && found[1]?.mean == 1)
  }

  @Test func aHistogramHoldsEveryFiniteNumber() throws {
    let store = try VariableStore(["v": .floats([6], [0, 1, 1, 2, .nan, 31.999])])
    let statistics = try TensorStatistics.of(store.variables, jobs: 1)
    let found = try #require(try Histogram.of(store.variables, statistics, jobs: 1)[0])
    #expect(found.counts.reduce(0, +) == 5 && found.counts[0] == 1 && found.counts[1] == 2 && found.counts.last == 1)
    let same = try VariableStore(["v": .floats([2], [3, 3])])
    let one = try #require(
      try Histogram.of(same.variables, try TensorStatistics.of(same.variables, jobs: 1), jobs: 1)[0])
    #expect(one.counts[0] == 2)
  }

  private static let least = Double.leastNonzeroMagnitude
  private static let most = Double.greatestFiniteMagnitude
  private static let ranges: [(numbers: [Double], bins: [Int])] = [
    ([0, least], [0, 31]), ([-least, 0, least], [0, 16, 31]), ([-most, most], [0, 31]),
    ([-most, 0, most], [0, 16, 31]),
    ([1, 1.0000000000000002], [0, 31]),
  ]

  /// Ranges whose difference is no number, or so small that nothing can be divided by it.
  @Test(arguments: ranges)
  func aHistogramTakesEveryRange(numbers: [Double], bins: [Int]) throws {
    let bytes = numbers.flatMap { number in
      (0..<8).map { UInt8(truncatingIfNeeded: number.bitPattern >> (8 * UInt64($0))) }
    }
    let store = try VariableStore(["v": Tensor(.float64, [numbers.count], bytes)])
    let statistics = try TensorStatistics.of(store.variables, jobs: 1)
    let found = try #require(try Histogram.of(store.variables, statistics, jobs: 1)[0])
    #expect(found.counts.indices.filter { found.counts[$0] > 0 } == bins)
    #expect(found.counts.reduce(0, +) == numbers.count)
  }
}
