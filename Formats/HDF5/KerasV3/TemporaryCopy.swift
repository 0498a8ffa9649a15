import CheckpointCore

/// A copy of bytes that are compressed where they lie, in a file without a name: the library needs to seek in it.
enum TemporaryCopy {
  /// - Parameter owner: the file that the bytes come from, for messages.
  static func file(of storage: any TensorStorage, for owner: String) throws(CheckpointError) -> InputFile {
    let tensor = try Tensor(dtype: .uint8, shape: try Shape.vector(storage.byteCount), storage: storage)
    var staged = try StagedOutput(
      prefix: joinPath(Scratch.folder, "ckpt-convert-keras"), replacing: false, protecting: [])
    let file = try staged.create(size: storage.byteCount)
    let whole = Variable(name: "model.weights.h5", tensor: tensor, role: .other)
    _ = try locating(file: owner) { () throws(CheckpointError) in
      try TensorCopier(jobs: 1, progress: nil).copy([TensorCopier.Item(whole, to: file, at: 0)])
    }
    // The folder goes when `staged` does; the open file stays as long as it is read.
    return try InputFile(file.path, shownAs: owner)
  }
}
