import CheckpointCore
import ProtoWire
import TestKit
import Testing

@Suite struct MetaGraphTests {
  @Test func collectionsKeepTheirOrder() throws {
    var graph = GraphBuilder()
    for name in ["w10", "w2", "b"] { graph.variable(name, [1]) }
    graph.collection("variables", ["w10", "w2", "b"])
    graph.collection("trainable_variables", ["w2"])
    let meta = try MetaGraph(Message(graph.metaGraph))
    #expect(try meta.variables(in: "variables").map(\.node) == ["w10", "w2", "b"])
    #expect(try meta.variables(in: "variables").map(\.variableName) == ["w10:0", "w2:0", "b:0"])
    #expect(try meta.variables(in: "trainable_variables").map(\.node) == ["w2"])
    #expect(try meta.variables(in: "none").isEmpty)
    #expect(meta.tags == ["train"])
    #expect(meta.graph.nodes.count == 6)
  }

  @Test func aVariableKnowsWhatItIsASliceOf() throws {
    var graph = GraphBuilder()
    graph.collection("variables", ["w/part_0"], sliceOf: "w")
    let meta = try MetaGraph(Message(graph.metaGraph))
    #expect(try meta.variables(in: "variables").first?.sliceOf == "w")
  }

  @Test func readsSaverAndNodeLists() throws {
    // The collection "x" is a node_list of "n".
    var meta = WireWriter()
    meta.message(3) { saver in
      saver.bytes(1, "save/Const:0".utf8)
      saver.bytes(2, "save/id:0".utf8)
      saver.bytes(3, "save/all".utf8)
    }
    meta.bytes(4, hex("0a 01 78  12 05 0a 03 0a 01 6e"))
    let read = try MetaGraph(Message(meta.bytes))
    #expect(read.saver?.filenameTensor == "save/Const:0")
    #expect(read.saver?.saveTensor == "save/id:0")
    #expect(read.saver?.restoreOperation == "save/all")
    #expect(read.collections["x"]?.map { Array(read.message.bytes[$0]) } == [[0x6e]])
  }

  @Test func everyCutIsAnErrorOrASmallerGraph() throws {
    var graph = GraphBuilder()
    graph.variable("w", [2, 3])
    graph.saver("save", ["w": "w"])
    graph.collection("variables", ["w"])
    let bytes = graph.metaGraph
    for length in 0..<bytes.count {
      let error = failure {
        let meta = try MetaGraph(Message(Array(bytes[..<length])))
        _ = try SaverKeys(meta.graph)
        _ = try meta.variables(in: "variables")
      }
      #expect(error == nil || error?.code == .corrupt, "\(length): \(String(describing: error))")
    }
  }

  @Test func attributesAreDecodedWhenAskedFor() throws {
    var graph = GraphBuilder()
    graph.node("v", "VariableV2", [], ["dtype": GraphBuilder.type(1), "bad": hex("08")])
    let node = try #require(try GraphDef([Message(graph.graph)]).nodes.first)
    guard case .type(1)? = try node.attribute("dtype") else { throw CheckpointError(.corrupt, "no dtype") }
    #expect(try node.attribute("none") == nil)
    #expect(failure { _ = try node.attribute("bad") }?.code == .corrupt)
  }
}

@Suite struct SaverKeysTests {
  private func keys(_ graph: GraphBuilder) throws -> [String] {
    try SaverKeys(GraphDef([Message(graph.graph)])).entries.map { "\($0.variable)=\($0.key)\($0.slice.isEmpty ? "" : " " + String(decoding: $0.slice, as: UTF8.self))" }
  }

  @Test func findsTheKeysOfASaverMadeFromADictionary() throws {
    var graph = GraphBuilder()
    graph.variable("scope/w", [2])
    graph.variable("scope/b", [2], op: "VarHandleOp")
    graph.saver("save", ["weights": "scope/w", "biases": "scope/b/read"])
    #expect(try keys(graph) == ["scope/w=weights", "scope/b=biases", "scope/w=weights"], "the Assign of a handle takes no read")
  }

  @Test func readsEverySaver() throws {
    var graph = GraphBuilder()
    graph.variable("w", [2])
    graph.saver("save", ["w": "w"])
    graph.saver("save_1", ["ema": "w"])
    #expect(Set(try keys(graph)) == ["w=w", "w=ema"])
  }

  @Test func keepsSlices() throws {
    var graph = GraphBuilder()
    graph.variable("w/part_0", [2])
    graph.saver("save", ["w": "w/part_0"], slices: ["4 0,2"])
    #expect(try keys(graph).allSatisfy { $0 == "w/part_0=w 4 0,2" })
  }

  @Test func aLoopOfIdentitiesEnds() throws {
    var graph = GraphBuilder()
    graph.node("a", "Identity", ["b"])
    graph.node("b", "Identity", ["a"])
    graph.saver("save", ["k": "a"])
    #expect(try keys(graph) == [])
  }

  @Test func listsOfUnequalLengthAreNotBelieved() throws {
    var graph = GraphBuilder()
    graph.variable("w", [2])
    graph.node("p", "Const")
    graph.strings("names", [[0x61], [0x62]])
    graph.strings("slices", [[]])
    graph.node("save", "SaveV2", ["p", "names", "slices", "w"])
    #expect(try keys(graph) == [])
  }
}
