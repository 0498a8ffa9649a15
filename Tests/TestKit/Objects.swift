import ProtoWire

/// A serialised `TrackableObjectGraph`, as TensorFlow 2 keeps it in its checkpoints.
public struct ObjectGraphBuilder {
  private var writer = WireWriter()

  public init() {}

  /// - Parameters:
  ///   - attributes: name, full name and key of each.
  ///   - slots: node of the variable, the optimizer's word, node of the slot.
  public mutating func node(
    _ attributes: [(name: String, fullName: String, key: String)] = [],
    slots: [(original: Int, name: String, variable: Int)] = []
  ) {
    writer.message(1) { node in
      for attribute in attributes {
        node.message(2) { message in
          message.bytes(1, attribute.name.utf8)
          if !attribute.fullName.isEmpty { message.bytes(2, attribute.fullName.utf8) }
          message.bytes(3, attribute.key.utf8)
        }
      }
      for slot in slots {
        node.message(3) { message in
          message.integer(1, slot.original)
          message.bytes(2, slot.name.utf8)
          message.integer(3, slot.variable)
        }
      }
    }
  }

  /// A node that is a variable.
  public mutating func variable(_ path: String, _ fullName: String) {
    node([("VARIABLE_VALUE", fullName, ObjectGraphBuilder.key(path))])
  }

  /// The key of a variable.
  public static func key(_ path: String) -> String { path + "/.ATTRIBUTES/VARIABLE_VALUE" }

  public var graph: [UInt8] { writer.bytes }
}
