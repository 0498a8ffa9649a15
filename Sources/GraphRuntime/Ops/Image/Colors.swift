import CheckpointCore

/// RGBToHSV, HSVToRGB: images […, 3], hue, saturation and value in 0...1. Attribute T.
enum ColorSpace {
  enum ToHSV: RealKernel {
    static func kernel<T: RealElement>(_: T.Type, _: inout NodeContext) throws(CheckpointError) -> Kernel {
      { (context) throws(CheckpointError) in context.emit(try context.pixels(T.self) { hsv($0, $1, $2) }) }
    }
  }

  enum ToRGB: RealKernel {
    static func kernel<T: RealElement>(_: T.Type, _: inout NodeContext) throws(CheckpointError) -> Kernel {
      { (context) throws(CheckpointError) in
        context.emit(
          try context.pixels(T.self) { (h, s, v) in
            let d = h * 6
            func clamp(_ x: T) -> T { max(min(x, 1), 0) }
            let red = clamp(abs(d - 3) - 1)
            let green = clamp(-abs(d - 2) + 2)
            let blue = clamp(-abs(d - 4) + 2)
            return ((1 - s + s * red) * v, (1 - s + s * green) * v, (1 - s + s * blue) * v)
          })
      }
    }
  }

  static func hsv<T: RealElement>(_ r: T, _ g: T, _ b: T) -> (T, T, T) {
    let v = max(r, max(g, b))
    let range = v - min(r, min(g, b))
    let s = v > 0 ? range / v : 0
    let norm = 1 / (6 * range)
    var h: T
    if r == v {
      h = norm * (g - b)
    } else if g == v {
      h = norm * (b - r) + 2.0 / 6.0
    } else {
      h = norm * (r - g) + 4.0 / 6.0
    }
    if !(range > 0) { h = 0 }
    if h < 0 { h += 1 }
    return (h, s, v)
  }
}

/// AdjustHue, AdjustSaturation: images […, 3] and a scalar float32. Attribute T (float32, float16).
enum AdjustColor {
  /// AdjustHue: turns the hue by delta, in turns.
  static func hue(_ context: inout KernelContext) throws(CheckpointError) {
    let delta = try context.number(1) * 6
    context.emit(try context.pixels(Float.self) { (r, g, b) in turned(r, g, b, delta) })
  }

  private static func turned(_ r: Float, _ g: Float, _ b: Float, _ delta: Float) -> (Float, Float, Float) {
    // Sector of the color circle, and how far in it the middle component stands.
    let high: Float
    let middle: Float
    let low: Float
    let sector: Int
    if r < g {
      if b < r {
        (high, middle, low, sector) = (g, r, b, 1)
      } else if b > g {
        (high, middle, low, sector) = (b, g, r, 3)
      } else {
        (high, middle, low, sector) = (g, b, r, 2)
      }
    } else if b < g {
      (high, middle, low, sector) = (r, g, b, 0)
    } else if b > r {
      (high, middle, low, sector) = (b, r, g, 4)
    } else {
      (high, middle, low, sector) = (r, b, g, 5)
    }
    var h: Float = 0
    if high != low {
      let ratio = (middle - low) / (high - low)
      h = Float(sector) + (sector & 1 == 0 ? ratio : 1 - ratio)
    }
    h += delta
    if h < 0 || h >= 6 {
      if abs(h) > 600 { h -= (h / 6).rounded(.down) * 6 }
      while h < 0 { h += 6 }
      while h >= 6 { h -= 6 }
    }
    let category = h.isFinite ? Int(h) : 5
    var ratio = h - Float(category)
    if category & 1 == 1 { ratio = 1 - ratio }
    let mid = low + ratio * (high - low)
    switch category {
    case 0: return (high, mid, low)
    case 1: return (mid, high, low)
    case 2: return (low, high, mid)
    case 3: return (low, mid, high)
    case 4: return (mid, low, high)
    default: return (high, low, mid)
    }
  }

  /// AdjustSaturation: multiplies the saturation by scale, at most 1.
  static func saturation(_ context: inout KernelContext) throws(CheckpointError) {
    let scale = try context.number(1)
    context.emit(
      try context.pixels(Float.self) { (r, g, b) in
        let (h, s, v) = ColorSpace.hsv(r, g, b)
        let c = min(1, max(0, s * scale)) * v
        let m = v - c
        let d = h * 6
        let category = d.isFinite ? Int(d) : 0
        var turn = d
        if abs(turn) < 64 {
          while turn <= 0 { turn += 2 }
          while turn >= 2 { turn -= 2 }
        }
        let x = c * (1 - abs(turn - 1))
        let (rr, gg, bb): (Float, Float, Float) =
          switch category {
          case 0: (c, x, 0)
          case 1: (x, c, 0)
          case 2: (0, c, x)
          case 3: (0, x, c)
          case 4: (x, 0, c)
          case 5: (c, 0, x)
          default: (0, 0, 0)
          }
        return (rr + m, gg + m, bb + m)
      })
  }

  /// AdjustContrastv2: images […, h, w, channels] and a scalar; (x - mean) * factor + mean with each channel's mean.
  static func contrast(_ context: inout KernelContext) throws(CheckpointError) {
    let x = try context.tensor(0, .float32)
    let factor = try context.number(1)
    guard x.rank >= 3 else { throw CheckpointError(.corrupt, "an image of shape \(x.shape) has no rows and columns") }
    let d = x.dimensions
    let channels = d[x.rank - 1]
    let y = try context.allocate(.float32, x.shape)
    let pixels = x.elementCount == 0 ? 0 : d[x.rank - 2] * d[x.rank - 3]
    let size = pixels * channels
    let images = size == 0 ? 0 : x.elementCount / size
    let from = x.elements(Float.self)
    var to = y.mutableElements(Float.self)
    for image in 0..<images {
      for c in 0..<channels {
        var sum: Double = 0
        for p in 0..<pixels { sum += Double(from[image * size + p * channels + c]) }
        let mean = Float(sum / Double(pixels))
        for p in 0..<pixels {
          let i = image * size + p * channels + c
          to[i] = (from[i] - mean) * factor + mean
        }
      }
    }
    context.emit(y)
  }
}

extension KernelContext {
  /// `body` of every pixel of input 0, whose last dimension is 3.
  func pixels<T: Element>(_: T.Type, _ body: (T, T, T) -> (T, T, T)) throws(CheckpointError) -> DenseTensor {
    let x = try tensor(0, T.dtype)
    guard x.dimensions.last == 3 else {
      throw CheckpointError(.corrupt, "an image of shape \(x.shape) has not 3 channels")
    }
    let y = try allocate(T.self, x.shape)
    let from = x.elements(T.self)
    var to = y.mutableElements(T.self)
    for i in stride(from: 0, to: from.count, by: 3) {
      (to[i], to[i + 1], to[i + 2]) = body(from[i], from[i + 1], from[i + 2])
    }
    return y
  }
}
