package import CheckpointCore
package import ProtoWire

/// Told of every output in the order of execution: the node's name, the output's number, the value.
package typealias Trace = (_ node: String, _ output: Int, _ value: Value) throws(CheckpointError) -> Void

/// Runs a graph: any tensors fetched, any tensors fed, variables from any checkpoint. What was prepared for a set of feeds
/// and fetches is kept, so that running again costs no more than the kernels. Not for use from several threads at once.
package final class GraphRunner {
  package let graph: Graph
  package let limits: RunLimits
  package let budget: MemoryBudget

  private let registry: OpRegistry
  private let workers: WorkerPool
  private var prepared: [String: PreparedRun] = [:]

  /// - Parameters:
  ///   - threads: among which large kernels split their work; the results do not depend on it.
  ///   - registry: the ops that are known; nil for all of them.
  package init(
    _ graph: Graph, threads: Int = 1, limits: RunLimits = RunLimits(), registry: OpRegistry? = nil
  ) throws(CheckpointError) {
    self.graph = graph
    self.limits = limits
    budget = MemoryBudget(limit: limits.liveBytes)
    self.registry = if let registry { registry } else { try OpRegistry.standard() }
    workers = WorkerPool(threads: threads)
  }

  /// Resolves everything between feeds and fetches.
  /// - Parameter isTraced: whether the runs will be traced: then every node executes by itself, with the same results.
  /// - Throws: one error that names every unknown op and bad attribute; `notFound` for names that the graph does not have;
  ///   `usage` for placeholders that are needed and not fed.
  package func prepare(
    feeds: [TensorName], fetches: [TensorName], isTraced: Bool = false
  ) throws(CheckpointError) -> PreparedRun {
    let key =
      (isTraced ? "t" : "") + feeds.map { "\($0.node):\($0.output)" }.joined(separator: "\u{0}") + "\u{1}"
      + fetches.map { "\($0.node):\($0.output)" }.joined(separator: "\u{0}")
    if let known = prepared[key] { return known }
    var sources: [Source: Int] = [:]
    for (i, feed) in feeds.enumerated() {
      guard sources.updateValue(i, forKey: try source(feed, "feed")) == nil else {
        throw CheckpointError(.usage, "'\(Name(feed.node)):\(feed.output)' is fed twice")
      }
    }
    var wanted: [Source] = []
    for fetch in fetches { wanted.append(try source(fetch, "fetch")) }
    let program = try ProgramBuilder(graph, registry, budget, fuses: !isTraced).build(feeds: sources, fetches: wanted)
    var expected: [Placeholder?] = []
    for feed in feeds { expected.append(try graph.placeholder(feed)) }
    let run = PreparedRun(
      program: program, feeds: feeds, fetches: fetches, expected: expected, budget: budget, limits: limits,
      workers: workers)
    prepared[key] = run
    return run
  }

  /// Runs the graph once. Variables, tables and random numbers begin anew each time.
  /// - Parameters:
  ///   - weights: nil where the graph needs none.
  ///   - trace: called with every output in the order of execution.
  /// - Returns: the fetched values in order.
  package func run(
    feeds: [(name: TensorName, value: Value)], fetches: [TensorName], weights: Weights?, trace: Trace? = nil
  ) throws(CheckpointError) -> [Value] {
    try prepare(feeds: feeds.map(\.name), fetches: fetches, isTraced: trace != nil)
      .run(feeds.map(\.value), weights: weights, trace: trace)
  }

  /// A checkpoint's tensor, or a feed, as a value of this runner.
  package func value(of tensor: Tensor) throws(CheckpointError) -> Value { try Value(tensor, budget: budget) }

  private func source(_ name: TensorName, _ use: String) throws(CheckpointError) -> Source {
    guard !name.isControl, name.output <= 0xffff, let node = graph.body.position(name.node) else {
      let near = nearest(to: name.node, among: graph.body.nodes.map(\.name))
      throw CheckpointError(
        .notFound, "the graph has no node '\(Name(name.node))' to \(use)",
        remedy: near.isEmpty ? nil : "the nearest names are \(near.map { "'\(Name($0))'" }.joined(separator: ", "))")
    }
    return .output(node: node, index: name.output)
  }
}

extension Graph {
  /// What a fed tensor must look like: known for placeholders, nil for other tensors.
  package func placeholder(_ name: TensorName) throws(CheckpointError) -> Placeholder? {
    guard let node = body.position(name.node), Graph.isPlaceholder(body.nodes[node].op) else { return nil }
    return try Graph.placeholder(body.nodes[node])
  }
}

/// A graph ready to run for certain feeds and fetches.
package final class PreparedRun {
  package let feeds: [TensorName]
  package let fetches: [TensorName]

  private let program: Program
  private let expected: [Placeholder?]
  private let budget: MemoryBudget
  private let limits: RunLimits
  private let workers: WorkerPool
  private let caches = KernelCaches()

  init(
    program: Program, feeds: [TensorName], fetches: [TensorName], expected: [Placeholder?], budget: MemoryBudget,
    limits: RunLimits, workers: WorkerPool
  ) {
    self.program = program
    self.feeds = feeds
    self.fetches = fetches
    self.expected = expected
    self.budget = budget
    self.limits = limits
    self.workers = workers
  }

  /// Nodes that a run executes at least once, functions not counted.
  package var nodeCount: Int { program.main.nodes.count }

  /// Nodes of the graph whose values come from the checkpoint.
  package var variables: [String] { program.variables.map(\.node) }

  /// - Parameters:
  ///   - values: for the feeds, in their order.
  ///   - trace: sees every node only where the run was prepared for it.
  /// - Returns: the values of the fetches, in their order.
  /// - Throws: `notFound` for a fetch on a branch that was not taken.
  package func run(_ values: [Value], weights: Weights?, trace: Trace? = nil) throws(CheckpointError) -> [Value] {
    var list: [Value] = []
    for (i, result) in try results(values, weights: weights, trace: trace).enumerated() {
      guard let result else {
        throw CheckpointError(
          .notFound,
          "'\(Name(fetches[i].node)):\(fetches[i].output)' was not computed: it lies on a branch that was not taken")
      }
      list.append(result)
    }
    return list
  }

  /// The same with nil for fetches on a branch that was not taken.
  package func results(_ values: [Value], weights: Weights?, trace: Trace? = nil) throws(CheckpointError) -> [Value?] {
    guard values.count == feeds.count else {
      throw CheckpointError(.usage, "\(values.count) values were given for \(feeds.count) feeds")
    }
    for (i, value) in values.enumerated() { try check(value, i) }
    let state = RunState(
      program, weights: weights, budget: budget, limits: limits, workers: workers, caches: caches, trace: trace)
    var context = KernelContext(run: state)
    var arguments: [Value?] = values
    var results = try program.main.run(&arguments, &context)
    // A variable that was fetched itself is read now, after the run.
    for i in results.indices {
      if case .reference(let variable)? = results[i] { results[i] = try variable.read() }
    }
    return results
  }

  private func check(_ value: Value, _ i: Int) throws(CheckpointError) {
    guard let placeholder = expected[i] else { return }
    if let dtype = placeholder.dtype, let given = value.dtype, dtype != given {
      throw CheckpointError(
        .usage, "'\(Name(placeholder.name))' takes \(placeholder.description), but \(given.rawValue) is fed")
    }
    let shape: Shape
    switch value {
    case .dense(let dense): shape = dense.shape
    case .strings(let strings): shape = strings.shape
    default: return
    }
    if let wanted = placeholder.shape, !shape.matches(wanted) {
      throw CheckpointError(
        .usage, "'\(Name(placeholder.name))' takes \(placeholder.description), but \(shape) is fed")
    }
  }
}
