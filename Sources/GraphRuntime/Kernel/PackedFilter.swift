internal import CKernels
import CheckpointCore

/// A float32 matrix in the order in which the C kernels read it, charged to the run's memory.
@safe final class PackedFilter: @unchecked Sendable {
  // SAFETY: made by `init`, freed in deinit, never written in between.
  let handle: OpaquePointer
  private let budget: MemoryBudget
  private let byteCount: Int

  /// Nil where there is no room for the copy.
  init?(_ tensor: DenseTensor, columns: Int, pool: OpaquePointer?, budget: MemoryBudget) {
    guard columns > 0, tensor.elementCount > 0, budget.tryCharge(tensor.byteCount) else { return nil }
    let rows = tensor.elementCount / columns
    // SAFETY: the tensor has rows * columns elements.
    let made = unsafe tensor.withPointer(Float.self) { p in unsafe ck_pack_f32(pool, 0, columns, rows, p, columns) }
    guard let made = unsafe made else {
      budget.refund(tensor.byteCount)
      return nil
    }
    unsafe handle = made
    self.budget = budget
    byteCount = tensor.byteCount
  }

  deinit {
    // SAFETY: nobody else has the handle.
    unsafe ck_packed_free_f32(handle)
    budget.refund(byteCount)
  }
}

extension KernelContext {
  /// The matrix [n, `columns`] packed, if it is a constant or variable and there is room; kept from run to run.
  func packed(_ matrix: DenseTensor, columns: Int) throws(CheckpointError) -> PackedFilter? {
    let pool = unsafe pool
    let budget = run.budget
    return try cached(from: matrix) { (tensor) throws(CheckpointError) -> PackedFilter? in
      // SAFETY: the pool lives as long as the run.
      unsafe PackedFilter(tensor, columns: columns, pool: pool, budget: budget)
    }
  }
}
