import CheckpointCore

/// safetensors' names of element types, in the order by which the reference sorts: narrow ones first.
enum SafetensorsType {
  private static let names: [(name: String, dtype: DType)] = [
    ("BOOL", .bool), ("U8", .uint8), ("I8", .int8), ("F8_E5M2", .float8E5M2), ("F8_E4M3", .float8E4M3FN),
    ("F8_E4M3FNUZ", .float8E4M3FNUZ), ("F8_E5M2FNUZ", .float8E5M2FNUZ), ("I16", .int16), ("U16", .uint16),
    ("F16", .float16), ("BF16", .bfloat16), ("I32", .int32), ("U32", .uint32), ("F32", .float32), ("C64", .complex64),
    ("F64", .float64), ("I64", .int64), ("U64", .uint64),
  ]
  /// Types of the format that no other checkpoint here has: several elements in a byte, or an exponent alone.
  private static let unsupported = ["F4", "F6_E2M3", "F6_E3M2", "F8_E8M0"]

  /// - Throws: `unsupported` for types that the format has and this program has not, `corrupt` for unknown ones.
  static func dtype(_ name: String) throws(CheckpointError) -> DType {
    if let dtype = names.first(where: { $0.name == name })?.dtype { return dtype }
    if unsupported.contains(name) {
      throw CheckpointError(.unsupported, "elements of the type \(name) cannot be read")
    }
    throw CheckpointError(.corrupt, "the element type '\(Name.printable(Array(name.utf8.prefix(60))))' is unknown")
  }

  /// Nil where the format has none.
  static func name(of dtype: DType) -> String? { names.first { $0.dtype == dtype }?.name }

  /// Its place in the reference's order.
  static func rank(of dtype: DType) -> Int { names.firstIndex { $0.dtype == dtype } ?? -1 }
}
