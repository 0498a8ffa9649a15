import CheckpointCore

/// StridedSliceAssign: the part of a variable that StridedSlice would yield is replaced. Inputs: reference, begin, end,
/// strides, value (of the part's shape, or a scalar). Attributes begin_mask, end_mask, ellipsis_mask, new_axis_mask,
/// shrink_axis_mask.
enum StridedSliceAssign {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let masks = try Masks(node)
    return { (context) throws(CheckpointError) in
      let variable = try context.resource(0, VariableCell.self)
      try apply(masks, variable, &context)
      context.emit(.reference(variable))
    }
  }

  static func buildResource(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let masks = try Masks(node)
    node.outputCount = 0
    return { (context) throws(CheckpointError) in
      try apply(masks, try context.resource(0, VariableCell.self), &context)
    }
  }

  private struct Masks {
    let begin, end, ellipsis, newAxis, shrink: Int

    init(_ node: NodeContext) throws(CheckpointError) {
      begin = try node.int("begin_mask", default: 0)
      end = try node.int("end_mask", default: 0)
      ellipsis = try node.int("ellipsis_mask", default: 0)
      newAxis = try node.int("new_axis_mask", default: 0)
      shrink = try node.int("shrink_axis_mask", default: 0)
      guard ellipsis & (ellipsis - 1) == 0 else { throw CheckpointError(.corrupt, "has more than one ellipsis") }
    }
  }

  private static func apply(
    _ masks: Masks, _ variable: VariableCell, _ context: inout KernelContext
  ) throws(CheckpointError) {
    let (begin, end, step) = (try context.ints(1), try context.ints(2), try context.ints(3))
    let value = try context.tensor(4)
    try variable.change { (target) throws(CheckpointError) in
      let axes = try self.axes(masks, begin, end, step, target.dimensions)
      let part = axes.map(\.count)
      let count = try Shape(part).elementCount
      guard value.dtype == target.dtype, value.elementCount == count || value.elementCount == 1 else {
        throw CheckpointError(.corrupt, "\(Value.dense(value).summary) does not fit a part of shape \(part)")
      }
      let strides = denseStrides(target.dimensions)
      var index = [Int](repeating: 0, count: part.count)
      for i in 0..<count {
        var position = 0
        for d in index.indices { position += (axes[d].first + index[d] * axes[d].step) * strides[d] }
        try Update.replace.apply(to: target, at: position, value, at: value.elementCount == 1 ? 0 : i, count: 1)
        for d in index.indices.reversed() {
          index[d] += 1
          if index[d] < part[d] { break }
          index[d] = 0
        }
      }
    }
  }

  /// First element, step and number of elements along each axis of the variable.
  private static func axes(
    _ masks: Masks, _ begin: [Int], _ end: [Int], _ step: [Int], _ dimensions: [Int]
  ) throws(CheckpointError) -> [(first: Int, step: Int, count: Int)] {
    guard begin.count == end.count, begin.count == step.count, begin.count < 32 else {
      throw CheckpointError(.corrupt, "begin, end and strides have \(begin.count), \(end.count), \(step.count) members")
    }
    var axes: [(first: Int, step: Int, count: Int)] = []
    let named = begin.indices.count { masks.newAxis >> $0 & 1 == 0 && masks.ellipsis >> $0 & 1 == 0 }
    for i in begin.indices {
      if masks.ellipsis >> i & 1 == 1 {
        for _ in 0..<max(dimensions.count - named, 0) where axes.count < dimensions.count {
          axes.append((0, 1, dimensions[axes.count]))
        }
        continue
      }
      if masks.newAxis >> i & 1 == 1 { continue }
      guard axes.count < dimensions.count else { throw CheckpointError(.corrupt, "there are too many slices") }
      let size = dimensions[axes.count]
      if masks.shrink >> i & 1 == 1 {
        let index = begin[i] < 0 ? begin[i] + size : begin[i]
        guard index >= 0, index < size else {
          throw CheckpointError(.corrupt, "the index \(begin[i]) lies outside a dimension of \(size)")
        }
        axes.append((index, 1, 1))
        continue
      }
      let stride = step[i]
      guard stride != 0, stride > -(1 << 40), stride < 1 << 40 else {
        throw CheckpointError(.corrupt, "a stride is \(stride)")
      }
      func clamped(_ number: Int) -> Int {
        let counted = number < 0 ? number &+ size : number
        return stride > 0 ? min(max(counted, 0), size) : min(max(counted, -1), size - 1)
      }
      let first = masks.begin >> i & 1 == 1 ? (stride > 0 ? 0 : size - 1) : clamped(begin[i])
      let last = masks.end >> i & 1 == 1 ? (stride > 0 ? size : -1) : clamped(end[i])
      let distance = stride > 0 ? last - first : first - last
      axes.append((first, stride, distance > 0 ? (distance - 1) / abs(stride) + 1 : 0))
    }
    while axes.count < dimensions.count { axes.append((0, 1, dimensions[axes.count])) }
    return axes
  }
}
