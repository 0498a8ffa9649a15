import CheckpointCore
import Testing

@testable import GraphRuntime

@Suite struct MathOpsTests {
  private func binary(_ op: String, _ a: OpRun.Array, _ b: OpRun.Array, _ type: Int = 1) throws -> OpRun.Array {
    try OpRun.one(op, [a, b], [("T", .type(type))])
  }

  @Test func wholeNumbersDivideBySign() throws {
    let (a, b) = (ints([7, -7, 7, -7]), ints([2, 2, -2, -2]))
    #expect(try binary("FloorDiv", a, b, 3) == ints([3, -4, -4, 3]))
    #expect(try binary("FloorMod", a, b, 3) == ints([1, 1, -1, -1]))
    #expect(try binary("TruncateDiv", a, b, 3) == ints([3, -3, -3, 3]))
    #expect(try binary("TruncateMod", a, b, 3) == ints([1, -1, 1, -1]))
    #expect(try binary("Div", a, b, 3) == ints([3, -3, -3, 3]))
  }

  @Test func divisionByZeroIsAnErrorForWholeNumbersOnly() throws {
    for op in ["Div", "FloorDiv", "FloorMod", "TruncateMod"] {
      #expect(throws: CheckpointError.self) { try binary(op, ints([1]), ints([0]), 3) }
    }
    #expect(try binary("RealDiv", floats([1, -1]), floats([0])) == floats([.infinity, -.infinity]))
    #expect(try binary("DivNoNan", floats([1]), floats([0])) == floats([0]))
    #expect(try binary("MulNoNan", floats([.nan]), floats([0])) == floats([0]))
  }

  @Test func theLeastNumberByMinusOneDoesNotTrap() throws {
    let least = ints([Int(Int32.min)])
    #expect(try binary("Div", least, ints([-1]), 3) == least)
    #expect(try OpRun.one("Neg", [least], [("T", .int)]) == least)
    #expect(try binary("TruncateDiv", numbers(.int8, [-128]), numbers(.int8, [-1]), 6) == numbers(.int8, [-128]))
  }

  @Test func sumsWrapInTheirOwnWidth() throws {
    #expect(try binary("AddV2", numbers(.uint8, [250]), numbers(.uint8, [10]), 4) == numbers(.uint8, [4]))
    #expect(try binary("AddV2", ints([Int(Int32.max)]), ints([1]), 3) == ints([Int(Int32.min)]))
  }

  @Test func shapesBroadcastFromTheLastDimension() throws {
    #expect(try binary("Add", floats([1, 2], [2, 1]), floats([10, 20])) == floats([11, 21, 12, 22], [2, 2]))
    #expect(try binary("Mul", floats([3], []), floats([1, 2])) == floats([3, 6]))
    #expect(try binary("Sub", floats([], [0, 1]), floats([1, 2])) == floats([], [0, 2]))
    #expect(throws: CheckpointError.self) { try binary("Add", floats([1, 2]), floats([1, 2, 3])) }
  }

  @Test func halvesAreComputedWideAndRounded() throws {
    let (a, b) = (numbers(.float16, [2048]), numbers(.float16, [1]))
    #expect(try binary("AddV2", a, b, 19) == numbers(.float16, [2048]))
    let sum = try OpRun.one("Sum", [numbers(.float16, [2048, 1, 1]), ints([0])], [("T", .type(19))])
    #expect(sum == numbers(.float16, [2050], []))
  }

  @Test func reductionsOverNothingGiveTheirNeutralElement() throws {
    func reduce(_ op: String) throws -> OpRun.Array {
      try OpRun.one(op, [floats([], [2, 0]), ints([1])], [("T", .float)])
    }
    #expect(try reduce("Sum") == floats([0, 0]))
    #expect(try reduce("Prod") == floats([1, 1]))
    #expect(try reduce("Max") == floats([-.infinity, -.infinity]))
    #expect(try reduce("Min") == floats([.infinity, .infinity]))
    #expect(try reduce("Mean") == floats([.nan, .nan]))
  }

  @Test func axesMayBeNegativeOrNone() throws {
    let x = floats([1, 2, 3, 4], [2, 2])
    #expect(try OpRun.one("Sum", [x, ints([-1])], [("T", .float)]) == floats([3, 7]))
    #expect(try OpRun.one("Sum", [x, ints([])], [("T", .float)]) == x)
    #expect(try OpRun.one("Sum", [x, ints([0, -1])], [("T", .float), ("keep_dims", .bool(true))]).shape == [1, 1])
    #expect(throws: CheckpointError.self) { try OpRun.one("Sum", [x, ints([2])], [("T", .float)]) }
    #expect(throws: CheckpointError.self) { try OpRun.one("Sum", [x, ints([0, -2])], [("T", .float)]) }
  }

  @Test func axesApartAreReducedTogether() throws {
    let x = floats((0..<12).map { Double($0) }, [2, 3, 2])
    #expect(try OpRun.one("Sum", [x, ints([0, 2])], [("T", .float)]) == floats([14, 22, 30]))
    #expect(try OpRun.one("Max", [x, ints([2, 0])], [("T", .float)]) == floats([7, 9, 11]))
  }

  @Test func nanWinsInMaxAndNeverInArgMax() throws {
    let x = floats([1, .nan, 2])
    #expect(try OpRun.one("Max", [x, ints([0])], [("T", .float)]) == floats([.nan], []))
    #expect(try OpRun.one("ArgMax", [x, scalar(0)], [("T", .float)]) == numbers(.int64, [2], []))
    #expect(try binary("Maximum", floats([.nan]), floats([1])) == floats([.nan]))
  }

  @Test func argMaxTakesTheFirstOfEqualOnes() throws {
    let y = try OpRun.one("ArgMax", [floats([3, 5, 5]), scalar(-1)], [("output_type", .int)])
    #expect(y == ints([1], []))
  }

  @Test func castsLikeTheProcessor() throws {
    func cast(_ x: OpRun.Array, _ from: Int, _ to: Int) throws -> OpRun.Array {
      try OpRun.one("Cast", [x], [("SrcT", .type(from)), ("DstT", .type(to))])
    }
    #expect(try cast(floats([1.9, -1.9]), 1, 3) == ints([1, -1]))
    #expect(try cast(floats([3e9, .nan]), 1, 3) == ints([Int(Int32.min), Int(Int32.min)]))
    #expect(try cast(floats([.nan, 0, -0.0, 0.1]), 1, 10) == truths([true, false, false, true]))
    #expect(try cast(ints([300, -1]), 3, 4) == numbers(.uint8, [44, 255]))
    #expect(try cast(numbers(.float64, [1e300]), 2, 1) == floats([.infinity]))
  }

  @Test func topKBreaksTiesByTheLowerIndex() throws {
    let run = try OpRun("TopKV2", [floats([1, 4, 4, 2]), scalar(3)], [("T", .float)], outputs: 2)
    #expect(run.outputs == [floats([4, 4, 2]), ints([1, 2, 3])])
  }

  @Test(arguments: [0, 1, 2, 5, 19, 20])
  func topKAgreesWithSorting(k: Int) throws {
    let x = (0..<200).map { Double($0 * 7919 % 31) }
    let order = x.indices.sorted { x[$0] == x[$1] ? $0 < $1 : x[$0] > x[$1] }
    let run = try OpRun("TopKV2", [floats(x), scalar(k)], [("T", .float)], outputs: 2)
    #expect(run.outputs[1] == ints(Array(order[..<k])))
  }

  @Test func cumulativeSumsMayExcludeAndReverse() throws {
    func sum(_ exclusive: Bool, _ reverse: Bool) throws -> OpRun.Array {
      try OpRun.one(
        "Cumsum", [ints([1, 2, 3]), scalar(0)],
        [("T", .int), ("exclusive", .bool(exclusive)), ("reverse", .bool(reverse))])
    }
    #expect(try sum(false, false) == ints([1, 3, 6]))
    #expect(try sum(true, false) == ints([0, 1, 3]))
    #expect(try sum(true, true) == ints([5, 3, 0]))
  }

  @Test func einsumTakesDiagonalsAndPutsThemBack() throws {
    let x = floats([1, 2, 3, 4], [2, 2])
    func einsum(_ equation: String, _ operands: [OpRun.Array]) throws -> OpRun.Array {
      try OpRun.one("Einsum", operands, [("T", .float), ("equation", .text(equation))])
    }
    #expect(try einsum("ii->i", [x]) == floats([1, 4]))
    #expect(try einsum("ii->", [x]) == floats([5], []))
    #expect(try einsum("i->ii", [floats([1, 4])]) == floats([1, 0, 0, 4], [2, 2]))
    #expect(try einsum("ij,jk->ik", [x, x]) == floats([7, 10, 15, 22], [2, 2]))
    #expect(try einsum("...i,i->...", [x, floats([1, 10])]) == floats([21, 43]))
    #expect(throws: CheckpointError.self) { try einsum("ij->k", [x]) }
  }

  @Test func segmentsWithoutRowsAreEmpty() throws {
    let x = floats([1, 2, 3])
    #expect(try OpRun.one("SegmentSum", [x, ints([0, 0, 2])], [("T", .float)]) == floats([3, 0, 3]))
    let largest = Double(-Float.greatestFiniteMagnitude)
    let y = try OpRun.one("UnsortedSegmentMax", [x, ints([1, -1, 1]), scalar(2)], [("T", .float)])
    #expect(y == floats([largest, 3]))
    #expect(throws: CheckpointError.self) {
      try OpRun.one("SegmentSum", [x, ints([1, 0, 2])], [("T", .float)])
    }
  }

  @Test func selectTakesWholeRowsByAVector() throws {
    let y = try OpRun.one(
      "Select", [truths([true, false]), ints([1, 2, 3, 4], [2, 2]), ints([5, 6, 7, 8], [2, 2])])
    #expect(y == ints([1, 2, 7, 8], [2, 2]))
  }

  @Test func selectV2BroadcastsAllThree() throws {
    let y = try OpRun.one("SelectV2", [truths([true, false]), ints([1, 2], [2, 1]), ints([9], [])])
    #expect(y == ints([1, 9, 2, 9], [2, 2]))
  }

  @Test func shapesThatDoNotFitAreNotEqualIfAllowed() throws {
    let attributes: [(String, GraphWriter.Attribute)] = [("T", .float), ("incompatible_shape_error", .bool(false))]
    #expect(try OpRun.one("Equal", [floats([1, 2]), floats([1, 2, 3])], attributes) == truths([false], []))
    #expect(try OpRun.one("NotEqual", [floats([1, 2]), floats([1, 2, 3])], attributes) == truths([true], []))
  }

  @Test func aProductOverNothingIsZero() throws {
    let y = try OpRun.one("MatMul", [floats([], [2, 0]), floats([], [0, 3])], [("T", .float)])
    #expect(y == floats([0, 0, 0, 0, 0, 0], [2, 3]))
  }
}

@Suite struct HalfTests {
  @Test func everyHalfWidensExactly() {
    for bits in UInt16.min...UInt16.max {
      let half = Float16(bitPattern: bits)
      if half.isNaN {
        #expect(half.widened.isNaN)
      } else {
        #expect(half.widened.bitPattern == Float(half).bitPattern)
        #expect(Float16(rounding: Float(half)).bitPattern == bits)
      }
    }
  }

  @Test func floatsRoundToTheNearestHalf() {
    var bits: UInt32 = 0
    while bits < UInt32.max - 60_013 {
      let value = Float(bitPattern: bits)
      let half = Float16(rounding: value)
      #expect(value.isNaN ? half.isNaN : half.bitPattern == Float16(value).bitPattern)
      bits += 60_013
    }
    #expect(Float16(rounding: .nan).isNaN)
  }
}
