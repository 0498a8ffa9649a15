package import CheckpointCore
import ZipArchive

/// Writes every variable as a stored `.npy` member of a zip archive. Format: Npz/FORMAT.md.
package struct NpzWriter: CheckpointWriter {
  package init() {}

  package func losses(writing store: VariableStore) -> [Loss] {
    store.variables.compactMap { variable in
      if variable.tensor.dtype == .variant { return Loss(variable: variable.name, reason: "npz cannot hold variants") }
      let longest = ZipWriter.longestName - NpzName.suffix.utf8.count
      return variable.name.bytes.count > longest
        ? Loss(variable: variable.name, reason: "names in npz have at most \(longest) bytes") : nil
    }
  }

  package func write(
    _ store: VariableStore, to output: inout StagedOutput, options: WriteOptions
  ) throws(CheckpointError) {
    var zip = ZipWriter()
    var headers: [[UInt8]] = []
    var offsets: [Int] = []
    for variable in store.variables {
      let tensor = variable.tensor
      let header = NpyHeader.encode(
        dtype: tensor.dtype, shape: tensor.dtype == .string ? try Shape.vector(tensor.byteCount) : tensor.shape)
      let name = Name(bytes: variable.name.bytes + Array(NpzName.suffix.utf8))
      offsets.append(
        try zip.add(name, size: header.count + tensor.byteCount, comment: NpzNote(tensor)?.encode() ?? []))
      headers.append(header)
    }
    let file = try output.create(suffix: ".npz", place: .index, size: zip.byteCount)
    let items = store.variables.indices.map {
      TensorCopier.Item(store.variables[$0], to: file, at: offsets[$0] + headers[$0].count)
    }
    var sums = try TensorCopier(jobs: options.jobs, progress: options.progress).copy(items, summing: .crc32)
    for (i, header) in headers.enumerated() {
      var sum = CRC32(of: header)
      sum.append(sums[i], count: store.variables[i].tensor.byteCount)
      sums[i] = sum.value
      let (local, offset) = zip.header(of: i, crc32: sums[i])
      try file.write(local + header, at: offset)
    }
    let (directory, offset) = zip.directory(sums)
    try file.write(directory, at: offset)
  }
}
