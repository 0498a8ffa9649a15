package import CheckpointCore

/// Writes one variable as an `.npy` file, byte for byte as numpy does. Format: Npy/FORMAT.md.
package struct NpyWriter: CheckpointWriter {
  package init() {}

  package func losses(writing store: VariableStore) -> [Loss] {
    guard store.variables.count == 1 else {
      return store.variables.map { Loss(variable: $0.name, reason: "npy holds one variable; choose it with --only") }
    }
    return store.variables.compactMap { variable in
      let dtype = variable.tensor.dtype
      return NpyType.carrier(of: dtype) == dtype
        ? nil : Loss(variable: variable.name, reason: "numpy has no element type \(dtype.rawValue)")
    }
  }

  package func prepare(_ store: VariableStore, options: WriteOptions) throws(CheckpointError) -> PreparedStore {
    guard !store.variables.isEmpty else {
      throw CheckpointError(.unsupported, "npy holds one variable, and there is none")
    }
    // The name of an array that came from an .npy was that of the file.
    guard options.keepsName, store.variables.count == 1, store.source.format != "npy" else {
      return PreparedStore(store)
    }
    let name = store.variables[0].name
    return PreparedStore(
      store, losses: [Loss(variable: name, reason: "npy has no place for its name; --only '\(name)' does without")])
  }

  package func write(
    _ store: VariableStore, to output: inout StagedOutput, options: WriteOptions
  ) throws(CheckpointError) {
    guard let variable = store.variables.first else {
      throw CheckpointError(.unsupported, "there is no variable to write")
    }
    let header = NpyHeader.encode(dtype: variable.tensor.dtype, shape: variable.tensor.shape)
    let file = try output.create(suffix: ".npy", place: .index, size: header.count + variable.tensor.byteCount)
    try file.write(header, at: 0)
    _ = try TensorCopier(jobs: options.jobs, progress: options.progress).copy([
      .init(variable, to: file, at: header.count)
    ])
  }
}
