internal import CKernels
import CheckpointCore

/// Relu, Relu6, LeakyRelu, Elu, Selu, Softplus, Softsign: elementwise. Attribute T; LeakyRelu: alpha (0.2). Relu, Relu6
/// and LeakyRelu of whole numbers too.
enum Activations {
  static let table: [Op] = [
    Op("Relu") { (node) throws(CheckpointError) in try clamped(&node, CK_UNARY_RELU, Relu.self) },
    Op("Relu6") { (node) throws(CheckpointError) in try clamped(&node, CK_UNARY_RELU6, Relu6.self) },
    Op("LeakyRelu") { (node) throws(CheckpointError) in
      try unary(&node, CK_UNARY_LEAKY_RELU, alpha: try node.float("alpha", default: 0.2))
    },
    Op("Elu") { (node) throws(CheckpointError) in try unary(&node, CK_UNARY_ELU) },
    Op("Selu") { (node) throws(CheckpointError) in try unary(&node, CK_UNARY_SELU) },
    Op("Softplus") { (node) throws(CheckpointError) in try unary(&node, CK_UNARY_SOFTPLUS) },
    Op("Softsign") { (node) throws(CheckpointError) in try unary(&node, CK_UNARY_SOFTSIGN) },
  ]

  private static func clamped<K: NumericKernel>(
    _ node: inout NodeContext, _ op: ck_unary, _ whole: K.Type
  ) throws(CheckpointError) -> Kernel {
    switch try node.dtype("T", default: .float32) {
    case .float32, .float64, .float16, .bfloat16: try unary(&node, op)
    default: try node.numeric("T", K.self)
    }
  }

  static func unary(_ node: inout NodeContext, _ op: ck_unary, alpha: Float = 0) throws(CheckpointError) -> Kernel {
    let dtype = try node.dtype("T", default: .float32)
    switch dtype {
    case .float32: return kernel(Float.self, op, alpha)
    case .float64: return kernel(Double.self, op, Double(alpha))
    case .float16, .bfloat16: return rounded(kernel(Float.self, op, alpha), dtype)
    default: throw node.unsupported(dtype)
    }
  }

  private static func kernel<T: RealElement>(_: T.Type, _ op: ck_unary, _ alpha: T) -> Kernel {
    { (context) throws(CheckpointError) in
      let shape = try context.tensor(0, T.dtype).shape
      let y = try context.output(reusing: 0, T.dtype, shape)
      let x = try context.tensor(0)
      // SAFETY: both have the same number of elements; the kernel allows y to be x.
      let status = unsafe x.withPointer(T.self) { px in
        unsafe y.withMutablePointer(T.self) { py in
          unsafe T.unary(context.pool, op, shape.elementCount, px, py, alpha)
        }
      }
      try context.check(status)
      context.emit(y)
    }
  }

  private enum Relu: NumericKernel {
    static func kernel<T: NumericElement>(_: T.Type, _: inout NodeContext) throws(CheckpointError) -> Kernel {
      { (context) throws(CheckpointError) in context.emit(try context.mapped(T.self) { max($0, T(0)) }) }
    }
  }

  private enum Relu6: NumericKernel {
    static func kernel<T: NumericElement>(_: T.Type, _: inout NodeContext) throws(CheckpointError) -> Kernel {
      { (context) throws(CheckpointError) in context.emit(try context.mapped(T.self) { min(max($0, T(0)), T(6)) }) }
    }
  }
}

extension KernelContext {
  /// `body` of every element of input 0.
  func mapped<T: Element>(_: T.Type, _ body: (T) -> T) throws(CheckpointError) -> DenseTensor {
    let x = try tensor(0, T.dtype)
    let y = try allocate(T.self, x.shape)
    let from = x.elements(T.self)
    var to = y.mutableElements(T.self)
    for i in from.indices { to[i] = body(from[i]) }
    return y
  }
}

/// ReluGrad, Relu6Grad, EluGrad, SeluGrad, LeakyReluGrad, SoftplusGrad, SoftsignGrad: gradients (input 0) and features
/// (input 1; outputs for Elu and Selu) of one shape. Attributes T; LeakyReluGrad: alpha.
enum ActivationGradients {
  static let table: [Op] = [
    row("ReluGrad") { (g, x) in x > 0 ? g : 0 },
    row("Relu6Grad") { (g, x) in x > 0 && x < 6 ? g : 0 },
    row("EluGrad") { (g, y) in y < 0 ? (y + 1) * g : g },
    row("SeluGrad") { (g, y) in y < 0 ? (y + 1.758099340847376859) * g : g * 1.0507009873554804934 },
    Op("LeakyReluGrad") { (node) throws(CheckpointError) in
      let alpha = Double(try node.float("alpha", default: 0.2))
      return try kernel(&node) { (g, x) in x > 0 ? g : g * alpha }
    },
    row("SoftplusGrad") { (g, x) in g / (Double.exp(-x) + 1) },
    row("SoftsignGrad") { (g, x) in g / ((1 + abs(x)) * (1 + abs(x))) },
  ]

  private static func row(_ name: String, _ body: @escaping @Sendable (Double, Double) -> Double) -> Op {
    Op(name) { (node) throws(CheckpointError) in try kernel(&node, body) }
  }

  private static func kernel(
    _ node: inout NodeContext, _ body: @escaping @Sendable (Double, Double) -> Double
  ) throws(CheckpointError) -> Kernel {
    func typed<T: RealElement>(_: T.Type) -> Kernel {
      { (context) throws(CheckpointError) in
        let gradients = try context.tensor(0, T.dtype)
        let features = try context.tensor(1, T.dtype)
        guard gradients.shape == features.shape else {
          throw CheckpointError(.corrupt, "gradients of shape \(gradients.shape) and features of \(features.shape)")
        }
        let out = try context.allocate(T.self, gradients.shape)
        let g = gradients.elements(T.self)
        let x = features.elements(T.self)
        var y = out.mutableElements(T.self)
        for i in g.indices { y[i] = T(body(Double(g[i]), Double(x[i]))) }
        context.emit(out)
      }
    }
    let dtype = try node.dtype("T", default: .float32)
    switch dtype {
    case .float32: return typed(Float.self)
    case .float64: return typed(Double.self)
    case .float16, .bfloat16: return rounded(typed(Float.self), dtype)
    default: throw node.unsupported(dtype)
    }
  }
}
