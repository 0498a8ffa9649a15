public import CheckpointCore

/// `GraphDef` (graph.proto): nodes and the functions that they call.
public struct GraphDef: Sendable {
  public let nodes: [NodeDef]
  /// Functions of the library, serialised `FunctionDef`s.
  public let functions: [Message]

  /// - Parameter parts: a field that is there several times is merged, as the encoding demands.
  public init(_ parts: [Message]) throws(CheckpointError) {
    var nodes: [NodeDef] = []
    var functions: [Message] = []
    for part in parts {
      try part.forEachField { (number, value) throws(CheckpointError) in
        switch number {
        case 1: nodes.append(try NodeDef(part.nested(try value.range("GraphDef.node"))))
        case 2:
          let library = part.nested(try value.range("GraphDef.library"))
          try library.forEachField { (number, value) throws(CheckpointError) in
            if number == 1 { functions.append(library.nested(try value.range("FunctionDefLibrary.function"))) }
          }
        default: break
        }
      }
    }
    self.nodes = nodes
    self.functions = functions
  }
}

/// `NodeDef` (node_def.proto). Attributes are decoded when asked for.
public struct NodeDef: Sendable {
  public let name: String
  public let op: String
  /// Data inputs first, then control inputs (`^name`).
  public let inputs: [String]
  private let attributes: [(key: Range<Int>, value: Range<Int>)]
  private let message: Message

  public init(_ message: Message) throws(CheckpointError) {
    var name = ""
    var op = ""
    var inputs: [String] = []
    var attributes: [(key: Range<Int>, value: Range<Int>)] = []
    try message.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 1: name = message.text(try value.range("NodeDef.name"))
      case 2: op = message.text(try value.range("NodeDef.op"))
      case 3: inputs.append(message.text(try value.range("NodeDef.input")))
      case 5:
        var key = 0..<0
        var member = 0..<0
        try message.nested(try value.range("NodeDef.attr")).forEachField { (number, value) throws(CheckpointError) in
          switch number {
          case 1: key = try value.range("NodeDef.attr.key")
          case 2: member = try value.range("NodeDef.attr.value")
          default: break
          }
        }
        attributes.append((key, member))
      default: break
      }
    }
    self.name = name
    self.op = op
    self.inputs = inputs
    self.attributes = attributes
    self.message = message
  }

  /// - Returns: nil where the node does not have the attribute.
  public func attribute(_ key: String) throws(CheckpointError) -> AttrValue? {
    for entry in attributes where message.bytes[entry.key].elementsEqual(key.utf8) {
      return try AttrValue(message.nested(entry.value))
    }
    return nil
  }
}
