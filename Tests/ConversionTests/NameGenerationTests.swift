import CheckpointCore
import ProtoWire
import TestKit
import Testing

@testable import Conversion

@Suite struct NameGenerationTests {
  private static func key(_ path: String) -> Name { Name(ObjectGraphBuilder.key(path)) }
  private let w = key("net/w"), b = key("net/b"), m = key("net/w/.OPTIMIZER_SLOT/opt/m")
  private let v = key("net/w/.OPTIMIZER_SLOT/opt/v"), counter = key("save_counter")

  /// An object checkpoint of two variables, one with Adam's slots, whose full names TensorFlow did not know.
  private func objects(
    value: Float, bias: String = "net/bias", shape: [Int] = [2], _ change: (inout ObjectGraphBuilder) -> Void = { _ in }
  ) throws -> VariableStore {
    var graph = ObjectGraphBuilder()
    graph.node(slots: [(1, "m", 3), (1, "v", 4)])
    graph.variable("net/w", "net/kernel")
    graph.variable("net/b", bias)
    graph.variable("net/w/.OPTIMIZER_SLOT/opt/m", "")
    graph.variable("net/w/.OPTIMIZER_SLOT/opt/v", "")
    graph.variable("save_counter", "save_counter")
    graph.node([("OBJECT_CONFIG_JSON", "", "net/.ATTRIBUTES/OBJECT_CONFIG_JSON")])
    change(&graph)
    return try VariableStore([
      ObjectGraph.key: .strings([], [graph.graph]), b: .floats([1], [value]), w: .floats(shape, [value, value]),
      m: .floats([2], [value, 0]), v: .floats([2], [0, value]), counter: Tensor(.int64, [], hex("0100000000000000")),
      "net/.ATTRIBUTES/OBJECT_CONFIG_JSON": .strings([], [[0x7b, 0x7d]]),
    ])
  }

  private func plan(
    _ store: VariableStore, _ names: NameGeneration, _ change: (inout ConversionRequest) throws -> Void = { _ in }
  ) throws -> ConversionPlan {
    var request = ConversionRequest()
    request.names = names
    try change(&request)
    return try ConversionPlan(store, request)
  }

  // MARK: tf1

  @Test func keysBecomeFullNamesAndSlotsHaveTensorFlow1sSuffixes() throws {
    let store = try objects(value: 1)
    let plan = try plan(store, .tf1)
    let result = try plan.store(from: store)
    #expect(
      result.variables.map(\.name).sorted()
        == ["net/bias", "net/kernel", "net/kernel/Adam", "net/kernel/Adam_1", "save_counter"])
    #expect(try result["net/kernel/Adam_1"]?.tensor.floatValues() == [0, 1])
    #expect(plan.losses.isEmpty)
    #expect(
      plan.notes == [
        "left out, as names have no use for it: '_CHECKPOINTABLE_OBJECT_GRAPH', 'net/.ATTRIBUTES/OBJECT_CONFIG_JSON'"
      ])
  }

  @Test func whatIsNoVariableIsALoss() throws {
    var store = try objects(value: 1) { $0.node([("ITERATOR", "", "it/.ATTRIBUTES/ITERATOR")]) }
    for name: Name in ["it/.ATTRIBUTES/ITERATOR", "unlisted"] {
      try store.append(Variable(name: name, tensor: .strings([], [[]]), role: .other))
    }
    #expect(try plan(store, .tf1).losses.map(\.variable) == ["it/.ATTRIBUTES/ITERATOR", "unlisted"])
  }

  @Test func missingFullNamesAreListedAndTheMapIsTheWayOut() throws {
    let store = try objects(value: 1, bias: "")
    let error = failure { _ = try plan(store, .tf1) }
    #expect(error?.code == .usage)
    #expect(error?.message == "the object graph has no full name for '\(b)'")
    let mapped = try plan(store, .tf1) { $0.map = try NameMap(Array("\(self.b)\tbias".utf8), path: "map") }
    #expect(Set(mapped.steps.map(\.target)).isSuperset(of: ["bias", "net/kernel"]))
    let kept = try plan(store, .tf1) { $0.unmapped = .keep }
    #expect(Set(kept.steps.map(\.target)).isSuperset(of: [b, "net/kernel"]))
    let dropped = try plan(store, .tf1) { $0.unmapped = .drop }
    #expect(dropped.leftOut.contains(b) && !dropped.steps.contains { $0.source.name == b })
  }

  @Test func sharedFullNamesAreRefusedUnlessKeysMayStay() throws {
    let store = try objects(value: 1, bias: "net/kernel")
    let error = failure { _ = try plan(store, .tf1) }
    #expect(error?.code == .usage)
    #expect(error?.message == "names collide: '\(b)', '\(w)' would all be 'net/kernel'")
    let kept = try plan(store, .tf1) { $0.unmapped = .keep }
    #expect(Set(kept.steps.map(\.target)).isSuperset(of: [b, w, "net/kernel/Adam"]))
  }

  @Test func rulesApplyToTheNamesThatTheGraphGives() throws {
    let result = try plan(try objects(value: 1), .tf1) { $0.rules = [try RenameRule("^net/=>model/")] }
    #expect(result.steps.map(\.target).contains("model/kernel/Adam"))
  }

  @Test func aCheckpointOfNamesNeedsNone() throws {
    let error = failure { _ = try plan(try VariableStore(["w": .floats([], [1])]), .tf1) }
    #expect(error?.code == .usage && error?.remedy == "leave out --names tf1")
  }

  @Test(
    arguments: [
      (["m", "v"], ["Adam", "Adam_1"]), (["momentum"], ["Momentum"]), (["accumulator"], ["Adagrad"]),
      (["rms", "momentum"], ["RMSProp", "RMSProp_1"]),
      (["rms", "mg", "momentum"], ["RMSProp", "RMSProp_1", "RMSProp_2"]),
      (["accum", "linear"], ["Ftrl", "Ftrl_1"]), (["accum_grad", "accum_var"], ["Adadelta", "Adadelta_1"]),
      (["m", "v", "vhat"], ["m", "v", "vhat"]),
    ] as [([String], [String])]) func slotsHaveTheSuffixesOfTheirOptimizer(words: [String], suffixes: [String])
  {
    #expect(words.map { SlotSuffixes.suffix(of: $0, among: Set(words)) ?? $0 } == suffixes)
  }

  // MARK: tf2

  @Test func aTemplateIsFilledByFullNamesAndSlots() throws {
    let source = try objects(value: 7)
    let named = try plan(source, .tf1).store(from: source)
    let template = try objects(value: 0)
    let plan = try plan(named, .tf2(template: template))
    let result = try plan.store(from: named)
    #expect(plan.losses.isEmpty)
    #expect(plan.notes == ["5 of 5 values of the template are filled"])
    #expect(try result.contents() == source.contents())
  }

  @Test func keysOfTheTemplateAreFoundAsTheyAre() throws {
    let source = try objects(value: 7, bias: "other")
    let plan = try plan(source, .tf2(template: try objects(value: 0, bias: "")))
    #expect(plan.losses.isEmpty)
    #expect(Set(plan.steps.map(\.target)) == [w, b, m, v, counter])
    #expect(plan.notes.first?.hasPrefix("the template's own stays instead of '_CHECKPOINTABLE_OBJECT_GRAPH'") == true)
  }

  @Test func whatIsNotFilledAndWhatHasNoPlaceAreListed() throws {
    let store = try VariableStore([
      "net/kernel": .floats([2], [1, 2]), "net/kernel/Adam": .floats([2], [3, 4]), "elsewhere": .floats([], [5]),
    ])
    let template = try objects(value: 9)
    let plan = try plan(store, .tf2(template: template))
    #expect(plan.notes == ["2 of 5 values of the template are filled"])
    #expect(plan.losses.map(\.variable) == ["elsewhere", b, v, counter])
    #expect(plan.losses.first?.reason == "has no place in the template")
    let result = try plan.store(from: store)
    #expect(result.variables.map(\.name) == template.variables.map(\.name))
    #expect(try result[w]?.tensor.floatValues() == [1, 2])
    #expect(try result[b]?.tensor.floatValues() == [9], "the template's value stays")
  }

  @Test func shapesAndDtypesMustAgree() throws {
    let store = try VariableStore([
      "net/kernel": .floats([1, 2], [1, 2]), "net/bias": Tensor(.int32, [1], hex("01000000")),
    ])
    let template = try objects(value: 9)
    let plan = try plan(store, .tf2(template: template))
    #expect(plan.losses.prefix(2).map(\.variable) == ["net/bias", "net/kernel"])
    #expect(
      plan.losses[1].reason == "is float32 of shape [1, 2], but the template wants float32 of shape [2] at '\(w)'")
    #expect(plan.steps.isEmpty)
    #expect(try plan.store(from: store).contents() == template.contents())
  }

  @Test func aMapNeedNotNameEverything() throws {
    let store = try VariableStore(["W": .floats([2], [1, 2]), "net/bias": .floats([1], [3])])
    let plan = try plan(store, .tf2(template: try objects(value: 0))) {
      $0.map = try NameMap(Array("W\tnet/kernel".utf8), path: "map")
    }
    #expect(Set(plan.steps.map(\.target)) == [w, b])
  }

  @Test func anAmbiguousFullNameIsNotGuessed() throws {
    let store = try VariableStore(["net/kernel": .floats([2], [1, 2])])
    let plan = try plan(store, .tf2(template: try objects(value: 0, bias: "net/kernel")))
    #expect(plan.steps.isEmpty)
    #expect(plan.losses.first?.reason == "is the full name of 2 variables of the template ('\(w)', '\(b)')")
  }

  @Test func aTemplateHasAnObjectGraph() throws {
    let store = try VariableStore(["w": .floats([], [1])])
    let error = failure { _ = try plan(store, .tf2(template: store)) }
    #expect(error?.code == .usage && error?.message == "the template has no object graph")
  }
}
