import CheckpointCore

/// Ops that make, shape, cut, join and reorder tensors without computing on their elements.
enum ArrayOps {
  static let table: [Op] = shapes + slices + orders + places + diagonals + sequences

  private static let shapes: [Op] = [
    Op("Shape", Shapes.build),
    Op("ShapeN", Shapes.build),
    Op("Size", Shapes.buildSize),
    .plain("Rank") { context throws(CheckpointError) in
      context.emit(try context.scalar(Int32(clamping: try context.shape(of: 0).rank)))
    },
    .moves("Reshape", Shapes.reshape),
    .moving("Squeeze", Shapes.buildSqueeze),
    .moves("ExpandDims", Shapes.expandDims),
    Op("EnsureShape", Shapes.buildEnsure),
    .plain("GuaranteeConst") { context throws(CheckpointError) in context.emit(try context.read(0)) },
    .plain("DeepCopy") { context throws(CheckpointError) in context.emit(try context.read(0)) },
    Op("Bitcast", Shapes.buildBitcast),
    .moves("Fill", Shapes.fill),
    .moves("ZerosLike", Shapes.zerosLike),
    .plain("OnesLike", Shapes.onesLike),
    Op("Empty", Shapes.buildEmpty),
    .moves("BroadcastTo", Shapes.broadcastTo),
    .plain("BroadcastArgs", Shapes.broadcastArgs),
    Op("BroadcastGradientArgs", Shapes.buildGradientArgs),
    Op("DataFormatVecPermute") { (node) throws(CheckpointError) in try Shapes.buildFormat(&node, isMap: false) },
    Op("DataFormatDimMap") { (node) throws(CheckpointError) in try Shapes.buildFormat(&node, isMap: true) },
  ]

  private static let slices: [Op] = [
    .moves("Slice", Slice.kernel),
    .moving("StridedSlice", StridedSlice.build),
    Op("StridedSliceGrad", StridedSlice.buildGradient),
    .moving("Pack", Pack.build),
    .moving("Unpack", Unpack.build),
    .moving("Concat") { (node) throws(CheckpointError) in try Concat.build(&node, axisIsFirst: true) },
    .moving("ConcatV2") { (node) throws(CheckpointError) in try Concat.build(&node, axisIsFirst: false) },
    Op("ConcatOffset", Concat.buildOffset),
    .moving("Split", Split.build),
    .moving("SplitV", Split.buildV),
    .moves("Pad", Pads.kernel(hasValue: false)),
    .moves("PadV2", Pads.kernel(hasValue: true)),
    .moving("MirrorPad", Pads.buildMirror),
    .moves("Tile", Permuting.tile),
    Op("ExtractImagePatches", ImagePatches.build),
  ]

  private static let orders: [Op] = [
    .moves("Transpose", Permuting.transpose(conjugate: false)),
    .moves("ConjugateTranspose", Permuting.transpose(conjugate: true)),
    .moves("ReverseV2", Permuting.reverseV2),
    .moves("Reverse", Permuting.reverse),
    .moving("ReverseSequence", Permuting.buildReverseSequence),
    .moves("Roll", Permuting.roll),
    .plain("InvertPermutation", Shapes.invertPermutation),
    .moves("SpaceToBatchND", SpaceBlocks.spaceToBatchND),
    .moving("SpaceToBatch", SpaceBlocks.buildSpaceToBatch),
    .moves("BatchToSpaceND", SpaceBlocks.batchToSpaceND),
    .moving("BatchToSpace", SpaceBlocks.buildBatchToSpace),
    .moving("SpaceToDepth") { (node) throws(CheckpointError) in try SpaceBlocks.buildDepth(&node, toDepth: true) },
    .moving("DepthToSpace") { (node) throws(CheckpointError) in try SpaceBlocks.buildDepth(&node, toDepth: false) },
  ]

  private static let places: [Op] = [
    .moves("Gather", Gathering.gather),
    .moving("GatherV2", Gathering.buildV2),
    .moves("GatherNd", Gathering.gatherNd),
    Op("ScatterNd", ScatterNd.build),
    .moves("TensorScatterUpdate", TensorScatter.update),
    .tensorScatter("TensorScatterAdd", .add),
    .tensorScatter("TensorScatterSub", .subtract),
    .tensorScatter("TensorScatterMax", .max),
    .tensorScatter("TensorScatterMin", .min),
    .moving("DynamicPartition", DynamicPartition.build),
    .moving("DynamicStitch", DynamicStitch.build),
    .moving("ParallelDynamicStitch", DynamicStitch.build),
    .plain("Where", Where.kernel),
    .unique("Unique", hasAxis: false, hasCounts: false),
    .unique("UniqueV2", hasAxis: true, hasCounts: false),
    .unique("UniqueWithCounts", hasAxis: false, hasCounts: true),
    .unique("UniqueWithCountsV2", hasAxis: true, hasCounts: true),
    .moving("ListDiff", outputs: 1, Unique.buildListDiff),
    .plain("UnravelIndex", Shapes.unravelIndex),
    Op("LowerBound") { (node) throws(CheckpointError) in
      try node.arithmetic("T", SortedSearch(isUpper: false), outputs: 0)
    },
    Op("UpperBound") { (node) throws(CheckpointError) in
      try node.arithmetic("T", SortedSearch(isUpper: true), outputs: 0)
    },
  ]

  private static let diagonals: [Op] = [
    .moves("MatrixBandPart", Diagonals.bandPart),
    .moving("MatrixDiag") { (node) throws(CheckpointError) in try Diagonals.buildDiag(&node, version: 1) },
    .moving("MatrixDiagV2") { (node) throws(CheckpointError) in try Diagonals.buildDiag(&node, version: 2) },
    .moving("MatrixDiagV3") { (node) throws(CheckpointError) in try Diagonals.buildDiag(&node, version: 3) },
    .moving("MatrixDiagPart") { (node) throws(CheckpointError) in try Diagonals.buildPart(&node, version: 1) },
    .moving("MatrixDiagPartV2") { (node) throws(CheckpointError) in try Diagonals.buildPart(&node, version: 2) },
    .moving("MatrixDiagPartV3") { (node) throws(CheckpointError) in try Diagonals.buildPart(&node, version: 3) },
    .moving("MatrixSetDiag") { (node) throws(CheckpointError) in try Diagonals.buildSet(&node, version: 1) },
    .moving("MatrixSetDiagV2") { (node) throws(CheckpointError) in try Diagonals.buildSet(&node, version: 2) },
    .moving("MatrixSetDiagV3") { (node) throws(CheckpointError) in try Diagonals.buildSet(&node, version: 3) },
    .moves("Diag", Diagonals.diag),
    .moves("DiagPart", Diagonals.diagPart),
  ]

  private static let sequences: [Op] = [
    Op("Range") { (node) throws(CheckpointError) in try node.arithmetic("Tidx", RangeKernel(), default: .int32) },
    Op("LinSpace") { (node) throws(CheckpointError) in try node.floating("T", LinSpace()) },
    .moving("OneHot", OneHot.build),
  ]
}

extension Op {
  fileprivate static func tensorScatter(_ name: String, _ operation: TensorScatter.Operation) -> Op {
    Op(name) { (node) throws(CheckpointError) in try node.arithmetic("T", TensorScatter(operation: operation)) }
  }

  fileprivate static func unique(_ name: String, hasAxis: Bool, hasCounts: Bool) -> Op {
    .moving(name, outputs: 1) { (node) throws(CheckpointError) in
      try Unique.build(&node, hasAxis: hasAxis, hasCounts: hasCounts)
    }
  }
}
