package import CheckpointCore

/// The path of a dataset for a variable's name. Most names are paths already; the others are escaped, and the dataset gets an
/// attribute with the name itself. Rules: Tree/FORMAT.md, "Names".
package struct TreePath {
  /// The attribute that holds a name which its path is not.
  static let attribute: Name = "variable_name"

  package let paths: [Name: Name]

  package init(_ names: some Sequence<Name>) {
    var paths: [Name: Name] = [:]
    var taken: Set<[UInt8]> = []
    // A name comes before those that continue it, so that a dataset is known before a group of its name could be wanted.
    for name in names.sorted() {
      var path: [UInt8] = []
      for (i, part) in name.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).enumerated() {
        if i > 0 {
          if taken.contains(path) {
            path += Array("%2F".utf8)
          } else {
            path.append(UInt8(ascii: "/"))
          }
        }
        path += TreePath.escape(Array(part))
      }
      taken.insert(path)
      paths[name] = Name(bytes: path)
    }
    self.paths = paths
  }

  /// A part of a name that HDF5 takes as it is stays; a percent sign, a NUL and parts that are empty or dots do not.
  static func escape(_ part: [UInt8]) -> [UInt8] {
    if part.isEmpty { return [UInt8(ascii: "%")] }
    if part.allSatisfy({ $0 == UInt8(ascii: ".") }), part.count < 3 { return part.flatMap { _ in Array("%2E".utf8) } }
    guard part.contains(where: { $0 == 0 || $0 == UInt8(ascii: "%") }) else { return part }
    return part.flatMap { $0 == 0 ? Array("%00".utf8) : $0 == UInt8(ascii: "%") ? Array("%25".utf8) : [$0] }
  }

  /// The attribute that a dataset needs, where the path is not the name. A NUL cannot stand in a string of HDF5.
  package static func attributes(_ name: Name, at path: Name) throws(CheckpointError) -> [Attribute] {
    if name == path { return [] }
    if name.bytes.contains(0) {
      let bytes = try Tensor(
        dtype: .uint8, shape: try Shape.vector(name.bytes.count), storage: MemoryStorage(name.bytes))
      return [Attribute(name: attribute, value: .tensor(bytes))]
    }
    return [try Attribute(name: attribute, text: name.bytes)]
  }

  /// The name of the variable at a path.
  package static func name(_ path: Name, _ attributes: [Attribute]) -> Name {
    guard let found = attributes.first(where: { $0.name == attribute }) else { return path }
    if let strings = found.strings, strings.count == 1 { return Name(bytes: strings[0]) }
    if case .tensor(let tensor) = found.value, tensor.dtype == .uint8, tensor.shape.rank == 1,
      let bytes = (tensor.storage as? MemoryStorage)?.bytes
    {
      return Name(bytes: bytes)
    }
    return path
  }
}
