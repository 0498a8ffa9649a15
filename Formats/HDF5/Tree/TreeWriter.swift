package import CheckpointCore
import HDF5Library

/// Writes every variable as a dataset at the path that its name is. Format: Tree/FORMAT.md.
package struct TreeWriter: CheckpointWriter {
  package init() {}

  package func losses(writing store: VariableStore) -> [Loss] { TreeWriter.losses(store) }

  static func losses(_ store: VariableStore) -> [Loss] {
    store.variables.compactMap { variable in
      if variable.tensor.dtype == .variant {
        return Loss(variable: variable.name, reason: "HDF5 cannot hold variants")
      }
      if variable.tensor.shape.rank > HDF5Output.largestRank {
        return Loss(
          variable: variable.name,
          reason: "HDF5 cannot hold \(variable.tensor.shape.rank) dimensions; the limit is \(HDF5Output.largestRank)")
      }
      return nil
    }
  }

  package func write(
    _ store: VariableStore, to output: inout StagedOutput, options: WriteOptions
  ) throws(CheckpointError) {
    let file = try output.create(suffix: ".h5", place: .index, size: options.compression == nil ? store.byteCount : 0)
    let layout = TreePath(store.variables.map(\.name))
    // A tree with the attributes of a Keras file in it is a tree all the same.
    var groups: [Name: [Attribute]] = ["": [try Attribute(name: HDF5Kind.mark, text: Array("hdf5".utf8))]]
    let taken = Set(layout.paths.values)
    for group in store.groups {
      // A group whose place a dataset took has nothing left to say.
      var path: [UInt8] = []
      var isFree = true
      for part in group.path.bytes.split(separator: UInt8(ascii: "/")) {
        if !path.isEmpty { path.append(UInt8(ascii: "/")) }
        path += TreePath.escape(Array(part))
        isFree = isFree && !taken.contains(Name(bytes: path))
      }
      if isFree { groups[Name(bytes: path), default: []] += group.attributes }
    }
    var tree = HDF5Tree()
    for variable in store.variables {
      let path = layout.paths[variable.name] ?? variable.name
      var named = variable
      named.attributes += try TreePath.attributes(variable.name, at: path)
      tree.datasets.append((path, named))
    }
    tree.setGroups(groups)
    try tree.write(to: file, options: options)
  }
}
