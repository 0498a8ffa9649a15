import CheckpointCore

/// Fields of a protocol buffer message written as text: `name: value`, one after the other. Strings in single or double
/// quotes with C escapes, neighbours joined; comments from `#` to the end of the line. Messages inside are not expected.
/// Source: the text format specification of protocol buffers.
struct TextProto {
  struct Field {
    let name: String
    /// Where the value is a string.
    let string: [UInt8]?
  }

  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// - Returns: nil at the end.
  mutating func nextField() throws(CheckpointError) -> Field? {
    skipSpace()
    guard next != nil else { return nil }
    let name = word()
    guard !name.isEmpty else { throw bad("a field name") }
    skipSpace()
    guard next == UInt8(ascii: ":") else { throw bad("a colon") }
    position += 1
    skipSpace()
    var field = Field(name: name, string: nil)
    if next == UInt8(ascii: "\"") || next == UInt8(ascii: "'") {
      var value: [UInt8] = []
      while let quote = next, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
        value += try string(quote)
        skipSpace()
      }
      field = Field(name: name, string: value)
    } else {
      guard !word().isEmpty else { throw bad("a value") }
      skipSpace()
    }
    if let byte = next, byte == UInt8(ascii: ",") || byte == UInt8(ascii: ";") { position += 1 }
    return field
  }

  private mutating func skipSpace() {
    while let byte = next {
      if byte == UInt8(ascii: "#") {
        while let byte = next, byte != 0x0a { position += byte == 0x0a ? 0 : 1 }
      } else if byte == 0x20 || (byte >= 0x09 && byte <= 0x0d) {
        position += 1
      } else {
        return
      }
    }
  }

  /// A name, a number or a keyword.
  private mutating func word() -> String {
    let start = position
    while let byte = next, isWordByte(byte) { position += 1 }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "+"):
      true
    default: false
    }
  }

  private mutating func string(_ quote: UInt8) throws(CheckpointError) -> [UInt8] {
    position += 1
    var out: [UInt8] = []
    while let byte = next, byte != 0x0a {
      position += 1
      if byte == quote { return out }
      if byte == UInt8(ascii: "\\") { try escape(into: &out) } else { out.append(byte) }
    }
    throw bad("the end of a string")
  }

  private mutating func escape(into out: inout [UInt8]) throws(CheckpointError) {
    guard let byte = next else { throw bad("an escape") }
    position += 1
    switch byte {
    case UInt8(ascii: "n"): out.append(0x0a)
    case UInt8(ascii: "r"): out.append(0x0d)
    case UInt8(ascii: "t"): out.append(0x09)
    case UInt8(ascii: "a"): out.append(0x07)
    case UInt8(ascii: "b"): out.append(0x08)
    case UInt8(ascii: "f"): out.append(0x0c)
    case UInt8(ascii: "v"): out.append(0x0b)
    case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "?"): out.append(byte)
    case UInt8(ascii: "0")...UInt8(ascii: "7"):
      position -= 1
      out.append(UInt8(truncatingIfNeeded: digits(radix: 8, atMost: 3)))
    case UInt8(ascii: "x"), UInt8(ascii: "X"): out.append(UInt8(truncatingIfNeeded: digits(radix: 16, atMost: 2)))
    case UInt8(ascii: "u"), UInt8(ascii: "U"):
      guard let scalar = Unicode.Scalar(digits(radix: 16, atMost: byte == UInt8(ascii: "u") ? 4 : 8)) else {
        throw bad("a character")
      }
      out.append(contentsOf: Character(scalar).utf8)
    default: throw bad("an escape")
    }
  }

  private mutating func digits(radix: UInt32, atMost count: Int) -> UInt32 {
    var value: UInt32 = 0
    var left = count
    while left > 0, let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, digit < radix {
      value = value << (radix == 8 ? 3 : 4) | UInt32(digit)
      position += 1
      left -= 1
    }
    return value
  }

  private func bad(_ wanted: String) -> CheckpointError {
    CheckpointError(.corrupt, "the state file has something else where \(wanted) should be").at(offset: position)
  }

  static func quote(_ text: String) -> String {
    var out = "\""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): out += "\\" + String(Character(Unicode.Scalar(byte)))
      case 0x20..<0x7f: out += String(Character(Unicode.Scalar(byte)))
      default:
        let octal = String(byte, radix: 8)
        out += "\\" + String(repeating: "0", count: 3 - octal.count) + octal
      }
    }
    return out + "\""
  }
}
