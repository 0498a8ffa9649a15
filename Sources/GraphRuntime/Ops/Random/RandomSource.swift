import CheckpointCore

/// How TensorFlow's CPU kernels fill a tensor with random numbers: in groups of as many elements as one draw of four
/// 32-bit numbers makes, group i from the generator stepped over i draws (truncated normal: 64 draws per number asked
/// for), so that the bits do not depend on the threads.
struct RandomFill: Sendable {
  enum Distribution: Sendable {
    case uniform
    case normal
    case truncatedNormal
  }

  let distribution: Distribution
  let dtype: DType

  init(_ distribution: Distribution, _ dtype: DType, _ node: NodeContext) throws(CheckpointError) {
    switch dtype {
    case .float16, .bfloat16, .float32, .float64: break
    default: throw node.unsupported(dtype)
    }
    self.distribution = distribution
    self.dtype = dtype
  }

  func fill(_ generator: Philox, _ tensor: DenseTensor) {
    switch dtype {
    case .float64: write(Double.self, generator, tensor, groupSize: 2)
    case .float32: write(Float.self, generator, tensor, groupSize: 4)
    case .float16: write(Float16.self, generator, tensor, groupSize: 4)
    default: write(BFloat16.self, generator, tensor, groupSize: 4)
    }
  }

  private func write<T: RandomElement>(_: T.Type, _ base: Philox, _ tensor: DenseTensor, groupSize: Int) {
    var elements = tensor.mutableElements(T.self)
    var generator = base
    for group in 0..<(elements.count + groupSize - 1) / groupSize {
      let first = group * groupSize
      var numbers: (T, T, T, T)
      switch distribution {
      case .uniform: numbers = T.uniform(generator.next())
      case .normal: numbers = T.normal(generator.next())
      case .truncatedNormal:
        var own = base
        own.skip(UInt64(group * groupSize * 64))
        numbers = T.truncatedNormal(&own)
      }
      let count = min(groupSize, elements.count - first)
      elements[first] = numbers.0
      if count > 1 { elements[first + 1] = numbers.1 }
      if count > 2 { elements[first + 2] = numbers.2 }
      if count > 3 { elements[first + 3] = numbers.3 }
    }
  }
}

/// A dtype that random numbers come in; float64 makes two from a draw, the others four.
protocol RandomElement: Element {
  static func uniform(_ bits: Philox.Draw) -> (Self, Self, Self, Self)
  static func normal(_ bits: Philox.Draw) -> (Self, Self, Self, Self)
  static func truncatedNormal(_ generator: inout Philox) -> (Self, Self, Self, Self)
}

extension RandomElement {
  fileprivate static func normals(_ bits: Philox.Draw, _ body: (Float) -> Self) -> (Self, Self, Self, Self) {
    let (a, b) = Philox.normal(bits.0, bits.1)
    let (c, d) = Philox.normal(bits.2, bits.3)
    return (body(a), body(b), body(c), body(d))
  }

  fileprivate static func truncated(
    _ generator: inout Philox, _ body: (Float) -> Self
  ) -> (Self, Self, Self, Self) {
    var found: [Float] = []
    while true {
      let bits = generator.next()
      let (a, b) = Philox.normal(bits.0, bits.1)
      let (c, d) = Philox.normal(bits.2, bits.3)
      for x in [a, b, c, d] where abs(x) < 2 {
        found.append(x)
        if found.count == 4 { return (body(found[0]), body(found[1]), body(found[2]), body(found[3])) }
      }
    }
  }
}

extension Float: RandomElement {
  static func uniform(_ bits: Philox.Draw) -> (Float, Float, Float, Float) {
    (Philox.float(bits.0), Philox.float(bits.1), Philox.float(bits.2), Philox.float(bits.3))
  }

  static func normal(_ bits: Philox.Draw) -> (Float, Float, Float, Float) { normals(bits) { $0 } }

  static func truncatedNormal(_ generator: inout Philox) -> (Float, Float, Float, Float) {
    truncated(&generator) { $0 }
  }
}

extension Float16: RandomElement {
  static func uniform(_ bits: Philox.Draw) -> (Float16, Float16, Float16, Float16) {
    func half(_ bits: UInt32) -> Float16 { Float16(bitPattern: 15 << 10 | UInt16(bits & 0x3ff)) - 1 }
    return (half(bits.0), half(bits.1), half(bits.2), half(bits.3))
  }

  static func normal(_ bits: Philox.Draw) -> (Float16, Float16, Float16, Float16) { normals(bits) { Float16($0) } }

  static func truncatedNormal(_ generator: inout Philox) -> (Float16, Float16, Float16, Float16) {
    truncated(&generator) { Float16($0) }
  }
}

extension BFloat16: RandomElement {
  static func uniform(_ bits: Philox.Draw) -> (BFloat16, BFloat16, BFloat16, BFloat16) {
    func number(_ bits: UInt32) -> BFloat16 { BFloat16(Float(bitPattern: (127 << 7 | bits & 0x7f) << 16) - 1) }
    return (number(bits.0), number(bits.1), number(bits.2), number(bits.3))
  }

  static func normal(_ bits: Philox.Draw) -> (BFloat16, BFloat16, BFloat16, BFloat16) {
    normals(bits) { BFloat16($0) }
  }

  static func truncatedNormal(_ generator: inout Philox) -> (BFloat16, BFloat16, BFloat16, BFloat16) {
    truncated(&generator) { BFloat16($0) }
  }
}

extension Double: RandomElement {
  static func uniform(_ bits: Philox.Draw) -> (Double, Double, Double, Double) {
    (Philox.double(bits.0, bits.1), Philox.double(bits.2, bits.3), 0, 0)
  }

  static func normal(_ bits: Philox.Draw) -> (Double, Double, Double, Double) {
    let (a, b) = Philox.normal(bits)
    return (a, b, 0, 0)
  }

  static func truncatedNormal(_ generator: inout Philox) -> (Double, Double, Double, Double) {
    var first: Double?
    while true {
      let (a, b) = Philox.normal(generator.next())
      for x in [a, b] where abs(x) < 2 {
        if let first { return (first, x, 0, 0) }
        first = x
      }
    }
  }
}

extension Philox {
  typealias Draw = (UInt32, UInt32, UInt32, UInt32)

  /// Two normally distributed doubles (Box and Muller).
  static func normal(_ bits: Draw) -> (Double, Double) {
    let u = max(double(bits.0, bits.1), 1e-7)
    let angle = 2 * Double.pi * double(bits.2, bits.3)
    let radius = (-2 * logarithm(u)).squareRoot()
    let (s, c) = sineAndCosine(angle)
    return (s * radius, c * radius)
  }
}

/// The numbers of a generator one by one.
struct SingleDraws {
  private var generator: Philox
  private var numbers: Philox.Draw = (0, 0, 0, 0)
  private var used = 4

  init(_ generator: Philox) { self.generator = generator }

  mutating func next() -> UInt32 {
    if used == 4 {
      numbers = generator.next()
      used = 0
    }
    used += 1
    switch used {
    case 1: return numbers.0
    case 2: return numbers.1
    case 3: return numbers.2
    default: return numbers.3
    }
  }
}
