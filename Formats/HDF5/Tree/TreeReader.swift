package import CheckpointCore
import HDF5Library

/// Reads every dataset of an HDF5 file as a variable named by its path. Format: Tree/FORMAT.md.
package struct TreeReader: CheckpointReader {
  package init() {}

  package func open(_ path: String, options: ReadOptions) throws(CheckpointError) -> VariableStore {
    let file = try InputFile(path)
    let hdf5 = try HDF5File(file, salvage: options.salvage)
    var store = VariableStore(
      source: .init(format: "hdf5", path: path, files: [file], warnings: hdf5.warnings))
    store.source.lost = hdf5.lost
    var siblings = Siblings(hdf5.file)
    for object in hdf5.objects { try add(object, of: hdf5, &siblings, salvage: options.salvage, to: &store) }
    store.source.files += siblings.opened
    store.inferRoles()
    return store
  }

  /// Files beside one that it links to, each opened once, however many links lead into it.
  private struct Siblings {
    /// Each has a worker of its own.
    private static let most = 64

    private let file: InputFile
    private var found: [Name: Result<HDF5File, CheckpointError>] = [:]
    private(set) var opened: [InputFile] = []

    init(_ file: InputFile) { self.file = file }

    mutating func named(_ name: Name) throws(CheckpointError) -> HDF5File {
      if let known = found[name] { return try known.get() }
      guard found.count < Siblings.most else {
        throw CheckpointError(
          .unsupported, "links into '\(name)', but \(Siblings.most) other files are linked to already")
      }
      do throws(CheckpointError) {
        let sibling = try HDF5File.sibling(name, of: file)
        found[name] = .success(sibling)
        opened.append(sibling.file)
        return sibling
      } catch {
        let failure =
          error.code == .unsupported
          ? error
          : CheckpointError(.unsupported, "links into '\(name)', which cannot be read: \(error.message)")
        found[name] = .failure(failure)
        throw failure
      }
    }
  }

  private func add(
    _ object: HDF5Object, of hdf5: HDF5File, _ siblings: inout Siblings, salvage: Bool, to store: inout VariableStore
  ) throws(CheckpointError) {
    switch object {
    case .group(let path, let attributes):
      store.groups.append(.init(path: path, attributes: store.keep(attributes, of: path)))
    case .dataset(let dataset): try add(dataset, named: dataset.path, of: hdf5, salvage: salvage, to: &store)
    case .external(let path, let other, let target):
      do throws(CheckpointError) {
        let sibling = try siblings.named(other)
        guard let dataset = sibling.dataset(target) else {
          throw CheckpointError(.unsupported, "links to '\(target)' in '\(other)', which is no dataset there")
        }
        try add(dataset, named: path, of: sibling, salvage: salvage, to: &store)
        store.source.warnings.append(
          "'\(path)' is read from '\(target)' in \(other), the file beside it that it links to")
      } catch {
        store.source.unreadable.append(Loss(variable: path, reason: error.message))
      }
    case .newer(let path, let address):
      try store.take(path, of: hdf5.file, salvage: salvage) { (store) throws(CheckpointError) in
        let (tensor, members) = try hdf5.virtualDataset(path, headerAt: address)
        try store.append(Variable(name: path, tensor: tensor, role: .other))
        store.include(members, for: path)
      }
    default: store.listUnread(object)
    }
  }

  private func add(
    _ dataset: HDF5Dataset, named path: Name, of hdf5: HDF5File, salvage: Bool, to store: inout VariableStore
  ) throws(CheckpointError) {
    try store.take(path, of: hdf5.file, salvage: salvage) { (store) throws(CheckpointError) in
      _ = try locating(file: hdf5.file.path) { () throws(CheckpointError) in
        try store.append(dataset, of: hdf5, named: path)
      }
    }
  }

  package static func recognise(_ candidate: Candidate) -> String? {
    switch candidate.kind {
    case .file:
      candidate.head.starts(with: HDF5File.signature) || HDF5File.isHDF5(candidate.path)
        || [".h5", ".hdf5"].contains(where: candidate.path.hasSuffix) ? candidate.path : nil
    case .missing:
      [".h5", ".hdf5"].map { candidate.path + $0 }.first(where: Candidate.isFile)
    case .folder: nil
    }
  }
}
