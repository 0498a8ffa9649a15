import CheckpointCore

/// Most outputs that an attribute may ask for.
let mostOutputs = 1 << 20

/// Pack: N tensors of one shape as one, along a new dimension. Attributes N, T, axis.
enum Pack {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let axis = try node.int("axis", default: 0)
    return { (context) throws(CheckpointError) in
      let first = try context.tensor(0)
      let count = context.inputCount
      let place = try normalized(axis: axis, rank: first.rank + 1)
      var dimensions = first.dimensions
      dimensions.insert(count, at: place)
      let y = try context.allocate(first.dtype, dimensions)
      let outer = first.dimensions[..<place].reduce(1, *)
      let inner = first.dimensions[place...].reduce(1, *)
      for i in 0..<count {
        let x = try context.tensor(i)
        guard x.shape == first.shape, x.dtype == first.dtype else {
          throw CheckpointError(.corrupt, "the inputs have the shapes \(first.shape) and \(x.shape)")
        }
        if outer == 1 {
          try y.copy(x, toByteOffset: i * x.byteCount)
        } else {
          try context.copy(
            [outer, inner], from: x, Walk([outer, inner]), to: y,
            Walk(first: i * inner, strides: [count * inner, 1]))
        }
      }
      context.emit(y)
    }
  }
}

/// Unpack: the slices along a dimension, without it. Attributes num, T, axis.
enum Unpack {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let axis = try node.int("axis", default: 0)
    let count = try node.int("num")
    guard count >= 0, count <= mostOutputs else { throw CheckpointError(.corrupt, "num is \(count)") }
    node.outputCount = count
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      let place = try normalized(axis: axis, rank: x.rank)
      guard x.dimensions[place] == count else {
        throw CheckpointError(.corrupt, "dimension \(place) of \(x.shape) is not \(count)")
      }
      let sizes = [Int](repeating: 1, count: count)
      try context.split(x, place, sizes) { (dimensions) in dimensions.remove(at: place) }
    }
  }
}

/// Concat, ConcatV2: N tensors one after the other along a dimension; the others are equal. The axis is the first input
/// (Concat) or the last. Attributes N, T, Tidx.
enum Concat {
  static func build(_ node: inout NodeContext, axisIsFirst: Bool) throws(CheckpointError) -> Kernel {
    let isFirst = axisIsFirst
    return { (context) throws(CheckpointError) in
      let count = context.inputCount - 1
      guard count >= 1 else { throw CheckpointError(.corrupt, "there is nothing to join") }
      let begin = isFirst ? 1 : 0
      let first = try context.tensor(begin)
      let axis = try normalized(axis: try context.int(isFirst ? 0 : count), rank: first.rank)
      if count == 1 { return context.emit(first) }
      var dimensions = first.dimensions
      dimensions[axis] = 0
      for i in 0..<count {
        let x = try context.tensor(begin + i)
        var isLike = x.rank == first.rank && x.dtype == first.dtype
        if isLike { for d in 0..<x.rank where d != axis && x.dimensions[d] != first.dimensions[d] { isLike = false } }
        guard isLike else {
          throw CheckpointError(.corrupt, "the shapes \(first.shape) and \(x.shape) cannot be joined along \(axis)")
        }
        let (sum, overflow) = dimensions[axis].addingReportingOverflow(x.dimensions[axis])
        guard !overflow else { throw CheckpointError(.corrupt, "the joined dimension \(axis) does not fit 64 bits") }
        dimensions[axis] = sum
      }
      let y = try context.allocate(first.dtype, dimensions)
      let outer = dimensions[..<axis].reduce(1, *)
      let inner = dimensions[(axis + 1)...].reduce(1, *)
      var at = 0
      for i in 0..<count {
        let x = try context.tensor(begin + i)
        if outer == 1 {
          try y.copy(x, toByteOffset: at * y.width)
        } else {
          let run = x.dimensions[axis] * inner
          try context.copy(
            [outer, run], from: x, Walk([outer, run]), to: y, Walk(first: at, strides: [dimensions[axis] * inner, 1]))
        }
        at += x.dimensions[axis] * inner
      }
      context.emit(y)
    }
  }

  /// ConcatOffset: where each of the shapes (inputs 1...) begins in their join along input 0.
  static func buildOffset(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = node.inputCount - 1
    return { (context) throws(CheckpointError) in
      let first = try context.ints(1)
      let dtype = try context.tensor(1).dtype
      let axis = try normalized(axis: try context.int(0), rank: first.count)
      var offset = 0
      for i in 1..<context.inputCount {
        let shape = try context.ints(i)
        guard shape.count == first.count else {
          throw CheckpointError(.corrupt, "the shapes \(first) and \(shape) cannot be joined")
        }
        for d in shape.indices where d != axis && shape[d] != first[d] {
          throw CheckpointError(.corrupt, "the shapes \(first) and \(shape) cannot be joined along \(axis)")
        }
        var list = [Int](repeating: 0, count: shape.count)
        list[axis] = offset
        context.emit(try context.ints(list, as: dtype))
        offset &+= shape[axis]
      }
    }
  }
}

/// Split: equal parts along the dimension of input 0. Attributes num_split, T. SplitV: parts of the sizes of input 1
/// along the dimension of input 2; one size may be -1, what is left. Attributes num_split, T, Tlen.
enum Split {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let count = try node.int("num_split")
    guard count > 0, count <= mostOutputs else { throw CheckpointError(.corrupt, "num_split is \(count)") }
    node.outputCount = count
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(1)
      let axis = try normalized(axis: try context.int(0), rank: x.rank)
      guard x.dimensions[axis] % count == 0 else {
        throw CheckpointError(.corrupt, "dimension \(axis) of \(x.shape) cannot be cut into \(count) equal parts")
      }
      try context.split(x, axis, [Int](repeating: x.dimensions[axis] / count, count: count)) { _ in }
    }
  }

  static func buildV(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let count = try node.int("num_split")
    guard count > 0, count <= mostOutputs else { throw CheckpointError(.corrupt, "num_split is \(count)") }
    node.outputCount = count
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      var sizes = try context.ints(1)
      let axis = try normalized(axis: try context.int(2), rank: x.rank)
      guard sizes.count == count else { throw CheckpointError(.corrupt, "\(sizes.count) sizes are not \(count)") }
      var left = x.dimensions[axis]
      for size in sizes where size != -1 {
        guard size >= 0, size <= left else {
          throw CheckpointError(.corrupt, "the sizes \(sizes) are not those of dimension \(axis) of \(x.shape)")
        }
        left -= size
      }
      if let open = sizes.firstIndex(of: -1) {
        sizes[open] = left
        left = 0
      }
      guard left == 0, !sizes.contains(-1) else {
        throw CheckpointError(.corrupt, "the sizes \(sizes) are not those of dimension \(axis) of \(x.shape)")
      }
      try context.split(x, axis, sizes) { _ in }
    }
  }
}

extension KernelContext {
  /// Emits runs of the sizes along the axis, which must add up to at most its dimension.
  fileprivate mutating func split(
    _ x: DenseTensor, _ axis: Int, _ sizes: [Int], _ reshape: (inout [Int]) -> Void
  ) throws(CheckpointError) {
    let outer = x.dimensions[..<axis].reduce(1, *)
    let inner = x.dimensions[(axis + 1)...].reduce(1, *)
    var at = 0
    for size in sizes {
      var dimensions = x.dimensions
      dimensions[axis] = size
      reshape(&dimensions)
      let shape = try Shape(dimensions)
      if outer == 1, shape.elementCount > 256 {
        emit(try x.elements(from: at * inner, as: shape))
      } else {
        let y = try allocate(x.dtype, shape)
        let walk = Walk(first: at * inner, strides: [x.dimensions[axis] * inner, 1])
        try copy([outer, size * inner], from: x, walk, to: y, Walk([outer, size * inner]))
        emit(y)
      }
      at += size
    }
  }
}
