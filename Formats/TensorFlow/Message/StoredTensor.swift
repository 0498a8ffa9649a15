import CheckpointCore
import ProtoWire

/// `TensorProto` (tensor.proto) whose bytes stay where they are: raw `tensor_content`, or the list of values that belongs to its
/// dtype. `ProtoWire.TensorProto` is the same for small tensors in memory.
struct StoredTensor {
  /// Largest message whose values are listed one by one, each with its own field, which no writer of TensorFlow's does.
  private static let largestUnpacked = 16 << 20
  /// Most strings of one tensor.
  private static let mostStrings = 1 << 24

  let message: StoredMessage
  /// What the message itself says; nil in a checkpoint, where the index says it.
  private(set) var dtypeNumber: Int?
  private(set) var shape: Shape?
  private var content: Range<Int>?

  init(_ message: StoredMessage) throws(CheckpointError) {
    self.message = message
    try message.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 1: dtypeNumber = try value.integer("TensorProto.dtype")
      case 2:
        shape = try TensorShape(try message.nested(try value.range("TensorProto.tensor_shape")).loaded()).known()
      case 4:
        let range = try value.range("TensorProto.tensor_content")
        content = range.isEmpty ? nil : range
      default: break
      }
    }
  }

  /// The elements that are there.
  /// - Returns: the storage, and where in the message's storage it lies as it is, if it does.
  func elements(of dtype: DType) throws(CheckpointError) -> (storage: any TensorStorage, plain: Range<Int>?) {
    guard let width = dtype.width, let field = StoredTensor.field(of: dtype) else {
      if dtype == .string { return (try strings(), nil) }
      throw CheckpointError(.unsupported, "\(dtype.rawValue) is an opaque value, not numbers")
    }
    if let content { return (try slice(content), content) }
    var lists: [WireValue] = []
    try message.forEachField { (number, value) throws(CheckpointError) in
      if number == field, lists.count < 2 { lists.append(value) }
    }
    guard let first = lists.first else { return (MemoryStorage([]), nil) }
    guard lists.count == 1, case .bytes(let range) = first else {
      return (MemoryStorage(try unpacked(field, width: width)), nil)
    }
    if StoredTensor.isVarint(field) {
      return (try VarintStorage(message.storage, range, dtype: dtype, width: width), nil)
    }
    guard range.count % width == 0 else {
      throw CheckpointError(.corrupt, "a list of \(dtype.rawValue) has \(range.count) bytes")
    }
    return (try slice(range), range)
  }

  /// The tensor of a graph: a list that is shorter than its shape repeats its last value.
  /// - Parameter limit: most bytes that repeating may make.
  func tensor(_ dtype: DType, _ shape: Shape, repeatingUpTo limit: Int) throws(CheckpointError) -> Tensor {
    let storage = try elements(of: dtype).storage
    if let strings = storage as? StringStorage {
      return try Tensor(dtype: dtype, shape: shape, storage: try strings.repeated(shape.elementCount))
    }
    guard let width = dtype.width, content == nil else {
      return try Tensor(dtype: dtype, shape: shape, storage: storage)
    }
    let size = try shape.byteCount(width: width)
    guard storage.byteCount < size else { return try Tensor(dtype: dtype, shape: shape, storage: storage) }
    guard size <= limit else {
      throw CheckpointError(
        .unsupported, "a tensor of shape \(shape) repeats one value over more than the limit of \(limit) bytes")
    }
    let repeated = try RepeatedStorage(storage, width: width, byteCount: size)
    return try Tensor(dtype: dtype, shape: shape, storage: repeated)
  }

  private func slice(_ range: Range<Int>) throws(CheckpointError) -> any TensorStorage {
    if let file = message.storage as? FileStorage {
      return try FileStorage(file.file, offset: file.offset + range.lowerBound, byteCount: range.count)
    }
    return GatheredStorage(
      sources: [message.storage], pieces: [.init(source: 0, offset: range.lowerBound, count: range.count)])
  }

  /// The strings that are there, their characters where they are.
  private func strings() throws(CheckpointError) -> StringStorage {
    var lengths: [Int] = []
    var pieces: [GatheredStorage.Piece] = []
    guard content == nil else {
      throw CheckpointError(.unsupported, "strings in tensor_content are not supported")
    }
    try message.forEachField { (number, value) throws(CheckpointError) in
      guard number == 8 else { return }
      let range = try value.range("TensorProto.string_val")
      guard lengths.count < StoredTensor.mostStrings else {
        throw CheckpointError(.unsupported, "more than \(StoredTensor.mostStrings) strings in one tensor")
      }
      lengths.append(range.count)
      if !range.isEmpty { pieces.append(.init(source: 0, offset: range.lowerBound, count: range.count)) }
    }
    return try StringStorage(
      lengths: lengths, characters: GatheredStorage(sources: [message.storage], pieces: pieces))
  }

  /// Values that each have a field of their own, or come in several lists.
  private func unpacked(_ field: Int, width: Int) throws(CheckpointError) -> [UInt8] {
    guard message.range.count <= StoredTensor.largestUnpacked else {
      throw CheckpointError(.unsupported, "a tensor of \(message.range.count) bytes lists its values one by one")
    }
    let all = try message.loaded()
    var integers: [Int] = []
    var floats: [Float] = []
    var doubles: [Double] = []
    try all.forEachField { (number, value) throws(CheckpointError) in
      guard number == field else { return }
      switch field {
      case 5, 9: try all.appendFloats(value, to: &floats)
      case 6, 12: try all.appendDoubles(value, to: &doubles)
      case 18: integers += all.bytes[try value.range("TensorProto.float8_val")].map(Int.init)
      default: try all.appendIntegers(value, to: &integers)
      }
    }
    var bytes: [UInt8] = []
    for value in floats { bytes.appendLittleEndian(UInt64(value.bitPattern), count: 4) }
    for value in doubles { bytes.appendLittleEndian(value.bitPattern, count: 8) }
    for value in integers { bytes.appendLittleEndian(UInt64(bitPattern: Int64(value)), count: width) }
    guard bytes.count % width == 0 else { throw CheckpointError(.corrupt, "half of a complex number is missing") }
    return bytes
  }

  /// The field that holds values of a dtype; nil for strings and opaque values.
  static func field(of dtype: DType) -> Int? {
    switch dtype {
    case .float32: 5
    case .float64: 6
    case .int8, .int16, .int32, .uint8, .uint16, .qint8, .qint16, .qint32, .quint8, .quint16: 7
    case .int4, .uint4, .int2, .uint2: 7
    case .complex64: 9
    case .int64: 10
    case .bool: 11
    case .complex128: 12
    case .float16, .bfloat16: 13
    case .uint32: 16
    case .uint64: 17
    case .float8E5M2, .float8E4M3FN, .float8E4M3FNUZ, .float8E4M3B11FNUZ, .float8E5M2FNUZ: 18
    case .string, .variant: nil
    }
  }

  /// Whether a field is a list of varints and not of plain little-endian numbers.
  static func isVarint(_ field: Int) -> Bool { [7, 10, 11, 13, 16, 17].contains(field) }
}

extension StringStorage {
  /// Most strings that repeating the last one may make.
  private static let mostRepeated = 1 << 20
  /// Most characters that it may make.
  private static let largestRepeated = 64 << 20

  /// As many strings as a tensor has, the last one for all that are missing.
  fileprivate func repeated(_ count: Int) throws(CheckpointError) -> StringStorage {
    guard lengths.count < count else { return self }
    guard count <= StringStorage.mostRepeated else {
      throw CheckpointError(.unsupported, "\(count) strings from a list of \(lengths.count) are too many")
    }
    let last = lengths.last ?? 0
    let missing = count - lengths.count
    let size = characters.byteCount
    guard last <= StringStorage.mostRepeated, last * missing <= StringStorage.largestRepeated else {
      throw CheckpointError(.unsupported, "a string of \(last) bytes is repeated \(missing) times")
    }
    let pieces = [GatheredStorage.Piece(source: 0, offset: 0, count: size)]
    let repeats = [GatheredStorage.Piece](
      repeating: .init(source: 0, offset: size - last, count: last), count: last == 0 ? 0 : missing)
    return try StringStorage(
      lengths: lengths + [Int](repeating: last, count: missing),
      characters: GatheredStorage(sources: [characters], pieces: pieces + repeats))
  }
}
