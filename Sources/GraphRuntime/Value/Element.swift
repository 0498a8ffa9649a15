package import CheckpointCore

/// A Swift type that is the element of a dense tensor.
package protocol Element: BitwiseCopyable, Sendable, Hashable {
  static var dtype: DType { get }
}

/// An element that counts: everything but `bool`, strings and the quantised types.
package protocol NumericElement: Element, Numeric, Comparable {
  init(_ value: Int)
  init(_ value: Double)
  /// The value as a double, rounded where it has more than 53 bits.
  var asDouble: Double { get }
  /// Sums, differences and products wrap for integers, as TensorFlow's do.
  func adding(_ other: Self) -> Self
  func subtracting(_ other: Self) -> Self
  func multiplied(_ other: Self) -> Self
  /// The order's ends: -inf and +inf for floats.
  static var lowest: Self { get }
  static var highest: Self { get }
}

/// A floating-point element.
package protocol FloatElement: NumericElement, BinaryFloatingPoint {}

/// A whole-number element.
package protocol IntegerElement: NumericElement, FixedWidthInteger {}

/// A whole number that indexes: int32 or int64.
package protocol IndexElement: IntegerElement {}

extension FloatElement {
  package var asDouble: Double { Double(self) }
  package func adding(_ other: Self) -> Self { self + other }
  package func subtracting(_ other: Self) -> Self { self - other }
  package func multiplied(_ other: Self) -> Self { self * other }
  package static var lowest: Self { -.infinity }
  package static var highest: Self { .infinity }
}

extension IntegerElement {
  package var asDouble: Double { Double(self) }
  package func adding(_ other: Self) -> Self { self &+ other }
  package func subtracting(_ other: Self) -> Self { self &- other }
  package func multiplied(_ other: Self) -> Self { self &* other }
  package static var lowest: Self { min }
  package static var highest: Self { max }
}

extension Float: FloatElement { package static var dtype: DType { .float32 } }
extension Double: FloatElement { package static var dtype: DType { .float64 } }
extension Int8: IntegerElement { package static var dtype: DType { .int8 } }
extension Int16: IntegerElement { package static var dtype: DType { .int16 } }
extension Int32: IndexElement { package static var dtype: DType { .int32 } }
extension Int64: IndexElement { package static var dtype: DType { .int64 } }
extension UInt8: IntegerElement { package static var dtype: DType { .uint8 } }
extension UInt16: IntegerElement { package static var dtype: DType { .uint16 } }
extension UInt32: IntegerElement { package static var dtype: DType { .uint32 } }
extension UInt64: IntegerElement { package static var dtype: DType { .uint64 } }
/// One byte, 0 or 1.
extension Bool: Element { package static var dtype: DType { .bool } }

#if arch(arm64) || !os(macOS)
  extension Float16: FloatElement {
    package static var dtype: DType { .float16 }
  }
#endif

/// A bfloat16 number: the upper half of a float. Arithmetic is done in `Float` and rounded to nearest even.
package struct BFloat16: Element {
  package static var dtype: DType { .bfloat16 }
  package var bits: UInt16

  package init(_ value: Float) {
    let whole = value.bitPattern
    if value.isNaN {
      bits = UInt16(truncatingIfNeeded: whole >> 16) | 0x40
    } else {
      bits = UInt16(truncatingIfNeeded: (whole &+ 0x7fff &+ (whole >> 16 & 1)) >> 16)
    }
  }

  package var float: Float { Float(bitPattern: UInt32(bits) << 16) }
}

/// A complex number, real part first.
package struct Complex64: Element {
  package static var dtype: DType { .complex64 }
  package var real: Float
  package var imaginary: Float
}

/// A complex number, real part first.
package struct Complex128: Element {
  package static var dtype: DType { .complex128 }
  package var real: Double
  package var imaginary: Double
}
