import CheckpointCore

/// Cast: each element in another dtype, as TensorFlow does on x86. Attributes SrcT, DstT, Truncate. No shape rule.
///
/// Floats become whole numbers toward zero; what does not fit int32 or int64 is their least value, and smaller types
/// are cut off from int32. Whole numbers are cut off. Everything but zero is true. Complex numbers lose their imaginary
/// part. Truncate cuts a float's mantissa to that of the narrower float instead of rounding it.
enum Cast {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let source = try node.dtype("SrcT")
    let target = try node.dtype("DstT")
    let truncates = try node.bool("Truncate", default: false)
    guard source == target || (castable.contains(source) && castable.contains(target)) else {
      throw CheckpointError(.unsupported, "no cast from \(source.rawValue) to \(target.rawValue)")
    }
    return { (context) throws(CheckpointError) in
      if source == target { return context.emit(try context.read(0)) }
      var tensor = try context.tensor(0, source)
      if truncates, let bits = lostBits(source, target) { tensor = try context.truncated(tensor, bits) }
      context.emit(try context.cast(tensor, to: target))
    }
  }

  private static let castable: Set<DType> = [
    .bool, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .float16, .bfloat16, .float32, .float64,
    .complex64, .complex128, .qint8, .quint8, .qint16, .quint16, .qint32,
  ]

  /// Bits of the source's mantissa that the target does not have.
  private static func lostBits(_ source: DType, _ target: DType) -> Int? {
    func mantissa(_ dtype: DType) -> Int? {
      switch dtype {
      case .float64: 52
      case .float32: 23
      case .float16: 10
      case .bfloat16: 7
      default: nil
      }
    }
    // TensorFlow rounds float64 to bfloat16 all the same.
    guard let from = mantissa(source), let to = mantissa(target), from > to, source != .float16,
      source != .float64 || target != .bfloat16
    else { return nil }
    return from - to
  }
}

/// A number that is cast: what it is read as.
protocol CastSource: BitwiseCopyable {
  associatedtype Wide: CastWide
  var wide: Wide { get }
}

/// A type that every number is first read as.
protocol CastWide {
  func cast<T: CastTarget>(to type: T.Type) -> T
}

/// A number that comes out of a cast.
protocol CastTarget: BitwiseCopyable {
  init(cast value: Int64)
  init(cast value: UInt64)
  init(cast value: Float)
  init(cast value: Double)
}

extension Int64: CastWide { func cast<T: CastTarget>(to type: T.Type) -> T { T(cast: self) } }
extension UInt64: CastWide { func cast<T: CastTarget>(to type: T.Type) -> T { T(cast: self) } }
extension Float: CastWide { func cast<T: CastTarget>(to type: T.Type) -> T { T(cast: self) } }
extension Double: CastWide { func cast<T: CastTarget>(to type: T.Type) -> T { T(cast: self) } }

extension Int8: CastSource { var wide: Int64 { Int64(self) } }
extension Int16: CastSource { var wide: Int64 { Int64(self) } }
extension Int32: CastSource { var wide: Int64 { Int64(self) } }
extension Int64: CastSource { var wide: Int64 { self } }
extension UInt8: CastSource { var wide: Int64 { Int64(self) } }
extension UInt16: CastSource { var wide: Int64 { Int64(self) } }
extension UInt32: CastSource { var wide: Int64 { Int64(self) } }
extension UInt64: CastSource { var wide: UInt64 { self } }
extension Float16: CastSource { var wide: Float { widened } }
extension BFloat16: CastSource { var wide: Float { float } }
extension Float: CastSource { var wide: Float { self } }
extension Double: CastSource { var wide: Double { self } }
extension Complex64: CastSource { var wide: Float { real } }
extension Complex128: CastSource { var wide: Double { real } }

/// Toward zero; the least value where it does not fit, as the x86 instructions have it.
private func int32(_ value: Double) -> Int32 { value > -2147483649 && value < 2147483648 ? Int32(value) : .min }
private func int64(_ value: Double) -> Int64 {
  value >= -9223372036854775808 && value < 9223372036854775808 ? Int64(value) : .min
}
private func uint64(_ value: Double) -> UInt64 {
  if value < 9223372036854775808 { return UInt64(bitPattern: int64(value)) }
  return UInt64(bitPattern: int64(value - 9223372036854775808)) ^ 1 << 63
}

extension Int64: CastTarget {
  init(cast value: Int64) { self = value }
  init(cast value: UInt64) { self = Int64(bitPattern: value) }
  init(cast value: Float) { self = int64(Double(value)) }
  init(cast value: Double) { self = int64(value) }
}

extension UInt64: CastTarget {
  init(cast value: Int64) { self = UInt64(bitPattern: value) }
  init(cast value: UInt64) { self = value }
  init(cast value: Float) { self = uint64(Double(value)) }
  init(cast value: Double) { self = uint64(value) }
}

/// The whole numbers that are cut off from int32 (uint32: from int64).
protocol NarrowInteger: CastTarget, FixedWidthInteger {}

extension NarrowInteger {
  init(cast value: Int64) { self.init(truncatingIfNeeded: value) }
  init(cast value: UInt64) { self.init(truncatingIfNeeded: value) }
  init(cast value: Float) { self.init(cast: Double(value)) }
  init(cast value: Double) {
    self.init(truncatingIfNeeded: Self.bitWidth == 32 && !Self.isSigned ? int64(value) : Int64(int32(value)))
  }
}

extension Int8: NarrowInteger {}
extension Int16: NarrowInteger {}
extension Int32: NarrowInteger {}
extension UInt8: NarrowInteger {}
extension UInt16: NarrowInteger {}
extension UInt32: NarrowInteger {}

extension Float: CastTarget {
  init(cast value: Int64) { self.init(value) }
  init(cast value: UInt64) { self.init(value) }
  init(cast value: Float) { self = value }
  init(cast value: Double) { self.init(value) }
}

extension Double: CastTarget {
  init(cast value: Int64) { self.init(value) }
  init(cast value: UInt64) { self.init(value) }
  init(cast value: Float) { self.init(value) }
  init(cast value: Double) { self = value }
}

extension Float16: CastTarget {
  init(cast value: Int64) { self.init(rounding: Float(value)) }
  init(cast value: UInt64) { self.init(rounding: Float(value)) }
  init(cast value: Float) { self.init(rounding: value) }
  init(cast value: Double) { self.init(rounding: Float(value)) }

  /// The value as a float, without branches: the compiler's own conversion is a call for each element.
  var widened: Float {
    let bits = UInt32(bitPattern)
    let magnitude = (bits & 0x7fff) << 13
    let exponent = magnitude & 0x0f80_0000
    // Infinities and NaN move to the top exponent; what is below the normal numbers is normalised by a subtraction.
    let normal = magnitude &+ 0x3800_0000 &+ (exponent == 0x0f80_0000 ? 0x3800_0000 : 0)
    let small = Float(bitPattern: magnitude &+ 0x3880_0000) - Float(bitPattern: 0x3880_0000)
    return Float(bitPattern: (exponent == 0 ? small.bitPattern : normal) | (bits & 0x8000) << 16)
  }

  /// The nearest half, ties to even.
  init(rounding value: Float) {
    let sign = value.bitPattern & 0x8000_0000
    let magnitude = value.bitPattern ^ sign
    let huge: UInt32 = magnitude > 0x7f80_0000 ? 0x7e00 : 0x7c00
    // The addition shifts the bits of a number below the normal ones into place, and rounds it.
    let small = (Float(bitPattern: magnitude) + 0.5).bitPattern &- 0x3f00_0000
    let normal = (magnitude &- 0x3800_0000 &+ 0xfff &+ (magnitude >> 13 & 1)) >> 13
    let half = magnitude >= 0x4780_0000 ? huge : magnitude < 0x3880_0000 ? small : normal
    self.init(bitPattern: UInt16(truncatingIfNeeded: half | sign >> 16))
  }
}

extension BFloat16: CastTarget {
  init(cast value: Int64) { self.init(Float(value)) }
  init(cast value: UInt64) { self.init(Float(value)) }
  init(cast value: Float) { self.init(value) }
  init(cast value: Double) { self.init(Float(value)) }
}

/// A truth value as its byte.
private struct Truth: CastTarget {
  let byte: UInt8
  init(cast value: Int64) { byte = value != 0 ? 1 : 0 }
  init(cast value: UInt64) { byte = value != 0 ? 1 : 0 }
  init(cast value: Float) { byte = value != 0 ? 1 : 0 }
  init(cast value: Double) { byte = value != 0 ? 1 : 0 }
}

extension Complex64: CastTarget {
  init(cast value: Int64) { self.init(real: Float(value), imaginary: 0) }
  init(cast value: UInt64) { self.init(real: Float(value), imaginary: 0) }
  init(cast value: Float) { self.init(real: value, imaginary: 0) }
  init(cast value: Double) { self.init(real: Float(value), imaginary: 0) }
}

extension Complex128: CastTarget {
  init(cast value: Int64) { self.init(real: Double(value), imaginary: 0) }
  init(cast value: UInt64) { self.init(real: Double(value), imaginary: 0) }
  init(cast value: Float) { self.init(real: Double(value), imaginary: 0) }
  init(cast value: Double) { self.init(real: value, imaginary: 0) }
}

extension KernelContext {
  /// The elements in another dtype.
  /// - Parameter saturating: numbers beyond the range of a narrower dtype become its ends instead of wrapping.
  func cast(_ x: DenseTensor, to dtype: DType, saturating: Bool = false) throws(CheckpointError) -> DenseTensor {
    if x.dtype == dtype { return x }
    let y = try allocate(dtype, x.shape)
    if saturating {
      saturate(x, y)
      return y
    }
    switch x.dtype {
    case .bool, .uint8, .quint8: try convert(x, UInt8.self, y)
    case .int8, .qint8: try convert(x, Int8.self, y)
    case .int16, .qint16: try convert(x, Int16.self, y)
    case .int32, .qint32: try convert(x, Int32.self, y)
    case .int64: try convert(x, Int64.self, y)
    case .uint16, .quint16: try convert(x, UInt16.self, y)
    case .uint32: try convert(x, UInt32.self, y)
    case .uint64: try convert(x, UInt64.self, y)
    case .float16: try convert(x, Float16.self, y)
    case .bfloat16: try convert(x, BFloat16.self, y)
    case .float32: try convert(x, Float.self, y)
    case .float64: try convert(x, Double.self, y)
    case .complex64: try convertComplex(x, Complex64.self, y)
    case .complex128: try convertComplex(x, Complex128.self, y)
    default: throw CheckpointError(.unsupported, "no cast from \(x.dtype.rawValue) to \(dtype.rawValue)")
    }
    return y
  }

  private func convertComplex<S: CastSource>(_ x: DenseTensor, _: S.Type, _ y: DenseTensor) throws(CheckpointError) {
    switch (x.dtype, y.dtype) {
    case (.complex64, .complex128):
      let from = x.elements(Complex64.self)
      var to = y.mutableElements(Complex128.self)
      for i in from.indices { to[i] = Complex128(real: Double(from[i].real), imaginary: Double(from[i].imaginary)) }
    case (.complex128, .complex64):
      let from = x.elements(Complex128.self)
      var to = y.mutableElements(Complex64.self)
      for i in from.indices { to[i] = Complex64(real: Float(from[i].real), imaginary: Float(from[i].imaginary)) }
    default: try convert(x, S.self, y)
    }
  }

  private func convert<S: CastSource>(_ x: DenseTensor, _: S.Type, _ y: DenseTensor) throws(CheckpointError) {
    switch y.dtype {
    case .bool: convert(x, S.self, y, Truth.self)
    case .uint8, .quint8: convert(x, S.self, y, UInt8.self)
    case .int8, .qint8: convert(x, S.self, y, Int8.self)
    case .int16, .qint16: convert(x, S.self, y, Int16.self)
    case .int32, .qint32: convert(x, S.self, y, Int32.self)
    case .int64: convert(x, S.self, y, Int64.self)
    case .uint16, .quint16: convert(x, S.self, y, UInt16.self)
    case .uint32: convert(x, S.self, y, UInt32.self)
    case .uint64: convert(x, S.self, y, UInt64.self)
    case .float16: convert(x, S.self, y, Float16.self)
    case .bfloat16: convert(x, S.self, y, BFloat16.self)
    case .float32: convert(x, S.self, y, Float.self)
    case .float64: convert(x, S.self, y, Double.self)
    case .complex64: convert(x, S.self, y, Complex64.self)
    case .complex128: convert(x, S.self, y, Complex128.self)
    default: throw CheckpointError(.unsupported, "no cast from \(x.dtype.rawValue) to \(y.dtype.rawValue)")
    }
  }

  private func convert<S: CastSource, T: CastTarget>(_ x: DenseTensor, _: S.Type, _ y: DenseTensor, _: T.Type) {
    let count = x.elementCount
    // SAFETY: both have `count` elements of these widths; the pieces do not overlap.
    unsafe x.withPointer(UInt8.self) { from in
      unsafe y.withMutablePointer(UInt8.self) { to in
        let source = unsafe UnsafeRawPointer(from).assumingMemoryBound(to: S.self)
        let target = unsafe UnsafeMutableRawPointer(to).assumingMemoryBound(to: T.self)
        for i in 0..<count { unsafe target[i] = source[i].wide.cast(to: T.self) }
      }
    }
  }

  /// int32, int64 or float32 to something narrower.
  private func saturate(_ x: DenseTensor, _ y: DenseTensor) {
    if x.dtype == .float32 {
      let from = x.elements(Float.self)
      func narrow<T: Element>(_: T.Type, _ largest: T, _ smallest: T, _ convert: (Float) -> T) {
        var to = y.mutableElements(T.self)
        for i in from.indices {
          let value = from[i]
          to[i] = value.magnitude == Float.greatestFiniteMagnitude ? (value > 0 ? largest : smallest) : convert(value)
        }
      }
      if y.dtype == .float16 {
        let largest = Float16.greatestFiniteMagnitude
        narrow(Float16.self, largest, -largest) { Float16($0) }
      } else {
        let largest = Float(bitPattern: 0x7f7f_0000)
        narrow(BFloat16.self, BFloat16(largest), BFloat16(-largest)) { BFloat16($0) }
      }
      return
    }
    let values = x.dtype == .int32 ? x.map(Int32.self) { Int($0) } : x.map(Int64.self) { Int($0) }
    func clamp<T: IntegerElement>(_: T.Type) {
      var to = y.mutableElements(T.self)
      for (i, value) in values.enumerated() { to[i] = T(clamping: value) }
    }
    switch y.dtype {
    case .int8: clamp(Int8.self)
    case .int16: clamp(Int16.self)
    case .uint8: clamp(UInt8.self)
    case .uint16: clamp(UInt16.self)
    default: clamp(UInt32.self)
    }
  }

  /// The floats with the low bits of their mantissa cleared.
  fileprivate func truncated(_ x: DenseTensor, _ bits: Int) throws(CheckpointError) -> DenseTensor {
    let y = try allocate(x.dtype, x.shape)
    if x.dtype == .float64 {
      let from = x.elements(UInt64.self)
      var to = y.mutableElements(UInt64.self)
      for i in from.indices { to[i] = (from[i] >> UInt64(bits)) << UInt64(bits) }
    } else {
      let from = x.elements(UInt32.self)
      var to = y.mutableElements(UInt32.self)
      for i in from.indices { to[i] = (from[i] >> UInt32(bits)) << UInt32(bits) }
    }
    return y
  }
}
