import CheckpointCore

/// The header of an `.npy` file: magic, version, length, and a Python dictionary with element type, order and shape.
/// Layout: Npy/FORMAT.md.
struct NpyHeader {
  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  /// numpy itself stops at 10,000 characters; nothing that is no structured type comes near.
  static let largestHeader = 64 << 10

  let dtype: DType
  let isBigEndian: Bool
  let isFortranOrder: Bool
  let shape: Shape
  /// Where the elements begin.
  let dataOffset: Int
  let warnings: [String]

  /// Where the pickle of an object array begins; nil for any other file.
  static func objectOffset(_ file: InputFile) -> Int? {
    guard let content = try? FileStorage(file, offset: 0, byteCount: file.size),
      let (fields, offset, _) = try? fields(of: content)
    else { return nil }
    return ["O", "|O", "O8", "|O8", "|O4"].contains(fields.descr) ? offset : nil
  }

  /// - Throws: `corrupt` where it is no header; `unsupported` for element types that are not plain numbers, by their name.
  ///
  /// - Parameter content: a whole file, or the whole member of an archive.
  init(_ content: some TensorStorage) throws(CheckpointError) {
    let (fields, offset, notes) = try NpyHeader.fields(of: content)
    dataOffset = offset
    let type = try NpyType(fields.descr)
    (dtype, isBigEndian) = (type.dtype, type.isBigEndian)
    isFortranOrder = fields.isFortranOrder
    shape = try Shape(fields.shape)
    warnings = notes + type.warnings
  }

  /// - Returns: the dictionary, where the data begin, and warnings.
  private static func fields(of content: some TensorStorage) throws(CheckpointError) -> (NpyFields, Int, [String]) {
    let start = try content.bytes(at: 0, count: min(12, content.byteCount))
    guard start.starts(with: NpyHeader.magic) else {
      throw CheckpointError(.corrupt, "is not an npy file: \(NpyHeader.describe(start))")
    }
    guard start.count >= 10 else { throw CheckpointError(.corrupt, "the header is cut short") }
    let version = (start[6], start[7])
    let lengthSize: Int
    switch version {
    case (1, 0): lengthSize = 2
    case (2, 0), (3, 0): lengthSize = 4
    default: throw CheckpointError(.unsupported, "the npy version \(version.0).\(version.1) is unknown")
    }
    guard start.count >= 8 + lengthSize else { throw CheckpointError(.corrupt, "the header is cut short") }
    var cursor = ByteCursor(start, 8..<8 + lengthSize)
    let length = lengthSize == 2 ? Int(try cursor.byte()) | Int(try cursor.byte()) << 8 : Int(try cursor.fixed32())
    let dataOffset = 8 + lengthSize + length
    guard dataOffset <= content.byteCount else {
      throw CheckpointError(.corrupt, "the header claims \(length) bytes, more than the file has")
    }
    guard length <= NpyHeader.largestHeader else {
      throw CheckpointError(
        .corrupt, "a header of \(length) bytes is longer than the limit of \(NpyHeader.largestHeader)")
    }
    // numpy takes what Python 2 wrote up to version 2.0, which is the newest that Python 2 had.
    var literal = PythonLiteral(
      try content.bytes(at: 8 + lengthSize, count: length), takesLongIntegers: version.0 < 3)
    let fields = try NpyFields(&literal)
    return (fields, dataOffset, literal.warnings)
  }

  private static func describe(_ start: [UInt8]) -> String {
    if start.isEmpty { return "it is empty" }
    if start[0] == 0x80 || start.starts(with: Array("(lp".utf8)) || start.starts(with: Array("cnumpy".utf8)) {
      return "it looks like a Python pickle, which is never run"
    }
    if start.starts(with: Array("PK".utf8)) { return "it is a zip archive (npz)" }
    return "it does not begin with its magic number"
  }

  /// The header as numpy writes it since 1.23: version 1.0, room for the first axis to grow to 21 digits, padded to 64 bytes.
  static func encode(dtype: DType, shape: Shape) -> [UInt8] {
    let sizes = shape.dimensions.map(String.init).joined(separator: ", ") + (shape.rank == 1 ? "," : "")
    let growth = shape.dimensions.first.map { max(0, 21 - String($0).utf8.count) } ?? 0
    let text =
      "{'descr': '\(NpyType.descr(of: dtype))', 'fortran_order': False, 'shape': (\(sizes)), }"
      + String(repeating: " ", count: growth)
    let unpadded = 10 + text.utf8.count + 1
    let padding = (64 - unpadded % 64) % 64
    let length = text.utf8.count + padding + 1
    return magic + [1, 0, UInt8(length & 255), UInt8(length >> 8)] + Array(text.utf8)
      + [UInt8](repeating: 0x20, count: padding) + [0x0a]
  }
}

/// The three keys of a header's dictionary.
struct NpyFields {
  let descr: String
  let isFortranOrder: Bool
  let shape: [Int]

  init(_ literal: inout PythonLiteral) throws(CheckpointError) {
    guard case .dictionary(let members) = try literal.wholeValue() else {
      throw CheckpointError(.corrupt, "the header is not a dictionary")
    }
    var found: [String: PythonLiteral.Value] = [:]
    for (key, value) in members {
      guard ["descr", "fortran_order", "shape"].contains(key) else {
        throw CheckpointError(.corrupt, "the header has the unknown key '\(Name.printable(Array(key.utf8)))'")
      }
      guard found.updateValue(value, forKey: key) == nil else {
        throw CheckpointError(.corrupt, "the header has '\(key)' twice")
      }
    }
    for key in ["descr", "fortran_order", "shape"] where found[key] == nil {
      throw CheckpointError(.corrupt, "the header lacks '\(key)'")
    }
    switch found["descr"] {
    case .text(let text)?: descr = text
    case .list?: throw CheckpointError(.unsupported, "structured element types are not plain numbers")
    default: throw CheckpointError(.corrupt, "the element type in the header is not a string")
    }
    guard case .bool(let flag)? = found["fortran_order"] else {
      throw CheckpointError(.corrupt, "'fortran_order' in the header is neither True nor False")
    }
    isFortranOrder = flag
    guard case .tuple(let elements)? = found["shape"] else {
      throw CheckpointError(.corrupt, "the shape in the header is not a tuple")
    }
    var sizes: [Int] = []
    for element in elements {
      guard case .integer(let size) = element else {
        throw CheckpointError(.corrupt, "a dimension in the header is not a whole number")
      }
      sizes.append(size)
    }
    shape = sizes
  }
}

/// numpy's names of element types.
struct NpyType {
  let dtype: DType
  let isBigEndian: Bool
  private(set) var warnings: [String] = []

  /// - Parameter descr: such as `<f4`, `|b1`, `>i8`.
  init(_ descr: String) throws(CheckpointError) {
    let printable = Name.printable(Array(descr.utf8))
    if let named = DType(rawValue: descr), NpyType.code(of: named) != nil {
      (dtype, isBigEndian) = (named, false)
      warnings.append("the header spells its element type as a name: \(printable)")
      return
    }
    var code = descr[...]
    let order = code.first
    if let order, "<>|=".contains(order) { code = code.dropFirst() }
    guard let found = NpyType.codes.first(where: { $0.code == code })?.dtype else {
      switch code.first {
      case "O": throw CheckpointError(.unsupported, "object arrays hold a pickle, not plain numbers")
      case "S" where Int(code.dropFirst()) ?? 0 > 0, "U" where Int(code.dropFirst()) ?? 0 > 0, "M", "m", "a":
        throw CheckpointError(.unsupported, "the element type \(printable) is not a plain number")
      case "V" where Int(code.dropFirst()) ?? 0 > 0:
        throw CheckpointError(.unsupported, "the element type \(printable) is bytes without a meaning")
      case "f" where code == "f16", "c" where code == "c32":
        throw CheckpointError(.unsupported, "the long double type \(printable) differs between machines")
      default: throw CheckpointError(.corrupt, "the element type '\(printable.prefix(60))' is unknown")
      }
    }
    dtype = found
    isBigEndian = order == ">"
    if order == "=" {
      warnings.append("the header leaves the byte order to the machine (\(printable)); read as little-endian")
    }
  }

  private static let codes: [(code: String, dtype: DType)] = [
    ("b1", .bool), ("i1", .int8), ("i2", .int16), ("i4", .int32), ("i8", .int64),
    ("u1", .uint8), ("u2", .uint16), ("u4", .uint32), ("u8", .uint64),
    ("f2", .float16), ("f4", .float32), ("f8", .float64), ("c8", .complex64), ("c16", .complex128),
  ]

  private static func code(of dtype: DType) -> String? { codes.first { $0.dtype == dtype }?.code }

  /// The type that stands for a dtype in an `.npy` file: numpy's own, or the unsigned integer of its width; bytes for strings.
  static func carrier(of dtype: DType) -> DType? {
    if code(of: dtype) != nil { return dtype }
    if dtype == .string { return .uint8 }
    switch dtype.width {
    case 1: return .uint8
    case 2: return .uint16
    case 4: return .uint32
    default: return nil
    }
  }

  static func descr(of dtype: DType) -> String {
    let code = carrier(of: dtype).flatMap(code(of:)) ?? "u1"
    return (carrier(of: dtype)?.width == 1 ? "|" : "<") + code
  }
}
