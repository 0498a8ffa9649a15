import CheckpointCore

/// A lookup table: whole numbers or strings to a row of bytes or a string.
final class Table: Resource, @unchecked Sendable {
  enum Key: Hashable {
    case integer(Int64)
    case string([UInt8])
  }

  enum Row {
    case bytes([UInt8])
    case string([UInt8])
  }

  var rows: [Key: Row] = [:]
  /// Shape of one value; scalars unless something else was put in.
  var rowShape = Shape.scalar
  var charges: [Charge] = []
  let valueDType: DType

  init(name: String, valueDType: DType) {
    self.valueDType = valueDType
    super.init(name: name)
  }

  override var kind: StaticString { "table" }
}

/// Ops on tables. The nodes that fill a table run before the first node that reads it (`ResourceIndex`).
enum Tables {
  /// HashTable, MutableHashTable. Attributes key_dtype, value_dtype, container, shared_name, use_node_name_sharing.
  static func make(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let dtype = try node.dtype("value_dtype")
    _ = try node.dtype("key_dtype")
    let shared = try node.string("shared_name", default: "")
    let name = shared.isEmpty ? node.name : shared
    let key = "table|" + (try node.string("container", default: "")) + "|" + name
    return { (context) throws(CheckpointError) in
      if let known = context.run.resources[key] { return context.emit(.resource(known)) }
      let table = Table(name: name, valueDType: dtype)
      context.run.resources[key] = table
      context.emit(.resource(table))
    }
  }

  static func refuseFile(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    throw CheckpointError(.unsupported, "fills a table from a file; feed the result of the lookup instead")
  }

  /// InitializeTable, LookupTableImport, LookupTableInsert: keys and values side by side.
  static func insert(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 0
    return { (context) throws(CheckpointError) in
      let table = try context.resource(0, Table.self)
      let keys = try keys(try context.read(1))
      let shape = try context.shape(of: 2)
      let keyShape = try context.shape(of: 1)
      guard shape.rank >= keyShape.rank, shape.dimensions.prefix(keyShape.rank) == keyShape.dimensions[...] else {
        throw CheckpointError(.corrupt, "\(keys.count) keys have values of shape \(shape)")
      }
      table.charges.append(try Charge(64 * keys.count, context.run.budget))
      switch try context.read(2) {
      case .strings(let values):
        guard values.elements.count == keys.count else {
          throw CheckpointError(.unsupported, "rows of strings in a table")
        }
        for (i, key) in keys.enumerated() { table.rows[key] = .string(values.elements[i]) }
      case .dense(let values):
        table.rowShape = try Shape(Array(shape.dimensions.dropFirst(keyShape.rank)))
        let rowBytes = table.rowShape.elementCount * values.width
        table.charges.append(try Charge(values.byteCount, context.run.budget))
        let bytes = values.first(values.byteCount, UInt8.self)
        for (i, key) in keys.enumerated() { table.rows[key] = .bytes(Array(bytes[i * rowBytes..<(i + 1) * rowBytes])) }
      case let other: throw CheckpointError(.corrupt, "the values are \(other.summary)")
      }
    }
  }

  /// LookupTableFind(table, keys, default): values of the keys' shape; the default where a key is not there.
  static let find: Kernel = { context throws(CheckpointError) in
    let table = try context.resource(0, Table.self)
    let keys = try keys(try context.read(1))
    let shape = try context.shape(of: 1)
    switch try context.read(2) {
    case .strings(let fallback):
      let missing = fallback.elements.first ?? []
      var values: [[UInt8]] = []
      for key in keys {
        if case .string(let value)? = table.rows[key] { values.append(value) } else { values.append(missing) }
      }
      context.emit(.strings(try context.strings(shape, values)))
    case .dense(let fallback):
      let out = try context.allocate(fallback.dtype, shape.dimensions + table.rowShape.dimensions)
      let rowBytes = table.rowShape.elementCount * fallback.width
      guard fallback.byteCount == rowBytes || fallback.elementCount == 1 else {
        throw CheckpointError(.corrupt, "the default has the shape \(fallback.shape), the values \(table.rowShape)")
      }
      let missing = fallback.first(fallback.byteCount, UInt8.self)
      var bytes = out.mutableElements(UInt8.self)
      for (i, key) in keys.enumerated() {
        if case .bytes(let row)? = table.rows[key], row.count == rowBytes {
          for k in 0..<rowBytes { bytes[i * rowBytes + k] = row[k] }
        } else {
          for k in 0..<rowBytes { bytes[i * rowBytes + k] = missing[k % missing.count] }
        }
      }
      context.emit(out)
    case let other: throw CheckpointError(.corrupt, "the default is \(other.summary)")
    }
  }

  static let size: Kernel = { context throws(CheckpointError) in
    context.emit(try context.scalar(Int64(try context.resource(0, Table.self).rows.count)))
  }

  private static func keys(_ value: Value) throws(CheckpointError) -> [Table.Key] {
    switch value {
    case .strings(let strings): return strings.elements.map { .string($0) }
    case .dense(let tensor):
      switch tensor.dtype {
      case .int64: return tensor.map(Int64.self) { .integer($0) }
      case .int32: return tensor.map(Int32.self) { .integer(Int64($0)) }
      default: throw CheckpointError(.unsupported, "keys that are \(tensor.dtype.rawValue)")
      }
    default: throw CheckpointError(.corrupt, "the keys are \(value.summary)")
    }
  }
}
