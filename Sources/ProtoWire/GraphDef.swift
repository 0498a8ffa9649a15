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

/// `NodeDef` (node_def.proto). Inputs and attributes are decoded when asked for: of a training graph's nodes, most are never
/// looked at.
public struct NodeDef: Sendable {
  public let name: String
  public let op: String
  private let message: Message

  /// - Throws: `corrupt` where the fields run past the end, or name, op and inputs are no texts.
  public init(_ message: Message) throws(CheckpointError) {
    var name = 0..<0
    var op = 0..<0
    try message.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 1: name = try value.range("NodeDef.name")
      case 2: op = try value.range("NodeDef.op")
      case 3: _ = try value.range("NodeDef.input")
      case 5: _ = try value.range("NodeDef.attr")
      default: break
      }
    }
    self.name = message.text(name)
    self.op = message.text(op)
    self.message = message
  }

  /// Whether bytes begin as the name of an op does, which tells a node from other messages.
  public static func isOp(_ name: some Collection<UInt8>) -> Bool {
    guard let first = name.first else { return false }
    return first == UInt8(ascii: "_") || first >= UInt8(ascii: "A") && first <= UInt8(ascii: "z")
  }

  /// Data inputs first, then control inputs (`^name`).
  public var inputs: [String] {
    var inputs: [String] = []
    do {
      try message.forEachField { (number, value) throws(CheckpointError) in
        if number == 3 { inputs.append(message.text(try value.range("NodeDef.input"))) }
      }
    } catch {
      // Checked by `init`.
    }
    return inputs
  }

  /// - Returns: nil where the node does not have the attribute.
  public func attribute(_ key: String) throws(CheckpointError) -> AttrValue? {
    var found: Range<Int>?
    try message.forEachField { (number, value) throws(CheckpointError) in
      guard number == 5, found == nil else { return }
      var isWanted = false
      var member = 0..<0
      try message.nested(try value.range("NodeDef.attr")).forEachField { (number, value) throws(CheckpointError) in
        switch number {
        case 1: isWanted = message.bytes[try value.range("NodeDef.attr.key")].elementsEqual(key.utf8)
        case 2: member = try value.range("NodeDef.attr.value")
        default: break
        }
      }
      if isWanted { found = member }
    }
    return try found.map { (range) throws(CheckpointError) in try AttrValue(message.nested(range)) }
  }
}
