import CheckpointCore
import TestKit

/// A zip archive made by hand, field by field, so that tests can say which one they change.
struct ZipBytes {
  struct Member {
    var name = Array("a.npy".utf8)
    var flags = 0
    var method = 0
    /// As it stands in the file.
    var stored: [UInt8] = [1, 2, 3]
    var crc32 = 0
    var size = 0
    var comment: [UInt8] = []
    var localExtra: [UInt8] = []
    var directoryExtra: [UInt8] = []
    /// What stands behind the data.
    var descriptor: [UInt8] = []
    /// What the local header has instead of the directory's values.
    var localName: [UInt8]?
    var localSizes: (crc32: Int, compressed: Int, size: Int)?
    var directorySizes: (compressed: Int, size: Int)?
    var directoryOffset: Int?

    init(_ name: String, _ content: [UInt8]) {
      self.name = Array(name.utf8)
      stored = content
      crc32 = Int(CRC32(of: content).value)
      size = content.count
    }
  }

  var members: [Member]
  var gap: [UInt8] = []
  var comment: [UInt8] = []
  var entryCount: Int?
  var zip64 = false

  var bytes: [UInt8] {
    var out: [UInt8] = []
    var directory: [UInt8] = []
    for m in members {
      let offset = out.count
      let local = m.localSizes ?? (m.crc32, m.stored.count, m.size)
      let name = m.localName ?? m.name
      out += hex("504b0304 1400") + le(m.flags, 2) + le(m.method, 2) + hex("0000 2100") + le(local.crc32, 4)
      out += le(local.compressed, 4) + le(local.size, 4) + le(name.count, 2) + le(m.localExtra.count, 2)
      out += name + m.localExtra + m.stored + m.descriptor
      let sizes = m.directorySizes ?? (m.stored.count, m.size)
      directory += hex("504b0102 2d03 1400") + le(m.flags, 2) + le(m.method, 2) + hex("0000 2100") + le(m.crc32, 4)
      directory += le(sizes.compressed, 4) + le(sizes.size, 4) + le(m.name.count, 2) + le(m.directoryExtra.count, 2)
      directory += le(m.comment.count, 2) + hex("0000 0000 00000000") + le(m.directoryOffset ?? offset, 4)
      directory += m.name + m.directoryExtra + m.comment
    }
    out += gap
    let offset = out.count
    out += directory
    let count = entryCount ?? members.count
    if zip64 {
      out += hex("504b0606 2c00000000000000 2d03 2d00 00000000 00000000") + le(count, 8) + le(count, 8)
      out += le(directory.count, 8) + le(offset, 8)
      out += hex("504b0607 00000000") + le(offset + directory.count, 8) + hex("01000000")
      return out + hex("504b0506 0000 0000 ffff ffff ffffffff ffffffff") + le(comment.count, 2) + comment
    }
    out += hex("504b0506 0000 0000") + le(count, 2) + le(count, 2) + le(directory.count, 4) + le(offset, 4)
    return out + le(comment.count, 2) + comment
  }
}

func le(_ value: Int, _ count: Int) -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.appendLittleEndian(UInt64(value), count: count)
  return bytes
}
