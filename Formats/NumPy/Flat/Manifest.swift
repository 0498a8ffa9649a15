import CheckpointCore

/// The index of an npy-flat checkpoint: which variable lies where in which vector. Layout: Flat/FORMAT.md.
struct Manifest {
  static let suffix = ".index.json"
  /// A manifest of ten million variables.
  static let largestFile = 2 << 30

  struct Vector {
    let file: String
    let dtype: DType
    let elements: Int
  }

  struct Entry {
    let name: Name
    let dtype: DType
    let shape: Shape
    let vector: Int
    /// In elements.
    let offset: Int
    /// Elements of the vector that a string tensor takes, nil for numbers, whose shape says it.
    let size: Int?
    let crc32c: UInt32?
    let role: Role?
  }

  /// Whether it is of the older shape: one vector, and dtypes as the variables have them.
  let isOlder: Bool
  var order: String
  var vectors: [Vector]
  var entries: [Entry]

  /// Reads our own manifests, and the older shape `{"file", "elements", "tensors": [{"name", "shape", "dtype", "offset"}]}`.
  init(contentsOf file: InputFile) throws(CheckpointError) {
    do throws(CheckpointError) {
      let json = try JSONReader.parse(try file.contents(limit: Manifest.largestFile))
      if json["format"]?.text == "npy-flat" {
        try self.init(own: json)
      } else if json["tensors"] != nil {
        try self.init(older: json)
      } else {
        throw CheckpointError(.corrupt, "is JSON, but no manifest of a flat vector")
      }
    } catch {
      throw error.at(file: file.path)
    }
  }

  private init(own json: JSONValue) throws(CheckpointError) {
    guard json["version"]?.integer == 1 else {
      throw CheckpointError(
        .unsupported, "the version of the manifest is not 1", remedy: "a newer ckpt-convert made it")
    }
    isOlder = false
    order = json["order"]?.text ?? "name"
    vectors = []
    var files: Set<String> = []
    for value in json["vectors"]?.elements ?? [] {
      guard let file = value["file"]?.text, let dtype = value["dtype"]?.text.flatMap(DType.init(rawValue:)),
        let elements = value["elements"]?.integer, elements >= 0
      else { throw CheckpointError(.corrupt, "a vector in the manifest lacks its file, dtype or number of elements") }
      guard files.insert(file).inserted else {
        throw CheckpointError(.corrupt, "the manifest names the vector '\(Name.printable(Array(file.utf8)))' twice")
      }
      vectors.append(Vector(file: try Manifest.plainFileName(file), dtype: dtype, elements: elements))
    }
    entries = []
    for value in json["variables"]?.elements ?? [] {
      let name = try Manifest.name(of: value)
      guard let vector = value["vector"]?.integer, vectors.indices.contains(vector) else {
        throw CheckpointError(.corrupt, "the manifest does not say which vector holds it").at(variable: name)
      }
      var sum: UInt32?
      if let crc = value["crc32c"] {
        guard let number = crc.integer, let checked = UInt32(exactly: number) else {
          throw CheckpointError(.corrupt, "its checksum in the manifest is no 32-bit number").at(variable: name)
        }
        sum = checked
      }
      entries.append(
        Entry(
          name: name, dtype: try Manifest.dtype(of: value, name), shape: try Manifest.shape(of: value, name),
          vector: vector,
          offset: try Manifest.offset(of: value, name), size: value["size"]?.integer, crc32c: sum,
          role: value["role"]?.text.flatMap(Role.init(rawValue:))))
    }
  }

  private init(older json: JSONValue) throws(CheckpointError) {
    guard let file = json["file"]?.text, let elements = json["elements"]?.integer, elements >= 0 else {
      throw CheckpointError(.corrupt, "the manifest lacks 'file' or 'elements'")
    }
    isOlder = true
    order = "FILE"
    entries = []
    var dtype: DType?
    for value in json["tensors"]?.elements ?? [] {
      let name = try Manifest.name(of: value)
      let type = try Manifest.dtype(of: value, name)
      dtype = dtype ?? type
      entries.append(
        Entry(
          name: name, dtype: type, shape: try Manifest.shape(of: value, name), vector: 0,
          offset: try Manifest.offset(of: value, name), size: nil, crc32c: nil, role: nil))
    }
    vectors = [Vector(file: try Manifest.plainFileName(file), dtype: dtype ?? .float32, elements: elements)]
  }

  /// Entries in the order of their offsets in the file, for reading another vector.
  func layout(from path: String) -> Layout {
    Layout(
      entries: entries.map { Layout.Entry(name: $0.name, dtype: $0.dtype, shape: $0.shape, offset: $0.offset) },
      origin: "the manifest \(path)")
  }

  /// A manifest names files, never paths.
  private static func plainFileName(_ name: String) throws(CheckpointError) -> String {
    guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(UInt8(ascii: "/")), !name.utf8.contains(0)
    else {
      throw CheckpointError(
        .corrupt, "the manifest names the vector '\(Name.printable(Array(name.utf8)))', which is not a file beside it")
    }
    return name
  }

  private static func name(of value: JSONValue) throws(CheckpointError) -> Name {
    guard let name = value["name"]?.name else {
      throw CheckpointError(.corrupt, "a variable in the manifest has no name")
    }
    return name
  }

  private static func dtype(of value: JSONValue, _ name: Name) throws(CheckpointError) -> DType {
    guard let text = value["dtype"]?.text, let dtype = DType(rawValue: text), dtype != .variant else {
      throw CheckpointError(.corrupt, "its dtype in the manifest is missing or unknown").at(variable: name)
    }
    return dtype
  }

  private static func shape(of value: JSONValue, _ name: Name) throws(CheckpointError) -> Shape {
    guard let sizes = value["shape"]?.elements else {
      throw CheckpointError(.corrupt, "the manifest does not say its shape").at(variable: name)
    }
    var dimensions: [Int] = []
    for size in sizes {
      guard let size = size.integer else {
        throw CheckpointError(.corrupt, "its shape has a dimension that is no integer").at(variable: name)
      }
      dimensions.append(size)
    }
    return try locating(variable: name) { () throws(CheckpointError) in try Shape(dimensions) }
  }

  private static func offset(of value: JSONValue, _ name: Name) throws(CheckpointError) -> Int {
    guard let offset = value["offset"]?.integer, offset >= 0 else {
      throw CheckpointError(.corrupt, "the manifest does not say where it begins").at(variable: name)
    }
    return offset
  }
}
