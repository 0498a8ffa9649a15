import CheckpointCore
import ProtoWire

/// `FunctionDef` (function.proto): a body of nodes with named arguments and results.
struct FunctionDef: Sendable {
  let name: String
  /// Arguments and results in order.
  let arguments: [String]
  let results: [String]
  /// The tensor of the body that each result is (`node:output_name:index`, or an argument).
  let returns: [String: String]
  /// Nodes that run for their effects.
  let effects: [String]
  /// Attributes that the body leaves to its caller.
  let attributes: [String]
  let nodes: [NodeDef]

  init(_ message: Message) throws(CheckpointError) {
    var name = ""
    var arguments: [String] = []
    var results: [String] = []
    var attributes: [String] = []
    var nodes: [NodeDef] = []
    var returns: [String: String] = [:]
    var effects: [String] = []
    try message.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 1:
        let signature = message.nested(try value.range("FunctionDef.signature"))
        try signature.forEachField { (number, value) throws(CheckpointError) in
          switch number {
          case 1: name = signature.text(try value.range("OpDef.name"))
          case 2: arguments.append(try FunctionDef.argument(signature.nested(try value.range("OpDef.input_arg"))))
          case 3: results.append(try FunctionDef.argument(signature.nested(try value.range("OpDef.output_arg"))))
          case 4:
            let attribute = signature.nested(try value.range("OpDef.attr"))
            try attribute.forEachField { (number, value) throws(CheckpointError) in
              if number == 1 { attributes.append(attribute.text(try value.range("AttrDef.name"))) }
            }
          default: break
          }
        }
      case 3: nodes.append(try NodeDef(message.nested(try value.range("FunctionDef.node_def"))))
      case 4:
        let (key, member) = try message.nested(try value.range("FunctionDef.ret")).textEntry()
        returns[key] = member
      case 6: effects.append(try message.nested(try value.range("FunctionDef.control_ret")).textEntry().1)
      default: break
      }
    }
    self.name = name
    self.arguments = arguments
    self.results = results
    self.attributes = attributes
    self.returns = returns
    self.effects = effects
    self.nodes = nodes
  }

  /// The name alone, without parsing the body.
  static func name(of message: Message) throws(CheckpointError) -> String {
    var name = ""
    try message.forEachField { (number, value) throws(CheckpointError) in
      guard number == 1 else { return }
      let signature = message.nested(try value.range("FunctionDef.signature"))
      try signature.forEachField { (number, value) throws(CheckpointError) in
        if number == 1 { name = signature.text(try value.range("OpDef.name")) }
      }
    }
    return name
  }

  private static func argument(_ message: Message) throws(CheckpointError) -> String {
    var name = ""
    var isList = false
    try message.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 1: name = message.text(try value.range("ArgDef.name"))
      case 5, 6: isList = try !value.range("ArgDef.number_attr").isEmpty
      default: break
      }
    }
    guard !isList else {
      throw CheckpointError(.unsupported, "a function has the argument '\(name)', which is a list")
    }
    return name
  }
}

extension Message {
  /// A member of a map from text to text.
  func textEntry() throws(CheckpointError) -> (String, String) {
    var key = ""
    var member = ""
    try forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 1: key = text(try value.range("map key"))
      case 2: member = text(try value.range("map value"))
      default: break
      }
    }
    return (key, member)
  }
}
