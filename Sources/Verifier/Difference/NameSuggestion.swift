package import CheckpointCore

/// Two names that may mean the same variable. Only variables of one dtype and shape are brought together.
package struct NameSuggestion: Sendable {
  package let first: Name
  package let second: Name
  /// Whether every byte is equal; nil where bytes were not compared.
  package let isSameBytes: Bool?
  /// What speaks for it, in words.
  package let reasons: [String]

  /// Pairs that are looked at; beyond that only variables of one rank among those of their dtype and shape are brought together.
  private static let mostPairs = 1 << 18

  /// - Parameters:
  ///   - first, second: the variables that only one of the two checkpoints has.
  static func of(
    _ first: [Variable], _ second: [Variable], _ request: StoreDifference.Request
  ) throws(CheckpointError) -> [NameSuggestion] {
    var groups: [Form: (first: [Int], second: [Int])] = [:]
    for (i, variable) in first.enumerated() { groups[Form(variable), default: ([], [])].first.append(i) }
    for (i, variable) in second.enumerated() where groups[Form(variable)] != nil {
      groups[Form(variable)]?.second.append(i)
    }
    groups = groups.filter { !$0.value.second.isEmpty }
    // In an order that no hash decides, the small ones first.
    let sorted = groups.values.sorted {
      ($0.first.count * $0.second.count, $0.first[0]) < ($1.first.count * $1.second.count, $1.first[0])
    }
    let sums = try Sums(first, second, sorted, request)
    let parts = (first: first.map { NameParts($0.name) }, second: second.map { NameParts($0.name) })
    var found: [Candidate] = []
    var left = mostPairs
    for group in sorted {
      let isLarge = group.first.count * group.second.count > left
      if !isLarge { left -= group.first.count * group.second.count }
      let alone = group.first.count == 1 && group.second.count == 1
      for (rank, i) in group.first.enumerated() {
        let others = isLarge ? rank..<min(rank + 1, max(rank, group.second.count)) : group.second.indices
        for otherRank in others {
          let k = group.second[otherRank]
          let likeness = NameLikeness(parts.first[i], parts.second[k])
          let isSame = sums.isSame(i, k)
          guard isSame == true || likeness.isLikely || alone && first[i].tensor.shape.rank > 0 else { continue }
          found.append(
            Candidate(
              first: i, second: k, score: likeness.score + (isSame == true ? 1000 : 0), distance: abs(rank - otherRank),
              isSame: isSame, likeness: likeness, isAlone: alone))
        }
      }
    }
    found.sort { ($1.score, $0.distance, $0.first, $0.second) < ($0.score, $1.distance, $1.first, $1.second) }
    var taken: (first: Set<Int>, second: Set<Int>) = ([], [])
    let best = found.filter { one in
      guard !taken.first.contains(one.first), !taken.second.contains(one.second) else { return false }
      taken.first.insert(one.first)
      taken.second.insert(one.second)
      return true
    }
    // A sum that is equal is a reason to look; the bytes decide what is said.
    let changes = try StoreDifference.changes(best.map { (first[$0.first], second[$0.second]) }, request)
    return zip(best, changes).map { one, change in
      let isSame = request.comparesValues ? change.isEqual(within: .exact) : nil
      return NameSuggestion(
        first: first[one.first].name, second: second[one.second].name, isSameBytes: isSame,
        reasons: (isSame == true ? ["the same bytes"] : []) + one.likeness.reasons(alone: one.isAlone))
    }
  }

  private struct Form: Hashable {
    let dtype: DType
    let shape: Shape

    init(_ variable: Variable) { (dtype, shape) = (variable.tensor.dtype, variable.tensor.shape) }
  }

  private struct Candidate {
    let first: Int
    let second: Int
    let score: Int
    /// How far apart the two stand among those of their form.
    let distance: Int
    let isSame: Bool?
    let likeness: NameLikeness
    let isAlone: Bool
  }
}

/// CRC-32C of the variables that may have another name, recorded or taken.
private struct Sums {
  private var first: [Int: UInt32] = [:]
  private var second: [Int: UInt32] = [:]

  init(
    _ first: [Variable], _ second: [Variable], _ groups: [(first: [Int], second: [Int])],
    _ request: StoreDifference.Request
  ) throws(CheckpointError) {
    guard request.comparesValues else { return }
    self.first = try Sums.of(first, groups.flatMap(\.first), request)
    self.second = try Sums.of(second, groups.flatMap(\.second), request)
  }

  /// Nil where it is not known.
  func isSame(_ i: Int, _ k: Int) -> Bool? {
    guard let a = first[i], let b = second[k] else { return nil }
    return a == b
  }

  private static func of(
    _ variables: [Variable], _ wanted: [Int], _ request: StoreDifference.Request
  ) throws(CheckpointError) -> [Int: UInt32] {
    var sums: [Int: UInt32] = [:]
    for i in wanted { sums[i] = variables[i].tensor.storage.crc32c }
    let rest = wanted.filter { sums[$0] == nil }
    let outcomes = try TensorSweep(jobs: request.jobs, progress: nil).run(
      rest.map { variables[$0].tensor }, SumVisitor())
    for (i, outcome) in zip(rest, outcomes) where outcome.failure == nil { sums[i] = outcome.part.sum.value }
    return sums
  }
}

private struct SumVisitor: SweepVisitor {
  struct Part: Sendable {
    var sum = CRC32C()
    var count = 0
  }

  func scratch() {}
  func part(of tensor: Int) -> Part { Part() }
  func append(_ next: Part, to part: inout Part) {
    part.sum.append(next.sum.value, count: next.count)
    part.count += next.count
  }
  func visit(_ chunk: RawSpan, of tensor: Int, at offset: Int, _ part: inout Part, _ scratch: inout Void) {
    part.sum.update(chunk)
    part.count += chunk.byteCount
  }
}
