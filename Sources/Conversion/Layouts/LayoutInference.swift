public import CheckpointCore

/// Finds out how a vector that nobody described is to be cut into variables. The rule that decides, and why equal totals prove
/// nothing: `Formats/NumPy/Flat/FORMAT.md`, "Read".
public struct LayoutInference {
  /// Evidence of so many bits that no layout but the right one has by chance.
  private static let proof = 40.0
  /// Standard deviations between two layouts that are clearly separated.
  private static let clear = 6.0
  /// Most runs of a graph.
  private static let runLimit = 512

  private let path: String
  private let vector: VectorNumbers
  private let sibling: SiblingComparison?
  /// Every layout whose sizes fit, distinct assignments only, with its evidence.
  public let candidates: [(candidate: LayoutCandidate, evidence: LayoutEvidence)]

  /// What came of it.
  public enum Outcome: Sendable {
    /// - Parameter reason: why this one, and how surely.
    case taken(LayoutCandidate, reason: String)
    /// - Parameter remedy: the piece of information that would decide.
    case open(reason: String, remedy: String)
  }

  /// - Parameters:
  ///   - tensor: the vector.
  ///   - path: its file, for messages.
  ///   - sibling: another checkpoint of the same network, nil where none is known.
  /// - Throws: `corrupt` where the sizes of no layout add up to the vector.
  public init(
    _ tensor: Tensor, path: String, sources: [LayoutSource], sibling: VariableStore?
  ) throws(CheckpointError) {
    self.path = path
    let numbers = try VectorNumbers(tensor)
    vector = numbers
    self.sibling = sibling.map { SiblingComparison(numbers, $0) }
    let fitting = LayoutCandidates(elements: numbers.count, sources: sources)
    guard !fitting.all.isEmpty else {
      let near = fitting.nearest.map { "; nearest is \($0.name) with \($0.elements)" } ?? ""
      throw CheckpointError(
        .corrupt,
        "no layout of \(sources.map(\.origin).joined(separator: ", ")) takes its \(numbers.count) elements\(near)",
        remedy: "vector and graph belong to different networks, or choose variables with --collection and --scope"
      ).at(file: path)
    }
    candidates = try fitting.all.map { (candidate) throws(CheckpointError) in
      (candidate, try LayoutEvidence(candidate, numbers))
    }
  }

  /// Every candidate with what speaks for it, a line each.
  public var listing: [String] {
    let shown = candidates.prefix(20).enumerated().map {
      "layout \($0 + 1): \($1.candidate.summary): \($1.evidence.summary)"
    }
    return candidates.count > shown.count ? shown + ["and \(candidates.count - shown.count) more layouts"] : shown
  }

  /// - Parameter answer: the bytes of what the network computes with the variables of a layout, where that is the recorded
  ///   answer, and nil where it is another; nil where no answer is known.
  public func outcome(
    answer: ((Layout) throws(CheckpointError) -> [UInt8]?)?
  ) throws(CheckpointError) -> Outcome {
    if let answer { return try byAnswer(answer) }
    let possible = candidates.filter { !$0.evidence.isContradicted }
    guard let first = possible.first else {
      return .open(
        reason: "the numbers contradict every layout whose sizes fit",
        remedy: "give the layout as a manifest, or with --collection and --scope")
    }
    if candidates.count == 1, first.candidate.members.count == 1 {
      return .taken(first.candidate, reason: "it holds one variable")
    }
    if let sibling, let found = try bySibling(possible.map(\.candidate), sibling) { return found }
    if possible.count == 1, first.evidence.bits >= LayoutInference.proof, first.evidence.doubts.isEmpty,
      !Interchange.isPossible(in: first.candidate)
    {
      let others = candidates.count - 1
      return .taken(
        first.candidate,
        reason:
          "\(first.evidence.held.joined(separator: ", "))\(others == 0 ? "" : "; the numbers contradict the \(plural(others, "other layout")) that would fit by size")"
      )
    }
    let reason =
      possible.count > 1
      ? "\(possible.count) layouts fit its \(vector.count) elements, and nothing decides between them"
      : "its size fits one layout, and equal sizes prove nothing\(Interchange.isPossible(in: first.candidate) ? ": layers of equal size could have changed places" : "")"
    return .open(reason: reason, remedy: remedy(possible.map(\.candidate)))
  }

  // MARK: A recorded answer

  private func byAnswer(
    _ answer: (Layout) throws(CheckpointError) -> [UInt8]?
  ) throws(CheckpointError) -> Outcome {
    let evidence = candidates.filter { !$0.evidence.isContradicted }
    let possible = evidence.map(\.candidate)
    var found: [(candidate: LayoutCandidate, answer: [UInt8])] = []
    var runs = 0
    var known: Set<[Name]> = []
    func run(_ candidate: LayoutCandidate) throws(CheckpointError) -> [UInt8]? {
      guard runs < LayoutInference.runLimit, known.insert(candidate.members.map(\.entry.name)).inserted else {
        return nil
      }
      runs += 1
      return try answer(candidate.layout)
    }
    for candidate in possible {
      if let bytes = try run(candidate) { found.append((candidate, bytes)) }
    }
    // An answer does not depend on slots and averages; what they are shows in the numbers.
    var among = ""
    if found.count > 1 {
      let odd = Set(evidence.filter(\.evidence.isImplausible).map { $0.candidate.members.map(\.entry.name) })
      let plausible = found.filter { !odd.contains($0.candidate.members.map(\.entry.name)) }
      if plausible.count == 1 {
        among =
          ", and of \(found.count) that do it is the only one whose averages follow their variables and whose slots do not"
        found = plausible
      }
    }
    // Exchanged layers are run as well: one of them may be right, and an answer that cannot tell them apart proves nothing.
    // One that does not even look at them (every bit is the same) says nothing about them: they follow the proven order.
    var follows = false
    for candidate in found.isEmpty ? possible : found.map(\.candidate) {
      for permutation in Interchange.permutations(of: candidate) {
        guard let bytes = try run(permutation) else { continue }
        if found.contains(where: { $0.answer == bytes }) { follows = true } else { found.append((permutation, bytes)) }
      }
    }
    guard let first = found.first else {
      return .open(
        reason: "none of the \(plural(runs, "layout")) that were run reproduces the recorded answer",
        remedy:
          "the vector has an order that nobody would write, or graph, feed and answer are not those of this network")
    }
    guard found.count == 1 else {
      return .open(
        reason:
          "\(found.count) of the \(plural(runs, "layout")) that were run reproduce the recorded answer: \(found.prefix(3).map(\.candidate.summary).joined(separator: "; "))",
        remedy: remedy(found.map(\.candidate), isRun: true))
    }
    let reversed = LayoutCandidate(first.candidate.members.reversed(), name: "reversed", graph: first.candidate.graph)
    if try run(reversed) != nil {
      return .open(
        reason: "the recorded answer comes out whatever the order of the variables, so that it decides nothing",
        remedy: remedy([first.candidate, reversed], isRun: true))
    }
    return .taken(
      first.candidate,
      reason: among.isEmpty
        ? "it alone of \(plural(runs, "layout")) that were run reproduces the recorded answer\(follows ? ", which does not depend on all of its variables" : "")"
        : "it reproduces the recorded answer\(among)")
  }

  // MARK: Another checkpoint

  private func bySibling(
    _ possible: [LayoutCandidate], _ sibling: SiblingComparison
  ) throws(CheckpointError) -> Outcome? {
    for candidate in possible {
      let permutations = Interchange.permutations(of: candidate)
      let rivals = possible.filter { $0.members.map(\.entry.name) != candidate.members.map(\.entry.name) }
      let control = LayoutCandidate(candidate.members.reversed(), name: "reversed", graph: nil)
      var least = Double.infinity
      let agreement = try sibling.agreement(candidate)
      var isByValue = agreement.byValue
      var isByDistribution = agreement.byDistribution && permutations.isEmpty && !Interchange.isPossible(in: candidate)
      for rival in rivals + permutations + [control] {
        guard let apart = try sibling.separation(candidate, from: rival) else {
          (isByValue, isByDistribution) = (false, false)
          break
        }
        isByValue = isByValue && apart.own >= LayoutInference.clear && apart.correlation >= LayoutInference.clear
        isByDistribution =
          isByDistribution && apart.distribution >= LayoutInference.clear && apart.mine <= 0.35
          && apart.mine <= apart.other / 2
        least = min(least, isByValue ? apart.correlation : apart.distribution)
      }
      if isByValue {
        return .taken(
          candidate,
          reason:
            "its numbers correlate one by one with those of the other checkpoint, \(short(least)) standard deviations more than in any other layout"
        )
      }
      if isByDistribution {
        return .taken(
          candidate,
          reason:
            "its variables are distributed as those of the other checkpoint, \(short(least)) standard deviations nearer than in any other layout"
        )
      }
    }
    return nil
  }

  // MARK: Words

  /// The single piece of information that decides between layouts.
  private func remedy(_ possible: [LayoutCandidate], isRun: Bool = false) -> String {
    let first = possible.first
    let different = zip(first?.members ?? [], possible.dropFirst().first?.members ?? []).first {
      $0.entry.name != $1.entry.name
    }?.0
    let on = different.map { " that depends on '\($0.entry.name)'" } ?? ""
    return isRun
      ? "an answer\(on) would decide: give another --feed and --expect, or choose with --collection and --scope"
      : "one recorded answer of the network would decide: --feed NAME=… --expect NAME=…; so would another checkpoint of the same training with --like, or --collection and --scope, which take the order of creation"
  }

  private func plural(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}
