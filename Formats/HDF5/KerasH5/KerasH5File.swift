import CheckpointCore
import HDF5Library

/// The parts of a Keras 1 or 2 file.
struct KerasH5File {
  private let hdf5: HDF5File
  private var datasets: [Name: HDF5Dataset] = [:]
  private var groups: [Name: [HDF5Attribute]] = [:]
  /// Group of the layers: the root of a weights file, `model_weights` of a whole model.
  private let root: Name

  /// A weight as the lists have it.
  private struct Weight {
    let label: Name
    let dataset: HDF5Dataset
  }

  private struct Part {
    let name: Name
    let kind: VariableStore.Layer.Kind
    let weights: [Weight]
  }

  static let modelWeights: Name = "model_weights"
  static let topLevel: Name = "top_level_model_weights"
  static let optimizer: Name = "optimizer_weights"

  /// Whether what the lists name and the file has not is listed as lost.
  private let salvage: Bool

  init(_ hdf5: HDF5File, salvage: Bool = false) throws(CheckpointError) {
    self.hdf5 = hdf5
    self.salvage = salvage
    for object in hdf5.objects {
      switch object {
      case .dataset(let dataset): datasets[dataset.path] = dataset
      case .group(let path, let attributes): groups[path] = attributes
      default: break
      }
    }
    let listed = (groups[""] ?? []).contains { NameList.begins($0.name, "layer_names") }
    root = !listed && groups[KerasH5File.modelWeights] != nil ? KerasH5File.modelWeights : ""
  }

  func store(_ path: String) throws(CheckpointError) -> VariableStore {
    var store = VariableStore(
      source: .init(format: "keras-h5", path: path, files: [hdf5.file], warnings: hdf5.warnings))
    store.source.lost = hdf5.lost
    let parts = try parts(&store.source.lost)
    let labelled = parts.map { part in
      VariableStore.Layer(name: part.name, kind: part.kind, members: [], labels: part.weights.map(\.label))
    }
    for (part, derived) in zip(parts, KerasNames.variables(labelled)) {
      var names: [Name] = []
      var labels: [Name] = []
      for (weight, name) in zip(part.weights, derived) {
        try store.take(name, of: hdf5.file, salvage: salvage) { (store) throws(CheckpointError) in
          names.append(try store.append(weight.dataset, of: hdf5, named: name))
          labels.append(weight.label)
        }
      }
      store.layers.append(.init(name: part.name, kind: part.kind, members: names, labels: labels))
    }
    try addUnlisted(to: &store, listed: Set(parts.flatMap { $0.weights.map(\.dataset.path) }))
    let attributes = (groups[""] ?? []) + (root.bytes.isEmpty ? [] : groups[root] ?? [])
    var seen: Set<Name> = []
    let kept = attributes.filter { !NameList.begins($0.name, "layer_names") && seen.insert($0.name).inserted }
    store.groups = [.init(path: "", attributes: store.keep(kept, of: ""))]
    for attribute in kept where attribute.name == "model_config" || attribute.name == "training_config" {
      guard case .tensor(let tensor)? = attribute.value,
        let text = Attribute(name: attribute.name, value: .tensor(tensor)).strings?.first
      else { continue }
      do throws(CheckpointError) {
        _ = try JSONReader.parse(text)
      } catch {
        store.source.warnings.append(
          "\(attribute.name) cannot be read as JSON (\(error.message)); the weights do not need it, and it is copied as it is"
        )
      }
    }
    store.inferRoles()
    for part in store.layers where part.kind == .optimizer { store.setRole(.slot, of: part.members) }
    return store
  }

  /// Layers in the order of the model, then what belongs to none.
  private func parts(_ lost: inout [CheckpointError]) throws(CheckpointError) -> [Part] {
    guard let layers = try NameList.read("layer_names", groups[root] ?? []) else {
      throw CheckpointError(
        .corrupt, "has no layer_names, so that it is no weights file of Keras", remedy: "--from hdf5 reads it as it is")
    }
    var parts: [Part] = []
    for layer in layers {
      let group = inside(root, layer)
      guard let attributes = groups[group] else {
        let failure = CheckpointError(.corrupt, "layer_names lists the layer '\(layer)', and there is no such group")
        guard salvage else { throw failure }
        lost.append(failure.at(variable: layer))
        continue
      }
      parts.append(Part(name: layer, kind: .model, weights: try weights(group, attributes, &lost)))
    }
    let top = inside(root, KerasH5File.topLevel)
    if !layers.contains(KerasH5File.topLevel), let attributes = groups[top] {
      parts.append(Part(name: KerasH5File.topLevel, kind: .topLevel, weights: try weights(top, attributes, &lost)))
    }
    if !layers.contains(KerasH5File.optimizer) || !root.bytes.isEmpty,
      let attributes = groups[KerasH5File.optimizer]
    {
      let weights = try weights(KerasH5File.optimizer, attributes, &lost)
      parts.append(Part(name: KerasH5File.optimizer, kind: .optimizer, weights: weights))
    }
    return parts
  }

  private func weights(
    _ group: Name, _ attributes: [HDF5Attribute], _ lost: inout [CheckpointError]
  ) throws(CheckpointError) -> [Weight] {
    var weights: [Weight] = []
    var seen: Set<Name> = []
    do throws(CheckpointError) {
      for label in try NameList.read("weight_names", attributes) ?? [] {
        guard seen.insert(label).inserted else {
          throw CheckpointError(.corrupt, "weight_names lists '\(label)' twice")
        }
        guard let dataset = datasets[inside(group, label)] else {
          let failure = CheckpointError(
            .corrupt,
            groups[inside(group, label)] == nil
              ? "weight_names lists '\(label)', and there is no such dataset in the group"
              : "weight_names lists '\(label)', which is a group and no dataset")
          guard salvage else { throw failure }
          lost.append(failure.at(variable: inside(group, label)))
          continue
        }
        weights.append(Weight(label: label, dataset: dataset))
      }
    } catch {
      throw error.at(variable: group)
    }
    return weights
  }

  private func inside(_ group: Name, _ name: Name) -> Name {
    group.bytes.isEmpty ? name : Name(bytes: group.bytes + [UInt8(ascii: "/")] + name.bytes)
  }

  /// Datasets that no list names: not part of the model for Keras, and not to be lost either.
  private func addUnlisted(to store: inout VariableStore, listed: Set<Name>) throws(CheckpointError) {
    for path in datasets.keys.sorted() where !listed.contains(path) {
      guard let dataset = datasets[path], !store.contains(path) else { continue }
      store.source.warnings.append("'\(path)' is listed by no layer, so that Keras would not read it")
      try store.take(path, of: hdf5.file, salvage: salvage) { (store) throws(CheckpointError) in
        _ = try store.append(dataset, of: hdf5, named: path)
      }
    }
    for object in hdf5.objects { store.listUnread(object) }
  }
}
