import CheckpointCore

/// Ops that put the elements in another order.
enum Permuting {
  /// Transpose, ConjugateTranspose: dimension `perm[i]` becomes the i-th. Attributes T, Tperm.
  static func transpose(conjugate: Bool) -> Kernel {
    { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      let permutation = try context.axes(1, rank: x.rank)
      guard permutation.count == x.rank, Set(permutation).count == x.rank else {
        throw CheckpointError(.corrupt, "\(permutation) is not an order of \(x.rank) dimensions")
      }
      let y = try context.permuted(x, permutation)
      context.emit(conjugate ? try context.conjugated(y) : y)
    }
  }

  /// ReverseV2: the axes of input 1 turned round. Attributes T, Tidx.
  static let reverseV2: Kernel = { (context) throws(CheckpointError) in
    let x = try context.tensor(0)
    let axes = try context.axes(1, rank: x.rank)
    guard Set(axes).count == axes.count else { throw CheckpointError(.corrupt, "an axis of \(axes) is given twice") }
    context.emit(try context.reversed(x, Set(axes)))
  }

  /// Reverse: the dimensions turned round for which input 1 says so. Attribute T.
  static let reverse: Kernel = { (context) throws(CheckpointError) in
    let x = try context.tensor(0)
    let flags = try context.tensor(1, .bool)
    guard flags.elementCount == x.rank else {
      throw CheckpointError(.corrupt, "\(flags.elementCount) truth values do not fit the shape \(x.shape)")
    }
    var axes: Set<Int> = []
    for i in 0..<x.rank where flags.elements(UInt8.self)[i] != 0 { axes.insert(i) }
    context.emit(try context.reversed(x, axes))
  }

  /// ReverseSequence: of each slice along `batch_dim`, the first elements along `seq_dim` turned round, as many as
  /// input 1 says for the slice. Attributes T, Tlen, seq_dim, batch_dim.
  static func buildReverseSequence(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let sequence = try node.int("seq_dim")
    let batch = try node.int("batch_dim", default: 0)
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      let lengths = try context.ints(1)
      let seqAxis = try normalized(axis: sequence, rank: x.rank)
      let batchAxis = try normalized(axis: batch, rank: x.rank)
      guard seqAxis != batchAxis, lengths.count == x.dimensions[batchAxis] else {
        throw CheckpointError(.corrupt, "\(lengths.count) lengths do not fit the shape \(x.shape)")
      }
      let y = try context.allocate(x.dtype, x.shape)
      let dense = denseStrides(x.dimensions)
      for (i, length) in lengths.enumerated() {
        guard length >= 0, length <= x.dimensions[seqAxis] else {
          throw CheckpointError(.corrupt, "the length \(length) lies outside 0...\(x.dimensions[seqAxis])")
        }
        var box = x.dimensions
        box[batchAxis] = 1
        box[seqAxis] = length
        let first = i * dense[batchAxis]
        if length > 0 {
          var back = dense
          back[seqAxis] = -dense[seqAxis]
          try context.copy(
            box, from: x, Walk(first: first + (length - 1) * dense[seqAxis], strides: back), to: y,
            Walk(first: first, strides: dense))
        }
        box[seqAxis] = x.dimensions[seqAxis] - length
        let rest = Walk(first: first + length * dense[seqAxis], strides: dense)
        try context.copy(box, from: x, rest, to: y, rest)
      }
      context.emit(y)
    }
  }

  /// Roll: elements pushed along axes (input 2) by shifts (input 1), those beyond the end back to the beginning.
  /// Attributes T, Tshift, Taxis.
  static let roll: Kernel = { (context) throws(CheckpointError) in
    var x = try context.tensor(0)
    let shifts = try context.ints(1)
    let axes = try context.axes(2, rank: x.rank)
    guard shifts.count == axes.count, x.rank > 0 else {
      throw CheckpointError(.corrupt, "\(shifts.count) shifts do not fit \(axes.count) axes of the shape \(x.shape)")
    }
    for (shift, axis) in zip(shifts, axes) {
      let size = x.dimensions[axis]
      guard size > 0, x.elementCount > 0 else { break }
      let by = (shift % size + size) % size
      if by == 0 { continue }
      let y = try context.allocate(x.dtype, x.shape)
      let outer = x.dimensions[..<axis].reduce(1, *)
      let inner = x.dimensions[(axis + 1)...].reduce(1, *)
      let strides = [size * inner, 1]
      try context.copy(
        [outer, (size - by) * inner], from: x, Walk(strides: strides), to: y, Walk(first: by * inner, strides: strides))
      try context.copy(
        [outer, by * inner], from: x, Walk(first: (size - by) * inner, strides: strides), to: y, Walk(strides: strides))
      x = y
    }
    context.emit(x)
  }

  /// Tile: the tensor as often in each dimension as input 1 says. Attributes T, Tmultiples.
  static let tile: Kernel = { (context) throws(CheckpointError) in
    let x = try context.tensor(0)
    let multiples = try context.ints(1)
    guard multiples.count == x.rank else {
      throw CheckpointError(.corrupt, "\(multiples.count) multiples do not fit the shape \(x.shape)")
    }
    var dimensions: [Int] = []
    var box: [Int] = []
    var from: [Int] = []
    let dense = denseStrides(x.dimensions)
    for (i, multiple) in multiples.enumerated() {
      let (size, overflow) = x.dimensions[i].multipliedReportingOverflow(by: multiple)
      guard multiple >= 0, !overflow else {
        throw CheckpointError(.corrupt, "the multiple \(multiple) is out of range")
      }
      dimensions.append(size)
      if multiple != 1 {
        box.append(multiple)
        from.append(0)
      }
      if x.dimensions[i] != 1 {
        box.append(x.dimensions[i])
        from.append(dense[i])
      }
    }
    let shape = try Shape(dimensions)
    if shape == x.shape { return context.emit(x) }
    let y = try context.allocate(x.dtype, shape)
    try context.copy(box, from: x, Walk(strides: from), to: y, Walk(box))
    context.emit(y)
  }
}

extension KernelContext {
  fileprivate func reversed(_ x: DenseTensor, _ axes: Set<Int>) throws(CheckpointError) -> DenseTensor {
    var walk = Walk(x.dimensions)
    for axis in axes where x.dimensions[axis] > 0 {
      walk.first += (x.dimensions[axis] - 1) * walk.strides[axis]
      walk.strides[axis] = -walk.strides[axis]
    }
    if axes.allSatisfy({ x.dimensions[$0] <= 1 }) || x.elementCount == 0 { return x }
    return try box(x.shape, of: x, walk)
  }
}
