package import CheckpointCore

/// Writes a safetensors file, byte for byte as the reference does. Format: FORMAT.md.
package struct SafetensorsWriter: CheckpointWriter {
  package init() {}

  package func losses(writing store: VariableStore) -> [Loss] {
    store.variables.compactMap { variable in
      let dtype = variable.tensor.dtype
      let reason: String? =
        if SafetensorsType.name(of: dtype) == nil {
          "safetensors has no element type \(dtype.rawValue)"
        } else if variable.name.text == nil {
          "safetensors holds names that are text (UTF-8) only"
        } else if variable.name.text == SafetensorsHeader.metadataKey {
          "safetensors keeps this name for itself"
        } else {
          nil
        }
      return reason.map { Loss(variable: variable.name, reason: $0) }
    }
  }

  package func write(
    _ store: VariableStore, to output: inout StagedOutput, options: WriteOptions
  ) throws(CheckpointError) {
    // Wide elements first, so that each tensor is aligned to its own.
    let variables = store.variables.sorted {
      let (a, b) = (SafetensorsType.rank(of: $0.tensor.dtype), SafetensorsType.rank(of: $1.tensor.dtype))
      return a == b ? $0.name < $1.name : a > b
    }
    var entries: [SafetensorsHeader.Entry] = []
    var end = 0
    for variable in variables {
      let (next, overflow) = end.addingReportingOverflow(variable.tensor.byteCount)
      guard !overflow else { throw CheckpointError(.unsupported, "the tensors do not fit one file") }
      entries.append(
        .init(name: variable.name, dtype: variable.tensor.dtype, shape: variable.tensor.shape, range: end..<next))
      end = next
    }
    let header = SafetensorsHeader.encode(entries)
    guard header.count - 8 <= SafetensorsHeader.largest else {
      throw CheckpointError(
        .unsupported, "a header of \(header.count - 8) bytes is longer than the \(SafetensorsHeader.largest) allowed",
        remedy: "choose fewer variables with --only")
    }
    let file = try output.create(suffix: ".safetensors", place: .index, size: header.count + end)
    try file.write(header, at: 0)
    let items = zip(variables, entries).map {
      TensorCopier.Item($0, to: file, at: header.count + $1.range.lowerBound)
    }
    try TensorCopier(jobs: options.jobs, progress: options.progress).copy(items, summing: nil)
  }
}
