import CheckpointCore
import FormatRegistry

/// `NAME=FILE` or `NAME=VALUE`, as `--feed` and `--expect` take it.
struct TensorArgument {
  let name: String
  private let value: String

  /// - Throws: `usage` where there is no `=`.
  init(_ argument: String, option: String) throws(CheckpointError) {
    guard let equals = argument.utf8.firstIndex(of: UInt8(ascii: "=")), equals > argument.startIndex else {
      throw CheckpointError(.usage, "\(option) takes NAME=FILE or NAME=VALUE, not '\(argument)'")
    }
    name = String(argument[..<equals])
    value = String(argument[argument.utf8.index(after: equals)...])
  }

  /// The tensor: a file with one array, or a JSON literal.
  /// - Parameter dtype: what the graph takes; numbers are cast to it where every value survives.
  func tensor(dtype: DType?) throws(CheckpointError) -> Tensor {
    if Candidate.isFile(value) {
      let (store, _) = try Opening.open(value)
      guard store.variables.count == 1, let variable = store.variables.first else {
        throw CheckpointError(.usage, "holds \(store.variables.count) arrays where one was expected for '\(name)'").at(
          file: value)
      }
      return try fitted(variable.tensor, to: dtype)
    }
    let json: JSONValue
    do throws(CheckpointError) {
      json = try JSONReader.parse(Array(value.utf8))
    } catch {
      throw CheckpointError(.notFound, "'\(value)', the value of '\(name)', is neither a file nor a JSON literal")
    }
    var literal = TensorLiteral()
    try literal.add(json, depth: 0)
    return try fitted(try literal.tensor(), to: dtype)
  }

  private func fitted(_ tensor: Tensor, to dtype: DType?) throws(CheckpointError) -> Tensor {
    guard let dtype, dtype != tensor.dtype, dtype.isCastable, tensor.dtype.isCastable else { return tensor }
    let cast = try tensor.cast(to: dtype)
    // A literal such as 0.1 is meant as the nearest number of its dtype; a file is taken at its word.
    if let storage = cast.storage as? CastStorage, Candidate.isFile(value) || dtype.isWhole {
      let loss = try storage.loss()
      guard loss.isNone else {
        throw CheckpointError(
          .usage,
          "'\(name)' takes \(dtype.rawValue), and \(loss.rounded + loss.overflowed) values of the \(tensor.dtype.rawValue) given do not survive as that"
        )
      }
    }
    return try Tensor(dtype: dtype, shape: tensor.shape, storage: MemoryStorage(try cast.bytes()))
  }
}

extension DType {
  /// Whether values of this dtype are whole numbers or truth values.
  fileprivate var isWhole: Bool {
    switch self {
    case .bool, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64: true
    default: false
    }
  }
}

/// A tensor written as JSON: a number, a string, true or false, or arrays of them.
private struct TensorLiteral {
  private var dimensions: [Int] = []
  private var numbers: [Double] = []
  private var integers: [Int] = []
  private var flags: [UInt8] = []
  private var strings: [[UInt8]] = []
  private var count = 0

  mutating func add(_ json: JSONValue, depth: Int) throws(CheckpointError) {
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

  /// Whole numbers are int64 and others float64: the caller knows what the graph takes.
  func tensor() throws(CheckpointError) -> Tensor {
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
