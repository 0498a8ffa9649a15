import CKernels
import CheckpointCore

/// MatMul: [m, k] · [k, n] = [m, n]. Attributes T, transpose_a, transpose_b. No broadcasting. A constant right-hand
/// side is packed once.
struct MatMul: ArithmeticKernel {
  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    try MatMul.kernel(T.self, node, nil)
  }

  /// MatMul of float32 with what was joined to it.
  static func kernel(_ node: NodeContext, _ tail: FusedTail) throws(CheckpointError) -> Kernel {
    try kernel(Float.self, node, tail)
  }

  /// - Parameter tail: float32 only.
  private static func kernel<T: ArithmeticElement>(
    _: T.Type, _ node: NodeContext, _ tail: FusedTail?
  ) throws(CheckpointError) -> Kernel {
    let transposeA = try node.bool("transpose_a", default: false)
    let transposeB = try node.bool("transpose_b", default: false)
    return { (context) throws(CheckpointError) in
      let a = try context.tensor(0, T.dtype)
      let b = try context.tensor(1, T.dtype)
      guard a.rank == 2, b.rank == 2 else {
        throw CheckpointError(.corrupt, "the inputs have the shapes \(a.shape) and \(b.shape), not those of matrices")
      }
      let (m, k) = transposeA ? (a.dimensions[1], a.dimensions[0]) : (a.dimensions[0], a.dimensions[1])
      let (n, kOfB) = transposeB ? (b.dimensions[0], b.dimensions[1]) : (b.dimensions[1], b.dimensions[0])
      guard k == kOfB else {
        throw CheckpointError(.corrupt, "the matrices of shapes \(a.shape) and \(b.shape) cannot be multiplied")
      }
      let bias = try tail?.bias(context, channels: n)
      let activation = tail?.activation ?? CK_LINEAR
      let c = try context.allocate(T.dtype, [m, n])
      if T.dtype == .float32, !transposeB, m > 0, let packed = try context.packed(b, columns: n) {
        // SAFETY: the sizes are those of the tensors, the bias has n elements, and the packed matrix is b.
        let status = unsafe a.withPointer(Float.self) { x in
          unsafe bias.withPointer(Float.self) { offsets in
            unsafe c.withMutablePointer(Float.self) { z in
              unsafe ck_gemm_packed_f32(
                context.pool, transposeA ? 1 : 0, m, x, a.dimensions[1], packed.handle, z, n, offsets, activation)
            }
          }
        }
        try context.check(status)
      } else {
        try context.products(
          T.self, a, [0], transposeA, b, [0], transposeB, c, (m: m, n: n, k: k))
        if let bias, c.elementCount > 0 {
          // SAFETY: c has m * n elements and the bias n; the kernel works in place.
          unsafe bias.withPointer(Float.self) { offsets in
            unsafe c.withMutablePointer(Float.self) { z in
              unsafe ck_bias_add_f32(context.pool, m, n, z, offsets, activation, z)
            }
          }
        }
      }
      context.emit(c)
    }
  }
}

extension KernelContext {
  /// `c[i] = op(a at aOffsets[i]) · op(b at bOffsets[i])` for each of the offsets, in elements.
  /// - Throws: `corrupt` where an offset's matrix does not lie inside its tensor.
  func products<T: ArithmeticElement>(
    _: T.Type, _ a: DenseTensor, _ aOffsets: [Int], _ transposeA: Bool, _ b: DenseTensor, _ bOffsets: [Int],
    _ transposeB: Bool, _ c: DenseTensor, _ size: (m: Int, n: Int, k: Int)
  ) throws(CheckpointError) {
    if c.elementCount == 0 { return }
    if size.k == 0 { return c.zero() }
    // m * k, k * n and m * n do not overflow: each is there as a tensor.
    let aRoom = a.elementCount - size.m * size.k
    let bRoom = b.elementCount - size.k * size.n
    guard aOffsets.count == bOffsets.count, c.elementCount == aOffsets.count * size.m * size.n,
      aOffsets.allSatisfy({ $0 >= 0 && $0 <= aRoom }), bOffsets.allSatisfy({ $0 >= 0 && $0 <= bRoom }),
      a.dtype == T.dtype, b.dtype == T.dtype, c.dtype == T.dtype
    else { throw CheckpointError(.corrupt, "the matrices do not fit their tensors") }
    // SAFETY: every matrix lies inside its tensor, as checked above.
    let status = unsafe a.withPointer(T.self) { x in
      unsafe b.withPointer(T.self) { y in
        unsafe c.withMutablePointer(T.self) { z in
          unsafe T.products(
            pool, transposeA ? 1 : 0, transposeB ? 1 : 0, aOffsets.count, size.m, size.n, size.k, x, aOffsets, y,
            bOffsets, z)
        }
      }
    }
    try check(status)
  }
}
