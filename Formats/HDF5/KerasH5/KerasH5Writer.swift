package import CheckpointCore
import HDF5Library

/// Writes what Keras 2 loads: `save_weights`, or a whole model where the store has a model's description. Format: KerasH5/FORMAT.md.
package struct KerasH5Writer: CheckpointWriter {
  package init() {}

  package func losses(writing store: VariableStore) -> [Loss] {
    TreeWriter.losses(store)
      + store.variables.compactMap { variable in
        if variable.tensor.dtype == .string {
          return Loss(variable: variable.name, reason: "weights of Keras are numbers, not strings")
        }
        return KerasH5Writer.isPath(variable.name)
          ? nil : Loss(variable: variable.name, reason: "the name cannot be that of a weight of Keras")
      }
  }

  /// Whether HDF5 takes the name as a path as it stands.
  static func isPath(_ name: Name) -> Bool {
    name.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .allSatisfy { !$0.isEmpty && !$0.contains(0) && Array($0) != Array(".".utf8) }
  }

  package func prepare(_ store: VariableStore, options: WriteOptions) throws(CheckpointError) -> PreparedStore {
    if let path = options.template {
      let template = try KerasH5Reader().open(path, options: ReadOptions())
      return try locating(file: path) { () throws(CheckpointError) in try KerasTemplate.fill(template, from: store) }
    }
    if store.layers.contains(where: { $0.labels.contains { NumberedVariable.split($0) != nil } }) {
      throw CheckpointError(
        .unsupported, "a file of Keras 3 does not say in which order its layers come, and Keras 2 goes by it",
        remedy: "give a Keras 2 file of the same model with --template")
    }
    return PreparedStore(try KerasLayers.complete(store))
  }

  package func write(
    _ store: VariableStore, to output: inout StagedOutput, options: WriteOptions
  ) throws(CheckpointError) {
    let file = try output.create(suffix: ".h5", place: .index, size: options.compression == nil ? store.byteCount : 0)
    var tree = HDF5Tree()
    let shared = store.groups.first { $0.path.bytes.isEmpty }?.attributes ?? []
    let isModel = shared.contains { $0.name == "model_config" }
    let root: [UInt8] = isModel ? KerasH5File.modelWeights.bytes + [UInt8(ascii: "/")] : []
    // Without a version, loaders take a file for one of Keras 1 and turn its kernels round.
    var attributes = shared
    for (name, value) in [("backend", "tensorflow"), ("keras_version", "2.3.1")]
    where !shared.contains(where: { $0.name == Name(name) }) {
      attributes.append(try Attribute(name: Name(name), text: Array(value.utf8)))
    }
    let list = try NameList.write("layer_names", store.layers.filter { $0.kind == .model }.map(\.name))
    var groups: [Name: [Attribute]] = [:]
    groups[""] = attributes + (isModel ? [] : list)
    if isModel {
      groups[KerasH5File.modelWeights] =
        attributes.filter { $0.name == "backend" || $0.name == "keras_version" } + list
    }
    var placed: Set<Name> = []
    for layer in store.layers {
      let group = layer.kind == .optimizer ? layer.name.bytes : root + layer.name.bytes
      let there = zip(layer.members, layer.labels).compactMap { name, label in store[name].map { ($0, label) } }
      groups[Name(bytes: group), default: []] += try NameList.write("weight_names", there.map(\.1))
      for (variable, label) in there {
        tree.datasets.append((Name(bytes: group + [UInt8(ascii: "/")] + label.bytes), variable))
        placed.insert(variable.name)
      }
    }
    for variable in store.variables where !placed.contains(variable.name) {
      tree.datasets.append((variable.name, variable))
    }
    for path in Array(groups.keys) + tree.datasets.map({ KerasUnit.prefix($0.path) }) {
      for end in path.bytes.indices where path.bytes[end] == UInt8(ascii: "/") {
        if groups[Name(bytes: path.bytes[..<end])] == nil { groups[Name(bytes: path.bytes[..<end])] = [] }
      }
      if groups[path] == nil { groups[path] = [] }
    }
    tree.groups = groups.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    try tree.write(to: file, options: options)
  }
}

/// Layers for a store that has none, or that has variables outside of them.
enum KerasLayers {
  /// The store with every variable in a layer, under the name that a reader of the file will give it.
  static func complete(_ store: VariableStore) throws(CheckpointError) -> VariableStore {
    let listed = Set(store.layers.flatMap(\.members))
    var rest: [Variable] = []
    var plain: [Variable] = []
    for variable in store.variables {
      let isOutside = !listed.contains(variable.name)
      let name = isOutside ? KerasNames.plain(variable.name) : variable.name
      let renamed = Variable(
        name: name, tensor: variable.tensor, role: variable.role, attributes: variable.attributes)
      plain.append(renamed)
      if isOutside { rest.append(renamed) }
    }
    var complete = try store.replacing(plain)
    complete.layers = store.layers.filter { $0.kind != .optimizer }
    complete.layers += layers(rest, knowsOrder: store.graph != nil || !store.layers.isEmpty)
    let state = rest.filter(isState).map(\.name)
    let optimizer = store.layers.first { $0.kind == .optimizer }
    if !state.isEmpty || optimizer != nil {
      complete.layers.append(
        .init(
          name: KerasH5File.optimizer, kind: .optimizer, members: (optimizer?.members ?? []) + state,
          labels: (optimizer?.labels ?? []) + state.map(KerasNames.label)))
    }
    return complete
  }

  private static func isState(_ variable: Variable) -> Bool { variable.role == .slot || variable.role == .counter }

  /// A layer is the first part of a name; a variable without one is a layer of its own.
  private static func layers(_ variables: [Variable], knowsOrder: Bool) -> [VariableStore.Layer] {
    var order: [Name] = []
    var members: [Name: [Name]] = [:]
    for variable in variables where !isState(variable) {
      let layer = Name(bytes: variable.name.bytes.prefix { $0 != UInt8(ascii: "/") })
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
      return .init(name: layer, members: names, labels: names.map(KerasNames.label))
    }
  }
}
