import CheckpointCore

/// CropAndResize: image [batch, h, w, channels] of any real dtype, boxes [n, 4] (y1, x1, y2, x2 in 0...1), box_ind [n],
/// crop_size [2]; output float32 [n, crop_h, crop_w, channels]. Attributes T, method (bilinear, nearest),
/// extrapolation_value (0).
enum CropAndResize {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let isNearest = try node.choice("method", ["bilinear", "nearest"], default: "bilinear") == "nearest"
    let outside = try node.float("extrapolation_value", default: 0)
    return { (context) throws(CheckpointError) in
      let image = try context.floats(0)
      let boxes = try context.floats(1)
      let images = try context.ints(2)
      let size = try context.ints(3)
      guard image.rank == 4, image.dimensions[1] > 0, image.dimensions[2] > 0, size.count == 2, size[0] > 0, size[1] > 0
      else { throw CheckpointError(.corrupt, "crops of \(size) from an image of shape \(image.shape)") }
      let count = images.count
      guard boxes.dimensions == [count, 4] || boxes.elementCount == 0 && count == 0 else {
        throw CheckpointError(.corrupt, "boxes of shape \(boxes.shape) for \(count) indices")
      }
      let d = image.dimensions
      for i in images where i < 0 || i >= d[0] {
        throw CheckpointError(.corrupt, "the box index \(i) lies outside a batch of \(d[0])")
      }
      let y = try context.allocate(.float32, [count, size[0], size[1], d[3]])
      if y.elementCount == 0 { return context.emit(y) }
      context.workers.forEach(count) { b in
        let corners = boxes.elements(Float.self)
        let (y1, x1, y2, x2) = (corners[b * 4], corners[b * 4 + 1], corners[b * 4 + 2], corners[b * 4 + 3])
        let rows = (0..<size[0]).map { Place(y1, y2, $0, size[0], d[1]) }
        let columns = (0..<size[1]).map { Place(x1, x2, $0, size[1], d[2]) }
        let from = image.elements(Float.self)
        let first = images[b] * d[1]
        // SAFETY: every box's part of the output is written by one call alone.
        unsafe y.withMutablePointer(Float.self) { to in
          var o = b * size[0] * size[1] * d[3]
          for row in rows {
            for column in columns {
              for c in 0..<d[3] {
                func pixel(_ i: Int, _ j: Int) -> Float { from[((first + i) * d[2] + j) * d[3] + c] }
                if !row.isInside || !column.isInside {
                  unsafe to[o] = outside
                } else if isNearest {
                  unsafe to[o] = pixel(row.nearest, column.nearest)
                } else {
                  let (left, right) = (pixel(row.low, column.low), pixel(row.low, column.high))
                  let top = left + (right - left) * column.part
                  let (lowerLeft, lowerRight) = (pixel(row.high, column.low), pixel(row.high, column.high))
                  let bottom = lowerLeft + (lowerRight - lowerLeft) * column.part
                  unsafe to[o] = top + (bottom - top) * row.part
                }
                o += 1
              }
            }
          }
        }
      }
      context.emit(y)
    }
  }

  /// Where a row or column of a crop falls.
  private struct Place {
    var isInside = false
    var low = 0
    var high = 0
    var nearest = 0
    var part: Float = 0

    init(_ a: Float, _ b: Float, _ i: Int, _ count: Int, _ size: Int) {
      let last = Float(size - 1)
      let position =
        count > 1
        ? a * last + Float(i) * ((b - a) * last / Float(count - 1)) : Float(0.5 * Double(a + b) * Double(last))
      guard position >= 0, position <= last else { return }
      isInside = true
      low = min(Int(position.rounded(.down)), size - 1)
      high = min(Int(position.rounded(.up)), size - 1)
      nearest = min(Int(position.rounded(.toNearestOrAwayFromZero)), size - 1)
      part = position - Float(low)
    }
  }
}
