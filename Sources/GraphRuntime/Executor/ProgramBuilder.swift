import CheckpointCore
import ProtoWire

/// What is fetched and fed, resolved: the plan of the graph itself and those of all functions that it calls.
final class Program: Sendable {
  let main: Plan
  let functions: [Plan]
  let variables: [VariableSpec]
  /// Reference variables that a node of the program changes.
  let changedReferences: Set<Int>

  init(main: Plan, functions: [Plan], variables: [VariableSpec], changedReferences: Set<Int>) {
    self.changedReferences = changedReferences
    self.main = main
    self.functions = functions
    self.variables = variables
  }
}

/// A variable that a program may read.
struct VariableSpec: Sendable {
  /// The node's name.
  let node: String
  /// The name it is shared by, where the node has one.
  let sharedName: String
  /// Nil where the node does not say.
  let dtype: DType?
  /// Nil where not even the rank is known, -1 for an unknown size.
  let shape: [Int]?
}

/// Makes a program: plans for the graph and the functions on the way, with every fault that is found on the way collected,
/// so that one message names them all.
final class ProgramBuilder {
  let graph: Graph
  let registry: OpRegistry
  let budget: MemoryBudget
  /// Whether nodes may be joined where nobody sees what lies between them.
  let fuses: Bool

  private var functionIDs: [String: Int] = [:]
  private var waiting: [(name: String, bindings: [String: AttrValue])] = []
  /// Functions called by each function (-1: the graph), with whether the call depends on a condition.
  private var calls: [Int: [(callee: Int, isConditional: Bool)]] = [:]
  private var current = -1
  private var nextID = 0
  private var variables: [VariableSpec] = []
  private var variableIDs: [String: Int] = [:]
  private var unknownOps: [(op: String, node: String, count: Int)] = []
  private var faults: [CheckpointError] = []
  private(set) var unfed: [Placeholder] = []

  init(_ graph: Graph, _ registry: OpRegistry, _ budget: MemoryBudget, fuses: Bool) {
    self.fuses = fuses
    self.graph = graph
    self.registry = registry
    self.budget = budget
  }

  func build(feeds: [Source: Int], fetches: [Source]) throws(CheckpointError) -> Program {
    let main = try PlanBuilder(self, graph.body, bindings: [:], feeds: feeds, argumentCount: feeds.count)
      .build(fetches: fetches, effects: [])
    var functions: [Plan] = []
    while functions.count < waiting.count {
      current = functions.count
      let (name, bindings) = waiting[current]
      do {
        functions.append(try build(function: name, bindings))
      } catch {
        faults.append(CheckpointError(error.code, "function '\(name)': \(error.message)"))
        functions.append(Plan.empty)
      }
    }
    try report()
    try refuseEndlessCalls()
    guard let main else { throw CheckpointError(.corrupt, "the graph cannot be run") }
    return Program(
      main: main, functions: functions, variables: variables, changedReferences: changedReferences)
  }

  private func build(function name: String, _ bindings: [String: AttrValue]) throws(CheckpointError) -> Plan {
    guard let message = graph.functions[name] else { throw CheckpointError(.corrupt, "is not in the graph's library") }
    let function = try FunctionDef(message)
    let body = try Body(function)
    var fetches: [Source] = []
    for result in function.results {
      guard let text = function.returns[result] else {
        throw CheckpointError(.corrupt, "the result '\(result)' is not computed")
      }
      fetches.append(try body.source(text))
    }
    var effects: [Int] = []
    for name in function.effects {
      guard let node = body.position(name) else { throw CheckpointError(.corrupt, "the node '\(name)' is missing") }
      effects.append(node)
    }
    let plan = try PlanBuilder(self, body, bindings: bindings, feeds: [:], argumentCount: function.arguments.count)
      .build(fetches: fetches, effects: effects)
    return plan ?? Plan.empty
  }

  // MARK: What plan builders ask for

  func newID() -> Int {
    nextID += 1
    return nextID - 1
  }

  func isFunction(_ name: String) -> Bool { graph.functions[name] != nil }

  /// The number of a function with its attributes bound; its plan is made later.
  func function(_ name: String, _ bindings: [String: AttrValue], isConditional: Bool) throws(CheckpointError)
    -> FunctionID
  {
    guard isFunction(name) else {
      throw CheckpointError(.corrupt, "the function '\(name)' is not in the graph's library")
    }
    let values = bindings.sorted { $0.key < $1.key }.map { "|\($0.key)=\($0.value)" }
    let key = name + values.joined()
    let id: Int
    if let known = functionIDs[key] {
      id = known
    } else {
      id = waiting.count
      guard id < 100_000 else { throw CheckpointError(.unsupported, "limit reached: more than 100000 functions") }
      functionIDs[key] = id
      waiting.append((name, bindings))
    }
    calls[current, default: []].append((id, isConditional))
    return FunctionID(index: id)
  }

  /// The number of a variable; nodes that share a name share the variable.
  func variable(_ spec: VariableSpec, container: String) -> Int {
    let key = container + "|" + (spec.sharedName.isEmpty ? spec.node : spec.sharedName)
    if let known = variableIDs[key] { return known }
    variableIDs[key] = variables.count
    variables.append(spec)
    return variables.count - 1
  }

  /// The variable of each node that makes one, by the node's number.
  var variableOf: [Int: Int] = [:]
  var changedReferences: Set<Int> = []

  func unknown(op: String, node: String) {
    if let i = unknownOps.firstIndex(where: { $0.op == op }) {
      unknownOps[i].count += 1
    } else {
      unknownOps.append((op, node, 1))
    }
  }

  /// Values of the constants among the nodes, by the nodes' numbers.
  var constantValues: [Int: Value] = [:]

  func fault(_ error: CheckpointError) {
    if current < 0 { return faults.append(error) }
    faults.append(CheckpointError(error.code, "function '\(Name(waiting[current].name))': \(error.message)"))
  }

  func notFed(_ placeholder: Placeholder) { unfed.append(placeholder) }

  // MARK: Faults

  /// One error for everything that was found.
  private func report() throws(CheckpointError) {
    var sentences: [String] = []
    if !unknownOps.isEmpty {
      let list = unknownOps.map { entry in
        let more = entry.count == 1 ? "" : " and \(entry.count - 1) more"
        return "\(Name(entry.op)) (node '\(Name(entry.node))'\(more))"
      }
      let count = unknownOps.count == 1 ? "an op that is" : "\(unknownOps.count) ops that are"
      sentences.append("the graph needs \(count) not implemented: \(list.joined(separator: ", "))")
    }
    sentences += faults.map(\.message)
    if let only = faults.first, sentences.count == 1 { throw only }
    guard !sentences.isEmpty else {
      guard unfed.isEmpty else {
        let names = unfed.map { "'\(Name($0.name))' (\($0.description))" }.joined(separator: ", ")
        throw CheckpointError(
          .usage, "\(unfed.count == 1 ? "the placeholder" : "the placeholders") \(names) must be fed",
          remedy: "give a value for each")
      }
      return
    }
    let code: CheckpointError.Code = faults.contains { $0.code == .corrupt } ? .corrupt : .unsupported
    throw CheckpointError(code, sentences.joined(separator: "; "))
  }

  /// Calls that no condition guards must not come back to where they began: they would never end.
  private func refuseEndlessCalls() throws(CheckpointError) {
    var state = [UInt8](repeating: 0, count: waiting.count)
    for root in waiting.indices where state[root] == 0 {
      // Depth first with a stack of our own: 1 is on the way, 2 is done.
      var path: [(function: Int, next: Int)] = [(root, 0)]
      state[root] = 1
      while let top = path.last {
        let callees = calls[top.function] ?? []
        guard top.next < callees.count else {
          state[top.function] = 2
          path.removeLast()
          continue
        }
        path[path.count - 1].next += 1
        let (callee, isConditional) = callees[top.next]
        if isConditional || state[callee] == 2 { continue }
        if state[callee] == 1 {
          let cycle = path.drop { $0.function != callee }.map { waiting[$0.function].name } + [waiting[callee].name]
          throw CheckpointError(
            .unsupported,
            "limit reached: the function '\(Name(waiting[callee].name))' calls itself without end "
              + "(\(cycle.prefix(5).map { "\(Name($0))" }.joined(separator: " → ")))")
        }
        state[callee] = 1
        path.append((callee, 0))
      }
    }
  }
}

extension Placeholder {
  /// `float32 [?, 784]`.
  package var description: String { "\(dtype?.rawValue ?? "any dtype") \(sizes)" }

  /// `[?, 784]`.
  var sizes: String {
    shape.map { "[" + $0.map { $0 < 0 ? "?" : "\($0)" }.joined(separator: ", ") + "]" } ?? "of any shape"
  }
}

extension Plan {
  /// Stands for a plan that could not be made, so that the others can still be looked at.
  static let empty = Plan(
    nodes: [], kernels: [], inputs: [], names: [], ops: [], constants: [], fetches: [], argumentCount: 0,
    outputCount: 0, isUsed: [], frames: nil)
}
