import CheckpointCore
import ProtoWire

/// What the nodes of a graph say its variables are for, whatever their names. Table: Graph/FORMAT.md.
struct GraphRoles {
  /// By node of the variable; those that train and those of which nothing is known are not in it.
  private(set) var roles: [String: Role] = [:]
  /// Variables that an optimizer keeps from falling below zero: sums and averages of squares.
  private(set) var nonnegative: Set<String> = []
  /// The variable whose moving average a variable is.
  private(set) var averageOf: [String: String] = [:]

  init(_ meta: MetaGraph) throws(CheckpointError) {
    let nodes = Nodes(meta.graph)
    for node in meta.graph.nodes {
      switch node.op {
      case "AssignSub", "AssignSubVariableOp": addAverage(node, nodes)
      case "AssignAdd", "AssignAddVariableOp": try addCounter(node, nodes)
      default: addSlots(node, nodes)
      }
    }
    for definition in try meta.variables(in: "global_step") { roles[definition.node] = .counter }
  }

  /// The inputs of an optimizer's op behind its variable: slots, those of them that are never negative, and powers.
  private static func inputs(of op: String) -> (slots: Range<Int>, nonnegative: Set<Int>, counters: Range<Int>)? {
    let name = op.hasPrefix("Resource") ? op.dropFirst(8) : op[...]
    return switch name.hasPrefix("Sparse") ? name.dropFirst(6) : name {
    case "ApplyAdam": (1..<3, [2], 3..<5)
    case "ApplyAdamWithAmsgrad": (1..<4, [2, 3], 4..<6)
    case "ApplyAdaMax": (1..<3, [2], 3..<4)
    case "ApplyMomentum", "ApplyKerasMomentum", "ApplyAddSign", "ApplyPowerSign": (1..<2, [], 0..<0)
    case "ApplyRMSProp": (1..<3, [1], 0..<0)
    case "ApplyCenteredRMSProp": (1..<4, [2], 0..<0)
    case "ApplyAdagrad", "ApplyAdagradV2", "ApplyProximalAdagrad": (1..<2, [1], 0..<0)
    case "ApplyAdagradDA": (1..<3, [2], 0..<0)
    case "ApplyAdadelta": (1..<3, [1, 2], 0..<0)
    case "ApplyFtrl", "ApplyFtrlV2": (1..<3, [1], 0..<0)
    default: nil
    }
  }

  private mutating func addSlots(_ node: NodeDef, _ nodes: Nodes) {
    guard let places = GraphRoles.inputs(of: node.op) else { return }
    let inputs = node.inputs
    for (range, role) in [(places.slots, Role.slot), (places.counters, .counter)] {
      for place in range where place < inputs.count {
        guard let variable = nodes.variable(behind: inputs[place]) else { continue }
        roles[variable] = role
        if places.nonnegative.contains(place) { nonnegative.insert(variable) }
      }
    }
  }

  /// `shadow -= (shadow - variable) * rate`
  private mutating func addAverage(_ node: NodeDef, _ nodes: Nodes) {
    let inputs = node.inputs
    guard inputs.count >= 2, let shadow = nodes.variable(behind: inputs[0]),
      let product = nodes[inputs[1]], product.op == "Mul"
    else { return }
    for factor in product.inputs {
      guard let difference = nodes[factor], difference.op == "Sub", difference.inputs.count >= 2,
        nodes.variable(behind: difference.inputs[0]) == shadow,
        let variable = nodes.variable(behind: difference.inputs[1]), variable != shadow
      else { continue }
      roles[shadow] = .ema
      averageOf[shadow] = variable
    }
  }

  /// A lone whole number that grows.
  private mutating func addCounter(_ node: NodeDef, _ nodes: Nodes) throws(CheckpointError) {
    guard let input = node.inputs.first, let name = nodes.variable(behind: input), let variable = nodes[name],
      case .shape(let shape)? = try variable.attribute("shape"), shape.dimensions == [],
      case .type(let type)? = try variable.attribute("dtype"), [3, 9, 103, 109].contains(type)
    else { return }
    roles[name] = .counter
  }

  /// Nodes by name, and the variables behind them.
  private struct Nodes {
    private let nodes: [NodeDef]
    private var positions: [String: Int] = [:]

    init(_ graph: GraphDef) {
      nodes = graph.nodes
      for (i, node) in nodes.enumerated() { positions[node.name] = i }
    }

    subscript(input: String) -> NodeDef? { positions[TensorName(input).node].map { nodes[$0] } }

    /// The variable that an input is, or reads, through the nodes that only pass it on.
    func variable(behind input: String) -> String? {
      var name = input
      for _ in 0..<8 {
        guard let node = self[name] else { return nil }
        switch node.op {
        case "VariableV2", "Variable", "VarHandleOp": return node.name
        case "Identity", "ReadVariableOp", "Enter", "RefEnter":
          guard let first = node.inputs.first else { return nil }
          name = first
        default: return nil
        }
      }
      return nil
    }
  }
}
