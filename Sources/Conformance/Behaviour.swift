import CheckpointCore
import GraphRuntime
import ProtoWire
import Verifier

/// A recorded run, with the variables of one checkpoint: the law `behaves`.
final class Behaviour {
  /// Of the feeds and results of all steps.
  private static let mostBytes = 512 << 20

  private(set) var findings: [OutputFinding] = []
  private let runner: GraphRunner
  /// One a step, and what each gave.
  private var requests: [GraphRequest] = []
  private var computed: [[Tensor]] = []
  private var firstFailure: Verdict?

  /// Runs the graph and compares what it gives with what was recorded.
  init(_ run: RecordedRun, with store: VariableStore) throws(CheckpointError) {
    let graph = try GraphLoader.load(run.graph)
    runner = try GraphRunner(graph, threads: 1)
    var bytes = 0
    for step in 0..<(run.steps ?? 1) {
      let slice = run.steps == nil ? nil : step
      let feeds = try run.feeds.map { (feed) throws(CheckpointError) in (feed.name, try feed.value.tensor(step: slice))
      }
      let request = try GraphRequest(
        graph, feeds: feeds, fetches: run.expectations.map(\.name), fillsPlaceholders: false)
      let values = try runner.evaluate(request, store)
      // All are kept, for the runs after each conversion.
      bytes += (values + feeds.map(\.1)).map(\.byteCount).saturatingSum
      guard bytes <= Behaviour.mostBytes else {
        throw CheckpointError(
          .unsupported, "limit reached: \(step + 1) steps of '\(Name(run.name))' take \(bytes) bytes",
          remedy: "record fewer steps, or make a case of each part")
      }
      requests.append(request)
      computed.append(values)
      for (i, expectation) in run.expectations.enumerated() {
        add(try BehaviourStep(run, expectation, values[i], slice), at: i)
      }
    }
  }

  var verdict: Verdict { firstFailure ?? .holds(note: nil) }

  /// Keeps the worst step of each output.
  private func add(_ step: BehaviourStep, at position: Int) {
    if firstFailure == nil { firstFailure = step.failure }
    let finding = step.finding
    guard position < findings.count else {
      findings.append(finding)
      return
    }
    let known = findings[position]
    let isWorse =
      known.isWithinTolerance == finding.isWithinTolerance
      ? (finding.distance?.absolute ?? 0) > (known.distance?.absolute ?? 0) : known.isWithinTolerance
    if isWorse { findings[position] = finding }
  }

  /// Runs the graph again with the variables that a format gave back: every bit must be the same.
  /// - Parameter isWhole: whether the format had a place for all variables.
  func compare(_ store: VariableStore, _ format: String, isWhole: Bool) throws(CheckpointError) -> Verdict {
    var isSame = [Bool](repeating: true, count: findings.count)
    for (request, expected) in zip(requests, computed) {
      let result = Result { () throws(CheckpointError) in try runner.evaluate(request, store) }
      if case .failure(let error) = result, error.code == .notFound, !isWhole {
        return .refused(reason: "the graph needs a variable that the format has no place for")
      }
      for (i, value) in try result.get().enumerated() {
        let distance = Result { () throws(CheckpointError) in
          try ValueDistance(found: value, expected: expected[i], tolerance: .exact)
        }
        if case .success(let distance) = distance, distance.isEqual { continue }
        isSame[i] = false
      }
    }
    for i in findings.indices { findings[i].after.append((format, isSame[i])) }
    guard let first = isSame.firstIndex(of: false) else { return .holds(note: nil) }
    return .fails(
      message:
        "'\(Name(findings[first].name))' of '\(Name(findings[first].run))' is not what it was before the conversion",
      tensor: Name(findings[first].name))
  }
}

/// One output of one step beside what was recorded.
private struct BehaviourStep {
  let finding: OutputFinding
  let failure: Verdict?

  init(
    _ run: RecordedRun, _ expectation: RecordedRun.Expectation, _ computed: Tensor, _ step: Int?
  ) throws(CheckpointError) {
    let recorded = try expectation.value.tensor(step: step).asComputed(computed.dtype)
    let comparison = Result { () throws(CheckpointError) in
      try ValueDistance(found: computed, expected: recorded, tolerance: expectation.tolerance)
    }
    var distance: ValueDistance?
    var problem: String?
    switch comparison {
    case .success(let found):
      distance = found
      if !(expectation.isExact ? found.isEqual : found.isWithinTolerance) { problem = found.summary }
    case .failure(let error):
      guard error.code == .different else { throw error }
      problem = error.message
    }
    finding = OutputFinding(
      run: run.name, name: expectation.name, recorded: recorded, computed: computed, distance: distance,
      isWithinTolerance: problem == nil)
    failure = problem.map { problem in
      let place = step.map { " at step \($0)" } ?? ""
      return .fails(
        message: "'\(Name(run.name))'\(place) does not give what was recorded: \(problem)",
        tensor: Name(expectation.name))
    }
  }
}
