import CheckpointCore

/// Gather: rows of input 0 at the indices of input 1. GatherV2: slices along the axis of input 2; attribute batch_dims,
/// the number of leading dimensions that both have (negative: counted from the end of the indices). The indices' shape,
/// without those, takes the axis's place. Attributes Tparams, Tindices, Taxis.
enum Gathering {
  static let gather: Kernel = { (context) throws(CheckpointError) in
    context.emit(try context.gathered(try context.tensor(0), try context.tensor(1), axis: 0, batchDimensions: 0))
  }

  static func buildV2(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let batch = try node.int("batch_dims", default: 0)
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      let indices = try context.tensor(1)
      let axis = try normalized(axis: try context.int(2), rank: x.rank)
      let batchDimensions = batch < 0 ? batch + indices.rank : batch
      guard batchDimensions >= 0, batchDimensions <= min(axis, indices.rank) else {
        throw CheckpointError(.corrupt, "batch_dims is \(batch), the axis \(axis), the indices' shape \(indices.shape)")
      }
      context.emit(try context.gathered(x, indices, axis: axis, batchDimensions: batchDimensions))
    }
  }

  /// GatherNd: elements or slices of input 0 at the index vectors, the last dimension of input 1. Attributes Tparams,
  /// Tindices.
  static let gatherNd: Kernel = { (context) throws(CheckpointError) in
    let x = try context.tensor(0)
    let shape = try context.shape(of: 1)
    let depth = shape.dimensions.last ?? 0
    guard shape.rank > 0, depth <= x.rank else {
      throw CheckpointError(.corrupt, "indices of shape \(shape) do not fit the shape \(x.shape)")
    }
    let leading = Array(x.dimensions[..<depth])
    let rows = try Shape(leading).elementCount
    let row = try Shape(Array(x.dimensions[depth...])).elementCount
    let result = try Shape(shape.dimensions.dropLast() + x.dimensions[depth...])
    let y = try context.allocate(x.dtype, result)
    let count = try Shape(Array(shape.dimensions.dropLast())).elementCount
    guard rows > 0 || count == 0 || row == 0 else {
      throw CheckpointError(.corrupt, "an index lies outside the shape \(x.shape)")
    }
    let flat = try context.tensor(try context.flatIndices(1, leading, count: count))
    try context.gather(x, outer: 1, rows: rows, row: row, flat, into: y)
    context.emit(y)
  }
}

extension KernelContext {
  /// Rows of a shape's leading dimensions, from index vectors.
  /// - Throws: `corrupt` where an index lies outside.
  func flatIndices(_ i: Int, _ leading: [Int], count: Int) throws(CheckpointError) -> [Int64] {
    let list = try ints(i)
    let dense = denseStrides(leading)
    var flat: [Int64] = []
    flat.reserveCapacity(min(count, list.count + 1))
    guard leading.isEmpty || list.count / leading.count == count else {
      throw CheckpointError(.corrupt, "\(list.count) indices are not \(count) of \(leading.count)")
    }
    if leading.isEmpty, count > 0 {
      // Every index vector is empty and means the whole tensor.
      try run.budget.charge(count &* 8)
      defer { run.budget.refund(count &* 8) }
      return [Int64](repeating: 0, count: count)
    }
    for k in 0..<count {
      var row = 0
      for d in leading.indices {
        let index = list[k * leading.count + d]
        guard index >= 0, index < leading[d] else {
          throw CheckpointError(
            .corrupt, "the index \(Array(list[k * leading.count..<(k + 1) * leading.count])) lies outside \(leading)")
        }
        row += index * dense[d]
      }
      flat.append(Int64(row))
    }
    return flat
  }

  func gathered(
    _ x: DenseTensor, _ indices: DenseTensor, axis: Int, batchDimensions: Int
  ) throws(CheckpointError) -> DenseTensor {
    guard x.rank > axis else { throw CheckpointError(.corrupt, "the shape \(x.shape) has no dimension \(axis)") }
    let batch = Array(x.dimensions[..<batchDimensions])
    guard Array(indices.dimensions[..<batchDimensions]) == batch else {
      throw CheckpointError(.corrupt, "the shapes \(x.shape) and \(indices.shape) begin differently")
    }
    guard indices.dtype == .int32 || indices.dtype == .int64 || indices.dtype == .int16 else {
      throw CheckpointError(.corrupt, "the indices are \(indices.dtype.rawValue)")
    }
    let perBatch = try Shape(Array(indices.dimensions[batchDimensions...]))
    let dimensions = x.dimensions[..<axis] + perBatch.dimensions + x.dimensions[(axis + 1)...]
    let y = try allocate(x.dtype, Array(dimensions))
    let outer = x.dimensions[batchDimensions..<axis].reduce(1, *)
    let row = x.dimensions[(axis + 1)...].reduce(1, *)
    let rows = x.dimensions[axis]
    if batchDimensions == 0 {
      try gather(x, outer: outer, rows: rows, row: row, indices, into: y)
      return y
    }
    let batches = try Shape(batch).elementCount
    if y.elementCount == 0 { return y }
    let part = try Shape([outer, rows, row])
    for i in 0..<batches {
      try gather(
        try x.elements(from: i * part.elementCount, as: part), outer: outer, rows: rows, row: row,
        try indices.elements(from: i * perBatch.elementCount, as: perBatch), into: y,
        at: i * outer * perBatch.elementCount * row)
    }
    return y
  }
}
