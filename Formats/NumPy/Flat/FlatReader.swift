package import CheckpointCore

/// Reads flat vectors that have a manifest. Format: Flat/FORMAT.md.
package struct FlatReader: CheckpointReader {
  package init() {}

  /// - Parameter path: the manifest.
  package func open(_ path: String, options: ReadOptions) throws(CheckpointError) -> VariableStore {
    let file = try InputFile(path)
    let manifest = try Manifest(contentsOf: file)
    var source = VariableStore.Source(format: "npy-flat", path: path, files: [file])
    var vectors: [FlatVector] = []
    for vector in manifest.vectors {
      let npy = try FlatReader.open(vector, beside: path)
      source.files.append(npy.npy.file)
      source.warnings += npy.npy.warnings
      vectors.append(npy)
    }
    var store = VariableStore(source: source)
    var narrowing = FlatVector.Narrowing()
    var claimed = [Int](repeating: 0, count: vectors.count)
    for entry in manifest.entries {
      let tensor = try locating(file: path, variable: entry.name) { () throws(CheckpointError) in
        try FlatReader.tensor(of: entry, in: vectors[entry.vector], options, &narrowing)
      }
      claimed[entry.vector] =
        claimed[entry.vector].addingReportingOverflow(entry.size ?? entry.shape.elementCount).partialValue
      try locating(file: path) { () throws(CheckpointError) in
        try store.append(Variable(name: entry.name, tensor: tensor, role: entry.role ?? .weight))
      }
    }
    for (vector, count) in zip(manifest.vectors, claimed) where count != vector.elements {
      store.source.warnings.append("the variables take \(count) of the \(vector.elements) elements of \(vector.file)")
    }
    store.source.warnings += narrowing.warning(allowLoss: options.allowLoss)
    if manifest.entries.contains(where: { $0.role == nil }) { store.inferRoles() }
    return store
  }

  package func layout(_ path: String, options: ReadOptions) throws(CheckpointError) -> Layout? {
    guard path.hasSuffix(".json") else { return nil }
    return try Manifest(contentsOf: try InputFile(path)).layout(from: path)
  }

  private static func open(_ vector: Manifest.Vector, beside path: String) throws(CheckpointError) -> FlatVector {
    let npy = try FlatVector(try NpyFile(joinPath(splitPath(path).folder, vector.file)))
    guard npy.npy.header.shape.elementCount == vector.elements else {
      throw CheckpointError(
        .corrupt, "has \(npy.npy.header.shape.elementCount) elements, but the manifest says \(vector.elements)",
        remedy: "vector and manifest belong to different checkpoints"
      ).at(file: npy.npy.file.path)
    }
    return npy
  }

  private static func tensor(
    of entry: Manifest.Entry, in vector: FlatVector, _ options: ReadOptions, _ narrowing: inout FlatVector.Narrowing
  ) throws(CheckpointError) -> Tensor {
    let stored = vector.npy.header.dtype
    if entry.dtype == .string {
      return try FlatStrings.tensor(
        shape: entry.shape, in: vector.npy, at: entry.offset, size: entry.size ?? -1, crc32c: entry.crc32c)
    }
    guard NpyType.carrier(of: entry.dtype) == stored else {
      // Older manifests may describe a float64 vector of float32 variables.
      let part = try vector.part(at: entry.offset, shape: entry.shape)
      return try vector.cast(part, to: entry.dtype, allowLoss: options.allowLoss, &narrowing)
    }
    let width = stored.width ?? 1
    let (offset, overflow) = entry.offset.multipliedReportingOverflow(by: width)
    guard !overflow else { throw CheckpointError(.corrupt, "element \(entry.offset) lies outside any vector") }
    let range = try StorageRange(
      vector.npy.tensor.storage, offset: offset, byteCount: try entry.shape.byteCount(width: width),
      crc32c: entry.crc32c)
    return try Tensor(dtype: entry.dtype, shape: entry.shape, storage: try range.simplified())
  }

  package static func recognise(_ candidate: Candidate) -> String? {
    let path = candidate.path
    switch candidate.kind {
    case .file:
      if path.hasSuffix(".json") { return path }
      // The vector of a manifest that lies beside it.
      let manifest = (path.hasSuffix(".npy") ? String(path.dropLast(4)) : path) + Manifest.suffix
      return candidate.head.starts(with: NpyHeader.magic) && Candidate.isFile(manifest) ? manifest : nil
    case .missing: return Candidate.isFile(path + Manifest.suffix) ? path + Manifest.suffix : nil
    case .folder: return nil
    }
  }
}
