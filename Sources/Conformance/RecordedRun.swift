import CheckpointCore
import FormatRegistry
import Verifier

/// A run of a graph: what it was fed and what the original program computed.
struct RecordedRun: Sendable {
  let name: String
  /// A `.meta`, a SavedModel folder or a frozen graph.
  let graph: String
  /// The subject whose variables the graph reads; the graph itself where it holds them.
  let weights: String
  let feeds: [(name: String, value: RecordedValue)]
  let expectations: [Expectation]
  /// Where the arrays have a leading axis of steps: how many.
  let steps: Int?

  struct Expectation: Sendable {
    let name: String
    let value: RecordedValue
    /// Every bit must match.
    let isExact: Bool
    let tolerance: Tolerance
  }
}

/// A recorded array: a file, some rows of one, or a number.
struct RecordedValue: Sendable {
  enum Source: Sendable {
    case file(String, rows: Range<Int>?)
    case literal(JSONValue)
  }

  let source: Source
  let dtype: DType?

  /// - Parameter step: the slice of the leading axis, nil for the whole.
  func tensor(step: Int?) throws(CheckpointError) -> Tensor {
    switch source {
    case .file(let path, let rows):
      let store = try Opening.open(path, as: "npy").store
      guard let whole = store.variables.first?.tensor else {
        throw CheckpointError(.corrupt, "holds no array").at(file: path)
      }
      return try locating(file: path) { () throws(CheckpointError) in
        var tensor = whole
        if let rows { tensor = try tensor.rows(rows) }
        if let step { tensor = try tensor.rows(step..<step + 1, keepsAxis: false) }
        return tensor
      }
    case .literal(let json):
      let tensor = try TensorLiteral.tensor(json)
      guard let dtype, dtype != tensor.dtype, dtype.isCastable, tensor.dtype.isCastable else { return tensor }
      return try tensor.cast(to: dtype)
    }
  }
}

extension Tensor {
  /// Rows of the first axis, in memory.
  fileprivate func rows(_ range: Range<Int>, keepsAxis: Bool = true) throws(CheckpointError) -> Tensor {
    guard let count = shape.dimensions.first, range.lowerBound >= 0, range.upperBound <= count, let width = dtype.width
    else {
      throw CheckpointError(
        .corrupt, "has no rows \(range.lowerBound) to \(range.upperBound): it is \(dtype.rawValue) \(shape)")
    }
    let rest = Array(shape.dimensions.dropFirst())
    let row = try Shape(rest).byteCount(width: width)
    let part = try storage.bytes(at: range.lowerBound * row, count: range.count * row)
    return try Tensor(
      dtype: dtype, shape: Shape(keepsAxis ? [range.count] + rest : rest), storage: MemoryStorage(part))
  }
}
