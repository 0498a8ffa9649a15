internal import CKernels
import CheckpointCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The two element types in which floating-point kernels compute, float32 and float64, with the C kernels of each.
/// float16 and bfloat16 are computed as float32 (`NodeContext.real`).
///
/// The C kernels trust their sizes: whoever calls checks shapes first.
protocol RealElement: FloatElement {
  static func exp(_ x: Self) -> Self
  static func expm1(_ x: Self) -> Self
  static func log(_ x: Self) -> Self
  static func log1p(_ x: Self) -> Self
  static func pow(_ x: Self, _ y: Self) -> Self
  static func tanh(_ x: Self) -> Self

  static func convolve(
    _ pool: OpaquePointer?, _ shape: UnsafePointer<ck_conv>, _ x: UnsafePointer<Self>, _ filter: UnsafePointer<Self>,
    _ packed: OpaquePointer?, _ bias: UnsafePointer<Self>?, _ activation: ck_activation,
    _ y: UnsafeMutablePointer<Self>
  ) -> CInt
  static func depthwise(
    _ pool: OpaquePointer?, _ shape: UnsafePointer<ck_conv>, _ x: UnsafePointer<Self>, _ filter: UnsafePointer<Self>,
    _ bias: UnsafePointer<Self>?, _ activation: ck_activation, _ y: UnsafeMutablePointer<Self>
  ) -> CInt
  static func backpropInput(
    _ pool: OpaquePointer?, _ shape: UnsafePointer<ck_conv>, _ filter: UnsafePointer<Self>,
    _ gradient: UnsafePointer<Self>, _ x: UnsafeMutablePointer<Self>
  ) -> CInt
  static func maxPool(
    _ pool: OpaquePointer?, _ shape: UnsafePointer<ck_pooling>, _ x: UnsafePointer<Self>,
    _ y: UnsafeMutablePointer<Self>
  ) -> CInt
  static func averagePool(
    _ pool: OpaquePointer?, _ shape: UnsafePointer<ck_pooling>, _ x: UnsafePointer<Self>,
    _ y: UnsafeMutablePointer<Self>
  ) -> CInt
  static func unary(
    _ pool: OpaquePointer?, _ op: ck_unary, _ n: Int, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>,
    _ alpha: Self
  ) -> CInt
  static func biasAdd(
    _ pool: OpaquePointer?, _ rows: Int, _ channels: Int, _ x: UnsafePointer<Self>, _ bias: UnsafePointer<Self>,
    _ y: UnsafeMutablePointer<Self>)
  static func softmax(
    _ pool: OpaquePointer?, _ rows: Int, _ columns: Int, _ logarithm: Bool, _ x: UnsafePointer<Self>,
    _ y: UnsafeMutablePointer<Self>)
  static func crossEntropy(
    _ pool: OpaquePointer?, _ rows: Int, _ columns: Int, _ logits: UnsafePointer<Self>, _ labels: UnsafePointer<Self>,
    _ loss: UnsafeMutablePointer<Self>, _ gradient: UnsafeMutablePointer<Self>)
  static func batchNorm(
    _ pool: OpaquePointer?, _ outer: Int, _ channels: Int, _ inner: Int, _ x: UnsafePointer<Self>,
    _ scale: UnsafePointer<Self>?, _ offset: UnsafePointer<Self>?, _ mean: UnsafePointer<Self>,
    _ variance: UnsafePointer<Self>, _ epsilon: Self, _ activation: ck_activation, _ y: UnsafeMutablePointer<Self>
  ) -> CInt
  static func product(
    _ pool: OpaquePointer?, _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int,
    _ a: UnsafePointer<Self>, _ lda: Int, _ b: UnsafePointer<Self>, _ ldb: Int, _ c: UnsafeMutablePointer<Self>,
    _ ldc: Int, _ bias: UnsafePointer<Self>?, _ activation: ck_activation
  ) -> CInt
}

// SAFETY: every method below only hands its pointers on; that they cover the sizes is the caller's promise.
extension Float: RealElement {
  static func exp(_ x: Float) -> Float { expf(x) }
  static func expm1(_ x: Float) -> Float { expm1f(x) }
  static func log(_ x: Float) -> Float { logf(x) }
  static func log1p(_ x: Float) -> Float { log1pf(x) }
  static func pow(_ x: Float, _ y: Float) -> Float { powf(x, y) }
  static func tanh(_ x: Float) -> Float { tanhf(x) }

  static func convolve(
    _ pool: OpaquePointer?, _ shape: UnsafePointer<ck_conv>, _ x: UnsafePointer<Float>,
    _ filter: UnsafePointer<Float>, _ packed: OpaquePointer?, _ bias: UnsafePointer<Float>?,
    _ activation: ck_activation, _ y: UnsafeMutablePointer<Float>
  ) -> CInt {
    unsafe ck_conv_f32(pool, shape, x, filter, packed, bias, activation, y)
  }

  static func depthwise(
    _ pool: OpaquePointer?, _ shape: UnsafePointer<ck_conv>, _ x: UnsafePointer<Float>,
    _ filter: UnsafePointer<Float>, _ bias: UnsafePointer<Float>?, _ activation: ck_activation,
    _ y: UnsafeMutablePointer<Float>
  ) -> CInt {
    unsafe ck_depthwise_f32(pool, shape, x, filter, bias, activation, y)
  }

  static func backpropInput(
    _ pool: OpaquePointer?, _ shape: UnsafePointer<ck_conv>, _ filter: UnsafePointer<Float>,
    _ gradient: UnsafePointer<Float>, _ x: UnsafeMutablePointer<Float>
  ) -> CInt {
    unsafe ck_conv_backprop_input_f32(pool, shape, filter, gradient, x)
  }

  static func maxPool(
    _ pool: OpaquePointer?, _ shape: UnsafePointer<ck_pooling>, _ x: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>
  ) -> CInt {
    unsafe ck_max_pool_f32(pool, shape, x, y)
  }

  static func averagePool(
    _ pool: OpaquePointer?, _ shape: UnsafePointer<ck_pooling>, _ x: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>
  ) -> CInt {
    unsafe ck_avg_pool_f32(pool, shape, x, y)
  }

  static func unary(
    _ pool: OpaquePointer?, _ op: ck_unary, _ n: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ alpha: Float
  ) -> CInt {
    unsafe ck_unary_f32(pool, op, n, x, y, alpha)
  }

  static func biasAdd(
    _ pool: OpaquePointer?, _ rows: Int, _ channels: Int, _ x: UnsafePointer<Float>, _ bias: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>
  ) {
    unsafe ck_bias_add_f32(pool, rows, channels, x, bias, CK_LINEAR, y)
  }

  static func softmax(
    _ pool: OpaquePointer?, _ rows: Int, _ columns: Int, _ logarithm: Bool, _ x: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>
  ) {
    unsafe ck_softmax_f32(pool, rows, columns, logarithm ? 1 : 0, x, y)
  }

  static func crossEntropy(
    _ pool: OpaquePointer?, _ rows: Int, _ columns: Int, _ logits: UnsafePointer<Float>,
    _ labels: UnsafePointer<Float>, _ loss: UnsafeMutablePointer<Float>, _ gradient: UnsafeMutablePointer<Float>
  ) {
    unsafe ck_softmax_xent_f32(pool, rows, columns, logits, labels, loss, gradient)
  }

  static func batchNorm(
    _ pool: OpaquePointer?, _ outer: Int, _ channels: Int, _ inner: Int, _ x: UnsafePointer<Float>,
    _ scale: UnsafePointer<Float>?, _ offset: UnsafePointer<Float>?, _ mean: UnsafePointer<Float>,
    _ variance: UnsafePointer<Float>, _ epsilon: Float, _ activation: ck_activation, _ y: UnsafeMutablePointer<Float>
  ) -> CInt {
    unsafe ck_batch_norm_f32(pool, outer, channels, inner, x, scale, offset, mean, variance, epsilon, activation, y)
  }

  static func product(
    _ pool: OpaquePointer?, _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ c: UnsafeMutablePointer<Float>,
    _ ldc: Int, _ bias: UnsafePointer<Float>?, _ activation: ck_activation
  ) -> CInt {
    unsafe ck_gemm_f32(
      pool, transposeA ? 1 : 0, transposeB ? 1 : 0, m, n, k, a, lda, b, ldb, c, ldc, bias, activation)
  }
}

extension Double: RealElement {
  static func exp(_ x: Double) -> Double { libmExp(x) }
  static func expm1(_ x: Double) -> Double { libmExpm1(x) }
  static func log(_ x: Double) -> Double { logarithm(x) }
  static func log1p(_ x: Double) -> Double { libmLog1p(x) }
  static func pow(_ x: Double, _ y: Double) -> Double { libmPow(x, y) }
  static func tanh(_ x: Double) -> Double { libmTanh(x) }

  static func convolve(
    _ pool: OpaquePointer?, _ shape: UnsafePointer<ck_conv>, _ x: UnsafePointer<Double>,
    _ filter: UnsafePointer<Double>, _: OpaquePointer?, _ bias: UnsafePointer<Double>?, _ activation: ck_activation,
    _ y: UnsafeMutablePointer<Double>
  ) -> CInt {
    unsafe ck_conv_f64(pool, shape, x, filter, bias, activation, y)
  }

  static func depthwise(
    _ pool: OpaquePointer?, _ shape: UnsafePointer<ck_conv>, _ x: UnsafePointer<Double>,
    _ filter: UnsafePointer<Double>, _ bias: UnsafePointer<Double>?, _ activation: ck_activation,
    _ y: UnsafeMutablePointer<Double>
  ) -> CInt {
    unsafe ck_depthwise_f64(pool, shape, x, filter, bias, activation, y)
  }

  static func backpropInput(
    _ pool: OpaquePointer?, _ shape: UnsafePointer<ck_conv>, _ filter: UnsafePointer<Double>,
    _ gradient: UnsafePointer<Double>, _ x: UnsafeMutablePointer<Double>
  ) -> CInt {
    unsafe ck_conv_backprop_input_f64(pool, shape, filter, gradient, x)
  }

  static func maxPool(
    _ pool: OpaquePointer?, _ shape: UnsafePointer<ck_pooling>, _ x: UnsafePointer<Double>,
    _ y: UnsafeMutablePointer<Double>
  ) -> CInt {
    unsafe ck_max_pool_f64(pool, shape, x, y)
  }

  static func averagePool(
    _ pool: OpaquePointer?, _ shape: UnsafePointer<ck_pooling>, _ x: UnsafePointer<Double>,
    _ y: UnsafeMutablePointer<Double>
  ) -> CInt {
    unsafe ck_avg_pool_f64(pool, shape, x, y)
  }

  static func unary(
    _ pool: OpaquePointer?, _ op: ck_unary, _ n: Int, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>,
    _ alpha: Double
  ) -> CInt {
    unsafe ck_unary_f64(pool, op, n, x, y, alpha)
  }

  static func biasAdd(
    _ pool: OpaquePointer?, _ rows: Int, _ channels: Int, _ x: UnsafePointer<Double>, _ bias: UnsafePointer<Double>,
    _ y: UnsafeMutablePointer<Double>
  ) {
    unsafe ck_bias_add_f64(pool, rows, channels, x, bias, CK_LINEAR, y)
  }

  static func softmax(
    _ pool: OpaquePointer?, _ rows: Int, _ columns: Int, _ logarithm: Bool, _ x: UnsafePointer<Double>,
    _ y: UnsafeMutablePointer<Double>
  ) {
    unsafe ck_softmax_f64(pool, rows, columns, logarithm ? 1 : 0, x, y)
  }

  static func crossEntropy(
    _ pool: OpaquePointer?, _ rows: Int, _ columns: Int, _ logits: UnsafePointer<Double>,
    _ labels: UnsafePointer<Double>, _ loss: UnsafeMutablePointer<Double>, _ gradient: UnsafeMutablePointer<Double>
  ) {
    unsafe ck_softmax_xent_f64(pool, rows, columns, logits, labels, loss, gradient)
  }

  static func batchNorm(
    _ pool: OpaquePointer?, _ outer: Int, _ channels: Int, _ inner: Int, _ x: UnsafePointer<Double>,
    _ scale: UnsafePointer<Double>?, _ offset: UnsafePointer<Double>?, _ mean: UnsafePointer<Double>,
    _ variance: UnsafePointer<Double>, _ epsilon: Double, _ activation: ck_activation,
    _ y: UnsafeMutablePointer<Double>
  ) -> CInt {
    unsafe ck_batch_norm_f64(pool, outer, channels, inner, x, scale, offset, mean, variance, epsilon, activation, y)
  }

  static func product(
    _ pool: OpaquePointer?, _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int,
    _ a: UnsafePointer<Double>, _ lda: Int, _ b: UnsafePointer<Double>, _ ldb: Int, _ c: UnsafeMutablePointer<Double>,
    _ ldc: Int, _ bias: UnsafePointer<Double>?, _ activation: ck_activation
  ) -> CInt {
    unsafe ck_gemm_f64(
      pool, transposeA ? 1 : 0, transposeB ? 1 : 0, m, n, k, a, lda, b, ldb, c, ldc, bias, activation)
  }
}

// Inside the extensions above the plain names mean the static methods.
private func libmExp(_ x: Double) -> Double { exp(x) }
private func libmExpm1(_ x: Double) -> Double { expm1(x) }
private func libmLog1p(_ x: Double) -> Double { log1p(x) }
private func libmPow(_ x: Double, _ y: Double) -> Double { pow(x, y) }
private func libmTanh(_ x: Double) -> Double { tanh(x) }

/// A kernel whose text is the same for float32 and float64.
protocol RealKernel {
  static func kernel<T: RealElement>(_ type: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel
}

extension NodeContext {
  /// The kernel for the dtype of an attribute: float32, float64, or float16 and bfloat16 by way of float32: inputs of
  /// that dtype are widened, and outputs rounded.
  /// - Parameter outputs: the outputs that have the dtype; nil for all that the kernel makes as float32.
  mutating func real<K: RealKernel>(
    _ key: String, _ kernel: K.Type, rounding outputs: Set<Int>? = nil, default fallback: DType? = nil
  ) throws(CheckpointError) -> Kernel {
    let dtype = try dtype(key, default: fallback)
    switch dtype {
    case .float32: return try K.kernel(Float.self, &self)
    case .float64: return try K.kernel(Double.self, &self)
    case .float16, .bfloat16: return rounded(try K.kernel(Float.self, &self), dtype, outputs)
    default: throw unsupported(dtype)
    }
  }
}

/// A kernel for float16 or bfloat16 made of one for float32.
func rounded(_ kernel: @escaping Kernel, _ dtype: DType, _ outputs: Set<Int>? = nil) -> Kernel {
  { (context) throws(CheckpointError) in
    for i in 0..<context.inputCount {
      guard case .dense(let tensor) = try context.read(i), tensor.dtype == dtype else { continue }
      context.inputs[i] = .dense(try context.converted(tensor, to: .float32))
    }
    try kernel(&context)
    for i in context.outputs.indices where outputs?.contains(i) ?? true {
      guard case .dense(let tensor)? = context.outputs[i], tensor.dtype == .float32 else { continue }
      context.outputs[i] = .dense(try context.converted(tensor, to: dtype))
    }
  }
}

extension KernelContext {
  /// The tensor with its numbers converted to or from float32; itself where it has the dtype already.
  func converted(_ tensor: DenseTensor, to dtype: DType) throws(CheckpointError) -> DenseTensor {
    if tensor.dtype == dtype { return tensor }
    let out = try allocate(dtype, tensor.shape)
    func convert<A: Element, B: Element>(_: A.Type, _: B.Type, _ body: (A) -> B) {
      let x = tensor.elements(A.self)
      var y = out.mutableElements(B.self)
      for i in x.indices { y[i] = body(x[i]) }
    }
    switch (tensor.dtype, dtype) {
    case (.float32, .float16): convert(Float.self, Float16.self) { Float16($0) }
    case (.float32, .bfloat16): convert(Float.self, BFloat16.self) { BFloat16($0) }
    case (.float16, .float32): convert(Float16.self, Float.self) { Float($0) }
    case (.bfloat16, .float32): convert(BFloat16.self, Float.self) { $0.float }
    case (.float64, .float32): convert(Double.self, Float.self) { Float($0) }
    case (.float32, .float64): convert(Float.self, Double.self) { Double($0) }
    case (.int8, .float32): convert(Int8.self, Float.self) { Float($0) }
    case (.int16, .float32): convert(Int16.self, Float.self) { Float($0) }
    case (.int32, .float32): convert(Int32.self, Float.self) { Float($0) }
    case (.int64, .float32): convert(Int64.self, Float.self) { Float($0) }
    case (.uint8, .float32): convert(UInt8.self, Float.self) { Float($0) }
    case (.uint16, .float32): convert(UInt16.self, Float.self) { Float($0) }
    case (.uint32, .float32): convert(UInt32.self, Float.self) { Float($0) }
    case (.uint64, .float32): convert(UInt64.self, Float.self) { Float($0) }
    default:
      throw CheckpointError(.unsupported, "\(tensor.dtype.rawValue) cannot be computed as \(dtype.rawValue)")
    }
    return out
  }

  /// An input of any numeric dtype as float32.
  func floats(_ i: Int) throws(CheckpointError) -> DenseTensor { try converted(try tensor(i), to: .float32) }
}

extension DenseTensor? {
  /// As `DenseTensor.withPointer`, null for no tensor.
  func withPointer<T: Element, R, E: Error>(
    _ type: T.Type = T.self, _ body: (UnsafePointer<T>?) throws(E) -> R
  ) throws(E) -> R {
    guard let self else { return try body(nil) }
    // SAFETY: the pointer goes no further than the closure.
    return try unsafe self.withPointer(T.self) { (p) throws(E) in try unsafe body(p) }
  }
}

extension NumericElement {
  /// The number nearest to `x` toward zero; for whole numbers, 0 for NaN.
  init(saturating x: Double) {
    if x <= Self.lowest.asDouble {
      self = Self.lowest
    } else if x >= Self.highest.asDouble {
      self = Self.highest
    } else if x.isNaN, !(Self.self is any FloatElement.Type) {
      self = 0
    } else {
      self = Self(x)
    }
  }
}
