import CheckpointCore

/// Sparse ops that move elements, of any dtype.
enum SparseShapes {
  static let table: [Op] = [
    moving("SparseReorder", outputs: 2, values: [1]) { (context) throws(CheckpointError) in try reorder(&context) },
    moving("SparseReshape", outputs: 2, values: []) { (context) throws(CheckpointError) in try reshape(&context) },
    moving("SparseSlice", outputs: 3, values: [1]) { (context) throws(CheckpointError) in try slice(&context) },
    Op("SparseConcat", concat),
    Op("SparseSplit", split),
    moving("SparseFillEmptyRows", outputs: 4, values: [1]) { (context) throws(CheckpointError) in
      try fillEmptyRows(&context)
    },
    Op("SparseToDense") { (node) throws(CheckpointError) in
      carryingStrings([0], try SparseToDense.build(&node))
    },
  ]

  private static func moving(_ name: String, outputs: Int, values: Set<Int>, _ kernel: @escaping Kernel) -> Op {
    Op(name) { (node) throws(CheckpointError) in
      node.outputCount = outputs
      return carryingStrings(values, kernel)
    }
  }

  /// SparseReorder: indices, values, shape; the elements in row-major order.
  private static func reorder(_ context: inout KernelContext) throws(CheckpointError) {
    let input = try SparseInput(context, 0)
    let order = input.sorted()
    context.emit(try context.indices(order.flatMap { input.row($0) }, rank: input.rank))
    context.emit(try context.picked(input.values, order))
  }

  /// SparseReshape: indices, shape, new_shape (one size may be -1); outputs new indices and shape.
  private static func reshape(_ context: inout KernelContext) throws(CheckpointError) {
    let old = try context.shape(1)
    var sizes = try context.ints(2)
    let given = try context.tensor(0)
    guard given.rank == 2, given.dimensions[1] == old.rank else {
      throw CheckpointError(.corrupt, "indices of shape \(given.shape) for the shape \(old)")
    }
    let unknown = sizes.indices.filter { sizes[$0] == -1 }
    guard unknown.count <= 1 else { throw CheckpointError(.corrupt, "more than one size of \(sizes) is unknown") }
    if let k = unknown.first {
      sizes[k] = 1
      let known = try Shape(sizes).elementCount
      guard known > 0, old.elementCount % known == 0 else {
        throw CheckpointError(.corrupt, "\(old.elementCount) elements cannot take the shape \(try context.ints(2))")
      }
      sizes[k] = old.elementCount / known
    }
    let new = try Shape(sizes)
    guard new.elementCount == old.elementCount else {
      throw CheckpointError(.corrupt, "\(old.elementCount) elements cannot take the shape \(new)")
    }
    let from = denseStrides(old.dimensions)
    let to = denseStrides(new.dimensions)
    let indices = try context.ints(0)
    var moved: [Int] = []
    for i in 0..<given.dimensions[0] {
      var position = 0
      for d in 0..<old.rank {
        let index = indices[i * old.rank + d]
        guard index >= 0, index < old.dimensions[d] else {
          throw CheckpointError(.corrupt, "the index \(index) lies outside the shape \(old)")
        }
        position += index * from[d]
      }
      for d in 0..<new.rank {
        moved.append(position / to[d])
        position %= to[d]
      }
    }
    context.emit(try context.ints(moved, as: .int64, try Shape([given.dimensions[0], new.rank])))
    context.emit(try context.ints(new.dimensions, as: .int64))
  }

  /// The part of a sparse tensor inside start..<start + size, and the size that it has there.
  private static func part(
    _ input: SparseInput, _ start: [Int], _ size: [Int]
  ) -> (indices: [Int], kept: [Int], shape: [Int]) {
    var shape: [Int] = []
    for d in 0..<input.rank { shape.append(max(0, min(size[d], input.shape.dimensions[d] - start[d]))) }
    var indices: [Int] = []
    var kept: [Int] = []
    for i in 0..<input.count {
      let row = zip(input.row(i), start).map { $0 &- $1 }
      guard zip(row, shape).allSatisfy({ $0 >= 0 && $0 < $1 }) else { continue }
      indices += row
      kept.append(i)
    }
    return (indices, kept, shape)
  }

  /// SparseSlice: indices, values, shape, start, size; outputs indices, values and shape.
  private static func slice(_ context: inout KernelContext) throws(CheckpointError) {
    let input = try SparseInput(context, 0)
    let start = try context.ints(3)
    let size = try context.ints(4)
    guard start.count == input.rank, size.count == input.rank, start.allSatisfy({ $0 >= 0 }),
      size.allSatisfy({ $0 >= 0 })
    else { throw CheckpointError(.corrupt, "a slice at \(start) of \(size) from the shape \(input.shape)") }
    let (indices, kept, shape) = part(input, start, size)
    context.emit(try context.indices(indices, rank: input.rank))
    context.emit(try context.picked(input.values, kept))
    context.emit(try context.ints(shape, as: .int64))
  }

  /// SparseSplit: split_dim, indices, values, shape; outputs all indices, all values, all shapes. Attribute num_split;
  /// the first parts are the larger ones.
  private static func split(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let count = try node.int("num_split")
    guard count >= 1, count <= 1 << 16 else { throw CheckpointError(.corrupt, "num_split is \(count)") }
    node.outputCount = 3 * count
    return carryingStrings(Set(count..<2 * count)) { (context) throws(CheckpointError) in
      let input = try SparseInput(context, 1)
      let axis = try normalized(axis: try context.int(0), rank: input.rank)
      let size = input.shape.dimensions[axis]
      guard count <= size else { throw CheckpointError(.corrupt, "\(size) cannot be split into \(count)") }
      var parts: [(indices: [Int], kept: [Int], shape: [Int])] = []
      var start = [Int](repeating: 0, count: input.rank)
      for k in 0..<count {
        var sizes = input.shape.dimensions
        sizes[axis] = size / count + (k < size % count ? 1 : 0)
        parts.append(part(input, start, sizes))
        start[axis] += sizes[axis]
      }
      for part in parts { context.emit(try context.indices(part.indices, rank: input.rank)) }
      for part in parts { context.emit(try context.picked(input.values, part.kept)) }
      for part in parts { context.emit(try context.ints(part.shape, as: .int64)) }
    }
  }

  /// SparseConcat: N indices, N values, N shapes; outputs indices, values, shape, in row-major order. Attributes N,
  /// concat_dim.
  private static func concat(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 3
    let axis = try node.int("concat_dim")
    let count = try node.int("N", default: node.inputCount / 3)
    guard count >= 1, count == node.inputCount / 3, node.inputCount % 3 == 0 else {
      throw CheckpointError(.corrupt, "\(node.inputCount) inputs are not \(count) sparse tensors")
    }
    return carryingStrings([1]) { (context) throws(CheckpointError) in
      var inputs: [SparseInput] = []
      for k in 0..<count { inputs.append(try SparseInput(context, k, values: k + count, shape: k + 2 * count)) }
      let first = inputs[0]
      let axis = try normalized(axis: axis, rank: first.rank)
      var shape = first.shape.dimensions
      shape[axis] = 0
      var rows: [[Int]] = []
      for input in inputs {
        var others = input.shape.dimensions
        guard others.count == shape.count, input.values.dtype == first.values.dtype else {
          throw CheckpointError(.corrupt, "the sparse tensors differ in rank or dtype")
        }
        others[axis] = shape[axis]
        guard others == shape else {
          throw CheckpointError(.corrupt, "the shapes \(first.shape) and \(input.shape) cannot be joined at \(axis)")
        }
        for i in 0..<input.count {
          var row = Array(input.row(i))
          row[axis] &+= shape[axis]
          rows.append(row)
        }
        let (end, overflow) = shape[axis].addingReportingOverflow(input.shape.dimensions[axis])
        guard !overflow else { throw CheckpointError(.corrupt, "the joined shape is too large") }
        shape[axis] = end
      }
      let all = try context.allocate(first.values.dtype, [rows.count])
      var place = 0
      for input in inputs {
        try all.copy(input.values, toByteOffset: place)
        place += input.values.byteCount
      }
      let order = rows.indices.sorted {
        rows[$0].lexicographicallyPrecedes(rows[$1]) || $0 < $1 && rows[$0] == rows[$1]
      }
      context.emit(try context.indices(order.flatMap { rows[$0] }, rank: shape.count))
      context.emit(try context.picked(all, order))
      context.emit(try context.ints(shape, as: .int64))
    }
  }

  /// SparseFillEmptyRows: indices, values, shape, default_value; outputs indices and values with the default at column
  /// 0 of each row that had none, which rows those were, and where each old element is now.
  private static func fillEmptyRows(_ context: inout KernelContext) throws(CheckpointError) {
    let input = try SparseInput(context, 0)
    let fallback = try context.tensor(3, input.values.dtype)
    guard input.rank >= 1, fallback.elementCount == 1 else {
      throw CheckpointError(.corrupt, "a default of shape \(fallback.shape) for the shape \(input.shape)")
    }
    let rows = input.shape.dimensions[0]
    let isEmpty = try context.allocate(.bool, [rows])
    // Charged before lists of this length are made.
    let room = try context.allocate(.int64, [rows])
    var counts = room.mutableElements(Int64.self)
    for r in 0..<rows { counts[r] = 0 }
    for i in 0..<input.count {
      let row = input.index(i, 0)
      guard row >= 0, row < rows else { throw CheckpointError(.corrupt, "the row \(row) lies outside 0..<\(rows)") }
      counts[row] += 1
    }
    var flags = isEmpty.mutableElements(UInt8.self)
    var next = 0
    for r in 0..<rows {
      flags[r] = counts[r] == 0 ? 1 : 0
      let count = max(Int(counts[r]), 1)
      counts[r] = Int64(next)
      next += count
    }
    // Element numbers in their new order; `count` stands for the default.
    var order = [Int](repeating: input.count, count: next)
    var places: [Int] = []
    for i in 0..<input.count {
      let row = input.index(i, 0)
      places.append(Int(counts[row]))
      order[Int(counts[row])] = i
      counts[row] += 1
    }
    var indices: [Int] = []
    for (row, i) in zip(rowNumbers(order, input, flags.span), order) {
      indices += i < input.count ? Array(input.row(i)) : [row] + [Int](repeating: 0, count: input.rank - 1)
    }
    let all = try context.allocate(input.values.dtype, [input.count + 1])
    try all.copy(input.values)
    try all.copy(fallback, toByteOffset: input.values.byteCount)
    context.emit(try context.indices(indices, rank: input.rank))
    context.emit(try context.picked(all, order))
    context.emit(isEmpty)
    context.emit(try context.ints(places, as: .int64))
  }

  /// The row of each element of the new order.
  private static func rowNumbers(_ order: [Int], _ input: SparseInput, _ isEmpty: Span<UInt8>) -> [Int] {
    var empty = isEmpty.indices.makeIterator()
    return order.map { i in
      if i < input.count { return input.index(i, 0) }
      while let row = empty.next() {
        if isEmpty[row] != 0 { return row }
      }
      return 0
    }
  }
}

/// SparseToDense: sparse_indices (scalar, [n] or [n, rank]), output_shape, sparse_values (scalar or [n]),
/// default_value. Attribute validate_indices: they must come in row-major order without repetition.
enum SparseToDense {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let validates = try node.bool("validate_indices", default: true)
    return { (context) throws(CheckpointError) in
      let given = try context.tensor(0).shape
      let shape = try context.shape(1)
      let values = try context.tensor(2)
      let fallback = try context.tensor(3, values.dtype)
      let rank = given.rank == 2 ? given.dimensions[1] : 1
      let count = given.rank == 0 ? 1 : given.dimensions[0]
      guard given.rank <= 2, rank == shape.rank, fallback.elementCount == 1,
        values.rank == 0 || values.dimensions == [count]
      else {
        throw CheckpointError(
          .corrupt, "indices of shape \(given) and values of shape \(values.shape) for the shape \(shape)")
      }
      let indices = try context.ints(0)
      let strides = denseStrides(shape.dimensions)
      let y = try context.allocate(values.dtype, shape)
      try context.fill(y, with: fallback)
      var last = -1
      for i in 0..<count {
        var position = 0
        for d in 0..<rank {
          let index = indices[i * rank + d]
          guard index >= 0, index < shape.dimensions[d] else {
            throw CheckpointError(.corrupt, "the index \(index) lies outside the shape \(shape)")
          }
          position += index * strides[d]
        }
        guard !validates || position > last else {
          throw CheckpointError(.corrupt, "the indices are out of order, or repeat")
        }
        last = position
        let one = try values.elements(from: values.rank == 0 ? 0 : i, as: .scalar)
        try y.copy(one, toByteOffset: position * y.width)
      }
      context.emit(y)
    }
  }
}
