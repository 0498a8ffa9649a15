import CheckpointCore
import Verifier

/// What `diff` shows.
struct DiffReport {
  private let difference: StoreDifference
  private let first: String
  let second: String
  /// Whether the second is a graph, which has names and no values.
  private let isGraph: Bool
  private let limit: Int

  init(_ difference: StoreDifference, first: String, second: String, isGraph: Bool, limit: Int) {
    (self.difference, self.first, self.second) = (difference, first, second)
    (self.isGraph, self.limit) = (isGraph, limit)
  }

  // MARK: Text

  func text(columns: Int?) -> String {
    var lines: [String] = []
    lines += listing(difference.onlyFirst, "only in \(first)", columns)
    lines += listing(difference.onlySecond, "only in \(second)", columns)
    lines += suggestions
    lines += changes(columns)
    lines += roles
    return (lines + [summary]).joined(separator: "\n")
  }

  private func listing(_ variables: [Variable], _ title: String, _ columns: Int?) -> [String] {
    guard !variables.isEmpty else { return [] }
    var table = Table(["NAME", "DTYPE", "SHAPE", "ROLE"])
    for variable in variables.prefix(limit) {
      table.append([
        variable.name.description, variable.tensor.dtype.rawValue, variable.tensor.shape.description,
        variable.role.rawValue,
      ])
    }
    return ["\(title):", table.text(columns: columns)] + more(variables.count)
  }

  private var suggestions: [String] {
    guard !difference.suggestions.isEmpty else { return [] }
    let lines = difference.suggestions.prefix(limit).map { one in
      let reasons = one.reasons.isEmpty ? "" : "  (\(one.reasons.joined(separator: "; ")))"
      return "  \(one.first) => \(one.second)\(reasons)"
    }
    return ["perhaps the same:"] + lines + more(difference.suggestions.count)
  }

  private func changes(_ columns: Int?) -> [String] {
    let changed = difference.changed
    guard !changed.isEmpty else { return [] }
    var table = Table(["DIFFERENT", "DTYPE AND SHAPE", "ELEMENTS", "FIRST", "MAX ABS", "MAX REL", "MAX ULP"])
    for change in changed.prefix(limit) { table.append(row(change)) }
    return [table.text(columns: columns, rightAligned: [3, 4, 5, 6])] + more(changed.count)
  }

  private func row(_ change: StoreDifference.Change) -> [String] {
    let (a, b) = (change.first.tensor, change.second.tensor)
    let name = DiffReport.name(change)
    if change.failure != nil { return [name, DiffReport.form(a), "cannot be read", "", "", "", ""] }
    guard change.isSameForm, let distance = change.distance else {
      return [name, "\(DiffReport.form(a)) → \(DiffReport.form(b))", "", "", "", "", ""]
    }
    let hasNumbers = a.dtype.width != nil && a.dtype != .bool
    return [
      name, DiffReport.form(a), "\(Console.count(distance.differing)) of \(Console.count(distance.elementCount))",
      distance.first.map { DiffReport.place($0, in: a.shape) } ?? "-",
      hasNumbers ? ShortNumber.text(distance.absolute) : "-", hasNumbers ? ShortNumber.text(distance.relative) : "-",
      distance.ulps.map { "\($0)" } ?? "-",
    ]
  }

  private static func name(_ change: StoreDifference.Change) -> String {
    change.first.name == change.second.name
      ? change.first.name.description : "\(change.first.name) => \(change.second.name)"
  }

  private static func form(_ tensor: Tensor) -> String { "\(tensor.dtype.rawValue) \(tensor.shape)" }

  /// The index of an element in its tensor, as numpy writes it.
  private static func place(_ element: Int, in shape: Shape) -> String {
    var rest = element
    var index: [Int] = []
    for size in shape.dimensions.reversed() {
      index.insert(rest % max(1, size), at: 0)
      rest /= max(1, size)
    }
    return "\(index)"
  }

  private var roles: [String] {
    let others = difference.common.filter(\.hasOtherRole)
    guard !others.isEmpty, !isGraph else { return [] }
    let shown = others.prefix(3).map {
      "'\($0.first.name)' is \($0.first.role.rawValue) and \($0.second.role.rawValue)"
    }
    return [
      "roles that are concluded otherwise: \(shown.joined(separator: ", "))\(others.count > 3 ? " and \(others.count - 3) more" : "")"
    ]
  }

  private func more(_ count: Int) -> [String] {
    count > limit ? ["  and \(count - limit) more (--limit 0 for all)"] : []
  }

  private var summary: String {
    let changed = difference.changed.count
    let same = difference.common.count - changed
    let common = Console.plural(difference.common.count, "common variable")
    var parts: [String]
    if difference.common.isEmpty {
      parts = ["no name is in both"]
    } else if isGraph {
      parts = ["\(Console.count(same)) of \(common) \(same == 1 ? "has" : "have") the dtype and shape of the graph"]
    } else {
      parts = ["\(Console.count(same)) of \(common) \(same == 1 ? "is" : "are") the same"]
    }
    let missing = (difference.onlyFirst.count, difference.onlySecond.count)
    if isGraph {
      if missing.1 > 0 {
        parts.append(
          "\(Console.count(missing.1)) that the graph needs \(missing.1 == 1 ? "is" : "are") not in the checkpoint")
      }
      if missing.0 > 0 {
        parts.append(
          "\(Console.count(missing.0)) of the checkpoint \(missing.0 == 1 ? "is" : "are") unknown to the graph")
      }
    } else {
      if missing.0 > 0 { parts.append("\(Console.count(missing.0)) only in \(first)") }
      if missing.1 > 0 { parts.append("\(Console.count(missing.1)) only in \(second)") }
    }
    return parts.joined(separator: ", ")
  }

  // MARK: Files

  /// The suggestions as lines that `--map` reads; as JSON where a line cannot hold one of the names.
  func map() -> [UInt8] {
    let names = difference.suggestions.flatMap { [$0.first, $0.second] }
    let isPlain = names.allSatisfy { name in
      !name.bytes.contains { $0 < 0x20 } && ![UInt8(ascii: "{"), UInt8(ascii: "#"), 0x20].contains(name.bytes.first)
    }
    guard isPlain else {
      var json = JSONWriter()
      json.object { json in for one in difference.suggestions { json.value(one.first, one.second) } }
      return json.finished()
    }
    var bytes: [UInt8] = []
    for one in difference.suggestions { bytes += one.first.bytes + [0x09] + one.second.bytes + [0x0a] }
    return bytes
  }

  func json() -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.value("first", first)
      json.value("second", second)
      json.value("same", difference.isSame)
      json.value("common", difference.common.count)
      json.array("only_first") { json in DiffReport.write(difference.onlyFirst, to: &json) }
      json.array("only_second") { json in DiffReport.write(difference.onlySecond, to: &json) }
      json.array("suggestions") { json in
        for one in difference.suggestions {
          json.object(inline: true) { json in
            json.value("first", one.first)
            json.value("second", one.second)
            if let isSame = one.isSameBytes { json.value("same_bytes", isSame) } else { json.null("same_bytes") }
            json.array("reasons") { json in for reason in one.reasons { json.value(nil, reason) } }
          }
        }
      }
      json.array("different") { json in for change in difference.changed { DiffReport.write(change, to: &json) } }
      json.array("roles") { json in
        for change in difference.common where change.hasOtherRole {
          json.object(inline: true) { json in
            json.value("name", change.first.name)
            json.value("first", change.first.role.rawValue)
            json.value("second", change.second.role.rawValue)
          }
        }
      }
    }
    return json.finished()
  }

  private static func write(_ variables: [Variable], to json: inout JSONWriter) {
    for variable in variables {
      json.object(inline: true) { json in
        json.value("name", variable.name)
        write(variable.tensor, to: &json)
        json.value("role", variable.role.rawValue)
      }
    }
  }

  private static func write(_ tensor: Tensor, to json: inout JSONWriter) {
    json.value("dtype", tensor.dtype.rawValue)
    json.array("shape") { json in for size in tensor.shape.dimensions { json.value(nil, size) } }
  }

  private static func write(_ change: StoreDifference.Change, to json: inout JSONWriter) {
    json.object(inline: true) { json in
      json.value("name", change.first.name)
      if change.first.name != change.second.name { json.value("second_name", change.second.name) }
      if let failure = change.failure {
        json.value("problem", failure.message)
      } else if let distance = change.distance {
        VerifyReport.write(distance, to: &json)
      } else {
        json.value("problem", "dtype or shape")
        json.object("first") { json in write(change.first.tensor, to: &json) }
        json.object("second") { json in write(change.second.tensor, to: &json) }
      }
    }
  }
}
