import CheckpointCore

/// `layers/dense/vars/0`: a group that ends in `vars`, and a decimal number.
enum NumberedVariable {
  static func split(_ name: Name) -> (group: Name, number: Int)? {
    guard let slash = name.bytes.lastIndex(of: UInt8(ascii: "/")),
      let number = Int(String(decoding: name.bytes[(slash + 1)...], as: UTF8.self)), number >= 0
    else { return nil }
    let group = Name(bytes: name.bytes[..<slash])
    guard isGroup(group) else { return nil }
    return (group, number)
  }

  /// The group without its `vars`.
  static func owner(_ group: Name) -> Name {
    group == "vars" ? "" : Name(bytes: group.bytes.dropLast("/vars".utf8.count))
  }

  static func isGroup(_ name: Name) -> Bool { name == "vars" || name.hasSuffix("/vars") }
}

extension VariableStore {
  /// Groups of numbered variables are layers: `…/vars/0`, `…/vars/1`. Their own name is an attribute of the group, where the
  /// version of Keras wrote one.
  /// - Parameter places: the paths of variables and their names.
  mutating func findLayers(_ places: [(path: Name, name: Name)]) {
    var order: [Name] = []
    var members: [Name: [(number: Int, path: Name, name: Name)]] = [:]
    for (path, name) in places {
      guard let (group, number) = NumberedVariable.split(path) else { continue }
      if members[group] == nil { order.append(group) }
      members[group, default: []].append((number, path, name))
    }
    let attributes = Dictionary(groups.map { ($0.path, $0.attributes) }, uniquingKeysWith: { first, _ in first })
    layers = order.map { group in
      let sorted = (members[group] ?? []).sorted { $0.number < $1.number }
      let own = attributes[group]?.first { $0.name == "name" }?.strings?.first
      let path = NumberedVariable.owner(group)
      let isState = ["optimizer", "metrics"].contains { path == Name($0) || path.hasPrefix("\($0)/") }
      return Layer(
        name: own.map { Name(bytes: $0) } ?? path, kind: isState ? .optimizer : .model,
        members: sorted.map(\.name), labels: sorted.map(\.path))
    }
  }
}
