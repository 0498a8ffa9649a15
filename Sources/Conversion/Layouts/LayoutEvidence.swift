import CheckpointCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What the numbers of a vector say for and against a layout.
public struct LayoutEvidence: Sendable {
  /// What is as it would have to be.
  public private(set) var held: [String] = []
  /// What would be unusual.
  public private(set) var doubts: [String] = []
  /// What cannot be: a negative variance, a fraction in a whole number.
  public private(set) var contradictions: [String] = []
  /// How unlikely it is that numbers at other places would be as those are that cannot be otherwise: two to the minus so many.
  public private(set) var bits = 0.0

  /// Whether averages would not follow their variables, or slots would: possible, but hardly so.
  private(set) var isImplausible = false

  public var isContradicted: Bool { !contradictions.isEmpty }

  public var summary: String {
    let against = contradictions + doubts
    let all =
      (held.isEmpty ? [] : ["for it: " + held.joined(separator: ", ")])
      + (against.isEmpty ? [] : ["against it: " + against.joined(separator: ", ")])
    return all.isEmpty ? "nothing speaks for or against it" : all.joined(separator: "; ")
  }

  init(_ candidate: LayoutCandidate, _ vector: VectorNumbers) throws(CheckpointError) {
    try weighSigns(candidate, vector)
    try weighWholeNumbers(candidate, vector)
    try weighAverages(candidate, vector)
    try weighSlots(candidate, vector)
    try weighSizes(candidate, vector)
  }

  private static func list(_ names: [Name]) -> String { ConversionPlan.list(Array(names.prefix(2))) }

  /// Variances and sums of squares.
  private mutating func weighSigns(_ candidate: LayoutCandidate, _ vector: VectorNumbers) throws(CheckpointError) {
    let all = try vector.sample(0..<vector.count)
    let share = Double(all.count { $0 >= 0 }) / Double(max(1, all.count))
    var wrong: [Name] = []
    var count = 0
    for (i, member) in candidate.members.enumerated() where member.isNonnegative {
      let range = candidate.range(of: i)
      if try vector.minimum(range) < 0 {
        wrong.append(member.entry.name)
      } else {
        count += 1
        bits -= Double(range.count) * log2(max(share, 1e-3))
      }
    }
    if !wrong.isEmpty {
      contradictions.append(
        "\(wrong.count) variances or squares would be negative, such as \(LayoutEvidence.list(wrong))")
    } else if count > 0 {
      held.append(count == 1 ? "one variance, not negative" : "\(count) variances or squares, none negative")
    }
  }

  private mutating func weighWholeNumbers(
    _ candidate: LayoutCandidate, _ vector: VectorNumbers
  ) throws(CheckpointError) {
    for (i, member) in candidate.members.enumerated() {
      let (name, values) = (member.entry.name, try vector.sample(candidate.range(of: i)))
      let last = name.bytes.split(separator: UInt8(ascii: "/")).last ?? []
      if member.entry.dtype?.isFloat == false, let odd = values.first(where: { $0 != $0.rounded() || !$0.isFinite }) {
        contradictions.append("'\(name)' is a whole number and would be \(odd)")
      } else if member.role == .counter, let value = values.first, value < 0 {
        contradictions.append("'\(name)' counts and would be \(value)")
      } else if last.starts(with: "beta".utf8), last.contains(UInt8(ascii: "_")), member.role == .counter,
        let value = values.first, value > 1
      {
        contradictions.append("'\(name)' is a power of a number below 1 and would be \(value)")
      }
    }
  }

  /// How variables of a role correlate with those that they belong to: over how many numbers, on average, and at least.
  private static func correlation(
    of role: Role, _ candidate: LayoutCandidate, _ vector: VectorNumbers
  ) throws(CheckpointError) -> (total: Int, mean: Double, least: Double)? {
    var places: [Name: Int] = [:]
    for (i, member) in candidate.members.enumerated() { places[member.entry.name] = i }
    var (least, total, weighted) = (1.0, 0, 0.0)
    for (i, member) in candidate.members.enumerated() where member.role == role {
      guard let owner = member.owner, let place = places[owner] else { continue }
      let (shadow, raw) = (candidate.range(of: i), candidate.range(of: place))
      guard shadow.count == raw.count, shadow.count >= 16 else { continue }
      let r = try vector.sample(shadow).correlation(try vector.sample(raw))
      least = min(least, r)
      total += shadow.count
      weighted += r * Double(shadow.count)
    }
    return total > 0 ? (total, weighted / Double(total), least) : nil
  }

  /// What an optimizer keeps for a variable is made of gradients, not of the variable.
  private mutating func weighSlots(_ candidate: LayoutCandidate, _ vector: VectorNumbers) throws(CheckpointError) {
    guard let (total, mean, _) = try LayoutEvidence.correlation(of: .slot, candidate, vector), total >= 64, mean > 0.9
    else { return }
    isImplausible = true
    doubts.append("the slots would be copies of their variables (correlation \(short(mean)))")
  }

  /// A moving average goes where its variable goes.
  private mutating func weighAverages(_ candidate: LayoutCandidate, _ vector: VectorNumbers) throws(CheckpointError) {
    guard let (total, mean, least) = try LayoutEvidence.correlation(of: .ema, candidate, vector) else { return }
    isImplausible = total >= 64 && mean < 0.5
    if total >= 256, mean < 0.1 {
      contradictions.append(
        "the moving averages would have nothing to do with their variables (correlation \(short(mean)))")
    } else if mean < 0.5 {
      doubts.append("the moving averages would hardly follow their variables (correlation \(short(mean)))")
    } else {
      held.append("moving averages that follow their variables (correlation \(short(mean)), at least \(short(least)))")
    }
  }

  /// Magnitudes that networks usually have: scales near one, biases near zero, weights near one over the root of their inputs.
  private mutating func weighSizes(_ candidate: LayoutCandidate, _ vector: VectorNumbers) throws(CheckpointError) {
    var (odd, weights): ([Name], Int) = ([], 0)
    var (spreadFrom, spreadTo) = (Double.infinity, 0.0)
    var (bias, scale): ([Double], [Double]) = ([], [])
    for (i, member) in candidate.members.enumerated() where member.role == .weight && !member.isNonnegative {
      let shape = member.entry.shape
      let values = try vector.sample(candidate.range(of: i)).filter(\.isFinite)
      guard !values.isEmpty, member.entry.dtype?.isFloat != false else { continue }
      let last = String(decoding: member.entry.name.bytes.split(separator: UInt8(ascii: "/")).last ?? [], as: UTF8.self)
      if shape.rank >= 2 {
        let inputs = shape.dimensions.dropLast().reduce(1, *)
        let spread = values.deviation * Double(max(1, inputs)).squareRoot()
        (spreadFrom, spreadTo) = (min(spreadFrom, spread), max(spreadTo, spread))
        weights += 1
        if spread > 30 || (spread < 0.02 && values.count > 1) { odd.append(member.entry.name) }
      } else if last.hasPrefix("gamma") || last.hasPrefix("scale") {
        scale.append(values.mean)
        if values.mean < 0.05 || values.mean > 10 { odd.append(member.entry.name) }
      } else if last.hasPrefix("bias") || last.hasPrefix("beta") || last.hasPrefix("b") {
        let size = values.map { abs($0) }.mean
        bias.append(size)
        if size > 3 { odd.append(member.entry.name) }
      }
    }
    if weights > 0 {
      held.append("spread of the weights \(short(spreadFrom)) to \(short(spreadTo)) over the root of their inputs")
    }
    if let largest = bias.max() { held.append("biases of \(short(bias.min() ?? 0)) to \(short(largest)) on average") }
    if let largest = scale.max() { held.append("scales of \(short(scale.min() ?? 0)) to \(short(largest)) on average") }
    if !odd.isEmpty {
      doubts.append("unusual magnitudes in \(odd.count) variables, such as \(LayoutEvidence.list(odd))")
    }
  }
}

/// Two digits that count.
func short(_ value: Double) -> String {
  guard value.isFinite, value != 0 else { return value == 0 ? "0" : "\(value)" }
  let digits = max(0, 1 - Int(log10(abs(value)).rounded(.down)))
  guard digits <= 6 else { return "\(Float(value))" }
  let unit = (0..<digits).reduce(1.0) { power, _ in power * 10 }
  let rounded = (value * unit).rounded() / unit
  return digits == 0 ? "\(Int(clamping: Int64(max(-1e15, min(1e15, rounded)))))" : "\(rounded)"
}
