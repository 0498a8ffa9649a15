import CheckpointCore

/// Sparse tensors: indices [n, rank] (int64), values [n], shape [rank].
enum SparseOps {
  static let table: [Op] =
    SparseShapes.table + SetOperations.table + [
      numeric("SparseTensorDenseMatMul", SparseMatMul.self),
      numeric("SparseDenseCwiseMul", SparseDenseCwise.Mul.self),
      numeric("SparseDenseCwiseAdd", SparseDenseCwise.Add.self),
      Op("SparseDenseCwiseDiv", SparseDenseCwise.Div.build),
      numeric("SparseTensorDenseAdd", SparseDenseAdd.self),
      numeric("SparseAdd", SparseUnion.Add.self, rounding: [1]),
      numeric("SparseSparseMaximum", SparseUnion.Maximum.self, rounding: [1]),
      numeric("SparseSparseMinimum", SparseUnion.Minimum.self, rounding: [1]),
      numeric("SparseReduceSum", SparseReduce.Sum.self),
      numeric("SparseReduceMax", SparseReduce.Maximum.self),
      numeric("SparseReduceSumSparse", SparseReduce.Sum.self, rounding: [1]),
      numeric("SparseReduceMaxSparse", SparseReduce.Maximum.self, rounding: [1]),
      Op("SparseSoftmax") { (node) throws(CheckpointError) in try node.real("T", SparseSoftmax.self) },
    ]

  /// An op on numbers; float16 and bfloat16 by way of float32.
  private static func numeric<K: NumericKernel & SendableMetatype>(
    _ name: String, _ kernel: K.Type, rounding outputs: Set<Int>? = nil
  ) -> Op {
    Op(name) { (node) throws(CheckpointError) in
      let dtype = try node.dtype("T")
      return switch dtype {
      case .float16, .bfloat16: rounded(try K.kernel(Float.self, &node), dtype, outputs)
      default: try node.numeric("T", K.self)
      }
    }
  }
}
