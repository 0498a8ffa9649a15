import CheckpointCore

/// SparseTensorDenseMatMul: a_indices [n, 2], a_values [n], a_shape [2], b; output a · b. Attributes T, Tindices,
/// adjoint_a, adjoint_b. Sums in the order of the elements.
enum SparseMatMul: NumericKernel {
  static func kernel<T: NumericElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let adjointA = try node.bool("adjoint_a", default: false)
    let adjointB = try node.bool("adjoint_b", default: false)
    return { (context) throws(CheckpointError) in
      let a = try SparseInput(context, 0)
      let b = try context.tensor(3, T.dtype)
      guard a.rank == 2, b.rank == 2, a.values.dtype == T.dtype else {
        throw CheckpointError(.corrupt, "a sparse matrix of shape \(a.shape) times a tensor of shape \(b.shape)")
      }
      try a.requireInside()
      let (row, column) = adjointA ? (1, 0) : (0, 1)
      let inner = b.dimensions[adjointB ? 1 : 0]
      let width = b.dimensions[adjointB ? 0 : 1]
      guard a.shape.dimensions[column] == inner else {
        throw CheckpointError(.corrupt, "a product of \(a.shape) and \(b.shape)")
      }
      let y = try context.allocate(T.dtype, [a.shape.dimensions[row], width])
      y.zero()
      let values = a.values.elements(T.self)
      let from = b.elements(T.self)
      var to = y.mutableElements(T.self)
      for i in 0..<a.count {
        let start = a.index(i, row) * width
        let k = a.index(i, column)
        for j in 0..<width {
          to[start + j] = to[start + j].adding(values[i].multiplied(from[adjointB ? j * inner + k : k * width + j]))
        }
      }
      context.emit(y)
    }
  }
}

/// SparseDenseCwiseMul, Add, Div: sp_indices, sp_values, sp_shape, dense (broadcast to the sparse shape); output the
/// new values. Attribute T.
enum SparseDenseCwise {
  enum Mul: NumericKernel {
    static func kernel<T: NumericElement>(_: T.Type, _: inout NodeContext) throws(CheckpointError) -> Kernel {
      SparseDenseCwise.kernel(T.self) { $0.multiplied($1) }
    }
  }

  enum Add: NumericKernel {
    static func kernel<T: NumericElement>(_: T.Type, _: inout NodeContext) throws(CheckpointError) -> Kernel {
      SparseDenseCwise.kernel(T.self) { $0.adding($1) }
    }
  }

  enum Div {
    static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
      switch try node.dtype("T") {
      case .float32, .float64, .float16, .bfloat16: try node.real("T", Real.self)
      default: try node.integer("T", Whole.self)
      }
    }

    enum Real: RealKernel {
      static func kernel<T: RealElement>(_: T.Type, _: inout NodeContext) throws(CheckpointError) -> Kernel {
        SparseDenseCwise.kernel(T.self) { $0 / $1 }
      }
    }

    enum Whole: IntegerKernel {
      static func kernel<T: IntegerElement>(_: T.Type, _: inout NodeContext) throws(CheckpointError) -> Kernel {
        let kernel = SparseDenseCwise.kernel(T.self) { $1 == 0 ? 0 : $0.dividedReportingOverflow(by: $1).partialValue }
        return { (context) throws(CheckpointError) in
          let dense = try context.tensor(3, T.dtype)
          guard !dense.map(T.self, { $0 == 0 }).contains(true) else {
            throw CheckpointError(.corrupt, "a whole number is divided by zero")
          }
          try kernel(&context)
        }
      }
    }
  }

  private static func kernel<T: NumericElement>(_: T.Type, _ body: @escaping @Sendable (T, T) -> T) -> Kernel {
    { (context) throws(CheckpointError) in
      let input = try SparseInput(context, 0)
      let dense = try context.tensor(3, T.dtype)
      try input.requireInside()
      let missing = input.rank - dense.rank
      guard input.values.dtype == T.dtype, missing >= 0 else {
        throw CheckpointError(.corrupt, "a tensor of shape \(dense.shape) cannot be broadcast to \(input.shape)")
      }
      var strides = denseStrides(dense.dimensions)
      for (d, size) in dense.dimensions.enumerated() {
        if size == 1 { strides[d] = 0 }
        guard size == 1 || size == input.shape.dimensions[d + missing] else {
          throw CheckpointError(.corrupt, "a tensor of shape \(dense.shape) cannot be broadcast to \(input.shape)")
        }
      }
      let y = try context.allocate(T.self, input.values.shape)
      let values = input.values.elements(T.self)
      let from = dense.elements(T.self)
      var to = y.mutableElements(T.self)
      for i in 0..<input.count {
        var position = 0
        for d in strides.indices { position += input.index(i, d + missing) * strides[d] }
        to[i] = body(values[i], from[position])
      }
      context.emit(y)
    }
  }
}

/// SparseTensorDenseAdd: a_indices, a_values, a_shape, b (of that shape); output dense. Attributes T, Tindices.
enum SparseDenseAdd: NumericKernel {
  static func kernel<T: NumericElement>(_: T.Type, _: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let a = try SparseInput(context, 0)
      let b = try context.tensor(3, T.dtype)
      guard a.shape == b.shape, a.values.dtype == T.dtype else {
        throw CheckpointError(.corrupt, "the shapes \(a.shape) and \(b.shape) differ")
      }
      try a.requireInside()
      let y = try context.allocate(T.self, b.shape)
      try y.copy(b)
      let values = a.values.elements(T.self)
      var to = y.mutableElements(T.self)
      for (i, position) in a.positions().enumerated() { to[position] = to[position].adding(values[i]) }
      context.emit(y)
    }
  }
}

/// SparseAdd: two sparse tensors of one shape, then thresh; outputs indices, values and shape of the sum, without sums
/// of two elements that are smaller than thresh. SparseSparseMaximum, SparseSparseMinimum: without thresh, an absent
/// element counts as 0; outputs indices and values. Attributes T, Treal.
enum SparseUnion {
  enum Add: NumericKernel {
    static func kernel<T: NumericElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
      node.outputCount = 3
      return { (context) throws(CheckpointError) in
        let limit = try context.scalar(6, T.self)
        try union(T.self, &context, keep: { limit <= ($0 < 0 ? T(0).subtracting($0) : $0) }) { $0.adding($1) }
        context.emit(try context.ints(try context.shape(2).dimensions, as: .int64))
      }
    }
  }

  enum Maximum: NumericKernel {
    static func kernel<T: NumericElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
      node.outputCount = 2
      return { (context) throws(CheckpointError) in try union(T.self, &context) { max($0, $1) } }
    }
  }

  enum Minimum: NumericKernel {
    static func kernel<T: NumericElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
      node.outputCount = 2
      return { (context) throws(CheckpointError) in try union(T.self, &context) { min($0, $1) } }
    }
  }

  private static func union<T: NumericElement>(
    _: T.Type, _ context: inout KernelContext, keep: (T) -> Bool = { _ in true }, _ body: (T, T) -> T
  ) throws(CheckpointError) {
    let a = try SparseInput(context, 0)
    let b = try SparseInput(context, 3)
    guard a.shape == b.shape, a.values.dtype == T.dtype, b.values.dtype == T.dtype else {
      throw CheckpointError(.corrupt, "the shapes \(a.shape) and \(b.shape) differ")
    }
    let x = a.values.elements(T.self)
    let y = b.values.elements(T.self)
    var indices: [Int] = []
    var values: [T] = []
    var (i, j) = (0, 0)
    while i < a.count || j < b.count {
      let takesA = j == b.count || i < a.count && !b.row(j).lexicographicallyPrecedes(a.row(i))
      let takesB = i == a.count || j < b.count && !a.row(i).lexicographicallyPrecedes(b.row(j))
      let value = body(takesA ? x[i] : 0, takesB ? y[j] : 0)
      if !(takesA && takesB) || keep(value) {
        indices += takesA ? a.row(i) : b.row(j)
        values.append(value)
      }
      if takesA { i += 1 }
      if takesB { j += 1 }
    }
    context.emit(try context.indices(indices, rank: a.rank))
    context.emit(try context.tensor(values))
  }
}

/// SparseReduceSum, SparseReduceMax: indices, values, shape, reduction_axes; output dense, 0 where there was nothing.
/// Their ...Sparse forms: outputs indices, values and shape. Attributes T, keep_dims.
enum SparseReduce {
  enum Sum: NumericKernel {
    static func kernel<T: NumericElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
      try SparseReduce.kernel(T.self, &node) { $0.adding($1) }
    }
  }

  enum Maximum: NumericKernel {
    static func kernel<T: NumericElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
      try SparseReduce.kernel(T.self, &node) { max($0, $1) }
    }
  }

  private static func kernel<T: NumericElement>(
    _: T.Type, _ node: inout NodeContext, _ body: @escaping @Sendable (T, T) -> T
  ) throws(CheckpointError) -> Kernel {
    let keeps = try node.bool("keep_dims", default: false)
    let isSparse = node.op.hasSuffix("Sparse")
    if isSparse { node.outputCount = 3 }
    return { (context) throws(CheckpointError) in
      let input = try SparseInput(context, 0)
      try input.requireInside()
      let axes = try context.axes(3, rank: input.rank)
      let kept = (0..<input.rank).filter { !axes.contains($0) }
      let sizes = kept.map { input.shape.dimensions[$0] }
      let strides = denseStrides(sizes)
      let reduced = try Shape(
        keeps ? (0..<input.rank).map { axes.contains($0) ? 1 : input.shape.dimensions[$0] } : sizes)
      let values = input.values.elements(T.self)
      var groups: [Int: T] = [:]
      for i in input.sorted() {
        var position = 0
        for (k, d) in kept.enumerated() { position += input.index(i, d) * strides[k] }
        groups[position] = groups[position].map { body($0, values[i]) } ?? values[i]
      }
      if !isSparse {
        let y = try context.allocate(T.self, reduced)
        y.zero()
        var to = y.mutableElements(T.self)
        for (position, value) in groups { to[position] = value }
        return context.emit(y)
      }
      let order = groups.sorted { $0.key < $1.key }
      var indices: [Int] = []
      for (position, _) in order {
        var row = [Int](repeating: 0, count: reduced.rank)
        for (k, d) in kept.enumerated() { row[keeps ? d : k] = position / strides[k] % max(sizes[k], 1) }
        indices += row
      }
      context.emit(try context.ints(indices, as: .int64, try Shape([order.count, reduced.rank])))
      context.emit(try context.tensor(order.map(\.value)))
      context.emit(try context.ints(reduced.dimensions, as: .int64))
    }
  }
}

/// SparseSoftmax: indices, values, shape; the values' softmax over the last dimension, as if absent ones were -inf.
/// Attribute T.
enum SparseSoftmax: RealKernel {
  static func kernel<T: RealElement>(_: T.Type, _: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let input = try SparseInput(context, 0)
      guard input.rank >= 2, input.values.dtype == T.dtype else {
        throw CheckpointError(.corrupt, "a sparse tensor of shape \(input.shape) has no rows")
      }
      let y = try context.allocate(T.self, input.values.shape)
      let from = input.values.elements(T.self)
      var to = y.mutableElements(T.self)
      var groups: [ArraySlice<Int>: [Int]] = [:]
      for i in 0..<input.count { groups[input.row(i).dropLast(), default: []].append(i) }
      for members in groups.values {
        var largest = from[members[0]]
        for i in members where from[i] > largest { largest = from[i] }
        var sum: T = 0
        for i in members {
          to[i] = T.exp(from[i] - largest)
          sum += to[i]
        }
        for i in members { to[i] /= sum }
      }
      context.emit(y)
    }
  }
}
