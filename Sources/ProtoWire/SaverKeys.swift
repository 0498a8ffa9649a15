public import CheckpointCore

/// Under which keys a graph's savers keep its variables. A Saver that was built from a dictionary has keys unlike the names of
/// its variables; the truth is in the strings that feed its SaveV2 (V1: SaveSlices) and RestoreV2 nodes.
public struct SaverKeys: Sendable {
  public struct Entry: Sendable {
    /// Node of the variable.
    public let variable: String
    /// Key in the checkpoint, bytes as the graph has them.
    public let key: Name
    /// Which part of the tensor (`10 4 0,5:-`), empty for all of it.
    public let slice: [UInt8]
  }

  public private(set) var entries: [Entry] = []

  /// Reads every saver of the graph; most graphs have one, some have hundreds.
  public init(_ graph: GraphDef) throws(CheckpointError) {
    let isVariable: Set<String> = ["VariableV2", "Variable", "VarHandleOp", "AutoReloadVariable"]
    var byName: [String: Int] = [:]
    for (i, node) in graph.nodes.enumerated() { byName[node.name] = i }

    /// The variable that a saved value is read from, through the nodes that only pass it on.
    func variable(behind input: String) -> String? {
      var name = TensorName(input).node
      for _ in 0..<8 {
        guard let index = byName[name] else { return nil }
        let node = graph.nodes[index]
        if isVariable.contains(node.op) { return name }
        guard ["Identity", "ReadVariableOp", "Snapshot"].contains(node.op), let first = node.inputs.first else {
          return nil
        }
        name = TensorName(first).node
      }
      return nil
    }
    func strings(_ input: String) throws(CheckpointError) -> [[UInt8]]? {
      guard let index = byName[TensorName(input).node], graph.nodes[index].op == "Const",
        case .tensor(let message)? = try graph.nodes[index].attribute("value")
      else { return nil }
      return try TensorProto(message).stringElements()
    }

    var restored: [String: (keys: [[UInt8]], slices: [[UInt8]])] = [:]
    for node in graph.nodes {
      guard ["SaveV2", "SaveSlices", "RestoreV2"].contains(node.op) else { continue }
      let inputs = node.inputs
      guard inputs.count >= 3, let keys = try strings(inputs[1]), let slices = try strings(inputs[2]) else { continue }
      if node.op != "RestoreV2" {
        let values = inputs[3...].filter { $0.utf8.first != UInt8(ascii: "^") }
        guard values.count == keys.count, slices.count == keys.count else { continue }
        for (i, value) in values.enumerated() {
          if let name = variable(behind: value) {
            entries.append(Entry(variable: name, key: Name(bytes: keys[i]), slice: slices[i]))
          }
        }
      } else if keys.count == slices.count {
        restored[node.name] = (keys, slices)
      }
    }
    guard !restored.isEmpty else { return }
    for node in graph.nodes where node.op == "Assign" || node.op == "AssignVariableOp" {
      let inputs = node.inputs
      guard inputs.count >= 2 else { continue }
      var source = TensorName(inputs[1])
      if restored[source.node] == nil, let index = byName[source.node], graph.nodes[index].op == "Identity",
        let first = graph.nodes[index].inputs.first
      {
        source = TensorName(first)
      }
      guard let (keys, slices) = restored[source.node], source.output < keys.count,
        let name = variable(behind: inputs[0])
      else { continue }
      entries.append(Entry(variable: name, key: Name(bytes: keys[source.output]), slice: slices[source.output]))
    }
  }
}
