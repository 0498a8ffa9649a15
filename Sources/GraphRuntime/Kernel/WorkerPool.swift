internal import CKernels

/// The threads among which kernels split large work. The results never depend on their number.
@safe package final class WorkerPool: @unchecked Sendable {
  /// For C kernels; nil is the serial pool.
  // SAFETY: made once, destroyed in deinit; the C side does its own locking.
  package let handle: OpaquePointer?

  /// - Parameter threads: the calling thread included; 1 starts none.
  package init(threads: Int) { unsafe handle = ck_pool_create(CInt(clamping: threads)) }

  deinit { unsafe ck_pool_destroy(handle) }

  package var threads: Int { Int(unsafe ck_pool_threads(handle)) }

  /// Calls `body` once for each index below `count`, on any threads in any order, and returns when all are done.
  package func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
    if count <= 1 || threads == 1 {
      for i in 0..<max(count, 0) { body(i) }
      return
    }
    withoutActuallyEscaping(body) { body in
      var box: @Sendable (Int) -> Void = body
      // SAFETY: `ck_parallel` returns only when every call has ended, so that the box outlives them all.
      unsafe withUnsafeMutablePointer(to: &box) { box in
        unsafe ck_parallel(
          handle, count,
          { context, index in
            unsafe context?.assumingMemoryBound(to: (@Sendable (Int) -> Void).self).pointee(index)
          }, box)
      }
    }
  }
}
