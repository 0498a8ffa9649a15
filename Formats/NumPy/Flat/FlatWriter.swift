package import CheckpointCore

/// Writes all variables as vectors, one for every dtype, with a manifest. Format: Flat/FORMAT.md.
package struct FlatWriter: CheckpointWriter {
  package init() {}

  package func losses(writing store: VariableStore) -> [Loss] {
    store.variables.filter { $0.tensor.dtype == .variant }
      .map { Loss(variable: $0.name, reason: "npy-flat cannot hold variants") }
  }

  package func write(
    _ store: VariableStore, to output: inout StagedOutput, options: WriteOptions
  ) throws(CheckpointError) {
    // First, so that a manifest that is there stops the work before it begins.
    let index = try output.create(suffix: Manifest.suffix, place: .index, size: 0)
    let vectors = try plan(store, stem: output.stem)
    var files: [OutputFile] = []
    var ends: [Int] = []
    for vector in vectors {
      let header = NpyHeader.encode(dtype: vector.dtype, shape: try Shape.vector(vector.elements))
      ends.append(header.count)
      let size = header.count + vector.elements * (vector.dtype.width ?? 1)
      let file = try output.create(name: vector.file, size: size)
      try file.write(header, at: 0)
      files.append(file)
    }
    var items: [TensorCopier.Item] = []
    var places: [(vector: Int, offset: Int)] = []
    var used = [Int](repeating: 0, count: vectors.count)
    for variable in store.variables {
      guard let v = vectors.firstIndex(where: { $0.dtype == variable.tensor.dtype }) else { continue }
      items.append(.init(variable, to: files[v], at: ends[v]))
      places.append((v, used[v]))
      ends[v] += variable.tensor.byteCount
      used[v] += FlatWriter.elements(of: variable.tensor)
    }
    let sums = try TensorCopier(jobs: options.jobs, progress: options.progress).copy(items)
    var digests: [String] = []
    if options.digests {
      for variable in store.variables { digests.append(try Digest.sha256(of: variable)) }
    }
    try index.write(text(store, vectors, places, sums, digests, options), at: 0)
    FlatWriter.supersedeOthers(than: vectors.map(\.file), in: &output)
    if let detour = try output.beginDetour() {
      let renamed = vectors.map { vector in
        Manifest.Vector(
          file: detour.names[vector.file] ?? vector.file, dtype: vector.dtype, elements: vector.elements)
      }
      try detour.index.write(text(store, renamed, places, sums, digests, options), at: 0)
    }
  }

  /// Vectors of the manifest that is being replaced which the new one does not have.
  private static func supersedeOthers(than files: [String], in output: inout StagedOutput) {
    let path = output.prefix + Manifest.suffix
    guard output.replacing, let old = try? Manifest(contentsOf: InputFile(path)) else { return }
    for vector in old.vectors where !files.contains(vector.file) {
      // A manifest that somebody else wrote may name anything; ours names what begins as the output does.
      let isOurs = vector.file.hasPrefix(output.stem + ".") && vector.file.hasSuffix(".npy")
      if isOurs, Candidate.isFile(joinPath(output.folder, vector.file)) {
        output.supersede(joinPath(output.folder, vector.file))
      }
    }
  }

  /// Elements of the vector that a tensor takes: bytes, for strings.
  private static func elements(of tensor: Tensor) -> Int {
    tensor.dtype == .string ? tensor.byteCount : tensor.shape.elementCount
  }

  /// One vector for every dtype, the one with the most elements under the plain name.
  private func plan(_ store: VariableStore, stem: String) throws(CheckpointError) -> [Manifest.Vector] {
    var counts: [(dtype: DType, elements: Int)] = []
    for variable in store.variables {
      let count = FlatWriter.elements(of: variable.tensor)
      if let i = counts.firstIndex(where: { $0.dtype == variable.tensor.dtype }) {
        let (sum, overflow) = counts[i].elements.addingReportingOverflow(count)
        guard !overflow else {
          throw CheckpointError(.unsupported, "the elements of \(counts[i].dtype.rawValue) do not fit a vector")
        }
        counts[i].elements = sum
      } else {
        counts.append((variable.tensor.dtype, count))
      }
    }
    // Numbers come before strings, however long those are.
    let numbers = counts.filter { $0.dtype != .string }
    let most = (numbers.isEmpty ? counts : numbers).map(\.elements).max()
    if let main = counts.firstIndex(where: { $0.elements == most && ($0.dtype != .string || numbers.isEmpty) }) {
      counts.insert(counts.remove(at: main), at: 0)
    }
    return counts.enumerated().map { i, count in
      Manifest.Vector(
        file: i == 0 ? "\(stem).npy" : "\(stem).\(count.dtype.rawValue).npy", dtype: count.dtype,
        elements: count.elements)
    }
  }

  private func text(
    _ store: VariableStore, _ vectors: [Manifest.Vector], _ places: [(vector: Int, offset: Int)], _ sums: [UInt32],
    _ digests: [String], _ options: WriteOptions
  ) -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.value("format", "npy-flat")
      json.value("version", 1)
      json.value("order", options.orderName)
      json.array("vectors") { json in
        for vector in vectors {
          json.object(inline: true) { json in
            json.value("file", vector.file)
            json.value("dtype", (NpyType.carrier(of: vector.dtype) ?? vector.dtype).rawValue)
            json.value("elements", vector.elements)
          }
        }
      }
      json.array("variables") { json in
        for (i, variable) in store.variables.enumerated() {
          json.object(inline: true) { json in
            json.value("name", variable.name)
            json.value("dtype", variable.tensor.dtype.rawValue)
            json.array("shape") { json in for size in variable.tensor.shape.dimensions { json.value(nil, size) } }
            json.value("vector", places[i].vector)
            json.value("offset", places[i].offset)
            if variable.tensor.dtype == .string { json.value("size", variable.tensor.byteCount) }
            json.value("crc32c", Int(sums[i]))
            if !digests.isEmpty { json.value("sha256", digests[i]) }
            json.value("role", variable.role.rawValue)
          }
        }
      }
      json.object("source") { json in
        json.value("format", store.source.format)
        json.array("files") { json in
          for file in store.source.files {
            json.object(inline: true) { json in
              json.value("name", splitPath(file.path).last)
              json.value("bytes", file.size)
            }
          }
        }
      }
      json.value("made_by", options.madeBy)
    }
    return json.finished()
  }
}
