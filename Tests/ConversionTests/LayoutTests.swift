import CheckpointCore
import TestKit
import Testing

@testable import Conversion

@Suite struct LayoutTests {
  private func member(
    _ name: Name, _ dimensions: [Int], _ role: Role = .weight, dtype: DType = .float32, owner: Name? = nil
  ) throws -> LayoutSource.Member {
    LayoutSource.Member(
      entry: .init(name: name, dtype: dtype, shape: try Shape(dimensions)),
      tensorName: Name(bytes: name.bytes + [0x3a, 0x30]),
      role: role, isTrainable: role == .weight, isNonnegative: Role.isNonnegative(name), owner: owner)
  }

  private func source(_ members: [LayoutSource.Member]) -> LayoutSource {
    LayoutSource(
      groups: [.init(name: "the collection 'variables'", order: "in the order of creation", members: members)],
      origin: "graph.meta")
  }

  private func names(_ candidates: LayoutCandidates) -> [[Name]] { candidates.all.map { $0.members.map(\.entry.name) } }

  /// Numbers as training leaves them: both signs, none whole.
  private func numbers(_ count: Int, seed: UInt64 = 1) -> [Float] {
    var random = RandomSource(seed: seed)
    return (0..<count).map { _ in Float(Int(random.next() >> 40)) / 8_388_608 - 1 }
  }

  private func inference(_ values: [Float], _ members: [LayoutSource.Member], sibling: VariableStore? = nil) throws
    -> LayoutInference
  {
    try LayoutInference(.floats([values.count], values), path: "v.npy", sources: [source(members)], sibling: sibling)
  }

  private func taken(_ outcome: LayoutInference.Outcome) -> [Name]? {
    guard case .taken(let candidate, _) = outcome else { return nil }
    return candidate.members.map(\.entry.name)
  }

  @Test func countsEveryOrderOnce() throws {
    let members = [try member("l10/w", [2, 2]), try member("l2/w", [2, 2]), try member("l2/b", [2])]
    let candidates = LayoutCandidates(elements: 10, sources: [source(members)])
    #expect(
      names(candidates) == [
        ["l10/w", "l2/w", "l2/b"], ["l10/w", "l2/b", "l2/w"], ["l2/b", "l2/w", "l10/w"], ["l2/w", "l2/b", "l10/w"],
      ])
  }

  @Test func aScopeIsMatchedFromTheStartAndNotByParts() throws {
    let members = [try member("policy/w", [3]), try member("policy_old/w", [3]), try member("value/w", [3])]
    #expect(names(.init(elements: 6, sources: [source(members)])) == [["policy/w", "policy_old/w"]])
    // 'policy/' takes one of them, 'policy' both.
    let single = LayoutCandidates(elements: 3, sources: [source(members)])
    #expect(names(single) == [["policy/w"], ["policy_old/w"], ["value/w"]])
    #expect(single.all.first?.names.first == "the collection 'variables', scope 'policy/', in the order of creation")
  }

  @Test func slotsAveragesAndCountersCanBeMissing() throws {
    let members = [
      try member("w", [4]), try member("step", [], .counter, dtype: .int64),
      try member("w/Adam", [4], .slot, owner: "w"),
      try member("w/ema", [4], .ema, owner: "w"),
    ]
    let total = { (count: Int) in self.names(.init(elements: count, sources: [self.source(members)])).count }
    #expect(total(13) > 0 && total(12) > 0 && total(4) > 0 && total(5) > 0)
    // Weights with slots, or with averages: the same size, and not the same.
    let found = names(.init(elements: 8, sources: [source(members)]))
    #expect(found.contains(["w", "w/Adam"]) && found.contains(["w", "w/ema"]))
    #expect(total(6) == 0)
  }

  @Test func namesTheNearestTotalWhereNothingFits() throws {
    let error = failure { _ = try inference(numbers(9), [member("w", [2, 4]), member("b", [3])]) }
    #expect(error?.code == .corrupt)
    #expect(error?.message.contains("nearest is the collection 'variables' with 11") == true)
  }

  /// Sizes that come to more than any number, beside some that do not.
  @Test func sumsThatNoNumberHasFitNothing() throws {
    var members = try (0..<256).map { try member(Name("a/\($0)"), [1 << 56]) }
    members.append(try member("w", [4]))
    members.append(try member("n", [], .counter))
    #expect(LayoutCandidates(elements: 4, sources: [source(members)]).all.isEmpty)
    let error = failure { _ = try inference(numbers(4), members) }
    #expect(error?.code == .corrupt && error?.message.contains("with -") == false)
  }

  @Test func manyEqualLayersAreNotAllExchanged() throws {
    let members = try (0..<400).map { try member(Name("l\($0)/w"), [2, 2]) }
    let candidate = LayoutCandidate(members, name: "all", graph: nil)
    #expect(Interchange.permutations(of: candidate).count == Interchange.limit)
  }

  @Test func scopesInsideOfScopesAreLookedAtSoFarAsProgramsHaveThem() throws {
    let deep = Name(String(repeating: "/", count: 20_000) + "w")
    let members = [try member(deep, [2]), try member("b", [3])]
    #expect(names(LayoutCandidates(elements: 2, sources: [source(members)])).first == [deep])
  }

  @Test func equalSizesProveNothing() throws {
    let one = [try member("a/w", [4, 4]), try member("b/w", [4, 4])]
    let outcome = try inference(numbers(32), one).outcome(answer: nil)
    #expect(taken(outcome) == nil)
    guard case .open(let reason, let remedy) = outcome else { return }
    #expect(reason.contains("layers of equal size could have changed places"))
    #expect(remedy.contains("--expect"))
  }

  @Test func aVectorOfOneVariableIsThatVariable() throws {
    #expect(taken(try inference(numbers(12), [member("w", [3, 4])]).outcome(answer: nil)) == ["w"])
  }

  /// Sums of squares tell where everything lies, because any other boundary would make some of them negative.
  @Test func squaresProveALayout() throws {
    let members = [
      try member("w", [9, 9]), try member("b", [9]), try member("w/Adam", [9, 9], .slot, owner: "w"),
      try member("w/Adam_1", [9, 9], .slot, owner: "w"), try member("b/Adam", [9], .slot, owner: "b"),
      try member("b/Adam_1", [9], .slot, owner: "b"),
    ]
    var values = numbers(270)
    for i in Array(171..<252) + Array(261..<270) { values[i] = abs(values[i]) }
    let inference = try inference(values, members)
    #expect(inference.candidates.count > 1)
    #expect(taken(try inference.outcome(answer: nil)) == members.map(\.entry.name))
    values[170] = 0.5
    values[200] = -0.1
    #expect(taken(try self.inference(values, members).outcome(answer: nil)) == nil)
  }

  @Test func anAnswerDecidesAndNamesExchangedLayers() throws {
    let members = [
      try member("h1/w", [2, 2]), try member("h1/b", [2]), try member("h2/w", [2, 2]), try member("h2/b", [2]),
    ]
    func outcome(_ right: [Name]) throws -> LayoutInference.Outcome {
      try inference(numbers(12), members).outcome { (layout) throws(CheckpointError) in
        layout.entries.map(\.name) == right ? [1] : nil
      }
    }
    #expect(taken(try outcome(["h1/w", "h1/b", "h2/w", "h2/b"])) == ["h1/w", "h1/b", "h2/w", "h2/b"])
    #expect(taken(try outcome(["h1/b", "h1/w", "h2/b", "h2/w"])) == ["h1/b", "h1/w", "h2/b", "h2/w"])
    let exchanged = try outcome(["h2/w", "h2/b", "h1/w", "h1/b"])
    guard case .taken(let candidate, _) = exchanged else {
      Issue.record("nothing was taken")
      return
    }
    #expect(candidate.summary.hasSuffix("with 'h1', 'h2' in another order"))
    #expect(taken(try outcome(["h1/w", "h2/w", "h1/b", "h2/b"])) == nil)
  }

  @Test func anAnswerThatFitsSeveralDecidesNothing() throws {
    let members = [try member("h/w", [2, 3]), try member("h/b", [3])]
    let inference = try inference(numbers(9), members)
    var run: UInt8 = 0
    let outcome = try inference.outcome { (_) throws(CheckpointError) in
      run += 1
      return [run]
    }
    #expect(taken(outcome) == nil)
    // One layout fits, and the answer does not depend on it.
    let constant = try self.inference(numbers(12), [member("w", [2, 3]), member("x", [6])])
      .outcome { (_) throws(CheckpointError) in [7] }
    #expect(taken(constant) == nil)
  }

  @Test func anotherStateOfTheSameTrainingDecides() throws {
    let members = [
      try member("h1/w", [8, 8]), try member("h1/b", [8]), try member("h2/w", [8, 8]), try member("h2/b", [8]),
    ]
    let values = numbers(144)
    let noise = numbers(144, seed: 2)
    let later = zip(values, noise).map { $0 + 0.3 * $1 }
    func part(_ range: Range<Int>, _ dimensions: [Int]) throws -> Tensor {
      try .floats(dimensions, Array(later[range]))
    }
    let sibling = try VariableStore([
      "h1/w": part(0..<64, [8, 8]), "h1/b": part(64..<72, [8]), "h2/w": part(72..<136, [8, 8]),
      "h2/b": part(136..<144, [8]),
    ])
    let outcome = try inference(values, members, sibling: sibling).outcome(answer: nil)
    #expect(taken(outcome) == members.map(\.entry.name))
    guard case .taken(_, let reason) = outcome else { return }
    #expect(reason.contains("standard deviations more than in any other layout"))
    // Another training: the same distributions, and layers that could have changed places.
    let stranger = numbers(144, seed: 3)
    let other = try VariableStore([
      "h1/w": .floats([8, 8], Array(stranger[0..<64])), "h1/b": .floats([8], Array(stranger[64..<72])),
      "h2/w": .floats([8, 8], Array(stranger[72..<136])), "h2/b": .floats([8], Array(stranger[136..<144])),
    ])
    #expect(taken(try inference(values, members, sibling: other).outcome(answer: nil)) == nil)
  }

  @Test func wholeNumbersAreWhole() throws {
    let members = [try member("w", [4]), try member("step", [], .counter, dtype: .int64)]
    let inference = try inference([0.5, 1.5, 2.5, 0.25, 7], members)
    #expect(
      inference.candidates.map { $0.evidence.isContradicted } == [false, true],
      "by name the step would come first and be 0.5")
    #expect(inference.listing[1].contains("'step' is a whole number and would be 0.5"))
  }

  @Test func naturalOrderCountsNumbersByValue() {
    let sorted: [Name] = ["a", "a1", "a2", "a02b", "a10", "a10/x", "b"]
    #expect(
      sorted.shuffled().sorted { NaturalKey($0) < NaturalKey($1) } == ["a", "a1", "a2", "a02b", "a10", "a10/x", "b"])
  }
}
