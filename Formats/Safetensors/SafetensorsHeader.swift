import CheckpointCore

/// The header of a safetensors file: for every tensor its dtype, shape, and where its bytes lie behind the header.
/// Layout: FORMAT.md.
struct SafetensorsHeader {
  /// The reference's own limit.
  static let largest = 100_000_000
  static let metadataKey = "__metadata__"

  struct Entry {
    let name: Name
    let dtype: DType
    let shape: Shape
    /// From the end of the header on.
    let range: Range<Int>
  }

  /// In the order of the header.
  private(set) var entries: [Entry] = []
  /// Where the tensors begin.
  let dataOffset: Int
  private(set) var warnings: [String] = []

  /// - Throws: `corrupt` where the header is no such header, or its tensors do not cover the rest of the file exactly once.
  /// - Parameter salvage: whether a file that ends before its last tensors is taken too.
  init(_ file: InputFile, salvage: Bool = false) throws(CheckpointError) {
    guard file.size >= 8 else { throw CheckpointError(.corrupt, "is too short for a safetensors file") }
    var cursor = ByteCursor(try file.bytes(at: 0, count: 8))
    let claimed = try cursor.fixed64()
    guard let length = Int(exactly: claimed), length <= file.size - 8 else {
      throw CheckpointError(.corrupt, "the header claims \(claimed) bytes, more than the file has")
    }
    guard length <= SafetensorsHeader.largest else {
      throw CheckpointError(
        .corrupt, "a header of \(length) bytes is longer than the limit of \(SafetensorsHeader.largest)")
    }
    let bytes = try file.bytes(at: 0, count: 8 + length)
    guard length > 0, bytes[8] == UInt8(ascii: "{") else {
      throw CheckpointError(.corrupt, "the header does not begin with '{'").at(offset: 8)
    }
    dataOffset = 8 + length
    var entries: [Entry] = []
    var warnings: [String] = []
    try JSONReader.forEachMember(of: bytes, from: 8) { (key, value) throws(CheckpointError) in
      if key.elementsEqual(SafetensorsHeader.metadataKey.utf8) {
        try SafetensorsHeader.requireStrings(value)
      } else {
        let name = Name(bytes: key)
        entries.append(
          try locating(variable: name) { () throws(CheckpointError) in
            try SafetensorsHeader.entry(name, value, &warnings)
          })
      }
    }
    (self.entries, self.warnings) = (entries, warnings)
    try requireCover(of: file, salvage: salvage)
  }

  private static func requireStrings(_ metadata: JSONValue) throws(CheckpointError) {
    guard let members = metadata.members else {
      throw CheckpointError(.corrupt, "\(metadataKey) is not an object of strings")
    }
    for (key, value) in members {
      guard case .string = value else {
        throw CheckpointError(.corrupt, "'\(Name.printable(key))' in \(metadataKey) is not a string")
      }
    }
  }

  private static func entry(
    _ name: Name, _ value: JSONValue, _ warnings: inout [String]
  ) throws(CheckpointError) -> Entry {
    guard let members = value.members else { throw CheckpointError(.corrupt, "its header entry is not an object") }
    for (key, _) in members where !["dtype", "shape", "data_offsets"].contains(where: { key.elementsEqual($0.utf8) }) {
      warnings.append("'\(name)' has the unknown member '\(Name.printable(key))', which is not kept")
    }
    guard let type = value["dtype"]?.text else { throw CheckpointError(.corrupt, "it has no dtype") }
    let dtype = try SafetensorsType.dtype(type)
    let shape = try Shape(try numbers(value["shape"], "shape"))
    let offsets = try numbers(value["data_offsets"], "data_offsets")
    guard offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1], offsets[1] <= Shape.largestCount else {
      throw CheckpointError(.corrupt, "data_offsets \(offsets) are not a beginning and an end")
    }
    let size = try shape.byteCount(width: dtype.width ?? 1)
    guard offsets[1] - offsets[0] == size else {
      throw CheckpointError(
        .corrupt, "\(type) of shape \(shape) takes \(size) bytes, but data_offsets give it \(offsets[1] - offsets[0])")
    }
    return Entry(name: name, dtype: dtype, shape: shape, range: offsets[0]..<offsets[1])
  }

  private static func numbers(_ value: JSONValue?, _ what: String) throws(CheckpointError) -> [Int] {
    guard let elements = value?.elements else { throw CheckpointError(.corrupt, "its \(what) is not a list") }
    var numbers: [Int] = []
    for element in elements {
      guard let number = element.integer else {
        throw CheckpointError(.corrupt, "its \(what) has something else than a whole number")
      }
      numbers.append(number)
    }
    return numbers
  }

  /// Tensors one after the other, without a gap, must be all that follows the header.
  private func requireCover(of file: InputFile, salvage: Bool) throws(CheckpointError) {
    var covered = 0
    let order = entries.indices.sorted {
      let (a, b) = (entries[$0].range, entries[$1].range)
      return (a.lowerBound, a.upperBound) < (b.lowerBound, b.upperBound)
    }
    for i in order {
      let range = entries[i].range
      guard range.lowerBound == covered else {
        let what = range.lowerBound < covered ? "overlaps the tensor before it" : "leaves a gap before it"
        throw CheckpointError(.corrupt, "it begins at byte \(range.lowerBound) of the data and \(what)").at(
          variable: entries[i].name)
      }
      covered = range.upperBound
    }
    let size = file.size - dataOffset
    guard covered <= size || salvage else { throw .cutShort(file, needed: dataOffset + covered) }
    guard covered >= size else {
      throw CheckpointError(.corrupt, "the tensors take \(covered) bytes, but \(size) follow the header")
    }
  }

  /// The header as the reference writes it: length, compact JSON, spaces up to a multiple of 8.
  /// - Parameter entries: in the order of their ranges, of dtypes that the format has.
  static func encode(_ entries: [Entry]) -> [UInt8] {
    var json = JSONWriter(compact: true)
    json.object { json in
      for entry in entries {
        json.object(entry.name) { json in
          json.value("dtype", SafetensorsType.name(of: entry.dtype) ?? "")
          json.array("shape") { json in for size in entry.shape.dimensions { json.value(nil, size) } }
          json.array("data_offsets") { json in
            json.value(nil, entry.range.lowerBound)
            json.value(nil, entry.range.upperBound)
          }
        }
      }
    }
    let padding = (8 - json.bytes.count % 8) % 8
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(UInt64(json.bytes.count + padding), count: 8)
    return bytes + json.bytes + [UInt8](repeating: 0x20, count: padding)
  }
}
