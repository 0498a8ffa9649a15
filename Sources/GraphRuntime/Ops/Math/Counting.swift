import CheckpointCore

/// Bincount: how often each number below `size` (input 1) is in input 0, or the sum of its weights (input 2, may be
/// empty). Larger numbers do not count. Attribute T, of the weights and the result. DenseBincount: the same of each row
/// of a matrix; attributes Tidx, binary_output (whether, instead of how often).
struct Bincount: ArithmeticKernel {
  let isDense: Bool

  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let isBinary = isDense ? try node.bool("binary_output", default: false) : false
    let isDense = isDense
    return { (context) throws(CheckpointError) in
      let numbers = try context.ints(0)
      let shape = try context.shape(of: 0)
      let size = try context.int(1)
      let weights = try context.tensor(2, T.dtype)
      guard size >= 0, weights.elementCount == 0 || weights.elementCount == numbers.count else {
        throw CheckpointError(
          .corrupt, "\(numbers.count) numbers, \(weights.elementCount) weights, size \(size): no fit")
      }
      guard !isDense || shape.rank <= 2 else {
        throw CheckpointError(.corrupt, "the numbers have the shape \(shape), not that of a vector or matrix")
      }
      let isMatrix = isDense && shape.rank == 2
      let rows = isMatrix ? shape.dimensions[0] : 1
      let columns = isMatrix ? shape.dimensions[1] : numbers.count
      let y = try context.allocate(T.dtype, isMatrix ? [rows, size] : [size])
      y.zero()
      let weight = weights.elements(T.self)
      var to = y.mutableElements(T.self)
      for row in 0..<rows {
        for i in row * columns..<(row + 1) * columns {
          guard numbers[i] >= 0 else { throw CheckpointError(.corrupt, "\(numbers[i]) is negative") }
          guard numbers[i] < size else { continue }
          let at = row * size + numbers[i]
          to[at] = isBinary ? 1 : to[at].adding(weight.isEmpty ? 1 : weight[i])
        }
      }
      context.emit(y)
    }
  }
}

/// Bucketize: how many of the rising boundaries are not above each number, as int32. Attributes T, boundaries.
struct Bucketize: ArithmeticKernel {
  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let boundaries = try node.floats("boundaries")
    for i in boundaries.indices.dropFirst() where boundaries[i] < boundaries[i - 1] {
      throw CheckpointError(.corrupt, "the boundaries do not rise")
    }
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      let y = try context.allocate(Int32.self, x.shape)
      let from = x.elements(T.self)
      var to = y.mutableElements(Int32.self)
      for i in from.indices {
        let value = from[i].asDouble
        var (low, high) = (0, boundaries.count)
        while low < high {
          let middle = (low + high) / 2
          if value < Double(boundaries[middle]) { high = middle } else { low = middle + 1 }
        }
        to[i] = Int32(clamping: low)
      }
      context.emit(y)
    }
  }
}

/// HistogramFixedWidth: how many numbers lie in each of `nbins` (input 2) equal parts of the range (input 1: two
/// numbers); those outside count in the first or last. Attributes T, dtype (int32, int64).
struct HistogramFixedWidth: ArithmeticKernel {
  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let output = try node.dtype("dtype", default: .int32)
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      let range = try context.tensor(1, T.dtype)
      let count = try context.int(2)
      guard range.elementCount == 2, count > 0 else {
        throw CheckpointError(.corrupt, "a range of \(range.elementCount) numbers cannot be cut into \(count) parts")
      }
      let (low, high) = (range.elements(T.self)[0], range.elements(T.self)[1])
      guard low < high else { throw CheckpointError(.corrupt, "the range is empty") }
      let step = high.subtracting(low).asDouble / Double(count)
      let y = try context.allocate(Int64.self, try Shape([count]))
      y.zero()
      let from = x.elements(T.self)
      var to = y.mutableElements(Int64.self)
      for i in from.indices {
        let value = from[i] < low ? low : from[i]
        let place = value.subtracting(low).asDouble / step
        guard !place.isNaN else { continue }
        to[Int(min(place, Double(count - 1)))] += 1
      }
      context.emit(try context.cast(y, to: output))
    }
  }
}
