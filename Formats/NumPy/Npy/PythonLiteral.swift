import CheckpointCore

/// The few Python literals that an npy header is made of: a dictionary of strings, tuples, lists, integers and truth values.
/// Nothing is evaluated: what is not one of these is an error.
struct PythonLiteral {
  indirect enum Value {
    case text(String)
    case integer(Int)
    case float
    case bool(Bool)
    case none
    case tuple([Value])
    case list([Value])
    case dictionary([(key: String, value: Value)])
  }

  private static let deepest = 8
  private let bytes: [UInt8]
  private let takesLongIntegers: Bool
  private var position = 0
  private(set) var warnings: [String] = []

  /// - Parameter takesLongIntegers: whether numbers may end with `L`, as those of Python 2 do.
  init(_ bytes: [UInt8], takesLongIntegers: Bool = false) {
    (self.bytes, self.takesLongIntegers) = (bytes, takesLongIntegers)
  }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// The one value that the bytes hold, with space around it.
  mutating func wholeValue() throws(CheckpointError) -> Value {
    let value = try value(depth: 0)
    skipSpace()
    if next == UInt8(ascii: "#") {
      warnings.append("the header ends with a comment")
      position = bytes.count
    }
    guard next == nil else { throw bad() }
    if bytes.last != 0x0a { warnings.append("the header does not end with a new line") }
    return value
  }

  private mutating func skipSpace() {
    // Python's own: a vertical tab is none of them.
    while let byte = next, [0x20, 0x09, 0x0a, 0x0c, 0x0d].contains(byte) { position += 1 }
  }

  private mutating func value(depth: Int) throws(CheckpointError) -> Value {
    guard depth < PythonLiteral.deepest else { throw CheckpointError(.corrupt, "the header is nested too deep") }
    skipSpace()
    switch next {
    case UInt8(ascii: "'"), UInt8(ascii: "\""): return .text(try text())
    case UInt8(ascii: "{"): return try dictionary(depth: depth)
    case UInt8(ascii: "("):
      let (elements, hadComma) = try sequence(until: UInt8(ascii: ")"), depth: depth)
      // One value in parentheses without a comma is that value.
      return elements.count == 1 && !hadComma ? elements[0] : .tuple(elements)
    case UInt8(ascii: "["): return .list(try sequence(until: UInt8(ascii: "]"), depth: depth).elements)
    case UInt8(ascii: "-")?, (UInt8(ascii: "0")...UInt8(ascii: "9"))?: return try number()
    default:
      for (word, value) in [("True", Value.bool(true)), ("False", .bool(false)), ("None", .none)]
      where bytes[position...].starts(with: word.utf8) {
        position += word.utf8.count
        return value
      }
      throw bad()
    }
  }

  private mutating func dictionary(depth: Int) throws(CheckpointError) -> Value {
    position += 1
    var members: [(key: String, value: Value)] = []
    while true {
      skipSpace()
      if next == UInt8(ascii: "}") { break }
      guard case .text(let key) = try value(depth: depth + 1) else { throw bad() }
      skipSpace()
      guard next == UInt8(ascii: ":") else { throw bad() }
      position += 1
      members.append((key, try value(depth: depth + 1)))
      skipSpace()
      guard next == UInt8(ascii: ",") else { break }
      position += 1
    }
    guard next == UInt8(ascii: "}") else { throw bad() }
    position += 1
    return .dictionary(members)
  }

  private mutating func sequence(until end: UInt8, depth: Int) throws(CheckpointError) -> (
    elements: [Value], hadComma: Bool
  ) {
    position += 1
    var elements: [Value] = []
    var hadComma = false
    while true {
      skipSpace()
      if next == end { break }
      elements.append(try value(depth: depth + 1))
      skipSpace()
      guard next == UInt8(ascii: ",") else { break }
      hadComma = true
      position += 1
    }
    guard next == end else { throw bad() }
    position += 1
    return (elements, hadComma)
  }

  private mutating func number() throws(CheckpointError) -> Value {
    let start = position
    if next == UInt8(ascii: "-") { position += 1 }
    let digits = position
    while let byte = next, byte >= 0x30, byte < 0x3a { position += 1 }
    guard position > digits else { throw bad() }
    if next == UInt8(ascii: ".") || next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      while let byte = next, (byte >= 0x30 && byte < 0x3a) || [0x2e, 0x65, 0x45, 0x2b, 0x2d].contains(byte) {
        position += 1
      }
      return .float
    }
    // Python 2 took such a number for an octal one.
    guard bytes[digits] != 0x30 || bytes[digits..<position].allSatisfy({ $0 == 0x30 }) else { throw bad() }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if takesLongIntegers, next == UInt8(ascii: "L") { position += 1 }
    guard let value = Int(text) else {
      throw CheckpointError(.corrupt, "the number \(text.prefix(30)) in the header is too large")
    }
    return .integer(value)
  }

  private mutating func text() throws(CheckpointError) -> String {
    let quote = next
    position += 1
    let start = position
    while let byte = next, byte != quote {
      // No key and no element type needs an escape.
      guard byte != UInt8(ascii: "\\"), byte >= 0x20 else { throw bad() }
      position += 1
    }
    guard next == quote, let text = String(validating: bytes[start..<position], as: UTF8.self) else { throw bad() }
    position += 1
    return text
  }

  private func bad() -> CheckpointError {
    CheckpointError(.corrupt, "the header is not a plain Python literal, from character \(position) on")
  }
}
