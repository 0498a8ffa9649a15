import CheckpointCore
import ProtoWire
import TestKit
import Testing

@testable import TensorFlow

/// A graph with one constant.
/// - Parameter tensor: a serialised TensorProto.
private func constant(_ tensor: String, op: String = "Const") -> GraphBuilder {
  var value = WireWriter()
  value.bytes(8, hex(tensor))
  var graph = GraphBuilder()
  graph.node("c", op, [], ["dtype": GraphBuilder.type(1), "value": value.bytes])
  return graph
}

private func open(_ graph: GraphBuilder) throws -> VariableStore {
  let folder = try TemporaryFolder()
  try folder.write(graph.graph, to: "frozen.pb")
  #expect(try FrozenGraphReader.recognise(Candidate(folder("frozen.pb"))) == folder("frozen.pb"))
  return try FrozenGraphReader().open(folder("frozen.pb"), options: ReadOptions())
}

@Suite struct FrozenGraphTests {
  @Test(arguments: [
    // tensor_content of float32 [2]
    ("0801 1204 1202 0802 2208 0000803f 000000c0", DType.float32, [2], "0000803f 000000c0"),
    // float_val, packed and one by one
    ("0801 1204 1202 0802 2a08 0000803f 000000c0", .float32, [2], "0000803f 000000c0"),
    ("0801 1204 1202 0802 2d 0000803f 2d 000000c0", .float32, [2], "0000803f 000000c0"),
    // One value for all, two for three, and none: zeros.
    ("0801 1204 1202 0803 2a04 0000803f", .float32, [3], "0000803f 0000803f 0000803f"),
    ("0803 1204 1202 0803 3a02 0107", .int32, [3], "01000000 07000000 07000000"),
    ("0809 1204 1202 0802", .int64, [2], "0000000000000000 0000000000000000"),
    // A scalar bool, bfloat16 and half as numbers of 16 bits, uint64 and float8.
    ("080a 1200 5a01 01", .bool, [], "01"),
    ("080e 1200 6a03 80ff02", .bfloat16, [], "80bf"),
    ("0813 1200 6a02 8078", .float16, [], "003c"),
    ("0817 1200 8a010a ffffffffffffffffff01", .uint64, [], "ffffffffffffffff"),
    ("0818 1204 1202 0802 920102 3c40", .float8E5M2, [2], "3c40"),
    // Strings, the last one repeated.
    ("0807 1204 1202 0803 4201 61 4200", .string, [3], "0100000000000000 61 0000000000000000 0000000000000000"),
    ("0807 1204 1202 0802 4202 6869", .string, [2], "0200000000000000 6869 0200000000000000 6869"),
  ]) func readsAConstant(tensor: String, dtype: DType, shape: [Int], bytes: String) throws {
    let store = try open(constant(tensor))
    #expect(store.variables.count == 1)
    #expect(store["c"]?.tensor.dtype == dtype && store["c"]?.tensor.shape.dimensions == shape)
    #expect(try store["c"]?.tensor.bytes() == hex(bytes))
    let isWeight = dtype.isFloat && !shape.isEmpty
    #expect(store["c"]?.role == (isWeight ? .weight : .other))
  }

  @Test func contentStaysInTheFile() throws {
    let store = try open(constant("0801 1204 1202 0802 2208 0000803f 000000c0"))
    #expect(store["c"]?.tensor.storage is FileStorage)
  }

  @Test(arguments: [
    ("0801 1204 1202 0802 2207 0000803f 000000", CheckpointError.Code.corrupt),
    ("0801 1204 1202 0801 2a08 0000803f 000000c0", .corrupt),
    // A terabyte of one value.
    ("0801 1209 1207 0880 80808080 20 2a04 0000803f", .unsupported),
    ("0807 1207 1205 0880 808001 4201 61", .unsupported),
    ("0801 120d 120b 08ff ffffffffffffffff 01 2a04 0000803f", .corrupt), ("08ff01 1200", .corrupt),
    // Strings as content; half a million times the same string of 1,000 bytes.
    ("0807 1204 1202 0801 2201 61", .unsupported),
    ("0807 1206 1204 0880 8920 42e807" + String(repeating: "61", count: 1000), .unsupported),
  ]) func refuses(tensor: String, code: CheckpointError.Code) throws {
    let error = failure { _ = try open(constant(tensor)) }
    #expect(error?.code == code && error?.variable == "c", "\(tensor): \(String(describing: error))")
  }

  @Test func saysWhatIsNotAConstant() throws {
    var graph = constant("0801 1200 2a04 0000803f")
    graph.variable("v", [2])
    graph.node("h", "Const", [], ["value": hex("4202 0814")])
    let store = try open(graph)
    #expect(store.variables.map(\.name) == ["c"])
    #expect(store.source.warnings.count == 2)
    #expect(try open(constant("0801 1200", op: "Placeholder")).source.warnings == ["the graph holds no constants"])
  }

  @Test func knowsAGraphFromOtherFiles() throws {
    let folder = try TemporaryFolder()
    // The metadata of a graph whose field 2 is as long as a name.
    try folder.write(hex("0a04 1202 4142") + constant("0801 1200 2a04 0000803f").metaGraph, to: "model.meta")
    try folder.write("\n\u{2}\n\u{0}", to: "text")
    try folder.write("node {\n  name: \"x\"\n}\n", to: "graph.pbtxt")
    for name in ["model.meta", "text", "graph.pbtxt"] {
      #expect(try FrozenGraphReader.recognise(Candidate(folder(name))) == nil, "\(name)")
    }
  }
}

@Suite struct SavedModelTests {
  @Test func opensTheBundleInTheFolderInTheOrderOfItsGraph() throws {
    let folder = try TemporaryFolder()
    try folder.write("", to: "export/variables/none")
    let store = try VariableStore(["a": .floats([2], [1, 2]), "b": .floats([1], [3])])
    try TensorFlowFormats.bundle.save(store, to: folder("export/variables/variables"))
    var graph = GraphBuilder()
    graph.variable("b", [1])
    graph.variable("a", [2])
    graph.collection("variables", ["b", "a"])
    var model = WireWriter()
    model.integer(1, 1)
    model.bytes(2, graph.metaGraph)
    try folder.write(model.bytes, to: "export/saved_model.pb")
    for path in ["export", "export/saved_model.pb"] {
      #expect(try SavedModelReader.recognise(Candidate(folder(path))) == folder("export"))
    }
    let read = try SavedModelReader().open(folder("export"), options: ReadOptions())
    #expect(read.source.format == "saved-model")
    #expect(read.graph?.variables == ["b", "a"] && read.graph?.path == nil)
    #expect(try read.contents() == store.contents())

    try folder.write("x", to: "export/saved_model.pb")
    let damaged = try SavedModelReader().open(folder("export"), options: ReadOptions())
    #expect(damaged.graph == nil && damaged.source.warnings.count == 1)
  }

  @Test func saysThatItHasNoVariables() throws {
    let folder = try TemporaryFolder()
    try folder.write("x", to: "export/saved_model.pb")
    #expect(failure { _ = try SavedModelReader().open(folder("export"), options: ReadOptions()) }?.code == .notFound)
  }
}
