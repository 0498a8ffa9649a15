import CKernels
import CheckpointCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Arithmetic: elementwise, products, reductions, sorting and counting.
enum MathOps {
  static let table: [Op] = pairs + functions + gradients + reductions + products + rows

  /// `z = op(x, y)` with broadcasting.
  private static let pairs: [Op] = [
    .binary("Add", CK_BINARY_ADD, .add),
    .binary("AddV2", CK_BINARY_ADD, .add),
    .binary("Sub", CK_BINARY_SUB, .subtract),
    .binary("Mul", CK_BINARY_MUL, .multiply),
    .binary("Div", CK_BINARY_DIV, .divide),
    .binary("RealDiv", CK_BINARY_DIV, .divide),
    .binary("TruncateDiv", CK_BINARY_DIV),
    .binary("FloorDiv", CK_BINARY_FLOOR_DIV),
    .binary("FloorMod", CK_BINARY_FLOOR_MOD),
    .binary("Mod", CK_BINARY_TRUNCATE_MOD),
    .binary("TruncateMod", CK_BINARY_TRUNCATE_MOD),
    .binary("Maximum", CK_BINARY_MAX),
    .binary("Minimum", CK_BINARY_MIN),
    .binary("Pow", CK_BINARY_POW),
    .binary("SquaredDifference", CK_BINARY_SQUARED_DIFFERENCE),
    .realBinary("DivNoNan", CK_BINARY_DIV_NO_NAN),
    .realBinary("Atan2", CK_BINARY_ATAN2),
    .realBinary("Xlogy", CK_BINARY_XLOGY),
    .realBinary("Xdivy", CK_BINARY_XDIVY),
    .realPairs("Xlog1py", SpecialFunctions.xlog1py),
    .realPairs("MulNoNan") { $1 == 0 ? 0 : $0 * $1 },
    .realPairs("NextAfter") { nextafter($0, $1) },
    .realPairs("Igamma", SpecialFunctions.igamma),
    .realPairs("Igammac", SpecialFunctions.igammac),
    Op("BitwiseAnd") { (node) throws(CheckpointError) in try node.whole("T", WholePairs(operation: .and)) },
    Op("BitwiseOr") { (node) throws(CheckpointError) in try node.whole("T", WholePairs(operation: .or)) },
    Op("BitwiseXor") { (node) throws(CheckpointError) in try node.whole("T", WholePairs(operation: .xor)) },
    Op("LeftShift") { (node) throws(CheckpointError) in try node.whole("T", WholePairs(operation: .leftShift)) },
    Op("RightShift") { (node) throws(CheckpointError) in try node.whole("T", WholePairs(operation: .rightShift)) },
    .plain("Complex", ComplexParts.complex),
  ]

  /// `y = op(x)`.
  private static let functions: [Op] = [
    .unary("Abs", CK_UNARY_ABS),
    .unary("Neg", CK_UNARY_NEG),
    .unary("Sign", CK_UNARY_SIGN),
    .unary("Square", CK_UNARY_SQUARE),
    .realUnary("Sqrt", CK_UNARY_SQRT),
    .realUnary("Rsqrt", CK_UNARY_RSQRT),
    .realUnary("Reciprocal", CK_UNARY_RECIPROCAL),
    .realUnary("Inv", CK_UNARY_RECIPROCAL),
    .realUnary("Exp", CK_UNARY_EXP),
    .realUnary("Expm1", CK_UNARY_EXPM1),
    .realUnary("Log", CK_UNARY_LOG),
    .realUnary("Log1p", CK_UNARY_LOG1P),
    .realUnary("Sin", CK_UNARY_SIN),
    .realUnary("Cos", CK_UNARY_COS),
    .realUnary("Tan", CK_UNARY_TAN),
    .realUnary("Asin", CK_UNARY_ASIN),
    .realUnary("Acos", CK_UNARY_ACOS),
    .realUnary("Atan", CK_UNARY_ATAN),
    .realUnary("Sinh", CK_UNARY_SINH),
    .realUnary("Cosh", CK_UNARY_COSH),
    .realUnary("Asinh", CK_UNARY_ASINH),
    .realUnary("Acosh", CK_UNARY_ACOSH),
    .realUnary("Atanh", CK_UNARY_ATANH),
    .realUnary("Tanh", CK_UNARY_TANH),
    .realUnary("Sigmoid", CK_UNARY_SIGMOID),
    .realUnary("Erf", CK_UNARY_ERF),
    .realUnary("Erfc", CK_UNARY_ERFC),
    .realFunction("Erfinv", SpecialFunctions.erfinv),
    .realFunction("Ndtri", SpecialFunctions.ndtri),
    .realUnary("Lgamma", CK_UNARY_LGAMMA),
    .realFunction("Digamma", SpecialFunctions.digamma),
    .realUnary("Floor", CK_UNARY_FLOOR),
    .realUnary("Ceil", CK_UNARY_CEIL),
    .realUnary("Rint", CK_UNARY_RINT),
    Op("Round") { (node) throws(CheckpointError) in
      switch try node.dtype("T") {
      case .float16, .bfloat16, .float32, .float64: try node.floating("T", Unary(op: CK_UNARY_RINT))
      default: { (context) throws(CheckpointError) in context.emit(try context.read(0)) }
      }
    },
    Op("IsNan") { (node) throws(CheckpointError) in try node.floating("T", FloatQuestion(question: .isNaN)) },
    Op("IsInf") { (node) throws(CheckpointError) in try node.floating("T", FloatQuestion(question: .isInfinite)) },
    Op("IsFinite") { (node) throws(CheckpointError) in try node.floating("T", FloatQuestion(question: .isFinite)) },
    Op("Invert") { (node) throws(CheckpointError) in try node.whole("T", InvertBits()) },
    Op("PopulationCount") { (node) throws(CheckpointError) in try node.whole("T", PopulationCount()) },
    Op("Cast", Cast.build),
    ComplexParts.of("Real") { (real, _) in real },
    ComplexParts.of("Imag") { (_, imaginary) in imaginary },
    ComplexParts.of("ComplexAbs") { (real, imaginary) in hypot(real, imaginary) },
    ComplexParts.of("Angle") { (real, imaginary) in atan2(imaginary, real) },
    .plain("Conj", ComplexParts.conjugate),
  ]

  /// Of elementwise functions: by y, the function's value, or x, its argument, and dy.
  private static let gradients: [Op] = [
    .realPairs("TanhGrad") { (y, dy) in dy * (1 - y * y) },
    .realPairs("SigmoidGrad") { (y, dy) in dy * y * (1 - y) },
    .realPairs("SqrtGrad") { (y, dy) in dy * 0.5 / y },
    .realPairs("RsqrtGrad") { (y, dy) in -0.5 * dy * y * y * y },
    .realPairs("ReciprocalGrad") { (y, dy) in -dy * y * y },
    .realPairs("InvGrad") { (y, dy) in -dy * y * y },
  ]

  /// Over axes, which are input 1.
  private static let reductions: [Op] = [
    .reduction("Sum", CK_REDUCE_SUM),
    .reduction("Mean", CK_REDUCE_MEAN),
    .reduction("Prod", CK_REDUCE_PROD),
    .reduction("Max", CK_REDUCE_MAX),
    .reduction("Min", CK_REDUCE_MIN),
    LogicalReduction.op("Any", isAll: false),
    LogicalReduction.op("All", isAll: true),
    Op("EuclideanNorm") { (node) throws(CheckpointError) in try node.arithmetic("T", EuclideanNorm()) },
    ArgExtreme.op("ArgMax", smallest: false),
    ArgExtreme.op("ArgMin", smallest: true),
    Op("Cumsum") { (node) throws(CheckpointError) in try node.arithmetic("T", Cumulative(isProduct: false)) },
    Op("Cumprod") { (node) throws(CheckpointError) in try node.arithmetic("T", Cumulative(isProduct: true)) },
    Op("CumulativeLogsumexp") { (node) throws(CheckpointError) in try node.floating("T", CumulativeLogSumExp()) },
    Op("AddN") { (node) throws(CheckpointError) in try node.arithmetic("T", AddN()) },
    Op("AccumulateNV2") { (node) throws(CheckpointError) in try node.arithmetic("T", AddN()) },
    Op("L2Loss") { (node) throws(CheckpointError) in try node.floating("T", L2Loss()) },
  ]

  /// Of matrices.
  private static let products: [Op] = [
    Op("MatMul") { (node) throws(CheckpointError) in try node.arithmetic("T", MatMul()) },
    Op("BatchMatMul") { (node) throws(CheckpointError) in try node.arithmetic("T", BatchMatMul()) },
    Op("BatchMatMulV2") { (node) throws(CheckpointError) in try node.arithmetic("T", BatchMatMul()) },
    Op("BatchMatMulV3", BatchMatMul.buildV3),
    Op("Einsum") { (node) throws(CheckpointError) in try node.arithmetic("T", Einsum()) },
    Op("MatrixInverse") { (node) throws(CheckpointError) in
      try node.floating("T", LinearAlgebra(operation: .inverse))
    },
    Op("MatrixDeterminant") { (node) throws(CheckpointError) in
      try node.floating("T", LinearAlgebra(operation: .determinant))
    },
    Op("LogMatrixDeterminant") { (node) throws(CheckpointError) in
      try node.floating("T", LinearAlgebra(operation: .logDeterminant))
    },
    Op("Cholesky") { (node) throws(CheckpointError) in try node.floating("T", LinearAlgebra(operation: .cholesky)) },
    Op("MatrixSolve") { (node) throws(CheckpointError) in try node.floating("T", LinearAlgebra(operation: .solve)) },
    Op("MatrixTriangularSolve") { (node) throws(CheckpointError) in
      try node.floating("T", LinearAlgebra(operation: .triangularSolve))
    },
  ]

  /// Of rows and of counts.
  private static let rows: [Op] = [
    Op("ClipByValue") { (node) throws(CheckpointError) in try node.arithmetic("T", ClipByValue()) },
    Op("Cross") { (node) throws(CheckpointError) in try node.arithmetic("T", Cross()) },
    .sortedSegments("SegmentSum", .sum),
    .sortedSegments("SegmentMean", .mean),
    .sortedSegments("SegmentProd", .product),
    .sortedSegments("SegmentMax", .max),
    .sortedSegments("SegmentMin", .min),
    .unsortedSegments("UnsortedSegmentSum", .sum),
    .unsortedSegments("UnsortedSegmentProd", .product),
    .unsortedSegments("UnsortedSegmentMax", .max),
    .unsortedSegments("UnsortedSegmentMin", .min),
    .sparseSegments("SparseSegmentSum", .sum, hasCount: false),
    .sparseSegments("SparseSegmentMean", .mean, hasCount: false),
    .sparseSegments("SparseSegmentSqrtN", .rootMean, hasCount: false),
    .sparseSegments("SparseSegmentSumWithNumSegments", .sum, hasCount: true),
    .sparseSegments("SparseSegmentMeanWithNumSegments", .mean, hasCount: true),
    .sparseSegments("SparseSegmentSqrtNWithNumSegments", .rootMean, hasCount: true),
    Op("Bincount") { (node) throws(CheckpointError) in try node.arithmetic("T", Bincount(isDense: false)) },
    Op("DenseBincount") { (node) throws(CheckpointError) in try node.arithmetic("T", Bincount(isDense: true)) },
    Op("Bucketize") { (node) throws(CheckpointError) in try node.arithmetic("T", Bucketize(), outputs: 0) },
    Op("HistogramFixedWidth") { (node) throws(CheckpointError) in
      try node.arithmetic("T", HistogramFixedWidth(), outputs: 0)
    },
    Op("TopK") { (node) throws(CheckpointError) in try node.arithmetic("T", TopK(hasInput: false), outputs: 1) },
    Op("TopKV2") { (node) throws(CheckpointError) in try node.arithmetic("T", TopK(hasInput: true), outputs: 1) },
    Op("NthElement") { (node) throws(CheckpointError) in try node.arithmetic("T", NthElement()) },
    Op("InTopK", InTopK.build),
    Op("InTopKV2", InTopK.build),
  ]
}

extension Op {
  fileprivate static func sortedSegments(_ name: String, _ operation: SegmentOperation) -> Op {
    Op(name) { (node) throws(CheckpointError) in
      try node.arithmetic("T", SortedSegments(operation: operation))
    }
  }

  fileprivate static func unsortedSegments(_ name: String, _ operation: SegmentOperation) -> Op {
    Op(name) { (node) throws(CheckpointError) in
      try node.arithmetic(
        "T", UnsortedSegments(operation: operation), saturating: operation == .max || operation == .min)
    }
  }

  fileprivate static func sparseSegments(_ name: String, _ operation: SegmentOperation, hasCount: Bool) -> Op {
    Op(name) { (node) throws(CheckpointError) in
      try node.arithmetic("T", SparseSegments(operation: operation, hasCount: hasCount))
    }
  }
}
