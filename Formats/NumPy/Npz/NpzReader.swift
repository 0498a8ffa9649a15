package import CheckpointCore
import ZipArchive

/// Reads a zip archive of `.npy` members, each of them a variable. Format: Npz/FORMAT.md.
package struct NpzReader: CheckpointReader {
  package init() {}

  package func open(_ path: String, options: ReadOptions) throws(CheckpointError) -> VariableStore {
    let archive = try options.salvage ? ZipArchive(salvaging: InputFile(path)) : ZipArchive(path)
    var store = VariableStore(source: .init(format: "npz", path: path, files: [archive.file]))
    if archive.unclaimed > 0 {
      store.source.warnings.append("\(archive.unclaimed) bytes of the archive belong to no member")
    }
    for member in archive.members {
      do throws(CheckpointError) {
        let warnings = try NpzReader.add(member, of: archive, to: &store)
        store.source.warnings += warnings.map { "'\(member.name)': \($0)" }
      } catch {
        let failure = error.at(file: path, variable: member.name)
        guard options.salvage, error.code != .io else { throw failure }
        store.source.lost.append(failure)
      }
    }
    store.source.lost += archive.lost
    store.inferRoles()
    return store
  }

  /// - Returns: what is odd about the member.
  private static func add(
    _ member: ZipMember, of archive: ZipArchive, to store: inout VariableStore
  ) throws(CheckpointError) -> [String] {
    guard let name = try variable(of: member, in: archive) else {
      return isFolder(member) ? [] : ["is no array and is left out"]
    }
    let (tensor, warnings) = try tensor(of: member, in: archive)
    try store.append(Variable(name: name, tensor: tensor, role: .weight))
    return warnings
  }

  /// The member's name without `.npy`. Like numpy, takes a member of another name where it begins as an array does.
  private static func variable(of member: ZipMember, in archive: ZipArchive) throws(CheckpointError) -> Name? {
    if member.name.hasSuffix(NpzName.suffix) {
      return Name(bytes: member.name.bytes.dropLast(NpzName.suffix.utf8.count))
    }
    guard member.size >= NpyHeader.magic.count else { return nil }
    let start = try archive.storage(of: member).bytes(at: 0, count: NpyHeader.magic.count)
    return start == NpyHeader.magic ? member.name : nil
  }

  private static func isFolder(_ member: ZipMember) -> Bool { member.size == 0 && member.name.hasSuffix("/") }

  private static func tensor(
    of member: ZipMember, in archive: ZipArchive
  ) throws(CheckpointError) -> (Tensor, warnings: [String]) {
    let header = try NpyHeader(archive.storage(of: member))
    let (range, _) = try header.elements(of: member.size)
    guard range.upperBound == member.size else {
      throw CheckpointError(.corrupt, "\(member.size - range.upperBound) bytes follow the array")
    }
    let storage = try archive.storage(of: member, in: range)
    if header.isFortranOrder { try requireNarrowRows(header, member) }
    guard let note = NpzNote(member.comment), note.dtype != header.dtype else {
      return (try header.tensor(storage), header.warnings)
    }
    guard NpyType.carrier(of: note.dtype) == header.dtype, !header.isBigEndian, !header.isFortranOrder else {
      throw CheckpointError(
        .corrupt, "the array is \(header.dtype.rawValue), which cannot hold the \(note.dtype.rawValue) of its comment")
    }
    guard note.dtype == .string else {
      return (try Tensor(dtype: note.dtype, shape: header.shape, storage: storage), header.warnings)
    }
    guard let shape = note.shape, header.shape.rank == 1 else {
      throw CheckpointError(.corrupt, "the comment of the strings has no shape, or their bytes are no vector")
    }
    guard member.method == .stored || member.size <= largestInflatedStrings else {
      throw CheckpointError(
        .unsupported, "\(member.size) deflated bytes of strings are more than the limit of \(largestInflatedStrings)",
        remedy: "pack the archive again without compression")
    }
    return (try FlatStrings.tensor(shape: shape, bytes: storage), header.warnings)
  }

  /// The lengths of strings are kept in memory; deflated ones could ask for far more than the file has.
  private static let largestInflatedStrings = 64 << 20

  /// One row of an array in Fortran order is turned over in memory.
  private static func requireNarrowRows(_ header: NpyHeader, _ member: ZipMember) throws(CheckpointError) {
    let rows = header.shape.dimensions.first ?? 1
    guard member.method == .stored || rows == 0 || member.size / rows <= 256 << 20 else {
      throw CheckpointError(
        .unsupported, "a deflated array in Fortran order with rows of \(member.size / rows) bytes is too wide",
        remedy: "save it again with np.savez")
    }
  }

  package static func recognise(_ candidate: Candidate) -> String? {
    let path = candidate.path
    switch candidate.kind {
    case .file:
      if path.hasSuffix(".npz") { return path }
      guard ["PK\u{3}\u{4}", "PK\u{5}\u{6}"].contains(where: { candidate.head.starts(with: $0.utf8) }),
        let archive = try? ZipArchive(path)
      else { return nil }
      return archive.members.contains { $0.name.hasSuffix(NpzName.suffix) } ? path : nil
    case .missing: return Candidate.isFile(path + ".npz") ? path + ".npz" : nil
    case .folder: return nil
    }
  }
}
