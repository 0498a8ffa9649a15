import CheckpointCore

/// An `.npy` file: one array. Format: Npy/FORMAT.md.
struct NpyFile {
  let file: InputFile
  let header: NpyHeader
  let tensor: Tensor
  let warnings: [String]

  /// - Throws: `corrupt` where the data are shorter than the shape says.
  init(_ path: String) throws(CheckpointError) {
    let file = try InputFile(path)
    let header = try NpyHeader(file)
    var warnings = header.warnings
    self.file = file
    self.header = header
    tensor = try locating(file: path) { () throws(CheckpointError) in
      guard let width = header.dtype.width, let word = header.dtype.wordWidth else {
        throw CheckpointError(.unsupported, "\(header.dtype.rawValue) has no fixed width")
      }
      let size = try header.shape.byteCount(width: width)
      let available = file.size - header.dataOffset
      guard size <= available else {
        throw CheckpointError(
          .corrupt, "the shape \(header.shape) takes \(size) bytes, but \(available) follow the header")
      }
      if size < available { warnings.append("\(available - size) bytes follow the array") }
      var storage: any TensorStorage = try FileStorage(file, offset: header.dataOffset, byteCount: size)
      if header.isBigEndian, word > 1 { storage = ByteSwappedStorage(storage, wordWidth: word) }
      if header.isFortranOrder, header.shape.rank > 1, size > 0 {
        storage = FortranStorage(storage, shape: header.shape, width: width)
      }
      return try Tensor(dtype: header.dtype, shape: header.shape, storage: storage)
    }
    self.warnings = warnings
  }
}
