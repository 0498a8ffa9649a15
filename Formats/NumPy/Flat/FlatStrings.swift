import CheckpointCore

/// String tensors as bytes: per element its length as a 64-bit number, then its bytes. Layout: Flat/FORMAT.md.
enum FlatStrings {
  /// Strings in a vector of bytes.
  static func tensor(
    shape: Shape, in vector: NumericArray, at offset: Int, size: Int, crc32c: UInt32?
  ) throws(CheckpointError) -> Tensor {
    guard vector.dtype == .uint8, let bytes = vector.tensor.storage as? FileStorage else {
      throw CheckpointError(.corrupt, "strings lie in a vector of uint8, not of \(vector.dtype.rawValue)")
    }
    let (end, overflow) = offset.addingReportingOverflow(size)
    guard size >= 0, !overflow, end <= bytes.byteCount, shape.elementCount <= size / 8 else {
      throw CheckpointError(
        .corrupt, "\(shape.elementCount) strings cannot be in elements \(offset)+\(size) of the vector")
    }
    return try tensor(
      shape: shape, bytes: FileStorage(bytes.file, offset: bytes.offset + offset, byteCount: size, crc32c: crc32c))
  }

  /// Reads the lengths; the characters stay where they are.
  /// - Parameter bytes: those of all strings and nothing else.
  static func tensor(shape: Shape, bytes: any TensorStorage) throws(CheckpointError) -> Tensor {
    let size = bytes.byteCount
    guard shape.elementCount <= size / 8 else {
      throw CheckpointError(.corrupt, "\(shape.elementCount) strings cannot be in \(size) bytes")
    }
    var pieces: [GatheredStorage.Piece] = []
    var position = 0
    var window = Window(bytes)
    for _ in 0..<shape.elementCount {
      let length = try window.length(at: position)
      guard length <= size - position - 8 else {
        throw CheckpointError(
          .corrupt, "a string of \(length) bytes lies outside the \(size) that the strings have")
      }
      pieces.append(.init(source: 0, offset: position + 8, count: length))
      position += 8 + length
    }
    guard position == size else {
      throw CheckpointError(.corrupt, "the strings take \(position) of the \(size) bytes that they should")
    }
    return try Tensor(
      dtype: .string, shape: shape,
      storage: StringStorage(
        lengths: pieces.map(\.count), characters: GatheredStorage(sources: [bytes], pieces: pieces)))
  }

  /// The part of a storage that was read last, so that many short strings cost few reads.
  private struct Window {
    private let storage: any TensorStorage
    private var bytes: [UInt8] = []
    private var start = 0

    init(_ storage: any TensorStorage) { self.storage = storage }

    /// The 64-bit length at a position.
    mutating func length(at position: Int) throws(CheckpointError) -> Int {
      guard position <= storage.byteCount - 8 else { throw CheckpointError(.corrupt, "the strings are cut short") }
      if position < start || position + 8 > start + bytes.count {
        start = position
        bytes = try storage.bytes(at: position, count: min(64 << 10, storage.byteCount - position))
      }
      var cursor = ByteCursor(bytes, position - start..<position - start + 8)
      guard let length = Int(exactly: try cursor.fixed64()) else {
        throw CheckpointError(.corrupt, "the length of a string is not plausible")
      }
      return length
    }
  }
}
