import CheckpointCore

/// The variables of one layer as far as they have one prefix: what is matched with what between files that call layers and
/// weights differently.
struct KerasUnit {
  /// What messages call it.
  let name: Name
  /// The layer's own names, for matching by name; none where the file has none.
  let keys: Set<Name>
  /// In the order in which the layer takes them.
  let members: [Variable]

  var signature: Signature {
    let text = name.description
    return Signature(
      shapes: members.map(\.tensor.shape), isForward: text.contains("forward_"), isBackward: text.contains("backward_"))
  }

  /// What units must share to be matched at all. The halves of a bidirectional layer have equal shapes.
  struct Signature: Hashable {
    let shapes: [Shape]
    let isForward: Bool
    let isBackward: Bool
  }

  /// The units of the model's own layers, in the order of the model as far as the store knows it.
  static func model(_ store: VariableStore) -> [KerasUnit] {
    store.layers.isEmpty ? byPrefix(store) : store.layers.filter { $0.kind != .optimizer }.flatMap { units($0, store) }
  }

  private static func units(_ layer: VariableStore.Layer, _ store: VariableStore) -> [KerasUnit] {
    var order: [Name] = []
    var members: [Name: [Variable]] = [:]
    for (name, label) in zip(layer.members, layer.labels) {
      guard let variable = store[name] else { continue }
      let prefix = prefix(label)
      if members[prefix] == nil { order.append(prefix) }
      members[prefix, default: []].append(variable)
    }
    return order.map { prefix in
      if NumberedVariable.isGroup(prefix) {
        let owner = NumberedVariable.owner(prefix)
        return KerasUnit(name: owner, keys: layer.name == owner ? [] : [layer.name], members: members[prefix] ?? [])
      }
      let last = lastPart(prefix)
      return KerasUnit(
        name: prefix.bytes.isEmpty ? layer.name : prefix,
        keys: order.count == 1 ? [layer.name, last, prefix] : [last, prefix],
        members: members[prefix] ?? [])
    }
  }

  /// Layers by the prefixes of names. The order is the graph's, where there is one, else that of people: `dense_2` before
  /// `dense_10`; inside a layer, without a graph, the one that Keras has.
  private static func byPrefix(_ store: VariableStore) -> [KerasUnit] {
    let knowsOrder = store.graph != nil
    var order: [Name] = []
    var members: [Name: [Variable]] = [:]
    for variable in store.variables where variable.role == .weight || variable.role == .ema {
      let prefix = prefix(variable.name)
      if members[prefix] == nil { order.append(prefix) }
      members[prefix, default: []].append(variable)
    }
    if !knowsOrder { order.sort { NaturalOrder.key($0).lexicographicallyPrecedes(NaturalOrder.key($1)) } }
    return order.map { prefix in
      let found = members[prefix] ?? []
      let sorted = found.enumerated().sorted {
        (WeightRank.of($0.element.name), $0.offset) < (WeightRank.of($1.element.name), $1.offset)
      }
      return KerasUnit(name: prefix, keys: [lastPart(prefix), prefix], members: sorted.map(\.element))
    }
  }

  static func prefix(_ name: Name) -> Name {
    name.bytes.lastIndex(of: UInt8(ascii: "/")).map { Name(bytes: name.bytes[..<$0]) } ?? ""
  }

  static func lastPart(_ name: Name) -> Name {
    name.bytes.lastIndex(of: UInt8(ascii: "/")).map { Name(bytes: name.bytes[($0 + 1)...]) } ?? name
  }
}

/// The order in which Keras layers list their weights.
enum WeightRank {
  private static let order: [String] = [
    "kernel", "weights", "embeddings", "gamma", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel", "bias",
    "biases", "beta", "moving_mean", "moving_variance",
  ]

  static func of(_ name: Name) -> Int {
    let leaf = KerasUnit.lastPart(KerasNames.plain(name)).description
    return order.firstIndex(of: leaf) ?? order.count
  }
}

/// Numbers inside of names in the order of their values.
enum NaturalOrder {
  /// Keys compare as the names should: text by its bytes, a run of digits by its number.
  static func key(_ name: Name) -> [UInt64] {
    var key: [UInt64] = []
    var number: UInt64?
    for byte in name.bytes {
      if (0x30...0x39).contains(byte), (number ?? 0) < 1 << 58 {
        number = (number ?? 0) * 10 + UInt64(byte - 0x30)
      } else {
        if let found = number { key.append(found) }
        number = nil
        key.append(1 << 63 | UInt64(byte))
      }
    }
    if let found = number { key.append(found) }
    return key
  }
}
