import CKernels
import CheckpointCore

/// Less, LessEqual, Greater, GreaterEqual, and Equal, NotEqual of numbers: with broadcasting. Attribute T.
struct Comparison: ArithmeticKernel {
  let op: ck_compare

  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let op = op
    return { (context) throws(CheckpointError) in
      try unsafe context.emitPairs(T.self, result: .bool) { (pool, rank, sizes, aStrides, bStrides, a, b, out) in
        // SAFETY: passed on as `emitPairs` made them.
        unsafe T.compare(pool, op, rank, sizes, aStrides, bStrides, a, b, out)
      }
    }
  }
}

/// Equal, NotEqual: also of truth values, complex numbers and strings. Attributes T, incompatible_shape_error: where it
/// is false, shapes that cannot be broadcast give a single truth value instead of an error.
enum Equality {
  static func build(_ node: inout NodeContext, isEqual: Bool) throws(CheckpointError) -> Kernel {
    let isStrict = try node.bool("incompatible_shape_error", default: true)
    let kernel: Kernel
    let dtype = try node.dtype("T")
    switch dtype {
    // Strings come as numbers (`Op.moving`).
    case .string:
      kernel = { (context) throws(CheckpointError) in
        try context.emitPairs(Int64.self, into: UInt8.self, as: .bool) { ($0 == $1) == isEqual ? 1 : 0 }
      }
    case .bool, .qint8, .quint8:
      kernel = { (context) throws(CheckpointError) in
        try context.emitPairs(UInt8.self, into: UInt8.self, as: .bool) { ($0 == $1) == isEqual ? 1 : 0 }
      }
    case .complex64:
      kernel = { (context) throws(CheckpointError) in
        try context.emitPairs(Complex64.self, into: UInt8.self, as: .bool) {
          ($0.real == $1.real && $0.imaginary == $1.imaginary) == isEqual ? 1 : 0
        }
      }
    case .complex128:
      kernel = { (context) throws(CheckpointError) in
        try context.emitPairs(Complex128.self, into: UInt8.self, as: .bool) {
          ($0.real == $1.real && $0.imaginary == $1.imaginary) == isEqual ? 1 : 0
        }
      }
    default:
      let op = isEqual ? CK_COMPARE_EQ : CK_COMPARE_NE
      kernel = try node.arithmetic("T", Comparison(op: op), outputs: 0)
    }
    if isStrict { return kernel }
    return { (context) throws(CheckpointError) in
      let a = try context.tensor(0).dimensions.reversed()
      let b = try context.tensor(1).dimensions.reversed()
      guard zip(a, b).allSatisfy({ $0 == $1 || $0 == 1 || $1 == 1 }) else {
        return context.emit(try context.scalar(!isEqual))
      }
      try kernel(&context)
    }
  }
}

/// ApproximateEqual: whether two numbers differ by less than `tolerance`. Attributes T, tolerance. Equal shapes.
struct ApproximateEqual: ArithmeticKernel {
  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let limit = Double(try node.float("tolerance", default: 1e-5))
    let tolerance = T.dtype == .float32 || T.dtype == .float64 ? limit : limit.rounded(.towardZero)
    return { (context) throws(CheckpointError) in
      let (a, b) = (try context.tensor(0, T.dtype).shape, try context.tensor(1, T.dtype).shape)
      guard a == b else { throw CheckpointError(.corrupt, "the shapes \(a) and \(b) differ") }
      try context.emitPairs(T.self, into: UInt8.self, as: .bool) { x, y in
        let (low, high) = x < y ? (x, y) : (y, x)
        return high.subtracting(low).asDouble < tolerance ? 1 : 0
      }
    }
  }
}
