import CheckpointCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How near a layout brings a vector to another checkpoint of the same network: another step of the same training has numbers
/// that correlate one by one; another training has the same distributions.
struct SiblingComparison {
  private let vector: VectorNumbers
  private let sibling: VariableStore
  /// Samples of the sibling's variables.
  private let cache = Cache()

  private final class Cache {
    var samples: [Name: [Double]] = [:]
    var sorted: [Name: [Double]] = [:]
    var pairs: [String: (z: Double, distance: Double)?] = [:]
  }

  /// How surely one layout is nearer than another, in standard deviations.
  struct Separation {
    /// By correlation number by number.
    var correlation: Double
    /// That of the nearer one against none.
    var own: Double
    /// By distributions.
    var distribution: Double
    /// Mean distance of the distributions, 0 to 1.
    var mine: Double
    var other: Double
  }

  init(_ vector: VectorNumbers, _ sibling: VariableStore) {
    self.vector = vector
    self.sibling = sibling
  }

  /// Over the variables that the two put at different places.
  /// - Returns: nil where the sibling has none of them.
  func separation(_ a: LayoutCandidate, from b: LayoutCandidate) throws(CheckpointError) -> Separation? {
    var places: [Name: Range<Int>] = [:]
    for (i, member) in b.members.enumerated() { places[member.entry.name] = b.range(of: i) }
    var own: [Double] = []
    var (mine, other): ([Double], [Double]) = ([], [])
    var difference: [Double] = []
    var noise = 0.0
    for (i, member) in a.members.enumerated() {
      let range = a.range(of: i)
      let place = places[member.entry.name]
      guard place != range, range.count >= 8, let near = try nearness(range, member) else { continue }
      let far = try place.flatMap { (range) throws(CheckpointError) in try nearness(range, member) }
      own.append(near.z)
      difference.append(near.z - (far?.z ?? 0))
      mine.append(near.distance)
      other.append(far?.distance ?? 1)
      noise += 2 / Double(min(range.count, VectorNumbers.sampleSize))
    }
    guard !own.isEmpty else { return nil }
    let root = Double(own.count).squareRoot()
    return Separation(
      correlation: difference.reduce(0, +) / root, own: own.reduce(0, +) / root,
      distribution: (other.reduce(0, +) - mine.reduce(0, +)) / noise.squareRoot(), mine: mine.mean, other: other.mean)
  }

  /// Whether a layout brings every variable, and not only most of the numbers, to where the sibling has it: an order that no
  /// candidate has may agree with one in part. A vector alone between variables that correlate (a bias that training has
  /// changed altogether) has nowhere else to be; several small ones must correlate together, as scales among biases would not.
  func agreement(_ candidate: LayoutCandidate) throws(CheckpointError) -> (byValue: Bool, byDistribution: Bool) {
    var agreement = (byValue: true, byDistribution: true)
    /// Positions of neighbours that do not correlate each by itself.
    var open: [Int] = []
    func close() throws(CheckpointError) {
      defer { open = [] }
      guard let first = open.first, open.count > 1 || candidate.members[first].entry.shape.rank > 1 else { return }
      var (mine, theirs): ([Double], [Double]) = ([], [])
      for i in open {
        guard candidate.range(of: i).count < SiblingComparison.large else { return agreement.byValue = false }
        mine += try vector.sample(candidate.range(of: i))
        theirs += cache.samples[candidate.members[i].entry.name] ?? []
      }
      if mine.count >= 8, mine != theirs, mine.correlation(theirs) < 0.7 { agreement.byValue = false }
    }
    for (i, member) in candidate.members.enumerated() {
      let range = candidate.range(of: i)
      guard let near = try nearness(range, member) else { return (false, false) }
      let isLarge = range.count >= SiblingComparison.large
      if isLarge, near.distance > 0.5 { agreement.byDistribution = false }
      if isLarge, near.z >= 4 { try close() } else { open.append(i) }
    }
    try close()
    return agreement
  }

  /// Elements from which on a variable must correlate by itself.
  private static let large = 32

  private func nearness(
    _ range: Range<Int>, _ member: LayoutSource.Member
  ) throws(CheckpointError) -> (z: Double, distance: Double)? {
    let key = "\(range.lowerBound) \(member.entry.name)"
    if let known = cache.pairs[key] { return known }
    let found = try compare(range, member)
    cache.pairs[key] = found
    return found
  }

  private func compare(
    _ range: Range<Int>, _ member: LayoutSource.Member
  ) throws(CheckpointError) -> (z: Double, distance: Double)? {
    let name = member.entry.name
    guard let tensor = sibling[name]?.tensor, tensor.shape == member.entry.shape,
      tensor.dtype.isCastable || tensor.dtype == .bool
    else { return nil }
    let theirs: [Double]
    if let known = cache.samples[name] {
      theirs = known
    } else {
      theirs = try VectorNumbers(tensor).sample(0..<tensor.shape.elementCount)
      cache.samples[name] = theirs
      cache.sorted[name] = theirs.filter(\.isFinite).sorted()
    }
    let mine = try vector.sample(range)
    let r = max(-0.999_999, min(0.999_999, mine.correlation(theirs)))
    let z = log((1 + r) / (1 - r)) / 2 * Double(max(0, mine.count - 3)).squareRoot()
    return (z, mine.filter(\.isFinite).sorted().distribution(from: cache.sorted[name] ?? []))
  }
}
