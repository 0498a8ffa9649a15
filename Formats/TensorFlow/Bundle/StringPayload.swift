import CheckpointCore

/// The bytes of a string tensor in a shard: all lengths as varint64, the masked CRC-32C of the lengths, then all characters.
/// Layout: FORMAT.md, "Strings".
enum StringPayload {
  /// Reads and checks the lengths. The sum over the characters is checked when they are read.
  /// - Parameter isBigEndian: whether the sum was taken on a big-endian machine.
  static func storage(
    of entry: BundleEntry, in file: InputFile, isBigEndian: Bool
  ) throws(CheckpointError) -> StringStorage {
    let count = entry.shape.elementCount
    guard count <= entry.size - 4 else {
      throw CheckpointError(.corrupt, "\(count) strings cannot be in \(entry.size) bytes")
    }
    // Ten bytes are the longest length; what is read is never more than the entry has.
    let longest = count.multipliedReportingOverflow(by: 10)
    let prefixLimit = min(entry.size, longest.overflow ? Int.max : longest.partialValue + 4)
    let prefix = try file.bytes(at: entry.offset, count: prefixLimit)
    var cursor = ByteCursor(prefix)
    var lengths: [Int] = []
    lengths.reserveCapacity(count)
    var sum = CRC32C()
    for _ in 0..<count {
      let length = try cursor.length()
      guard length <= entry.size else {
        throw CheckpointError(.corrupt, "a string of \(length) bytes lies outside its entry")
      }
      lengths.append(length)
      sum.updateLength(length, isBigEndian: isBigEndian)
    }
    let mark = try cursor.skip(4)
    var stored = ByteCursor(prefix, mark)
    var recorded = try stored.fixed32()
    if isBigEndian { recorded = recorded.byteSwapped }
    guard CRC32C(masked: recorded) == sum else {
      throw CheckpointError.checksum(recorded: CRC32C(masked: recorded).value, found: sum.value)
    }
    sum.update(prefix.rawSpan.extracting(mark))
    let characters = try FileStorage(
      file, offset: entry.offset + mark.upperBound, byteCount: entry.size - mark.upperBound, crc32c: entry.crc32c,
      preceding: sum)
    return try StringStorage(lengths: lengths, characters: characters)
  }

  static func size(of strings: StringStorage) -> Int {
    var size = 4 + strings.characters.byteCount
    for length in strings.lengths { size += varintSize(UInt64(length)) }
    return size
  }

  /// Writes lengths, their checksum and the characters.
  /// - Returns: the sum for the entry.
  static func write(
    _ strings: StringStorage, to file: OutputFile, at offset: Int
  ) throws(CheckpointError) -> UInt32 {
    var prefix: [UInt8] = []
    var sum = CRC32C()
    for length in strings.lengths {
      prefix.appendVarint(UInt64(length))
      sum.updateLength(length, isBigEndian: false)
    }
    let mark = prefix.count
    prefix.appendLittleEndian(UInt64(sum.masked), count: 4)
    sum.update(prefix.rawSpan.extracting(mark..<prefix.count))
    try file.write(prefix, at: offset)
    try strings.characters.verifyWhole()
    var buffer = ChunkBuffer()
    try buffer.forEachChunk(of: strings.characters, in: 0..<strings.characters.byteCount) {
      (chunk, position) throws(CheckpointError) in
      sum.update(chunk)
      try file.write(chunk, at: offset + prefix.count + position)
    }
    return sum.value
  }

  private static func varintSize(_ value: UInt64) -> Int { max(1, (64 - value.leadingZeroBitCount + 6) / 7) }
}

extension CRC32C {
  /// A length counts as four bytes where it fits, else as eight, in the byte order of the machine that wrote it.
  fileprivate mutating func updateLength(_ length: Int, isBigEndian: Bool) {
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(UInt64(length), count: length <= Int(UInt32.max) ? 4 : 8)
    if isBigEndian { bytes.reverse() }
    update(bytes.rawSpan)
  }
}
