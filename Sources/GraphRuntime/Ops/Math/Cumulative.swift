import CheckpointCore

/// Cumsum, Cumprod, CumulativeLogsumexp: each element with all before it along the axis of input 1, a single number.
/// Attributes T, Tidx, exclusive (without the element itself), reverse (from the end). The shape stays.
struct Cumulative: ArithmeticKernel {
  let isProduct: Bool

  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let isProduct = isProduct
    return try scan(&node, T.self, start: isProduct ? T(1) : T(0)) {
      isProduct ? $0.multiplied($1) : $0.adding($1)
    }
  }
}

struct CumulativeLogSumExp: FloatingKernel {
  func kernel<T: ArithmeticElement & RealElement>(
    _: T.Type, _ node: inout NodeContext
  ) throws(CheckpointError) -> Kernel {
    try scan(&node, T.self, start: -T.infinity) { (a: T, b: T) in
      let (low, high) = a < b ? (a, b) : (b, a)
      if !low.isFinite, low == high || low < 0 { return high }
      return high + T.log1p(T.exp(low - high))
    }
  }
}

private func scan<T: NumericElement>(
  _ node: inout NodeContext, _: T.Type, start: T, _ step: @escaping @Sendable (T, T) -> T
) throws(CheckpointError) -> Kernel {
  let exclusive = try node.bool("exclusive", default: false)
  let reverse = try node.bool("reverse", default: false)
  return { (context) throws(CheckpointError) in
    let x = try context.tensor(0, T.dtype)
    let axis = try normalized(axis: try context.int(1), rank: x.rank)
    let count = x.dimensions[axis]
    let outer = x.dimensions[..<axis].reduce(1, *)
    let inner = x.dimensions[(axis + 1)...].reduce(1, *)
    let y = try context.allocate(T.self, x.shape)
    let from = x.elements(T.self)
    var to = y.mutableElements(T.self)
    for o in 0..<outer {
      for i in 0..<inner {
        var sum = start
        for k in 0..<count {
          let at = (o * count + (reverse ? count - 1 - k : k)) * inner + i
          let next = step(sum, from[at])
          to[at] = exclusive ? sum : next
          sum = next
        }
      }
    }
    context.emit(y)
  }
}
