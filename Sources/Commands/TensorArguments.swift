import CheckpointCore
import FormatRegistry
import Verifier

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

  /// The file that it is read from, if it is one.
  var file: String? { Candidate.isFile(value) ? value : nil }

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
    return try fitted(try TensorLiteral.tensor(json), to: dtype)
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
