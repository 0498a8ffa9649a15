import CheckpointCore
import TestKit
import Testing

@testable import Conversion

@Suite struct MovingAverageTests {
  private func store() throws -> VariableStore {
    try VariableStore([
      "w": .floats([2], [1, 2]), "w/ExponentialMovingAverage": .floats([2], [3, 4]), "w/Adam": .floats([2], [5, 6]),
      "b": .floats([1], [7]), "step": Tensor(.int64, [], hex("0100000000000000")),
    ])
  }

  private func plan(_ averages: MovingAverages, only: [String] = []) throws -> ConversionPlan {
    var request = ConversionRequest()
    request.averages = averages
    request.selection = Selection(only: try only.map { try VariablePattern($0) })
    return try ConversionPlan(try store(), request)
  }

  @Test func keepsBoth() throws {
    #expect(try plan(.keep).steps.count == 5)
  }

  @Test func dropsAndSaysWhatThatSaves() throws {
    let plan = try plan(.drop)
    #expect(plan.steps.map(\.target) == ["b", "step", "w", "w/Adam"])
    #expect(plan.leftOut == ["w/ExponentialMovingAverage"] && plan.leftOutBytes == 8)
  }

  @Test func takesThePlaceOfItsVariable() throws {
    let plan = try plan(.only)
    #expect(plan.steps.map(\.target) == ["b", "step", "w", "w/Adam"])
    #expect(!plan.isRenaming, "the graph knows the name")
    #expect(plan.leftOut == ["w"] && plan.leftOutBytes == 8)
    #expect(
      plan.notes == [
        "'w' has the values of its moving average 'w/ExponentialMovingAverage'",
        "1 weight has no moving average and keeps the values",
      ])
    let result = try plan.store(from: store())
    #expect(try result["w"]?.tensor.floatValues() == [3, 4])
    #expect(result["w"]?.role == .weight)
  }

  @Test func rolesAreThoseOfTheResult() throws {
    #expect(try plan(.only, only: ["role:weight"]).steps.map(\.target) == ["b", "w"])
  }

  @Test func theirPlanIsAMap() throws {
    let map = try NameMap(plan(.only).json(), path: "plan")
    #expect(map.targets["w/ExponentialMovingAverage"] == "w")
    #expect(map.targets["w"] == nil)
  }

  @Test func refusesWhereThereAreNoneOrTwo() throws {
    var request = ConversionRequest()
    request.averages = .only
    let none = try VariableStore(["w": .floats([1], [1])])
    #expect(failure { _ = try ConversionPlan(none, request) }?.code == .notFound)
    let two = try VariableStore(["w": .floats([1], [1]), "w/ema": .floats([1], [1]), "w/ema_1": .floats([1], [1])])
    #expect(failure { _ = try ConversionPlan(two, request) }?.code == .usage)
    let odd = try VariableStore(["w": .floats([1], [1]), "w/ema": .floats([2], [1, 1])])
    #expect(failure { _ = try ConversionPlan(odd, request) }?.code == .unsupported)
  }

  /// What a graph says comes before what a name says.
  @Test func graphsNameThemToo() throws {
    var store = try VariableStore(["w": .floats([1], [1]), "shadow_of_w": .floats([1], [2])])
    store.graph = .init(
      path: nil, variables: ["w", "shadow_of_w"], trainable: ["w"], roles: ["shadow_of_w": .ema],
      averages: ["shadow_of_w": "w"])
    store.inferRoles()
    var request = ConversionRequest()
    request.averages = .only
    let plan = try ConversionPlan(store, request)
    #expect(plan.steps.map(\.source.name) == ["shadow_of_w"] && plan.steps.map(\.target) == ["w"])
  }
}

@Suite struct RoleNameTests {
  @Test(
    arguments: [
      ("w/Adam", .slot), ("w/Adam_1", .slot), ("w/Adam_3", .slot), ("w/Momentum", .slot), ("w/RMSProp_1", .slot),
      ("w/Adagrad", .slot), ("w/Adadelta_1", .slot), ("w/Ftrl", .slot), ("w/Ftrl_1", .slot), ("train/w/Adam", .slot),
      ("w/ExponentialMovingAverage", .ema), ("ema/w/ExponentialMovingAverage", .ema), ("w/moving_mean", .weight),
      ("o/.ATTRIBUTES/VARIABLE_VALUE", .weight), ("o/.OPTIMIZER_SLOT/opt/m/.ATTRIBUTES/VARIABLE_VALUE", .slot),
      ("o/.OPTIMIZER_SLOT/opt/average/.ATTRIBUTES/VARIABLE_VALUE", .ema), ("other/Adam", .weight), ("Adam", .weight),
    ] as [(Name, Role)]) func namesSpeak(name: Name, role: Role) throws
  {
    let known: Set<Name> = ["w", "o/.ATTRIBUTES/VARIABLE_VALUE"]
    #expect(Role.inferred(name: name, dtype: .float32, shape: try Shape([2]), isVariable: known.contains) == role)
    if role != .weight {
      let owner = Role.derived(name, isVariable: known.contains)?.owner
      #expect(owner.map(known.contains) == true)
    }
  }

  @Test(
    arguments: [
      ("optimizer/iter/.ATTRIBUTES/VARIABLE_VALUE", .counter),
      ("optimizer/learning_rate/.ATTRIBUTES/VARIABLE_VALUE", .counter),
      ("optimizer/beta_1/.ATTRIBUTES/VARIABLE_VALUE", .counter),
      ("optimizer/_iterations/.ATTRIBUTES/VARIABLE_VALUE", .counter),
      ("save_counter/.ATTRIBUTES/VARIABLE_VALUE", .counter), ("net/scale/.ATTRIBUTES/VARIABLE_VALUE", .weight),
      ("optimizer/_variables/3/.ATTRIBUTES/VARIABLE_VALUE", .slot), ("learning_rate", .weight),
      ("global_step", .counter),
    ] as [(Name, Role)]) func loneNumbersOfTrainingAreNoWeights(name: Name, role: Role)
  {
    #expect(Role.inferred(name: name, dtype: .float32, shape: .scalar, isVariable: { _ in false }) == role)
  }

  @Test func squaresAreKnownByName() {
    for name in [
      "w/Adam_1", "w/RMSProp", "bn/moving_variance", "bn/moving_variance_1",
      "bn/moving_variance/ExponentialMovingAverage",
      "w/.OPTIMIZER_SLOT/o/v/.ATTRIBUTES/VARIABLE_VALUE", "bn/moving_variance:0",
    ] as [Name] { #expect(Role.isNonnegative(name), "\(name)") }
    for name in ["w/Adam", "w/RMSProp_1", "w/Momentum", "bn/moving_mean", "variance/kernel"] as [Name] {
      #expect(!Role.isNonnegative(name), "\(name)")
    }
  }
}
