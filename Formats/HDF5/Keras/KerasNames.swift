import CheckpointCore

/// Names of variables for the labels of weights, and back.
enum KerasNames {
  /// For each layer the names of its weights: the label without the `:0` of TensorFlow's tensors. Where two are equal, with the
  /// layer before it.
  static func variables(_ layers: [VariableStore.Layer]) -> [[Name]] {
    var count: [Name: Int] = [:]
    for layer in layers { for label in layer.labels { count[plain(label), default: 0] += 1 } }
    return layers.map { layer in
      layer.labels.map { label in
        let name = plain(label)
        return count[name] == 1 ? name : Name(bytes: layer.name.bytes + [UInt8(ascii: "/")] + name.bytes)
      }
    }
  }

  static func plain(_ label: Name) -> Name { label.hasSuffix(":0") ? Name(bytes: label.bytes.dropLast(2)) : label }
}
