import CheckpointCore

/// Text made safe for HTML and XML 1.0.
enum Markup {
  /// Escapes what has a meaning in markup. What XML cannot hold at all, and what would steer the direction of a text, stands as
  /// `\xNN` for each of its bytes, as `Name.description` has it.
  /// - Parameter isAttribute: whether line breaks and tabs are written as references, so that a parser keeps them.
  static func escaped(_ text: String, isAttribute: Bool = false) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "'": out += "&#39;"
      case "\n", "\t":
        if isAttribute { out += "&#\(scalar.value);" } else { out.unicodeScalars.append(scalar) }
      default:
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned:
          for byte in String(scalar).utf8 { out += Name.escaped(byte) }
        default: out.unicodeScalars.append(scalar)
        }
      }
    }
    return out
  }
}
