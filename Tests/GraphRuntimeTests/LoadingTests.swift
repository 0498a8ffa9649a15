import CheckpointCore
import ProtoWire
import Testing

@testable import GraphRuntime

@Suite struct LoadingTests {
  func refusal(_ graph: GraphWriter, _ fetches: String...) -> String? {
    do {
      _ = try graph.runner().prepare(feeds: [], fetches: fetches.map { TensorName($0) })
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test func namesEveryUnknownOpAndBadAttributeAtOnce() {
    var graph = GraphWriter()
    graph.node("a", "Mystery")
    graph.node("b", "Mystery", ["a"])
    graph.node("c", "Riddle", ["b"])
    graph.node("d", "Placeholder", ["c"])
    graph.node("e", "VariableV2", ["d"])
    graph.node("f", "Unneeded")
    let message = refusal(graph, "e")
    #expect(
      message == "the graph needs 2 ops that are not implemented: Riddle (node 'c'), Mystery (node 'b' and 1 more); "
        + "node 'e' (VariableV2): the attribute dtype is missing")
  }

  @Test func namesEveryPlaceholderThatMustBeFed() {
    var graph = GraphWriter()
    graph.placeholder("x", GraphWriter.float32, [-1, 784])
    graph.placeholder("y", GraphWriter.int32)
    graph.node("z", "Add", ["x", "y"])
    #expect(
      refusal(graph, "z")
        == "the placeholders 'x' (float32 [?, 784]), 'y' (int32 of any shape) must be fed; give a value for each")
  }

  @Test func refusesTwoNodesOfOneName() {
    var graph = GraphWriter()
    graph.constant("a", [1])
    graph.constant("a", [2])
    #expect(throws: CheckpointError.self) { try graph.graph() }
  }

  @Test func refusesAnOutputThatTheNodeDoesNotHave() {
    var graph = GraphWriter()
    graph.constant("a", [1])
    graph.node("b", "Add", ["a:1", "a"])
    #expect(refusal(graph, "b") == "node 'b' reads output 1 of 'a' (Const), which has 1")
  }

  @Test func refusesAnInputThatIsNotThere() {
    var graph = GraphWriter()
    graph.node("b", "Add", ["a:1", "^c"])
    #expect(refusal(graph, "b") == "node 'b' (Add): the input 'a:1' is not a node of the graph")
  }

  @Test func refusesACycleOutsideALoop() {
    var graph = GraphWriter()
    graph.node("a", "Identity", ["b"])
    graph.node("b", "Identity", ["a"])
    #expect(refusal(graph, "b")?.hasPrefix("the graph has a cycle at the node '") == true)
  }

  @Test func refusesALoopThatNothingEnters() {
    var graph = GraphWriter()
    graph.node("merge", "Merge", ["next", "next"])
    graph.node("next", "NextIteration", ["merge"])
    #expect(refusal(graph, "merge")?.contains("is in no loop") == true)
  }

  @Test func namesWhatIsNearestToAMissingFetch() {
    var graph = GraphWriter()
    graph.constant("logits", [1])
    graph.constant("digits", [1])
    #expect(
      refusal(graph, "logit")
        == "the graph has no node 'logit' to fetch; the nearest names are 'logits'")
  }

  @Test func tellsAMetaGraphFromAGraphAndASavedModel() throws {
    var graph = GraphWriter()
    graph.constant("only", [7])
    #expect(try graph.graph().kind == .frozen)
    let meta = graph.metaGraph(restoreOp: "save/restore_all")
    #expect(try GraphLoader.load(Message(meta), path: "").kind == .metaGraph)
    var saved = WireWriter()
    saved.integer(1, 1)
    saved.bytes(2, meta)
    #expect(try GraphLoader.load(Message(saved.bytes), path: "").kind == .savedModel)
    #expect(throws: CheckpointError.self) { try GraphLoader.load(Message([1, 2, 3]), path: "") }
  }

  @Test func opsAreRegisteredOnce() throws {
    let names = try OpRegistry.standard().names
    #expect(names.contains("Identity"))
    #expect(throws: CheckpointError.self) { try OpRegistry([ControlOps.table, ControlOps.table]) }
  }
}
