package import CheckpointCore

/// Reads flat vectors that have a manifest. Format: Flat/FORMAT.md.
package struct FlatReader: CheckpointReader {
  package init() {}

  /// - Parameter path: the manifest.
  package func open(_ path: String, options: ReadOptions) throws(CheckpointError) -> VariableStore {
    let file = try InputFile(path)
    let manifest = try Manifest(contentsOf: file)
    if manifest.isOlder, let vector = manifest.vectors.first {
      // A float64 vector may be described as the float32 variables that it is meant for.
      var store = try FlatReader.open(vector, beside: path)
        .store(manifest.layout(from: path), allowLoss: options.allowLoss)
      store.source.path = path
      store.source.files.insert(file, at: 0)
      return store
    }
    var source = VariableStore.Source(format: "npy-flat", path: path, files: [file])
    var vectors: [Result<FlatVector, CheckpointError>] = []
    for vector in manifest.vectors {
      do throws(CheckpointError) {
        let npy = try FlatReader.open(vector, beside: path, salvage: options.salvage)
        source.files.append(npy.array.file)
        source.warnings += npy.array.warnings
        vectors.append(.success(npy))
      } catch {
        guard options.salvage, error.code != .io else { throw error }
        vectors.append(.failure(error))
      }
    }
    var store = VariableStore(source: source)
    var claimed = [Int](repeating: 0, count: vectors.count)
    for entry in manifest.entries {
      let tensor = try locating(file: path, variable: entry.name) { () throws(CheckpointError) in
        switch vectors[entry.vector] {
        case .success(let vector): return try FlatReader.tensor(of: entry, in: vector)
        case .failure(let reason): return try FlatReader.tensor(of: entry, without: reason)
        }
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
    if manifest.entries.contains(where: { $0.role == nil }) { store.inferRoles() }
    return store
  }

  package func layout(_ path: String, options: ReadOptions) throws(CheckpointError) -> Layout? {
    guard path.hasSuffix(".json") else { return nil }
    return try Manifest(contentsOf: try InputFile(path)).layout(from: path)
  }

  private static func open(
    _ vector: Manifest.Vector, beside path: String, salvage: Bool = false
  ) throws(CheckpointError) -> FlatVector {
    let npy = try FlatVector(try NumericArray(joinPath(splitPath(path).folder, vector.file), salvage: salvage))
    guard npy.array.shape.elementCount == vector.elements else {
      throw CheckpointError(
        .corrupt, "has \(npy.array.shape.elementCount) elements, but the manifest says \(vector.elements)",
        remedy: "vector and manifest belong to different checkpoints"
      ).at(file: npy.array.file.path).because(.otherCheckpoint)
    }
    return npy
  }

  /// A tensor whose bytes are not there.
  private static func tensor(
    of entry: Manifest.Entry, without reason: CheckpointError
  ) throws(CheckpointError) -> Tensor {
    let count =
      try entry.dtype.width.map { (width) throws(CheckpointError) in try entry.shape.byteCount(width: width) }
      ?? entry.size ?? 0
    return try Tensor(
      dtype: entry.dtype, shape: entry.shape, storage: MissingStorage(byteCount: count, reason: reason))
  }

  private static func tensor(
    of entry: Manifest.Entry, in vector: FlatVector
  ) throws(CheckpointError) -> Tensor {
    let stored = vector.array.dtype
    if entry.dtype == .string {
      return try FlatStrings.tensor(
        shape: entry.shape, in: vector.array, at: entry.offset, size: entry.size ?? -1, crc32c: entry.crc32c)
    }
    guard NpyType.carrier(of: entry.dtype) == stored else {
      throw CheckpointError(.corrupt, "the manifest says \(entry.dtype.rawValue), its vector holds \(stored.rawValue)")
    }
    let width = stored.width ?? 1
    let (offset, overflow) = entry.offset.multipliedReportingOverflow(by: width)
    guard !overflow else { throw CheckpointError(.corrupt, "element \(entry.offset) lies outside any vector") }
    let range = try StorageRange(
      vector.array.tensor.storage, offset: offset, byteCount: try entry.shape.byteCount(width: width),
      crc32c: entry.crc32c)
    return try Tensor(dtype: entry.dtype, shape: entry.shape, storage: try range.simplified())
  }

  package static func recognise(_ candidate: Candidate) -> String? {
    let path = candidate.path
    switch candidate.kind {
    case .file:
      // Keras names its map of shards so.
      if path.hasSuffix(".json"), !path.hasSuffix(".weights.json") { return path }
      // The vector of a manifest that lies beside it.
      let manifest = (path.hasSuffix(".npy") ? String(path.dropLast(4)) : path) + Manifest.suffix
      return candidate.head.starts(with: NpyHeader.magic) && Candidate.isFile(manifest) ? manifest : nil
    case .missing: return Candidate.isFile(path + Manifest.suffix) ? path + Manifest.suffix : nil
    case .folder: return nil
    }
  }
}
