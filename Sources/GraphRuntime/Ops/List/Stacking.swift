import CheckpointCore

extension DenseTensor {
  /// A row, without copying.
  func row(_ index: Int) throws(CheckpointError) -> DenseTensor {
    guard let rows = dimensions.first, index >= 0, index < rows else {
      throw CheckpointError(.corrupt, "the row \(index) lies outside a tensor of shape \(shape)")
    }
    let shape = try Shape(Array(dimensions.dropFirst()))
    return try elements(from: index * shape.elementCount, as: shape)
  }
}

extension KernelContext {
  /// Elements of one shape on top of each other.
  /// - Parameters:
  ///   - elementShape: what is known of it, for when there is no element; -1 and nil are unknown.
  func stack(
    _ elements: [DenseTensor], elementShape: [Int]?, dtype: DType, leading: [Int]? = nil
  ) throws(CheckpointError) -> DenseTensor {
    let leading = leading ?? [elements.count]
    guard let first = elements.first else {
      guard let elementShape, elementShape.allSatisfy({ $0 >= 0 }) else {
        throw CheckpointError(.corrupt, "nothing is stacked, and the shape of an element is not known")
      }
      return try allocate(dtype, leading + elementShape)
    }
    // A single element is the stack.
    if elements.count == 1, leading == [1] { return try first.reshaped(try Shape([1] + first.dimensions)) }
    let out = try allocate(first.dtype, leading + first.dimensions)
    for (i, element) in elements.enumerated() {
      guard element.shape == first.shape, element.dtype == first.dtype else {
        throw CheckpointError(
          .corrupt, "element \(i) has the shape \(element.shape), the first one \(first.shape)")
      }
      try out.copy(element, toByteOffset: i * first.byteCount)
    }
    return out
  }

  /// Elements joined along their first dimension, and the number of rows of each.
  func joinRows(
    _ elements: [DenseTensor], elementShape: [Int]?, dtype: DType
  ) throws(CheckpointError) -> (DenseTensor, lengths: DenseTensor) {
    var lengths: [Int] = []
    var rows = 0
    var inner: [Int]?
    for element in elements {
      guard let length = element.dimensions.first else {
        throw CheckpointError(.corrupt, "a scalar has no rows to join")
      }
      let rest = Array(element.dimensions.dropFirst())
      guard inner == nil || inner == rest else {
        throw CheckpointError(.corrupt, "rows of shape \(rest) and \(inner ?? []) cannot be joined")
      }
      inner = rest
      lengths.append(length)
      rows += length
    }
    if inner == nil, let elementShape, elementShape.allSatisfy({ $0 >= 0 }) { inner = elementShape }
    let out = try allocate(elements.first?.dtype ?? dtype, [rows] + (inner ?? []))
    var offset = 0
    for element in elements {
      try out.copy(element, toByteOffset: offset)
      offset += element.byteCount
    }
    return (out, try ints(lengths, as: .int64))
  }

  /// Zeros, for an element that was never set.
  func zeros(_ dtype: DType, _ dimensions: [Int]) throws(CheckpointError) -> DenseTensor {
    let tensor = try allocate(dtype, dimensions)
    tensor.zero()
    return tensor
  }
}

/// Two partly known shapes made one: what either knows.
/// - Throws: `corrupt` where they contradict each other.
func merged(_ a: [Int]?, _ b: [Int]?) throws(CheckpointError) -> [Int]? {
  guard let a else { return b }
  guard let b else { return a }
  guard a.count == b.count else { throw CheckpointError(.corrupt, "the element shapes \(a) and \(b) disagree") }
  var shape: [Int] = []
  for (m, n) in zip(a, b) {
    guard m < 0 || n < 0 || m == n else { throw CheckpointError(.corrupt, "the element shapes \(a) and \(b) disagree") }
    shape.append(m < 0 ? n : m)
  }
  return shape
}
