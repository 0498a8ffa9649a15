/// The name of a variable: bytes as the file had them, which need not be text. Ordered bytewise, as TensorFlow orders its keys.
public struct Name: Sendable, Hashable, Comparable {
  public let bytes: [UInt8]

  public init(bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
  public init(_ text: String) { bytes = Array(text.utf8) }

  public static func < (a: Name, b: Name) -> Bool {
    let count = min(a.bytes.count, b.bytes.count)
    for i in 0..<count where a.bytes[i] != b.bytes[i] { return a.bytes[i] < b.bytes[i] }
    return a.bytes.count < b.bytes.count
  }

  /// The name as text, or nil where it is not UTF-8.
  public var text: String? { String(validating: bytes, as: UTF8.self) }

  public func hasPrefix(_ prefix: String) -> Bool { bytes.starts(with: prefix.utf8) }
  public func hasSuffix(_ suffix: String) -> Bool { bytes.reversed().starts(with: suffix.utf8.reversed()) }
}

extension Name: ExpressibleByStringLiteral {
  public init(stringLiteral value: String) { self.init(value) }
}

extension Name: CustomStringConvertible {
  /// The name for a person's eyes: control characters and bytes that are not UTF-8 as `\xNN`, a backslash doubled, so that
  /// no file can steer a terminal.
  public var description: String { Name.printable(bytes) }

  /// `bytes` as text that is safe to print.
  public static func printable(_ bytes: [UInt8]) -> String {
    if bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") }) {
      return String(decoding: bytes, as: UTF8.self)
    }
    var out = ""
    forEachPiece(of: bytes) { scalar, byte in
      if let byte {
        out += escaped(byte)
      } else if let scalar {
        if steers(scalar) {
          for unit in String(scalar).utf8 { out += escaped(unit) }
        } else {
          if scalar == "\\" { out += "\\\\" } else { out.unicodeScalars.append(scalar) }
        }
      }
    }
    return out
  }

  /// Whether a terminal, or a reader's eye, may be led by it: control characters, directions, separators of lines.
  package static func steers(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
    default: false
    }
  }

  /// `\xNN`
  package static func escaped(_ byte: UInt8) -> String {
    let digits = Array("0123456789abcdef")
    return "\\x" + String(digits[Int(byte >> 4)]) + String(digits[Int(byte & 15)])
  }

  /// Walks `bytes` as UTF-8: each valid scalar, or each byte that is part of none.
  public static func forEachPiece(of bytes: [UInt8], _ body: (Unicode.Scalar?, UInt8?) -> Void) {
    var i = 0
    while i < bytes.count {
      let length = min(bytes.count - i, scalarLength(bytes[i]))
      if length > 0, let text = String(validating: bytes[i..<i + length], as: UTF8.self),
        let scalar = text.unicodeScalars.first
      {
        body(scalar, nil)
        i += length
      } else {
        body(nil, bytes[i])
        i += 1
      }
    }
  }

  private static func scalarLength(_ lead: UInt8) -> Int {
    switch lead {
    case 0..<0x80: 1
    case 0xC2..<0xE0: 2
    case 0xE0..<0xF0: 3
    case 0xF0..<0xF5: 4
    default: 0
    }
  }
}
