import CheckpointCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How positions of the output fall on the input along one dimension.
struct ResizeScale {
  let input: Int
  let output: Int
  let scale: Float
  let isHalfPixel: Bool

  init(input: Int, output: Int, alignCorners: Bool, halfPixel: Bool) {
    self.input = input
    self.output = output
    isHalfPixel = halfPixel
    scale = alignCorners && output > 1 ? Float(input - 1) / Float(output - 1) : Float(input) / Float(output)
  }

  /// The input position of an output position.
  func position(_ i: Int) -> Float { isHalfPixel ? (Float(i) + 0.5) * scale - 0.5 : Float(i) * scale }

  /// The nearest input position.
  func nearest(_ i: Int, alignCorners: Bool) -> Int {
    let position = isHalfPixel ? (Float(i) + 0.5) * scale : Float(i) * scale
    let rule: FloatingPointRoundingRule = alignCorners ? .toNearestOrAwayFromZero : .down
    return bounded(Int(position.rounded(rule)))
  }

  func bounded(_ i: Int) -> Int { min(max(i, 0), input - 1) }
}

/// The attributes align_corners and half_pixel_centers, and the input `size` [2] of all Resize ops.
struct ResizeAttributes: Sendable {
  let alignCorners: Bool
  let halfPixel: Bool

  init(_ node: NodeContext) throws(CheckpointError) {
    alignCorners = try node.bool("align_corners", default: false)
    halfPixel = try node.bool("half_pixel_centers", default: false)
    guard !(alignCorners && halfPixel) else {
      throw CheckpointError(.corrupt, "align_corners and half_pixel_centers exclude each other")
    }
  }

  /// Rows and columns of an image [batch, h, w, channels] that is resized to the input 1.
  func scales(
    _ image: Shape, _ context: KernelContext
  ) throws(CheckpointError) -> (y: ResizeScale, x: ResizeScale, output: Shape) {
    let size = try context.ints(1)
    guard image.rank == 4, size.count == 2, size[0] > 0, size[1] > 0 else {
      throw CheckpointError(.corrupt, "an image of shape \(image) cannot be resized to \(size)")
    }
    let d = image.dimensions
    guard d[1] > 0, d[2] > 0 else { throw CheckpointError(.corrupt, "an image of shape \(image) has no pixels") }
    return (
      ResizeScale(input: d[1], output: size[0], alignCorners: alignCorners, halfPixel: halfPixel),
      ResizeScale(input: d[2], output: size[1], alignCorners: alignCorners, halfPixel: halfPixel),
      try Shape([d[0], size[0], size[1], d[3]])
    )
  }
}

/// ResizeBilinear: images [batch, h, w, channels] of any real dtype, size [2]; output float32. Attributes
/// align_corners, half_pixel_centers.
enum ResizeBilinear {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let attributes = try ResizeAttributes(node)
    return { (context) throws(CheckpointError) in
      let x = try context.floats(0)
      let (rows, columns, output) = try attributes.scales(x.shape, context)
      let y = try context.allocate(.float32, output)
      if output.elementCount == 0 { return context.emit(y) }
      let ys = (0..<rows.output).map { Between(rows, $0) }
      let xs = (0..<columns.output).map { Between(columns, $0) }
      let channels = output.dimensions[3]
      let (height, width) = (rows.input, columns.input)
      context.workers.forEach(output.dimensions[0] * rows.output) { row in
        let from = x.elements(Float.self)
        // SAFETY: every row of the output is written by one call alone.
        unsafe y.withMutablePointer(Float.self) { to in
          let line = ys[row % rows.output]
          let image = row / rows.output * height
          let top = (image + line.low) * width * channels
          let bottom = (image + line.high) * width * channels
          var o = row * columns.output * channels
          for column in xs {
            for c in 0..<channels {
              let (left, right) = (column.low * channels + c, column.high * channels + c)
              let upper = from[top + left] + (from[top + right] - from[top + left]) * column.part
              let lower = from[bottom + left] + (from[bottom + right] - from[bottom + left]) * column.part
              unsafe to[o] = upper + (lower - upper) * line.part
              o += 1
            }
          }
        }
      }
      context.emit(y)
    }
  }

  /// Two neighbours and how far between them.
  private struct Between {
    let low: Int
    let high: Int
    let part: Float

    init(_ scale: ResizeScale, _ i: Int) {
      let position = scale.position(i)
      let floor = position.rounded(.down)
      low = scale.bounded(Int(floor))
      high = scale.bounded(Int(position.rounded(.up)))
      part = position - floor
    }
  }
}

/// ResizeNearestNeighbor: images [batch, h, w, channels], size [2]; output of the same dtype. Attributes T,
/// align_corners, half_pixel_centers.
enum ResizeNearestNeighbor: ElementKernel {
  static func kernel<T: Element>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let attributes = try ResizeAttributes(node)
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      let (rows, columns, output) = try attributes.scales(x.shape, context)
      guard x.width == MemoryLayout<T>.size else {
        throw CheckpointError(.corrupt, "the image is \(x.dtype.rawValue)")
      }
      let y = try context.allocate(x.dtype, output)
      if output.elementCount == 0 { return context.emit(y) }
      let ys = (0..<rows.output).map { rows.nearest($0, alignCorners: attributes.alignCorners) }
      let xs = (0..<columns.output).map { columns.nearest($0, alignCorners: attributes.alignCorners) }
      let channels = output.dimensions[3]
      let (height, width) = (rows.input, columns.input)
      context.workers.forEach(output.dimensions[0] * rows.output) { row in
        let from = x.elements(T.self)
        // SAFETY: every row of the output is written by one call alone.
        unsafe y.withMutablePointer(T.self) { to in
          let line = (row / rows.output * height + ys[row % rows.output]) * width
          var o = row * columns.output * channels
          for column in xs {
            for c in 0..<channels {
              unsafe to[o] = from[(line + column) * channels + c]
              o += 1
            }
          }
        }
      }
      context.emit(y)
    }
  }
}

/// ResizeBicubic: images [batch, h, w, channels] of any real dtype, size [2]; output float32. Attributes align_corners,
/// half_pixel_centers: with it the kernel is Keys' (a = -0.5) and pixels outside weigh nothing; without, a = -0.75 and
/// the edge is repeated. Weights come from a table of 1024 steps.
enum ResizeBicubic {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let attributes = try ResizeAttributes(node)
    let table = makeTable(attributes.halfPixel ? -0.5 : -0.75)
    return { (context) throws(CheckpointError) in
      let x = try context.floats(0)
      let (rows, columns, output) = try attributes.scales(x.shape, context)
      let y = try context.allocate(.float32, output)
      if output.elementCount == 0 { return context.emit(y) }
      let ys = (0..<rows.output).map { Taps(rows, $0, table) }
      let xs = (0..<columns.output).map { Taps(columns, $0, table) }
      let channels = output.dimensions[3]
      let (height, width) = (rows.input, columns.input)
      context.workers.forEach(output.dimensions[0] * rows.output) { row in
        let from = x.elements(Float.self)
        // SAFETY: every row of the output is written by one call alone.
        unsafe y.withMutablePointer(Float.self) { to in
          let line = ys[row % rows.output]
          let image = row / rows.output * height
          var o = row * columns.output * channels
          for column in xs {
            for c in 0..<channels {
              func vertical(_ i: Int) -> Float {
                let k = i * channels + c
                let stride = width * channels
                return from[(image + line.places.0) * stride + k] * line.weights.0
                  + from[(image + line.places.1) * stride + k] * line.weights.1
                  + from[(image + line.places.2) * stride + k] * line.weights.2
                  + from[(image + line.places.3) * stride + k] * line.weights.3
              }
              unsafe to[o] =
                vertical(column.places.0) * column.weights.0 + vertical(column.places.1) * column.weights.1
                + vertical(column.places.2) * column.weights.2 + vertical(column.places.3) * column.weights.3
              o += 1
            }
          }
        }
      }
      context.emit(y)
    }
  }

  private static let steps = 1024

  private static func makeTable(_ a: Double) -> [Float] {
    var table: [Float] = []
    for i in 0...steps {
      let x = Double(Float(Double(i) / Double(steps)))
      table.append(Float(((a + 2) * x - (a + 3)) * x * x + 1))
      let z = Double(Float(x + 1))
      table.append(Float(((a * z - 5 * a) * z + 8 * a) * z - 4 * a))
    }
    return table
  }

  /// Four neighbours and their weights.
  private struct Taps {
    var places: (Int, Int, Int, Int)
    var weights: (Float, Float, Float, Float)

    init(_ scale: ResizeScale, _ i: Int, _ table: [Float]) {
      let position = scale.position(i)
      let floor = Int(position.rounded(.down))
      let step = min(max(Int(((position - Float(floor)) * Float(steps)).rounded(.toNearestOrEven)), 0), steps)
      places = (
        scale.bounded(floor - 1), scale.bounded(floor), scale.bounded(floor + 1), scale.bounded(floor + 2)
      )
      weights = (table[step * 2 + 1], table[step * 2], table[(steps - step) * 2], table[(steps - step) * 2 + 1])
      guard scale.isHalfPixel else { return }
      if places.0 != floor - 1 { weights.0 = 0 }
      if places.1 != floor { weights.1 = 0 }
      if places.2 != floor + 1 { weights.2 = 0 }
      if places.3 != floor + 2 { weights.3 = 0 }
      let sum = weights.0 + weights.1 + weights.2 + weights.3
      guard abs(sum) >= 1000 * Float.leastNormalMagnitude else { return }
      let factor = 1 / sum
      weights = (weights.0 * factor, weights.1 * factor, weights.2 * factor, weights.3 * factor)
    }
  }
}

/// ResizeArea: images [batch, h, w, channels] of any real dtype, size [2]; output float32: the mean of the area that
/// each pixel of the output covers. Attribute align_corners.
enum ResizeArea {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let attributes = try ResizeAttributes(node)
    return { (context) throws(CheckpointError) in
      let x = try context.floats(0)
      let (rows, columns, output) = try attributes.scales(x.shape, context)
      let y = try context.allocate(.float32, output)
      if output.elementCount == 0 { return context.emit(y) }
      let ys = (0..<rows.output).map { Cells(rows, $0) }
      let xs = (0..<columns.output).map { Cells(columns, $0) }
      let channels = output.dimensions[3]
      let (height, width) = (rows.input, columns.input)
      let scale = 1 / ((rows.scale == 0 ? 1 : rows.scale) * (columns.scale == 0 ? 1 : columns.scale))
      context.workers.forEach(output.dimensions[0] * rows.output) { row in
        let from = x.elements(Float.self)
        // SAFETY: every row of the output is written by one call alone.
        unsafe y.withMutablePointer(Float.self) { to in
          let line = ys[row % rows.output]
          let image = row / rows.output * height
          var o = row * columns.output * channels
          for column in xs {
            for c in 0..<channels {
              var sum: Float = 0
              for (i, yWeight) in zip(line.first..., line.weights) {
                let start = (image + rows.bounded(i)) * width
                for (j, xWeight) in zip(column.first..., column.weights) {
                  sum += from[(start + columns.bounded(j)) * channels + c] * yWeight * xWeight
                }
              }
              unsafe to[o] = sum * scale
              o += 1
            }
          }
        }
      }
      context.emit(y)
    }
  }

  /// The pixels that a pixel of the output covers, and how much of each.
  private struct Cells {
    let first: Int
    let weights: [Float]

    init(_ scale: ResizeScale, _ i: Int) {
      if scale.scale == 0 {
        // One pixel, its corners aligned with those of many.
        (first, weights) = (0, [1])
        return
      }
      let begin = Float(i) * scale.scale
      let end = Float(i + 1) * scale.scale
      first = Int(begin.rounded(.down))
      var weights: [Float] = []
      for k in first..<max(first, Int(end.rounded(.up))) {
        let (left, right) = (Float(k), Float(k) + 1)
        if left < begin {
          weights.append(right > end ? scale.scale : right - begin)
        } else {
          weights.append(right > end ? end - left : 1)
        }
      }
      self.weights = weights
    }
  }
}
