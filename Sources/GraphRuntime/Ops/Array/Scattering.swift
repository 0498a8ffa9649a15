import CheckpointCore

/// ScatterNd: zeros of the shape of input 2, with the rows of input 1 added at the index vectors of input 0. Attributes
/// T, Tindices.
struct ScatterNd: ArithmeticKernel {
  /// Truth values are added as numbers: true where any is.
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    guard try node.dtype("T") == .bool else { return try node.arithmetic("T", ScatterNd()) }
    let sum = try ScatterNd().kernel(Int32.self, &node)
    return { (context) throws(CheckpointError) in
      context.inputs[1] = .dense(try context.cast(try context.tensor(1, .bool), to: .int32))
      try sum(&context)
      guard case .dense(let tensor)? = context.outputs.popLast() else { return }
      context.emit(try context.cast(tensor, to: .bool))
    }
  }

  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let y = try context.allocate(T.dtype, try context.shape(2))
      y.zero()
      try context.scatter(T.self, indices: 0, updates: 1, into: y) { $0.adding($1) }
      context.emit(y)
    }
  }
}

/// TensorScatterAdd, Sub, Max, Min: input 0 with the rows of input 2 joined to its own at the index vectors of input 1.
/// Attributes T, Tindices.
struct TensorScatter: ArithmeticKernel {
  enum Operation { case add, subtract, max, min }
  let operation: Operation

  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let operation = operation
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      let y = try context.allocate(T.dtype, x.shape)
      try y.copy(x)
      switch operation {
      case .add: try context.scatter(T.self, indices: 1, updates: 2, into: y) { $0.adding($1) }
      case .subtract: try context.scatter(T.self, indices: 1, updates: 2, into: y) { $0.subtracting($1) }
      case .max: try context.scatter(T.self, indices: 1, updates: 2, into: y) { $1 > $0 ? $1 : $0 }
      case .min: try context.scatter(T.self, indices: 1, updates: 2, into: y) { $1 < $0 ? $1 : $0 }
      }
      context.emit(y)
    }
  }

  /// TensorScatterUpdate: the rows replaced; of several for one place the last stays.
  static let update: Kernel = { (context) throws(CheckpointError) in
    let x = try context.tensor(0)
    let updates = try context.tensor(2, x.dtype)
    let y = try context.allocate(x.dtype, x.shape)
    try y.copy(x)
    let plan = try context.scatterPlan(indices: 1, updates: updates, into: y)
    for (i, row) in plan.rows.enumerated() {
      let run = [plan.width]
      try context.copy(
        run, from: updates, Walk(first: i * plan.width, strides: [1]), to: y,
        Walk(first: Int(row) * plan.width, strides: [1]))
    }
    context.emit(y)
  }
}

extension KernelContext {
  /// The rows that the index vectors mean, and how many elements each has.
  fileprivate func scatterPlan(
    indices i: Int, updates: DenseTensor, into y: DenseTensor
  ) throws(CheckpointError) -> (rows: [Int64], width: Int) {
    var shape = try shape(of: i)
    // A vector of indices is one of index vectors of one element.
    if shape.rank <= 1, y.rank >= 1, updates.rank == y.rank - 1 + shape.rank,
      shape.dimensions != [y.rank] || y.rank == 1
    {
      shape = try Shape(shape.dimensions + [1])
    }
    guard let depth = shape.dimensions.last, depth <= y.rank,
      updates.dimensions == shape.dimensions.dropLast() + y.dimensions[depth...]
    else {
      throw CheckpointError(
        .corrupt, "indices of shape \(shape) and updates of shape \(updates.shape) do not fit \(y.shape)")
    }
    let count = try Shape(Array(shape.dimensions.dropLast())).elementCount
    let width = try Shape(Array(y.dimensions[depth...])).elementCount
    if updates.elementCount == 0 { return ([], width) }
    return (try flatIndices(i, Array(y.dimensions[..<depth]), count: count), width)
  }

  fileprivate func scatter<T: ArithmeticElement>(
    _: T.Type, indices i: Int, updates j: Int, into y: DenseTensor, _ body: (T, T) -> T
  ) throws(CheckpointError) {
    let updates = try tensor(j, T.dtype)
    let plan = try scatterPlan(indices: i, updates: updates, into: y)
    let from = updates.elements(T.self)
    var to = y.mutableElements(T.self)
    for (i, row) in plan.rows.enumerated() {
      let (source, target) = (i * plan.width, Int(row) * plan.width)
      for k in 0..<plan.width { to[target + k] = body(to[target + k], from[source + k]) }
    }
  }
}
