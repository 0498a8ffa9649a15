package import CheckpointCore

/// A tensor written as JSON: a number, a string, true or false, or arrays of them.
package struct TensorLiteral {
  private var dimensions: [Int] = []
  private var numbers: [Double] = []
  private var integers: [Int] = []
  private var flags: [UInt8] = []
  private var strings: [[UInt8]] = []
  private var count = 0

  private mutating func add(_ json: JSONValue, depth: Int) throws(CheckpointError) {
    if case .array(let elements) = json {
      if dimensions.count == depth {
        guard count == 0 else { throw TensorLiteral.ragged }
        dimensions.append(elements.count)
      }
      guard dimensions[depth] == elements.count else { throw TensorLiteral.ragged }
      for element in elements { try add(element, depth: depth + 1) }
      return
    }
    guard depth == dimensions.count else { throw TensorLiteral.ragged }
    count += 1
    switch json {
    case .integer(let value):
      integers.append(value)
      numbers.append(Double(value))
    case .number(let text): numbers.append(Double(text) ?? .nan)
    case .bool(let flag): flags.append(flag ? 1 : 0)
    // Numbers that JSON has no word for.
    case .string(let text)
    where ["nan", "inf", "-inf"].contains(String(decoding: text, as: UTF8.self).lowercased()) && strings.isEmpty
      && count == numbers.count + 1:
      numbers.append(Double(String(decoding: text, as: UTF8.self).lowercased()) ?? .nan)
    case .string(let text): strings.append(text)
    default: throw CheckpointError(.usage, "a value is made of numbers, strings, true, false and arrays of them")
    }
  }

  private static let ragged = CheckpointError(.usage, "the arrays of a value must have equal lengths")

  /// Whole numbers are int32 where they fit and int64 else, others float64: the caller knows what the graph takes.
  package static func tensor(_ json: JSONValue) throws(CheckpointError) -> Tensor {
    var literal = TensorLiteral()
    try literal.add(json, depth: 0)
    return try literal.tensor()
  }

  private func tensor() throws(CheckpointError) -> Tensor {
    let shape = try Shape(dimensions)
    var bytes: [UInt8] = []
    if integers.count == count {
      for value in integers { bytes.appendLittleEndian(UInt64(bitPattern: Int64(value)), count: 8) }
      return try narrow(Tensor(dtype: .int64, shape: shape, storage: MemoryStorage(bytes)), to: .int32)
    }
    if numbers.count == count {
      for value in numbers { bytes.appendLittleEndian(value.bitPattern, count: 8) }
      return try Tensor(dtype: .float64, shape: shape, storage: MemoryStorage(bytes))
    }
    if flags.count == count { return try Tensor(dtype: .bool, shape: shape, storage: MemoryStorage(flags)) }
    guard strings.count == count else {
      throw CheckpointError(.usage, "a value mixes numbers, strings and truth values")
    }
    return try Tensor(dtype: .string, shape: shape, storage: StringStorage(strings))
  }

  /// int32 where it fits: what graphs use for sizes and counts.
  private func narrow(_ tensor: Tensor, to dtype: DType) throws(CheckpointError) -> Tensor {
    let cast = try tensor.cast(to: dtype)
    guard let storage = cast.storage as? CastStorage, try storage.loss().isNone else { return tensor }
    return try Tensor(dtype: dtype, shape: tensor.shape, storage: MemoryStorage(try cast.bytes()))
  }
}
