/// Parses JSON (RFC 8259) from a file that is not trusted: depth is bounded, a key may not be there twice, nothing may
/// follow the value, and every error has its byte.
public struct JSONReader {
  private static let deepest = 64
  private let bytes: [UInt8]
  private var position = 0

  private init(_ bytes: [UInt8], from position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  public static func parse(_ bytes: [UInt8]) throws(CheckpointError) -> JSONValue {
    var reader = JSONReader(bytes)
    let value = try reader.value(depth: 0)
    try reader.expectEnd()
    return value
  }

  /// Parses one object and hands over its members as they come, so that a large one need not be in memory as values.
  /// - Parameter start: where it begins; offsets in errors count from the first byte.
  public static func forEachMember(
    of bytes: [UInt8], from start: Int = 0, _ body: (_ key: [UInt8], _ value: JSONValue) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    var reader = JSONReader(bytes, from: start)
    reader.skipSpace()
    guard reader.next == UInt8(ascii: "{") else { throw reader.unexpected("an object") }
    try reader.members(depth: 0, body)
    try reader.expectEnd()
  }

  private mutating func expectEnd() throws(CheckpointError) {
    skipSpace()
    guard position == bytes.count else { throw unexpected("the end") }
  }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
  }

  private mutating func value(depth: Int) throws(CheckpointError) -> JSONValue {
    guard depth < JSONReader.deepest else {
      throw CheckpointError(.corrupt, "JSON nested too deep").at(offset: position)
    }
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func object(depth: Int) throws(CheckpointError) -> JSONValue {
    var members: [(key: [UInt8], value: JSONValue)] = []
    try self.members(depth: depth) { (key, value) throws(CheckpointError) in members.append((key, value)) }
    return .object(members)
  }

  private mutating func members(
    depth: Int, _ body: ([UInt8], JSONValue) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    // Most objects have few keys; a set would cost more than it saves.
    var few: [[UInt8]] = []
    var many: Set<[UInt8]> = []
    try list(until: UInt8(ascii: "}")) { reader throws(CheckpointError) in
      reader.skipSpace()
      let start = reader.position
      let key = try reader.string()
      let isNew = !few.contains(key) && (few.count < 16 || many.insert(key).inserted)
      if few.count < 16 { few.append(key) }
      guard isNew else {
        throw CheckpointError(.corrupt, "the JSON key \"\(Name.printable(key))\" is there twice").at(offset: start)
      }
      reader.skipSpace()
      try reader.expect(UInt8(ascii: ":"))
      try body(key, try reader.value(depth: depth + 1))
    }
  }

  private mutating func array(depth: Int) throws(CheckpointError) -> JSONValue {
    var elements: [JSONValue] = []
    try list(until: UInt8(ascii: "]")) { reader throws(CheckpointError) in
      elements.append(try reader.value(depth: depth + 1))
    }
    return .array(elements)
  }

  private mutating func list(
    until end: UInt8, _ element: (inout JSONReader) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    position += 1
    skipSpace()
    if next == end {
      position += 1
      return
    }
    while true {
      try element(&self)
      skipSpace()
      if next == end {
        position += 1
        return
      }
      try expect(UInt8(ascii: ","))
    }
  }

  private mutating func word(_ word: StaticString, _ value: JSONValue) throws(CheckpointError) -> JSONValue {
    for byte in word.description.utf8 { try expect(byte) }
    return value
  }

  private mutating func expect(_ byte: UInt8) throws(CheckpointError) {
    guard next == byte else { throw unexpected("'\(Character(Unicode.Scalar(byte)))'") }
    position += 1
  }

  private mutating func number() throws(CheckpointError) -> JSONValue {
    let start = position
    if next == UInt8(ascii: "-") { position += 1 }
    let whole = try digits()
    guard whole == 1 || bytes[position - whole] != UInt8(ascii: "0") else {
      throw unexpected("a number without leading zeros")
    }
    if next == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      position += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    // An integer has no zero below zero.
    return text == "-0" ? .number(text) : Int(text).map { .integer($0) } ?? .number(text)
  }

  @discardableResult
  private mutating func digits() throws(CheckpointError) -> Int {
    let start = position
    while let byte = next, byte >= 0x30, byte < 0x3a { position += 1 }
    guard position > start else { throw unexpected("a value") }
    return position - start
  }

  private mutating func string() throws(CheckpointError) -> [UInt8] {
    try expect(UInt8(ascii: "\""))
    let start = position
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
    var out = Array(bytes[start..<position])
    while let byte = next {
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return out
      case UInt8(ascii: "\\"): try escape(into: &out)
      case 0..<0x20:
        throw CheckpointError(.corrupt, "a control character stands bare in a JSON string").at(offset: position - 1)
      default: out.append(byte)
      }
    }
    throw unexpected("the end of a string")
  }

  private mutating func escape(into out: inout [UInt8]) throws(CheckpointError) {
    guard let byte = next else { throw unexpected("an escape") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
    case UInt8(ascii: "b"): out.append(0x08)
    case UInt8(ascii: "f"): out.append(0x0c)
    case UInt8(ascii: "n"): out.append(0x0a)
    case UInt8(ascii: "r"): out.append(0x0d)
    case UInt8(ascii: "t"): out.append(0x09)
    case UInt8(ascii: "u"):
      let unit = try hexadecimal()
      switch unit {
      case 0xDC80...0xDCFF: out.append(UInt8(unit - 0xDC00))
      case 0xD800...0xDBFF:
        try expect(UInt8(ascii: "\\"))
        try expect(UInt8(ascii: "u"))
        let low = try hexadecimal()
        guard low >= 0xDC00, low <= 0xDFFF,
          let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
        else {
          throw unexpected("the second half of a surrogate pair")
        }
        out.append(contentsOf: Character(scalar).utf8)
      default:
        guard let scalar = Unicode.Scalar(unit) else { throw unexpected("a character") }
        out.append(contentsOf: Character(scalar).utf8)
      }
    default: throw unexpected("an escape")
    }
  }

  private mutating func hexadecimal() throws(CheckpointError) -> UInt32 {
    guard position + 4 <= bytes.count,
      let value = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16),
      bytes[position] != UInt8(ascii: "+"), bytes[position] != UInt8(ascii: "-")
    else { throw unexpected("four hexadecimal digits") }
    position += 4
    return value
  }

  private func unexpected(_ wanted: String) -> CheckpointError {
    CheckpointError(
      .corrupt,
      position < bytes.count
        ? "JSON has something else where \(wanted) should be" : "JSON ends where \(wanted) should be"
    )
    .at(offset: position)
  }
}
