package import CheckpointCore
package import GraphRuntime
import ProtoWire

/// What the original program computed from known inputs. A checkpoint with which the graph computes it again is that program's.
package final class RecordedAnswer {
  private let request: GraphRequest
  private let expectations: [(name: String, tensor: Tensor)]
  private let runner: GraphRunner
  private let tolerance: Tolerance?

  /// - Parameters:
  ///   - request: the feeds; what it fetches does not matter.
  ///   - expectations: at least one.
  ///   - tolerance: nil for a ten-thousandth of the largest number of each tensor, more than programs of different versions
  ///     and machines differ by, and far less than two layouts of one vector do.
  /// - Throws: where the graph cannot compute what was recorded, whatever the variables.
  package init(
    _ graph: Graph, _ request: GraphRequest, _ expectations: [(name: String, tensor: Tensor)],
    tolerance: Tolerance? = nil, threads: Int = 1, limits: RunLimits = RunLimits()
  ) throws(CheckpointError) {
    self.request = {
      var request = request
      request.fetches = expectations.map { TensorName($0.name) }
      return request
    }()
    self.expectations = expectations
    self.tolerance = tolerance
    runner = try GraphRunner(graph, threads: threads, limits: limits)
    _ = try runner.prepare(feeds: self.request.feeds.map(\.name), fetches: self.request.fetches)
  }

  /// The bytes of what the graph computes with the variables of a store, where that is the recorded answer; nil where it is
  /// not, or where the store lacks a variable that is needed.
  package func reproduction(_ store: VariableStore?) throws(CheckpointError) -> [UInt8]? {
    let values: [Tensor]
    do throws(CheckpointError) {
      values = try runner.evaluate(request, store)
    } catch {
      // Garbage in a variable, such as an index out of range, is an answer too: a wrong one.
      guard [.notFound, .corrupt, .unsupported, .usage].contains(error.code) else { throw error }
      return nil
    }
    var bytes: [UInt8] = []
    for (value, expectation) in zip(values, expectations) {
      let expected = try expectation.tensor.asComputed(value.dtype)
      guard value.shape == expected.shape, value.dtype == expected.dtype else { return nil }
      var allowed = tolerance
      if allowed == nil { allowed = try RecordedAnswer.tolerance(for: expected) }
      let distance = try ValueDistance(found: value, expected: expected, tolerance: allowed ?? .exact)
      guard distance.isWithinTolerance else { return nil }
      bytes += try value.bytes()
    }
    return bytes
  }

  private static func tolerance(for expected: Tensor) throws(CheckpointError) -> Tolerance {
    guard expected.dtype.isFloat, expected.dtype.isCastable else { return .exact }
    let zero = try Tensor(
      dtype: expected.dtype, shape: expected.shape,
      storage: MemoryStorage([UInt8](repeating: 0, count: expected.byteCount)))
    // The distance from zero is the largest magnitude.
    let largest = try ValueDistance(found: expected, expected: zero, tolerance: .exact).absolute
    return Tolerance(absolute: largest.isFinite ? 1e-6 + 1e-4 * largest : 1e-5, relative: 1e-5)
  }
}

extension Tensor {
  /// A recorded number in the dtype that the graph computes: a literal such as `0.97` is meant as the nearest number of it.
  package func asComputed(_ dtype: DType) throws(CheckpointError) -> Tensor {
    guard self.dtype != dtype, self.dtype.isCastable, dtype.isCastable else { return self }
    return try cast(to: dtype)
  }
}
