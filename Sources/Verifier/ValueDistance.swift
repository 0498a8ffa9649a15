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

  private let kind: Kind
  private let tolerance: Tolerance

  /// How elements are taken apart.
  private struct Kind {
    let decoder: NumberDecoder?
    /// Bytes that are compared at once: a number.
    let width: Int
    /// Numbers in an element: two where it is complex.
    let parts: Int
    /// The sign's bit of a float; nil for whole numbers.
    let sign: UInt64?
  }

  package var isEqual: Bool { differing == 0 }
  package var isWithinTolerance: Bool { outside == 0 }

  /// A distance that is found piece by piece; nothing differs yet. Strings and variants are compared elsewhere.
  init(_ tensor: Tensor, _ tolerance: Tolerance) {
    let dtype = tensor.dtype
    let width = dtype.wordWidth ?? 1
    let isFloat = dtype.isFloat || dtype == .complex64 || dtype == .complex128
    kind = Kind(
      decoder: NumberDecoder(dtype), width: width, parts: (dtype.width ?? 1) / width,
      sign: isFloat ? 1 << (8 * UInt64(width) - 1) : nil)
    self.tolerance = tolerance
    elementCount = tensor.shape.elementCount
    if isFloat { ulps = 0 }
  }

  /// - Throws: `different` where dtype or shape are not the same.
  package init(
    found: Tensor, expected: Tensor, tolerance: Tolerance
  ) throws(CheckpointError) {
    guard found.dtype == expected.dtype, found.shape == expected.shape else {
      throw CheckpointError(
        .different,
        "is \(found.dtype.rawValue) \(found.shape) where \(expected.dtype.rawValue) \(expected.shape) was expected")
    }
    self.init(expected, tolerance)
    if let a = found.storage as? StringStorage, let b = expected.storage as? StringStorage {
      try addStrings(a, b)
      return
    }
    let storage = found.storage
    try storage.verifyWhole()
    var other = [UInt8](repeating: 0, count: ChunkBuffer.capacity)
    var numbers = Numbers()
    var mine = ChunkBuffer()
    try expected.forEachChunk(using: &mine) { (chunk, offset) throws(CheckpointError) in
      var part = other.mutableRawSpan(0..<chunk.byteCount)
      try storage.read(into: &part, at: offset)
      add(other.rawSpan.extracting(0..<chunk.byteCount), expected: chunk, at: offset, &numbers)
    }
  }

  /// Room for decoded numbers.
  struct Numbers {
    fileprivate var found: [Double] = []
    fileprivate var expected: [Double] = []
  }

  /// Bytes that are looked at together where something differs.
  private static let blockSize = 4096

  /// Takes whole elements of both, from `offset` of the tensor on.
  mutating func add(_ found: RawSpan, expected: RawSpan, at offset: Int, _ numbers: inout Numbers) {
    guard !found.isEqual(to: expected) else { return }
    for start in stride(from: 0, to: found.byteCount, by: ValueDistance.blockSize) {
      let end = min(start + ValueDistance.blockSize, found.byteCount)
      let (a, b) = (found.extracting(start..<end), expected.extracting(start..<end))
      if !a.isEqual(to: b) { addBlock(a, b, at: offset + start, &numbers) }
    }
  }

  private mutating func addBlock(_ found: RawSpan, _ expected: RawSpan, at offset: Int, _ numbers: inout Numbers) {
    let count = found.byteCount / kind.width
    if let decoder = kind.decoder {
      if numbers.found.count != count {
        numbers.found = [Double](repeating: 0, count: count)
        numbers.expected = numbers.found
      }
      decoder.decode(found, at: 0, into: &numbers.found)
      decoder.decode(expected, at: 0, into: &numbers.expected)
    }
    // Complex numbers count once, whichever part differs.
    var last = -1
    for i in 0..<count {
      let a = ValueDistance.bits(found, i * kind.width, kind.width)
      let b = ValueDistance.bits(expected, i * kind.width, kind.width)
      guard a != b else { continue }
      let element = (offset / kind.width + i) / kind.parts
      if element != last { differing += 1 }
      last = element
      first = min(first ?? element, element)
      guard kind.decoder != nil else {
        outside += 1
        continue
      }
      let (x, y) = (numbers.found[i], numbers.expected[i])
      if let sign = kind.sign {
        addFloat(x, y, ValueDistance.steps(a, b, sign))
      } else {
        outside += 1
        addDistance(x, y)
      }
    }
  }

  private mutating func addFloat(_ x: Double, _ y: Double, _ steps: UInt64) {
    if x.isNaN && y.isNaN { return }
    guard x.isFinite, y.isFinite else {
      if x != y {
        outside += 1
        absolute = .infinity
      }
      return
    }
    addDistance(x, y)
    ulps = max(ulps ?? 0, steps)
    if abs(x - y) > tolerance.absolute + tolerance.relative * abs(y) { outside += 1 }
  }

  private mutating func addDistance(_ x: Double, _ y: Double) {
    let distance = abs(x - y)
    absolute = max(absolute, distance)
    if y != 0 { relative = max(relative, distance / abs(y)) }
  }

  /// Compares strings one by one.
  private mutating func addStrings(_ found: StringStorage, _ expected: StringStorage) throws(CheckpointError) {
    try found.verifyWhole()
    try expected.verifyWhole()
    var (a, b) = (0, 0)
    for (i, (mine, other)) in zip(found.lengths, expected.lengths).enumerated() {
      try throwIfInterrupted()
      let isSame =
        mine == other
        ? try ValueDistance.isSame(found.characters, a, expected.characters, b, count: mine) : false
      if !isSame {
        differing += 1
        outside += 1
        first = first ?? i
      }
      (a, b) = (a + mine, b + other)
    }
  }

  private static func isSame(
    _ a: any TensorStorage, _ aStart: Int, _ b: any TensorStorage, _ bStart: Int, count: Int
  ) throws(CheckpointError) -> Bool {
    var position = 0
    while position < count {
      let size = min(ChunkBuffer.capacity, count - position)
      let mine = try a.bytes(at: aStart + position, count: size)
      guard mine == (try b.bytes(at: bStart + position, count: size)) else { return false }
      position += size
    }
    return true
  }

  /// Adds what was found in another piece of the same tensor.
  mutating func append(_ other: ValueDistance) {
    differing += other.differing
    outside += other.outside
    if let start = other.first { first = min(first ?? start, start) }
    absolute = max(absolute, other.absolute)
    relative = max(relative, other.relative)
    if let theirs = other.ulps { ulps = max(ulps ?? 0, theirs) }
  }

  private static func bits(_ span: RawSpan, _ offset: Int, _ width: Int) -> UInt64 {
    switch width {
    case 1: UInt64(unsafe span.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
    case 2: UInt64(unsafe span.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
    case 4: UInt64(unsafe span.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    default: unsafe span.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
  }

  /// Values between two floats of one dtype, counted on the line of all floats.
  private static func steps(_ a: UInt64, _ b: UInt64, _ sign: UInt64) -> UInt64 {
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
