import CheckpointCore
import ProtoWire
import Testing

@testable import GraphRuntime

@Suite struct FunctionTests {
  /// Add, Less and a call to `next` as functions see their inputs.
  func node(
    _ name: String, _ op: String, _ inputs: [String], _ attributes: [(String, GraphWriter.Attribute)] = []
  ) -> [UInt8] {
    GraphWriter.node(name, op, inputs, attributes)
  }

  @Test func callsFunctionsByNameAndByAttribute() throws {
    var graph = GraphWriter()
    graph.placeholder("x", GraphWriter.int32)
    graph.function(
      "double", ["a"], returns: [("r", "sum:z:0"), ("same", "a")], nodes: [node("sum", "Add", ["a", "a"])])
    graph.node("call", "PartitionedCall", ["x"], [("f", .function("double")), ("Tout", .types([3, 3]))])
    graph.node("direct", "double", ["call:0"])
    #expect(try graph.runner().ints([("x", [3])], "call:0", "call:1", "direct", "direct:1") == [[6], [3], [12], [6]])
  }

  @Test func repeatsAWhileAndTakesOneBranchOfAnIf() throws {
    var graph = GraphWriter()
    graph.placeholder("x", GraphWriter.int32)
    graph.placeholder("limit", GraphWriter.int32)
    graph.function("less", ["a", "b"], returns: [("r", "l:z:0")], nodes: [node("l", "Less", ["a", "b"])])
    graph.function(
      "step", ["a", "b"], returns: [("r", "s:z:0"), ("b2", "b")], nodes: [node("s", "Add", ["a", "a"])])
    graph.node(
      "while", "StatelessWhile", ["x", "limit"],
      [("cond", .function("less")), ("body", .function("step")), ("T", .types([3, 3]))])
    graph.function("yes", ["a"], returns: [("r", "a")], nodes: [])
    graph.function("no", ["a"], returns: [("r", "s:z:0")], nodes: [node("s", "Mul", ["a", "a"])])
    graph.node("cond", "Less", ["while", "limit"])
    graph.node(
      "if", "If", ["cond", "while"],
      [("then_branch", .function("yes")), ("else_branch", .function("no")), ("Tout", .types([3]))])
    #expect(try graph.runner().ints([("x", [3]), ("limit", [20])], "while", "if") == [[24], [576]])
  }

  @Test func refusesAFunctionThatOnlyCallsItself() throws {
    var graph = GraphWriter()
    graph.placeholder("x", GraphWriter.int32)
    graph.function("f", ["a"], returns: [("r", "c:r:0")], nodes: [node("c", "g", ["a"])])
    graph.function("g", ["a"], returns: [("r", "c:r:0")], nodes: [node("c", "f", ["a"])])
    graph.node("call", "f", ["x"])
    let error = #expect(throws: CheckpointError.self) { try graph.runner().ints([("x", [3])], "call") }
    #expect(error?.message == "limit reached: the function 'f' calls itself without end (f → g → f)")
  }

  @Test func stopsARecursionThatIsTooDeep() throws {
    var graph = GraphWriter()
    graph.placeholder("x", GraphWriter.int32)
    graph.placeholder("limit", GraphWriter.int32)
    let branches: [(String, GraphWriter.Attribute)] = [
      ("then_branch", .function("f")), ("else_branch", .function("end")), ("Tout", .types([3])),
    ]
    graph.function(
      "f", ["a", "b"], returns: [("r", "i:output:0")],
      nodes: [
        node("s", "Add", ["a", "a"]), node("l", "Less", ["s:z:0", "b"]),
        node("i", "If", ["l:z:0", "s:z:0", "b"], branches),
      ])
    graph.function("end", ["a", "b"], returns: [("r", "a")], nodes: [])
    graph.node("call", "f", ["x", "limit"])
    let runner = try graph.runner()
    #expect(try runner.ints([("x", [1]), ("limit", [1000])], "call") == [[1024]])
    let error = #expect(throws: CheckpointError.self) {
      try runner.ints([("x", [0]), ("limit", [1])], "call")
    }
    #expect(error?.message.hasPrefix("limit reached: functions call each other") == true)
  }

  @Test func tensorListsAreValues() throws {
    var graph = GraphWriter()
    graph.placeholder("x", GraphWriter.int32)
    graph.constant("scalar", [], [0])
    graph.constant("two", [2])
    graph.constant("index", [1])
    let type: [(String, GraphWriter.Attribute)] = [("element_dtype", .type(3))]
    graph.node("list", "TensorListReserve", ["scalar", "two"], type)
    graph.node("set", "TensorListSetItem", ["list", "index", "x"], type)
    graph.node("stack", "TensorListStack", ["set", "scalar"], type)
    graph.node("before", "TensorListStack", ["list", "scalar"], type)
    graph.node("push", "TensorListPushBack", ["set", "x"], type)
    graph.node("length", "TensorListLength", ["push"])
    graph.node("pop", "TensorListPopBack", ["push", "scalar"], type)
    #expect(
      try graph.runner().ints([("x", [7])], "stack", "before", "length", "pop:1")
        == [[0, 7], [0, 0], [3], [7]])
  }
}
