import CheckpointCore
import GraphRuntime
import Inspection

extension InspectedStore {
  /// The table of variables and what they come to.
  func text(columns: Int?, withStatistics: Bool) -> String {
    let statistics = withStatistics ? self.statistics : nil
    var header = ["NAME", "DTYPE", "SHAPE", "BYTES", "ROLE"]
    if statistics != nil { header += ["MIN", "MAX", "MEAN", "STD", "ZEROS", "NAN", "INF"] }
    var table = Table(header + (digests == nil ? [] : ["SHA-256"]))
    for (i, variable) in store.variables.enumerated() {
      let tensor = variable.tensor
      var row = [
        variable.name.description, tensor.dtype.rawValue, tensor.shape.description, Console.count(tensor.byteCount),
        variable.role.rawValue,
      ]
      if let statistics { row += InspectedStore.cells(statistics[i]) }
      if let digests { row.append(digests[i] ?? "-") }
      table.append(row)
    }
    let numbers: Set<Int> = statistics == nil ? [3] : [3, 5, 6, 7, 8, 9, 10, 11]
    // A digest that is shortened is none.
    return ([table.text(columns: digests == nil ? columns : nil, rightAligned: numbers)] + summary)
      .joined(separator: "\n")
  }

  private static func cells(_ statistics: TensorStatistics?) -> [String] {
    guard let statistics else { return [String](repeating: "-", count: 7) }
    let values = [
      statistics.minimum, statistics.maximum, statistics.deviation.map { _ in statistics.mean }, statistics.deviation,
    ]
    let counts = [statistics.zeros, statistics.nans, statistics.infinities]
    return values.map { $0.map(ShortNumber.text) ?? "-" } + counts.map(Console.count)
  }

  /// Scopes below one another, with what each holds.
  func treeText(columns: Int?) -> String {
    var table = Table(["SCOPE", "VARIABLES", "BYTES", "SHARE", "DTYPE AND SHAPE"])
    let whole = max(1, store.byteCount)
    func append(_ tree: ScopeTree, depth: Int) {
      if depth >= 0 {
        let tensor = tree.variable.map { store.variables[$0].tensor }
        table.append([
          String(repeating: "  ", count: depth) + tree.label.description + (tree.children.isEmpty ? "" : "/"),
          tree.children.isEmpty ? "" : Console.count(tree.variables), Console.count(tree.bytes),
          Console.percent(tree.bytes, of: whole),
          tensor.map { "\($0.dtype.rawValue) \($0.shape)" } ?? "",
        ])
      }
      for child in tree.children { append(child, depth: depth + 1) }
    }
    append(ScopeTree(store), depth: -1)
    return ([table.text(columns: columns, rightAligned: [1, 2, 3])] + summary).joined(separator: "\n")
  }

  /// What all variables come to, where they lie, and what their graph takes and gives.
  var summary: [String] {
    var lines = [
      "\(Console.plural(store.variables.count, "variable")), \(Console.plural(elements, "element")), \(Console.size(store.byteCount)) (\(store.source.format))"
    ]
    if roles.count > 1 { lines.append("roles: " + roles.map(InspectedStore.text).joined(separator: ", ")) }
    if dtypes.count > 1 { lines.append("dtypes: " + dtypes.map(InspectedStore.text).joined(separator: ", ")) }
    if isSharded {
      let shown = files.map { file in
        let count = file.variables > 0 ? ", \(Console.plural(file.variables, "variable"))" : ""
        return "\(Name(file.name)) (\(Console.size(file.bytes))\(count))"
      }
      lines.append("files: " + shown.joined(separator: ", "))
    }
    if let graph {
      let inputs = graph.inputs.map(\.text).joined(separator: ", ")
      let outputs = graph.outputs.map(\.text).joined(separator: ", ")
      let parts = [inputs.isEmpty ? nil : "inputs \(inputs)", outputs.isEmpty ? nil : "outputs \(outputs)"]
      lines.append("graph \(Name(graph.name)): \(parts.compactMap { $0 }.joined(separator: "; "))")
      for signature in graph.signatures where !signature.inputs.isEmpty || !signature.outputs.isEmpty {
        lines.append(
          "signature \(Name(signature.key)): \(GraphSummary.text(signature.inputs)) → \(GraphSummary.text(signature.outputs))"
        )
      }
    }
    return lines
  }

  private static func text(_ total: Total) -> String {
    "\(Console.count(total.variables)) \(total.kind) (\(Console.size(total.bytes)))"
  }
}

/// Numbers for a person's eyes: four digits that count.
enum ShortNumber {
  static func text(_ value: Double) -> String {
    guard value.isFinite else { return value.description }
    let magnitude = abs(value)
    if magnitude < 1e7, value == value.rounded() { return String(Int(value)) }
    // The exponent of the number once it has four digits.
    var exponent = 0
    var scaled = magnitude
    while scaled >= 9.9995, exponent < 400 { (scaled, exponent) = (scaled / 10, exponent + 1) }
    while scaled < 0.99995, exponent > -400 { (scaled, exponent) = (scaled * 10, exponent - 1) }
    let sign = value < 0 ? "-" : ""
    if (-4..<7).contains(exponent) {
      let decimals = max(0, 3 - exponent)
      return sign + fixed(magnitude, decimals)
    }
    return "\(sign)\(fixed(scaled, 3))e\(exponent)"
  }

  /// - Parameter decimals: digits behind the point, at most 7.
  private static func fixed(_ value: Double, _ decimals: Int) -> String {
    var unit = 1.0
    for _ in 0..<decimals { unit *= 10 }
    let digits = String(Int((value * unit).rounded()))
    guard decimals > 0 else { return digits }
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    return padded.dropLast(decimals) + "." + padded.suffix(decimals)
  }
}
