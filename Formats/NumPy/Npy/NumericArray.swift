import CheckpointCore

/// A file with one array of numbers: an `.npy` file, or a pickle of an array. Formats: Npy/FORMAT.md, Pickle/FORMAT.md.
struct NumericArray {
  let file: InputFile
  let dtype: DType
  let shape: Shape
  let tensor: Tensor
  let warnings: [String]

  /// - Throws: `corrupt` where the data are shorter than the shape says.
  init(_ path: String) throws(CheckpointError) {
    file = try InputFile(path)
    if PickledArray.recognises(try file.bytes(at: 0, count: min(8, file.size))) {
      let array = try PickledArray(file)
      (dtype, shape, tensor, warnings) = (array.dtype, array.shape, array.tensor, array.warnings)
    } else {
      let header = try NpyHeader(file)
      (dtype, shape) = (header.dtype, header.shape)
      (tensor, warnings) = try NumericArray.content(of: file, header)
    }
  }

  private static func content(
    of file: InputFile, _ header: NpyHeader
  ) throws(CheckpointError) -> (Tensor, warnings: [String]) {
    try locating(file: file.path) { () throws(CheckpointError) in
      guard let width = header.dtype.width, let word = header.dtype.wordWidth else {
        throw CheckpointError(.unsupported, "\(header.dtype.rawValue) has no fixed width")
      }
      let size = try header.shape.byteCount(width: width)
      let available = file.size - header.dataOffset
      guard size <= available else {
        throw CheckpointError(
          .corrupt, "the shape \(header.shape) takes \(size) bytes, but \(available) follow the header")
      }
      let rest = size < available ? ["\(available - size) bytes follow the array"] : []
      var storage: any TensorStorage = try FileStorage(file, offset: header.dataOffset, byteCount: size)
      if header.isBigEndian, word > 1 { storage = ByteSwappedStorage(storage, wordWidth: word) }
      if header.isFortranOrder, header.shape.rank > 1, size > 0 {
        storage = FortranStorage(storage, shape: header.shape, width: width)
      }
      return (try Tensor(dtype: header.dtype, shape: header.shape, storage: storage), header.warnings + rest)
    }
  }
}
