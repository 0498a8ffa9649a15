import CheckpointCore

/// ExtractImagePatches: at each position of a window its elements as channels, in the order row, column, channel; zeros
/// outside the image. [n, h, w, c] to [n, oh, ow, kh * kw * c]. Attributes T, ksizes, strides, rates, padding.
enum ImagePatches {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let sizes = try node.ints("ksizes")
    let steps = try node.ints("strides")
    let rates = try node.ints("rates")
    let isSame = try node.choice("padding", ["SAME", "VALID"]) == "SAME"
    for list in [sizes, steps, rates] {
      guard list.count == 4, list[0] == 1, list[3] == 1, list[1] > 0, list[2] > 0, list[1] < 1 << 31, list[2] < 1 << 31
      else { throw CheckpointError(.corrupt, "the window \(list) is not one of [1, rows, columns, 1]") }
    }
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      guard x.rank == 4 else { throw CheckpointError(.corrupt, "the shape \(x.shape) is not one of images") }
      let (n, c) = (x.dimensions[0], x.dimensions[3])
      let rows = Axis(x.dimensions[1], sizes[1], steps[1], rates[1], isSame)
      let columns = Axis(x.dimensions[2], sizes[2], steps[2], rates[2], isSame)
      let (taps, overflow) = sizes[1].multipliedReportingOverflow(by: sizes[2])
      let (depth, beyond) = taps.multipliedReportingOverflow(by: c)
      guard !overflow, !beyond else { throw CheckpointError(.corrupt, "the window does not fit 64 bits") }
      let y = try context.allocate(x.dtype, [n, rows.count, columns.count, depth])
      y.zero()
      if y.elementCount == 0 || x.elementCount == 0 { return context.emit(y) }
      let (dense, out) = (denseStrides(x.dimensions), denseStrides(y.dimensions))
      for i in 0..<sizes[1] {
        for j in 0..<sizes[2] {
          let (p, q) = (rows.inside(i), columns.inside(j))
          guard !p.isEmpty, !q.isEmpty else { continue }
          let from = Walk(
            first: rows.position(p.lowerBound, i) * dense[1] + columns.position(q.lowerBound, j) * dense[2],
            strides: [dense[0], steps[1] * dense[1], steps[2] * dense[2], 1])
          let to = Walk(
            first: p.lowerBound * out[1] + q.lowerBound * out[2] + (i * sizes[2] + j) * c, strides: out)
          try context.copy([n, p.count, q.count, c], from: x, from, to: y, to)
        }
      }
      context.emit(y)
    }
  }

  private struct Axis {
    let size: Int
    let step: Int
    let rate: Int
    let before: Int
    let count: Int

    init(_ size: Int, _ window: Int, _ step: Int, _ rate: Int, _ isSame: Bool) {
      let extent = (window - 1) * rate + 1
      self.size = size
      self.step = step
      self.rate = rate
      count = isSame ? (size + step - 1) / step : size < extent ? 0 : (size - extent) / step + 1
      before = isSame ? max((count - 1) * step + extent - size, 0) / 2 : 0
    }

    func position(_ out: Int, _ tap: Int) -> Int { out * step + tap * rate - before }

    /// The results for which the tap lies inside the image.
    func inside(_ tap: Int) -> Range<Int> {
      let offset = tap * rate - before
      let first = offset >= 0 ? 0 : (-offset + step - 1) / step
      let end = size - offset <= 0 ? 0 : min((size - offset - 1) / step + 1, count)
      return first..<max(first, end)
    }
  }
}
