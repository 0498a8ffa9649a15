public import CheckpointCore

/// `AttrValue` (attr_value.proto): a value that a node was built with.
public enum AttrValue: Sendable {
  /// `string` is bytes: padding names as well as arbitrary data.
  case string([UInt8])
  case integer(Int)
  case float(Float)
  case bool(Bool)
  /// TensorFlow's number of the dtype; references are 100 higher.
  case type(Int)
  case shape(TensorShape)
  /// A serialised `TensorProto`.
  case tensor(Message)
  /// A function's name and the attributes that it is called with.
  case function(name: String, attributes: [String: Message])
  /// A placeholder inside a function body, to be filled from the caller's attributes.
  case placeholder(String)
  case list(AttrList)

  /// `AttrValue.ListValue`: one of these is filled, or none for an empty list of any kind.
  public struct AttrList: Sendable {
    public var strings: [[UInt8]] = []
    public var integers: [Int] = []
    public var floats: [Float] = []
    public var bools: [Bool] = []
    public var types: [Int] = []
    public var shapes: [TensorShape] = []
    public var tensors: [Message] = []
    public var functions: [String] = []
  }

  /// - Throws: `corrupt` where it holds nothing that a value may be.
  public init(_ message: Message) throws(CheckpointError) {
    var found: AttrValue?
    try message.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 1: found = .list(try AttrValue.list(message.nested(try value.range("AttrValue.list"))))
      case 2: found = .string(Array(message.bytes[try value.range("AttrValue.s")]))
      case 3: found = .integer(try value.integer("AttrValue.i"))
      case 4: found = .float(try value.float("AttrValue.f"))
      case 5: found = .bool(try value.integer("AttrValue.b") != 0)
      case 6: found = .type(try value.integer("AttrValue.type"))
      case 7: found = .shape(try TensorShape(message.nested(try value.range("AttrValue.shape"))))
      case 8: found = .tensor(message.nested(try value.range("AttrValue.tensor")))
      case 9: found = .placeholder(message.text(try value.range("AttrValue.placeholder")))
      case 10:
        let (name, attributes) = try AttrValue.function(message.nested(try value.range("AttrValue.func")))
        found = .function(name: name, attributes: attributes)
      default: break
      }
    }
    guard let found else {
      throw CheckpointError(.corrupt, "an attribute has no value").at(offset: message.range.lowerBound)
    }
    self = found
  }

  /// `NameAttrList`: name 1, attributes 2.
  private static func function(_ message: Message) throws(CheckpointError) -> (String, [String: Message]) {
    var name = ""
    var attributes: [String: Message] = [:]
    try message.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 1: name = message.text(try value.range("NameAttrList.name"))
      case 2:
        let (key, member) = try MapEntry.parse(message.nested(try value.range("NameAttrList.attr")))
        attributes[key] = member
      default: break
      }
    }
    return (name, attributes)
  }

  private static func list(_ message: Message) throws(CheckpointError) -> AttrList {
    var list = AttrList()
    try message.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 2: list.strings.append(Array(message.bytes[try value.range("ListValue.s")]))
      case 3: try message.appendIntegers(value, to: &list.integers)
      case 4: try message.appendFloats(value, to: &list.floats)
      case 5:
        var flags: [Int] = []
        try message.appendIntegers(value, to: &flags)
        list.bools += flags.map { $0 != 0 }
      case 6: try message.appendIntegers(value, to: &list.types)
      case 7: list.shapes.append(try TensorShape(message.nested(try value.range("ListValue.shape"))))
      case 8: list.tensors.append(message.nested(try value.range("ListValue.tensor")))
      case 9: list.functions.append(try AttrValue.function(message.nested(try value.range("ListValue.func"))).0)
      default: break
      }
    }
    return list
  }
}
