import CheckpointCore
import Testing

@testable import GraphRuntime

@Suite struct ArrayOpsTests {
  private func slice(
    _ x: OpRun.Array, _ begin: [Int], _ end: [Int], _ strides: [Int],
    _ masks: [(String, GraphWriter.Attribute)] = []
  ) throws -> OpRun.Array {
    try OpRun.one("StridedSlice", [x, ints(begin), ints(end), ints(strides)], [("T", .int)] + masks)
  }

  private let cube = ints(Array(0..<24), [2, 3, 4])

  @Test func aMaskedBeginOrEndIsOpen() throws {
    let masks: [(String, GraphWriter.Attribute)] = [("begin_mask", .integer(1)), ("end_mask", .integer(1))]
    #expect(try slice(ints([1, 2, 3]), [2], [1], [1], masks) == ints([1, 2, 3]))
  }

  @Test func aNegativeStrideWalksBackwards() throws {
    let masks: [(String, GraphWriter.Attribute)] = [("end_mask", .integer(1))]
    #expect(try slice(ints([0, 1, 2, 3, 4]), [-1], [0], [-2], masks) == ints([4, 2, 0]))
    #expect(try slice(ints([0, 1, 2, 3, 4]), [3], [0], [-1]) == ints([3, 2, 1]))
  }

  @Test func indicesBeyondTheEndAreClamped() throws {
    #expect(try slice(ints([0, 1, 2]), [-9], [9], [1]) == ints([0, 1, 2]))
    #expect(try slice(ints([0, 1, 2]), [2], [1], [1]) == ints([]))
  }

  @Test func anEllipsisTakesTheDimensionsThatAreLeft() throws {
    let y = try slice(
      cube, [0, 1], [0, 2], [1, 1], [("ellipsis_mask", .integer(1)), ("shrink_axis_mask", .integer(2))])
    #expect(y == ints([1, 5, 9, 13, 17, 21], [2, 3]))
  }

  @Test func anEllipsisMayTakeNone() throws {
    let y = try slice(
      cube, [1, 0, 2, 3], [2, 0, 3, 4], [1, 1, 1, 1],
      [("ellipsis_mask", .integer(2)), ("shrink_axis_mask", .integer(13))])
    #expect(y == ints([23], []))
  }

  @Test func aNewAxisIsAddedWhereItStands() throws {
    let y = try slice(ints([1, 2]), [0, 0], [0, 2], [1, 1], [("new_axis_mask", .integer(1))])
    #expect(y == ints([1, 2], [1, 2]))
  }

  @Test func aShrinkingIndexMustBeInside() {
    #expect(throws: CheckpointError.self) {
      try slice(ints([1, 2]), [2], [3], [1], [("shrink_axis_mask", .integer(1))])
    }
  }

  @Test func strideZeroIsRefused() {
    #expect(throws: CheckpointError.self) { try slice(ints([1, 2]), [0], [2], [0]) }
  }

  @Test func theLeastStrideDoesNotOverflow() throws {
    let x = numbers(.int64, [5, 6, 7])
    let least = numbers(.int64, [-0x1p63])
    #expect(throws: Never.self) {
      let stride = try OpRun.one(
        "StridedSlice", [x, numbers(.int64, [2]), numbers(.int64, [-9]), least], [("T", .type(9))])
      #expect(stride == numbers(.int64, [7]))
    }
  }

  @Test func reshapeFillsTheOpenDimension() throws {
    #expect(try OpRun.one("Reshape", [cube, ints([-1, 6])]).shape == [4, 6])
    #expect(throws: CheckpointError.self) { try OpRun.one("Reshape", [cube, ints([-1, 5])]) }
    #expect(throws: CheckpointError.self) { try OpRun.one("Reshape", [floats([], [0]), ints([-1, 0])]) }
    #expect(throws: CheckpointError.self) { try OpRun.one("Reshape", [cube, ints([-1, -1])]) }
  }

  @Test func concatCountsANegativeAxisFromTheEnd() throws {
    let y = try OpRun.one(
      "ConcatV2", [ints([1, 2], [2, 1]), ints([3, 4, 5, 6], [2, 2]), scalar(-1)], [("T", .int)])
    #expect(y == ints([1, 3, 4, 2, 5, 6], [2, 3]))
  }

  @Test func packAlongTheLastDimensionInterleaves() throws {
    let y = try OpRun.one("Pack", [ints([1, 2]), ints([3, 4])], [("axis", .integer(-1))])
    #expect(y == ints([1, 3, 2, 4], [2, 2]))
  }

  @Test func splitVGivesTheRestToTheOpenSize() throws {
    let run = try OpRun(
      "SplitV", [ints([1, 2, 3, 4, 5]), ints([1, -1, 2]), scalar(0)], [("num_split", .integer(3))], outputs: 3)
    #expect(run.outputs == [ints([1]), ints([2, 3]), ints([4, 5])])
  }

  @Test func gatherRefusesAnIndexOutside() throws {
    #expect(try OpRun.one("GatherV2", [ints([7, 8, 9]), ints([2, 0]), scalar(-1)]) == ints([9, 7]))
    #expect(throws: CheckpointError.self) { try OpRun.one("GatherV2", [ints([7, 8, 9]), ints([3]), scalar(0)]) }
    #expect(throws: CheckpointError.self) { try OpRun.one("GatherV2", [ints([7, 8, 9]), ints([-1]), scalar(0)]) }
  }

  @Test func gatherWithBatchDimensionsPairsRows() throws {
    let y = try OpRun.one(
      "GatherV2", [ints([1, 2, 3, 4, 5, 6], [2, 3]), ints([0, 2], [2, 1]), scalar(1)], [("batch_dims", .integer(1))])
    #expect(y == ints([1, 6], [2, 1]))
  }

  @Test func scatterAddsWhatMeets() throws {
    let y = try OpRun.one("ScatterNd", [ints([1, 1, 0], [3, 1]), ints([5, 6, 7]), ints([3])], [("T", .int)])
    #expect(y == ints([7, 11, 0]))
  }

  @Test func oneHotLeavesOutsideIndicesOff() throws {
    let y = try OpRun.one(
      "OneHot", [ints([1, -1, 3]), scalar(2), floats([9], []), floats([4], [])], [("axis", .integer(0))])
    #expect(y == floats([4, 4, 4, 9, 4, 4], [2, 3]))
  }

  @Test func uniqueKeepsTheFirstOrder() throws {
    let run = try OpRun("Unique", [floats([3, 1, 3, 0, -0.0, 1])], [("T", .float)], outputs: 2)
    #expect(run.outputs == [floats([3, 1, 0]), ints([0, 1, 0, 2, 2, 1])])
  }

  @Test func stringsMoveLikeNumbers() throws {
    let words = strings(["a", "b", "", "b"], [2, 2])
    #expect(try OpRun.one("Transpose", [words, ints([1, 0])]) == strings(["a", "", "b", "b"], [2, 2]))
    #expect(
      try OpRun.one("Pad", [strings(["x"]), ints([1, 1], [1, 2])], [("T", .type(7))]) == strings(["", "x", ""]))
    #expect(
      try OpRun("Unique", [strings(["b", "a", "b"])], [("T", .type(7)), ("out_idx", .type(9))], outputs: 2).outputs
        == [strings(["b", "a"]), numbers(.int64, [0, 1, 0])])
    #expect(
      try OpRun.one("Equal", [strings(["a", "b"]), strings(["a"])], [("T", .type(7))]) == truths([true, false]))
    #expect(
      try OpRun.one("Select", [truths([true], []), strings(["y"]), strings(["n"])], [("T", .type(7))])
        == strings(["y"]))
  }

  @Test func tileByZeroIsEmpty() throws {
    #expect(try OpRun.one("Tile", [ints([1, 2], [1, 2]), ints([2, 0])]) == ints([], [2, 0]))
    #expect(throws: CheckpointError.self) { try OpRun.one("Tile", [ints([1]), numbers(.int64, [0x1p62])]) }
  }

  @Test func mirrorsReflectAtOrBeforeTheBorder() throws {
    let pads = ints([2, 1], [1, 2])
    #expect(
      try OpRun.one("MirrorPad", [ints([1, 2, 3]), pads], [("mode", .text("REFLECT"))]) == ints([3, 2, 1, 2, 3, 2]))
    #expect(
      try OpRun.one("MirrorPad", [ints([1, 2, 3]), pads], [("mode", .text("SYMMETRIC"))]) == ints([2, 1, 1, 2, 3, 3]))
  }

  @Test func hugeShapesAreRefusedBeforeTheyExist() {
    #expect(throws: CheckpointError.self) {
      try OpRun.one("Fill", [numbers(.int64, [0x1p40, 0x1p40]), floats([1], [])])
    }
    #expect(throws: CheckpointError.self) { try OpRun.one("Fill", [numbers(.int64, [0x1p50]), floats([1], [])]) }
    #expect(throws: CheckpointError.self) {
      try OpRun.one(
        "Range", [numbers(.int64, [-0x1p62], []), numbers(.int64, [0x1p62], []), numbers(.int64, [1], [])],
        [("Tidx", .type(9))])
    }
  }
}
