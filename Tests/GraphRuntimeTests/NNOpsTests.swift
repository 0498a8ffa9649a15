import CheckpointCore
import ProtoWire
import Testing

@testable import GraphRuntime

private typealias Attributes = [(String, GraphWriter.Attribute)]

private func words(_ text: String) -> GraphWriter.Attribute { .text(text) }
private func list(_ numbers: [Int]) -> GraphWriter.Attribute { .integers(numbers) }

@Suite struct NNOpsTests {
  private let same: Attributes = [("T", .float), ("strides", list([1, 1, 1, 1])), ("padding", words("SAME"))]

  @Test func samePaddingPutsTheOddRowAfter() throws {
    let y = try OpRun.one("Conv2D", [floats([1, 2, 3], [1, 3, 1, 1]), floats([1, 10], [2, 1, 1, 1])], same)
    #expect(y == floats([21, 32, 3], [1, 3, 1, 1]))
  }

  @Test func channelsFirstGivesTheSameNumbers() throws {
    let last = try OpRun.one(
      "Conv2D", [floats([1, 10, 2, 20, 3, 30], [1, 1, 3, 2]), floats([1, 2, 3, 4, 5, 6], [1, 1, 2, 3])], same)
    let first = try OpRun.one(
      "Conv2D", [floats([1, 2, 3, 10, 20, 30], [1, 2, 1, 3]), floats([1, 2, 3, 4, 5, 6], [1, 1, 2, 3])],
      same + [("data_format", words("NCHW"))])
    #expect(last.shape == [1, 1, 3, 3])
    #expect(first.shape == [1, 3, 1, 3])
    let turned = (0..<9).map { last.values[$0 % 3 * 3 + $0 / 3] }
    #expect(first.values == turned)
  }

  @Test func aStrideBeyondTheFilterSkips() throws {
    let attributes: Attributes = [
      ("T", .float), ("strides", list([1, 1, 3, 1])), ("padding", words("VALID")),
    ]
    let y = try OpRun.one("Conv2D", [floats([1, 2, 3, 4, 5], [1, 1, 5, 1]), floats([1], [1, 1, 1, 1])], attributes)
    #expect(y == floats([1, 4], [1, 1, 2, 1]))
  }

  @Test func explicitPaddingsAreTheirOwn() throws {
    let attributes: Attributes = [
      ("T", .float), ("strides", list([1, 1, 1, 1])), ("padding", words("EXPLICIT")),
      ("explicit_paddings", list([0, 0, 0, 0, 2, 0, 0, 0])),
    ]
    let y = try OpRun.one("Conv2D", [floats([1, 2], [1, 1, 2, 1]), floats([1, 10], [1, 2, 1, 1])], attributes)
    #expect(y == floats([0, 10, 21], [1, 1, 3, 1]))
  }

  @Test func groupsAreFoundFromTheFilter() throws {
    let y = try OpRun.one("Conv2D", [floats([2, 3], [1, 1, 1, 2]), floats([10, 100], [1, 1, 1, 2])], same)
    #expect(y == floats([20, 300], [1, 1, 1, 2]))
  }

  @Test func aFilterForOtherChannelsIsRefused() {
    #expect(throws: CheckpointError.self) {
      try OpRun.one("Conv2D", [floats([1, 2, 3], [1, 1, 1, 3]), floats([1, 2], [1, 1, 2, 1])], same)
    }
  }

  @Test func absurdStridesAreRefusedAtLoad() {
    for stride in [0, -1, 1 << 40] {
      #expect(throws: CheckpointError.self) {
        try OpRun.one(
          "Conv2D", [floats([1], [1, 1, 1, 1]), floats([1], [1, 1, 1, 1])],
          [("T", .float), ("strides", list([1, stride, 1, 1])), ("padding", words("SAME"))])
      }
    }
  }

  @Test func aTransposedConvolutionTakesItsSizeFromTheInput() throws {
    let attributes: Attributes = [
      ("T", .float), ("strides", list([1, 1, 2, 1])), ("padding", words("SAME")),
    ]
    let inputs = [ints([1, 1, 4, 1]), floats([1, 10], [1, 2, 1, 1]), floats([1, 2], [1, 1, 2, 1])]
    let y = try OpRun.one("Conv2DBackpropInput", inputs, attributes)
    #expect(y == floats([1, 10, 2, 20], [1, 1, 4, 1]))
    #expect(throws: CheckpointError.self) {
      try OpRun.one("Conv2DBackpropInput", [ints([1, 1, 9, 1])] + inputs[1...], attributes)
    }
  }

  @Test func depthwiseMultipliesChannelByChannel() throws {
    let y = try OpRun.one(
      "DepthwiseConv2dNative", [floats([1, 2], [1, 1, 1, 2]), floats([1, 2, 3, 4], [1, 1, 2, 2])], same)
    #expect(y == floats([1, 2, 6, 8], [1, 1, 1, 4]))
  }

  private func pool(_ op: String, _ x: OpRun.Array, _ window: Int, _ stride: Int, _ padding: String) throws
    -> OpRun.Array
  {
    let attributes: Attributes = [
      ("T", .type(DataType.number(x.dtype))), ("ksize", list([1, 1, window, 1])), ("strides", list([1, 1, stride, 1])),
      ("padding", words(padding)),
    ]
    return try OpRun.one(op, [x], attributes)
  }

  @Test func theMeanOfAWindowLeavesThePaddingOut() throws {
    let y = try pool("AvgPool", floats([1, 2, 3], [1, 1, 3, 1]), 2, 1, "SAME")
    #expect(y == floats([1.5, 2.5, 3], [1, 1, 3, 1]))
  }

  @Test func aWindowThatDoesNotFitGivesNothingOrIsRefused() throws {
    #expect(try pool("MaxPool", floats([1, 2], [1, 1, 2, 1]), 3, 2, "VALID").shape == [1, 1, 0, 1])
    #expect(throws: CheckpointError.self) { try pool("MaxPool", floats([1], [1, 1, 1, 1]), 3, 1, "VALID") }
  }

  @Test func wholeNumbersArePooledToo() throws {
    #expect(try pool("MaxPool", ints([-5, -3, -9], [1, 1, 3, 1]), 2, 1, "VALID") == ints([-3, -3], [1, 1, 2, 1]))
  }

  @Test func theFirstOfEqualValuesIsTheLargest() throws {
    let attributes: Attributes = [
      ("T", .float), ("ksize", list([1, 1, 2, 1])), ("strides", list([1, 1, 2, 1])), ("padding", words("SAME")),
    ]
    let run = try OpRun("MaxPoolWithArgmax", [floats([7, 7, 1], [1, 1, 3, 1])], attributes, outputs: 2)
    #expect(run.outputs[1] == numbers(.int64, [0, 2], [1, 1, 2, 1]))
  }

  @Test func trainingGivesBothVariances() throws {
    let nothing = floats([], [0])
    let run = try OpRun(
      "FusedBatchNormV3", [floats([1, 3], [2, 1, 1, 1]), floats([2]), floats([1]), nothing, nothing],
      [("T", .float), ("U", .float), ("epsilon", .real(0)), ("is_training", .bool(true))], outputs: 6)
    #expect(run.outputs[0] == floats([-1, 3], [2, 1, 1, 1]))
    #expect(run.outputs[1] == floats([2]))
    #expect(run.outputs[2] == floats([2]))
    #expect(run.outputs[4] == floats([1]))
    #expect(run.outputs[5].shape == [])
  }

  @Test func aHalfImageKeepsFloatMoments() throws {
    let one = floats([1])
    let run = try OpRun(
      "FusedBatchNormV3", [numbers(.float16, [1, 3], [2, 1, 1, 1]), one, floats([0]), floats([1]), one],
      [("T", .type(19)), ("U", .float), ("epsilon", .real(0)), ("is_training", .bool(false))], outputs: 3)
    #expect(run.outputs[0] == numbers(.float16, [0, 2], [2, 1, 1, 1]))
    #expect(run.outputs[1].dtype == .float32)
  }

  @Test func aBiasOfOtherLengthIsRefused() {
    #expect(throws: CheckpointError.self) {
      try OpRun.one("BiasAdd", [floats([1, 2], [1, 2]), floats([1, 2, 3])], [("T", .float)])
    }
  }

  @Test func aLabelOutsideTheClassesIsRefused() {
    #expect(throws: CheckpointError.self) {
      try OpRun(
        "SparseSoftmaxCrossEntropyWithLogits", [floats([1, 2], [1, 2]), ints([2])],
        [("T", .float), ("Tlabels", .int)], outputs: 2)
    }
  }

  @Test func greedyDecodingMergesOnlyWhereItIsAsked() throws {
    let logits = floats([0, 9, 0, 0, 9, 0, 0, 0, 9, 0, 9, 0], [4, 1, 3])
    for (merge, expected) in [(true, [1.0, 1]), (false, [1, 1, 1])] {
      let run = try OpRun("CTCGreedyDecoder", [logits, ints([4])], [("merge_repeated", .bool(merge))], outputs: 4)
      #expect(run.outputs[1] == numbers(.int64, expected))
    }
  }

  @Test func beamsFollowTheirParents() throws {
    let steps = ints([1, 2, 3, 4, 5, 6], [3, 1, 2])
    let parents = ints([0, 0, 0, 0, 1, 0], [3, 1, 2])
    let y = try OpRun.one("GatherTree", [steps, parents, ints([3]), scalar(9)])
    #expect(y == ints([1, 1, 4, 3, 5, 6], [3, 1, 2]))
    #expect(throws: CheckpointError.self) {
      try OpRun.one("GatherTree", [steps, ints([0, 0, 0, 0, 7, 0], [3, 1, 2]), ints([3]), scalar(9)])
    }
  }

  @Test func cudnnIsRefusedByName() {
    #expect(throws: CheckpointError.self) { try OpRun.one("CudnnRNN", []) }
  }
}

@Suite struct ImageOpsTests {
  @Test func alignedCornersKeepTheCorners() throws {
    let x = floats([0, 10], [1, 1, 2, 1])
    let y = try OpRun.one("ResizeBilinear", [x, ints([1, 3])], [("T", .float), ("align_corners", .bool(true))])
    #expect(y == floats([0, 5, 10], [1, 1, 3, 1]))
  }

  @Test func bytesBecomeFloats() throws {
    let y = try OpRun.one("ResizeBilinear", [numbers(.uint8, [7], [1, 1, 1, 1]), ints([2, 1])], [("T", .type(4))])
    #expect(y == floats([7, 7], [1, 2, 1, 1]))
  }

  @Test func anAbsurdSizeOfNothingCostsNothing() throws {
    let y = try OpRun.one("ResizeBicubic", [floats([], [0, 1, 1, 1]), ints([1 << 30, 1 << 30])], [("T", .float)])
    #expect(y.shape == [0, 1 << 30, 1 << 30, 1])
    #expect(throws: CheckpointError.self) {
      try OpRun.one("ResizeArea", [floats([1], [1, 1, 1, 1]), ints([1 << 30, 1 << 30])], [("T", .float)])
    }
  }

  @Test func equalScoresKeepTheirOrder() throws {
    let boxes = floats([0, 0, 1, 1, 2, 2, 3, 3, 0, 0, 1, 1], [3, 4])
    let y = try OpRun.one(
      "NonMaxSuppression", [boxes, floats([0.5, 0.5, 0.9]), scalar(3)], [("iou_threshold", .real(0.5))])
    #expect(y == ints([2, 1]))
  }

  @Test func aBoxOfAnotherBatchIsRefused() {
    #expect(throws: CheckpointError.self) {
      try OpRun.one(
        "CropAndResize", [floats([1], [1, 1, 1, 1]), floats([0, 0, 1, 1], [1, 4]), ints([1]), ints([1, 1])],
        [("T", .float)])
    }
  }

  @Test func aHueOfManyTurnsEnds() throws {
    let y = try OpRun.one("AdjustHue", [floats([1, 0, 0], [1, 1, 3]), floats([1e30], [])])
    #expect(y.shape == [1, 1, 3])
  }
}

@Suite struct SparseOpsTests {
  private func longs(_ values: [Double], _ shape: [Int]? = nil) -> OpRun.Array { numbers(.int64, values, shape) }

  @Test func everyEmptyRowGetsTheDefault() throws {
    let run = try OpRun(
      "SparseFillEmptyRows", [longs([1, 2], [1, 2]), floats([7]), longs([3, 4]), floats([9], [])], [("T", .float)],
      outputs: 4)
    #expect(run.outputs[0] == longs([0, 0, 1, 2, 2, 0], [3, 2]))
    #expect(run.outputs[1] == floats([9, 7, 9]))
    #expect(run.outputs[2] == truths([true, false, true]))
    #expect(run.outputs[3] == longs([1]))
  }

  @Test func rowsBeyondAllMemoryAreRefused() {
    #expect(throws: CheckpointError.self) {
      try OpRun(
        "SparseFillEmptyRows", [longs([0, 0], [1, 2]), floats([7]), longs([0x1p60, 4]), floats([9], [])],
        [("T", .float)], outputs: 4)
    }
  }

  @Test func repeatedIndicesAreRefusedUnlessAllowed() throws {
    let inputs = [ints([1, 1]), ints([3]), floats([5, 6]), floats([0], [])]
    #expect(throws: CheckpointError.self) { try OpRun.one("SparseToDense", inputs, [("T", .float)]) }
    let y = try OpRun.one("SparseToDense", inputs, [("T", .float), ("validate_indices", .bool(false))])
    #expect(y == floats([0, 6, 0]))
  }

  @Test func anIndexOutsideTheMatrixIsRefused() {
    for index in [[5.0, 0], [0, -1]] {
      #expect(throws: CheckpointError.self) {
        try OpRun.one(
          "SparseTensorDenseMatMul", [longs(index, [1, 2]), floats([1]), longs([2, 2]), floats([1, 2], [2, 1])],
          [("T", .float)])
      }
    }
  }

  @Test func stringsAreSetsToo() throws {
    let run = try OpRun(
      "DenseToDenseSetOperation", [strings(["b", "a", "b"], [1, 3]), strings(["c"], [1, 1])],
      [("T", .type(7)), ("set_operation", words("union"))], outputs: 3)
    #expect(run.outputs[1] == strings(["a", "b", "c"]))
    #expect(run.outputs[2] == longs([1, 3]))
  }
}

@Suite struct RandomOpsTests {
  private func draw(_ op: String, _ seed: Int) throws -> [Double] {
    try OpRun.one(op, [ints([2])], [("dtype", .float), ("T", .int), ("seed", .integer(seed)), ("seed2", .integer(2))])
      .values
  }

  @Test func seedsGiveTheNumbersOfTensorFlow() throws {
    // tf.raw_ops.RandomUniform(shape=[2], dtype=tf.float32, seed=1, seed2=2)
    #expect(try draw("RandomUniform", 1) == [0x1.a02678p-2, 0x1.b7174cp-1])
  }

  @Test func withoutSeedsEveryRunIsTheSame() throws {
    func once() throws -> [Double] {
      try OpRun.one("RandomStandardNormal", [ints([9])], [("dtype", .float), ("T", .int)]).values
    }
    #expect(try once() == once())
  }

  @Test func truncatedNumbersStayInside() throws {
    let y = try OpRun.one("TruncatedNormal", [ints([2000])], [("dtype", .float), ("T", .int), ("seed", .integer(3))])
    #expect(y.values.allSatisfy { abs($0) < 2 })
  }
}

@Suite struct StringOpsTests {
  @Test func bucketsAreThoseOfTensorFlow() throws {
    // tf.strings.to_hash_bucket_fast(["Hello", "TensorFlow"], 3)
    let y = try OpRun.one("StringToHashBucketFast", [strings(["Hello", "TensorFlow"])], [("num_buckets", .integer(3))])
    #expect(y == numbers(.int64, [0, 2]))
  }

  @Test func whatIsNoNumberIsRefused() throws {
    #expect(try OpRun.one("StringToNumber", [strings([" 1.5 "])]) == floats([1.5]))
    for text in ["", "1.5x", "0x", "one"] {
      #expect(throws: CheckpointError.self) { try OpRun.one("StringToNumber", [strings([text])]) }
    }
  }

  @Test func summariesAreEmpty() throws {
    #expect(try OpRun.one("ScalarSummary", [strings(["loss"], []), floats([1], [])]) == strings([""], []))
  }
}
