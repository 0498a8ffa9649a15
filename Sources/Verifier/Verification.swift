package import CheckpointCore
package import GraphRuntime
package import ProtoWire

/// Whether two checkpoints are the same network: every variable, then what the graph computes with each, then what the original
/// program recorded.
package struct Verification {
  package var threads = 1
  package var tolerance = Tolerance.exact
  /// Names of AFTER's variables for those of BEFORE, where they differ.
  package var names: [Name: Name] = [:]
  /// Tensors that the original program recorded.
  package var expectations: [(name: String, tensor: Tensor)] = []

  package init() {}

  /// What was found; a value that says nothing about how it is shown.
  package struct Report: Sendable {
    package var variables: [VariableFinding] = []
    package var variableCount = 0
    package var fetches: [FetchFinding] = []
    package var expectations: [FetchFinding] = []
    package var firstDifference: NodeFinding?
    package var feeds: [(name: String, summary: String)] = []
    package var isFeedAutomatic = false
    package var isFetchAutomatic = false
    /// Whether a graph was run at all.
    package var ranGraph = false

    package init() {}

    package var isSame: Bool {
      variables.isEmpty && fetches.allSatisfy(\.isSame) && expectations.allSatisfy(\.isSame)
    }
  }

  /// A variable that is not the same.
  package struct VariableFinding: Sendable {
    package let name: Name
    package let problem: String
    package let distance: ValueDistance?
  }

  /// A fetched tensor, compared.
  package struct FetchFinding: Sendable {
    package let name: String
    package let summary: String
    package let distance: ValueDistance?
    package let problem: String?
    package let isSame: Bool
  }

  /// The first node, in the order of execution, whose output is not the same.
  package struct NodeFinding: Sendable {
    package let node: String
    package let op: String
    package let output: Int
  }

  /// Compares variables by name, dtype, shape and value.
  package func compareVariables(_ before: VariableStore, _ after: VariableStore, into report: inout Report)
    throws(CheckpointError)
  {
    report.variableCount = before.variables.count
    var request = StoreDifference.Request()
    (request.tolerance, request.names, request.jobs) = (tolerance, names, threads)
    request.suggestsNames = false
    let difference = try StoreDifference(before, after, request)
    for change in difference.changed {
      if let failure = change.failure { throw failure }
      let problem =
        change.distance?.summary
        ?? "is \(change.second.tensor.dtype.rawValue) \(change.second.tensor.shape) where \(change.first.tensor.dtype.rawValue) \(change.first.tensor.shape) was expected"
      report.variables.append(
        VariableFinding(name: change.first.name, problem: problem, distance: change.distance))
    }
    for variable in difference.onlyFirst {
      report.variables.append(VariableFinding(name: variable.name, problem: "is missing in the second", distance: nil))
    }
    for variable in difference.onlySecond {
      report.variables.append(VariableFinding(name: variable.name, problem: "is only in the second", distance: nil))
    }
  }

  /// Runs the graph with the variables of each side and the same feeds, and compares every fetch.
  package func compareGraph(
    _ graph: Graph, _ request: GraphRequest, _ before: VariableStore, _ after: VariableStore, into report: inout Report
  ) throws(CheckpointError) {
    report.ranGraph = true
    report.isFeedAutomatic = request.isFeedAutomatic
    report.isFetchAutomatic = request.isFetchAutomatic
    report.feeds = request.feeds.map { ("\($0.name.text)", "\($0.tensor.dtype.rawValue) \($0.tensor.shape)") }
    let renamed = try after.renamedBack(names)
    var request = request
    let expected = expectations.map { TensorName($0.name) }
    let asked = request.fetches.count
    request.fetches += expected
    let first = try run(graph, request, before)
    let second = try run(graph, request, renamed)
    for (i, fetch) in request.fetches[..<asked].enumerated() {
      report.fetches.append(try finding(fetch.text, second[i], first[i], tolerance))
    }
    for (i, expectation) in expectations.enumerated() {
      let tolerance = self.tolerance.isExact ? Tolerance.program : self.tolerance
      report.expectations.append(
        try finding(
          TensorName(expectation.name).text, second[asked + i],
          try expectation.tensor.asComputed(second[asked + i].dtype), tolerance))
    }
    if report.fetches.contains(where: { !$0.isSame }) {
      report.firstDifference = try firstDifference(graph, request, before, renamed)
    }
  }

  private func finding(
    _ name: String, _ found: Tensor, _ expected: Tensor, _ tolerance: Tolerance
  ) throws(CheckpointError) -> FetchFinding {
    let summary = "\(expected.dtype.rawValue) \(expected.shape)"
    do throws(CheckpointError) {
      let distance = try ValueDistance(found: found, expected: expected, tolerance: tolerance)
      let isSame = tolerance.isExact ? distance.isEqual : distance.isWithinTolerance
      return FetchFinding(name: name, summary: summary, distance: distance, problem: nil, isSame: isSame)
    } catch {
      guard error.code == .different else { throw error }
      return FetchFinding(name: name, summary: summary, distance: nil, problem: error.message, isSame: false)
    }
  }

  private func run(
    _ graph: Graph, _ request: GraphRequest, _ store: VariableStore, trace: Trace? = nil
  ) throws(CheckpointError) -> [Tensor] {
    let runner = try GraphRunner(graph, threads: threads)
    return try runner.evaluate(request, store, trace: trace)
  }

  /// Runs both once more and compares the checksums of all outputs in the order of execution.
  private func firstDifference(
    _ graph: Graph, _ request: GraphRequest, _ before: VariableStore, _ after: VariableStore
  ) throws(CheckpointError) -> NodeFinding? {
    var sums: [UInt32] = []
    _ = try run(graph, request, before) { (_, _, value) throws(CheckpointError) in sums.append(value.checksum) }
    var position = 0
    var found: NodeFinding?
    _ = try run(graph, request, after) { (node, output, value) throws(CheckpointError) in
      defer { position += 1 }
      guard found == nil, position >= sums.count || value.checksum != sums[position] else { return }
      found = NodeFinding(node: node, op: graph.op(of: node) ?? "", output: output)
    }
    return found
  }
}

extension VariableStore {
  /// Variables under the names that a map leads from.
  fileprivate func renamedBack(_ names: [Name: Name]) throws(CheckpointError) -> VariableStore {
    guard !names.isEmpty else { return self }
    var back: [Name: Name] = [:]
    for (old, new) in names { back[new] = old }
    return try replacing(variables.map { Variable(name: back[$0.name] ?? $0.name, tensor: $0.tensor, role: $0.role) })
  }
}

extension Value {
  /// Of the bytes; handles and lists have none.
  fileprivate var checksum: UInt32 {
    guard case .dense(let dense) = self else { return 0 }
    var sum = CRC32C()
    sum.update(dense.bytes)
    return sum.value
  }
}

extension TensorName {
  /// As it is written: `x:0`.
  package var text: String { "\(Name(node)):\(output)" }
}

extension ValueDistance {
  /// In words.
  package var summary: String {
    if isEqual { return "every bit is equal" }
    var text = "\(differing) of \(elementCount) elements differ"
    if let first { text += ", the first at \(first)" }
    if let ulps { text += "; largest distance \(absolute) absolute, \(relative) relative, \(ulps) ULP" }
    return text
  }
}
