import CheckpointCore
import TestKit
import Testing

@testable import Verifier

@Suite struct DifferenceTests {
  private func difference(
    _ a: VariableStore, _ b: VariableStore, _ change: (inout StoreDifference.Request) -> Void = { _ in }
  ) throws -> StoreDifference {
    var request = StoreDifference.Request()
    request.jobs = 2
    change(&request)
    return try StoreDifference(a, b, request)
  }

  private func distance(_ a: Tensor, _ b: Tensor) throws -> ValueDistance {
    try #require(try difference(VariableStore(["v": a]), VariableStore(["v": b])).common[0].distance)
  }

  @Test func everyElementThatDiffersIsCounted() throws {
    let found = try distance(.floats([2, 2], [1, 2, 3, 4]), .floats([2, 2], [1, 2.5, 3, 8]))
    #expect(found.differing == 2 && found.first == 1 && found.absolute == 4 && found.relative == 1)
    #expect(found.ulps == 1 << 23)
    #expect(try distance(.floats([1], [1]), .floats([1], [1])).isEqual)
  }

  @Test func piecesAreCountedTogether() throws {
    // Three pieces of a sweep.
    var bytes = [UInt8](repeating: 0, count: 10 << 20)
    let a = try Tensor(.float32, [bytes.count / 4], bytes)
    for i in [4 << 20, 8 << 20 + 4] { bytes[i + 3] = 0x3f }
    let found = try distance(a, try Tensor(.float32, [bytes.count / 4], bytes))
    #expect(found.differing == 2 && found.first == 1 << 20 && found.absolute == 0.5)
  }

  @Test func bitsDecideUnlessThereIsATolerance() throws {
    let (a, b) = (
      try VariableStore(["v": .floats([3], [0, 1, .nan])]),
      try VariableStore(["v": .floats([3], [-0.0, 1.0001, .nan])])
    )
    #expect(try !difference(a, b).isSame)
    #expect(try difference(a, b) { $0.tolerance = Tolerance(absolute: 1e-3, relative: 0) }.isSame)
    let infinite = try VariableStore(["v": .floats([3], [.infinity, 1, .nan])])
    #expect(try !difference(a, infinite) { $0.tolerance = Tolerance(absolute: 1e9, relative: 0) }.isSame)
  }

  @Test func wholeNumbersHaveADistanceAndNoTolerance() throws {
    let found = try distance(
      Tensor(.int32, [2], hex("01000000 05000000")), Tensor(.int32, [2], hex("01000000 09000000")))
    #expect(found.differing == 1 && found.absolute == 4 && found.ulps == nil && found.outside == 1)
  }

  @Test func complexNumbersCountOnce() throws {
    let found = try distance(
      Tensor(.complex64, [1], hex("0000803f 0000803f")), Tensor(.complex64, [1], hex("00000040 00000040")))
    #expect(found.differing == 1 && found.first == 0)
  }

  @Test func stringsAreComparedOneByOne() throws {
    let found = try distance(
      .strings([3], [[1], [2, 3], [4]]), .strings([3], [[1], [2], [5]]))
    #expect(found.differing == 2 && found.first == 1)
  }

  @Test func formAndNamesAreDifferences() throws {
    let a = try VariableStore(["x": .floats([2], [1, 2]), "y": .floats([1], [1])])
    let b = try VariableStore(["x": .floats([2, 1], [1, 2]), "z": .floats([1], [1])])
    let found = try difference(a, b)
    #expect(!found.isSame && found.changed.count == 1 && !found.changed[0].isSameForm)
    #expect(found.onlyFirst.map(\.name) == ["y"] && found.onlySecond.map(\.name) == ["z"])
    #expect(try difference(a, a).isSame)
  }

  @Test func aMapLeadsFromTheFirstToTheSecond() throws {
    let a = try VariableStore(["y": .floats([1], [1]), "w": .floats([1], [2])])
    let b = try VariableStore(["z": .floats([1], [1]), "w": .floats([1], [2])])
    #expect(try difference(a, b) { $0.names = ["y": "z"] }.isSame)
    #expect(failure { _ = try difference(a, b) { $0.names = ["y": "w"] } }?.code == .usage)
  }

  // MARK: Suggestions

  private func suggestions(_ a: [Name], _ b: [Name], values: Bool = false) throws -> [String] {
    func store(_ names: [Name]) throws -> VariableStore {
      var store = VariableStore(source: .init(format: "memory", path: ""))
      for (i, name) in names.enumerated() {
        try store.append(Variable(name: name, tensor: .floats([2], [Float(i), 7]), role: .weight))
      }
      return store
    }
    return try difference(store(a), store(b)) { $0.comparesValues = values }.suggestions.map {
      "\($0.first) => \($0.second)"
    }
  }

  @Test(
    arguments: [
      (["dense/kernel"], ["dense_1/kernel"]), (["dense/kernel"], ["dense/kernel:0"]),
      (["dense/weights"], ["dense/kernel"]), (["a/bias"], ["scope/a/biases"]), (["bn/gamma"], ["bn/scale"]),
      (["bn/moving_mean"], ["bn/running_mean"]), (["w"], ["w/.ATTRIBUTES/VARIABLE_VALUE"]),
      (["layer.0.weight"], ["layer/0/kernel"]),
    ] as [([Name], [Name])])
  func whatLibrariesCallOtherwiseIsFound(a: [Name], b: [Name]) throws {
    // Beside each a pair that is nothing like it, so that it is not the only one of its form.
    let found = try suggestions(a + ["qqq/zz"], b + ["rrr/yy/xx"])
    #expect(found.contains("\(a[0]) => \(b[0])"), "\(found)")
  }

  @Test func numbersThatAreEqualBelongTogether() throws {
    #expect(
      try suggestions(["d/kernel", "d_1/kernel", "d_2/kernel"], ["m/d_2/kernel", "m/d/kernel", "m/d_1/kernel"])
        == ["d/kernel => m/d/kernel", "d_1/kernel => m/d_1/kernel", "d_2/kernel => m/d_2/kernel"])
  }

  @Test func manyOfOneFormAreBroughtTogetherByTheirRank() throws {
    let found = try suggestions((0..<600).map { Name("a/\($0)/kernel") }, (0..<600).map { Name("b/\($0)/kernel") })
    #expect(found.count == 600 && found.contains("a/7/kernel => b/7/kernel"))
    // One side may have fewer.
    let fewer = try suggestions((0..<2000).map { Name("a/\($0)/kernel") }, (0..<500).map { Name("b/\($0)/kernel") })
    #expect(fewer.count == 500)
  }

  @Test func equalBytesAreTheBestReason() throws {
    // By name the first would be the first; the values are in another order.
    var b = VariableStore(source: .init(format: "memory", path: ""))
    for (name, value) in [("m/d/kernel", 1), ("m/d_1/kernel", 0)] as [(Name, Float)] {
      try b.append(Variable(name: name, tensor: .floats([2], [value, 7]), role: .weight))
    }
    let a = try VariableStore(["d/kernel": .floats([2], [0, 7]), "d_1/kernel": .floats([2], [1, 7])])
    let found = try difference(a, b).suggestions
    #expect(found.map { "\($0.first) \($0.second)" } == ["d/kernel m/d_1/kernel", "d_1/kernel m/d/kernel"])
    #expect(found.allSatisfy { $0.isSameBytes == true && $0.reasons[0] == "the same bytes" })
  }

  @Test func anotherShapeIsNeverSuggested() throws {
    let a = try VariableStore(["d/kernel": .floats([2], [0, 7])])
    let b = try VariableStore(["d/weights": .floats([1, 2], [0, 7])])
    #expect(try difference(a, b).suggestions.isEmpty)
  }

  @Test func nothingInCommonIsNothingToSay() throws {
    #expect(try suggestions(["aaa", "bbb"], ["ccc", "ddd"]).isEmpty)
  }
}
