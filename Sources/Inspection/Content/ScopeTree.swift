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
    self = ScopeTree.tree(store, store.variables.indices.map { $0 }, label: "", scope: "", separator)
  }

  private init(
    label: Name, scope: Name, variable: Int?, children: [ScopeTree], members: [Int], of store: VariableStore
  ) {
    (self.label, self.scope, self.variable, self.children) = (label, scope, variable, children)
    variables = members.count
    (elements, bytes) = members.reduce((0, 0)) { sums, member in
      let tensor = store.variables[member].tensor
      return (
        sums.0.addingReportingOverflow(tensor.shape.elementCount).partialValue,
        sums.1.addingReportingOverflow(tensor.byteCount).partialValue
      )
    }
  }

  /// Bytes of a scope's name below which nothing is cut any more: a name may be all separators.
  private static let deepest = 1000

  private static func tree(
    _ store: VariableStore, _ members: [Int], label: Name, scope: Name, _ separator: UInt8
  ) -> ScopeTree {
    var (label, scope) = (label, scope)
    var parts = Parts(store, members, after: scope.bytes.count, separator)
    // One scope alone in another: their labels are one.
    while parts.own == nil, parts.order.count == 1, !scope.bytes.isEmpty, scope.bytes.count < deepest {
      label = Name(bytes: label.bytes + parts.order[0].bytes)
      scope = Name(bytes: scope.bytes + parts.order[0].bytes)
      parts = Parts(store, members, after: scope.bytes.count, separator)
    }
    let isTop = scope.bytes.isEmpty
    let children = parts.order.map { part in
      let (inside, below) = (Name(bytes: scope.bytes + part.bytes), parts.groups[part] ?? [])
      let label = isTop ? part : Name(bytes: part.bytes.dropFirst())
      guard inside.bytes.count < deepest else {
        return ScopeTree(
          label: label, scope: inside, variable: below.count == 1 ? below[0] : nil, children: [], members: below,
          of: store)
      }
      return tree(store, below, label: label, scope: inside, separator)
    }
    return ScopeTree(
      label: label, scope: scope, variable: parts.own, children: children, members: members, of: store)
  }

  /// Variables by the next part of their names. Parts but the first begin with the separator.
  private struct Parts {
    /// The variable whose name ends here.
    var own: Int?
    var order: [Name] = []
    var groups: [Name: [Int]] = [:]

    init(_ store: VariableStore, _ members: [Int], after count: Int, _ separator: UInt8) {
      for member in members {
        let rest = store.variables[member].name.bytes.dropFirst(count)
        guard !rest.isEmpty else {
          own = member
          continue
        }
        let part = Name(bytes: rest[..<(rest.dropFirst().firstIndex(of: separator) ?? rest.endIndex)])
        if groups[part] == nil { order.append(part) }
        groups[part, default: []].append(member)
      }
    }
  }
}
