/// A value of JSON as a manifest or header holds it: keys in their order, strings as bytes.
///
/// Strings are bytes because names need not be text. A byte that is part of no UTF-8 sequence stands in JSON as the lone
/// surrogate U+DC80 … U+DCFF (`\udc80`), as Python's `surrogateescape` has it, so that every name survives.
public enum JSONValue: Sendable {
  case null
  case bool(Bool)
  case integer(Int)
  /// A number that is no 64-bit integer, as its text.
  case number(String)
  case string([UInt8])
  case array([JSONValue])
  case object([(key: [UInt8], value: JSONValue)])

  /// The value of a key, nil where this is no object or has no such key.
  public subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key.elementsEqual(key.utf8) }?.value
  }

  public var text: String? {
    guard case .string(let bytes) = self else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }

  public var name: Name? {
    guard case .string(let bytes) = self else { return nil }
    return Name(bytes: bytes)
  }

  public var integer: Int? {
    guard case .integer(let value) = self else { return nil }
    return value
  }

  public var elements: [JSONValue]? {
    guard case .array(let elements) = self else { return nil }
    return elements
  }

  public var members: [(key: [UInt8], value: JSONValue)]? {
    guard case .object(let members) = self else { return nil }
    return members
  }
}
