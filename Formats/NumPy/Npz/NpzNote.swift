import CheckpointCore

/// What the members of an npz are called.
enum NpzName {
  static let suffix = ".npy"
}

/// What an npy header cannot say of a variable: a dtype that numpy has no name for, and the shape of strings. It stands as JSON
/// in the comment of the member's directory entry. Layout: Npz/FORMAT.md.
struct NpzNote {
  let dtype: DType
  /// Of strings.
  let shape: Shape?

  /// Nil where the array says it all itself.
  init?(_ tensor: Tensor) {
    guard NpyType.carrier(of: tensor.dtype) != tensor.dtype else { return nil }
    dtype = tensor.dtype
    shape = tensor.dtype == .string ? tensor.shape : nil
  }

  /// Nil where the comment is somebody else's.
  init?(_ comment: [UInt8]) {
    guard comment.first == UInt8(ascii: "{"), let json = try? JSONReader.parse(comment),
      let dtype = json["dtype"]?.text.flatMap(DType.init(rawValue:))
    else { return nil }
    let sizes = json["shape"]?.elements?.map(\.integer)
    self.dtype = dtype
    shape = sizes.flatMap { sizes in try? Shape(sizes.map { $0 ?? -1 }) }
  }

  func encode() -> [UInt8] {
    var json = JSONWriter()
    json.object(inline: true) { json in
      json.value("dtype", dtype.rawValue)
      if let shape { json.array("shape") { json in for size in shape.dimensions { json.value(nil, size) } } }
    }
    return json.bytes
  }
}
