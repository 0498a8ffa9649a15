import CheckpointCore

/// Names as Keras 3 makes them, for layers whose class the weights give away: the class in snake case and a counter.
enum KerasClasses {
  static func named(_ store: VariableStore) throws(CheckpointError) -> PreparedStore {
    var counters: [String: Int] = [:]
    var wrappers: [Name: String] = [:]
    var places: [(path: Name, name: Name)] = []
    var notes: [String] = []
    var groups: [VariableStore.Group] = [.init(path: "vars", attributes: [])]
    var losses: [Loss] = []
    let units = KerasUnit.model(store)
    for unit in units {
      guard let (name, isRecurrent) = classOf(unit) else {
        throw CheckpointError(
          .unsupported, "no layer of Keras is known that has the weights of '\(unit.name)'",
          remedy: "give a file of the same model with --template"
        ).at(variable: unit.members.first?.name)
      }
      let path: String
      let parts = unit.name.description.split(separator: "/")
      if isRecurrent, let last = parts.last, last.hasPrefix("forward_") || last.hasPrefix("backward_") {
        let owner = KerasUnit.prefix(unit.name)
        let wrapper = wrappers[owner] ?? next("bidirectional", &counters)
        wrappers[owner] = wrapper
        path = "layers/\(wrapper)/\(last.hasPrefix("forward_") ? "forward" : "backward")_layer/cell"
      } else {
        path = "layers/\(next(name, &counters))\(isRecurrent ? "/cell" : "")"
      }
      for (i, member) in unit.members.enumerated() {
        places.append((Name("\(path)/vars/\(i)"), member.name))
      }
      groups.append(
        .init(
          path: Name("\(path)/vars"),
          attributes: [try Attribute(name: "name", text: KerasUnit.lastPart(unit.name).bytes)]))
      notes.append("'\(unit.name)' becomes \(path), as its weights are those of such a layer")
    }
    let used = Set(places.map(\.name))
    for variable in store.variables where !used.contains(variable.name) {
      losses.append(Loss(variable: variable.name, reason: "it belongs to no layer, and Keras 3 has no place for it"))
    }
    var named = store
    named.groups = groups
    named.findLayers(places)
    return PreparedStore(named, notes: notes, losses: losses)
  }

  private static func next(_ name: String, _ counters: inout [String: Int]) -> String {
    let count = counters[name, default: 0]
    counters[name] = count + 1
    return count == 0 ? name : "\(name)_\(count)"
  }

  /// The class of a layer, by the last parts of its weights' names and their shapes.
  private static func classOf(_ unit: KerasUnit) -> (name: String, isRecurrent: Bool)? {
    var leaves: [String: Shape] = [:]
    for member in unit.members {
      leaves[KerasUnit.lastPart(KerasNames.plain(member.name)).description] = member.tensor.shape
    }
    if leaves["embeddings"] != nil { return ("embedding", false) }
    if let recurrent = leaves["recurrent_kernel"], recurrent.rank == 2, recurrent.dimensions[0] > 0 {
      switch recurrent.dimensions[1] / recurrent.dimensions[0] {
      case 4: return ("lstm", true)
      case 3: return ("gru", true)
      case 1: return ("simple_rnn", true)
      default: return nil
      }
    }
    if let depthwise = leaves["depthwise_kernel"] {
      let kind = leaves["pointwise_kernel"] == nil ? "depthwise" : "separable"
      return depthwise.rank == 4 || depthwise.rank == 3 ? ("\(kind)_conv\(depthwise.rank - 2)d", false) : nil
    }
    if leaves["moving_mean"] != nil { return ("batch_normalization", false) }
    if leaves["gamma"] != nil || leaves["beta"] != nil { return ("layer_normalization", false) }
    guard let kernel = leaves["kernel"] ?? leaves["weights"] else { return nil }
    switch kernel.rank {
    case 2: return ("dense", false)
    case 3...5: return ("conv\(kernel.rank - 2)d", false)
    default: return nil
    }
  }
}
