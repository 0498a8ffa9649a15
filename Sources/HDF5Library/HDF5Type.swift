import CHDF5
package import CheckpointCore

/// The type of a dataset's elements, as far as a store cares.
package indirect enum HDF5Type: Sendable {
  case integer(Integer)
  case float(Float)
  case string(width: Int, padding: Padding)
  case variableString
  case opaque(width: Int)
  case compound(width: Int, members: [Member])
  case enumeration(HDF5Type, members: [(name: [UInt8], value: UInt64)])
  case variable(HDF5Type)
  /// Times, bit fields, references, arrays.
  case other(String)

  package struct Integer: Sendable, Equatable {
    var width: Int
    var bigEndian: Bool
    var signed: Bool
    var precision: Int
    var offset: Int
  }

  package struct Float: Sendable, Equatable {
    var width: Int
    var bigEndian: Bool
    var precision: Int
    var offset: Int
    /// Sign position, exponent position and size, mantissa position and size, in bits; bias; normalisation.
    var fields: [Int]
    var bias: UInt64
    var normalisation: UInt8
  }

  package struct Member: Sendable {
    var name: [UInt8]
    var offset: Int
    var type: HDF5Type
  }

  /// How a string that is shorter than its width ends: H5T_str_t.
  package enum Padding: UInt8, Sendable { case nullTerminated = 0, nullPadded = 1, spacePadded = 2 }
}

extension HDF5Type {
  /// Decodes what the worker says of a type. Layout: README.md, "Types".
  init(_ fields: inout ByteCursor, depth: Int = 0) throws(CheckpointError) {
    guard depth < 8 else { throw HDF5Worker.nonsense() }
    let kind = Int8(bitPattern: try fields.byte())
    guard kind >= 0 else {
      self = .other("a type that cannot be read")
      return
    }
    let width = Int(clamping: try fields.fixed64())
    switch kind {
    case 0:
      let big = try fields.byte() == 1
      let (precision, offset) = (Int(try fields.fixed32()), Int(try fields.fixed32()))
      let signed = try fields.byte() == 1
      self = .integer(
        Integer(width: width, bigEndian: big, signed: signed, precision: precision, offset: offset))
    case 1:
      let big = try fields.byte() == 1
      let (precision, offset) = (Int(try fields.fixed32()), Int(try fields.fixed32()))
      var places: [Int] = []
      for _ in 0..<5 { places.append(Int(try fields.fixed32())) }
      let bias = try fields.fixed64()
      self = .float(
        Float(
          width: width, bigEndian: big, precision: precision, offset: offset, fields: places, bias: bias,
          normalisation: try fields.byte()))
    case 3:
      let isVariable = try fields.byte() == 1
      let padding = Padding(rawValue: try fields.byte())
      _ = try fields.byte()
      self = isVariable ? .variableString : .string(width: width, padding: padding ?? .nullPadded)
    case 5:
      _ = try fields.text()
      self = .opaque(width: width)
    case 6:
      var members: [Member] = []
      for _ in 0..<(try fields.fixed32()) {
        let name = try fields.text()
        let offset = Int(clamping: try fields.fixed64())
        members.append(Member(name: name, offset: offset, type: try HDF5Type(&fields, depth: depth + 1)))
      }
      self = .compound(width: width, members: members)
    case 8:
      let base = try HDF5Type(&fields, depth: depth + 1)
      var members: [(name: [UInt8], value: UInt64)] = []
      for _ in 0..<(try fields.fixed32()) { members.append((try fields.text(), try fields.fixed64())) }
      self = .enumeration(base, members: members)
    case 9: self = .variable(try HDF5Type(&fields, depth: depth + 1))
    case 2: self = .other("times")
    case 4: self = .other("bit fields")
    case 7: self = .other("references to objects")
    case 10: self = .other("arrays inside of elements")
    default: self = .other("a type that is not known")
    }
  }
}

/// How the elements of a type become canonical ones.
package enum HDF5Element: Sendable, Equatable {
  /// The stored bytes are the canonical ones, or are once each word is turned round.
  case stored(DType, swapped: Bool)
  /// The library converts them to the nearest ordinary type of this code (`native` in walk.c).
  case converted(DType, code: UInt32)
  case fixedStrings(width: Int, padding: HDF5Type.Padding)
  case variableStrings
  case unreadable(String)
}

extension HDF5Type {
  /// Bytes of an element, where the file has all of it in its place.
  var width: Int? {
    switch self {
    case .integer(let type): type.width
    case .float(let type): type.width
    case .string(let width, _), .opaque(let width), .compound(let width, _): width
    case .enumeration(let base, _): base.width
    case .variableString, .variable, .other: nil
    }
  }

  /// - Parameter dtype: what the attribute `dtype` of the dataset says, where there is one: the way in which Keras 3 marks
  ///   bfloat16, and this program every dtype that HDF5 has no type for.
  package func element(marked dtype: DType?) -> HDF5Element {
    switch self {
    case .integer(let type):
      guard let plain = type.dtype else {
        return .unreadable("integers of \(type.width) bytes")
      }
      guard type.precision > 0, type.offset >= 0, type.precision + type.offset <= 8 * type.width else {
        return .unreadable("integers of \(type.precision) bits in \(type.width) bytes, from bit \(type.offset)")
      }
      if type.precision != 8 * type.width || type.offset != 0 {
        return .converted(plain, code: UInt32(type.width.trailingZeroBitCount + (type.signed ? 1 : 5)))
      }
      if let dtype, dtype.isKeptAsInteger, dtype.width == type.width {
        return .stored(dtype, swapped: type.bigEndian && type.width > 1)
      }
      return .stored(plain, swapped: type.bigEndian && type.width > 1)
    case .float(let type):
      if let plain = type.dtype { return .stored(plain, swapped: type.bigEndian) }
      if type.width > 8 { return .unreadable("floating-point numbers of \(type.width) bytes") }
      guard type.isSound else { return .unreadable("floating-point numbers whose parts do not fit together") }
      if type.fits(mantissa: 23, exponents: -149...128) { return .converted(.float32, code: 9) }
      guard type.fits(mantissa: 52, exponents: -1074...1024) else {
        return .unreadable("floating-point numbers that float64 cannot hold")
      }
      return .converted(.float64, code: 10)
    case .string(let width, let padding): return .fixedStrings(width: width, padding: padding)
    case .variableString: return .variableStrings
    case .opaque(let width):
      if let dtype, dtype.width == width { return .stored(dtype, swapped: false) }
      return .unreadable("opaque bytes")
    case .compound(let width, let members):
      guard members.count == 2, case .float(let real) = members[0].type, case .float(let imaginary) = members[1].type,
        members[0].name == Array("r".utf8), members[1].name == Array("i".utf8), real == imaginary,
        let part = real.dtype, members[0].offset == 0, members[1].offset == real.width,
        width == 2 * real.width, part == .float32 || part == .float64
      else { return .unreadable("compound elements") }
      return .stored(part == .float32 ? .complex64 : .complex128, swapped: real.bigEndian)
    case .enumeration(let base, let members):
      guard case .integer(let type) = base, case .stored(let plain, let swapped) = base.element(marked: nil) else {
        return .unreadable("an enumeration of no integers")
      }
      let values = Dictionary(members.map { ($0.name, $0.value) }, uniquingKeysWith: { a, _ in a })
      let isBoolean =
        type.width == 1 && values == [Array("FALSE".utf8): 0, Array("TRUE".utf8): 1]
      return isBoolean ? .stored(.bool, swapped: false) : .stored(plain, swapped: swapped)
    case .variable(let base):
      if dtype == .string, case .integer(let type) = base, type.width == 1 { return .variableStrings }
      return .unreadable("lists of different lengths")
    case .other(let what): return .unreadable(what)
    }
  }
}

extension HDF5Type.Integer {
  var dtype: DType? {
    switch (width, signed) {
    case (1, true): .int8
    case (2, true): .int16
    case (4, true): .int32
    case (8, true): .int64
    case (1, false): .uint8
    case (2, false): .uint16
    case (4, false): .uint32
    case (8, false): .uint64
    default: nil
    }
  }
}

extension HDF5Type.Float {
  /// Whether sign, exponent and mantissa lie apart from each other inside the element.
  fileprivate var isSound: Bool {
    guard fields.count == 5, precision > 0, precision + offset <= 8 * width, (1...63).contains(fields[2]),
      (1...63).contains(fields[4]),
      fields.allSatisfy({ (0...64).contains($0) })
    else { return false }
    let (exponent, mantissa) = (fields[1]..<fields[1] + fields[2], fields[3]..<fields[3] + fields[4])
    let end = precision + offset
    return fields[0] < end && exponent.upperBound <= end && mantissa.upperBound <= end && !exponent.overlaps(mantissa)
      && !exponent.contains(fields[0]) && !mantissa.contains(fields[0])
  }

  /// Whether every number of the type, subnormal ones included, is one of a type with so many bits behind the point, whose least
  /// number is two to the first of the exponents, and whose numbers are below two to the last.
  fileprivate func fits(mantissa: Int, exponents: ClosedRange<Int>) -> Bool {
    guard fields.count == 5, (1...15).contains(fields[2]), fields[4] <= mantissa, bias < 1 << 16 else { return false }
    let (largest, least) = ((1 << fields[2]) - 1 - Int(bias), 1 - Int(bias) - fields[4])
    return largest <= exponents.upperBound && least >= exponents.lowerBound
  }

  /// The IEEE type that it is, exactly.
  var dtype: DType? {
    guard width <= 8, offset == 0, precision == 8 * width, normalisation == 0 else { return nil }
    return switch (width, fields, bias) {
    case (2, [15, 10, 5, 0, 10], 15): .float16
    case (4, [31, 23, 8, 0, 23], 127): .float32
    case (8, [63, 52, 11, 0, 52], 1023): .float64
    default: nil
    }
  }
}

extension DType {
  /// Whether HDF5 keeps it as a plain integer, marked with the attribute `dtype`.
  package var isKeptAsInteger: Bool {
    switch self {
    case .qint8, .qint16, .qint32, .quint8, .quint16, .int4, .uint4, .int2, .uint2: true
    default: false
    }
  }
}

extension ByteCursor {
  /// A length of 32 bits, then bytes.
  mutating func text() throws(CheckpointError) -> [UInt8] {
    let count = Int(try fixed32())
    return Array(bytes[try skip(count)])
  }
}
