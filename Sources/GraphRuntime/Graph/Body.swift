import CheckpointCore
import ProtoWire

/// Where an input of a node comes from.
enum Source: Hashable, Sendable {
  case output(node: Int, index: Int)
  case control(node: Int)
  case argument(Int)
}

/// The nodes of a graph or of a function, found by name.
struct Body: Sendable {
  let nodes: [NodeDef]
  private let positions: [String: Int]
  private let arguments: [String: Int]?

  /// The nodes of a graph.
  /// - Throws: `corrupt` where two have one name.
  init(_ nodes: [NodeDef]) throws(CheckpointError) {
    self.nodes = nodes
    arguments = nil
    positions = try Body.index(nodes)
  }

  /// The nodes of a function.
  init(_ function: FunctionDef) throws(CheckpointError) {
    nodes = function.nodes
    positions = try Body.index(function.nodes)
    var arguments: [String: Int] = [:]
    for (i, name) in function.arguments.enumerated() { arguments[name] = i }
    self.arguments = arguments
  }

  private static func index(_ nodes: [NodeDef]) throws(CheckpointError) -> [String: Int] {
    var positions: [String: Int] = [:]
    positions.reserveCapacity(nodes.count)
    for (i, node) in nodes.enumerated() {
      guard positions.updateValue(i, forKey: node.name) == nil else {
        throw CheckpointError(.corrupt, "two nodes have the name '\(node.name)'")
      }
    }
    return positions
  }

  var isFunction: Bool { arguments != nil }

  func position(_ name: String) -> Int? { positions[name] }

  /// What an input of a node, or a result of the function, refers to.
  /// - Throws: `corrupt` where it refers to nothing.
  func source(_ text: String) throws(CheckpointError) -> Source {
    // Most inputs are names as they stand.
    if arguments == nil, let node = positions[text] { return .output(node: node, index: 0) }
    if let argument = arguments?[text] { return .argument(argument) }
    let utf8 = text.utf8
    if utf8.first == UInt8(ascii: "^") {
      let name = String(text.dropFirst())
      if let node = positions[name] { return .control(node: node) }
      // A control input from an argument orders nothing.
      if let argument = arguments?[name] { return .argument(argument) }
      throw CheckpointError(.corrupt, "the control input '\(name)' is not a node of the graph")
    }
    let colon = utf8.firstIndex(of: UInt8(ascii: ":")) ?? utf8.endIndex
    guard let node = positions[String(text[..<colon])] else {
      throw CheckpointError(.corrupt, "the input '\(text)' is not a node of the graph")
    }
    guard colon < utf8.endIndex else { return .output(node: node, index: 0) }
    let rest = text[utf8.index(after: colon)...]
    guard arguments != nil, let second = rest.utf8.firstIndex(of: UInt8(ascii: ":")) else {
      guard let index = Int(rest), index >= 0, index <= 0xffff else {
        throw CheckpointError(.corrupt, "the input '\(text)' has no output number")
      }
      return .output(node: node, index: index)
    }
    let name = rest[..<second]
    guard let index = Int(rest[rest.utf8.index(after: second)...]), index >= 0, index <= 0xffff,
      let position = OutputNames.position(op: nodes[node].op, name: name, index: index)
    else {
      throw CheckpointError(.corrupt, "the input '\(text)' names no output of the op \(nodes[node].op)")
    }
    return .output(node: node, index: position)
  }
}
