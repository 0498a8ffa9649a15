import CCore

/// Elements of any numeric dtype as float64. A complex number counts as two numbers, its parts; 64-bit integers beyond 2⁵³ are
/// rounded.
public struct NumberDecoder: Sendable {
  /// Bytes of one number.
  public let width: Int
  private let kind: Kind

  private enum Kind: Sendable {
    /// As the C conversion knows it.
    case scalar(CInt)
    /// Numbers of one byte, looked up.
    case table([Double])
  }

  /// Nil where the elements are no numbers.
  public init?(_ dtype: DType) {
    let plain: DType
    switch dtype {
    case .complex64: plain = .float32
    case .complex128: plain = .float64
    case .qint8, .int4, .int2: plain = .int8
    case .quint8, .uint4, .uint2: plain = .uint8
    case .qint16: plain = .int16
    case .quint16: plain = .uint16
    case .qint32: plain = .int32
    default: plain = dtype
    }
    guard let width = plain.width else { return nil }
    self.width = width
    if let kind = plain.castKind {
      self.kind = .scalar(kind)
    } else if let table = NumberDecoder.table(of: dtype) {
      kind = .table(table)
    } else {
      return nil
    }
  }

  /// Decodes the numbers that begin at `offset`, as many as `numbers` has.
  public func decode(_ bytes: RawSpan, at offset: Int, into numbers: inout [Double]) {
    switch kind {
    case .scalar(let kind):
      var report = ck_cast_report()
      let part = bytes.extracting(offset..<offset + numbers.count * width)
      // SAFETY: both pointers are used inside the closures only, for as many numbers as each of them holds.
      unsafe part.withUnsafeBytes { source in
        unsafe numbers.withUnsafeMutableBytes { target in
          unsafe ck_cast(
            kind, source.baseAddress, CInt(CK_FLOAT64), target.baseAddress, part.byteCount / width, &report)
        }
      }
    case .table(let table):
      for i in numbers.indices { numbers[i] = table[Int(bytes.unsafeByte(offset + i))] }
    }
  }

  /// The floats of eight bits that have one zero, one NaN (0x80) and no infinity, each with its own bias of the exponent.
  /// Source: ml_dtypes, float8.h.
  private static func table(of dtype: DType) -> [Double]? {
    let mantissaBits: Int
    let bias: Int
    switch dtype {
    case .float8E4M3FNUZ: (mantissaBits, bias) = (3, 8)
    case .float8E4M3B11FNUZ: (mantissaBits, bias) = (3, 11)
    case .float8E5M2FNUZ: (mantissaBits, bias) = (2, 16)
    default: return nil
    }
    return (0..<256).map { bits in
      if bits == 0x80 { return .nan }
      let exponent = bits >> mantissaBits & (0x7f >> mantissaBits)
      let fraction = Double(bits & (1 << mantissaBits - 1)) / Double(1 << mantissaBits)
      let magnitude =
        exponent == 0
        ? fraction * Double(sign: .plus, exponent: 1 - bias, significand: 1)
        : (1 + fraction) * Double(sign: .plus, exponent: exponent - bias, significand: 1)
      return bits >= 0x80 ? -magnitude : magnitude
    }
  }
}

extension RawSpan {
  /// One byte; the index must lie inside.
  fileprivate func unsafeByte(_ index: Int) -> UInt8 { unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self) }
}
