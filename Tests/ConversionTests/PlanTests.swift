import CheckpointCore
import TestKit
import Testing

@testable import Conversion

@Suite struct PlanTests {
  private func store() throws -> VariableStore {
    var store = try VariableStore([
      "b": .floats([2], [1, 2]), "w": .floats([2], [0.1, 1e30]), "w/Adam": .floats([2], [0, 0]),
      "step": Tensor(.int64, [], hex("0100000000000001")),
      "name": .strings([], [[0x61]]),
    ])
    store.graph = .init(path: nil, variables: ["w", "b", "step", "w/Adam", "gone"], trainable: ["w", "b"])
    store.inferRoles()
    return store
  }

  private func plan(_ change: (inout ConversionRequest) throws -> Void = { _ in }) throws -> ConversionPlan {
    var request = ConversionRequest()
    try change(&request)
    return try ConversionPlan(try store(), request)
  }

  @Test func keepsEverythingInTheGraphsOrder() throws {
    let plan = try plan()
    #expect(plan.steps.map(\.target) == ["w", "b", "step", "w/Adam", "name"])
    #expect(plan.orderName == "variables")
    #expect(plan.losses.isEmpty && plan.leftOut.isEmpty && !plan.isRenaming)
  }

  @Test(
    arguments: [
      ("trainable", ["w", "b", "step", "w/Adam", "name"]), ("name", ["b", "name", "step", "w", "w/Adam"]),
      ("variables", ["w", "b", "step", "w/Adam", "name"]),
      ("list", ["step", "w", "b", "name", "w/Adam"]),
    ] as [(String, [Name])]) func ordersAsAsked(order: String, names: [Name]) throws
  {
    let plan = try plan { request in
      switch order {
      case "trainable": request.ordering = .trainable
      case "name": request.ordering = .name
      case "variables": request.ordering = .variables
      default: request.ordering = .list(["step", "w", "step", "unknown"], origin: "order.txt")
      }
    }
    #expect(plan.steps.map(\.target) == names)
    #expect(plan.orderName == (order == "list" ? "order.txt" : order))
  }

  @Test func withoutAGraphTheOrderIsByName() throws {
    var store = try store()
    store.graph = nil
    #expect(try ConversionPlan(store, ConversionRequest()).orderName == "name")
    var request = ConversionRequest()
    request.ordering = .variables
    #expect(failure { _ = try ConversionPlan(store, request) }?.code == .notFound)
  }

  @Test func byNameMeansByBytes() throws {
    let store = try VariableStore([
      "layer2": .floats([], [1]), "layer10": .floats([], [1]), "Z": .floats([], [1]), "é": .floats([], [1]),
    ])
    #expect(try ConversionPlan(store, ConversionRequest()).steps.map(\.target) == ["Z", "layer10", "layer2", "é"])
  }

  @Test func selectsByGlobAndRole() throws {
    let only = try plan {
      $0.selection = Selection(only: [try VariablePattern("role:weight")], except: [try VariablePattern("b")])
    }
    #expect(only.steps.map(\.target) == ["w"])
    #expect(only.leftOut == ["b", "step", "w/Adam", "name"])
  }

  @Test func aPatternThatMatchesNothingIsAnError() {
    let error = failure { _ = try plan { $0.selection = Selection(except: [try VariablePattern("w/Adma")]) } }
    #expect(error?.code == .notFound)
    #expect(error?.remedy == "near are: w/Adam")
  }

  @Test func collisionsAreListed() {
    let error = failure { _ = try plan { $0.rules = [try RenameRule("^(w|b)$=>x")] } }
    #expect(error?.code == .usage)
    #expect(error?.message == "names collide: 'w', 'b' would all be 'x'")
  }

  @Test func rulesApplyInTheirOrderAfterTheMap() throws {
    let plan = try plan { request in
      request.rules = [try RenameRule("^b$=>c"), try RenameRule("^c$=>d"), try RenameRule("^mapped$=>last")]
      request.map = try NameMap(Array("w\tmapped".utf8), path: "map")
      request.unmapped = .keep
    }
    #expect(plan.steps.map(\.target) == ["last", "d", "step", "w/Adam", "name"])
    #expect(plan.isRenaming)
    let graph = try #require(try plan.store(from: store()).graph)
    #expect(graph.variables == ["last", "d", "step", "w/Adam", "gone"])
    #expect(graph.trainable == ["last", "d"])
    #expect(graph.renamed == ["w": "last", "b": "d"], "whoever copies the graph's file must know")
    #expect(graph.renaming(["last": "w", "d": "e"]).renamed == ["b": "e"])
  }

  @Test func unmappedNamesAreRefusedKeptOrDropped() throws {
    let map = try NameMap(Array("w\tv\nb\tc".utf8), path: "map.tsv")
    let error = failure { _ = try plan { $0.map = map } }
    #expect(error?.code == .usage && error?.file == "map.tsv")
    #expect(error?.message == "the map has no name for 'step', 'w/Adam', 'name'")
    let dropped = try plan { request in
      request.map = map
      request.unmapped = .drop
    }
    #expect(dropped.steps.map(\.target) == ["v", "c"])
    #expect(dropped.leftOut == ["step", "w/Adam", "name"])
  }

  @Test func aMapThatNamesWhatIsNotThereIsRefused() throws {
    let error = failure {
      _ = try plan { request in
        request.map = try NameMap(Array("w\tv\nx\ty".utf8), path: "map")
        request.unmapped = .keep
      }
    }
    #expect(error?.code == .notFound && error?.message.contains("'x'") == true)
  }

  @Test func aCastListsWhatIsLostPerTensor() throws {
    let plan = try plan { $0.cast = .float16 }
    #expect(plan.losses.map(\.variable) == ["w", "step"])
    #expect(plan.losses.first?.reason == "1 values do not fit float16")
    #expect(plan.steps.map { $0.cast?.rawValue } == ["float16", "float16", "float16", "float16", nil])
    #expect(plan.steps[0].loss?.rounded == 1 && plan.steps[0].loss?.overflowed == 1)
    #expect(plan.notes.contains("'name' stays string, which cannot be cast"))
    #expect(plan.notes.contains { $0.hasPrefix("'w': 1 of 2 values rounded to float16") })
    let result = try plan.store(from: store())
    #expect(try result["w"]?.tensor.bytes() == hex("662e 007c"))
  }

  @Test func aPlanReadsBackAsItsMap() throws {
    let plan = try plan { $0.rules = [try RenameRule("^w=>v")] }
    let map = try NameMap(plan.json(), path: "plan")
    #expect(map.targets == ["w": "v", "b": "b", "step": "step", "w/Adam": "v/Adam", "name": "name"])
    let json = try JSONReader.parse(plan.json())
    #expect(json["plan"]?.integer == 1)
    #expect(json["order"]?.text == "variables")
  }
}
