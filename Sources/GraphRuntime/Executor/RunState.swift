import CheckpointCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What the kernels of one run share: memory, threads, variables and other resources. A new run begins with a new one.
package final class RunState: @unchecked Sendable {
  package let budget: MemoryBudget
  package let limits: RunLimits
  package let workers: WorkerPool
  let caches: KernelCaches
  let trace: Trace?
  /// Generators of the nodes that have drawn numbers.
  var random: [Int: Philox] = [:]
  /// Tables, queues and the like, by kind, container and name.
  package var resources: [String: Resource] = [:]

  private let program: Program
  private let weights: Weights?
  private var variables: [VariableCell?]
  private var executed = 0
  private var turns = 0
  private var firstTurn: Double?
  private let deadline: Double?

  init(
    _ program: Program, weights: Weights?, budget: MemoryBudget, limits: RunLimits, workers: WorkerPool,
    caches: KernelCaches, trace: Trace?
  ) {
    self.program = program
    self.weights = weights
    self.budget = budget
    self.limits = limits
    self.workers = workers
    self.caches = caches
    self.trace = trace
    variables = [VariableCell?](repeating: nil, count: program.variables.count)
    deadline = limits.seconds.map { RunState.now() + $0 }
  }

  /// A variable of the program, made when it is first asked for.
  func variable(_ index: Int) -> VariableCell {
    if let known = variables[index] { return known }
    let spec = program.variables[index]
    let cell = VariableCell(
      name: spec.node, dtype: spec.dtype, isShared: program.changedReferences.contains(index), budget: budget
    ) { [weights, budget] () throws(CheckpointError) in
      guard let weights else {
        throw CheckpointError(.notFound, "the variable '\(Name(spec.node))' is needed", remedy: "name a checkpoint")
      }
      return try weights.value(of: spec, budget)
    }
    variables[index] = cell
    return cell
  }

  func plan(_ function: FunctionID) -> Plan { program.functions[function.index] }

  func report(_ node: String, _ outputs: [Value?]) throws(CheckpointError) {
    guard let trace else { return }
    for (i, output) in outputs.enumerated() {
      if let output { try trace(node, i, output) }
    }
  }

  /// Counts executed nodes.
  func count(nodes: Int) throws(CheckpointError) {
    executed += nodes
    guard executed <= limits.executedNodes else {
      throw CheckpointError(.unsupported, "limit reached: more than \(limits.executedNodes) nodes were executed")
    }
    if let deadline, RunState.now() > deadline {
      throw CheckpointError(
        .unsupported, "limit reached: the run took longer than \(limits.seconds ?? 0) seconds",
        remedy: RunLimits.longer)
    }
  }

  /// Counts a turn of a loop.
  func countTurn() throws(CheckpointError) {
    turns += 1
    guard turns <= limits.loopTurns else {
      throw CheckpointError(.unsupported, "limit reached: loops took more than \(limits.loopTurns) turns")
    }
    guard let seconds = limits.loopSeconds else { return }
    if let firstTurn {
      guard RunState.now() < firstTurn + seconds else {
        throw CheckpointError(
          .unsupported, "limit reached: loops took more than \(seconds) seconds (\(turns) turns)",
          remedy: RunLimits.longer)
      }
    } else {
      firstTurn = RunState.now()
    }
  }

  private static func now() -> Double {
    var time = timespec()
    // SAFETY: the call fills the structure that it is given.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

extension KernelContext {
  /// Counts the node that is about to execute.
  mutating func spend() throws(CheckpointError) {
    spent &+= 1
    if spent & 0xff == 0 { try run.count(nodes: 256) }
  }

  /// Counts a turn of a loop.
  mutating func turn() throws(CheckpointError) { try run.countTurn() }

  /// Runs a function on arguments, which it takes, so that it may overwrite those that nobody else has.
  /// - Returns: its results; one that came out dead is an error.
  mutating func call(_ function: FunctionID, _ arguments: inout [Value?]) throws(CheckpointError) -> [Value?] {
    guard depth < run.limits.callDepth else {
      throw CheckpointError(.unsupported, "limit reached: functions call each other more than \(depth) deep")
    }
    let plan = run.plan(function)
    guard arguments.count == plan.argumentCount else {
      throw CheckpointError(
        .corrupt, "the function takes \(plan.argumentCount) arguments, but \(arguments.count) are given")
    }
    var inner = KernelContext(run: run)
    inner.depth = depth + 1
    inner.spent = spent
    let results = try plan.run(&arguments, &inner)
    spent = inner.spent
    guard results.allSatisfy({ $0 != nil }) else {
      throw CheckpointError(.corrupt, "a result of the function was not computed")
    }
    return results
  }

  /// All inputs from a number on as values, references to variables read, moved out of the context.
  mutating func takeAll(from first: Int = 0) throws(CheckpointError) -> [Value?] {
    var values: [Value?] = []
    values.reserveCapacity(inputs.count)
    for i in inputs.indices.dropFirst(first) { values.append(try take(i)) }
    return values
  }
}

/// What kernels derived from constants and variables, kept from run to run.
final class KernelCaches: @unchecked Sendable {
  private var entries: [Int: (source: DenseTensor, derived: any AnyObject & Sendable)] = [:]

  func derived<Derived: AnyObject & Sendable>(
    _ node: Int, _ tensor: DenseTensor, _ make: (DenseTensor) throws(CheckpointError) -> Derived?
  ) throws(CheckpointError) -> Derived? {
    if let entry = entries[node], entry.source.isSameMemory(as: tensor), let derived = entry.derived as? Derived {
      return derived
    }
    entries[node] = nil
    guard let derived = try make(tensor) else { return nil }
    entries[node] = (tensor, derived)
    return derived
  }
}
