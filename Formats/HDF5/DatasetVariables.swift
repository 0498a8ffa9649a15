import CheckpointCore
import HDF5Library

/// What all formats of HDF5 do with what a file holds.
extension VariableStore {
  /// Appends a dataset under its own attribute `variable_name`, or under `name`. Files beside the HDF5 file that hold its bytes
  /// become part of the source.
  /// - Returns: the name that it has.
  mutating func append(_ dataset: HDF5Dataset, of hdf5: HDF5File, named name: Name) throws(CheckpointError) -> Name {
    let (tensor, members) = try hdf5.tensor(dataset)
    let attributes = keep(dataset.attributes, of: dataset.path)
    let own = TreePath.name(name, attributes)
    let isMarked = dataset.marked == tensor.dtype
    let kept = attributes.filter { $0.name != TreePath.attribute && !(isMarked && $0.name == "dtype") }
    try append(Variable(name: own, tensor: tensor, role: .weight, attributes: kept))
    include(members, for: own)
    return own
  }

  /// Makes files beside the HDF5 file part of the source.
  mutating func include(_ members: [InputFile], for name: Name) {
    for member in members where !source.files.contains(where: { $0.isSameFile(as: member.path) }) {
      source.files.append(member)
    }
    if !members.isEmpty {
      source.warnings.append("'\(name)' is read from files beside the HDF5 file, which it names")
    }
  }

  /// Says what becomes of an object that is no dataset and no group of this file.
  mutating func listUnread(_ object: HDF5Object) {
    switch object {
    case .group, .dataset, .namedType: break
    case .alias(let path): source.warnings.append("'\(path)' is another name of a group that is listed already")
    case .dangling(let path, let target):
      source.warnings.append("'\(path)' is a link to '\(target)', which is not in the file")
    case .external(let path, let file, _):
      source.unreadable.append(Loss(variable: path, reason: "links into '\(file)', which is not followed"))
    case .newer(let path, _):
      source.unreadable.append(Loss(variable: path, reason: "is of a form that only a newer HDF5 library can read"))
    }
  }

  /// Takes what `body` appends; what is valid and cannot be held is listed as unreadable, what is damaged as lost where that is
  /// not to stop the reader.
  mutating func take(
    _ path: Name, of file: InputFile, salvage: Bool,
    _ body: (inout VariableStore) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    do throws(CheckpointError) {
      try body(&self)
    } catch {
      if error.code == .unsupported {
        source.unreadable.append(Loss(variable: path, reason: error.message))
      } else if salvage, error.code == .corrupt {
        source.lost.append(error.at(file: file.path, variable: path))
      } else {
        throw error
      }
    }
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
