import CKernels
import CheckpointCore

/// ResourceGather: rows of a variable, params[b..., i, rest...] for each index i. Attributes dtype, Tindices, batch_dims,
/// validate_indices. Result: params[:batch] + indices[batch:] + params[batch + 1:].
enum ResourceGather {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let batchDimensions = try node.int("batch_dims", default: 0)
    guard batchDimensions >= 0 else { throw CheckpointError(.unsupported, "batch_dims is \(batchDimensions)") }
    return { (context) throws(CheckpointError) in
      let params = try context.resource(0, VariableCell.self).tensor()
      let indices = try context.tensor(1)
      guard indices.dtype == .int32 || indices.dtype == .int64 else {
        throw CheckpointError(.corrupt, "the indices are \(indices.dtype.rawValue)")
      }
      guard batchDimensions < params.rank, batchDimensions <= indices.rank,
        params.dimensions.prefix(batchDimensions) == indices.dimensions.prefix(batchDimensions)
      else {
        throw CheckpointError(
          .corrupt, "indices of shape \(indices.shape) do not fit a variable of shape \(params.shape)")
      }
      let batch = try Shape(Array(params.dimensions.prefix(batchDimensions))).elementCount
      let inner = try Shape(Array(params.dimensions.dropFirst(batchDimensions + 1)))
      let count = try Shape(Array(indices.dimensions.dropFirst(batchDimensions))).elementCount
      let out = try context.allocate(
        params.dtype,
        params.dimensions.prefix(batchDimensions) + indices.dimensions.dropFirst(batchDimensions)
          + inner.dimensions)
      let rows = params.dimensions[batchDimensions]
      let rowBytes = inner.elementCount * params.width
      let width = indices.width
      let pool = unsafe context.pool
      // SAFETY: the pointers are used inside the closures only; each batch's rows, indices and results lie inside them.
      let status = unsafe params.withPointer(UInt8.self) { x in
        unsafe indices.withPointer(UInt8.self) { i in
          unsafe out.withMutablePointer(UInt8.self) { y in
            for b in 0..<batch {
              let status = unsafe ck_gather(
                pool, 1, rows, rowBytes, count, i + b * count * width, width, x + b * rows * rowBytes,
                y + b * count * rowBytes)
              if status != CK_OK { return status }
            }
            return CInt(CK_OK)
          }
        }
      }
      try context.check(status)
      context.emit(out)
    }
  }

  /// ResourceGatherNd: slices of a variable by the coordinates in the last dimension of the indices.
  static func buildND(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let params = try context.resource(0, VariableCell.self).tensor()
      let indices = try context.tensor(1)
      guard let depth = indices.dimensions.last, depth <= params.rank else {
        throw CheckpointError(
          .corrupt, "indices of shape \(indices.shape) do not fit a variable of shape \(params.shape)")
      }
      let slice = try Shape(Array(params.dimensions.dropFirst(depth)))
      let out = try context.allocate(params.dtype, indices.dimensions.dropLast() + slice.dimensions)
      let coordinates = try context.ints(1)
      let strides = denseStrides(params.dimensions)
      let count = try Shape(Array(indices.dimensions.dropLast())).elementCount
      for i in 0..<count {
        var first = 0
        for d in 0..<depth {
          let index = coordinates[i * depth + d]
          guard index >= 0, index < params.dimensions[d] else {
            throw CheckpointError(.corrupt, "the index \(index) lies outside 0..<\(params.dimensions[d])")
          }
          first += index * strides[d]
        }
        let part = try params.elements(from: first, as: slice)
        try out.copy(part, toByteOffset: i * part.byteCount)
      }
      context.emit(out)
    }
  }
}
