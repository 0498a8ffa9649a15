import CheckpointCore

/// A sparse tensor as three inputs in a row: indices [n, rank], values [n], shape [rank].
struct SparseInput {
  /// n * rank numbers.
  let indices: [Int]
  let values: DenseTensor
  let shape: Shape
  let count: Int

  var rank: Int { shape.rank }

  /// - Parameter first: the number of the input with the indices.
  init(
    _ context: KernelContext, _ first: Int, values: Int? = nil, shape: Int? = nil
  ) throws(CheckpointError) {
    let indices = try context.tensor(first)
    self.values = try context.tensor(values ?? first + 1)
    self.shape = try context.shape(shape ?? first + 2)
    guard indices.rank == 2, self.values.rank == 1, indices.dimensions[0] == self.values.elementCount,
      indices.dimensions[1] == self.shape.rank
    else {
      throw CheckpointError(
        .corrupt,
        "indices of shape \(indices.shape) and values of shape \(self.values.shape) for the shape \(self.shape)")
    }
    self.indices = try context.ints(first)
    count = self.values.elementCount
  }

  func index(_ i: Int, _ dimension: Int) -> Int { indices[i * rank + dimension] }

  /// The index of an element.
  func row(_ i: Int) -> ArraySlice<Int> { indices[i * rank..<(i + 1) * rank] }

  /// Fails where an index lies outside the shape.
  func requireInside() throws(CheckpointError) {
    for i in 0..<count {
      for (d, index) in row(i).enumerated() where index < 0 || index >= shape.dimensions[d] {
        throw CheckpointError(.corrupt, "the index \(Array(row(i))) lies outside the shape \(shape)")
      }
    }
  }

  /// The elements' positions in the dense tensor; the indices must lie inside.
  func positions() -> [Int] {
    let strides = denseStrides(shape.dimensions)
    return (0..<count).map { i in row(i).enumerated().reduce(0) { $0 + $1.element * strides[$1.offset] } }
  }

  /// The elements' numbers in row-major order, equal indices in the order in which they come.
  func sorted() -> [Int] {
    Array(0..<count).sorted { a, b in
      let (x, y) = (row(a), row(b))
      return x.lexicographicallyPrecedes(y) || a < b && !y.lexicographicallyPrecedes(x)
    }
  }
}

extension KernelContext {
  /// The values with the numbers given, in that order.
  func picked(_ values: DenseTensor, _ order: [Int]) throws(CheckpointError) -> DenseTensor {
    let at = try tensor(order.map { Int64($0) })
    return try gathered(values, at, axis: 0, batchDimensions: 0)
  }

  /// Indices as a matrix [n, rank] of int64.
  func indices(_ list: [Int], rank: Int) throws(CheckpointError) -> DenseTensor {
    try ints(list, as: .int64, try Shape([rank == 0 ? 0 : list.count / rank, rank]))
  }
}

/// A kernel that moves elements without looking at them, for strings too: they go through it as their numbers in a
/// list.
/// - Parameter outputs: the outputs that hold such elements.
func carryingStrings(_ outputs: Set<Int>, _ kernel: @escaping Kernel) -> Kernel {
  { (context) throws(CheckpointError) in
    var strings: [[UInt8]] = []
    for i in 0..<context.inputCount {
      guard case .strings(let tensor) = try context.read(i) else { continue }
      let first = strings.count
      strings += tensor.elements
      context.inputs[i] = .dense(try context.tensor((first..<strings.count).map { Int64($0) }, tensor.shape))
    }
    try kernel(&context)
    if strings.isEmpty { return }
    for i in outputs where i < context.outputs.count {
      guard case .dense(let tensor)? = context.outputs[i] else { continue }
      let moved = tensor.map(Int64.self) { strings[Int($0)] }
      context.outputs[i] = .strings(try context.strings(tensor.shape, moved))
    }
  }
}
