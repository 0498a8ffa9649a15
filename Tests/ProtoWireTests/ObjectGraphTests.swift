import CheckpointCore
import ProtoWire
import TestKit
import Testing

@Suite struct ObjectGraphTests {
  @Test func readsAttributesAndSlots() throws {
    // Node 0, an optimizer: slot_variables {original 1, "m", variable 2}. Node 1: "V", full name "w", key "a". Node 2: "V", key "b".
    let graph = try ObjectGraph(
      Message(
        hex("0a 09 1a 07 08 01 12 01 6d 18 02  0a 0b 12 09 0a 01 56 12 01 77 1a 01 61  0a 08 12 06 0a 01 56 1a 01 62")))
    #expect(graph.attributes.map(\.key) == ["a", "b"])
    #expect(graph.attributes.map(\.name) == ["V", "V"])
    #expect(graph.attributes.map(\.fullName) == ["w", ""])
    #expect(graph.attributes[0].slot == nil)
    #expect(graph.attributes[1].slot?.name == "m")
    #expect(graph.attributes[1].slot?.optimizer == 0)
  }

  @Test func aSlotKnowsItsVariable() throws {
    var builder = ObjectGraphBuilder()
    builder.node(slots: [(1, "m", 2)])
    builder.variable("w", "scope/w")
    builder.variable("w/.OPTIMIZER_SLOT/opt/m", "")
    let graph = try ObjectGraph(Message(builder.graph))
    #expect(graph.attributes.last?.slot?.original == "scope/w")
  }

  @Test func aKeyOfTwoNodesIsThereOnce() throws {
    var builder = ObjectGraphBuilder()
    builder.variable("w", "a")
    builder.variable("w", "b")
    #expect(try ObjectGraph(Message(builder.graph)).attributes.map(\.fullName) == ["a"])
  }

  @Test(arguments: [(-1, 0), (0, -1), (3, 0), (0, 3), (Int.max, Int.min)]) func refusesASlotOfNoNode(
    original: Int, variable: Int
  ) {
    var builder = ObjectGraphBuilder()
    builder.node(slots: [(original, "m", variable)])
    builder.variable("w", "w")
    builder.variable("v", "v")
    #expect(failure { _ = try ObjectGraph(Message(builder.graph)) }?.code == .corrupt)
  }

  @Test func everyCutIsAnErrorOrAnotherGraph() throws {
    var builder = ObjectGraphBuilder()
    builder.node(slots: [(1, "m", 2)])
    builder.variable("w", "w")
    builder.variable("s", "w/m")
    for length in 0..<builder.graph.count {
      let error = failure { _ = try ObjectGraph(Message(Array(builder.graph[..<length]))) }
      #expect(error == nil || error?.code == .corrupt)
    }
  }
}

@Suite struct SaverRenamingTests {
  private func graph(_ change: (inout GraphBuilder) -> Void = { _ in }) -> [UInt8] {
    var graph = GraphBuilder()
    graph.variable("w", [2])
    graph.variable("b", [1])
    graph.saver("save", ["w": "w", "key/b": "b"])
    graph.saver("save_1", ["w": "w"])
    graph.collection("variables", ["w", "b"])
    graph.ownSaver = "save"
    change(&graph)
    return graph.metaGraph
  }

  private func renamed(_ bytes: [UInt8], _ names: [Name: Name]) throws -> [UInt8] {
    let edited = try MetaGraph(Message(bytes)).renamingSaverKeys(names)
    let result = edited.pieces.flatMap { piece in
      switch piece {
      case .kept(let range): Array(bytes[range])
      case .made(let made): made
      }
    }
    #expect(result.count == edited.byteCount)
    return result
  }

  @Test func everySaverHasTheNewKeysAndOpsKeepTheirNames() throws {
    let before = try MetaGraph(Message(graph()))
    let after = try MetaGraph(Message(renamed(graph(), ["w": "a/much/longer/name", "key/b": "c"])))
    let keys = try SaverKeys(after.graph).entries.map { "\($0.variable)=\($0.key)" }
    #expect(Set(keys) == ["w=a/much/longer/name", "b=c"])
    #expect(keys.count == 6, "two savers, each saves and restores")
    #expect(after.graph.nodes.map(\.name) == before.graph.nodes.map(\.name))
    #expect(try after.variables(in: "variables").map(\.node) == ["w", "b"])
    #expect(after.tags == before.tags)
  }

  @Test func withoutAChangeTheBytesAreTheSame() throws {
    #expect(try renamed(graph(), [:]) == graph())
    #expect(try renamed(renamed(graph(), ["w": "v"]), ["v": "w"]) == graph())
  }

  @Test func twoNamesMayChangePlaces() throws {
    let after = try MetaGraph(Message(renamed(graph(), ["w": "key/b", "key/b": "w"])))
    #expect(Set(try SaverKeys(after.graph).entries.map { "\($0.variable)=\($0.key)" }) == ["w=key/b", "b=w"])
  }

  @Test func aListThatRepeatsItsLastKeyIsWrittenOut() throws {
    // Two elements, one string: "w".
    let value = hex("42 0b 08 07 12 04 12 02 08 02 42 01 77")
    let bytes = graph { graph in
      graph.node("keys", "Const", [], ["value": value])
      graph.node("restore", "RestoreV2", ["save/Const", "keys", "save/RestoreV2/shape_and_slices"])
    }
    let after = try MetaGraph(Message(renamed(bytes, ["w": "v"])))
    let constant = try #require(after.graph.nodes.first { $0.name == "keys" })
    guard case .tensor(let tensor)? = try constant.attribute("value") else {
      throw CheckpointError(.corrupt, "no tensor")
    }
    #expect(try TensorProto(tensor).stringElements() == [[0x76], [0x76]])
  }

  @Test func refusesWhatWouldBeOutOfStep() {
    #expect(failure { _ = try renamed(graph(), ["gone": "x"]) }?.message == "none of its savers knows 'gone'")
    #expect(failure { _ = try renamed(graph(), ["w": "key/b"]) }?.message == "two keys of its savers would become one")
    let shared = graph { $0.node("other", "Identity", ["save/SaveV2/tensor_names"]) }
    #expect(failure { _ = try renamed(shared, ["w": "v"]) }?.code == .unsupported)
    let computed = graph { $0.node("again", "RestoreV2", ["save/Const", "w/read", "save/RestoreV2/shape_and_slices"]) }
    #expect(failure { _ = try renamed(computed, ["w": "v"]) }?.code == .unsupported)
    #expect(failure { _ = try renamed(GraphBuilder().metaGraph, ["w": "v"]) }?.message == "it has no saver of its own")
    #expect(failure { _ = try renamed(graph { $0.ownSaver = nil }, ["w": "v"]) }?.code == .unsupported)
  }
}
