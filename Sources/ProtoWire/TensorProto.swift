public import CheckpointCore

/// `TensorProto` (tensor.proto): a tensor inside a message, either as raw `tensor_content` or as a list of values of its
/// type. A list that is shorter than the shape repeats its last value; an empty one means zeros.
public struct TensorProto: Sendable {
  public let dtype: DType
  public let shape: Shape
  private let content: Range<Int>?
  /// Values of the typed lists as canonical element bytes, or strings.
  private var elements: [UInt8] = []
  private var strings: [Range<Int>] = []
  private let message: Message

  /// - Throws: `corrupt` for contradictions, `unsupported` for a dtype that is not data (a resource handle).
  public init(_ message: Message) throws(CheckpointError) {
    var number = 0
    var shape = Shape.scalar
    var content: Range<Int>?
    var integers: [Int] = []
    var floats: [Float] = []
    var doubles: [Double] = []
    var strings: [Range<Int>] = []
    try message.forEachField { (field, value) throws(CheckpointError) in
      switch field {
      case 1: number = try value.integer("TensorProto.dtype")
      case 2: shape = try TensorShape(message.nested(try value.range("TensorProto.tensor_shape"))).known()
      case 4: content = try value.range("TensorProto.tensor_content")
      case 5, 9: try message.appendFloats(value, to: &floats)
      case 6, 12: try message.appendDoubles(value, to: &doubles)
      // int_val, int64_val, bool_val, half_val, uint32_val, uint64_val: each dtype uses one of them.
      case 7, 10, 11, 13, 16, 17: try message.appendIntegers(value, to: &integers)
      case 8: strings.append(try value.range("TensorProto.string_val"))
      case 18: integers += message.bytes[try value.range("TensorProto.float8_val")].map(Int.init)
      default: break
      }
    }
    guard let dtype = DataType.dtype(number) else {
      throw CheckpointError(.unsupported, "a tensor has the dtype number \(number), which is not one of data")
    }
    self.dtype = dtype
    self.shape = shape
    self.content = content.flatMap { $0.isEmpty ? nil : $0 }
    self.message = message
    self.strings = strings
    switch dtype {
    case .float32, .complex64:
      for value in floats { elements.appendLittleEndian(UInt64(value.bitPattern), count: 4) }
    case .float64, .complex128:
      for value in doubles { elements.appendLittleEndian(value.bitPattern, count: 8) }
    default:
      guard let width = dtype.width else { break }
      for value in integers { elements.appendLittleEndian(UInt64(bitPattern: Int64(value)), count: width) }
    }
  }

  /// The canonical bytes, every element there.
  /// - Parameter limit: most bytes that repeating a value may make.
  /// - Throws: `corrupt` where content and shape disagree, `unsupported` beyond the limit.
  public func bytes(limit: Int) throws(CheckpointError) -> [UInt8] {
    guard let width = dtype.width else { throw CheckpointError(.unsupported, "\(dtype.rawValue) has no plain bytes") }
    let size = try shape.byteCount(width: width)
    if let content {
      guard content.count == size else {
        throw CheckpointError(.corrupt, "a tensor of shape \(shape) has \(content.count) bytes of content, not \(size)")
      }
      return Array(message.bytes[content])
    }
    guard elements.count <= size, elements.count % width == 0 else {
      throw CheckpointError(.corrupt, "a tensor of shape \(shape) lists \(elements.count / width) values")
    }
    guard size <= max(limit, elements.count) else {
      throw CheckpointError(.unsupported, "a tensor of shape \(shape) is larger than the limit of \(limit) bytes")
    }
    try requireMemory(size)
    var bytes = elements
    bytes.reserveCapacity(size)
    let last = elements.isEmpty ? [UInt8](repeating: 0, count: width) : Array(elements.suffix(width))
    while bytes.count < size { bytes.append(contentsOf: last) }
    return bytes
  }

  /// The elements of a string tensor, every element there.
  public func stringElements(limit: Int = 1 << 20) throws(CheckpointError) -> [[UInt8]] {
    guard dtype == .string else {
      throw CheckpointError(.corrupt, "a tensor of strings was expected, not \(dtype.rawValue)")
    }
    let count = shape.elementCount
    guard strings.count <= count, count <= max(limit, strings.count) else {
      throw CheckpointError(.corrupt, "a tensor of shape \(shape) lists \(strings.count) strings")
    }
    var elements = strings.map { Array(message.bytes[$0]) }
    let last = elements.last ?? []
    while elements.count < count { elements.append(last) }
    return elements
  }
}
