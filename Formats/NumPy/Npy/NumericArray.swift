import CheckpointCore

/// A file with one array of numbers: an `.npy` file, or a pickle of an array. Formats: Npy/FORMAT.md, Pickle/FORMAT.md.
struct NumericArray {
  let file: InputFile
  let dtype: DType
  let shape: Shape
  let tensor: Tensor
  let warnings: [String]

  /// - Parameter salvage: whether data that are shorter than the shape says are taken as far as they go.
  /// - Throws: `corrupt` where they are shorter and that is not wanted.
  init(_ path: String, salvage: Bool = false) throws(CheckpointError) {
    file = try InputFile(path)
    if PickledArray.recognises(try file.bytes(at: 0, count: min(8, file.size))) {
      let array = try PickledArray(file)
      (dtype, shape, tensor, warnings) = (array.dtype, array.shape, array.tensor, array.warnings)
    } else {
      let array = try locating(file: file.path) { [file] () throws(CheckpointError) in
        let header = try NpyHeader(FileStorage(file, offset: 0, byteCount: file.size))
        let needed = header.dataOffset.addingReportingOverflow(
          try header.shape.byteCount(width: header.dtype.width ?? 1))
        if !needed.overflow, needed.partialValue > file.size {
          let reason = CheckpointError.cutShort(file, needed: needed.partialValue)
          guard salvage else { throw reason }
          let cut = try CutStorage(file, offset: header.dataOffset, needed: needed.partialValue, reason: reason)
          return (try header.tensor(cut), header.warnings)
        }
        let (range, rest) = try header.elements(of: file.size)
        let storage = try FileStorage(file, offset: range.lowerBound, byteCount: range.count)
        return (try header.tensor(storage), header.warnings + rest)
      }
      (tensor, warnings) = array
      (dtype, shape) = (tensor.dtype, tensor.shape)
    }
  }
}

extension NpyHeader {
  /// Where the elements lie in a file of so many bytes, and what is odd about that.
  /// - Throws: `corrupt` where the file is shorter than the shape says.
  func elements(of fileSize: Int) throws(CheckpointError) -> (range: Range<Int>, warnings: [String]) {
    guard let width = dtype.width else {
      throw CheckpointError(.unsupported, "\(dtype.rawValue) has no fixed width")
    }
    let size = try shape.byteCount(width: width)
    let available = fileSize - dataOffset
    guard size <= available else {
      throw CheckpointError(.corrupt, "the shape \(shape) takes \(size) bytes, but \(available) follow the header")
    }
    return (
      dataOffset..<dataOffset + size, size < available ? ["\(available - size) bytes follow the array"] : []
    )
  }

  /// The array whose elements are stored so, row by row and little-endian.
  func tensor(_ elements: any TensorStorage) throws(CheckpointError) -> Tensor {
    var storage = elements
    if isBigEndian, let word = dtype.wordWidth, word > 1 { storage = ByteSwappedStorage(storage, wordWidth: word) }
    if isFortranOrder, shape.rank > 1, storage.byteCount > 0 {
      storage = FortranStorage(storage, shape: shape, width: dtype.width ?? 1)
    }
    return try Tensor(dtype: dtype, shape: shape, storage: storage)
  }
}
