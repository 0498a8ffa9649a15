import CheckpointCore

/// The header in front of a member's data, checked against the member's directory entry. APPNOTE.TXT §4.3.7.
struct ZipLocalHeader {
  static let signature: [UInt8] = [0x50, 0x4b, 3, 4]
  static let fixedSize = 30
  /// The most that deflate can make of one byte.
  static let largestRatio = 1032

  let method: ZipMember.Method
  let dataOffset: Int
  /// From the header to the end of the data, or of the descriptor behind them.
  let extent: Range<Int>

  /// - Parameter limit: where the directory begins.
  init(of entry: ZipEntry, in file: InputFile, before limit: Int) throws(CheckpointError) {
    guard entry.flags.isDisjoint(with: [.encrypted, .strongEncryption, .maskedHeaders]) else {
      throw CheckpointError(.unsupported, "the member of the zip archive is encrypted")
    }
    guard let method = ZipMember.Method(rawValue: entry.method), !entry.flags.contains(.patch) else {
      throw CheckpointError(
        .unsupported, "the member is compressed by the method \(entry.method); only stored and deflated ones are read",
        remedy: "pack the archive again with another program")
    }
    try ZipLocalHeader.requirePlausible(entry, method)
    let start = entry.localOffset
    guard start <= limit - ZipLocalHeader.fixedSize else {
      throw CheckpointError(.corrupt, "the member begins at byte \(start), outside the archive")
    }
    var cursor = ByteCursor(try file.bytes(at: start, count: ZipLocalHeader.fixedSize))
    guard cursor.bytes[try cursor.skip(4)].elementsEqual(ZipLocalHeader.signature) else {
      throw CheckpointError(.corrupt, "there is no header of a member where the zip directory says").at(offset: start)
    }
    try cursor.skip(2)
    let flags = ZipFlags(rawValue: try cursor.fixed16())
    let localMethod = try cursor.fixed16()
    try cursor.skip(4)
    let crc32 = try cursor.fixed32()
    let sizes = (try cursor.fixed32(), try cursor.fixed32())
    let lengths = (Int(try cursor.fixed16()), Int(try cursor.fixed16()))
    dataOffset = start + ZipLocalHeader.fixedSize + lengths.0 + lengths.1
    let (dataEnd, overflow) = dataOffset.addingReportingOverflow(entry.compressedSize)
    guard !overflow, dataEnd <= limit else {
      throw CheckpointError(
        .corrupt, "the member's \(entry.compressedSize) bytes do not fit the archive, whose members end at \(limit)"
      ).at(offset: start)
    }
    let names = try file.bytes(at: start + ZipLocalHeader.fixedSize, count: lengths.0 + lengths.1)
    guard names[..<lengths.0].elementsEqual(entry.name.bytes) else {
      throw CheckpointError(
        .corrupt, "the member's own header calls it '\(Name.printable(Array(names[..<lengths.0])))'"
      ).at(offset: start)
    }
    var zip64 = try Zip64Field(in: ByteCursor(names, lengths.0..<names.count))
    let size = try zip64.value(of: sizes.1)
    let compressedSize = try zip64.value(of: sizes.0)
    let hasDescriptor = entry.flags.contains(.dataDescriptor)
    // With a descriptor behind the data, the header may leave sum and sizes at zero.
    let isSame =
      (crc32 == entry.crc32 || hasDescriptor && crc32 == 0)
      && (size == entry.size || hasDescriptor && size == 0)
      && (compressedSize == entry.compressedSize || hasDescriptor && compressedSize == 0)
    guard isSame, localMethod == entry.method, flags.contains(.dataDescriptor) == hasDescriptor,
      flags.contains(.encrypted) == entry.flags.contains(.encrypted)
    else {
      throw CheckpointError(.corrupt, "the member's own header and the zip directory contradict each other").at(
        offset: start)
    }
    let end =
      hasDescriptor ? dataEnd + (try ZipLocalHeader.descriptorSize(of: entry, in: file, dataEnd..<limit)) : dataEnd
    self.method = method
    extent = start..<end
  }

  private static func requirePlausible(_ entry: ZipEntry, _ method: ZipMember.Method) throws(CheckpointError) {
    switch method {
    case .stored:
      guard entry.size == entry.compressedSize else {
        throw CheckpointError(
          .corrupt, "the member is stored as it is, but in \(entry.compressedSize) bytes where it has \(entry.size)")
      }
    case .deflated:
      let (most, overflow) = entry.compressedSize.multipliedReportingOverflow(by: largestRatio)
      guard overflow || entry.size <= most else {
        throw CheckpointError(
          .corrupt, "the member claims \(entry.size) bytes; the \(entry.compressedSize) stored cannot become so many")
      }
    }
  }

  /// Bytes of the descriptor that begins a range of the file: sum and sizes once more, in 32 or 64 bits, with or without a
  /// signature in front. APPNOTE.TXT §4.3.9.
  private static func descriptorSize(
    of entry: ZipEntry, in file: InputFile, _ range: Range<Int>
  ) throws(CheckpointError) -> Int {
    let found = try file.bytes(at: range.lowerBound, count: min(24, range.count))
    for width in [4, 8] where width == 8 || max(entry.size, entry.compressedSize) <= 0xffff_ffff {
      var wanted: [UInt8] = []
      wanted.appendLittleEndian(UInt64(entry.crc32), count: 4)
      wanted.appendLittleEndian(UInt64(entry.compressedSize), count: width)
      wanted.appendLittleEndian(UInt64(entry.size), count: width)
      for form in [[0x50, 0x4b, 7, 8] + wanted, wanted] where found.starts(with: form) { return form.count }
    }
    throw CheckpointError(.corrupt, "the record behind the member's data and the zip directory contradict each other")
      .at(offset: range.lowerBound)
  }

  /// The header of a stored member.
  static func encode(_ name: Name, crc32: UInt32, size: Int) -> [UInt8] {
    var bytes = signature
    let isLarge = size >= 0xffff_ffff
    bytes.appendLittleEndian(isLarge ? 45 : 20, count: 2)
    appendCommon(name, crc32: crc32, size: size, to: &bytes)
    bytes.appendLittleEndian(UInt64(name.bytes.count), count: 2)
    bytes.appendLittleEndian(isLarge ? 20 : 0, count: 2)
    bytes += name.bytes
    if isLarge {
      var sizes: [UInt8] = []
      for _ in 0..<2 { sizes.appendLittleEndian(UInt64(size), count: 8) }
      Zip64Field.append(sizes, to: &bytes)
    }
    return bytes
  }

  /// What a local header and a directory entry have in common: flags, method, time, sum and sizes.
  static func appendCommon(_ name: Name, crc32: UInt32, size: Int, to bytes: inout [UInt8]) {
    let isText = name.text != nil && !name.bytes.allSatisfy { $0 < 0x80 }
    bytes.appendLittleEndian(UInt64(isText ? ZipFlags.utf8.rawValue : 0), count: 2)
    bytes.appendLittleEndian(UInt64(ZipMember.Method.stored.rawValue), count: 2)
    bytes.appendLittleEndian(0, count: 2)
    bytes.appendLittleEndian(UInt64(ZipEntry.firstDate), count: 2)
    bytes.appendLittleEndian(UInt64(crc32), count: 4)
    for _ in 0..<2 { bytes.appendLittleEndian(UInt64(min(size, 0xffff_ffff)), count: 4) }
  }
}
