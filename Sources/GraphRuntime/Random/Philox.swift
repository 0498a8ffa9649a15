/// The generator behind TensorFlow's random ops on the CPU: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy
/// as 1, 2, 3"), a counter encrypted ten times. Bits equal those of TensorFlow for the same seeds.
package struct Philox: Sendable {
  private var counter: (UInt32, UInt32, UInt32, UInt32)
  private var key: (UInt32, UInt32)

  /// - Parameters:
  ///   - seed: the attribute `seed`, the graph's.
  ///   - seed2: the attribute `seed2`, the op's. Both zero asks TensorFlow for fresh numbers each time; here they are fixed.
  package init(seed: Int, seed2: Int) {
    let (low, high) = seed == 0 && seed2 == 0 ? (87_654_321, 1) : (seed, seed2)
    self.init(key: UInt64(bitPattern: Int64(low)), counter: 0, UInt64(bitPattern: Int64(high)))
  }

  /// The generator of a key at a place.
  package init(key: UInt64, counter low: UInt64, _ high: UInt64) {
    self.key = (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32))
    counter = (
      UInt32(truncatingIfNeeded: low), UInt32(truncatingIfNeeded: low >> 32), UInt32(truncatingIfNeeded: high),
      UInt32(truncatingIfNeeded: high >> 32)
    )
  }

  /// The generator of a stateless op: what a fixed key makes of the two seeds becomes key and counter.
  package init(scrambling seed: UInt64, _ seed2: UInt64) {
    var fixed = Philox(key: 0x0246_1e29_3ec8_f720, counter: seed, seed2)
    let mixed = fixed.next()
    self.init(
      key: UInt64(mixed.1) << 32 | UInt64(mixed.0), counter: 0, UInt64(mixed.3) << 32 | UInt64(mixed.2))
  }

  /// As the second kind of stateless ops takes them.
  package var keyAndCounter: (key: UInt64, low: UInt64, high: UInt64) {
    (
      UInt64(key.1) << 32 | UInt64(key.0), UInt64(counter.1) << 32 | UInt64(counter.0),
      UInt64(counter.3) << 32 | UInt64(counter.2)
    )
  }

  /// The next four numbers.
  package mutating func next() -> (UInt32, UInt32, UInt32, UInt32) {
    var c = counter
    var k = key
    for round in 0..<10 {
      if round > 0 { k = (k.0 &+ 0x9E37_79B9, k.1 &+ 0xBB67_AE85) }
      let p0 = UInt64(0xD251_1F53) * UInt64(c.0)
      let p1 = UInt64(0xCD9E_8D57) * UInt64(c.2)
      c = (
        UInt32(truncatingIfNeeded: p1 >> 32) ^ c.1 ^ k.0, UInt32(truncatingIfNeeded: p1),
        UInt32(truncatingIfNeeded: p0 >> 32) ^ c.3 ^ k.1, UInt32(truncatingIfNeeded: p0)
      )
    }
    skip(1)
    return c
  }

  /// Steps over `count` groups of four numbers.
  package mutating func skip(_ count: UInt64) {
    let low = UInt64(counter.1) << 32 | UInt64(counter.0)
    let (sum, overflow) = low.addingReportingOverflow(count)
    counter.0 = UInt32(truncatingIfNeeded: sum)
    counter.1 = UInt32(truncatingIfNeeded: sum >> 32)
    if overflow {
      counter.2 &+= 1
      if counter.2 == 0 { counter.3 &+= 1 }
    }
  }

  /// A float in 0..<1 from the low 23 bits.
  package static func float(_ bits: UInt32) -> Float { Float(bitPattern: 127 << 23 | bits & 0x7f_ffff) - 1 }

  /// A double in 0..<1 from the low 20 bits of the first and all of the second.
  package static func double(_ high: UInt32, _ low: UInt32) -> Double {
    Double(bitPattern: 1023 << 52 | UInt64(high & 0xf_ffff) << 32 | UInt64(low)) - 1
  }

  /// Two normally distributed floats (Box and Muller).
  package static func normal(_ a: UInt32, _ b: UInt32) -> (Float, Float) {
    let u = max(float(a), 1e-7)
    // The product is a double's in TensorFlow too.
    let angle = Float(2 * Double.pi * Double(float(b)))
    let radius = (-2 * logarithm(u)).squareRoot()
    let (s, c) = sineAndCosine(angle)
    return (s * radius, c * radius)
  }
}
