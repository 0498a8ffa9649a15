package import CheckpointCore

/// Writes TensorFlow's checkpoint bundles (V2), byte for byte as TensorFlow's own writer lays them out: tensors in the order
/// of their keys, one after the other, and a table of entries. Format: Bundle/FORMAT.md.
package struct BundleWriter: CheckpointWriter {
  package init() {}

  package func prepare(_ store: VariableStore, options: WriteOptions) throws(CheckpointError) -> PreparedStore {
    GraphFacts.prepare(store)
  }

  package func losses(writing store: VariableStore) -> [Loss] {
    store.variables.compactMap { variable in
      if variable.name.bytes.isEmpty {
        return Loss(variable: variable.name, reason: "the empty name belongs to the header of a bundle")
      }
      if variable.tensor.dtype == .variant, !(variable.tensor.storage is VariantStorage) {
        return Loss(variable: variable.name, reason: "a variant can only be carried from bundle to bundle")
      }
      return nil
    }
  }

  package func write(
    _ store: VariableStore, to output: inout StagedOutput, options: WriteOptions
  ) throws(CheckpointError) {
    let plan = try Plan(store, options)
    // First, so that an index that is there stops the work before it begins.
    let index = try output.create(suffix: ShardName.index, place: .index, size: 0)
    var shardCount = plan.sizes.count
    let existing = BundleWriter.shards(of: output)
    if let first = existing.first, !output.replacing {
      // Shards whose index is gone are still somebody's data.
      throw CheckpointError.alreadyThere(first.path)
    }
    while existing.contains(where: { $0.count == shardCount }) {
      // Under --force the new shards must not replace the old ones before the index does: another count gives other names.
      shardCount += 1
    }
    for shard in existing where shard.count != shardCount { output.supersede(shard.path) }
    var files: [OutputFile] = []
    for shard in 0..<shardCount {
      let size = shard < plan.sizes.count ? plan.sizes[shard] : 0
      files.append(try output.create(suffix: ShardName.suffix(shard, of: shardCount), size: size))
    }
    let entries = try write(plan, into: files, options)
    try writeIndex(entries, shardCount: shardCount, to: index)
    try GraphFacts.copyGraph(of: store, to: &output)
    if options.stateFile {
      let text = Array(StateFile.text(latest: output.stem).utf8)
      try output.create(name: StateFile.name, place: .pointer, size: text.count).write(text, at: 0)
    }
  }

  /// Where every tensor goes.
  private struct Plan {
    var places: [(variable: Variable, shard: Int, offset: Int, size: Int)] = []
    /// Bytes of each shard.
    var sizes: [Int] = [0]

    init(_ store: VariableStore, _ options: WriteOptions) throws(CheckpointError) {
      let variables = store.variables.sorted { $0.name < $1.name }
      let total = variables.reduce(0) { $0 + BundleWriter.storedSize($1.tensor) }
      let wanted = options.shards.map { max(1, $0) } ?? 1
      var written = 0
      for variable in variables {
        let size = BundleWriter.storedSize(variable.tensor)
        if let largest = options.largestShard {
          if sizes[sizes.count - 1] > 0, sizes[sizes.count - 1] + size > largest { sizes.append(0) }
        } else if total > 0 {
          // Shard k begins where k/n of the bytes are written.
          let shard = min(wanted - 1, Int((Double(written) / Double(total)) * Double(wanted)))
          while sizes.count <= shard { sizes.append(0) }
        }
        places.append((variable, sizes.count - 1, sizes[sizes.count - 1], size))
        sizes[sizes.count - 1] += size
        written += size
      }
      if options.largestShard == nil { while sizes.count < wanted { sizes.append(0) } }
      guard sizes.count <= 99_999 else {
        throw CheckpointError(.usage, "\(sizes.count) shards are too many; names have room for 99999")
      }
    }
  }

  private static func storedSize(_ tensor: Tensor) -> Int {
    (tensor.storage as? StringStorage).map(StringPayload.size) ?? tensor.byteCount
  }

  private func write(
    _ plan: Plan, into files: [OutputFile], _ options: WriteOptions
  ) throws(CheckpointError) -> [(name: Name, entry: BundleEntry)] {
    var items: [TensorCopier.Item] = []
    var sums = [UInt32](repeating: 0, count: plan.places.count)
    var copied: [Int] = []
    for (i, place) in plan.places.enumerated() {
      let (variable, shard, offset, _) = place
      if let strings = variable.tensor.storage as? StringStorage {
        sums[i] = try locating(variable: variable.name) { () throws(CheckpointError) in
          try StringPayload.write(strings, to: files[shard], at: offset)
        }
        options.progress?.advance(variable.tensor.byteCount)
      } else {
        items.append(.init(variable, to: files[shard], at: offset))
        copied.append(i)
      }
    }
    let copiedSums = try TensorCopier(jobs: options.jobs, progress: options.progress).copy(items)
    for (i, sum) in zip(copied, copiedSums) { sums[i] = sum }
    return zip(plan.places, sums).map { place, sum in
      let tensor = place.variable.tensor
      // A variant's entry keeps a sum of its own, which the copy has checked.
      let entrySum = (tensor.storage as? VariantStorage)?.entrySum ?? sum
      return (
        place.variable.name,
        BundleEntry(
          dtype: tensor.dtype, shape: tensor.shape, shard: place.shard, offset: place.offset, size: place.size,
          crc32c: entrySum)
      )
    }
  }

  private func writeIndex(
    _ entries: [(name: Name, entry: BundleEntry)], shardCount: Int, to file: OutputFile
  ) throws(CheckpointError) {
    var table = TableWriter()
    table.append([], BundleHeader.encode(shardCount: shardCount))
    for (name, entry) in entries { table.append(name.bytes, entry.encode()) }
    try file.write(table.finish(), at: 0)
  }

  /// Data files that are there already under the output's prefix.
  private static func shards(of output: borrowing StagedOutput) -> [(path: String, count: Int)] {
    var found: [(path: String, count: Int)] = []
    for name in Candidate.names(in: output.folder) {
      if let shard = ShardName.prefix(of: name), shard.prefix == output.stem {
        found.append((joinPath(output.folder, name), shard.count))
      }
    }
    return found
  }
}
