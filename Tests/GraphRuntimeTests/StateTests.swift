import CheckpointCore
import ProtoWire
import Testing

@testable import GraphRuntime

@Suite struct StateTests {
  func store(_ variables: [(String, [Int32], [Int])]) throws -> VariableStore {
    var store = VariableStore(source: .init(format: "test", path: "test"))
    for (name, values, sizes) in variables {
      let proto = try TensorProto(Message(GraphWriter.tensor(values, sizes)))
      let storage = MemoryStorage(try proto.bytes(limit: 1 << 20))
      let tensor = try Tensor(dtype: .int32, shape: proto.shape, storage: storage)
      try store.append(Variable(name: Name(name), tensor: tensor, role: .weight))
    }
    return store
  }

  func variable(_ graph: inout GraphWriter, _ name: String, _ sizes: [Int]) {
    graph.node(name, "VariableV2", [], [("dtype", .type(3)), ("shape", .shape(sizes))])
    graph.node(name + "/read", "Identity", [name])
  }

  @Test func readsVariablesOfBothKinds() throws {
    var graph = GraphWriter()
    variable(&graph, "a", [2])
    graph.node("b", "VarHandleOp", [], [("dtype", .type(3)), ("shape", .shape([2])), ("shared_name", .text("b"))])
    graph.node("b/read", "ReadVariableOp", ["b"])
    graph.node("sum", "Add", ["a/read", "b/read"])
    let runner = try graph.runner()
    let weights = Weights(try store([("a", [1, 2], [2]), ("b", [10, 20], [2])]), for: runner.graph)
    #expect(try runner.ints([], "sum", weights: weights) == [[11, 22]])
  }

  @Test func aRunThatAssignsChangesNothing() throws {
    var graph = GraphWriter()
    variable(&graph, "a", [])
    graph.constant("one", [1])
    graph.node("add", "AssignAdd", ["a", "one"])
    graph.node("after", "Identity", ["add"])
    let runner = try graph.runner()
    let weights = Weights(try store([("a", [5], [])]), for: runner.graph)
    for _ in 0..<3 { #expect(try runner.ints([], "after", weights: weights) == [[6]]) }
    #expect(try runner.ints([], "a/read", weights: weights) == [[5]])
  }

  @Test func whoReadAReferenceVariableSeesItsChanges() throws {
    var graph = GraphWriter()
    variable(&graph, "a", [])
    graph.constant("one", [1])
    graph.node("add", "AssignAdd", ["a", "one", "^a/read"])
    graph.constant("zero", [0], control: ["^add"])
    graph.node("after", "Add", ["a/read", "zero"])
    graph.node("b", "VarHandleOp", [], [("dtype", .type(3)), ("shape", .shape([])), ("shared_name", .text("a"))])
    graph.node("b/read", "ReadVariableOp", ["b"])
    graph.node("b/add", "AssignAddVariableOp", ["b", "one", "^b/read"])
    graph.constant("b/zero", [0], control: ["^b/add"])
    graph.node("b/after", "Add", ["b/read", "b/zero"])
    let runner = try graph.runner()
    let weights = Weights(try store([("a", [5], []), ("b", [5], [])]), for: runner.graph)
    for _ in 0..<2 { #expect(try runner.ints([], "after", weights: weights) == [[6]]) }
    for _ in 0..<2 { #expect(try runner.ints([], "b/after", weights: weights) == [[5]]) }
  }

  @Test func aMissingVariableMattersOnlyWhereItIsRead() throws {
    var graph = GraphWriter()
    variable(&graph, "layer/weights", [1])
    variable(&graph, "layer/biases", [1])
    let runner = try graph.runner()
    let weights = Weights(try store([("layer/weight", [1], [1]), ("layer/biases", [2], [1])]), for: runner.graph)
    #expect(try runner.ints([], "layer/biases/read", weights: weights) == [[2]])
    let error = #expect(throws: CheckpointError.self) {
      try runner.ints([], "layer/weights/read", weights: weights)
    }
    #expect(error?.code == .notFound)
    #expect(
      error.map { "\($0)" }?.hasSuffix(
        "the variable 'layer/weights' is not in the checkpoint; "
          + "the nearest names are 'layer/weight', 'layer/biases'") == true)
  }

  @Test func refusesAVariableOfAnotherShape() throws {
    var graph = GraphWriter()
    variable(&graph, "a", [3])
    let runner = try graph.runner()
    let weights = Weights(try store([("a", [1, 2], [2])]), for: runner.graph)
    let error = #expect(throws: CheckpointError.self) { try runner.ints([], "a/read", weights: weights) }
    #expect(error?.message.contains("has the shape [2] in the checkpoint, but [3] in the graph ('a')") == true)
  }

  /// A graph whose saver restores `a` from `ema/a`, and `part` from rows 1 and 2 of `whole`.
  func saved() -> GraphWriter {
    var graph = GraphWriter()
    variable(&graph, "a", [])
    variable(&graph, "part", [2, 2])
    graph.strings("save/names", ["ema/a", "whole"])
    graph.strings("save/slices", ["", "4 2 1,2:-"])
    graph.strings("save/Const", ["model"])
    graph.node(
      "save/RestoreV2", "RestoreV2", ["save/Const", "save/names", "save/slices"], [("dtypes", .types([3, 3]))])
    graph.node("save/Assign", "Assign", ["a", "save/RestoreV2"])
    graph.node("save/Identity", "Identity", ["save/RestoreV2:1"])
    graph.node("save/Assign_1", "Assign", ["part", "save/Identity"])
    graph.node("save/restore_all", "NoOp", ["^save/Assign", "^save/Assign_1"])
    return graph
  }

  @Test func findsKeysAndSlicesThroughTheSaver() throws {
    let graph = try GraphLoader.load(Message(saved().metaGraph(restoreOp: "save/restore_all")), path: "")
    let runner = try GraphRunner(graph, registry: try TestOps.registry())
    let weights = Weights(
      try store([("a", [1], []), ("ema/a", [2], []), ("whole", [0, 1, 2, 3, 4, 5, 6, 7], [4, 2])]), for: graph)
    #expect(try runner.ints([], "a/read", "part/read", weights: weights) == [[2], [2, 3, 4, 5]])
    // Without the key of the saver, the variable's own name.
    let plain = Weights(try store([("a", [1], [])]), for: graph)
    #expect(try runner.ints([], "a/read", weights: plain) == [[1]])
  }

  @Test func aTableIsFilledBeforeItIsRead() throws {
    var graph = GraphWriter()
    graph.placeholder("x", GraphWriter.int32)
    graph.constant("keys", [3, 5], [2])
    graph.constant("values", [30, 50], [2])
    graph.constant("default", [-1])
    graph.node("table", "HashTableV2", [], [("key_dtype", .type(3)), ("value_dtype", .type(3))])
    graph.node("init", "InitializeTableV2", ["table", "keys", "values"])
    graph.node("find", "LookupTableFindV2", ["table", "x", "default"])
    #expect(try graph.runner().ints([("x", [5, 4, 3])], "find") == [[50, -1, 30]])
  }

  @Test func aTableMayHaveStringsForKeysAndValues() throws {
    var graph = GraphWriter()
    graph.strings("keys", ["a", "bb"])
    graph.constant("numbers", [1, 2], [2])
    graph.constant("none", [-1])
    graph.strings("asked", ["bb", "c", "a"])
    graph.node("table", "HashTableV2", [], [("key_dtype", .type(7)), ("value_dtype", .type(3))])
    graph.node("init", "LookupTableImportV2", ["table", "keys", "numbers"])
    graph.node("find", "LookupTableFindV2", ["table", "asked", "none"])
    graph.node("back", "HashTableV2", [], [("key_dtype", .type(3)), ("value_dtype", .type(7))])
    graph.node("back/init", "InitializeTableV2", ["back", "numbers", "keys"])
    graph.strings("unknown", ["?"])
    graph.node("text", "LookupTableFindV2", ["back", "find", "unknown"])
    let runner = try graph.runner()
    #expect(try runner.ints([], "find") == [[2, -1, 1]])
    let text = try runner.run(feeds: [], fetches: [TensorName("text")], weights: nil)
    guard case .strings(let strings) = text[0] else { throw CheckpointError(.different, "no strings") }
    #expect(strings.elements.map { String(decoding: $0, as: UTF8.self) } == ["bb", "?", "a"])
  }

  @Test func scattersIntoACopyOfTheVariable() throws {
    var graph = GraphWriter()
    variable(&graph, "a", [3, 2])
    graph.constant("rows", [2, 0, 2], [3])
    graph.constant("updates", [1, 2, 3, 4, 5, 6], [3, 2])
    graph.node("scatter", "ScatterAdd", ["a", "rows", "updates"])
    graph.node("after", "Identity", ["scatter"])
    let runner = try graph.runner()
    let weights = Weights(try store([("a", [0, 0, 10, 10, 20, 20], [3, 2])]), for: runner.graph)
    #expect(try runner.ints([], "after", weights: weights) == [[3, 4, 10, 10, 26, 28]])
    #expect(try runner.ints([], "a/read", weights: weights) == [[0, 0, 10, 10, 20, 20]])
  }

  @Test func assignsASliceOfAVariable() throws {
    var graph = GraphWriter()
    variable(&graph, "a", [2, 3])
    graph.constant("begin", [0, -1], [2])
    graph.constant("end", [0, -4], [2])
    graph.constant("strides", [1, -2], [2])
    graph.constant("value", [1, 2, 3, 4], [2, 2])
    graph.node(
      "assign", "StridedSliceAssign", ["a", "begin", "end", "strides", "value"],
      [("end_mask", .integer(1))])
    graph.node("after", "Identity", ["assign"])
    let runner = try graph.runner()
    let weights = Weights(try store([("a", [0, 0, 0, 0, 0, 0], [2, 3])]), for: runner.graph)
    #expect(try runner.ints([], "after", weights: weights) == [[2, 0, 1, 4, 0, 3]])
  }

  @Test func aTensorArrayCarriesElementsThroughTheFlow() throws {
    var graph = GraphWriter()
    graph.placeholder("x", GraphWriter.int32)
    graph.constant("two", [2])
    graph.constant("order", [1, 0], [2])
    graph.constant("index", [1])
    graph.node("array", "TensorArrayV3", ["two"], [("dtype", .type(3)), ("clear_after_read", .bool(false))])
    graph.node("scatter", "TensorArrayScatterV3", ["array", "order", "x", "array:1"])
    graph.node("read", "TensorArrayReadV3", ["array", "index", "scatter"])
    graph.node("gather", "TensorArrayGatherV3", ["array", "order", "scatter"])
    graph.node("size", "TensorArraySizeV3", ["array", "scatter"])
    #expect(try graph.runner().ints([("x", [7, 8])], "read", "gather", "size") == [[7], [7, 8], [2]])
  }
}
