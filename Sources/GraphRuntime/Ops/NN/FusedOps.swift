import CheckpointCore

/// _FusedConv2D, _FusedMatMul: what TensorFlow's optimizer makes of a product, a BiasAdd and an activation, when a graph was
/// saved after it. Inputs a, b, bias. Attributes of Conv2D or MatMul, fused_ops: BiasAdd, then none, Relu or Relu6. float32.
enum FusedOps {
  static func conv2D(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    try Convolution.kernel(node, try tail(node))
  }

  static func matMul(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    try MatMul.kernel(node, try tail(node))
  }

  private static func tail(_ node: NodeContext) throws(CheckpointError) -> FusedTail {
    guard try node.dtype("T") == .float32 else {
      throw CheckpointError(.unsupported, "a fused op of another dtype than float32")
    }
    let names = try node.strings("fused_ops", default: []).map { String(decoding: $0, as: UTF8.self) }
    guard names.first == "BiasAdd", names.count <= 2, ["Relu", "Relu6"].contains(names.dropFirst().first ?? "Relu")
    else {
      throw CheckpointError(
        .unsupported, "fused_ops is \(names)", remedy: "export the graph without TensorFlow's optimizer")
    }
    return FusedTail(biasNode: node.name, activation: names.dropFirst().first)
  }
}
