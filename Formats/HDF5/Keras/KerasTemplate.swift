import CheckpointCore

/// Puts the values of a store into the names, order and attributes of another file of the same model.
enum KerasTemplate {
  /// - Returns: the template's variables with the store's values, and how each layer found its values.
  /// - Throws: `unsupported` where a weight of the template has no values, all listed.
  static func fill(_ template: VariableStore, from store: VariableStore) throws(CheckpointError) -> PreparedStore {
    var notes: [String] = []
    var values: [Name: Variable] = [:]
    var left = KerasUnit.model(store)
    var open: [KerasUnit] = []
    let wanted = KerasUnit.model(template)

    for unit in wanted {
      let byName = unit.members.map { member in
        store[member.name].flatMap { $0.tensor.shape == member.tensor.shape ? $0 : nil }
      }
      if byName.allSatisfy({ $0 != nil }) {
        for (member, value) in zip(unit.members, byName) { values[member.name] = value }
        let taken = Set(unit.members.map(\.name))
        left.removeAll { $0.members.allSatisfy { taken.contains($0.name) } }
      } else {
        open.append(unit)
      }
    }
    var unnamed: [KerasUnit] = []
    for unit in open {
      let candidates = left.indices.filter {
        !left[$0].keys.isDisjoint(with: unit.keys) && left[$0].signature.shapes == unit.signature.shapes
      }
      if candidates.count == 1, let i = candidates.first {
        let source = left.remove(at: i)
        for (member, value) in zip(unit.members, source.members) { values[member.name] = value }
        notes.append("'\(unit.name)' takes the values of '\(source.name)', by the name of the layer")
      } else {
        unnamed.append(unit)
      }
    }
    matchByOrder(unnamed, &left, &values, &notes)

    let missing = wanted.flatMap(\.members).filter { values[$0.name] == nil }
    guard missing.isEmpty else {
      let list = missing.prefix(8).map { "'\($0.name)' \($0.tensor.shape)" }.joined(separator: ", ")
      let rest = left.prefix(8).map {
        "'\($0.name)' \($0.members.map(\.tensor.shape.description).joined(separator: " "))"
      }
      throw CheckpointError(
        .unsupported,
        "the template wants \(list)\(missing.count > 8 ? " and \(missing.count - 8) more" : ""), for which there are no values\(rest.isEmpty ? "" : "; not used are \(rest.joined(separator: ", "))")",
        remedy: "rename with --rename or --map so that the names say which is which")
    }
    return try result(template, store, values, notes)
  }

  /// Layers of equal shapes in equal numbers, first to first. Said, because nothing but the order speaks for it.
  private static func matchByOrder(
    _ open: [KerasUnit], _ left: inout [KerasUnit], _ values: inout [Name: Variable], _ notes: inout [String]
  ) {
    let wanted = Dictionary(grouping: open.indices, by: { open[$0].signature })
    var used: Set<Int> = []
    var found: [(Int, String)] = []
    for (signature, units) in wanted {
      let sources = left.indices.filter { left[$0].signature == signature }
      guard sources.count == units.count else { continue }
      for (unit, source) in zip(units, sources) {
        for (member, value) in zip(open[unit].members, left[source].members) { values[member.name] = value }
        used.insert(source)
        let reason = units.count == 1 ? "the only ones of its shapes" : "by order among \(units.count) of equal shapes"
        found.append((unit, "'\(open[unit].name)' takes the values of '\(left[source].name)', \(reason)"))
      }
    }
    notes += found.sorted { $0.0 < $1.0 }.map(\.1)
    left = left.indices.filter { !used.contains($0) }.map { left[$0] }
  }

  private static func result(
    _ template: VariableStore, _ store: VariableStore, _ values: [Name: Variable], _ notes: [String]
  ) throws(CheckpointError) -> PreparedStore {
    var notes = notes
    var kept = 0
    var used = Set(values.values.map(\.name))
    var variables: [Variable] = []
    for variable in template.variables {
      var value = values[variable.name]
      if value == nil, let same = store[variable.name], same.tensor.shape == variable.tensor.shape { value = same }
      if let value {
        used.insert(value.name)
      } else {
        kept += 1
      }
      variables.append(
        Variable(
          name: variable.name, tensor: value?.tensor ?? variable.tensor, role: variable.role,
          attributes: variable.attributes))
    }
    if kept > 0 {
      notes.append("\(kept) values of the template that belong to no layer, such as the optimizer's, stay as they are")
    }
    var filled = try template.replacing(variables)
    filled.source.files += store.source.files
    let losses = store.variables.filter { !used.contains($0.name) }
      .map { Loss(variable: $0.name, reason: "the template has no place for it") }
    return PreparedStore(filled, notes: notes, losses: losses)
  }
}
