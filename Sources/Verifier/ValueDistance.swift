package import CheckpointCore

/// How far a tensor is from the one that was expected, element by element.
package struct ValueDistance: Sendable {
  package let elementCount: Int
  /// Elements whose bits differ.
  package private(set) var differing = 0
  /// The first of them, counted row by row.
  package private(set) var first: Int?
  /// Largest |found - expected|, and that over |expected|, over elements that are both finite.
  package private(set) var absolute = 0.0
  package private(set) var relative = 0.0
  /// Largest number of representable values between the two; nil where the dtype is no float.
  package private(set) var ulps: UInt64?
  /// Elements beyond atol + rtol · |expected|; for whole numbers, strings and truth values, those that differ.
  package private(set) var outside = 0

  package var isEqual: Bool { differing == 0 }
  package var isWithinTolerance: Bool { outside == 0 }

  /// - Throws: `different` where dtype or shape are not the same.
  package init(
    found: Tensor, expected: Tensor, tolerance: Tolerance
  ) throws(CheckpointError) {
    guard found.dtype == expected.dtype, found.shape == expected.shape else {
      throw CheckpointError(
        .different,
        "is \(found.dtype.rawValue) \(found.shape) where \(expected.dtype.rawValue) \(expected.shape) was expected")
    }
    elementCount = expected.shape.elementCount
    guard let width = expected.dtype.wordWidth, expected.dtype != .string else {
      try compareStrings(found, expected)
      return
    }
    let isFloat = [DType.float16, .bfloat16, .float32, .float64, .complex64, .complex128].contains(expected.dtype)
    let wide = ValueDistance.realPart(of: expected.dtype)
    if isFloat { ulps = 0 }
    var mine = ChunkBuffer()
    var position = 0
    var other = [UInt8](repeating: 0, count: ChunkBuffer.capacity)
    let storage = found.storage
    try storage.verifyWhole()
    try expected.forEachChunk(using: &mine) { (chunk, offset) throws(CheckpointError) in
      var part = other.mutableRawSpan(0..<chunk.byteCount)
      try storage.read(into: &part, at: offset)
      let same = other.rawSpan.extracting(0..<chunk.byteCount)
      if same.isEqual(to: chunk) {
        position += chunk.byteCount / width
        return
      }
      for i in 0..<chunk.byteCount / width {
        let a = ValueDistance.bits(same, i * width, width)
        let b = ValueDistance.bits(chunk, i * width, width)
        if a != b {
          differing += 1
          // Complex numbers count by their parts.
          if first == nil { first = (position + i) / (expected.dtype.wordWidth == expected.dtype.width ? 1 : 2) }
          if isFloat { addFloat(a, b, wide, tolerance) } else { outside += 1 }
        }
      }
      position += chunk.byteCount / width
    }
  }

  private mutating func compareStrings(_ found: Tensor, _ expected: Tensor) throws(CheckpointError) {
    let a = try found.bytes()
    let b = try expected.bytes()
    if a != b { (differing, outside, first) = (1, 1, 0) }
  }

  private mutating func addFloat(_ a: UInt64, _ b: UInt64, _ dtype: DType, _ tolerance: Tolerance) {
    let x = ValueDistance.number(a, dtype)
    let y = ValueDistance.number(b, dtype)
    if x.isNaN && y.isNaN { return }
    guard x.isFinite, y.isFinite else {
      if x != y {
        outside += 1
        absolute = .infinity
      }
      return
    }
    let distance = abs(x - y)
    absolute = max(absolute, distance)
    if y != 0 { relative = max(relative, distance / abs(y)) }
    ulps = max(ulps ?? 0, ValueDistance.steps(a, b, dtype))
    if distance > tolerance.absolute + tolerance.relative * abs(y) { outside += 1 }
  }

  private static func realPart(of dtype: DType) -> DType {
    switch dtype {
    case .complex64: .float32
    case .complex128: .float64
    default: dtype
    }
  }

  private static func bits(_ span: RawSpan, _ offset: Int, _ width: Int) -> UInt64 {
    var bits: UInt64 = 0
    for i in 0..<width {
      bits |= UInt64(unsafe span.unsafeLoad(fromByteOffset: offset + i, as: UInt8.self)) << (8 * UInt64(i))
    }
    return bits
  }

  private static func number(_ bits: UInt64, _ dtype: DType) -> Double {
    switch dtype {
    case .float64: return Double(bitPattern: bits)
    case .float32: return Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
    case .bfloat16: return Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits) << 16))
    default:
      // binary16: five bits of exponent, ten of mantissa.
      let mantissa = Double(bits & 0x3ff)
      let exponent = Int(bits >> 10 & 0x1f)
      let magnitude =
        exponent == 31
        ? (mantissa == 0 ? Double.infinity : .nan)
        : exponent == 0
          ? mantissa * 0x1p-24 : (1 + mantissa / 1024) * Double(sign: .plus, exponent: exponent - 15, significand: 1)
      return bits >> 15 & 1 == 1 ? -magnitude : magnitude
    }
  }

  /// Values between two floats of one dtype, counted on the line of all floats.
  private static func steps(_ a: UInt64, _ b: UInt64, _ dtype: DType) -> UInt64 {
    let sign: UInt64 = dtype == .float64 ? 1 << 63 : dtype == .float32 ? 1 << 31 : 1 << 15
    func place(_ bits: UInt64) -> Int64 {
      let magnitude = Int64(bitPattern: bits & (sign - 1))
      return bits & sign != 0 ? -magnitude : magnitude
    }
    return place(a).subtractingReportingOverflow(place(b)).partialValue.magnitude
  }
}

/// |found - expected| ≤ absolute + relative · |expected|
package struct Tolerance: Sendable {
  package var absolute: Double
  package var relative: Double

  /// Every bit.
  package static let exact = Tolerance(absolute: 0, relative: 0)
  /// What programs of different versions and machines differ by in one network.
  package static let program = Tolerance(absolute: 1e-5, relative: 1e-5)

  package init(absolute: Double, relative: Double) {
    self.absolute = absolute
    self.relative = relative
  }

  package var isExact: Bool { absolute == 0 && relative == 0 }
}
