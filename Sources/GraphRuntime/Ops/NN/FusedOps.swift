internal import CKernels
import CheckpointCore

/// _FusedConv2D, _FusedMatMul: what TensorFlow's optimizer makes of a product, a BiasAdd and an activation, when a graph was
/// saved after it. Inputs a, b, bias. Attributes of Conv2D or MatMul, fused_ops: BiasAdd, then none, Relu or Relu6.
enum FusedOps {
  enum Conv2D: RealKernel {
    static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
      try Convolution.kernel(
        T.self, try ConvolutionAttributes(node, spatial: 2), bias: true, activation: try activation(node))
    }
  }

  enum MatMul: RealKernel {
    static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
      let transposeA = try node.bool("transpose_a", default: false)
      let transposeB = try node.bool("transpose_b", default: false)
      let activation = try activation(node)
      return { (context) throws(CheckpointError) in
        let a = try context.tensor(0, T.dtype)
        let b = try context.tensor(1, T.dtype)
        let bias = try context.tensor(2, T.dtype)
        guard a.rank == 2, b.rank == 2 else {
          throw CheckpointError(.corrupt, "a product of \(a.shape) and \(b.shape)")
        }
        let (m, k) = (a.dimensions[transposeA ? 1 : 0], a.dimensions[transposeA ? 0 : 1])
        let n = b.dimensions[transposeB ? 0 : 1]
        guard b.dimensions[transposeB ? 1 : 0] == k, bias.dimensions == [n] else {
          throw CheckpointError(.corrupt, "a product of \(a.shape) and \(b.shape) with a bias of \(bias.shape)")
        }
        let y = try context.allocate(T.dtype, [m, n])
        // SAFETY: the sizes are those of the tensors, compared above.
        let status = unsafe a.withPointer(T.self) { pa in
          unsafe b.withPointer(T.self) { pb in
            unsafe bias.withPointer(T.self) { bias in
              unsafe y.withMutablePointer(T.self) { py in
                unsafe T.product(
                  context.pool, transposeA, transposeB, m, n, k, pa, a.dimensions[1], pb, b.dimensions[1], py, n, bias,
                  activation)
              }
            }
          }
        }
        try context.check(status)
        context.emit(y)
      }
    }
  }

  private static func activation(_ node: NodeContext) throws(CheckpointError) -> ck_activation {
    let names = try node.strings("fused_ops", default: []).map { String(decoding: $0, as: UTF8.self) }
    switch names {
    case ["BiasAdd"]: return CK_LINEAR
    case ["BiasAdd", "Relu"]: return CK_RELU
    case ["BiasAdd", "Relu6"]: return CK_RELU6
    default:
      throw CheckpointError(
        .unsupported, "fused_ops is \(names)", remedy: "export the graph without TensorFlow's optimizer")
    }
  }
}
