import CheckpointCore
import HDF5Library
import ZipArchive

/// A `.keras` file: a zip archive with the weights and two descriptions, which are copied and never interpreted.
struct KerasArchive {
  let zip: ZipArchive

  init(_ file: InputFile) throws(CheckpointError) { zip = try ZipArchive(file: file) }

  /// Whether the description of the model has a layer that is Python code.
  func holdsCode() throws(CheckpointError) -> Bool {
    guard let member = zip.member(named: "config.json") else { return false }
    let text = try zip.contents(of: member, limit: 256 << 20)
    let mark = Array("\"Lambda\"".utf8)
    return text.indices.contains { text[$0] == mark[0] && text[$0...].starts(with: mark) }
  }

  /// The HDF5 file inside.
  /// - Parameter checked: whether the archive's own sum of it is compared, which reads it once.
  func weights(checked: Bool) throws(CheckpointError) -> HDF5File {
    guard let member = zip.member(named: KerasV3Reader.weightsMember) else {
      throw CheckpointError(.corrupt, "has no member \(KerasV3Reader.weightsMember)").at(file: zip.file.path)
    }
    let storage = try zip.storage(of: member)
    switch member.method {
    case .stored:
      if checked { try locating(file: zip.file.path) { () throws(CheckpointError) in try storage.verifyWhole() } }
      return try HDF5File(zip.file, from: member.dataOffset, size: member.size)
    case .deflated:
      return try HDF5File(try TemporaryCopy.file(of: storage, for: zip.file.path), from: 0)
    }
  }
}
