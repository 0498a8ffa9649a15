import CKernels
import CheckpointCore

/// An element type that arithmetic is done in: float32, float64, int32 and int64 by the C kernels, uint64 in Swift.
/// Every other type is computed in a wider one of these (`NodeContext.arithmetic`).
protocol ArithmeticElement: NumericElement, CastTarget {
  /// `out = op(a, b)` as `ck_binary_*`; CK_UNSUPPORTED where the C library has no such kernel.
  static func binary(
    _ pool: OpaquePointer?, _ op: ck_binary, _ rank: Int, _ dimensions: UnsafePointer<Int>,
    _ aStrides: UnsafePointer<Int>,
    _ bStrides: UnsafePointer<Int>, _ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>,
    _ out: UnsafeMutablePointer<Self>
  ) -> CInt
  /// `out = a op b` as `ck_compare_*`.
  static func compare(
    _ pool: OpaquePointer?, _ op: ck_compare, _ rank: Int, _ dimensions: UnsafePointer<Int>,
    _ aStrides: UnsafePointer<Int>,
    _ bStrides: UnsafePointer<Int>, _ a: UnsafePointer<Self>, _ b: UnsafePointer<Self>,
    _ out: UnsafeMutablePointer<UInt8>
  ) -> CInt
  /// `y[outer, inner]` from `x[outer, reduce, inner]` as `ck_reduce_*`.
  static func reduce(
    _ pool: OpaquePointer?, _ op: ck_reduction, _ outer: Int, _ reduce: Int, _ inner: Int, _ x: UnsafePointer<Self>,
    _ y: UnsafeMutablePointer<Self>
  ) -> CInt
  /// Products of one shape as `ck_gemm_batched_*`.
  static func products(
    _ pool: OpaquePointer?, _ transposeA: CInt, _ transposeB: CInt, _ batch: Int, _ m: Int, _ n: Int, _ k: Int,
    _ a: UnsafePointer<Self>, _ aOffsets: UnsafePointer<Int>, _ b: UnsafePointer<Self>, _ bOffsets: UnsafePointer<Int>,
    _ c: UnsafeMutablePointer<Self>
  ) -> CInt
  /// `y = op(x)` as `ck_unary_*`.
  static func unary(
    _ pool: OpaquePointer?, _ op: ck_unary, _ count: Int, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>
  ) -> CInt
  /// The ends of the values that are not infinite.
  static var lowestFinite: Self { get }
  static var highestFinite: Self { get }
  /// The quotient by a whole or real number; whole numbers toward zero.
  func divided(by divisor: Double) -> Self
  /// A whole number as an Int, the nearest one that there is; 0 for floats.
  var wholeValue: Int { get }
}

extension ArithmeticElement where Self: IntegerElement {
  static var lowestFinite: Self { min }
  static var highestFinite: Self { max }
  var wholeValue: Int { Int(clamping: self) }
  func divided(by divisor: Double) -> Self {
    if let whole = Self(exactly: divisor) { return self / whole }
    return Self(exactly: (Double(self) / divisor).rounded(.towardZero)) ?? 0
  }
}

extension ArithmeticElement where Self: FloatElement {
  static var lowestFinite: Self { -Self.greatestFiniteMagnitude }
  static var highestFinite: Self { Self.greatestFiniteMagnitude }
  var wholeValue: Int { 0 }
  func divided(by divisor: Double) -> Self { self / Self(divisor) }
}

/// A kernel that is one text for the five types of arithmetic.
protocol ArithmeticKernel {
  func kernel<T: ArithmeticElement>(_ type: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel
}

/// A kernel that is one text for float32 and float64.
protocol FloatingKernel {
  func kernel<T: ArithmeticElement & RealElement>(_ type: T.Type, _ node: inout NodeContext) throws(CheckpointError)
    -> Kernel
}

/// A kernel that is one text for the whole-number types.
protocol WholeKernel {
  func kernel<T: IntegerElement>(_ type: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel
}

extension Float: ArithmeticElement {
  static func binary(
    _ pool: OpaquePointer?, _ op: ck_binary, _ rank: Int, _ dimensions: UnsafePointer<Int>,
    _ aStrides: UnsafePointer<Int>,
    _ bStrides: UnsafePointer<Int>, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
    _ out: UnsafeMutablePointer<Float>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_binary_f32(pool, op, CInt(rank), dimensions, aStrides, bStrides, a, b, out)
  }

  static func compare(
    _ pool: OpaquePointer?, _ op: ck_compare, _ rank: Int, _ dimensions: UnsafePointer<Int>,
    _ aStrides: UnsafePointer<Int>,
    _ bStrides: UnsafePointer<Int>, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
    _ out: UnsafeMutablePointer<UInt8>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_compare_f32(pool, op, CInt(rank), dimensions, aStrides, bStrides, a, b, out)
  }

  static func reduce(
    _ pool: OpaquePointer?, _ op: ck_reduction, _ outer: Int, _ reduce: Int, _ inner: Int, _ x: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_reduce_f32(pool, op, outer, reduce, inner, x, y)
  }

  static func products(
    _ pool: OpaquePointer?, _ transposeA: CInt, _ transposeB: CInt, _ batch: Int, _ m: Int, _ n: Int, _ k: Int,
    _ a: UnsafePointer<Float>, _ aOffsets: UnsafePointer<Int>, _ b: UnsafePointer<Float>,
    _ bOffsets: UnsafePointer<Int>,
    _ c: UnsafeMutablePointer<Float>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_gemm_batched_f32(pool, transposeA, transposeB, batch, m, n, k, a, aOffsets, b, bOffsets, c)
  }

  static func unary(
    _ pool: OpaquePointer?, _ op: ck_unary, _ count: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_unary_f32(pool, op, count, x, y, 0)
  }
}

extension Double: ArithmeticElement {
  static func binary(
    _ pool: OpaquePointer?, _ op: ck_binary, _ rank: Int, _ dimensions: UnsafePointer<Int>,
    _ aStrides: UnsafePointer<Int>,
    _ bStrides: UnsafePointer<Int>, _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>,
    _ out: UnsafeMutablePointer<Double>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_binary_f64(pool, op, CInt(rank), dimensions, aStrides, bStrides, a, b, out)
  }

  static func compare(
    _ pool: OpaquePointer?, _ op: ck_compare, _ rank: Int, _ dimensions: UnsafePointer<Int>,
    _ aStrides: UnsafePointer<Int>,
    _ bStrides: UnsafePointer<Int>, _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>,
    _ out: UnsafeMutablePointer<UInt8>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_compare_f64(pool, op, CInt(rank), dimensions, aStrides, bStrides, a, b, out)
  }

  static func reduce(
    _ pool: OpaquePointer?, _ op: ck_reduction, _ outer: Int, _ reduce: Int, _ inner: Int, _ x: UnsafePointer<Double>,
    _ y: UnsafeMutablePointer<Double>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_reduce_f64(pool, op, outer, reduce, inner, x, y)
  }

  static func products(
    _ pool: OpaquePointer?, _ transposeA: CInt, _ transposeB: CInt, _ batch: Int, _ m: Int, _ n: Int, _ k: Int,
    _ a: UnsafePointer<Double>, _ aOffsets: UnsafePointer<Int>, _ b: UnsafePointer<Double>,
    _ bOffsets: UnsafePointer<Int>,
    _ c: UnsafeMutablePointer<Double>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_gemm_batched_f64(pool, transposeA, transposeB, batch, m, n, k, a, aOffsets, b, bOffsets, c)
  }

  static func unary(
    _ pool: OpaquePointer?, _ op: ck_unary, _ count: Int, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_unary_f64(pool, op, count, x, y, 0)
  }
}

extension Int32: ArithmeticElement {
  static func binary(
    _ pool: OpaquePointer?, _ op: ck_binary, _ rank: Int, _ dimensions: UnsafePointer<Int>,
    _ aStrides: UnsafePointer<Int>,
    _ bStrides: UnsafePointer<Int>, _ a: UnsafePointer<Int32>, _ b: UnsafePointer<Int32>,
    _ out: UnsafeMutablePointer<Int32>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_binary_i32(pool, op, CInt(rank), dimensions, aStrides, bStrides, a, b, out)
  }

  static func compare(
    _ pool: OpaquePointer?, _ op: ck_compare, _ rank: Int, _ dimensions: UnsafePointer<Int>,
    _ aStrides: UnsafePointer<Int>,
    _ bStrides: UnsafePointer<Int>, _ a: UnsafePointer<Int32>, _ b: UnsafePointer<Int32>,
    _ out: UnsafeMutablePointer<UInt8>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_compare_i32(pool, op, CInt(rank), dimensions, aStrides, bStrides, a, b, out)
  }

  static func reduce(
    _ pool: OpaquePointer?, _ op: ck_reduction, _ outer: Int, _ reduce: Int, _ inner: Int, _ x: UnsafePointer<Int32>,
    _ y: UnsafeMutablePointer<Int32>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_reduce_i32(pool, op, outer, reduce, inner, x, y)
  }

  static func products(
    _ pool: OpaquePointer?, _ transposeA: CInt, _ transposeB: CInt, _ batch: Int, _ m: Int, _ n: Int, _ k: Int,
    _ a: UnsafePointer<Int32>, _ aOffsets: UnsafePointer<Int>, _ b: UnsafePointer<Int32>,
    _ bOffsets: UnsafePointer<Int>,
    _ c: UnsafeMutablePointer<Int32>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_gemm_batched_i32(pool, transposeA, transposeB, batch, m, n, k, a, aOffsets, b, bOffsets, c)
  }

  static func unary(
    _ pool: OpaquePointer?, _ op: ck_unary, _ count: Int, _ x: UnsafePointer<Int32>, _ y: UnsafeMutablePointer<Int32>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_unary_i32(pool, op, count, x, y)
  }
}

extension Int64: ArithmeticElement {
  static func binary(
    _ pool: OpaquePointer?, _ op: ck_binary, _ rank: Int, _ dimensions: UnsafePointer<Int>,
    _ aStrides: UnsafePointer<Int>,
    _ bStrides: UnsafePointer<Int>, _ a: UnsafePointer<Int64>, _ b: UnsafePointer<Int64>,
    _ out: UnsafeMutablePointer<Int64>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_binary_i64(pool, op, CInt(rank), dimensions, aStrides, bStrides, a, b, out)
  }

  static func compare(
    _ pool: OpaquePointer?, _ op: ck_compare, _ rank: Int, _ dimensions: UnsafePointer<Int>,
    _ aStrides: UnsafePointer<Int>,
    _ bStrides: UnsafePointer<Int>, _ a: UnsafePointer<Int64>, _ b: UnsafePointer<Int64>,
    _ out: UnsafeMutablePointer<UInt8>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_compare_i64(pool, op, CInt(rank), dimensions, aStrides, bStrides, a, b, out)
  }

  static func reduce(
    _ pool: OpaquePointer?, _ op: ck_reduction, _ outer: Int, _ reduce: Int, _ inner: Int, _ x: UnsafePointer<Int64>,
    _ y: UnsafeMutablePointer<Int64>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_reduce_i64(pool, op, outer, reduce, inner, x, y)
  }

  static func products(
    _ pool: OpaquePointer?, _ transposeA: CInt, _ transposeB: CInt, _ batch: Int, _ m: Int, _ n: Int, _ k: Int,
    _ a: UnsafePointer<Int64>, _ aOffsets: UnsafePointer<Int>, _ b: UnsafePointer<Int64>,
    _ bOffsets: UnsafePointer<Int>,
    _ c: UnsafeMutablePointer<Int64>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe plainProducts(transposeA != 0, transposeB != 0, batch, m, n, k, a, aOffsets, b, bOffsets, c)
  }

  static func unary(
    _ pool: OpaquePointer?, _ op: ck_unary, _ count: Int, _ x: UnsafePointer<Int64>, _ y: UnsafeMutablePointer<Int64>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe ck_unary_i64(pool, op, count, x, y)
  }
}

extension UInt64: ArithmeticElement {
  static func binary(
    _ pool: OpaquePointer?, _ op: ck_binary, _ rank: Int, _ dimensions: UnsafePointer<Int>,
    _ aStrides: UnsafePointer<Int>,
    _ bStrides: UnsafePointer<Int>, _ a: UnsafePointer<UInt64>, _ b: UnsafePointer<UInt64>,
    _ out: UnsafeMutablePointer<UInt64>
  ) -> CInt {
    var status = CInt(CK_OK)
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe forEachPair(rank, dimensions, aStrides, bStrides) { i, j, k in
      let x = unsafe a[j]
      let y = unsafe b[k]
      switch op {
      case CK_BINARY_ADD: unsafe out[i] = x &+ y
      case CK_BINARY_SUB: unsafe out[i] = x &- y
      case CK_BINARY_MUL: unsafe out[i] = x &* y
      case CK_BINARY_MAX: unsafe out[i] = Swift.max(x, y)
      case CK_BINARY_MIN: unsafe out[i] = Swift.min(x, y)
      case CK_BINARY_SQUARED_DIFFERENCE: unsafe out[i] = (x &- y) &* (x &- y)
      case CK_BINARY_DIV, CK_BINARY_FLOOR_DIV:
        if y == 0 { status = CInt(CK_DIVISION_BY_ZERO) }
        unsafe out[i] = y == 0 ? 0 : x / y
      case CK_BINARY_FLOOR_MOD, CK_BINARY_TRUNCATE_MOD:
        if y == 0 { status = CInt(CK_DIVISION_BY_ZERO) }
        unsafe out[i] = y == 0 ? 0 : x % y
      case CK_BINARY_POW:
        var (power, base, exponent) = (1 as UInt64, x, y)
        while exponent > 0 {
          if exponent & 1 != 0 { power &*= base }
          base &*= base
          exponent >>= 1
        }
        unsafe out[i] = power
      default: status = CInt(CK_UNSUPPORTED)
      }
    }
    return status
  }

  static func compare(
    _ pool: OpaquePointer?, _ op: ck_compare, _ rank: Int, _ dimensions: UnsafePointer<Int>,
    _ aStrides: UnsafePointer<Int>,
    _ bStrides: UnsafePointer<Int>, _ a: UnsafePointer<UInt64>, _ b: UnsafePointer<UInt64>,
    _ out: UnsafeMutablePointer<UInt8>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe forEachPair(rank, dimensions, aStrides, bStrides) { i, j, k in
      let x = unsafe a[j]
      let y = unsafe b[k]
      let holds =
        switch op {
        case CK_COMPARE_EQ: x == y
        case CK_COMPARE_NE: x != y
        case CK_COMPARE_LT: x < y
        case CK_COMPARE_LE: x <= y
        case CK_COMPARE_GT: x > y
        default: x >= y
        }
      unsafe out[i] = holds ? 1 : 0
    }
    return CInt(CK_OK)
  }

  static func reduce(
    _ pool: OpaquePointer?, _ op: ck_reduction, _ outer: Int, _ reduce: Int, _ inner: Int, _ x: UnsafePointer<UInt64>,
    _ y: UnsafeMutablePointer<UInt64>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes: x[outer, reduce, inner], y[outer, inner].
    for o in 0..<outer {
      for i in 0..<inner {
        var sum: UInt64 = op == CK_REDUCE_PROD ? 1 : op == CK_REDUCE_MIN ? .max : 0
        for r in 0..<reduce {
          let value = unsafe x[(o * reduce + r) * inner + i]
          switch op {
          case CK_REDUCE_SUM, CK_REDUCE_MEAN: sum &+= value
          case CK_REDUCE_PROD: sum &*= value
          case CK_REDUCE_MAX: sum = Swift.max(sum, value)
          default: sum = Swift.min(sum, value)
          }
        }
        if op == CK_REDUCE_MEAN, reduce > 0 { sum /= UInt64.init(reduce) }
        unsafe y[o * inner + i] = sum
      }
    }
    return CInt(CK_OK)
  }

  static func products(
    _ pool: OpaquePointer?, _ transposeA: CInt, _ transposeB: CInt, _ batch: Int, _ m: Int, _ n: Int, _ k: Int,
    _ a: UnsafePointer<UInt64>, _ aOffsets: UnsafePointer<Int>, _ b: UnsafePointer<UInt64>,
    _ bOffsets: UnsafePointer<Int>, _ c: UnsafeMutablePointer<UInt64>
  ) -> CInt {
    // SAFETY: the caller's pointers and sizes, passed on.
    unsafe plainProducts(transposeA != 0, transposeB != 0, batch, m, n, k, a, aOffsets, b, bOffsets, c)
  }

  static func unary(
    _ pool: OpaquePointer?, _ op: ck_unary, _ count: Int, _ x: UnsafePointer<UInt64>, _ y: UnsafeMutablePointer<UInt64>
  ) -> CInt {
    for i in 0..<count {
      // SAFETY: both hold `count` elements.
      let value = unsafe x[i]
      switch op {
      case CK_UNARY_NEG: unsafe y[i] = 0 &- value
      case CK_UNARY_ABS, CK_UNARY_RELU: unsafe y[i] = value
      case CK_UNARY_SIGN: unsafe y[i] = value == 0 ? 0 : 1
      case CK_UNARY_SQUARE: unsafe y[i] = value &* value
      default: return CInt(CK_UNSUPPORTED)
      }
    }
    return CInt(CK_OK)
  }
}

/// The products of whole numbers that the C library has no kernel for.
private func plainProducts<T: IntegerElement>(
  _ transposeA: Bool, _ transposeB: Bool, _ batch: Int, _ m: Int, _ n: Int, _ k: Int, _ a: UnsafePointer<T>,
  _ aOffsets: UnsafePointer<Int>, _ b: UnsafePointer<T>, _ bOffsets: UnsafePointer<Int>, _ c: UnsafeMutablePointer<T>
) -> CInt {
  // SAFETY: the caller's pointers: m * k and k * n elements at each offset, batch * m * n of the result.
  for p in 0..<batch {
    let x = unsafe a + aOffsets[p]
    let y = unsafe b + bOffsets[p]
    for i in 0..<m {
      for j in 0..<n {
        var sum: T = 0
        for l in 0..<k {
          unsafe sum &+= x[transposeA ? l * m + i : i * k + l] &* y[transposeB ? j * k + l : l * n + j]
        }
        unsafe c[(p * m + i) * n + j] = sum
      }
    }
  }
  return CInt(CK_OK)
}

/// Walks two operands in the order of a dense result: calls `body` with the positions (result, a, b).
private func forEachPair(
  _ rank: Int, _ dimensions: UnsafePointer<Int>, _ aStrides: UnsafePointer<Int>, _ bStrides: UnsafePointer<Int>,
  _ body: (Int, Int, Int) -> Void
) {
  var index = [Int](repeating: 0, count: rank)
  var (i, a, b) = (0, 0, 0)
  // SAFETY: each of the three has `rank` entries.
  for d in 0..<rank where unsafe dimensions[d] == 0 { return }
  while true {
    body(i, a, b)
    i += 1
    var d = rank - 1
    while d >= 0 {
      index[d] += 1
      unsafe a += aStrides[d]
      unsafe b += bStrides[d]
      if unsafe index[d] < dimensions[d] { break }
      unsafe a -= aStrides[d] * dimensions[d]
      unsafe b -= bStrides[d] * dimensions[d]
      index[d] = 0
      d -= 1
    }
    if d < 0 { return }
  }
}
