package import CheckpointCore

/// Reads one `.npy` file, or a pickle of an array: as a checkpoint of one variable, or, where a layout is given, as the flat vector of many.
package struct NpyReader: CheckpointReader {
  package init() {}

  package func open(_ path: String, options: ReadOptions) throws(CheckpointError) -> VariableStore {
    let npy = try NumericArray(path)
    if let layout = options.layout { return try FlatVector(npy).store(layout, allowLoss: options.allowLoss) }
    var store = VariableStore(source: .init(format: "npy", path: path, files: [npy.file], warnings: npy.warnings))
    let stem = splitPath(path).last
    let name = [".npy", ".pkl"].first(where: stem.hasSuffix).map { String(stem.dropLast($0.utf8.count)) } ?? stem
    try store.append(Variable(name: Name(name), tensor: npy.tensor, role: .weight))
    store.inferRoles()
    if npy.tensor.shape.rank == 1, npy.tensor.shape.elementCount > 1 {
      store.source.notes.append(
        "the vector is taken as one variable; what it is made of is said by --layout FILE: a .meta graph, a manifest or a checkpoint"
      )
    }
    return store
  }

  package static func recognise(_ candidate: Candidate) -> String? {
    switch candidate.kind {
    case .file:
      candidate.head.starts(with: NpyHeader.magic) || PickledArray.recognises(candidate.head)
        || candidate.path.hasSuffix(".npy") ? candidate.path : nil
    case .missing: isPlain(candidate.path + ".npy") ? candidate.path + ".npy" : nil
    case .folder: nil
    }
  }

  /// Whether a file is there and is not an object array, which is a pickle.
  private static func isPlain(_ path: String) -> Bool {
    guard let file = try? InputFile(path) else { return false }
    return NpyHeader.objectOffset(file) == nil
  }
}
