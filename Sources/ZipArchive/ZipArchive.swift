package import CheckpointCore
import Synchronization

/// A zip archive opened for reading: its directory, checked against every local header and the real size of the file. Member
/// names are data and never become paths.
///
/// Refused: members that are there twice, overlap or lie outside the file; directories and local headers that contradict each
/// other; encryption; methods other than stored and deflated; archives in several parts; more than one possible end of the
/// directory; anything before the first member or behind the last record that would shift offsets.
package final class ZipArchive: Sendable {
  package let file: InputFile
  /// In the order of the directory.
  package let members: [ZipMember]
  /// Bytes in front of the directory that belong to no member.
  package let unclaimed: Int
  /// Members that are not whole, where damage was not to stop the reader.
  package let lost: [CheckpointError]

  private let positions: [Name: Int]
  let streams = InflateStreams()
  private let verified = Mutex<Set<Int>>([])

  package convenience init(_ path: String) throws(CheckpointError) { try self.init(file: try InputFile(path)) }

  package init(file: InputFile) throws(CheckpointError) {
    self.file = file
    var members: [ZipMember] = []
    var positions: [Name: Int] = [:]
    var extents: [Range<Int>] = []
    let end: ZipDirectoryEnd
    do throws(CheckpointError) {
      end = try ZipDirectoryEnd(of: file)
      // A directory entry has at least 46 bytes, so that the count cannot ask for more than the file justifies.
      guard end.entryCount <= end.directory.count / ZipEntry.fixedSize else {
        throw CheckpointError(
          .corrupt, "the zip directory has \(end.directory.count) bytes, too few for its \(end.entryCount) members")
      }
      var cursor = ByteCursor(try file.bytes(at: end.directory.lowerBound, count: end.directory.count))
      for _ in 0..<end.entryCount {
        let entry = try ZipEntry(&cursor)
        let member = try locating(variable: entry.name) { () throws(CheckpointError) in
          let local = try ZipLocalHeader(of: entry, in: file, before: end.directory.lowerBound)
          guard positions.updateValue(members.count, forKey: entry.name) == nil else {
            throw CheckpointError(.corrupt, "the zip archive has this member twice")
          }
          extents.append(local.extent)
          return ZipMember(entry, index: members.count, method: local.method, dataOffset: local.dataOffset)
        }
        members.append(member)
      }
      guard cursor.isAtEnd else {
        throw CheckpointError(
          .corrupt, "the zip directory has \(cursor.remaining) bytes more than its \(end.entryCount) members take")
      }
      unclaimed = try ZipArchive.unclaimed(extents, members, before: end.directory.lowerBound)
    } catch {
      throw error.at(file: file.path)
    }
    self.members = members
    self.positions = positions
    lost = []
  }

  /// Opens an archive whose end is missing: its members are those whose own headers and data are there, one after the other
  /// from its beginning. One that is sound is opened as always.
  package init(salvaging file: InputFile) throws(CheckpointError) {
    self.file = file
    do throws(CheckpointError) {
      let whole = try ZipArchive(file: file)
      (members, positions, unclaimed, lost) = (whole.members, whole.positions, whole.unclaimed, [])
    } catch {
      let found = try ZipSalvage(of: file)
      guard !found.members.isEmpty else { throw error }
      var positions: [Name: Int] = [:]
      for member in found.members { positions[member.name] = member.index }
      (members, self.positions, unclaimed, lost) = (found.members, positions, 0, found.lost)
    }
  }

  package func member(named name: Name) -> ZipMember? { positions[name].map { members[$0] } }

  /// - Throws: `corrupt` where two members share bytes.
  private static func unclaimed(
    _ extents: [Range<Int>], _ members: [ZipMember], before directory: Int
  ) throws(CheckpointError) -> Int {
    var covered = 0
    var unclaimed = 0
    for i in extents.indices.sorted(by: { extents[$0].lowerBound < extents[$1].lowerBound }) {
      guard extents[i].lowerBound >= covered else {
        throw CheckpointError(.corrupt, "its bytes overlap those of another member of the zip archive").at(
          offset: extents[i].lowerBound, variable: members[i].name)
      }
      unclaimed += extents[i].lowerBound - covered
      covered = extents[i].upperBound
    }
    return unclaimed + directory - covered
  }

  /// Runs `check` once for a member, whoever asks first; others wait for nothing and check themselves.
  func onlyOnce(_ member: ZipMember, _ check: () throws(CheckpointError) -> Void) throws(CheckpointError) {
    if verified.withLock({ $0.contains(member.index) }) { return }
    try check()
    _ = verified.withLock { $0.insert(member.index) }
  }
}

/// One member of an archive, as its directory entry and its local header agree on it.
package struct ZipMember: Sendable {
  package enum Method: UInt16, Sendable {
    case stored = 0
    case deflated = 8
  }

  /// Bytes as the archive has them, whatever its flag says of their encoding.
  package let name: Name
  package let method: Method
  package let compressedSize: Int
  package let size: Int
  package let crc32: UInt32
  /// The comment of its directory entry.
  package let comment: [UInt8]
  /// Where its stored or deflated bytes begin in the file.
  package let dataOffset: Int
  let index: Int

  init(_ entry: ZipEntry, index: Int, method: Method, dataOffset: Int) {
    name = entry.name
    self.method = method
    compressedSize = entry.compressedSize
    size = entry.size
    crc32 = entry.crc32
    comment = entry.comment
    self.dataOffset = dataOffset
    self.index = index
  }
}
