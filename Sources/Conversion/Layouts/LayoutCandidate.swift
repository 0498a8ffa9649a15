public import CheckpointCore

/// One way to cut a vector into variables: which they are, and in which order.
public struct LayoutCandidate: Sendable {
  public let members: [LayoutSource.Member]
  /// What programs would have to do to write it, in words; at least one.
  public fileprivate(set) var names: [String]
  /// Where every variable begins, in elements.
  let starts: [Int]
  let graph: VariableStore.GraphFacts?

  init(_ members: [LayoutSource.Member], name: String, graph: VariableStore.GraphFacts?) {
    self.members = members
    names = [name]
    self.graph = graph
    var starts: [Int] = []
    var position = 0
    for member in members {
      starts.append(position)
      position += member.entry.shape.elementCount
    }
    self.starts = starts
  }

  public var layout: Layout { Layout(entries: members.map(\.entry), origin: names[0], graph: graph) }

  /// In words: the first that leads to it, and how many others do.
  public var summary: String {
    names.count == 1
      ? names[0] : "\(names[0]) (also \(names[1])\(names.count > 2 ? ", and \(names.count - 2) more" : ""))"
  }

  func range(of index: Int) -> Range<Int> {
    starts[index]..<starts[index] + members[index].entry.shape.elementCount
  }

  /// Layouts are the same where every number gets the same place in the same variable.
  fileprivate var key: [Name] { members.filter { $0.entry.shape.elementCount > 0 }.map(\.entry.name) }
}

/// The layouts that programs write and whose sizes add up to a vector: every collection of a graph, whole or one scope of it,
/// with and without slots, moving averages and counters; in the order of creation, by name, and trainable variables first.
struct LayoutCandidates {
  private(set) var all: [LayoutCandidate] = []
  private var positions: [[Name]: Int] = [:]
  /// The total that is nearest to the vector among whole collections, for a message.
  private(set) var nearest: (name: String, elements: Int)?

  init(elements: Int, sources: [LayoutSource]) {
    for source in sources {
      for group in source.groups { add(group, elements, source.graph) }
    }
    // The plainest words first: a whole collection where one is enough.
    for i in all.indices {
      let plainest = all[i].names.firstIndex { !$0.contains(" without ") && !$0.contains(", scope '") } ?? 0
      all[i].names.swapAt(0, plainest)
    }
  }

  private mutating func add(_ group: LayoutSource.Group, _ elements: Int, _ graph: VariableStore.GraphFacts?) {
    var seen: Set<Name> = []
    let unique = group.members.filter { seen.insert($0.entry.name).inserted }
    let removable = [(Role.slot, "slots"), (.ema, "moving averages"), (.counter, "counters")].filter { role, _ in
      unique.contains { $0.role == role }
    }
    for choice in 0..<1 << removable.count {
      let without = removable.indices.filter { choice >> $0 & 1 == 1 }.map { removable[$0] }
      let members = unique.filter { member in !without.contains { $0.0 == member.role } }
      let suffix = without.isEmpty ? "" : " without \(without.map(\.1).joined(separator: " and "))"
      let selections = Selections(members)
      if nearest == nil || abs(selections.total - elements) < abs((nearest?.elements ?? 0) - elements) {
        nearest = (group.name + suffix, selections.total)
      }
      if selections.total == elements { add(members, group.name + suffix, group.order, graph) }
      for (scope, chosen) in selections.scopes(of: elements) where chosen.count < members.count {
        add(
          members.filter { chosen.contains($0.entry.name) }, "\(group.name)\(suffix), scope '\(scope)'", group.order,
          graph)
      }
    }
  }

  /// A selection in each of the orders.
  private mutating func add(
    _ members: [LayoutSource.Member], _ name: String, _ order: String, _ graph: VariableStore.GraphFacts?
  ) {
    guard !members.isEmpty else { return }
    append(members, "\(name), \(order)", graph)
    append(members.sorted { $0.entry.name < $1.entry.name }, "\(name), by name", graph)
    append(members.sorted { $0.tensorName < $1.tensorName }, "\(name), by name of the tensor", graph)
    append(
      members.sorted { NaturalKey($0.entry.name) < NaturalKey($1.entry.name) },
      "\(name), by name with numbers by value",
      graph)
    append(
      members.sorted { LayerKey($0.entry) < LayerKey($1.entry) },
      "\(name), by layer with numbers by value, matrices before vectors", graph)
    append(
      members.filter(\.isTrainable) + members.filter { !$0.isTrainable }, "\(name), \(order), what trains first", graph)
  }

  private mutating func append(
    _ members: [LayoutSource.Member], _ name: String, _ graph: VariableStore.GraphFacts?
  ) {
    let candidate = LayoutCandidate(members, name: name, graph: graph)
    if let known = positions[candidate.key] {
      all[known].names.append(name)
    } else {
      positions[candidate.key] = all.count
      all.append(candidate)
    }
  }

  /// Members sorted by the names that scopes match, with sums, so that every scope costs two searches.
  private struct Selections {
    private let sorted: [LayoutSource.Member]
    private let sums: [Int]

    init(_ members: [LayoutSource.Member]) {
      sorted = members.sorted { $0.tensorName < $1.tensorName }
      var sums = [0]
      for member in sorted {
        // No vector has so many, and more would not fit a number.
        sums.append(min(1 << 61, sums[sums.count - 1] + member.entry.shape.elementCount))
      }
      self.sums = sums
    }

    var total: Int { sums[sums.count - 1] }

    /// Scopes that hold so many elements, as `tf.get_collection` takes one, matched from the start: `policy` takes
    /// `policy_old/w` too, `policy/` does not.
    func scopes(of elements: Int) -> [(scope: Name, members: Set<Name>)] {
      var found: [(Name, Set<Name>)] = []
      var seen: Set<Name> = []
      for member in sorted where found.count < Selections.mostScopes {
        let bytes = member.tensorName.bytes
        for slash in bytes.indices.lazy.filter({ bytes[$0] == UInt8(ascii: "/") }).prefix(Selections.deepest) {
          for scope in [Name(bytes: bytes[..<slash]), Name(bytes: bytes[...slash])] {
            guard seen.insert(scope).inserted else { continue }
            let range = self.range(of: scope)
            guard sums[range.upperBound] - sums[range.lowerBound] == elements else { continue }
            found.append((scope, Set(sorted[range].map(\.entry.name))))
          }
        }
      }
      return found
    }

    /// Scopes inside of scopes that are looked at, and scopes that fit: far more than programs have.
    private static let deepest = 32
    private static let mostScopes = 64

    private func range(of prefix: Name) -> Range<Int> {
      let lower = first { $0 >= prefix }
      let upper = first { !$0.bytes.starts(with: prefix.bytes) && $0 > prefix }
      return lower..<max(lower, upper)
    }

    /// The first position whose name fulfils what all behind it do.
    private func first(where holds: (Name) -> Bool) -> Int {
      var (low, high) = (0, sorted.count)
      while low < high {
        let middle = (low + high) / 2
        if holds(sorted[middle].tensorName) { high = middle } else { low = middle + 1 }
      }
      return low
    }
  }
}

/// The order in which most programs make variables, as far as names tell it: layer by layer, the weights before the biases.
private struct LayerKey: Comparable {
  private let layer: NaturalKey
  private let rank: Int
  private let name: NaturalKey

  init(_ entry: Layout.Entry) {
    let slash = entry.name.bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0
    layer = NaturalKey(Name(bytes: entry.name.bytes[..<slash]))
    rank = entry.shape.rank
    name = NaturalKey(entry.name)
  }

  static func < (a: LayerKey, b: LayerKey) -> Bool {
    a.layer == b.layer ? (a.rank == b.rank ? a.name < b.name : a.rank > b.rank) : a.layer < b.layer
  }
}

/// A name in which numbers count by their value: `layer2` before `layer10`.
struct NaturalKey: Comparable {
  private enum Piece: Equatable {
    case text([UInt8])
    /// Digits without zeros before them.
    case number([UInt8])
  }

  private let pieces: [Piece]
  private let name: Name

  init(_ name: Name) {
    self.name = name
    var pieces: [Piece] = []
    var rest = name.bytes[...]
    while let first = rest.first {
      let isDigit = (0x30...0x39).contains(first)
      let run = rest.prefix { (0x30...0x39).contains($0) == isDigit }
      pieces.append(isDigit ? .number(Array(run.drop { $0 == 0x30 })) : .text(Array(run)))
      rest = rest[run.endIndex...]
    }
    self.pieces = pieces
  }

  static func < (a: NaturalKey, b: NaturalKey) -> Bool {
    for (x, y) in zip(a.pieces, b.pieces) where x != y {
      switch (x, y) {
      case (.number(let m), .number(let n)) where m.count != n.count: return m.count < n.count
      case (.number(let m), .number(let n)): return Name(bytes: m) < Name(bytes: n)
      case (.text(let m), .text(let n)): return Name(bytes: m) < Name(bytes: n)
      case (.number, .text): return true
      case (.text, .number): return false
      }
    }
    return a.pieces.count == b.pieces.count ? a.name < b.name : a.pieces.count < b.pieces.count
  }
}
