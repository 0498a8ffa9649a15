package import CheckpointCore
package import GraphRuntime
import ProtoWire

/// A request with its feeds in memory and its variables at hand, to be run any number of times.
package final class GraphEvaluation {
  private let request: GraphRequest
  private let prepared: PreparedRun
  private let feeds: [Value]
  private let weights: Weights?

  /// - Parameter isTraced: whether `run` is given a trace.
  package init(
    _ runner: GraphRunner, _ request: GraphRequest, _ store: VariableStore?, isTraced: Bool = false
  ) throws(CheckpointError) {
    self.request = request
    prepared = try runner.prepare(feeds: request.feeds.map(\.name), fetches: request.fetches, isTraced: isTraced)
    feeds = try request.feeds.map { (feed) throws(CheckpointError) in try runner.value(of: feed.tensor) }
    weights = store.map { Weights($0, for: runner.graph, allowsCasts: true) }
  }

  /// The fetched values in their order.
  package func run(trace: Trace? = nil) throws(CheckpointError) -> [Tensor] {
    let values = try prepared.run(feeds, weights: weights, trace: trace)
    var tensors: [Tensor] = []
    for (fetch, value) in zip(request.fetches, values) {
      do throws(CheckpointError) {
        tensors.append(try value.tensor())
      } catch {
        throw CheckpointError(error.code, "'\(fetch.text)': \(error.message)")
      }
    }
    return tensors
  }

  /// What should be known of the variables that were read: numbers of another dtype than the graph's are cast.
  package var note: String? {
    guard let lossy = weights?.casts.filter({ !$0.loss.isNone }), let first = lossy.first else { return nil }
    return "\(lossy.count) variables are \(first.from.rawValue) in the checkpoint and computed as \(first.to.rawValue)"
  }

  /// Runs once, its results thrown away.
  package func repeatRun() throws(CheckpointError) { _ = try prepared.run(feeds, weights: weights) }
}

extension GraphRunner {
  /// Runs a request with the variables of a store.
  package func evaluate(
    _ request: GraphRequest, _ store: VariableStore?, trace: Trace? = nil
  ) throws(CheckpointError) -> [Tensor] {
    try GraphEvaluation(self, request, store, isTraced: trace != nil).run(trace: trace)
  }
}
