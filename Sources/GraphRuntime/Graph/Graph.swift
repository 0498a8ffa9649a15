package import CheckpointCore
package import ProtoWire

/// A graph as its file has it, with what is known of its use. Nothing is checked beyond names before a plan asks for it.
package struct Graph: Sendable {
  /// What kind of file it came from.
  package enum Kind: String, Sendable {
    case metaGraph = "meta graph"
    case savedModel = "saved model"
    case frozen = "frozen graph"
  }

  package let kind: Kind
  /// The file that was read.
  package let path: String
  package let signatures: [Signature]
  let body: Body
  let saver: SaverDef?
  /// Serialised functions by name.
  let functions: [String: Message]

  init(_ graph: GraphDef, kind: Kind, path: String, meta: MetaGraph? = nil) throws(CheckpointError) {
    self.kind = kind
    self.path = path
    body = try Body(graph.nodes)
    saver = meta?.saver
    var signatures: [Signature] = []
    for (key, message) in meta?.signatures ?? [] { signatures.append(try Signature(key: key, message)) }
    self.signatures = signatures.sorted { $0.key < $1.key }
    var functions: [String: Message] = [:]
    for message in graph.functions {
      let name = try FunctionDef.name(of: message)
      guard functions.updateValue(message, forKey: name) == nil else {
        throw CheckpointError(.corrupt, "two functions have the name '\(name)'")
      }
    }
    self.functions = functions
  }

  package var nodeCount: Int { body.nodes.count }

  /// Whether the graph has a node of the name.
  package func contains(_ node: String) -> Bool { body.position(node) != nil }

  /// The op of a node, or nil where there is none of the name.
  package func op(of node: String) -> String? { body.position(node).map { body.nodes[$0].op } }
}

/// A node that waits for a value from outside.
package struct Placeholder: Sendable {
  package let name: String
  package let dtype: DType?
  /// Nil where not even the rank is known, -1 for an unknown size.
  package let shape: [Int]?
  /// Whether it has a value of its own where none is fed.
  package let hasDefault: Bool
}

extension Graph {
  /// All placeholders in the order of the file, those with a default included.
  package func placeholders() throws(CheckpointError) -> [Placeholder] {
    var list: [Placeholder] = []
    for node in body.nodes where Graph.isPlaceholder(node.op) {
      list.append(try Graph.placeholder(node))
    }
    return list
  }

  static func isPlaceholder(_ op: String) -> Bool {
    op == "Placeholder" || op == "PlaceholderV2" || op == "PlaceholderWithDefault"
  }

  static func placeholder(_ node: NodeDef) throws(CheckpointError) -> Placeholder {
    var dtype: DType?
    var shape: [Int]?
    if case .type(let number)? = try node.attribute("dtype") { dtype = DataType.dtype(number) }
    if case .shape(let known)? = try node.attribute("shape") { shape = known.dimensions }
    // Graphs written before version 24 have an empty shape where nothing is known.
    if node.op == "Placeholder", shape == [] { shape = nil }
    return Placeholder(name: node.name, dtype: dtype, shape: shape, hasDefault: node.op == "PlaceholderWithDefault")
  }

  /// The graph's own results: tensors that nothing but training and saving reads, that depend on a placeholder where the
  /// graph has any, that no training op feeds, and that every run computes. In the order of the file; at most `limit`.
  package func outputs(limit: Int = 16) throws(CheckpointError) -> [TensorName] {
    var readers = [[Int32]](repeating: [], count: body.nodes.count)
    var isBookkeeping = [Bool](repeating: false, count: body.nodes.count)
    for (i, node) in body.nodes.enumerated() {
      isBookkeeping[i] = Graph.isBookkeeping(node)
      for input in node.inputs {
        if case .output(let source, _)? = try? body.source(input) { readers[source].append(Int32(i)) }
      }
    }
    // What training feeds, what a placeholder feeds, and what lies on one branch of a condition or inside a loop.
    func reached(from isStart: (Int) -> Bool, until isEnd: (Int) -> Bool = { _ in false }) -> [Bool] {
      var isReached = body.nodes.indices.map(isStart)
      var stack = isReached.indices.filter { isReached[$0] }
      while let node = stack.popLast() {
        for reader in readers[node] where !isReached[Int(reader)] && !isEnd(Int(reader)) {
          isReached[Int(reader)] = true
          stack.append(Int(reader))
        }
      }
      return isReached
    }
    let isTainted = reached { isBookkeeping[$0] }
    let isFed = reached { Graph.isPlaceholder(body.nodes[$0].op) }
    let isConditional = reached {
      body.nodes[$0].op == "Switch" || body.nodes[$0].op == "RefSwitch"
    } until: {
      body.nodes[$0].op == "Merge" || body.nodes[$0].op == "Exit"
    }
    let hasPlaceholders = isFed.contains(true)
    var list: [TensorName] = []
    for (i, node) in body.nodes.enumerated() {
      guard !isTainted[i], !isConditional[i], isFed[i] || !hasPlaceholders, Graph.hasResult(node),
        readers[i].allSatisfy({ isBookkeeping[Int($0)] })
      else { continue }
      list.append(TensorName(node.name + ":0"))
      if list.count == limit { break }
    }
    return list
  }

  /// Nodes of training, saving and initialisation, by their op or by the scope that TensorFlow gives them.
  private static func isBookkeeping(_ node: NodeDef) -> Bool {
    let op = node.op
    if op.hasPrefix("Assign") || op.hasPrefix("Apply") || op.hasPrefix("ResourceApply") || op.hasPrefix("SparseApply")
      || op.hasPrefix("ResourceSparseApply") || op.hasPrefix("Save") || op.hasPrefix("Restore")
      || op.hasSuffix("Summary")
      || op.hasSuffix("SummaryV2") || op.hasPrefix("Scatter") && op != "ScatterNd"
    {
      return true
    }
    return node.name.hasPrefix("save/") || node.name.hasPrefix("save_") || node.name.hasPrefix("gradients/")
      || node.name.contains("/gradients/") || node.name.contains("/Initializer/") || node.name.hasSuffix("/Assign")
  }

  private static func hasResult(_ node: NodeDef) -> Bool {
    switch node.op {
    case "NoOp", "Assert", "Const", "Placeholder", "PlaceholderV2", "PlaceholderWithDefault", "VariableV2", "Variable",
      "VarHandleOp", "ControlTrigger", "VarIsInitializedOp", "IsVariableInitialized", "ReportUninitializedVariables":
      false
    default: true
    }
  }
}
