import CheckpointCore

/// Neural networks: biases, activations, convolutions, pooling, normalisation, losses, recurrent cells, quantisation.
enum NNOps {
  static let table: [Op] =
    Activations.table + ActivationGradients.table + Pooling.table + FakeQuantization.table + [
      Op("BiasAdd", BiasAdd.build),
      Op("BiasAddV1", BiasAdd.build),
      Op("BiasAddGrad") { (node) throws(CheckpointError) in try node.numeric("T", BiasAddGrad.self) },
      Op("Softmax") { (node) throws(CheckpointError) in try node.real("T", Softmax.Plain.self) },
      Op("LogSoftmax") { (node) throws(CheckpointError) in try node.real("T", Softmax.Logarithm.self) },
      Op("SoftmaxCrossEntropyWithLogits") { (node) throws(CheckpointError) in try node.real("T", CrossEntropy.self) },
      Op("SparseSoftmaxCrossEntropyWithLogits") { (node) throws(CheckpointError) in
        try node.real("T", SparseCrossEntropy.self)
      },
      Op("Conv2D") { (node) throws(CheckpointError) in try Convolution.build(&node, spatial: 2) },
      Op("Conv3D") { (node) throws(CheckpointError) in try Convolution.build(&node, spatial: 3) },
      Op("Conv2DBackpropInput") { (node) throws(CheckpointError) in try node.real("T", BackpropInput.Conv2D.self) },
      Op("Conv3DBackpropInputV2") { (node) throws(CheckpointError) in try node.real("T", BackpropInput.Conv3D.self) },
      Op("Conv2DBackpropFilter") { (node) throws(CheckpointError) in try node.real("T", BackpropFilter.self) },
      Op("DepthwiseConv2dNative") { (node) throws(CheckpointError) in try node.real("T", Depthwise.self) },
      Op("DepthwiseConv2dNativeBackpropInput") { (node) throws(CheckpointError) in
        try node.real("T", DepthwiseBackpropInput.self)
      },
      Op("Dilation2D") { (node) throws(CheckpointError) in try node.numeric("T", Dilation2D.self) },
      Op("LRN") { (node) throws(CheckpointError) in try node.real("T", LRN.self, default: .float32) },
      Op("FusedBatchNorm") { (node) throws(CheckpointError) in try FusedBatchNorm.build(&node, reserveSpaces: 2) },
      Op("FusedBatchNormV2") { (node) throws(CheckpointError) in try FusedBatchNorm.build(&node, reserveSpaces: 2) },
      Op("FusedBatchNormV3") { (node) throws(CheckpointError) in try FusedBatchNorm.build(&node, reserveSpaces: 3) },
      Op("BatchNormWithGlobalNormalization") { (node) throws(CheckpointError) in
        try node.real("T", GlobalNormalization.self)
      },
      .plain("GatherTree") { (context) throws(CheckpointError) in try GatherTree.run(&context) },
      .plain("Addons>GatherTree") { (context) throws(CheckpointError) in try GatherTree.run(&context) },
      Op("CTCGreedyDecoder") { (node) throws(CheckpointError) in
        try node.real("T", CTCGreedyDecoder.self, default: .float32)
      },
      Op("CTCBeamSearchDecoder") { (node) throws(CheckpointError) in
        try node.real("T", CTCBeamSearch.self, default: .float32)
      },
      Op("QuantizeAndDequantize") { (node) throws(CheckpointError) in try node.real("T", QuantizeAndDequantize.self) },
      Op("QuantizeAndDequantizeV2") { (node) throws(CheckpointError) in try node.real("T", QuantizeAndDequantize.self)
      },
      Op("QuantizeAndDequantizeV3") { (node) throws(CheckpointError) in try node.real("T", QuantizeAndDequantize.self)
      },
      Op("QuantizeAndDequantizeV4") { (node) throws(CheckpointError) in try node.real("T", QuantizeAndDequantize.self)
      },
      Op("QuantizeV2", Quantize.build),
      Op("Dequantize", Dequantize.build),
      Op("LSTMBlockCell") { (node) throws(CheckpointError) in try node.real("T", BlockLSTM.self) },
      Op("BlockLSTM") { (node) throws(CheckpointError) in try node.real("T", BlockLSTM.self) },
      Op("BlockLSTMV2") { (node) throws(CheckpointError) in try node.real("T", BlockLSTM.self) },
      Op("GRUBlockCell") { (node) throws(CheckpointError) in try node.real("T", GRUBlockCell.self) },
      Op("_FusedConv2D", FusedOps.conv2D),
      Op("_FusedMatMul", FusedOps.matMul),
      refused("CudnnRNN"),
      refused("CudnnRNNV2"),
      refused("CudnnRNNV3"),
      refused("CudnnRNNParamsToCanonical"),
      refused("CudnnRNNCanonicalToParams"),
    ]

  /// Ops whose weights only NVIDIA's library can read.
  private static func refused(_ name: String) -> Op {
    Op(name) { (_) throws(CheckpointError) in
      throw CheckpointError(
        .unsupported, "\(name) runs on NVIDIA graphics cards only",
        remedy: "export the graph with CudnnCompatibleLSTM, or another cell in its place")
    }
  }
}
