import CheckpointCore

/// BatchMatMul, V2, V3: [..., m, k] · [..., k, n] = [..., m, n]. Attributes T (V3: Ta, Tb, Tout), adj_x, adj_y. The
/// leading dimensions broadcast (BatchMatMul: are equal).
struct BatchMatMul: ArithmeticKernel {
  /// V3: Ta, Tb and Tout may differ; whole numbers are multiplied as Tout, floats as float32 or wider.
  static func buildV3(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let output = try node.dtype("Tout")
    let kernel = try node.arithmetic("Tout", BatchMatMul())
    return { (context) throws(CheckpointError) in
      for i in 0..<2 { context.inputs[i] = .dense(try context.cast(try context.tensor(i), to: output)) }
      try kernel(&context)
    }
  }

  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let transposeA = try node.bool("adj_x", default: false)
    let transposeB = try node.bool("adj_y", default: false)
    return { (context) throws(CheckpointError) in
      let a = try context.tensor(0, T.dtype)
      let b = try context.tensor(1, T.dtype)
      context.emit(try context.batchProduct(T.self, a, transposeA, b, transposeB))
    }
  }
}

extension KernelContext {
  func batchProduct<T: ArithmeticElement>(
    _: T.Type, _ a: DenseTensor, _ transposeA: Bool, _ b: DenseTensor, _ transposeB: Bool
  ) throws(CheckpointError) -> DenseTensor {
    guard a.rank >= 2, b.rank >= 2 else {
      throw CheckpointError(.corrupt, "the inputs have the shapes \(a.shape) and \(b.shape), not those of matrices")
    }
    let (aRows, aColumns) = (a.dimensions[a.rank - 2], a.dimensions[a.rank - 1])
    let (bRows, bColumns) = (b.dimensions[b.rank - 2], b.dimensions[b.rank - 1])
    let (m, k) = transposeA ? (aColumns, aRows) : (aRows, aColumns)
    let (n, kOfB) = transposeB ? (bRows, bColumns) : (bColumns, bRows)
    guard k == kOfB else {
      throw CheckpointError(.corrupt, "the matrices of shapes \(a.shape) and \(b.shape) cannot be multiplied")
    }
    let aBatch = try Shape(Array(a.dimensions.dropLast(2)))
    let bBatch = try Shape(Array(b.dimensions.dropLast(2)))
    let plan = try Broadcast(aBatch, bBatch)
    let c = try allocate(T.dtype, plan.shape.dimensions + [m, n])
    if bBatch.elementCount == 1, !transposeA, c.elementCount > 0 {
      // One right-hand matrix for all: the left-hand ones are the rows of a single one.
      try products(T.self, a, [0], false, b, [0], transposeB, c, (m: plan.shape.elementCount * m, n: n, k: k))
      return c
    }
    if c.elementCount == 0 { return c }
    var aOffsets: [Int] = []
    var bOffsets: [Int] = []
    aOffsets.reserveCapacity(plan.shape.elementCount)
    bOffsets.reserveCapacity(plan.shape.elementCount)
    let (aStep, bStep) = (plan.aStrides[plan.aStrides.count - 1], plan.bStrides[plan.bStrides.count - 1])
    plan.forEachRun { _, i, j, count in
      for l in 0..<count {
        aOffsets.append((i + l * aStep) * m * k)
        bOffsets.append((j + l * bStep) * k * n)
      }
    }
    try products(T.self, a, aOffsets, transposeA, b, bOffsets, transposeB, c, (m: m, n: n, k: k))
    return c
  }
}
