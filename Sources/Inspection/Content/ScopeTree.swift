public import CheckpointCore

/// The variables of a checkpoint by the scopes that their names form, with what each scope holds.
public struct ScopeTree: Sendable {
  /// The last parts of the name that the parent does not have. A scope with nothing but one other in it is joined with that.
  public let label: Name
  /// The whole scope, without a separator at its end; empty for the root.
  public let scope: Name
  /// The variable of this very name, as an index into the store.
  public let variable: Int?
  /// In the order in which their first variables are listed.
  public let children: [ScopeTree]
  /// Of the variable and of all below.
  public let variables: Int
  public let elements: Int
  public let bytes: Int

  /// The tree of a whole store. Names are cut at slashes, or at dots where no name has a slash.
  public init(_ store: VariableStore) {
    let slash = UInt8(ascii: "/")
    let separator = store.variables.contains { $0.name.bytes.contains(slash) } ? slash : UInt8(ascii: ".")
    self.init(store, store.variables.indices.map { $0 }, label: "", scope: "", depth: 0, separator)
  }

  private init(
    _ store: VariableStore, _ members: [Int], label: Name, scope: Name, depth: Int, _ separator: UInt8
  ) {
    var own: Int?
    var order: [Name] = []
    var groups: [Name: [Int]] = [:]
    for member in members {
      let rest = store.variables[member].name.bytes.dropFirst(depth)
      if rest.isEmpty {
        own = member
        continue
      }
      // A name that begins with the separator has an empty first part, which stays with the next one.
      let end = rest.dropFirst().firstIndex(of: separator) ?? rest.endIndex
      let part = Name(bytes: rest[..<end])
      if groups[part] == nil { order.append(part) }
      groups[part, default: []].append(member)
    }
    // One scope alone in another: their labels are one.
    if own == nil, order.count == 1, depth > 0, depth < ScopeTree.deepest {
      let joined = Name(bytes: label.bytes + order[0].bytes)
      self.init(
        store, members, label: joined, scope: Name(bytes: scope.bytes + order[0].bytes),
        depth: depth + order[0].bytes.count, separator)
      return
    }
    children = order.map { part in
      guard depth < ScopeTree.deepest else {
        return ScopeTree(store, leaf: groups[part] ?? [], label: part, scope: Name(bytes: scope.bytes + part.bytes))
      }
      return ScopeTree(
        store, groups[part] ?? [], label: depth == 0 ? part : Name(bytes: part.bytes.dropFirst()),
        scope: Name(bytes: scope.bytes + part.bytes), depth: depth + part.bytes.count, separator)
    }
    self.label = label
    self.scope = scope
    variable = own
    variables = members.count
    (elements, bytes) = ScopeTree.totals(store, members)
  }

  /// Everything that lies deeper than a tree of any use, in one place.
  private init(_ store: VariableStore, leaf members: [Int], label: Name, scope: Name) {
    (self.label, self.scope, children, variables) = (label, scope, [], members.count)
    variable = members.count == 1 ? members.first : nil
    (elements, bytes) = ScopeTree.totals(store, members)
  }

  /// Bytes of a scope's name below which nothing is cut any more: a name may be all separators.
  private static let deepest = 1000

  private static func totals(_ store: VariableStore, _ members: [Int]) -> (elements: Int, bytes: Int) {
    members.reduce((0, 0)) { sums, member in
      let tensor = store.variables[member].tensor
      return (
        sums.0.addingReportingOverflow(tensor.shape.elementCount).partialValue,
        sums.1.addingReportingOverflow(tensor.byteCount).partialValue
      )
    }
  }
}
