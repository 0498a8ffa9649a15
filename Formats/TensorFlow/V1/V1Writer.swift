package import CheckpointCore

/// Writes TensorFlow's V1 checkpoints as one file, byte for byte as TensorFlow's own writer does for whole tensors that are saved in
/// the order of their names. Format: V1/FORMAT.md.
package struct V1Writer: CheckpointWriter {
  /// A record is a protocol buffer message, which ends at 2 GiB.
  private static let largestRecord = 1 << 31 - 1

  package init() {}

  package func prepare(_ store: VariableStore, options: WriteOptions) throws(CheckpointError) -> PreparedStore {
    GraphFacts.prepare(store)
  }

  package func losses(writing store: VariableStore) -> [Loss] {
    store.variables.compactMap { variable in
      let tensor = variable.tensor
      if !V1Values.canHold(tensor.dtype) {
        return Loss(variable: variable.name, reason: "a V1 checkpoint cannot hold \(tensor.dtype.rawValue)")
      }
      if variable.name.text == nil {
        return Loss(variable: variable.name, reason: "names in a V1 checkpoint are text, and this one is not UTF-8")
      }
      if V1Values.largestSize(of: tensor) > V1Writer.largestRecord - 1024 - 2 * variable.name.bytes.count {
        return Loss(
          variable: variable.name, reason: "\(tensor.byteCount) bytes may not fit a record of a V1 checkpoint (2 GiB)")
      }
      return nil
    }
  }

  package func write(
    _ store: VariableStore, to output: inout StagedOutput, options: WriteOptions
  ) throws(CheckpointError) {
    guard options.shards ?? 1 == 1, options.largestShard == nil else {
      throw CheckpointError(
        .usage, "a V1 checkpoint is written as one file", remedy: "leave out --shards and --max-shard-size")
    }
    let variables = store.variables.sorted { $0.name < $1.name }
    var table = TableWriter()
    table.append([], SavedSliceMeta.encode(variables.map { ($0.name, $0.tensor) }))
    let keyed = variables.map { ($0, TensorSlice(whole: $0.tensor.shape).key(for: $0.name)) }
      .sorted { $0.1.lexicographicallyPrecedes($1.1) }
    for (id, (variable, key)) in keyed.enumerated() {
      let (field, size) = try locating(variable: variable.name) { () throws(CheckpointError) in
        (V1Values.listField(of: variable.tensor), try V1Values.size(of: variable.tensor))
      }
      let head = SavedSlice.head(variable.name, variable.tensor.shape, field: field, size: size)
      table.append(key, head, gap: .init(id: id, count: size))
    }
    let footer = table.finishBlocks()
    let file = try output.create(place: .index, size: footer.offset + footer.bytes.count)
    let sums = try writeValues(keyed.map(\.0), of: table, to: file, options)
    for block in table.blocks { try block.write(to: file, sums: sums) }
    try file.write(footer.bytes, at: footer.offset)
    try GraphFacts.copyGraph(of: store, to: &output)
    if options.stateFile {
      let text = Array(StateFile.text(latest: output.stem).utf8)
      try output.create(name: StateFile.name, place: .pointer, size: text.count).write(text, at: 0)
    }
  }

  /// Fills the gaps of the table.
  /// - Returns: the sum of each.
  private func writeValues(
    _ variables: [Variable], of table: TableWriter, to file: OutputFile, _ options: WriteOptions
  ) throws(CheckpointError) -> [UInt32] {
    var sums = [UInt32](repeating: 0, count: variables.count)
    var items: [TensorCopier.Item] = []
    var copied: [Int] = []
    for (gap, offset) in table.blocks.flatMap(\.gapOffsets) {
      let variable = variables[gap.id]
      if V1Values.isPlain(variable.tensor.dtype) {
        items.append(.init(variable, to: file, at: offset))
        copied.append(gap.id)
      } else {
        sums[gap.id] = try locating(file: variable.tensor.file, variable: variable.name) {
          () throws(CheckpointError) in
          try V1Values.write(variable.tensor, size: gap.count, to: file, at: offset)
        }
        options.progress?.advance(variable.tensor.byteCount)
      }
    }
    let copiedSums = try TensorCopier(jobs: options.jobs, progress: options.progress).copy(items)
    for (id, sum) in zip(copied, copiedSums) { sums[id] = sum }
    return sums
  }
}
