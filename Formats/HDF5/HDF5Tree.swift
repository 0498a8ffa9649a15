import CheckpointCore
import HDF5Library

/// What goes into an HDF5 file: groups, each after the one it lies in and the root first, and datasets.
struct HDF5Tree {
  private(set) var groups: [(path: Name, attributes: [Attribute])] = []
  var datasets: [(path: Name, variable: Variable)] = []

  /// Groups with attributes; those around them and around the datasets are added.
  mutating func setGroups(_ named: [Name: [Attribute]]) {
    var all = named
    for path in Array(named.keys.map { $0.bytes + [UInt8(ascii: "/")] }) + datasets.map(\.path.bytes) {
      for end in path.indices where path[end] == UInt8(ascii: "/") && end > 0 {
        let group = Name(bytes: path[..<end])
        if all[group] == nil { all[group] = [] }
      }
    }
    groups = all.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

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
