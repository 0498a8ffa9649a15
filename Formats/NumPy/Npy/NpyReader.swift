package import CheckpointCore

/// Reads one `.npy` file: as a checkpoint of one variable, or, where a layout is given, as the flat vector of many.
package struct NpyReader: CheckpointReader {
  package init() {}

  package func open(_ path: String, options: ReadOptions) throws(CheckpointError) -> VariableStore {
    let npy = try NpyFile(path)
    if let layout = options.layout { return try FlatVector(npy).store(layout, allowLoss: options.allowLoss) }
    var store = VariableStore(source: .init(format: "npy", path: path, files: [npy.file], warnings: npy.warnings))
    let stem = splitPath(path).last
    let name = stem.hasSuffix(".npy") ? String(stem.dropLast(4)) : stem
    try store.append(Variable(name: Name(name), tensor: npy.tensor, role: .weight))
    store.inferRoles()
    return store
  }

  package static func recognise(_ candidate: Candidate) -> String? {
    switch candidate.kind {
    case .file: candidate.head.starts(with: NpyHeader.magic) || candidate.path.hasSuffix(".npy") ? candidate.path : nil
    case .missing: Candidate.isFile(candidate.path + ".npy") ? candidate.path + ".npy" : nil
    case .folder: nil
    }
  }
}
