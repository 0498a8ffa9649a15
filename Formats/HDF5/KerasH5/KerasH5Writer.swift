package import CheckpointCore
import HDF5Library

/// Writes what Keras 2 loads: `save_weights`, or a whole model where the store has a model's description. Format: KerasH5/FORMAT.md.
package struct KerasH5Writer: CheckpointWriter {
  package init() {}

  package func losses(writing store: VariableStore) -> [Loss] {
    TreeWriter.losses(store)
      + store.variables.filter { $0.tensor.dtype == .string }
      .map { Loss(variable: $0.name, reason: "weights of Keras are numbers, not strings") }
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
    let shared = (store.groups.first { $0.path.bytes.isEmpty }?.attributes ?? [])
      .filter { !NameList.begins($0.name, "layer_names") }
    // A selection may have left some of a layer's weights out.
    let layers = store.layers.map { layer in
      let there = layer.members.indices.filter { store.contains(layer.members[$0]) }
      return VariableStore.Layer(
        name: layer.name, kind: layer.kind, members: there.map { layer.members[$0] },
        labels: there.map { layer.labels[$0] })
    }
    let derived = KerasNames.variables(layers)
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
    for (layer, names) in zip(layers, derived) {
      let group = layer.kind == .optimizer ? layer.name.bytes : root + layer.name.bytes
      for i in layer.members.indices {
        guard var variable = store[layer.members[i]] else { continue }
        variable.attributes += try TreePath.attributes(variable.name, at: names[i])
        tree.datasets.append((Name(bytes: group + [UInt8(ascii: "/")] + layer.labels[i].bytes), variable))
        placed.insert(variable.name)
      }
      groups[Name(bytes: group), default: []] += try NameList.write("weight_names", layer.labels)
    }
    let rest = store.variables.filter { !placed.contains($0.name) }
    let layout = TreePath(rest.map(\.name))
    for var variable in rest {
      let path = layout.paths[variable.name] ?? variable.name
      variable.attributes += try TreePath.attributes(variable.name, at: path)
      tree.datasets.append((path, variable))
    }
    tree.setGroups(groups)
    try tree.write(to: file, options: options)
  }
}
