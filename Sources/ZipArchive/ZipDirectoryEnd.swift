import CheckpointCore

/// The records at the end of an archive that say where its directory lies: the end of central directory record, and for large
/// archives the zip64 record and its locator. APPNOTE.TXT §4.3.14-16.
///
/// ```
/// directory  [zip64 end  zip64 locator]  end  comment
/// ```
struct ZipDirectoryEnd {
  static let signature: [UInt8] = [0x50, 0x4b, 5, 6]
  static let zip64Signature: [UInt8] = [0x50, 0x4b, 6, 6]
  static let locatorSignature: [UInt8] = [0x50, 0x4b, 6, 7]
  static let fixedSize = 22
  static let zip64Size = 56
  static let locatorSize = 20

  let entryCount: Int
  /// In the file; it ends where these records begin.
  let directory: Range<Int>

  init(of file: InputFile) throws(CheckpointError) {
    let tailSize = min(file.size, ZipDirectoryEnd.fixedSize + 0xffff)
    let tail = try file.bytes(at: file.size - tailSize, count: tailSize)
    let position = try ZipDirectoryEnd.find(in: tail)
    let start = file.size - tailSize + position
    var cursor = ByteCursor(tail, position + 4..<tail.count)
    let disks = (try cursor.fixed16(), try cursor.fixed16())
    let counts = (try cursor.fixed16(), try cursor.fixed16())
    var fields = Fields(
      disks: (UInt64(disks.0), UInt64(disks.1)), counts: (UInt64(counts.0), UInt64(counts.1)),
      size: UInt64(try cursor.fixed32()), offset: UInt64(try cursor.fixed32()))
    var end = start
    if let (zip64, zip64Start) = try ZipDirectoryEnd.zip64(in: file, before: start) {
      guard fields.agrees(with: zip64) else {
        throw CheckpointError(.corrupt, "the two ends of the zip directory contradict each other").at(offset: start)
      }
      (fields, end) = (zip64, zip64Start)
    }
    guard fields.disks == (0, 0), fields.counts.0 == fields.counts.1 else {
      throw CheckpointError(.unsupported, "the zip archive is in several parts").at(offset: start)
    }
    guard let size = Int(exactly: fields.size), let offset = Int(exactly: fields.offset),
      let count = Int(exactly: fields.counts.1)
    else { throw CheckpointError(.corrupt, "the size of the zip directory is not plausible").at(offset: start) }
    let (sum, overflow) = offset.addingReportingOverflow(size)
    guard !overflow, sum == end else {
      throw CheckpointError(
        .corrupt, "the zip directory, bytes \(offset)+\(size), does not end at byte \(end) where it should",
        remedy: "the file is cut short, or something stands before the archive"
      ).at(offset: start)
    }
    entryCount = count
    directory = offset..<end
  }

  /// Where the last record begins: its comment must end with the file, and no other place may look the same.
  private static func find(in tail: [UInt8]) throws(CheckpointError) -> Int {
    var found: Int?
    var position = tail.count - fixedSize
    while position >= 0 {
      if tail[position] == 0x50, tail[position..<position + 4].elementsEqual(signature) {
        let comment = Int(tail[position + 20]) | Int(tail[position + 21]) << 8
        if position + fixedSize + comment == tail.count {
          guard found == nil else {
            throw CheckpointError(.corrupt, "the zip archive has two ends of its directory: its comment holds another")
          }
          found = position
        }
      }
      position -= 1
    }
    guard let found else {
      throw CheckpointError(
        .corrupt, "is no zip archive, or is cut short: the end of its directory is missing",
        remedy: "fetch or copy the file again")
    }
    return found
  }

  /// The zip64 record, where its locator stands right before the end record.
  private static func zip64(
    in file: InputFile, before end: Int
  ) throws(CheckpointError) -> (Fields, start: Int)? {
    guard end >= locatorSize else { return nil }
    let locatorStart = end - locatorSize
    let locator = try file.bytes(at: locatorStart, count: locatorSize)
    guard locator.starts(with: locatorSignature) else { return nil }
    var cursor = ByteCursor(locator, 4..<locator.count)
    let disk = try cursor.fixed32()
    let offset = try cursor.fixed64()
    let disks = try cursor.fixed32()
    guard disk == 0, disks <= 1 else {
      throw CheckpointError(.unsupported, "the zip archive is in several parts").at(offset: locatorStart)
    }
    guard let start = Int(exactly: offset), start <= locatorStart - zip64Size else {
      throw CheckpointError(.corrupt, "the zip64 record lies outside the file").at(offset: locatorStart)
    }
    let record = try file.bytes(at: start, count: zip64Size)
    guard record.starts(with: zip64Signature) else {
      throw CheckpointError(.corrupt, "there is no zip64 record where its locator says").at(offset: start)
    }
    cursor = ByteCursor(record, 4..<record.count)
    guard try cursor.fixed64() == UInt64(locatorStart - start - 12) else {
      throw CheckpointError(.corrupt, "the zip64 record does not end at its locator").at(offset: start)
    }
    try cursor.skip(4)
    let fields = Fields(
      disks: (UInt64(try cursor.fixed32()), UInt64(try cursor.fixed32())),
      counts: (try cursor.fixed64(), try cursor.fixed64()), size: try cursor.fixed64(), offset: try cursor.fixed64())
    return (fields, start)
  }

  private struct Fields {
    let disks: (UInt64, UInt64)
    let counts: (UInt64, UInt64)
    let size: UInt64
    let offset: UInt64

    /// Whether every field that is not at its limit is the same in the zip64 record.
    func agrees(with zip64: Fields) -> Bool {
      func same(_ a: UInt64, _ b: UInt64, _ limit: UInt64) -> Bool { a == limit || a == b }
      return same(disks.0, zip64.disks.0, 0xffff) && same(disks.1, zip64.disks.1, 0xffff)
        && same(counts.0, zip64.counts.0, 0xffff) && same(counts.1, zip64.counts.1, 0xffff)
        && same(size, zip64.size, 0xffff_ffff) && same(offset, zip64.offset, 0xffff_ffff)
    }
  }

  /// The records for a directory that was written at `offset`; zip64 only where a field needs it.
  static func encode(entryCount: Int, size: Int, offset: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    if entryCount >= 0xffff || size >= 0xffff_ffff || offset >= 0xffff_ffff {
      bytes += zip64Signature
      bytes.appendLittleEndian(UInt64(zip64Size - 12), count: 8)
      for version in [ZipEntry.madeBy, 45] { bytes.appendLittleEndian(UInt64(version), count: 2) }
      bytes.appendLittleEndian(0, count: 8)
      for value in [entryCount, entryCount, size, offset] { bytes.appendLittleEndian(UInt64(value), count: 8) }
      bytes += locatorSignature
      bytes.appendLittleEndian(0, count: 4)
      bytes.appendLittleEndian(UInt64(offset + size), count: 8)
      bytes.appendLittleEndian(1, count: 4)
    }
    bytes += signature
    bytes.appendLittleEndian(0, count: 4)
    for _ in 0..<2 { bytes.appendLittleEndian(UInt64(min(entryCount, 0xffff)), count: 2) }
    bytes.appendLittleEndian(UInt64(min(size, 0xffff_ffff)), count: 4)
    bytes.appendLittleEndian(UInt64(min(offset, 0xffff_ffff)), count: 4)
    bytes.appendLittleEndian(0, count: 2)
    return bytes
  }
}

extension ByteCursor {
  mutating func fixed16() throws(CheckpointError) -> UInt16 { UInt16(try byte()) | UInt16(try byte()) << 8 }
}
