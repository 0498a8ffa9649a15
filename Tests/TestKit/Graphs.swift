import ProtoWire

/// A serialised graph of a few nodes, as TensorFlow writes it.
public struct GraphBuilder {
  private var writer = WireWriter()
  private var collections: [(name: String, members: [[UInt8]])] = []

  /// Scope of the saver that the graph names as its own.
  public var ownSaver: String?

  public init() {}

  /// - Parameter attributes: names with serialised `AttrValue`s.
  public mutating func node(
    _ name: String, _ op: String, _ inputs: [String] = [], _ attributes: KeyValuePairs<String, [UInt8]> = [:]
  ) {
    writer.message(1) { node in
      node.bytes(1, name.utf8)
      node.bytes(2, op.utf8)
      for input in inputs { node.bytes(3, input.utf8) }
      for (key, value) in attributes {
        node.message(5) { entry in
          entry.bytes(1, key.utf8)
          entry.bytes(2, value)
        }
      }
    }
  }

  /// A variable of float32, with the node that reads it.
  public mutating func variable(_ name: String, _ dimensions: [Int], op: String = "VariableV2") {
    node(name, op, [], ["dtype": GraphBuilder.type(1), "shape": GraphBuilder.shape(dimensions)])
    node(name + "/read", op == "VariableV2" ? "Identity" : "ReadVariableOp", [name])
  }

  /// A constant of strings.
  public mutating func strings(_ name: String, _ elements: [[UInt8]]) {
    var tensor = WireWriter()
    tensor.integer(1, 7)
    tensor.message(2) { shape in shape.message(2) { $0.integer(1, elements.count) } }
    for element in elements { tensor.bytes(8, element) }
    var value = WireWriter()
    value.bytes(8, tensor.bytes)
    node(name, "Const", [], ["value": value.bytes])
  }

  /// A saver: keys and the variables that they keep.
  public mutating func saver(_ scope: String, _ keys: KeyValuePairs<String, String>, slices: [String]? = nil) {
    node(scope + "/Const", "Const")
    for half in ["SaveV2", "RestoreV2"] {
      strings("\(scope)/\(half)/tensor_names", keys.map { Array($0.key.utf8) })
      strings("\(scope)/\(half)/shape_and_slices", (slices ?? keys.map { _ in "" }).map { Array($0.utf8) })
    }
    let operands = [scope + "/Const", scope + "/SaveV2/tensor_names", scope + "/SaveV2/shape_and_slices"]
    node(scope + "/SaveV2", "SaveV2", operands + keys.map(\.value) + ["^" + scope + "/Const"])
    node(
      scope + "/RestoreV2", "RestoreV2",
      [scope + "/Const", scope + "/RestoreV2/tensor_names", scope + "/RestoreV2/shape_and_slices"])
    for (i, entry) in keys.enumerated() {
      node("\(scope)/Assign_\(i)", "Assign", [entry.value, i == 0 ? scope + "/RestoreV2" : "\(scope)/RestoreV2:\(i)"])
    }
  }

  /// A collection of variables, in order.
  public mutating func collection(_ name: String, _ variables: [String], sliceOf: String? = nil) {
    collections.append(
      (
        name,
        variables.map { variable in
          var definition = WireWriter()
          definition.bytes(1, (variable + ":0").utf8)
          if let sliceOf { definition.message(4) { $0.bytes(1, sliceOf.utf8) } }
          return definition.bytes
        }
      ))
  }

  /// `GraphDef`
  public var graph: [UInt8] { writer.bytes }

  /// `MetaGraphDef`
  public var metaGraph: [UInt8] {
    var meta = WireWriter()
    meta.message(1) { $0.bytes(4, "train".utf8) }
    meta.bytes(2, graph)
    if let ownSaver {
      meta.message(3) { saver in
        saver.bytes(1, "\(ownSaver)/Const:0".utf8)
        saver.bytes(2, "\(ownSaver)/control_dependency:0".utf8)
        saver.bytes(3, "\(ownSaver)/restore_all".utf8)
      }
    }
    for collection in collections {
      meta.message(4) { entry in
        entry.bytes(1, collection.name.utf8)
        entry.message(2) { definition in
          definition.message(2) { list in for member in collection.members { list.bytes(1, member) } }
        }
      }
    }
    return meta.bytes
  }

  public static func type(_ number: Int) -> [UInt8] {
    var value = WireWriter()
    value.integer(6, number)
    return value.bytes
  }

  public static func shape(_ dimensions: [Int]) -> [UInt8] {
    var value = WireWriter()
    value.message(7) { shape in for size in dimensions { shape.message(2) { $0.integer(1, size) } } }
    return value.bytes
  }
}
