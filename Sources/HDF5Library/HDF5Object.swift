import CHDF5
package import CheckpointCore

/// What the worker found under one name.
package enum HDF5Object: Sendable {
  case group(Name, attributes: [HDF5Attribute])
  case dataset(HDF5Dataset)
  /// Another name of a group that is listed elsewhere.
  case alias(Name)
  /// A soft link to nothing that is inside the file.
  case dangling(Name, target: Name)
  /// A link into another file.
  case external(Name, file: Name, object: Name)
  case namedType(Name)
  /// What only a newer library can read: the path, and where its object header lies.
  case newer(Name, address: UInt64)
}

package struct HDF5Attribute: Sendable {
  package let name: Name
  /// Nil where it is of a type that no store has.
  package let value: Attribute.Value?
}

package struct HDF5Dataset: Sendable {
  package let path: Name
  let address: UInt64
  package let type: HDF5Type
  /// Nil for a null dataspace: no value at all.
  package let shape: Shape?
  package let layout: Layout
  /// Bytes that the file holds for it.
  let storedBytes: Int
  let filters: [Filter]
  /// Files that hold its bytes, and the place in each.
  package let externals: [(file: Name, offset: Int, size: Int)]
  /// Another file that a virtual dataset takes values from.
  package let virtualSource: Name?
  /// One element, as stored; empty where it is zero.
  let fill: [UInt8]
  package var attributes: [HDF5Attribute] = []

  package enum Layout: Sendable, Equatable {
    case compact
    /// From the superblock on; nil where no byte was ever stored.
    case contiguous(offset: Int?)
    case chunked([Int])
    case virtual
  }

  struct Filter: Sendable {
    let id: UInt32
    let name: [UInt8]
  }

  /// The dtype that the attribute `dtype` names.
  package var marked: DType? {
    guard case .tensor(let tensor)? = attributes.first(where: { $0.name == "dtype" })?.value,
      let strings = Attribute(name: "dtype", value: .tensor(tensor)).strings, strings.count == 1
    else { return nil }
    return DType(rawValue: String(decoding: strings[0], as: UTF8.self))
  }
}

extension HDF5Object {
  /// Decodes a reply. Layout: README.md, "Objects".
  package init(_ bytes: [UInt8]) throws(CheckpointError) {
    var fields = ByteCursor(bytes)
    let kind = Int(try fields.byte())
    let path = Name(bytes: try fields.text())
    do throws(CheckpointError) {
      switch kind {
      case CK_HDF5_IS_GROUP: self = .group(path, attributes: try HDF5Attribute.list(&fields))
      case CK_HDF5_IS_DATASET: self = .dataset(try HDF5Dataset(path, &fields))
      case CK_HDF5_IS_ALIAS: self = .alias(path)
      case CK_HDF5_IS_NAMED_TYPE: self = .namedType(path)
      case CK_HDF5_IS_UNREADABLE: self = .newer(path, address: try fields.fixed64())
      case CK_HDF5_IS_DANGLING:
        _ = try fields.text()
        self = .dangling(path, target: Name(bytes: try fields.text()))
      case CK_HDF5_IS_EXTERNAL:
        let file = Name(bytes: try fields.text())
        self = .external(path, file: file, object: Name(bytes: try fields.text()))
      default: throw HDF5Worker.nonsense()
      }
    } catch {
      throw error.at(variable: path)
    }
  }
}

extension HDF5Dataset {
  fileprivate init(_ path: Name, _ fields: inout ByteCursor) throws(CheckpointError) {
    self.path = path
    address = try fields.fixed64()
    type = try HDF5Type(&fields)
    shape = try HDF5Space.shape(&fields)
    let kind = try fields.byte()
    let offset = try fields.fixed64()
    storedBytes = Int(clamping: try fields.fixed64())
    var chunk: [Int] = []
    for _ in 0..<(try fields.byte()) { chunk.append(Int(clamping: try fields.fixed64())) }
    switch kind {
    case 0: layout = .compact
    case 1: layout = .contiguous(offset: offset == .max ? nil : Int(clamping: offset))
    case 2:
      guard chunk.count == shape?.rank ?? chunk.count, chunk.allSatisfy({ $0 > 0 }) else {
        throw CheckpointError(.corrupt, "its chunks have \(chunk.count) dimensions, and it has \(shape?.rank ?? 0)")
      }
      layout = .chunked(chunk)
    case 3: layout = .virtual
    default: throw HDF5Worker.nonsense()
    }
    var filters: [Filter] = []
    for _ in 0..<(try fields.byte()) { filters.append(Filter(id: try fields.fixed32(), name: try fields.text())) }
    self.filters = filters
    var externals: [(file: Name, offset: Int, size: Int)] = []
    for _ in 0..<(try fields.fixed32()) {
      let name = Name(bytes: try fields.text())
      externals.append((name, Int(clamping: try fields.fixed64()), Int(clamping: try fields.fixed64())))
    }
    self.externals = externals
    let source = try fields.text()
    virtualSource = source.isEmpty ? nil : Name(bytes: source)
    fill = try fields.text()
    attributes = try HDF5Attribute.list(&fields)
  }
}

enum HDF5Space {
  static func shape(_ fields: inout ByteCursor) throws(CheckpointError) -> Shape? {
    let kind = try fields.byte()
    var sizes: [Int] = []
    for _ in 0..<(try fields.byte()) { sizes.append(Int(clamping: try fields.fixed64())) }
    switch kind {
    case 0, 1: return try Shape(sizes)
    case 2: return nil
    default: throw CheckpointError(.corrupt, "its shape cannot be read")
    }
  }
}

extension HDF5Attribute {
  static func list(_ fields: inout ByteCursor) throws(CheckpointError) -> [HDF5Attribute] {
    var list: [HDF5Attribute] = []
    let count = try fields.fixed32()
    if count == .max { return [HDF5Attribute(name: "*", value: nil)] }
    for _ in 0..<count {
      let name = Name(bytes: try fields.text())
      let type = try HDF5Type(&fields)
      let shape = try HDF5Space.shape(&fields)
      let element = type.element(marked: nil)
      list.append(HDF5Attribute(name: name, value: try value(&fields, element, shape)))
    }
    return list
  }

  private static func value(
    _ fields: inout ByteCursor, _ element: HDF5Element, _ shape: Shape?
  ) throws(CheckpointError) -> Attribute.Value? {
    switch try fields.byte() {
    case 1:
      let bytes = Array(fields.bytes[try fields.skip(Int(clamping: try fields.fixed64()))])
      guard let shape else {
        if case .stored(let dtype, _) = element { return .nothing(dtype) }
        if case .unreadable = element { return nil }
        return .nothing(.string)
      }
      switch element {
      case .stored(let dtype, let swapped):
        let plain: any TensorStorage = MemoryStorage(bytes)
        let storage =
          swapped ? MemoryStorage(try ByteSwappedStorage(plain, wordWidth: dtype.wordWidth ?? 1).allBytes()) : plain
        return .tensor(try Tensor(dtype: dtype, shape: shape, storage: storage))
      // More strings than any program gives to an attribute; they would take many times the bytes that they have here.
      case .fixedStrings where shape.elementCount > 1 << 20: return nil
      case .fixedStrings(let width, let padding):
        let strings = try FixedStrings.cut(bytes, width: width, padding: padding)
        return .tensor(try Tensor(dtype: .string, shape: shape, storage: StringStorage(strings)))
      case .variableStrings where bytes.isEmpty:
        return .tensor(try Tensor(dtype: .string, shape: shape, storage: StringStorage([])))
      default: return nil
      }
    case 2:
      let strings = try VariableStrings.decode(&fields, count: Int(clamping: try fields.fixed64()))
      guard case .variableStrings = element, let shape else { return nil }
      return .tensor(try Tensor(dtype: .string, shape: shape, storage: StringStorage(strings)))
    default: return nil
    }
  }
}

extension TensorStorage {
  /// For what is small.
  func allBytes() throws(CheckpointError) -> [UInt8] {
    try requireMemory(byteCount)
    var bytes = [UInt8](repeating: 0, count: byteCount)
    var span = bytes.mutableRawSpan(0..<bytes.count)
    try read(into: &span, at: 0)
    return bytes
  }
}
