/// Writes JSON with keys in the order given, so that equal content is equal bytes.
///
/// An object or array is written on one line where it is made `inline`, else one member a line; compact text has no space at all.
public struct JSONWriter {
  public private(set) var bytes: [UInt8] = []
  private var levels: [Level] = []

  private struct Level {
    let closing: UInt8
    let inline: Bool
    var isEmpty = true
  }

  private let isCompact: Bool

  public init(compact: Bool = false) { isCompact = compact }

  /// An object under a key that need not be text.
  public mutating func object(_ key: Name, _ body: (inout JSONWriter) -> Void) {
    begin(nil)
    quote(key.bytes)
    separate()
    nest(UInt8(ascii: "{"), UInt8(ascii: "}"), inline: false, body)
  }

  public mutating func object(_ key: String? = nil, inline: Bool = false, _ body: (inout JSONWriter) -> Void) {
    begin(key)
    nest(UInt8(ascii: "{"), UInt8(ascii: "}"), inline: inline, body)
  }

  public mutating func array(_ key: String? = nil, inline: Bool = false, _ body: (inout JSONWriter) -> Void) {
    begin(key)
    nest(UInt8(ascii: "["), UInt8(ascii: "]"), inline: inline, body)
  }

  public mutating func value(_ key: String? = nil, _ text: String) {
    begin(key)
    quote(Array(text.utf8))
  }

  public mutating func value(_ key: String? = nil, _ name: Name) {
    begin(key)
    quote(name.bytes)
  }

  /// A name under a key that need not be text either.
  public mutating func value(_ key: Name, _ name: Name) {
    begin(nil)
    quote(key.bytes)
    separate()
    quote(name.bytes)
  }

  public mutating func value(_ key: String? = nil, _ number: Int) {
    begin(key)
    bytes.append(contentsOf: String(number).utf8)
  }

  /// A number that is not finite has no place in JSON and is written as a string.
  public mutating func value(_ key: String? = nil, _ number: Double) {
    begin(key)
    if number.isFinite {
      bytes.append(contentsOf: number.description.utf8)
    } else {
      quote(Array(number.description.utf8))
    }
  }

  /// A number by its text; what is not finite becomes a string.
  public mutating func number(_ key: String? = nil, _ text: String) {
    begin(key)
    let isNumber = text.utf8.allSatisfy { $0 >= 0x30 && $0 < 0x3a || [0x2b, 0x2d, 0x2e, 0x45, 0x65].contains($0) }
    if isNumber { bytes.append(contentsOf: text.utf8) } else { quote(Array(text.utf8)) }
  }

  public mutating func value(_ key: String? = nil, _ flag: Bool) {
    begin(key)
    bytes.append(contentsOf: (flag ? "true" : "false").utf8)
  }

  public mutating func null(_ key: String? = nil) {
    begin(key)
    bytes.append(contentsOf: "null".utf8)
  }

  /// The finished text with a final newline.
  public func finished() -> [UInt8] { bytes + [0x0a] }

  private mutating func nest(_ opening: UInt8, _ closing: UInt8, inline: Bool, _ body: (inout JSONWriter) -> Void) {
    bytes.append(opening)
    levels.append(Level(closing: closing, inline: isCompact || inline || (levels.last?.inline ?? false)))
    body(&self)
    if let level = levels.popLast() {
      if !level.inline, !level.isEmpty { newLine() }
      bytes.append(level.closing)
    }
  }

  private mutating func begin(_ key: String?) {
    if let top = levels.last {
      if !top.isEmpty { bytes.append(UInt8(ascii: ",")) }
      if !top.inline { newLine() } else if !top.isEmpty && !isCompact { bytes.append(0x20) }
      levels[levels.count - 1].isEmpty = false
    }
    if let key {
      quote(Array(key.utf8))
      separate()
    }
  }

  private mutating func separate() {
    bytes.append(UInt8(ascii: ":"))
    if !isCompact { bytes.append(0x20) }
  }

  private mutating func newLine() {
    bytes.append(0x0a)
    for _ in levels { bytes.append(0x20) }
  }

  private mutating func quote(_ text: [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    if text.allSatisfy({ $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
      bytes.append(contentsOf: text)
    } else {
      var out: [UInt8] = []
      Name.forEachPiece(of: text) { scalar, byte in
        switch (scalar?.value, byte) {
        case (0x22, _): out.append(contentsOf: [0x5c, 0x22])
        case (0x5c, _): out.append(contentsOf: [0x5c, 0x5c])
        case (0x0a, _): out.append(contentsOf: [0x5c, UInt8(ascii: "n")])
        case (0x09, _): out.append(contentsOf: [0x5c, UInt8(ascii: "t")])
        case (0x0d, _): out.append(contentsOf: [0x5c, UInt8(ascii: "r")])
        case (let code?, _) where code < 0x20 || (code >= 0x7f && code < 0xa0):
          out.append(contentsOf: JSONWriter.escape(code))
        case (_?, _): if let scalar { out.append(contentsOf: Character(scalar).utf8) }
        case (nil, let byte?): out.append(contentsOf: JSONWriter.escape(0xDC00 + UInt32(byte)))
        case (nil, nil): break
        }
      }
      bytes.append(contentsOf: out)
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private static func escape(_ unit: UInt32) -> [UInt8] {
    let digits = String(unit, radix: 16)
    return Array(("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
  }
}
