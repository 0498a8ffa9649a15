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
    for path in layout.groups { groups[path] = [] }
    let taken = Set(layout.paths.values)
    for group in store.groups {
      // A group whose place a dataset took has nothing left to say.
      var path: [UInt8] = []
      var isFree = true
      for part in group.path.bytes.split(separator: UInt8(ascii: "/")) {
        if !path.isEmpty { path.append(UInt8(ascii: "/")) }
        path += TreePath.escape(Array(part))
        isFree = isFree && !taken.contains(Name(bytes: path))
        if isFree, groups[Name(bytes: path)] == nil { groups[Name(bytes: path)] = [] }
      }
      if isFree { groups[Name(bytes: path), default: []] += group.attributes }
    }
    var tree = HDF5Tree()
    for (path, attributes) in groups.sorted(by: { $0.key < $1.key }) {
      tree.groups.append((path, attributes))
    }
    for variable in store.variables {
      let path = layout.paths[variable.name] ?? variable.name
      var named = variable
      named.attributes += try TreePath.attributes(variable.name, at: path)
      tree.datasets.append((path, named))
    }
    try tree.write(to: file, options: options)
  }
}

/// What goes into an HDF5 file: groups, each after the one it lies in and the root first, and datasets.
struct HDF5Tree {
  var groups: [(path: Name, attributes: [Attribute])] = []
  var datasets: [(path: Name, variable: Variable)] = []

  /// Canonical bytes of all datasets.
  var byteCount: Int { datasets.reduce(0) { $0 + $1.variable.tensor.byteCount } }

  /// - Parameter base: where in the file the HDF5 data begin.
  /// - Returns: how many bytes they take.
  @discardableResult
  func write(to file: OutputFile, at base: Int = 0, options: WriteOptions) throws(CheckpointError) -> Int {
    let attributes = groups.flatMap(\.attributes) + datasets.flatMap(\.variable.attributes)
    var output = try HDF5Output(file, at: base, options: options, attributes: attributes)
    for group in groups { try output.group(group.path, attributes: group.attributes) }
    for dataset in datasets { try output.dataset(dataset.path, dataset.variable) }
    return try output.finish()
  }
}
