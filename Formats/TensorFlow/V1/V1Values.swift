import CheckpointCore

/// The values of a tensor as a record has them: `float_val`, `int_val` and their kin of TensorProto.
/// Layout: FORMAT.md, "Values".
enum V1Values {
  /// What TensorFlow's own writer takes (saved_tensor_slice_util.h).
  static func canHold(_ dtype: DType) -> Bool {
    switch dtype {
    case .bool, .int8, .int16, .int32, .int64, .uint8, .uint16, .float16, .float32, .float64: true
    case .complex64, .complex128, .qint8, .quint8, .qint32, .string: true
    default: false
    }
  }

  /// Whether the values are stored as they are.
  static func isPlain(_ dtype: DType) -> Bool {
    StoredTensor.field(of: dtype).map { !StoredTensor.isVarint($0) } ?? false
  }

  /// The field whose list the values are; nil for strings, each of which has its own.
  static func listField(of tensor: Tensor) -> Int? { StoredTensor.field(of: tensor.dtype) }

  /// An upper bound of `size`, from the shape alone.
  static func largestSize(of tensor: Tensor) -> Int {
    let count = tensor.shape.elementCount
    let widest: Int
    switch tensor.dtype {
    case .int8, .int16, .int32, .int64, .qint8, .qint32: widest = 10
    case .uint8, .quint8: widest = 2
    case .uint16, .float16: widest = 3
    case .string: return tensor.byteCount
    default: widest = tensor.dtype.width ?? 16
    }
    return count.multipliedReportingOverflow(by: widest).overflow ? .max : count * widest
  }

  /// Bytes of the values. Those that are not plain are read for it.
  static func size(of tensor: Tensor) throws(CheckpointError) -> Int {
    if isPlain(tensor.dtype) { return tensor.byteCount }
    if let strings = tensor.storage as? StringStorage {
      return strings.lengths.reduce(0) { $0 + 1 + varintSize(UInt64($1)) + $1 }
    }
    var size = 0
    try forEachNumber(of: tensor) { (number) throws(CheckpointError) in size += varintSize(number) }
    return size
  }

  /// Writes values that are not plain.
  /// - Parameter size: what `size(of:)` said.
  /// - Returns: the sum of what was written.
  static func write(
    _ tensor: Tensor, size: Int, to file: OutputFile, at offset: Int
  ) throws(CheckpointError) -> UInt32 {
    var stream = Stream(file: file, position: offset)
    if let strings = tensor.storage as? StringStorage {
      try strings.characters.verifyWhole()
      var start = 0
      for length in strings.lengths {
        try stream.append { bytes in
          bytes.append(8 << 3 | 2)
          bytes.appendVarint(UInt64(length))
        }
        for begin in stride(from: start, to: start + length, by: ChunkBuffer.capacity) {
          let end = min(begin + ChunkBuffer.capacity, start + length)
          let part = try strings.characters.bytes(begin..<end)
          try stream.append { $0 += part }
        }
        start += length
      }
    } else {
      try forEachNumber(of: tensor) { (number) throws(CheckpointError) in
        try stream.append { $0.appendVarint(number) }
      }
    }
    try stream.flush()
    guard stream.position == offset + size else {
      throw CheckpointError(.io, "the values changed while they were being written")
    }
    return stream.sum.value
  }

  /// Bytes on their way to a file.
  private struct Stream {
    let file: OutputFile
    private(set) var position: Int
    private(set) var sum = CRC32C()
    private var bytes: [UInt8] = []

    init(file: OutputFile, position: Int) {
      self.file = file
      self.position = position
    }

    mutating func append(_ body: (inout [UInt8]) -> Void) throws(CheckpointError) {
      body(&bytes)
      if bytes.count >= ChunkBuffer.capacity { try flush() }
    }

    mutating func flush() throws(CheckpointError) {
      var running = sum
      running.update(bytes.rawSpan)
      sum = running
      try file.write(bytes, at: position)
      position += bytes.count
      bytes.removeAll(keepingCapacity: true)
    }
  }

  /// Calls `body` with every element as the varint that stands for it: numbers with a sign as 64 bits.
  private static func forEachNumber(
    of tensor: Tensor, _ body: (UInt64) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    guard let width = tensor.dtype.width, width <= 8 else { return }
    let isSigned: Bool
    switch tensor.dtype {
    case .int8, .int16, .int32, .int64, .qint8, .qint32: isSigned = true
    default: isSigned = false
    }
    let unused = UInt64(64 - 8 * width)
    var buffer = ChunkBuffer()
    try tensor.forEachChunk(using: &buffer) { (chunk, _) throws(CheckpointError) in
      for place in stride(from: 0, to: chunk.byteCount, by: width) {
        var number: UInt64 = 0
        // SAFETY: `place + i` lies inside the chunk, which has whole elements; a byte has no invalid value.
        for i in 0..<width {
          number |= UInt64(unsafe chunk.unsafeLoad(fromByteOffset: place + i, as: UInt8.self)) << (8 * UInt64(i))
        }
        if isSigned { number = UInt64(bitPattern: Int64(bitPattern: number << unused) >> Int64(unused)) }
        try body(number)
      }
    }
  }

  private static func varintSize(_ value: UInt64) -> Int { max(1, (64 - value.leadingZeroBitCount + 6) / 7) }
}
