/// The element type of a tensor: every one that TensorFlow can save.
///
/// A value's `rawValue` is the name used in JSON, in manifests and on the command line (numpy's name where numpy has one,
/// else TensorFlow's). The numbers that TensorFlow writes for them belong to the TensorFlow formats.
public enum DType: String, CaseIterable, Sendable, Hashable {
  case bool
  case int8, int16, int32, int64
  case uint8, uint16, uint32, uint64
  case float16, bfloat16, float32, float64
  case complex64, complex128
  case qint8, qint16, qint32, quint8, quint16
  case float8E5M2 = "float8_e5m2"
  case float8E4M3FN = "float8_e4m3fn"
  case float8E4M3FNUZ = "float8_e4m3fnuz"
  case float8E4M3B11FNUZ = "float8_e4m3b11fnuz"
  case float8E5M2FNUZ = "float8_e5m2fnuz"
  /// Four- and two-bit integers, one per byte as TensorFlow keeps them.
  case int4, uint4, int2, uint2
  /// Byte strings of any length and content.
  case string
  /// An opaque serialised value, such as the state of an input pipeline. Only a bundle can hold it.
  case variant

  /// Bytes of one element, or nil where elements differ in length.
  public var width: Int? {
    switch self {
    case .bool, .int8, .uint8, .qint8, .quint8, .int4, .uint4, .int2, .uint2: 1
    case .float8E5M2, .float8E4M3FN, .float8E4M3FNUZ, .float8E4M3B11FNUZ, .float8E5M2FNUZ: 1
    case .int16, .uint16, .float16, .bfloat16, .qint16, .quint16: 2
    case .int32, .uint32, .float32, .qint32: 4
    case .int64, .uint64, .float64, .complex64: 8
    case .complex128: 16
    case .string, .variant: nil
    }
  }

  /// Whether values are real floating-point numbers.
  public var isFloat: Bool {
    switch self {
    case .float16, .bfloat16, .float32, .float64: true
    case .float8E5M2, .float8E4M3FN, .float8E4M3FNUZ, .float8E4M3B11FNUZ, .float8E5M2FNUZ: true
    default: false
    }
  }

  /// Bytes that change places when the byte order changes: the width, or half of it for complex numbers.
  public var wordWidth: Int? {
    switch self {
    case .complex64: 4
    case .complex128: 8
    default: width
    }
  }
}
