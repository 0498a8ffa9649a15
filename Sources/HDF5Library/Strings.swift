import CheckpointCore

/// Strings that all take the same width in a file.
enum FixedStrings {
  /// The strings without their padding, as h5py gives them back.
  static func cut(_ bytes: [UInt8], width: Int, padding: HDF5Type.Padding) throws(CheckpointError) -> [[UInt8]] {
    guard width > 0, bytes.count % width == 0 else {
      throw CheckpointError(.corrupt, "\(bytes.count) bytes are no strings of \(width)")
    }
    return stride(from: 0, to: bytes.count, by: width).map { start in
      let field = bytes[start..<start + width]
      switch padding {
      case .nullTerminated: return Array(field.prefix { $0 != 0 })
      case .nullPadded: return Array(field.dropLast(while: { $0 == 0 }))
      case .spacePadded: return Array(field.dropLast(while: { $0 == 0x20 }))
      }
    }
  }
}

/// Strings of different lengths, as the worker sends them: all lengths, then all bytes.
enum VariableStrings {
  static func decode(_ fields: inout ByteCursor, count: Int) throws(CheckpointError) -> [[UInt8]] {
    guard count >= 0, count <= fields.remaining / 8 else { throw HDF5Worker.nonsense() }
    var lengths: [Int] = []
    lengths.reserveCapacity(count)
    for _ in 0..<count { lengths.append(Int(clamping: try fields.fixed64())) }
    var strings: [[UInt8]] = []
    strings.reserveCapacity(count)
    for length in lengths { strings.append(Array(fields.bytes[try fields.skip(length)])) }
    return strings
  }
}

extension ArraySlice where Element == UInt8 {
  func dropLast(while isPadding: (UInt8) -> Bool) -> ArraySlice<UInt8> {
    var end = endIndex
    while end > startIndex, isPadding(self[end - 1]) { end -= 1 }
    return self[startIndex..<end]
  }
}
