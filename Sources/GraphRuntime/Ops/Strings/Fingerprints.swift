/// The hash functions of TensorFlow's string buckets.
enum Fingerprint {
  /// FarmHash's Fingerprint64: StringToHashBucketFast.
  static func farm(_ s: [UInt8]) -> UInt64 {
    switch s.count {
    case 0...16: upTo16(s)
    case 17...32: upTo32(s)
    case 33...64: upTo64(s)
    default: beyond64(s)
    }
  }

  private static let k0: UInt64 = 0xc3a5_c85c_97cb_3127
  private static let k1: UInt64 = 0xb492_b66f_be98_f273
  private static let k2: UInt64 = 0x9ae1_6a3b_2f90_404f

  private static func word(_ s: [UInt8], _ i: Int) -> UInt64 {
    (0..<8).reduce(0) { $0 | UInt64(s[i + $1]) << UInt64(8 * $1) }
  }

  private static func half(_ s: [UInt8], _ i: Int) -> UInt64 {
    (0..<4).reduce(0) { $0 | UInt64(s[i + $1]) << UInt64(8 * $1) }
  }

  private static func rotate(_ x: UInt64, _ n: UInt64) -> UInt64 { x >> n | x << (64 - n) }

  private static func mix(_ x: UInt64) -> UInt64 { x ^ x >> 47 }

  private static func fold(_ u: UInt64, _ v: UInt64, _ factor: UInt64) -> UInt64 {
    let a = mix((u ^ v) &* factor)
    return mix((v ^ a) &* factor) &* factor
  }

  private static func upTo16(_ s: [UInt8]) -> UInt64 {
    let n = UInt64(s.count)
    if n >= 8 {
      let factor = k2 &+ n &* 2
      let a = word(s, 0) &+ k2
      let b = word(s, s.count - 8)
      return fold(rotate(b, 37) &* factor &+ a, (rotate(a, 25) &+ b) &* factor, factor)
    }
    if n >= 4 {
      return fold(n &+ half(s, 0) << 3, half(s, s.count - 4), k2 &+ n &* 2)
    }
    if n == 0 { return k2 }
    let y = UInt32(s[0]) &+ UInt32(s[s.count / 2]) << 8
    let z = UInt32(n) &+ UInt32(s[s.count - 1]) << 2
    return mix(UInt64(y) &* k2 ^ UInt64(z) &* k0) &* k2
  }

  private static func upTo32(_ s: [UInt8]) -> UInt64 {
    let factor = k2 &+ UInt64(s.count) &* 2
    let a = word(s, 0) &* k1
    let b = word(s, 8)
    let c = word(s, s.count - 8) &* factor
    let d = word(s, s.count - 16) &* k2
    return fold(rotate(a &+ b, 43) &+ rotate(c, 30) &+ d, a &+ rotate(b &+ k2, 18) &+ c, factor)
  }

  private static func upTo64(_ s: [UInt8]) -> UInt64 {
    let factor = k2 &+ UInt64(s.count) &* 2
    let a = word(s, 0) &* k2
    let b = word(s, 8)
    let c = word(s, s.count - 8) &* factor
    let d = word(s, s.count - 16) &* k2
    let y = rotate(a &+ b, 43) &+ rotate(c, 30) &+ d
    let z = fold(y, a &+ rotate(b &+ k2, 18) &+ c, factor)
    let e = word(s, 16) &* factor
    let f = word(s, 24)
    let g = (y &+ word(s, s.count - 32)) &* factor
    let h = (z &+ word(s, s.count - 24)) &* factor
    return fold(rotate(e &+ f, 43) &+ rotate(g, 30) &+ h, e &+ rotate(f &+ a, 18) &+ g, factor)
  }

  private static func weak(_ s: [UInt8], _ i: Int, _ first: UInt64, _ second: UInt64) -> (UInt64, UInt64) {
    var a = first &+ word(s, i)
    var b = rotate(second &+ a &+ word(s, i + 24), 21)
    let c = a
    a &+= word(s, i + 8) &+ word(s, i + 16)
    b &+= rotate(a, 44)
    return (a &+ word(s, i + 24), b &+ c)
  }

  private static func beyond64(_ s: [UInt8]) -> UInt64 {
    let seed: UInt64 = 81
    var y = seed &* k1 &+ 113
    var z = mix(y &* k2 &+ 113) &* k2
    var v: (UInt64, UInt64) = (0, 0)
    var w: (UInt64, UInt64) = (0, 0)
    var x = seed &* k2 &+ word(s, 0)
    let end = (s.count - 1) / 64 * 64
    func turn(_ i: Int, _ factor: UInt64, _ weight: UInt64) {
      x = rotate(x &+ y &+ v.0 &+ word(s, i + 8), 37) &* factor
      y = rotate(y &+ v.1 &+ word(s, i + 48), 42) &* factor
      x ^= w.1 &* weight
      y &+= v.0 &* weight &+ word(s, i + 40)
      z = rotate(z &+ w.0, 33) &* factor
      v = weak(s, i, v.1 &* factor, x &+ w.0)
      w = weak(s, i + 32, z &+ w.1, y &+ word(s, i + 16))
      swap(&z, &x)
    }
    for i in stride(from: 0, to: end, by: 64) { turn(i, k1, 1) }
    let factor = k1 &+ (z & 0xff) << 1
    w.0 &+= UInt64(s.count - 1) & 63
    v.0 &+= w.0
    w.0 &+= v.0
    turn(s.count - 64, factor, 9)
    return fold(
      fold(v.0, w.0, factor) &+ mix(y) &* k0 &+ z, fold(v.1, w.1, factor) &+ x, factor)
  }

  /// SipHash-2-4 with a key of two words: StringToHashBucketStrong.
  static func sip(_ s: [UInt8], _ key: (UInt64, UInt64)) -> UInt64 {
    var v: (UInt64, UInt64, UInt64, UInt64) = (
      key.0 ^ 0x736f_6d65_7073_6575, key.1 ^ 0x646f_7261_6e64_6f6d, key.0 ^ 0x6c79_6765_6e65_7261,
      key.1 ^ 0x7465_6462_7974_6573
    )
    func left(_ x: UInt64, _ n: UInt64) -> UInt64 { x << n | x >> (64 - n) }
    func round() {
      v.0 &+= v.1
      v.2 &+= v.3
      v.1 = left(v.1, 13) ^ v.0
      v.3 = left(v.3, 16) ^ v.2
      v.0 = left(v.0, 32)
      v.2 &+= v.1
      v.0 &+= v.3
      v.1 = left(v.1, 17) ^ v.2
      v.3 = left(v.3, 21) ^ v.0
      v.2 = left(v.2, 32)
    }
    func take(_ m: UInt64) {
      v.3 ^= m
      round()
      round()
      v.0 ^= m
    }
    let whole = s.count / 8 * 8
    for i in stride(from: 0, to: whole, by: 8) { take(word(s, i)) }
    var last = UInt64(s.count & 0xff) << 56
    for (k, byte) in s[whole...].enumerated() { last |= UInt64(byte) << UInt64(8 * k) }
    take(last)
    v.2 ^= 0xff
    for _ in 0..<4 { round() }
    return v.0 ^ v.1 ^ v.2 ^ v.3
  }

  /// TensorFlow's own Hash64, a MurmurHash64A: StringToHashBucket.
  static func murmur(_ s: [UInt8]) -> UInt64 {
    let m: UInt64 = 0xc6a4_a793_5bd1_e995
    var h = 0xDECA_FCAF_FE ^ UInt64(s.count) &* m
    let whole = s.count / 8 * 8
    for i in stride(from: 0, to: whole, by: 8) {
      var k = word(s, i) &* m
      k = (k ^ k >> 47) &* m
      h = (h ^ k) &* m
    }
    if whole < s.count {
      for (k, byte) in s[whole...].enumerated() { h ^= UInt64(byte) << UInt64(8 * k) }
      h = h &* m
    }
    h = (h ^ h >> 47) &* m
    return h ^ h >> 47
  }
}
