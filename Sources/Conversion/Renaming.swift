public import CheckpointCore

/// A rule `REGEX=>TEMPLATE`: every match in a name is replaced; `$1` or `\1` in the template stands for a group, `$0` for the
/// whole match, `$$` for a dollar sign.
public struct RenameRule {
  private let expression: Regex<AnyRegexOutput>
  private let template: [TemplatePiece]

  private enum TemplatePiece {
    case text(String)
    case group(Int)
  }

  /// - Throws: `usage` where there is no arrow or the left side is no regular expression.
  public init(_ rule: String) throws(CheckpointError) {
    guard let arrow = rule.ranges(of: "=>").last else {
      throw CheckpointError(.usage, "the rule '\(rule)' is not of the form REGEX=>TEMPLATE")
    }
    let pattern = String(rule[..<arrow.lowerBound])
    // The library calls itself for every bracket inside of a bracket.
    var depth = 0
    let deepest = pattern.utf8.reduce(0) { deepest, byte in
      depth += [UInt8(ascii: "["), UInt8(ascii: "(")].contains(byte) ? 1 : 0
      depth -= [UInt8(ascii: "]"), UInt8(ascii: ")")].contains(byte) ? 1 : 0
      return max(deepest, depth)
    }
    guard deepest <= 100 else {
      throw CheckpointError(.usage, "the rule '\(rule.prefix(40))…' nests too many brackets")
    }
    do {
      expression = try Regex(pattern)
    } catch {
      throw CheckpointError(.usage, "'\(pattern)' is not a regular expression")
    }
    template = try RenameRule.parse(rule[arrow.upperBound...], rule: rule)
  }

  private static func parse(_ text: Substring, rule: String) throws(CheckpointError) -> [TemplatePiece] {
    var pieces: [TemplatePiece] = []
    var literal = ""
    var rest = text
    while let character = rest.popFirst() {
      guard character == "$" || character == "\\", let next = rest.first else {
        literal.append(character)
        continue
      }
      rest.removeFirst()
      if let digit = next.wholeNumberValue {
        pieces.append(.text(literal))
        pieces.append(.group(digit))
        literal = ""
      } else if next == character {
        literal.append(character)
      } else {
        throw CheckpointError(
          .usage, "'\(character)\(next)' in the rule '\(rule)' is no group",
          remedy: "write $1, or $$ for the sign itself")
      }
    }
    return pieces + [.text(literal)]
  }

  /// Bytes of the longest name that rules are tried on: an expression may look at every part of a name from every place in it.
  private static let longestName = 1024

  /// A name that is not text stays as it is.
  func apply(to name: Name) throws(CheckpointError) -> Name {
    guard let text = name.text else { return name }
    guard name.bytes.count <= RenameRule.longestName else {
      throw CheckpointError(
        .unsupported, "a name of \(name.bytes.count) bytes is too long for --rename", remedy: "name it with --map")
    }
    var out = ""
    var position = text.startIndex
    for match in text.matches(of: expression) {
      out += text[position..<match.range.lowerBound]
      for piece in template {
        switch piece {
        case .text(let literal): out += literal
        case .group(let number):
          guard number < match.output.count else {
            throw CheckpointError(
              .usage, "the template asks for group \(number), but the expression has \(match.output.count - 1)")
          }
          out += match.output[number].substring ?? ""
        }
      }
      position = match.range.upperBound
    }
    return Name(out + text[position...])
  }
}

/// Names for names, from a file: a JSON object `{"old": "new"}`, a plan that `--plan` wrote, or lines `old<TAB>new` (or
/// `old => new`), `#` for comments.
public struct NameMap: Sendable {
  public let targets: [Name: Name]
  /// The file, for messages.
  public let path: String

  public init(contentsOf path: String) throws(CheckpointError) {
    self = try locating(file: path) { () throws(CheckpointError) in
      try NameMap(try InputFile(path).contents(limit: 1 << 30), path: path)
    }
  }

  init(_ bytes: [UInt8], path: String) throws(CheckpointError) {
    self.path = path
    let isJSON = bytes.first { $0 != 0x20 && $0 != 0x0a && $0 != 0x0d && $0 != 0x09 } == UInt8(ascii: "{")
    let pairs = try isJSON ? NameMap.pairs(json: JSONReader.parse(bytes)) : NameMap.pairs(lines: bytes)
    var targets: [Name: Name] = [:]
    for (old, new) in pairs {
      guard targets.updateValue(new, forKey: old) == nil else {
        throw CheckpointError(.corrupt, "the map names it twice").at(variable: old)
      }
    }
    self.targets = targets
  }

  private static func pairs(json: JSONValue) throws(CheckpointError) -> [(Name, Name)] {
    if let steps = json["variables"]?.elements {
      return try steps.map { (step) throws(CheckpointError) in
        guard let old = step["source"]?.name, let new = step["target"]?.name else {
          throw CheckpointError(.corrupt, "a step of the plan lacks its source or target")
        }
        return (old, new)
      }
    }
    return try (json.members ?? []).map { (member) throws(CheckpointError) in
      guard let new = member.value.name else {
        throw CheckpointError(.corrupt, "the map has no name for it").at(variable: Name(bytes: member.key))
      }
      return (Name(bytes: member.key), new)
    }
  }

  private static func pairs(lines bytes: [UInt8]) throws(CheckpointError) -> [(Name, Name)] {
    var pairs: [(Name, Name)] = []
    for (i, line) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
      var line = line
      if line.last == 0x0d { line.removeLast() }
      guard !line.isEmpty, line.first != UInt8(ascii: "#") else { continue }
      if let tab = line.firstIndex(of: 0x09) {
        pairs.append((Name(bytes: line[..<tab]), Name(bytes: line[(tab + 1)...])))
      } else if let text = String(validating: line, as: UTF8.self), let arrow = text.ranges(of: " => ").first {
        pairs.append((Name(String(text[..<arrow.lowerBound])), Name(String(text[arrow.upperBound...]))))
      } else {
        throw CheckpointError(.corrupt, "line \(i + 1) of the map is neither 'old<TAB>new' nor 'old => new'")
      }
    }
    return pairs
  }
}
