public import CheckpointCore

extension MetaGraph {
  /// The graph with other keys in its savers, so that they restore and save a checkpoint whose variables were renamed. Ops keep
  /// their names: what joins graph and checkpoint are the strings that the savers' nodes are fed.
  /// - Parameter names: new names by the keys that savers have for them.
  /// - Throws: `unsupported` where graph and checkpoint would be out of step: the graph names no saver as its own (programs make one by
  ///   the names of its ops then), no saver knows a name, two keys would become one, or keys are no constant of savers alone.
  public func renamingSaverKeys(_ names: [Name: Name]) throws(CheckpointError) -> EditedMessage {
    guard let saver, !saver.restoreOperation.isEmpty else {
      throw CheckpointError(.unsupported, "it has no saver of its own")
    }
    let constants = try keyConstants()
    var before: Set<Name> = []
    for elements in constants.values { before.formUnion(elements) }
    let unknown = names.keys.filter { !before.contains($0) }.sorted()
    guard unknown.isEmpty else {
      throw CheckpointError(
        .unsupported,
        "none of its savers knows '\(unknown[0])'\(unknown.count > 1 ? " and \(unknown.count - 1) more" : "")"
      )
    }
    guard Set(before.map { names[$0] ?? $0 }).count == before.count else {
      throw CheckpointError(.unsupported, "two keys of its savers would become one")
    }
    return try message.edited { (number, part) throws(CheckpointError) in
      guard number == 2 else { return nil }
      return try part.edited { (number, node) throws(CheckpointError) in
        guard number == 1, let keys = constants[try NodeDef(node).name], keys.contains(where: { names[$0] != nil })
        else { return nil }
        return try MetaGraph.constant(node, holding: keys.map { names[$0] ?? $0 })
      }
    }
  }

  /// The constants that name tensors to ops which save and restore, by name.
  private func keyConstants() throws(CheckpointError) -> [String: [Name]] {
    // In all of these, input 1 is the key or the keys.
    let savers: Set<String> = ["SaveV2", "SaveSlices", "Save", "RestoreV2", "RestoreSlice", "Restore"]
    var feeding: Set<String> = []
    for node in graph.nodes where savers.contains(node.op) {
      let inputs = node.inputs
      if inputs.count > 1 { feeding.insert(TensorName(inputs[1]).node) }
    }
    var constants: [String: [Name]] = [:]
    for node in graph.nodes {
      if feeding.contains(node.name) {
        guard node.op == "Const", case .tensor(let tensor)? = try node.attribute("value") else {
          throw CheckpointError(.unsupported, "'\(Name(node.name))', which names tensors to a saver, is no constant")
        }
        constants[node.name] = try TensorProto(tensor).stringElements().map { Name(bytes: $0) }
      }
      for (i, input) in node.inputs.enumerated() where i != 1 || !savers.contains(node.op) {
        let source = TensorName(input)
        guard source.isControl || !feeding.contains(source.node) else {
          throw CheckpointError(
            .unsupported, "'\(Name(source.node))' names tensors to a saver and feeds '\(Name(node.name))' too")
        }
      }
    }
    return constants
  }

  /// A node `Const` with other strings: attribute `value` of the node, its tensor, `string_val` 8.
  private static func constant(_ node: Message, holding keys: [Name]) throws(CheckpointError) -> EditedMessage {
    try node.edited { (number, entry) throws(CheckpointError) in
      guard number == 5, try MapEntry.parse(entry).key == "value" else { return nil }
      return try entry.edited { (number, value) throws(CheckpointError) in
        guard number == 2 else { return nil }
        return try value.edited { (number, tensor) throws(CheckpointError) in
          guard number == 8 else { return nil }
          var result = EditedMessage()
          try tensor.forEachRecord { (number, _, record) throws(CheckpointError) in
            if number != 8 { result.keep(record) }
          }
          var strings = WireWriter()
          for key in keys { strings.bytes(8, key.bytes) }
          result.append(strings.bytes)
          return result
        }
      }
    }
  }
}
