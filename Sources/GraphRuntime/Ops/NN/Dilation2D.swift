import CheckpointCore

/// Dilation2D: input [batch, h, w, c], filter [h, w, c]; output [batch, h', w', c], the largest input + filter of each
/// window. Attributes T (any real), strides [1, h, w, 1], rates [1, h, w, 1], padding SAME or VALID.
enum Dilation2D: NumericKernel {
  static func kernel<T: NumericElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let layout = try ImageLayout(node)
    let strides = try node.perDimension("strides", rank: 4, layout)
    let rates = try node.perDimension("rates", rank: 4, layout)
    let padding = try Padding(node, rank: 4, layout: layout)
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      let filter = try context.tensor(1, T.dtype)
      guard x.rank == 4, filter.rank == 3, x.dimensions[3] == filter.dimensions[2] else {
        throw CheckpointError(.corrupt, "a filter of shape \(filter.shape) does not fit an input of shape \(x.shape)")
      }
      let d = x.dimensions
      let f = filter.dimensions
      let rows = try Window(input: d[1], filter: f[0], stride: strides[1], dilation: rates[1], padding, dimension: 1)
      let columns = try Window(input: d[2], filter: f[1], stride: strides[2], dilation: rates[2], padding, dimension: 2)
      let y = try context.allocate(T.dtype, [d[0], rows.output, columns.output, d[3]])
      let input = x.elements(T.self)
      let weights = filter.elements(T.self)
      var output = y.mutableElements(T.self)
      var o = 0
      for n in 0..<d[0] {
        for oy in 0..<rows.output {
          for ox in 0..<columns.output {
            for c in 0..<d[3] {
              var best = T.lowestFinite
              for ty in 0..<f[0] {
                let iy = oy * strides[1] - rows.before + ty * rates[1]
                if iy < 0 || iy >= d[1] { continue }
                for tx in 0..<f[1] {
                  let ix = ox * strides[2] - columns.before + tx * rates[2]
                  if ix < 0 || ix >= d[2] { continue }
                  let value = input[((n * d[1] + iy) * d[2] + ix) * d[3] + c].adding(
                    weights[(ty * f[1] + tx) * d[3] + c])
                  if value > best { best = value }
                }
              }
              output[o] = best
              o += 1
            }
          }
        }
      }
      context.emit(y)
    }
  }
}

extension NumericElement {
  /// The lowest number that is not -inf.
  static var lowestFinite: Self {
    switch Self.self {
    case is Float.Type: Self(-Double(Float.greatestFiniteMagnitude))
    case is Double.Type: Self(-Double.greatestFiniteMagnitude)
    case is Float16.Type: Self(-65504.0)
    default: lowest
    }
  }
}
