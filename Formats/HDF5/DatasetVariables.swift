import CheckpointCore
import HDF5Library

/// What all formats of HDF5 do with what a file holds.
extension VariableStore {
  /// Appends a dataset under its own attribute `variable_name`, or under `name`.
  /// - Returns: the name that it has.
  mutating func append(_ dataset: HDF5Dataset, of hdf5: HDF5File, named name: Name) throws(CheckpointError) -> Name {
    let tensor = try hdf5.tensor(dataset)
    let attributes = keep(dataset.attributes, of: dataset.path)
    let own = TreePath.name(name, attributes)
    let isMarked = dataset.marked == tensor.dtype
    let kept = attributes.filter { $0.name != TreePath.attribute && !(isMarked && $0.name == "dtype") }
    try append(Variable(name: own, tensor: tensor, role: .weight, attributes: kept))
    return own
  }

  /// The attributes that a store can keep; the others are said.
  mutating func keep(_ attributes: [HDF5Attribute], of path: Name) -> [Attribute] {
    attributes.filter { !path.bytes.isEmpty || $0.name != HDF5Kind.mark }.compactMap { attribute in
      guard let value = attribute.value else {
        let owner = path.bytes.isEmpty ? "the root" : "'\(path)'"
        if attribute.name == "*" {
          source.warnings.append("the attributes of \(owner) are of a form that only a newer HDF5 library can read")
          return nil
        }
        source.warnings.append("the attribute '\(attribute.name)' of \(owner) is of a type that is not kept")
        return nil
      }
      return Attribute(name: attribute.name, value: value)
    }
  }
}
