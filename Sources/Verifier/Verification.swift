package import CheckpointCore
package import GraphRuntime
package import ProtoWire

/// Whether two checkpoints are the same network: every variable, then what the graph computes with each, then what the original
/// program recorded.
package struct Verification {
  package var threads = 1
  package var limits = RunLimits()
  package var progress: Progress?
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
    /// Every node between feeds and fetches that does not give the same, in the order of execution.
    package var divergence: [NodeFinding] = []
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

  /// An output of a node that is not the same.
  package struct NodeFinding: Sendable {
    package let node: String
    package let op: String
    package let output: Int
    /// In which of its executions it first differs, from 0 on: nodes of loops execute again and again.
    package let turn: Int
  }

  /// Compares variables by name, dtype, shape and value.
  package func compareVariables(_ before: VariableStore, _ after: VariableStore, into report: inout Report)
    throws(CheckpointError)
  {
    report.variableCount = before.variables.count
    var request = StoreDifference.Request()
    (request.tolerance, request.names, request.jobs, request.progress) = (tolerance, names, threads, progress)
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
      report.divergence = try divergence(graph, request, before, renamed)
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
    let runner = try GraphRunner(graph, threads: threads, limits: limits)
    return try runner.evaluate(request, store, trace: trace)
  }

  /// Runs both once more and compares the checksums of all outputs, execution by execution.
  private func divergence(
    _ graph: Graph, _ request: GraphRequest, _ before: VariableStore, _ after: VariableStore
  ) throws(CheckpointError) -> [NodeFinding] {
    var sums: [String: [UInt32]] = [:]
    _ = try run(graph, request, before) { (node, output, value) throws(CheckpointError) in
      sums["\(node):\(output)", default: []].append(value.checksum)
    }
    var turns: [String: Int] = [:]
    var listed: Set<String> = []
    var found: [NodeFinding] = []
    _ = try run(graph, request, after) { (node, output, value) throws(CheckpointError) in
      let key = "\(node):\(output)"
      let turn = turns[key, default: 0]
      turns[key] = turn + 1
      let known = sums[key] ?? []
      guard turn >= known.count || known[turn] != value.checksum, listed.insert(key).inserted else { return }
      found.append(NodeFinding(node: node, op: graph.op(of: node) ?? "", output: output, turn: turn))
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
    var sum = CRC32C()
    switch self {
    case .dense(let dense): sum.update(dense.bytes)
    case .strings(let strings):
      for element in strings.elements {
        let ended = element + [0]
        sum.update(ended.rawSpan)
      }
    default: return 0
    }
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
