import CheckpointCore

/// ImageProjectiveTransform, V2, V3: images [batch, h, w, channels], transforms [batch or 1, 8], output_shape [2] (V1:
/// the image's), fill_value (V3); each output pixel (x, y) is read at ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k),
/// k = c0 x + c1 y + 1. Attributes dtype, interpolation (NEAREST, BILINEAR), fill_mode (CONSTANT, REFLECT, WRAP,
/// NEAREST).
enum ProjectiveTransform: NumericKernel {
  static func kernel<T: NumericElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let isNearest = try node.choice("interpolation", ["NEAREST", "BILINEAR"]) == "NEAREST"
    let mode = try node.choice("fill_mode", ["CONSTANT", "REFLECT", "WRAP", "NEAREST"], default: "CONSTANT")
    let inputs = node.inputCount
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      let transforms = try context.tensor(1, .float32)
      guard x.rank == 4, transforms.rank == 2, transforms.dimensions[1] == 8,
        transforms.dimensions[0] == 1 || transforms.dimensions[0] == x.dimensions[0]
      else {
        throw CheckpointError(.corrupt, "transforms of shape \(transforms.shape) for images of shape \(x.shape)")
      }
      let d = x.dimensions
      let size = inputs > 2 ? try context.ints(2) : [d[1], d[2]]
      guard size.count == 2, size[0] >= 0, size[1] >= 0 else {
        throw CheckpointError(.corrupt, "the output shape is \(size)")
      }
      let fill = inputs > 3 ? T(saturating: Double(try context.number(3))) : T(0)
      let y = try context.allocate(T.dtype, [d[0], size[0], size[1], d[3]])
      if y.elementCount == 0 { return context.emit(y) }
      let from = x.elements(T.self)
      let matrix = transforms.elements(Float.self)
      var to = y.mutableElements(T.self)
      var o = 0
      for b in 0..<d[0] {
        let t = transforms.dimensions[0] == 1 ? 0 : b * 8
        func read(_ row: Float, _ column: Float, _ c: Int) -> T {
          guard row >= 0, row < Float(d[1]), column >= 0, column < Float(d[2]) else { return fill }
          return from[((b * d[1] + min(Int(row), d[1] - 1)) * d[2] + min(Int(column), d[2] - 1)) * d[3] + c]
        }
        for i in 0..<size[0] {
          for j in 0..<size[1] {
            let (px, py) = (Float(j), Float(i))
            let k = matrix[t + 6] * px + matrix[t + 7] * py + 1
            let column = mapped((matrix[t] * px + matrix[t + 1] * py + matrix[t + 2]) / k, d[2], mode)
            let row = mapped((matrix[t + 3] * px + matrix[t + 4] * py + matrix[t + 5]) / k, d[1], mode)
            for c in 0..<d[3] {
              if k == 0 {
                to[o] = fill
              } else if isNearest {
                to[o] = read(
                  row.rounded(.toNearestOrAwayFromZero), column.rounded(.toNearestOrAwayFromZero), c)
              } else {
                let (top, left) = (row.rounded(.down), column.rounded(.down))
                func line(_ row: Float) -> Float {
                  (left + 1 - column) * Float(read(row, left, c).asDouble)
                    + (column - left) * Float(read(row, left + 1, c).asDouble)
                }
                let value = (top + 1 - row) * line(top) + (row - top) * line(top + 1)
                to[o] = T(saturating: Double(value))
              }
              o += 1
            }
          }
        }
      }
      context.emit(y)
    }
  }

  /// A position brought into the image.
  private static func mapped(_ position: Float, _ size: Int, _ mode: String) -> Float {
    guard mode != "CONSTANT", size > 0, position.isFinite else { return position }
    let last = Float(size - 1)
    let length = Float(size)
    var p = position
    switch mode {
    case "REFLECT":
      if p < 0 {
        if size <= 1 { return 0 }
        let period = 2 * length
        if p < period { p = period * (-p / period).rounded(.towardZero) + p }
        p = p < -length ? p + period : -p - 1
      } else if p > last {
        if size <= 1 { return 0 }
        let period = 2 * length
        p -= period * (p / period).rounded(.towardZero)
        if p >= length { p = period - p - 1 }
      }
    case "WRAP":
      if p < 0 {
        if size <= 1 { return 0 }
        p += length * ((-p / last).rounded(.towardZero) + 1)
      } else if p > last {
        if size <= 1 { return 0 }
        p -= length * (p / last).rounded(.towardZero)
      }
    default: break
    }
    return min(max(p, 0), last)
  }
}
