import CheckpointCore
import ProtoWire

@testable import GraphRuntime

/// Writes small graphs node by node, as TensorFlow would serialise them.
struct GraphWriter {
  /// An attribute's value on the wire.
  enum Attribute {
    case integer(Int)
    case bool(Bool)
    case text(String)
    case type(Int)
    case types([Int])
    case integers([Int])
    case real(Float)
    case shape([Int])
    case function(String)
    case tensor([UInt8])
  }

  static let float32 = 1
  static let int32 = 3
  static let string = 7
  static let bool = 10
  static let resource = 20
  static let variant = 21

  private var nodes: [[UInt8]] = []
  private var functions: [[UInt8]] = []

  mutating func node(
    _ name: String, _ op: String, _ inputs: [String] = [], _ attributes: [(String, Attribute)] = []
  ) {
    nodes.append(GraphWriter.node(name, op, inputs, attributes))
  }

  /// A node with attributes that are serialised already besides others.
  mutating func raw(
    _ name: String, _ op: String, _ inputs: [String], _ serialised: [(String, [UInt8])],
    _ attributes: [(String, Attribute)]
  ) {
    var writer = WireWriter()
    for (key, value) in serialised {
      writer.message(5) { entry in
        entry.bytes(1, key.utf8)
        entry.bytes(2, value)
      }
    }
    nodes.append(GraphWriter.node(name, op, inputs, attributes) + writer.bytes)
  }

  static func node(
    _ name: String, _ op: String, _ inputs: [String], _ attributes: [(String, Attribute)]
  ) -> [UInt8] {
    var writer = WireWriter()
    writer.bytes(1, name.utf8)
    writer.bytes(2, op.utf8)
    for input in inputs { writer.bytes(3, input.utf8) }
    for (key, value) in attributes {
      writer.message(5) { entry in
        entry.bytes(1, key.utf8)
        entry.bytes(2, bytes(of: value))
      }
    }
    return writer.bytes
  }

  private static func bytes(of value: Attribute) -> [UInt8] {
    var writer = WireWriter()
    switch value {
    // What is set is written even where it is zero, because the attribute is one of several.
    case .integer(0): return [3 << 3, 0]
    case .bool(false): return [5 << 3, 0]
    case .integer(let number): writer.integer(3, number)
    case .bool: writer.integer(5, 1)
    case .text(let text): writer.bytes(2, text.utf8)
    case .type(let number): writer.integer(6, number)
    case .types(let list): writer.message(1) { inner in list.forEach { inner.integer(6, $0) } }
    case .integers(let list): writer.message(1) { $0.bytes(3, list.flatMap(GraphWriter.varint)) }
    case .real(let number):
      let bits = number.bitPattern
      return [4 << 3 | 5] + (0..<4).map { UInt8(truncatingIfNeeded: bits >> UInt32(8 * $0)) }
    case .shape(let sizes): writer.message(7) { GraphWriter.shape(sizes, to: &$0) }
    case .function(let name): writer.message(10) { $0.bytes(1, name.utf8) }
    case .tensor(let bytes): writer.bytes(8, bytes)
    }
    return writer.bytes
  }

  private static func varint(_ number: Int) -> [UInt8] {
    var rest = UInt64(bitPattern: Int64(number))
    var bytes: [UInt8] = []
    while rest > 0x7f {
      bytes.append(UInt8(rest & 0x7f | 0x80))
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  private static func shape(_ sizes: [Int], to writer: inout WireWriter) {
    for size in sizes { writer.message(2) { $0.integer(1, size) } }
  }

  mutating func constant(_ name: String, _ values: [Int32], _ sizes: [Int] = [], control: [String] = []) {
    node(name, "Const", control, [("dtype", .type(3)), ("value", .tensor(GraphWriter.tensor(values, sizes)))])
  }

  static func tensor(_ values: [Int32], _ sizes: [Int]) -> [UInt8] {
    var writer = WireWriter()
    writer.integer(1, int32)
    writer.message(2) { shape(sizes, to: &$0) }
    writer.bytes(4, values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * Int32($0))) } })
    return writer.bytes
  }

  mutating func strings(_ name: String, _ values: [String]) {
    var writer = WireWriter()
    writer.integer(1, GraphWriter.string)
    writer.message(2) { GraphWriter.shape([values.count], to: &$0) }
    for value in values { writer.bytes(8, value.utf8) }
    node(name, "Const", [], [("dtype", .type(7)), ("value", .tensor(writer.bytes))])
  }

  mutating func placeholder(_ name: String, _ type: Int, _ sizes: [Int]? = nil) {
    var attributes: [(String, Attribute)] = [("dtype", .type(type))]
    if let sizes { attributes.append(("shape", .shape(sizes))) }
    node(name, "Placeholder", [], attributes)
  }

  /// A function of the library.
  mutating func function(
    _ name: String, _ arguments: [String], returns: [(result: String, tensor: String)], nodes: [[UInt8]]
  ) {
    var writer = WireWriter()
    writer.message(1) { signature in
      signature.bytes(1, name.utf8)
      for argument in arguments { signature.message(2) { $0.bytes(1, argument.utf8) } }
      for (result, _) in returns { signature.message(3) { $0.bytes(1, result.utf8) } }
    }
    for node in nodes { writer.bytes(3, node) }
    for (result, tensor) in returns {
      writer.message(4) { entry in
        entry.bytes(1, result.utf8)
        entry.bytes(2, tensor.utf8)
      }
    }
    functions.append(writer.bytes)
  }

  /// A GraphDef.
  var bytes: [UInt8] {
    var writer = WireWriter()
    for node in nodes { writer.bytes(1, node) }
    writer.message(2) { library in functions.forEach { library.bytes(1, $0) } }
    return writer.bytes
  }

  /// A MetaGraphDef.
  func metaGraph(restoreOp: String) -> [UInt8] {
    var writer = WireWriter()
    writer.message(1) { $0.bytes(5, "1.15".utf8) }
    writer.bytes(2, bytes)
    writer.message(3) { saver in
      saver.bytes(1, "save/Const:0".utf8)
      saver.bytes(3, restoreOp.utf8)
    }
    return writer.bytes
  }

  func graph() throws(CheckpointError) -> Graph { try GraphLoader.load(Message(bytes), path: "test") }

  func runner(_ limits: RunLimits = RunLimits()) throws(CheckpointError) -> GraphRunner {
    try GraphRunner(try graph(), limits: limits, registry: try TestOps.registry())
  }
}

extension GraphRunner {
  /// Runs with whole numbers in and out.
  func ints(_ feeds: [(String, [Int32])] = [], _ fetches: String..., weights: Weights? = nil) throws -> [[Int]] {
    var values: [(name: TensorName, value: Value)] = []
    for (name, list) in feeds {
      let bytes = GraphWriter.tensor(list, list.count == 1 ? [] : [list.count])
      let proto = try TensorProto(Message(bytes))
      let tensor = try Tensor(
        dtype: .int32, shape: proto.shape, storage: MemoryStorage(try proto.bytes(limit: 1 << 20)))
      values.append((TensorName(name), try value(of: tensor)))
    }
    return try run(feeds: values, fetches: fetches.map { TensorName($0) }, weights: weights).map { value in
      guard case .dense(let tensor) = value else { return [] }
      return tensor.dtype == .bool ? tensor.map(UInt8.self) { Int($0) } : tensor.map(Int32.self) { Int($0) }
    }
  }
}

/// A few ops on int32, so that these tests need no family.
enum TestOps {
  static func registry() throws(CheckpointError) -> OpRegistry {
    try OpRegistry([ControlOps.table, FunctionOps.table, StateOps.table, ListOps.table, table])
  }

  static let table: [Op] = [
    .plain("Add") { context throws(CheckpointError) in try elementwise(&context) { $0 &+ $1 } },
    .plain("Mul") { context throws(CheckpointError) in try elementwise(&context) { $0 &* $1 } },
    .plain("Less") { context throws(CheckpointError) in
      let isLess = try context.int(0) < context.int(1)
      context.emit(try context.truth(isLess))
    },
    .plain("Twice") { context throws(CheckpointError) in
      let x = try context.tensor(0)
      let out = try context.allocate(x.dtype, [2 * x.elementCount])
      try out.copy(x)
      try out.copy(x, toByteOffset: x.byteCount)
      context.emit(out)
    },
    .plain("Zeros") { context throws(CheckpointError) in
      let out = try context.allocate(.int32, try context.shape(0))
      out.zero()
      context.emit(out)
    },
    .plain("Address") { context throws(CheckpointError) in
      let shape = try context.shape(of: 0)
      let out = try context.output(reusing: 0, .int32, shape)
      let x = try context.tensor(0)
      context.emit(try context.scalar(Int32(x === out ? 1 : 0)))
    },
  ]

  private static func elementwise(
    _ context: inout KernelContext, _ body: (Int32, Int32) -> Int32
  ) throws(CheckpointError) {
    let (a, b) = (try context.tensor(0, .int32), try context.tensor(1, .int32))
    context.emit(try context.broadcast(a, b, Int32.self, Int32.self, into: Int32.self, body))
  }
}
