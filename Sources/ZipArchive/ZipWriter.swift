package import CheckpointCore

/// The plan of an archive of stored members: where each one's data go, and the headers around them. Equal content gives equal
/// bytes: the time is always 1980-01-01.
///
/// Sizes are known beforehand, so that data can be written in any order and by several workers; sums come last.
package struct ZipWriter {
  private struct Member {
    let name: Name
    let size: Int
    let comment: [UInt8]
    let offset: Int
  }

  private var members: [Member] = []
  private var names: Set<Name> = []
  /// Where the next member, or the directory, begins.
  private var end = 0

  package init() {}

  /// - Parameter comment: of the directory entry; what programs that know nothing of it pass over.
  /// - Returns: where the member's data belong.
  /// - Throws: `unsupported` where a name or comment is longer than 65,535 bytes, or the name is there already.
  package mutating func add(_ name: Name, size: Int, comment: [UInt8] = []) throws(CheckpointError) -> Int {
    guard name.bytes.count <= ZipWriter.longestName, comment.count <= 0xffff else {
      throw CheckpointError(.unsupported, "a name in a zip archive has at most \(ZipWriter.longestName) bytes").at(
        variable: name)
    }
    guard names.insert(name).inserted else {
      throw CheckpointError(.unsupported, "the zip archive would have this member twice").at(variable: name)
    }
    let offset = end + ZipLocalHeader.encode(name, crc32: 0, size: size).count
    members.append(Member(name: name, size: size, comment: comment, offset: end))
    end = offset + size
    return offset
  }

  package static let longestName = 0xffff

  /// Bytes of the whole archive.
  package var byteCount: Int { end + directory([UInt32](repeating: 0, count: members.count)).bytes.count }

  /// The header that stands right before the data of a member.
  package func header(of member: Int, crc32: UInt32) -> (bytes: [UInt8], offset: Int) {
    let member = members[member]
    return (ZipLocalHeader.encode(member.name, crc32: crc32, size: member.size), member.offset)
  }

  /// The directory and what ends the archive.
  /// - Parameter sums: CRC-32 of every member, in order.
  package func directory(_ sums: [UInt32]) -> (bytes: [UInt8], offset: Int) {
    var bytes: [UInt8] = []
    for (member, sum) in zip(members, sums) {
      bytes += ZipEntry.encode(
        member.name, crc32: sum, size: member.size, localOffset: member.offset, comment: member.comment)
    }
    return (bytes + ZipDirectoryEnd.encode(entryCount: members.count, size: bytes.count, offset: end), end)
  }
}
