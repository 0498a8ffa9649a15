import CheckpointCore

/// What becomes of the rows of one segment.
enum SegmentOperation { case sum, mean, rootMean, product, max, min }

/// SegmentSum, Mean, Prod, Max, Min: rows with one number in input 1, which rises, become one row; numbers without rows
/// give 0 (Prod 1). Attributes T, Tindices. The first dimension becomes the last number + 1.
struct SortedSegments: ArithmeticKernel {
  let operation: SegmentOperation

  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let operation = operation
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      let numbers = try context.ints(1)
      guard x.rank > 0, x.dimensions[0] == numbers.count, try context.shape(of: 1).rank == 1 else {
        throw CheckpointError(.corrupt, "\(numbers.count) segment numbers do not fit the shape \(x.shape)")
      }
      for (i, number) in numbers.enumerated() where number < 0 || (i > 0 && number < numbers[i - 1]) {
        throw CheckpointError(.corrupt, "the segment numbers do not rise from 0 on")
      }
      let count = try size(after: numbers.last)
      let empty: T = operation == .product ? 1 : 0
      let rows = Array(numbers.indices)
      context.emit(try context.segments(x, rows: rows, numbers, count, operation, empty: empty))
    }
  }
}

/// UnsortedSegmentSum, Prod, Max, Min: the same for numbers in any order, as many segments as input 2 says; rows with a
/// negative number are left out. Segments without rows give 0, 1, the lowest and the highest finite value. Input 1 may
/// have several dimensions, which the result's first one replaces.
struct UnsortedSegments: ArithmeticKernel {
  let operation: SegmentOperation

  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let operation = operation
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      let numbers = try context.ints(1)
      let segments = try context.shape(of: 1)
      let count = try context.int(2)
      guard count >= 0, segments.rank <= x.rank, Array(x.dimensions[..<segments.rank]) == segments.dimensions else {
        throw CheckpointError(.corrupt, "segment numbers of shape \(segments) do not fit the shape \(x.shape)")
      }
      for number in numbers where number >= count {
        throw CheckpointError(.corrupt, "the segment number \(number) lies outside 0..<\(count)")
      }
      let flat = try x.reshaped(try Shape([numbers.count] + x.dimensions[segments.rank...]))
      let empty: T =
        switch operation {
        case .product: 1
        case .max: T.lowestFinite
        case .min: T.highestFinite
        default: 0
        }
      context.emit(
        try context.segments(flat, rows: Array(numbers.indices), numbers, count, operation, empty: empty))
    }
  }
}

/// SparseSegmentSum, Mean, SqrtN: rows of input 0 chosen by input 1, in the segments of input 2; with `WithNumSegments`
/// as many segments as input 3 says. Attributes T, Tidx.
struct SparseSegments: ArithmeticKernel {
  let operation: SegmentOperation
  let hasCount: Bool

  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let operation = operation
    let hasCount = hasCount
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      let rows = try context.ints(1)
      let numbers = try context.ints(2)
      guard x.rank > 0, rows.count == numbers.count else {
        throw CheckpointError(.corrupt, "\(rows.count) rows do not fit \(numbers.count) segment numbers")
      }
      for (i, number) in numbers.enumerated() where number < 0 || (i > 0 && number < numbers[i - 1]) {
        throw CheckpointError(.corrupt, "the segment numbers do not rise from 0 on")
      }
      for row in rows where row < 0 || row >= x.dimensions[0] {
        throw CheckpointError(.corrupt, "the row \(row) lies outside 0..<\(x.dimensions[0])")
      }
      let least = try size(after: numbers.last)
      let count = hasCount ? try context.int(3) : least
      guard count >= least else {
        throw CheckpointError(.corrupt, "the segment number \(least - 1) lies outside 0..<\(count)")
      }
      context.emit(try context.segments(x, rows: rows, numbers, count, operation, empty: 0 as T))
    }
  }
}

/// One more than the last segment number.
private func size(after last: Int?) throws(CheckpointError) -> Int {
  guard let last else { return 0 }
  guard last < .max else { throw CheckpointError(.corrupt, "the segment number \(last) is too large") }
  return last + 1
}

extension KernelContext {
  /// `y[numbers[i]] op= x[rows[i]]` for rising i; the rows and numbers were checked, negative numbers are skipped.
  fileprivate func segments<T: ArithmeticElement>(
    _ x: DenseTensor, rows: [Int], _ numbers: [Int], _ count: Int, _ operation: SegmentOperation, empty: T
  ) throws(CheckpointError) -> DenseTensor {
    let y = try allocate(T.self, try Shape([count] + x.dimensions.dropFirst()))
    if y.elementCount == 0 { return y }
    let width = y.elementCount / count
    var filled = [Int](repeating: 0, count: count)
    let from = x.elements(T.self)
    var to = y.mutableElements(T.self)
    for i in to.indices { to[i] = empty }
    for (i, number) in numbers.enumerated() where number >= 0 {
      let (source, target) = (rows[i] * width, number * width)
      if filled[number] == 0 {
        for k in 0..<width { to[target + k] = from[source + k] }
      } else {
        switch operation {
        case .sum, .mean, .rootMean:
          for k in 0..<width { to[target + k] = to[target + k].adding(from[source + k]) }
        case .product: for k in 0..<width { to[target + k] = to[target + k].multiplied(from[source + k]) }
        case .max: for k in 0..<width where from[source + k] > to[target + k] { to[target + k] = from[source + k] }
        case .min: for k in 0..<width where from[source + k] < to[target + k] { to[target + k] = from[source + k] }
        }
      }
      filled[number] += 1
    }
    guard operation == .mean || operation == .rootMean else { return y }
    for (segment, n) in filled.enumerated() where n > 1 {
      let divisor = operation == .mean ? Double(n) : Double(n).squareRoot()
      for k in segment * width..<(segment + 1) * width { to[k] = to[k].divided(by: divisor) }
    }
    return y
  }
}
