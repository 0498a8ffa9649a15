import CheckpointCore

/// Ops on shapes, and those that only give elements another one.
enum Shapes {
  /// Shape, ShapeN: the dimensions of each input. Attributes T, N, out_type.
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let output = try node.dtype("out_type", default: .int32)
    node.outputCount = node.inputCount
    return { (context) throws(CheckpointError) in
      for i in 0..<context.inputCount {
        context.emit(try context.ints(try context.shape(of: i).dimensions, as: output))
      }
    }
  }

  /// Size: the number of elements. Attributes T, out_type.
  static func buildSize(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let output = try node.dtype("out_type", default: .int32)
    return { (context) throws(CheckpointError) in
      context.emit(try context.ints([try context.shape(of: 0).elementCount], as: output, .scalar))
    }
  }

  /// Reshape: the dimensions of input 1, of which one may be -1: what is left. Attributes T, Tshape.
  static let reshape: Kernel = { (context) throws(CheckpointError) in
    let x = try context.tensor(0)
    var dimensions = try context.ints(1)
    if let open = dimensions.firstIndex(of: -1) {
      dimensions[open] = 1
      let known = try Shape(dimensions).elementCount
      guard known > 0 || x.elementCount == 0, known == 0 || x.elementCount % known == 0 else {
        throw CheckpointError(.corrupt, "\(x.elementCount) elements cannot take the shape \(try context.ints(1))")
      }
      guard known > 0 else {
        throw CheckpointError(.corrupt, "a dimension of \(try context.ints(1)) is not determined")
      }
      dimensions[open] = x.elementCount / known
    }
    context.emit(try x.reshaped(try Shape(dimensions)))
  }

  /// Squeeze: without the dimensions of size 1 that squeeze_dims names; all of them where it names none. Attributes T,
  /// squeeze_dims.
  static func buildSqueeze(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let named = try node.ints("squeeze_dims", default: [])
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      if named.isEmpty { return context.emit(try x.reshaped(try Shape(x.dimensions.filter { $0 != 1 }))) }
      var gone: Set<Int> = []
      for axis in named {
        let axis = try normalized(axis: axis, rank: x.rank)
        guard x.dimensions[axis] == 1 else {
          throw CheckpointError(.corrupt, "dimension \(axis) of \(x.shape) is not 1")
        }
        gone.insert(axis)
      }
      let left = x.dimensions.indices.filter { !gone.contains($0) }.map { x.dimensions[$0] }
      context.emit(try x.reshaped(try Shape(left)))
    }
  }

  /// ExpandDims: a dimension of 1 at the place of input 1; -1 is the end. Attributes T, Tdim.
  static let expandDims: Kernel = { (context) throws(CheckpointError) in
    let x = try context.tensor(0)
    var dimensions = x.dimensions
    dimensions.insert(1, at: try normalized(axis: try context.int(1), rank: x.rank + 1))
    context.emit(try x.reshaped(try Shape(dimensions)))
  }

  /// EnsureShape: the input, if it has the shape of the attribute. Attributes T, shape.
  static func buildEnsure(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let wanted = try node.partialShape("shape")
    return { (context) throws(CheckpointError) in
      let shape = try context.shape(of: 0)
      if let wanted {
        guard wanted.count == shape.rank, zip(wanted, shape.dimensions).allSatisfy({ $0 == $1 || $0 < 0 }) else {
          throw CheckpointError(.corrupt, "the shape is \(shape), not \(wanted)")
        }
      }
      context.emit(try context.read(0))
    }
  }

  /// Bitcast: the same bytes as elements of another type; a wider or narrower one takes or gives the last dimension.
  /// Attributes T, type.
  static func buildBitcast(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let target = try node.dtype("type")
    guard let width = target.width else { throw node.unsupported(target) }
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      var dimensions = x.dimensions
      if width < x.width {
        dimensions.append(x.width / width)
      } else if width > x.width {
        guard dimensions.last == width / x.width else {
          throw CheckpointError(.corrupt, "the shape \(x.shape) cannot be read as \(target.rawValue)")
        }
        dimensions.removeLast()
      }
      context.emit(try x.bitcast(target, try Shape(dimensions)))
    }
  }

  /// Fill: input 1 in the shape of input 0. Attributes T, index_type.
  static let fill: Kernel = { (context) throws(CheckpointError) in
    let shape = try context.shape(0)
    let value = try context.tensor(1)
    guard value.elementCount == 1 else {
      throw CheckpointError(.corrupt, "the value has the shape \(value.shape), not that of one number")
    }
    let y = try context.allocate(value.dtype, shape)
    try context.fill(y, with: value)
    context.emit(y)
  }

  static let zerosLike: Kernel = { (context) throws(CheckpointError) in
    let x = try context.tensor(0)
    let y = try context.allocate(x.dtype, x.shape)
    y.zero()
    context.emit(y)
  }

  static let onesLike: Kernel = { (context) throws(CheckpointError) in
    let x = try context.tensor(0)
    let one = try context.allocate(UInt8.self, .scalar)
    var byte = one.mutableElements(UInt8.self)
    byte[0] = 1
    let y = try context.allocate(x.dtype, x.shape)
    try context.fill(y, with: x.dtype == .bool ? try one.bitcast(.bool, .scalar) : try context.cast(one, to: x.dtype))
    context.emit(y)
  }

  /// Empty: zeros (TensorFlow leaves them undefined unless init is true) of the shape of input 0. Attributes dtype,
  /// init.
  static func buildEmpty(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let dtype = try node.dtype("dtype")
    return { (context) throws(CheckpointError) in
      let shape = try context.shape(0)
      if dtype == .string {
        guard shape.elementCount <= 1 << 24 else {
          throw CheckpointError(.unsupported, "limit reached: \(shape) strings")
        }
        let empty = [[UInt8]](repeating: [], count: shape.elementCount)
        return context.emit(.strings(try StringTensor(shape, empty, budget: context.run.budget)))
      }
      let y = try context.allocate(dtype, shape)
      y.zero()
      context.emit(y)
    }
  }

  /// BroadcastTo: repeated to the shape of input 1. Attributes T, Tidx.
  static let broadcastTo: Kernel = { (context) throws(CheckpointError) in
    context.emit(try context.expanded(try context.tensor(0), to: try context.shape(1)))
  }

  /// BroadcastArgs: the shape to which two broadcast. Attribute T.
  static let broadcastArgs: Kernel = { (context) throws(CheckpointError) in
    let dtype = try context.tensor(0).dtype
    let shape = try Broadcast(try context.shape(0), try context.shape(1)).shape
    context.emit(try context.ints(shape.dimensions, as: dtype))
  }

  /// BroadcastGradientArgs: the dimensions of the common shape that each of two has to sum over. Attribute T.
  static func buildGradientArgs(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 2
    return { (context) throws(CheckpointError) in
      let dtype = try context.tensor(0).dtype
      let (a, b) = (try context.shape(0), try context.shape(1))
      let common = try Broadcast(a, b).shape
      func sizes(_ shape: Shape) -> [Int] {
        [Int](repeating: 1, count: common.rank - shape.rank) + shape.dimensions
      }
      let (x, y) = (sizes(a), sizes(b))
      let same = a == b
      for (own, other) in [(x, y), (y, x)] {
        let summed = same ? [] : own.indices.filter { own[$0] == 1 && (other[$0] != 1 || own[$0] == 1) }
        context.emit(try context.ints(summed, as: dtype))
      }
    }
  }

  /// InvertPermutation: where each number below n is in the vector. Attribute T.
  static let invertPermutation: Kernel = { (context) throws(CheckpointError) in
    let dtype = try context.tensor(0).dtype
    let list = try context.ints(0)
    var places = [Int](repeating: -1, count: list.count)
    for (i, number) in list.enumerated() {
      guard list.indices.contains(number), places[number] < 0 else {
        throw CheckpointError(.corrupt, "\(number) is out of range or there twice")
      }
      places[number] = i
    }
    context.emit(try context.ints(places, as: dtype))
  }

  /// UnravelIndex: flat indices (input 0) as rows of an index for each dimension (input 1). Attribute Tidx.
  static let unravelIndex: Kernel = { (context) throws(CheckpointError) in
    let dtype = try context.tensor(0).dtype
    let flat = try context.ints(0)
    let shape = try context.shape(1)
    let dense = denseStrides(shape.dimensions)
    var list: [Int] = []
    for (d, size) in shape.dimensions.enumerated() {
      for index in flat {
        guard index >= 0, index < shape.elementCount else {
          throw CheckpointError(.corrupt, "the index \(index) lies outside \(shape)")
        }
        list.append(index / dense[d] % size)
      }
    }
    let isScalar = try context.shape(of: 0).rank == 0
    context.emit(
      try context.ints(list, as: dtype, try Shape(isScalar ? [shape.rank] : [shape.rank, flat.count])))
  }

  /// DataFormatVecPermute: a vector of dimensions, or the rows of a matrix, in the order of another format.
  /// DataFormatDimMap: the number of a dimension in another format. Attributes T, src_format, dst_format.
  static func buildFormat(_ node: inout NodeContext, isMap: Bool) throws(CheckpointError) -> Kernel {
    let source = Array(try node.string("src_format", default: "NHWC").utf8)
    let target = Array(try node.string("dst_format", default: "NCHW").utf8)
    guard source.count == target.count, Set(source).count == source.count, Set(source) == Set(target) else {
      throw CheckpointError(.corrupt, "src_format and dst_format do not have the same letters")
    }
    return { (context) throws(CheckpointError) in
      let dtype = try context.tensor(0).dtype
      let shape = try context.shape(of: 0)
      let list = try context.ints(0)
      var result: [Int] = []
      if isMap {
        for index in list {
          let place = try normalized(axis: index, rank: source.count)
          result.append(target.firstIndex(of: source[place]) ?? 0)
        }
      } else {
        // Two fewer: only the spatial dimensions.
        let isSpatial = shape.dimensions.first == source.count - 2
        let letters: Set<UInt8> = isSpatial ? Set("NC".utf8) : []
        let from = source.filter { !letters.contains($0) }
        let to = target.filter { !letters.contains($0) }
        guard shape.dimensions == [from.count] || shape.dimensions == [from.count, 2], from.count == to.count else {
          throw CheckpointError(.corrupt, "the shape \(shape) does not fit the formats")
        }
        let columns = shape.rank == 2 ? 2 : 1
        for letter in to {
          guard let place = from.firstIndex(of: letter) else { continue }
          result += list[place * columns..<(place + 1) * columns]
        }
      }
      context.emit(try context.ints(result, as: dtype, shape))
    }
  }
}
