/// A dtype, a shape, and where the bytes are.
public struct Tensor: Sendable {
  public let dtype: DType
  public let shape: Shape
  public let storage: any TensorStorage

  /// - Throws: `corrupt` where the storage does not have the bytes that dtype and shape ask for.
  public init(dtype: DType, shape: Shape, storage: any TensorStorage) throws(CheckpointError) {
    if let width = dtype.width {
      let expected = try shape.byteCount(width: width)
      guard storage.byteCount == expected else {
        throw CheckpointError(
          .corrupt, "\(dtype.rawValue) of shape \(shape) takes \(expected) bytes, but \(storage.byteCount) are stored")
      }
    } else if dtype == .string, !(storage is MissingStorage) {
      guard let strings = storage as? StringStorage, strings.lengths.count == shape.elementCount else {
        throw CheckpointError(.corrupt, "the number of strings does not match the shape \(shape)")
      }
    }
    self.dtype = dtype
    self.shape = shape
    self.storage = storage
  }

  /// Canonical bytes.
  public var byteCount: Int { storage.byteCount }

  /// Lends all canonical bytes in order and checks what the source recorded about them; the last piece has been lent when
  /// a wrong checksum is found.
  public func forEachChunk(
    using buffer: inout ChunkBuffer, _ body: (RawSpan, Int) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    if !storage.hasSum { try storage.verify() }
    var sums = Checksums(recordedBy: storage)
    try buffer.forEachChunk(of: storage, in: 0..<byteCount) { chunk, offset throws(CheckpointError) in
      sums.update(chunk)
      try body(chunk, offset)
    }
    try sums.require(recordedBy: storage)
  }

  /// All canonical bytes, checked; for small tensors.
  public func bytes() throws(CheckpointError) -> [UInt8] {
    try requireMemory(byteCount)
    var all: [UInt8] = []
    all.reserveCapacity(byteCount)
    var buffer = ChunkBuffer()
    try forEachChunk(using: &buffer) { chunk, _ throws(CheckpointError) in
      // SAFETY: the pointer is used inside the closure only.
      unsafe chunk.withUnsafeBytes { unsafe all.append(contentsOf: $0) }
    }
    return all
  }
}
