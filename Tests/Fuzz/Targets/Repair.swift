import CheckpointCore

/// Checksums made right again in damaged files. What cannot be followed any more stays as it is.
enum Repair {
  /// Sums of all blocks of a TensorFlow table that its footer and its index still lead to. Layout: Formats/TensorFlow/Bundle/FORMAT.md.
  static func table(_ damaged: [UInt8]) -> [UInt8] {
    guard damaged.count > 48 else { return damaged }
    var bytes = damaged
    // What makes it a table at all.
    bytes.replaceSubrange(bytes.count - 8..<bytes.count, with: [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb])
    var footer = ByteCursor(bytes, bytes.count - 48..<bytes.count)
    guard let metaindex = handle(&footer), let index = handle(&footer) else { return bytes }
    for range in [metaindex, index] + blocks(listedIn: index, of: bytes) { sum(range, of: &bytes) }
    return bytes
  }

  private static func handle(_ cursor: inout ByteCursor) -> Range<Int>? {
    guard let offset = try? cursor.length(), let size = try? cursor.length() else { return nil }
    let (end, overflow) = offset.addingReportingOverflow(size)
    return overflow ? nil : offset..<end
  }

  /// Blocks that the entries of an index block, of one restart after the other, name.
  private static func blocks(listedIn index: Range<Int>, of bytes: [UInt8]) -> [Range<Int>] {
    guard index.upperBound <= bytes.count else { return [] }
    var cursor = ByteCursor(bytes, index)
    var found: [Range<Int>] = []
    while let _ = try? cursor.length(), let key = try? cursor.length(), let size = try? cursor.length(),
      let _ = try? cursor.skip(key), let value = try? cursor.skip(size)
    {
      var entry = ByteCursor(bytes, value)
      if let block = handle(&entry) { found.append(block) }
    }
    return found
  }

  private static func sum(_ block: Range<Int>, of bytes: inout [UInt8]) {
    guard block.upperBound <= bytes.count - 5 else { return }
    let sum = CRC32C(of: Array(bytes[block.lowerBound...block.upperBound])).masked
    for i in 0..<4 { bytes[block.upperBound + 1 + i] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * i)) }
  }

  /// Sums of the stored members of a zip archive, in their headers and in the directory.
  static func zip(_ damaged: [UInt8]) -> [UInt8] {
    var bytes = damaged
    for entry in bytes.indices.dropLast(46) where Array(bytes[entry..<entry + 4]) == [0x50, 0x4b, 1, 2] {
      func number(_ at: Int, _ width: Int) -> Int { (0..<width).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) } }
      let (method, size, header) = (number(entry + 10, 2), number(entry + 20, 4), number(entry + 42, 4))
      guard method == 0, header + 30 < bytes.count else { continue }
      let start = header + 30 + number(header + 26, 2) + number(header + 28, 2)
      guard start + size <= bytes.count else { continue }
      let sum = CRC32(of: Array(bytes[start..<start + size])).value
      for i in 0..<4 {
        bytes[entry + 16 + i] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * i))
        bytes[header + 14 + i] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * i))
      }
    }
    return bytes
  }
}
