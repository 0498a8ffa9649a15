package import CheckpointCore
import HDF5Library
import ZipArchive

/// Reads what Keras 3 saves: `.weights.h5`, `.keras`, and `.weights.json` with its shards. Format: KerasV3/FORMAT.md.
package struct KerasV3Reader: CheckpointReader {
  package init() {}

  static let suffixes = [".weights.h5", ".keras", ".weights.json"]
  static let weightsMember: Name = "model.weights.h5"

  package func open(_ path: String, options: ReadOptions) throws(CheckpointError) -> VariableStore {
    let file = try InputFile(path)
    var store = VariableStore(source: .init(format: "keras-v3", path: path, files: [file]))
    var places: [(path: Name, name: Name)] = []
    let head = try file.bytes(at: 0, count: min(4, file.size))
    if head.starts(with: "PK".utf8) {
      let archive = try KerasArchive(file)
      if try archive.holdsCode() {
        store.source.warnings.append("the model's description holds the code of a Lambda layer, which is never run")
      }
      let (hdf5, damage) = try archive.weights(options)
      try add(hdf5, salvage: options.salvage, to: &store, &places)
      if let damage { store.source.lost.append(damage) } else { store.source.checkedSum = "CRC-32" }
    } else if head.first == UInt8(ascii: "{") {
      for shard in try shards(file) {
        let part = try InputFile(shard)
        store.source.files.append(part)
        try add(try HDF5File(part, salvage: options.salvage), salvage: options.salvage, to: &store, &places)
      }
    } else {
      try add(try HDF5File(file, salvage: options.salvage), salvage: options.salvage, to: &store, &places)
    }
    store.findLayers(places)
    store.inferRoles()
    for layer in store.layers where layer.kind == .optimizer { store.setRole(.slot, of: layer.members) }
    return store
  }

  private func add(
    _ hdf5: HDF5File, salvage: Bool, to store: inout VariableStore, _ places: inout [(path: Name, name: Name)]
  ) throws(CheckpointError) {
    store.source.warnings += hdf5.warnings
    store.source.lost += hdf5.lost
    let there = Set(store.groups.map(\.path))
    for object in hdf5.objects {
      switch object {
      case .group(let path, let attributes):
        if !there.contains(path) {
          store.groups.append(.init(path: path, attributes: store.keep(attributes, of: path)))
        }
      case .dataset(let dataset):
        try store.take(dataset.path, of: hdf5.file, salvage: salvage) { (store) throws(CheckpointError) in
          places.append((dataset.path, try store.append(dataset, of: hdf5, named: dataset.path)))
        }
      default: store.listUnread(object)
      }
    }
  }

  /// The files that a map of shards names, each once. They lie beside it.
  private func shards(_ file: InputFile) throws(CheckpointError) -> [String] {
    try locating(file: file.path) { () throws(CheckpointError) in
      guard let map = try JSONReader.parse(try file.contents(limit: 64 << 20))["weight_map"]?.members else {
        throw CheckpointError(.corrupt, "has no weight_map, so that it is no map of Keras shards")
      }
      var names: [Name] = []
      var seen: Set<Name> = []
      for (_, value) in map {
        for entry in value.elements ?? [value] {
          guard let name = entry.name else {
            throw CheckpointError(.corrupt, "the weight_map has an entry that is no name of a file")
          }
          if seen.insert(name).inserted { names.append(name) }
        }
      }
      return try names.map { (name) throws(CheckpointError) in
        guard let text = name.text, !text.isEmpty, !text.utf8.contains(UInt8(ascii: "/")), !text.hasPrefix(".") else {
          throw CheckpointError(.corrupt, "the weight_map names '\(name)', which is no plain name of a file beside it")
        }
        return joinPath(splitPath(file.path).folder, text)
      }
    }
  }

  package static func recognise(_ candidate: Candidate) -> String? {
    switch candidate.kind {
    case .file where candidate.head.starts(with: "PK".utf8): isArchive(candidate.path) ? candidate.path : nil
    case .file where candidate.path.hasSuffix(".weights.json"): candidate.path
    case .file: HDF5Kind.recognise(candidate, .kerasV3, suffixes: [])
    case .missing:
      suffixes.map { candidate.path + $0 }.first(where: Candidate.isFile)
    case .folder: nil
    }
  }

  private static func isArchive(_ path: String) -> Bool {
    if path.hasSuffix(".keras") { return true }
    do throws(CheckpointError) { return try ZipArchive(path).member(named: weightsMember) != nil } catch {
      return false
    }
  }
}
