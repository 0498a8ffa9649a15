import CheckpointCore

/// StridedSlice: `x[begin:end:stride, ...]`. Attributes T, Index; begin_mask and end_mask (bits: that end is open),
/// ellipsis_mask (all dimensions that the others leave), new_axis_mask (a dimension of 1), shrink_axis_mask (one
/// element, whose dimension goes). Indices are clamped, except those that shrink.
struct StridedSlice {
  private let beginMask: Int
  private let endMask: Int
  private let ellipsisMask: Int
  private let newAxisMask: Int
  private let shrinkMask: Int

  init(_ node: NodeContext) throws(CheckpointError) {
    beginMask = try node.int("begin_mask", default: 0)
    endMask = try node.int("end_mask", default: 0)
    ellipsisMask = try node.int("ellipsis_mask", default: 0)
    newAxisMask = try node.int("new_axis_mask", default: 0)
    shrinkMask = try node.int("shrink_axis_mask", default: 0)
    guard ellipsisMask.nonzeroBitCount <= 1 else { throw CheckpointError(.corrupt, "there is more than one ellipsis") }
  }

  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let slice = try StridedSlice(node)
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      let box = try slice.box(x.dimensions, try context.ints(1), try context.ints(2), try context.ints(3))
      let y = try context.box(try Shape(box.sizes), of: x, box.walk)
      context.emit(box.shape == y.dimensions ? y : try y.reshaped(try Shape(box.shape)))
    }
  }

  /// StridedSliceGrad: zeros of the shape of input 0 with input 4 where the slice was.
  static func buildGradient(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let slice = try StridedSlice(node)
    return { (context) throws(CheckpointError) in
      let shape = try context.shape(0)
      let dy = try context.tensor(4)
      let box = try slice.box(shape.dimensions, try context.ints(1), try context.ints(2), try context.ints(3))
      guard dy.dimensions == box.shape else {
        throw CheckpointError(.corrupt, "the gradient has the shape \(dy.shape), the slice \(box.shape)")
      }
      let y = try context.allocate(dy.dtype, shape)
      y.zero()
      try context.copy(box.sizes, from: dy, Walk(box.sizes), to: y, box.walk)
      context.emit(y)
    }
  }

  /// Where the slice's elements lie in a tensor of the dimensions.
  struct Box {
    /// One for each dimension of the tensor.
    var sizes: [Int] = []
    var walk = Walk(strides: [])
    /// Dimensions of the result: the sizes with those of 1 added and those that shrink taken out.
    var shape: [Int] = []
  }

  func box(_ dimensions: [Int], _ begin: [Int], _ end: [Int], _ strides: [Int]) throws(CheckpointError) -> Box {
    let count = begin.count
    guard end.count == count, strides.count == count, count < 32 else {
      throw CheckpointError(.corrupt, "\(count) begins, \(end.count) ends and \(strides.count) strides do not fit")
    }
    func bit(_ mask: Int, _ i: Int) -> Bool { mask >> i & 1 != 0 }
    // Without an ellipsis there is one at the end.
    let ellipsis = (0..<count).first { bit(ellipsisMask, $0) } ?? count
    var named = 0
    for i in 0..<count where i != ellipsis && !bit(newAxisMask, i) { named += 1 }
    guard named <= dimensions.count else {
      throw CheckpointError(.corrupt, "\(named) indices are too many for the shape \(dimensions)")
    }
    let dense = denseStrides(dimensions)
    var box = Box()
    var axis = 0
    func whole() {
      box.sizes.append(dimensions[axis])
      box.shape.append(dimensions[axis])
      box.walk.strides.append(dense[axis])
      axis += 1
    }
    for i in 0...count {
      if i == ellipsis {
        for _ in 0..<dimensions.count - named { whole() }
        continue
      }
      if i == count { break }
      if bit(newAxisMask, i) {
        box.shape.append(1)
        continue
      }
      let size = dimensions[axis]
      let stride = strides[i]
      guard stride != 0 else { throw CheckpointError(.corrupt, "stride \(i) is 0") }
      if bit(shrinkMask, i) {
        guard stride > 0 else { throw CheckpointError(.corrupt, "an index that shrinks has the stride \(stride)") }
        let at = begin[i] < 0 ? begin[i] + size : begin[i]
        guard at >= 0, at < size else {
          throw CheckpointError(.corrupt, "the index \(begin[i]) lies outside dimension \(axis) of \(dimensions)")
        }
        box.walk.first += at * dense[axis]
        box.sizes.append(1)
        box.walk.strides.append(dense[axis])
      } else {
        let (low, high) = stride > 0 ? (0, size) : (-1, size - 1)
        func clamped(_ index: Int) -> Int { min(max(index < 0 ? index + size : index, low), high) }
        let first = bit(beginMask, i) ? (stride > 0 ? low : high) : clamped(begin[i])
        let last = bit(endMask, i) ? (stride > 0 ? high : low) : clamped(end[i])
        let length = last - first
        // The magnitude first: the smallest stride has no positive counterpart.
        let step = Int(clamping: stride.magnitude)
        let extent = length == 0 || (length < 0) != (stride < 0) ? 0 : (abs(length) - 1) / step + 1
        if extent > 0 { box.walk.first += first * dense[axis] }
        box.sizes.append(extent)
        box.shape.append(extent)
        // With one element the stride does not matter, and might overflow.
        box.walk.strides.append(extent > 1 ? stride * dense[axis] : dense[axis])
      }
      axis += 1
    }
    return box
  }
}

/// Slice: `size` elements from `begin` on in each dimension; -1 is all that are left. Attributes T, Index.
enum Slice {
  static let kernel: Kernel = { (context) throws(CheckpointError) in
    let x = try context.tensor(0)
    let begin = try context.ints(1)
    var size = try context.ints(2)
    guard begin.count == x.rank, size.count == x.rank else {
      throw CheckpointError(.corrupt, "\(begin.count) begins and \(size.count) sizes do not fit the shape \(x.shape)")
    }
    for i in begin.indices {
      let all = x.dimensions[i]
      guard begin[i] >= 0, begin[i] <= all else {
        throw CheckpointError(.corrupt, "the slice begins at \(begin[i]) of dimension \(i) of \(x.shape)")
      }
      if size[i] == -1 { size[i] = all - begin[i] }
      guard size[i] >= 0, size[i] <= all - begin[i] else {
        throw CheckpointError(.corrupt, "elements \(begin[i])+\(size[i]) lie outside dimension \(i) of \(x.shape)")
      }
    }
    let shape = try Shape(size)
    if shape == x.shape { return context.emit(x) }
    let walk = Walk(x.dimensions, at: shape.elementCount == 0 ? nil : begin)
    context.emit(try context.box(shape, of: x, walk))
  }
}
