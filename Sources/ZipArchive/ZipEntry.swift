import CheckpointCore

/// What the directory says of one member. APPNOTE.TXT §4.3.12.
struct ZipEntry {
  static let signature: [UInt8] = [0x50, 0x4b, 1, 2]
  static let fixedSize = 46
  /// Unix, specification 4.5.
  static let madeBy = 3 << 8 | 45
  /// 1980-01-01 00:00:00, the first moment that zip can name: archives of equal content are equal bytes.
  static let firstDate: UInt16 = 1 << 5 | 1

  let name: Name
  let flags: ZipFlags
  let method: UInt16
  let crc32: UInt32
  let compressedSize: Int
  let size: Int
  let localOffset: Int
  let comment: [UInt8]

  init(_ cursor: inout ByteCursor) throws(CheckpointError) {
    let start = cursor.position
    guard cursor.bytes[try cursor.skip(4)].elementsEqual(ZipEntry.signature) else {
      throw CheckpointError(.corrupt, "the zip directory has something else where the entry of a member should be")
    }
    try cursor.skip(4)
    flags = ZipFlags(rawValue: try cursor.fixed16())
    method = try cursor.fixed16()
    try cursor.skip(4)
    crc32 = try cursor.fixed32()
    let sizes = (try cursor.fixed32(), try cursor.fixed32())
    let lengths = (Int(try cursor.fixed16()), Int(try cursor.fixed16()), Int(try cursor.fixed16()))
    let disk = try cursor.fixed16()
    try cursor.skip(6)
    let offset = try cursor.fixed32()
    name = Name(bytes: cursor.bytes[try cursor.skip(lengths.0)])
    let extra = try cursor.skip(lengths.1)
    comment = Array(cursor.bytes[try cursor.skip(lengths.2)])
    do throws(CheckpointError) {
      guard cursor.position > start else { throw CheckpointError(.corrupt, "the zip directory is cut short") }
      var zip64 = try Zip64Field(in: ByteCursor(cursor.bytes, extra))
      size = try zip64.value(of: sizes.1)
      compressedSize = try zip64.value(of: sizes.0)
      localOffset = try zip64.value(of: offset)
      guard disk == 0 || disk == 0xffff else {
        throw CheckpointError(.unsupported, "the zip archive is in several parts")
      }
    } catch {
      throw error.at(variable: name)
    }
  }

  /// What a directory would say of a member whose own header is at hand.
  init(name: Name, flags: ZipFlags, method: UInt16, crc32: UInt32, compressedSize: Int, size: Int, localOffset: Int) {
    (self.name, self.flags, self.method, self.crc32) = (name, flags, method, crc32)
    (self.compressedSize, self.size, self.localOffset, comment) = (compressedSize, size, localOffset, [])
  }

  /// The entry of a stored member.
  static func encode(
    _ name: Name, crc32: UInt32, size: Int, localOffset: Int, comment: [UInt8]
  ) -> [UInt8] {
    var zip64: [UInt8] = []
    if size >= 0xffff_ffff {
      for _ in 0..<2 { zip64.appendLittleEndian(UInt64(size), count: 8) }
    }
    if localOffset >= 0xffff_ffff { zip64.appendLittleEndian(UInt64(localOffset), count: 8) }
    var bytes = signature
    bytes.appendLittleEndian(UInt64(madeBy), count: 2)
    bytes.appendLittleEndian(zip64.isEmpty ? 20 : 45, count: 2)
    ZipLocalHeader.appendCommon(name, crc32: crc32, size: size, to: &bytes)
    bytes.appendLittleEndian(UInt64(name.bytes.count), count: 2)
    bytes.appendLittleEndian(zip64.isEmpty ? 0 : UInt64(4 + zip64.count), count: 2)
    bytes.appendLittleEndian(UInt64(comment.count), count: 2)
    bytes.appendLittleEndian(0, count: 4)
    // A regular file that everybody may read.
    bytes.appendLittleEndian(0o100644 << 16, count: 4)
    bytes.appendLittleEndian(UInt64(min(localOffset, 0xffff_ffff)), count: 4)
    bytes += name.bytes
    if !zip64.isEmpty { Zip64Field.append(zip64, to: &bytes) }
    return bytes + comment
  }
}

/// The general purpose flags of a member. APPNOTE.TXT §4.4.4.
struct ZipFlags: OptionSet {
  let rawValue: UInt16

  static let encrypted = ZipFlags(rawValue: 1)
  /// Sum and sizes stand behind the data.
  static let dataDescriptor = ZipFlags(rawValue: 1 << 3)
  static let patch = ZipFlags(rawValue: 1 << 5)
  static let strongEncryption = ZipFlags(rawValue: 1 << 6)
  static let utf8 = ZipFlags(rawValue: 1 << 11)
  static let maskedHeaders = ZipFlags(rawValue: 1 << 13)
}

/// The extra field that holds what does not fit 32 bits, in the order of the fields that it replaces. APPNOTE.TXT §4.5.3.
struct Zip64Field {
  private static let identifier: UInt16 = 1
  private var cursor: ByteCursor?

  init(in extra: ByteCursor) throws(CheckpointError) {
    var extra = extra
    // Some writers fill up with zeros, fewer than a field's own header.
    while extra.remaining >= 4 {
      let identifier = try extra.fixed16()
      let content = try extra.skip(Int(try extra.fixed16()))
      guard identifier == Zip64Field.identifier else { continue }
      guard cursor == nil else { throw CheckpointError(.corrupt, "the zip archive gives its sizes twice") }
      cursor = ByteCursor(extra.bytes, content)
    }
  }

  /// A field's own value, or the next of the extra field where it is at its limit.
  mutating func value(of field: UInt32) throws(CheckpointError) -> Int {
    guard field == 0xffff_ffff, cursor != nil, let wide = try cursor?.fixed64() else { return Int(field) }
    guard let value = Int(exactly: wide) else {
      throw CheckpointError(.corrupt, "\(wide) bytes are not plausible in a zip archive")
    }
    return value
  }

  static func append(_ content: [UInt8], to bytes: inout [UInt8]) {
    bytes.appendLittleEndian(UInt64(identifier), count: 2)
    bytes.appendLittleEndian(UInt64(content.count), count: 2)
    bytes += content
  }
}
