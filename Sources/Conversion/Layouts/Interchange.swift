import CheckpointCore

/// Parts of a network that could change places without changing a single boundary of the vector: layers of equal sizes.
/// Nothing about sizes or signs tells them apart.
enum Interchange {
  /// Most layouts that are made of one.
  static let limit = 48

  /// Whether two weights with the same number of elements could stand for each other. Vectors (biases, scales) count only
  /// where the network has nothing else: they move with the matrix of their layer.
  static func isPossible(in candidate: LayoutCandidate) -> Bool {
    let weights = candidate.members.filter { $0.role == .weight && $0.entry.shape.elementCount > 1 }
    let matrices = weights.filter { $0.entry.shape.rank >= 2 }
    let counted = matrices.isEmpty ? weights : matrices
    return Set(counted.map(\.entry.shape.elementCount)).count < counted.count
  }

  /// The layouts that come of exchanging layers with equal sizes, and matrices with equal shapes inside a layer.
  static func permutations(of candidate: LayoutCandidate) -> [LayoutCandidate] {
    var groups: [[Unit]] = []
    var places: [[[Int]]: Int] = [:]
    for unit in units(of: candidate) where unit.isLayer {
      if let known = places[unit.signature] {
        groups[known].append(unit)
      } else {
        places[unit.signature] = groups.count
        groups.append([unit])
      }
    }
    groups += matrices(in: candidate)
    var found: [LayoutCandidate] = []
    for group in groups where group.count > 1 {
      for order in orders(of: group.count) {
        guard found.count < limit else { return found }
        var members = candidate.members
        for (place, from) in order.enumerated() {
          for (target, source) in zip(group[place].positions, group[from].positions) {
            members[target] = candidate.members[source]
          }
        }
        let moved = order.enumerated().filter { $0 != $1 }.map { "'\(group[$0.offset].name)'" }
        let text = "\(candidate.names[0]), with \(moved.joined(separator: ", ")) in another order"
        found.append(LayoutCandidate(members, name: text, graph: candidate.graph))
      }
    }
    return found
  }

  /// All orders of a few, the first exchanges of two among many; never the order that is there.
  private static func orders(of count: Int) -> [[Int]] {
    if count <= 4 {
      var all: [[Int]] = [[]]
      for _ in 0..<count { all = all.flatMap { head in (0..<count).filter { !head.contains($0) }.map { head + [$0] } } }
      return all.filter { $0 != Array(0..<count) }
    }
    var all: [[Int]] = []
    for i in 0..<count {
      for j in i + 1..<count {
        guard all.count < limit else { return all }
        var order = Array(0..<count)
        order.swapAt(i, j)
        all.append(order)
      }
    }
    return all
  }

  /// Variables that are made together: `h1/weights` and `h1/biases`, `policy/W2` and `policy/b2`, with their slots.
  private struct Unit {
    let name: Name
    var positions: [Int] = []
    var signature: [[Int]] = []
    /// Whether it holds more than single numbers, such as counts.
    var isLayer = false
  }

  private static func units(of candidate: LayoutCandidate) -> [Unit] {
    var units: [Unit] = []
    var known: [Name: Int] = [:]
    for (i, member) in candidate.members.enumerated() {
      let key = Interchange.key(member.owner ?? member.entry.name)
      let isLayer = member.role == .weight && member.entry.shape.elementCount > 1
      let shape = [Role.allCases.firstIndex(of: member.role) ?? 0] + member.entry.shape.dimensions
      if let at = known[key] {
        units[at].positions.append(i)
        units[at].signature.append(shape)
        units[at].isLayer = units[at].isLayer || isLayer
      } else {
        known[key] = units.count
        units.append(Unit(name: key, positions: [i], signature: [shape], isLayer: isLayer))
      }
    }
    return units
  }

  /// The path above a variable, and the number at the end of its own name.
  private static func key(_ name: Name) -> Name {
    var bytes = name.bytes[...]
    if name.hasSuffix(":0") { bytes = bytes.dropLast(2) }
    let slash = bytes.lastIndex(of: UInt8(ascii: "/"))
    let own = slash.map { bytes[($0 + 1)...] } ?? bytes
    let digits = own.reversed().prefix { (0x30...0x39).contains($0) }.reversed()
    let path = slash.map { bytes[..<$0] } ?? []
    if path.isEmpty, digits.isEmpty { return name }
    return Name(bytes: digits.isEmpty ? Array(path) : Array(path) + [UInt8(ascii: "#")] + Array(digits))
  }

  /// Matrices with one shape inside one unit.
  private static func matrices(in candidate: LayoutCandidate) -> [[Unit]] {
    var groups: [[Unit]] = []
    for unit in units(of: candidate) {
      var known: [[Int]: Int] = [:]
      for i in unit.positions {
        let member = candidate.members[i]
        guard member.role == .weight, member.entry.shape.rank >= 2 else { continue }
        let one = Unit(name: member.entry.name, positions: [i])
        if let at = known[member.entry.shape.dimensions] {
          groups[at].append(one)
        } else {
          known[member.entry.shape.dimensions] = groups.count
          groups.append([one])
        }
      }
    }
    return groups
  }
}
