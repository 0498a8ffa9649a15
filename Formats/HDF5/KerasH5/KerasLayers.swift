import CheckpointCore

/// Layers for a store that has none, or that has variables outside of them.
enum KerasLayers {
  /// The store with every variable in a layer.
  static func complete(_ store: VariableStore) throws(CheckpointError) -> VariableStore {
    let listed = Set(store.layers.flatMap(\.members))
    let rest = store.variables.filter { !listed.contains($0.name) }
    var complete = store
    complete.layers = store.layers.filter { $0.kind != .optimizer }
    complete.layers += layers(rest, knowsOrder: store.graph != nil || !store.layers.isEmpty)
    let state = rest.filter(isState).map(\.name)
    let optimizer = store.layers.first { $0.kind == .optimizer }
    if !state.isEmpty || optimizer != nil {
      complete.layers.append(
        .init(
          name: KerasH5File.optimizer, kind: .optimizer, members: (optimizer?.members ?? []) + state,
          labels: (optimizer?.labels ?? []) + labels(state)))
    }
    return complete
  }

  private static func isState(_ variable: Variable) -> Bool { variable.role == .slot || variable.role == .counter }

  /// A layer is the first part of a name; a variable without one is a layer of its own.
  private static func layers(_ variables: [Variable], knowsOrder: Bool) -> [VariableStore.Layer] {
    var order: [Name] = []
    var members: [Name: [Name]] = [:]
    for variable in variables where !isState(variable) {
      let first = Array(variable.name.bytes.prefix { $0 != UInt8(ascii: "/") })
      let layer = KerasNames.plain(Name(bytes: TreePath.escape(first)))
      if members[layer] == nil { order.append(layer) }
      members[layer, default: []].append(variable.name)
    }
    if !knowsOrder { order.sort { NaturalOrder.key($0).lexicographicallyPrecedes(NaturalOrder.key($1)) } }
    return order.map { layer in
      var names = members[layer] ?? []
      if !knowsOrder {
        names.sort { a, b in
          let (x, y) = (NaturalOrder.key(KerasUnit.prefix(a)), NaturalOrder.key(KerasUnit.prefix(b)))
          if x != y { return x.lexicographicallyPrecedes(y) }
          return (WeightRank.of(a), a) < (WeightRank.of(b), b)
        }
      }
      return .init(name: layer, members: names, labels: labels(names))
    }
  }

  /// Paths inside a layer, with the `:0` of TensorFlow's tensors.
  private static func labels(_ names: [Name]) -> [Name] {
    let plain = names.map { KerasNames.plain($0) }
    // Where one name is another with `:0`, both keep what tells them apart.
    let isUnique = Set(plain).count == plain.count
    let layout = TreePath(isUnique ? plain : names)
    return zip(plain, names).map { plain, name in
      let path = layout.paths[isUnique ? plain : name] ?? plain
      return Name(bytes: path.bytes + Array(":0".utf8))
    }
  }
}
