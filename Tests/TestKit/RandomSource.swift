public import CheckpointCore

/// Random numbers that a seed decides (SplitMix64), so that a failure can be run again.
public struct RandomSource: RandomNumberGenerator {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  public mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  public mutating func bytes(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count { bytes.appendLittleEndian(next(), count: 8) }
    return Array(bytes.prefix(count))
  }

  /// A name that some program might have written: paths, dots, spaces, control characters, bytes that are no text.
  public mutating func name() -> Name {
    let parts = ["layer", "w", "kernel:0", ".", "..", "", "a b", "é", "\u{1F600}", "\"q\"", "back\\slash", "tab\t", "%41", "\u{0}", "x\n"]
    var bytes: [UInt8] = []
    for _ in 0...below(3) {
      if !bytes.isEmpty { bytes.append(UInt8(ascii: "/")) }
      bytes += Array(parts[below(parts.count)].utf8)
      if below(4) == 0 { bytes += self.bytes(1 + below(3)) }
    }
    return Name(bytes: bytes.isEmpty ? [UInt8(ascii: "v")] : bytes)
  }

  public mutating func shape(largest: Int = 5) throws -> Shape {
    try Shape((0..<below(9)).map { _ in below(8) == 0 ? 0 : 1 + below(below(2) == 0 ? 2 : largest) })
  }

  /// Any bits at all, so that NaN payloads, −0 and subnormals occur.
  public mutating func tensor(_ dtype: DType, _ shape: Shape) throws -> Tensor {
    if dtype == .string {
      let elements = (0..<shape.elementCount).map { _ in
        let length = below(10) == 0 ? [127, 128, 300][below(3)] : below(6)
        return below(3) == 0 ? [UInt8](repeating: 0, count: length) : self.bytes(length)
      }
      return try Tensor(dtype: .string, shape: shape, storage: StringStorage(elements))
    }
    let content = self.bytes(try shape.byteCount(width: dtype.width ?? 1))
    return try Tensor(dtype: dtype, shape: shape, storage: MemoryStorage(content))
  }

  /// A store of up to `count` variables of every dtype that can be made of nothing.
  public mutating func store(count: Int) throws -> VariableStore {
    var store = VariableStore(source: .init(format: "memory", path: "memory"))
    let dtypes = DType.allCases.filter { $0 != .variant }
    for i in 0..<count {
      let name = name()
      guard !store.contains(name) else { continue }
      let dtype = i < dtypes.count ? dtypes[i] : dtypes[below(dtypes.count)]
      try store.append(Variable(name: name, tensor: try tensor(dtype, try shape()), role: Role.allCases[below(Role.allCases.count)]))
    }
    return store
  }
}
