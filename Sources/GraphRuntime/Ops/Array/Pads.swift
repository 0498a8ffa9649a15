import CheckpointCore

/// Pad, PadV2: elements added before and after each dimension, zero or input 2. Input 1 is [rank, 2]. Attributes T,
/// Tpaddings.
enum Pads {
  static func kernel(hasValue: Bool) -> Kernel {
    { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      let paddings = try context.paddings(1, rank: x.rank)
      var dimensions = x.dimensions
      for (i, pad) in paddings.enumerated() { dimensions[i] = try padded(dimensions[i], pad.before, pad.after) }
      if dimensions == x.dimensions { return context.emit(x) }
      let y = try context.allocate(x.dtype, dimensions)
      if hasValue {
        let value = try context.tensor(2, x.dtype)
        guard value.elementCount == 1 else {
          throw CheckpointError(.corrupt, "the padding has the shape \(value.shape), not that of one number")
        }
        try context.fill(y, with: value)
      } else {
        y.zero()
      }
      try context.copy(x.dimensions, from: x, Walk(x.dimensions), to: y, Walk(dimensions, at: paddings.map(\.before)))
      context.emit(y)
    }
  }

  /// MirrorPad: the added elements are those inside, seen in a mirror before or after the border (mode SYMMETRIC) or at
  /// it (REFLECT). Attributes T, Tpaddings, mode.
  static func buildMirror(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    // Elements between the border's own and the mirror.
    let skip = try node.choice("mode", ["REFLECT", "SYMMETRIC"]) == "REFLECT" ? 1 : 0
    return { (context) throws(CheckpointError) in
      var x = try context.tensor(0)
      let paddings = try context.paddings(1, rank: x.rank)
      for (axis, pad) in paddings.enumerated() where pad.before > 0 || pad.after > 0 {
        let size = x.dimensions[axis]
        guard max(pad.before, pad.after) <= size - skip else {
          throw CheckpointError(.corrupt, "paddings of \(pad.before) and \(pad.after) exceed the dimension of \(size)")
        }
        var dimensions = x.dimensions
        dimensions[axis] = try padded(size, pad.before, pad.after)
        let y = try context.allocate(x.dtype, dimensions)
        let outer = dimensions[..<axis].reduce(1, *)
        let inner = dimensions[(axis + 1)...].reduce(1, *)
        let from = [size * inner, inner, 1]
        let back = [size * inner, -inner, 1]
        let to = [dimensions[axis] * inner, inner, 1]
        try context.copy(
          [outer, size, inner], from: x, Walk(strides: from), to: y, Walk(first: pad.before * inner, strides: to))
        try context.copy(
          [outer, pad.before, inner], from: x, Walk(first: (pad.before - 1 + skip) * inner, strides: back), to: y,
          Walk(strides: to))
        try context.copy(
          [outer, pad.after, inner], from: x, Walk(first: (size - 1 - skip) * inner, strides: back), to: y,
          Walk(first: (pad.before + size) * inner, strides: to))
        x = y
      }
      context.emit(x)
    }
  }
}

/// The size with both paddings.
func padded(_ size: Int, _ before: Int, _ after: Int) throws(CheckpointError) -> Int {
  let (sum, overflow) = size.addingReportingOverflow(before)
  let (all, beyond) = sum.addingReportingOverflow(after)
  guard before >= 0, after >= 0, !overflow, !beyond else {
    throw CheckpointError(.corrupt, "a dimension of \(size) cannot be padded with \(before) and \(after)")
  }
  return all
}

extension KernelContext {
  /// Pairs of an input of shape [rank, 2], none negative.
  func paddings(_ i: Int, rank: Int) throws(CheckpointError) -> [(before: Int, after: Int)] {
    let list = try ints(i)
    guard try shape(of: i).dimensions == [rank, 2] || (rank == 0 && list.isEmpty) else {
      throw CheckpointError(.corrupt, "paddings of shape \(try shape(of: i)) do not fit \(rank) dimensions")
    }
    var pairs: [(before: Int, after: Int)] = []
    for k in 0..<rank {
      guard list[2 * k] >= 0, list[2 * k + 1] >= 0 else {
        throw CheckpointError(.corrupt, "the paddings \(list[2 * k]) and \(list[2 * k + 1]) are negative")
      }
      pairs.append((list[2 * k], list[2 * k + 1]))
    }
    return pairs
  }
}
