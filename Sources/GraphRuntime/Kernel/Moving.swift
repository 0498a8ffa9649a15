import CKernels
import CheckpointCore

/// Where a box of elements lies in a tensor: its first element and the distance of neighbours in each dimension.
struct Walk {
  var first = 0
  var strides: [Int]

  /// A box at an index of a dense tensor.
  init(_ dimensions: [Int], at index: [Int]? = nil) {
    strides = denseStrides(dimensions)
    if let index { for i in index.indices { first += index[i] &* strides[i] } }
  }

  init(first: Int = 0, strides: [Int]) {
    self.first = first
    self.strides = strides
  }

  /// Whether the box's elements lie one after the other.
  fileprivate func isDense(_ dimensions: [Int]) -> Bool {
    var step = 1
    for i in dimensions.indices.reversed() where dimensions[i] != 1 {
      if strides[i] != step { return false }
      step *= dimensions[i]
    }
    return true
  }

  /// Whether every element of the box lies inside `count` elements.
  fileprivate func fits(_ dimensions: [Int], in count: Int) -> Bool {
    guard strides.count == dimensions.count else { return false }
    var (low, high) = (first, first)
    for i in dimensions.indices {
      let (reach, overflow) = (dimensions[i] - 1).multipliedReportingOverflow(by: strides[i])
      guard !overflow else { return false }
      let (end, beyond) = (reach < 0 ? low : high).addingReportingOverflow(reach)
      guard !beyond else { return false }
      if reach < 0 { low = end } else { high = end }
    }
    return low >= 0 && high < count
  }
}

extension KernelContext {
  /// Copies a box of elements of any dtype; a stride of 0 in `source` repeats.
  func copy(
    _ dimensions: [Int], from x: DenseTensor, _ source: Walk, to y: DenseTensor, _ target: Walk
  ) throws(CheckpointError) {
    if dimensions.contains(0) { return }
    guard source.fits(dimensions, in: x.elementCount), target.fits(dimensions, in: y.elementCount), x.width == y.width
    else { throw CheckpointError(.corrupt, "a copy of \(dimensions) elements reaches outside its tensors") }
    let width = x.width
    // SAFETY: both boxes were found to lie inside their tensors, which outlive the call.
    let status = unsafe x.withPointer(UInt8.self) { from in
      unsafe y.withMutablePointer(UInt8.self) { to in
        unsafe ck_copy_strided(
          pool, width, CInt(dimensions.count), dimensions, from + source.first * width, source.strides,
          to + target.first * width, target.strides)
      }
    }
    try check(status)
  }

  /// A dense copy of a box of elements; a view where the box is large and already dense.
  func box(_ shape: Shape, of x: DenseTensor, _ source: Walk) throws(CheckpointError) -> DenseTensor {
    if shape.elementCount > 1024, source.isDense(shape.dimensions) {
      return try x.elements(from: source.first, as: shape)
    }
    let y = try allocate(x.dtype, shape)
    try copy(shape.dimensions, from: x, source, to: y, Walk(shape.dimensions))
    return y
  }

  /// The tensor with dimension `permutation[i]` as its i-th; a view where nothing changes places.
  func permuted(_ x: DenseTensor, _ permutation: [Int]) throws(CheckpointError) -> DenseTensor {
    let dimensions = permutation.map { x.dimensions[$0] }
    let shape = try Shape(dimensions)
    // Dimensions of 1 may go anywhere.
    let moving = permutation.filter { x.dimensions[$0] != 1 }
    if x.elementCount == 0 || zip(moving, moving.dropFirst()).allSatisfy(<) { return try x.reshaped(shape) }
    let y = try allocate(x.dtype, shape)
    let order = permutation.map { CInt($0) }
    // SAFETY: y has the elements of x; both outlive the call.
    let status = unsafe x.withPointer(UInt8.self) { from in
      unsafe y.withMutablePointer(UInt8.self) { to in
        unsafe ck_transpose(pool, x.width, CInt(order.count), x.dimensions, order, from, to)
      }
    }
    try check(status)
    return y
  }

  /// `y[outer, count, row] = x[outer, rows, row]` at the indices, from an element of y on.
  /// - Throws: `corrupt` where an index lies outside 0..<rows.
  func gather(
    _ x: DenseTensor, outer: Int, rows: Int, row: Int, _ indices: DenseTensor, into y: DenseTensor, at first: Int = 0
  ) throws(CheckpointError) {
    let indices = indices.dtype == .int64 ? indices : try cast(indices, to: .int32)
    let count = indices.elementCount
    if outer == 0 || row == 0 || count == 0 { return }
    // The products were checked where the shapes of x and y were made.
    guard x.width == y.width, outer &* rows &* row == x.elementCount, first >= 0,
      outer &* count &* row <= y.elementCount - first
    else { throw CheckpointError(.corrupt, "the indices do not fit the shapes") }
    // SAFETY: the sizes were compared with both tensors; the kernel checks every index.
    let status = unsafe x.withPointer(UInt8.self) { from in
      unsafe indices.withPointer(UInt8.self) { at in
        unsafe y.withMutablePointer(UInt8.self) { to in
          unsafe ck_gather(
            pool, outer, rows, row * x.width, count, at, indices.width, from, to + first * y.width)
        }
      }
    }
    guard status != CInt(CK_BAD_INDEX) else {
      throw CheckpointError(.corrupt, "an index lies outside 0..<\(rows)")
    }
    try check(status)
  }

  /// Fills a tensor with the one element of another.
  func fill(_ y: DenseTensor, with value: DenseTensor) throws(CheckpointError) {
    try copy([y.elementCount], from: value, Walk(strides: [0]), to: y, Walk(strides: [1]))
  }
}
