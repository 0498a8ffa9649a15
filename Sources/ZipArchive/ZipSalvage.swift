import CheckpointCore

/// The members of an archive without a directory, by the headers in front of them. A header that leaves the sizes to a record
/// behind the data ends the search, because where the next one begins is not known then.
struct ZipSalvage {
  private(set) var members: [ZipMember] = []
  private(set) var lost: [CheckpointError] = []

  init(of file: InputFile) throws(CheckpointError) {
    var offset = 0
    var names: Set<Name> = []
    while let entry = try ZipSalvage.entry(at: offset, of: file) {
      let end = entry.dataOffset.addingReportingOverflow(entry.entry.compressedSize)
      do throws(CheckpointError) {
        guard !end.overflow, end.partialValue <= file.size else {
          throw CheckpointError.cutShort(file, needed: end.overflow ? .max : end.partialValue)
        }
        // Checks method, encryption and sizes as for any other member.
        let local = try ZipLocalHeader(of: entry.entry, in: file, before: file.size)
        guard names.insert(entry.entry.name).inserted else {
          throw CheckpointError(.corrupt, "the zip archive has this member twice")
        }
        members.append(
          ZipMember(entry.entry, index: members.count, method: local.method, dataOffset: local.dataOffset))
      } catch {
        lost.append(error.at(file: file.path, variable: entry.entry.name))
      }
      guard !end.overflow, !entry.entry.flags.contains(.dataDescriptor), end.partialValue < file.size else { break }
      offset = end.partialValue
    }
    lost.append(
      CheckpointError(
        .corrupt, "is cut short: the directory at the end of the archive is missing, and so may be more members",
        remedy: "fetch or copy the file again; --salvage keeps what is there"
      ).at(file: file.path).because(.truncated))
  }

  /// What a directory would say of the member whose header is at an offset; nil where there is none.
  private static func entry(
    at offset: Int, of file: InputFile
  ) throws(CheckpointError) -> (entry: ZipEntry, dataOffset: Int)? {
    guard offset <= file.size - ZipLocalHeader.fixedSize else { return nil }
    var cursor = ByteCursor(try file.bytes(at: offset, count: ZipLocalHeader.fixedSize))
    guard cursor.bytes[try cursor.skip(4)].elementsEqual(ZipLocalHeader.signature) else { return nil }
    try cursor.skip(2)
    let flags = ZipFlags(rawValue: try cursor.fixed16())
    let method = try cursor.fixed16()
    try cursor.skip(4)
    let crc32 = try cursor.fixed32()
    let sizes = (try cursor.fixed32(), try cursor.fixed32())
    let lengths = (Int(try cursor.fixed16()), Int(try cursor.fixed16()))
    let start = offset + ZipLocalHeader.fixedSize
    guard lengths.0 + lengths.1 <= file.size - start else { return nil }
    let names = try file.bytes(at: start, count: lengths.0 + lengths.1)
    var zip64 = try Zip64Field(in: ByteCursor(names, lengths.0..<names.count))
    let size = try zip64.value(of: sizes.1)
    let compressedSize = try zip64.value(of: sizes.0)
    let entry = ZipEntry(
      name: Name(bytes: names[..<lengths.0]), flags: flags, method: method, crc32: crc32,
      compressedSize: compressedSize, size: size, localOffset: offset)
    return (entry, start + names.count)
  }
}
