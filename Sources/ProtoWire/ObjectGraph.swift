public import CheckpointCore

/// `TrackableObjectGraph` (trackable_object_graph.proto): which object of a TensorFlow 2 program each key of its checkpoint
/// belongs to. Read as far as names go; whoever writes an object graph carries the bytes of one that TensorFlow wrote.
public struct ObjectGraph: Sendable {
  /// The variable of a checkpoint that holds the graph: one string.
  public static let key: Name = "_CHECKPOINTABLE_OBJECT_GRAPH"
  /// What a variable's value is called among the attributes of its object.
  public static let variableValue = "VARIABLE_VALUE"

  /// Something that an object saves under a key of its own.
  public struct Attribute: Sendable {
    /// `VARIABLE_VALUE` for a variable.
    public let name: String
    /// The name of the variable in a name-based checkpoint; empty where TensorFlow knew none.
    public let fullName: Name
    public let key: Name
    /// Where the object is a slot: of which optimizer and variable.
    public let slot: Slot?

    public var isVariable: Bool { name == ObjectGraph.variableValue }
  }

  /// A slot variable as its optimizer lists it.
  public struct Slot: Sendable {
    /// Number of the optimizer's node.
    public let optimizer: Int
    /// The optimizer's own word, such as `m`.
    public let name: String
    /// Full name of the variable that the optimizer trains; empty where it has none.
    public let original: Name
  }

  /// In the order of the nodes, each key once.
  public let attributes: [Attribute]

  /// - Throws: `corrupt` where a slot refers to a node that is not there.
  public init(_ message: Message) throws(CheckpointError) {
    var nodes: [Node] = []
    try message.forEachField { (number, value) throws(CheckpointError) in
      if number == 1 { nodes.append(try Node(message.nested(try value.range("TrackableObjectGraph.nodes")))) }
    }
    var slots: [Int: Slot] = [:]
    for (optimizer, node) in nodes.enumerated() {
      for slot in node.slots {
        guard nodes.indices.contains(slot.original), nodes.indices.contains(slot.variable) else {
          throw CheckpointError(.corrupt, "the object graph has \(nodes.count) nodes, and a slot refers to another")
        }
        let original = nodes[slot.original].attributes.first { $0.name == ObjectGraph.variableValue }
        slots[slot.variable] = Slot(optimizer: optimizer, name: slot.name, original: original?.fullName ?? "")
      }
    }
    var seen: Set<Name> = []
    var attributes: [Attribute] = []
    for (i, node) in nodes.enumerated() {
      for attribute in node.attributes where seen.insert(attribute.key).inserted {
        attributes.append(
          Attribute(name: attribute.name, fullName: attribute.fullName, key: attribute.key, slot: slots[i]))
      }
    }
    self.attributes = attributes
  }

  /// The object graph of a checkpoint, or nil where it has none.
  public init?(of store: VariableStore) throws(CheckpointError) {
    guard let tensor = store[ObjectGraph.key]?.tensor, tensor.dtype == .string, tensor.shape.elementCount == 1 else {
      return nil
    }
    // The string's length takes 8 bytes.
    self = try locating(file: tensor.storage.path, variable: ObjectGraph.key) { () throws(CheckpointError) in
      try ObjectGraph(Message(Array(try tensor.bytes().dropFirst(8))))
    }
  }

  /// `TrackableObject`: attributes 2, slot_variables 3.
  private struct Node {
    var attributes: [(name: String, fullName: Name, key: Name)] = []
    var slots: [(original: Int, name: String, variable: Int)] = []

    init(_ message: Message) throws(CheckpointError) {
      try message.forEachField { (number, value) throws(CheckpointError) in
        switch number {
        case 2:
          attributes.append(try Node.attribute(message.nested(try value.range("TrackableObject.attributes"))))
        case 3: slots.append(try Node.slot(message.nested(try value.range("TrackableObject.slot_variables"))))
        default: break
        }
      }
    }

    /// `SerializedTensor`: name 1, full_name 2, checkpoint_key 3.
    private static func attribute(
      _ message: Message
    ) throws(CheckpointError) -> (name: String, fullName: Name, key: Name) {
      var fields = [0..<0, 0..<0, 0..<0]
      try message.forEachField { (number, value) throws(CheckpointError) in
        if number >= 1, number <= 3 { fields[number - 1] = try value.range("SerializedTensor") }
      }
      return (
        message.text(fields[0]), Name(bytes: message.bytes[fields[1]]), Name(bytes: message.bytes[fields[2]])
      )
    }

    /// `SlotVariableReference`: original_variable_node_id 1, slot_name 2, slot_variable_node_id 3.
    private static func slot(
      _ message: Message
    ) throws(CheckpointError) -> (original: Int, name: String, variable: Int) {
      var slot = (original: 0, name: "", variable: 0)
      try message.forEachField { (number, value) throws(CheckpointError) in
        switch number {
        case 1: slot.original = try value.integer("SlotVariableReference.original_variable_node_id")
        case 2: slot.name = message.text(try value.range("SlotVariableReference.slot_name"))
        case 3: slot.variable = try value.integer("SlotVariableReference.slot_variable_node_id")
        default: break
        }
      }
      return slot
    }
  }
}
