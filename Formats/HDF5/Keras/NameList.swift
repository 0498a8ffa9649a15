import CheckpointCore
import HDF5Library

/// Lists of names in attributes. One that would not fit an object header is cut into `name0`, `name1`, …; the plain name is
/// absent then. Source: hdf5_format.py, `save_attributes_to_hdf5_group`.
enum NameList {
  /// Bytes that Keras allows one attribute.
  private static let limit = 64512

  static func begins(_ name: Name, _ list: String) -> Bool {
    name.hasPrefix(list) && name.bytes.dropFirst(list.utf8.count).allSatisfy { (0x30...0x39).contains($0) }
  }

  /// The names, or nil where there is no such list.
  static func read(_ list: String, _ attributes: [HDF5Attribute]) throws(CheckpointError) -> [Name]? {
    if let whole = attributes.first(where: { $0.name == Name(list) }) { return try names(whole, list) }
    let parts = attributes.filter { begins($0.name, list) }
    guard !parts.isEmpty else { return nil }
    var all: [Name] = []
    for i in 0..<parts.count {
      guard let part = parts.first(where: { $0.name == Name("\(list)\(i)") }) else {
        throw CheckpointError(.corrupt, "\(list) is in \(parts.count) parts, and \(list)\(i) is missing")
      }
      all += try names(part, list)
    }
    return all
  }

  private static func names(_ attribute: HDF5Attribute, _ list: String) throws(CheckpointError) -> [Name] {
    guard case .tensor(let tensor)? = attribute.value else {
      throw CheckpointError(.corrupt, "\(list) is not a list of strings")
    }
    // An empty list is an empty list of numbers: h5py makes it so.
    if tensor.shape.elementCount == 0 { return [] }
    guard let strings = Attribute(name: attribute.name, value: .tensor(tensor)).strings else {
      throw CheckpointError(.corrupt, "\(list) is not a list of strings")
    }
    return strings.map { Name(bytes: $0) }
  }

  static func write(_ list: String, _ names: [Name]) throws(CheckpointError) -> [Attribute] {
    guard !names.isEmpty else {
      let nothing = try Tensor(dtype: .float64, shape: try Shape.vector(0), storage: MemoryStorage([]))
      return [Attribute(name: Name(list), value: .tensor(nothing))]
    }
    let width = names.map(\.bytes.count).max() ?? 0
    guard width <= limit else {
      throw CheckpointError(.unsupported, "a name of \(width) bytes does not fit an attribute of Keras")
    }
    // As few parts as keep every one within the limit, as even as numpy.array_split makes them.
    let perPart = max(1, limit / max(1, width))
    let parts = (names.count + perPart - 1) / perPart
    if parts == 1 { return [try attribute(Name(list), names[...])] }
    var attributes: [Attribute] = []
    var start = 0
    for i in 0..<parts {
      let count = names.count / parts + (i < names.count % parts ? 1 : 0)
      attributes.append(try attribute(Name("\(list)\(i)"), names[start..<start + count]))
      start += count
    }
    return attributes
  }

  private static func attribute(_ name: Name, _ names: ArraySlice<Name>) throws(CheckpointError) -> Attribute {
    let strings = try StringStorage(names.map(\.bytes))
    return Attribute(
      name: name, value: .tensor(try Tensor(dtype: .string, shape: try Shape.vector(names.count), storage: strings)))
  }
}
