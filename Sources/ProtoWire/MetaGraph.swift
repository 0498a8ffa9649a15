public import CheckpointCore

/// `MetaGraphDef` (meta_graph.proto): a graph with the collections, signatures and saver that belong to it; the content of a
/// `.meta` file. Parsed as far as conversion and execution need, each part when asked for.
public struct MetaGraph: Sendable {
  /// The largest file that is read as a graph: a protocol buffer message ends at 2 GiB.
  public static let largestFile = 1 << 31 - 1

  public let graph: GraphDef
  public let saver: SaverDef?
  /// Collections of serialised protos (`bytes_list`) and of node names (`node_list`), each in its order.
  public let collections: [String: [Range<Int>]]
  /// Signatures by key (`signature_def`), serialised.
  public let signatures: [(key: String, message: Message)]
  /// Tags of a SavedModel's MetaGraphDef (`meta_info_def.tags`).
  public let tags: [String]
  public let message: Message

  public init(_ message: Message) throws(CheckpointError) {
    var graphs: [Range<Int>] = []
    var saver: SaverDef?
    var collections: [String: [Range<Int>]] = [:]
    var signatures: [(key: String, message: Message)] = []
    var tags: [String] = []
    try message.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 1:
        let info = message.nested(try value.range("MetaGraphDef.meta_info_def"))
        try info.forEachField { (number, value) throws(CheckpointError) in
          if number == 4 { tags.append(info.text(try value.range("MetaInfoDef.tags"))) }
        }
      case 2: graphs.append(try value.range("MetaGraphDef.graph_def"))
      case 3: saver = try SaverDef(message.nested(try value.range("MetaGraphDef.saver_def")))
      case 4:
        let (key, member) = try MapEntry.parse(message.nested(try value.range("MetaGraphDef.collection_def")))
        collections[key] = try member.map { (m) throws(CheckpointError) in try MetaGraph.collection(m) } ?? []
      case 5:
        let (key, member) = try MapEntry.parse(message.nested(try value.range("MetaGraphDef.signature_def")))
        if let member { signatures.append((key, member)) }
      default: break
      }
    }
    graph = try GraphDef(graphs.map { message.nested($0) })
    self.saver = saver
    self.collections = collections
    self.signatures = signatures
    self.tags = tags
    self.message = message
  }

  /// Opens a `.meta` file.
  public init(contentsOf file: InputFile) throws(CheckpointError) {
    self = try locating(file: file.path) { () throws(CheckpointError) in
      try MetaGraph(Message(try file.contents(limit: MetaGraph.largestFile)))
    }
  }

  private static func collection(_ message: Message) throws(CheckpointError) -> [Range<Int>] {
    var members: [Range<Int>] = []
    try message.forEachField { (number, value) throws(CheckpointError) in
      // node_list = 1 and bytes_list = 2; both hold their members in field 1.
      guard number == 1 || number == 2 else { return }
      try message.nested(try value.range("CollectionDef.kind")).forEachField {
        (number, value) throws(CheckpointError) in
        if number == 1 { members.append(try value.range("CollectionDef.value")) }
      }
    }
    return members
  }

  /// Variables of a collection (`variables`, `trainable_variables`, …) in the order of their creation.
  public func variables(in collection: String) throws(CheckpointError) -> [VariableDef] {
    var list: [VariableDef] = []
    for range in collections[collection] ?? [] { list.append(try VariableDef(message.nested(range))) }
    return list
  }
}

/// `VariableDef` (variable.proto): an entry of a variable collection.
public struct VariableDef: Sendable {
  /// Name of the tensor or handle, such as `Conv/weights:0`.
  public let variableName: String
  public let isResource: Bool
  /// Where this is a slice of a partitioned variable: the name of the whole.
  public let sliceOf: String?

  public init(_ message: Message) throws(CheckpointError) {
    var name = ""
    var isResource = false
    var sliceOf: String?
    try message.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 1: name = message.text(try value.range("VariableDef.variable_name"))
      case 4:
        let info = message.nested(try value.range("VariableDef.save_slice_info_def"))
        try info.forEachField { (number, value) throws(CheckpointError) in
          if number == 1 { sliceOf = info.text(try value.range("SaveSliceInfoDef.full_name")) }
        }
      case 5: isResource = try value.integer("VariableDef.is_resource") != 0
      default: break
      }
    }
    variableName = name
    self.isResource = isResource
    self.sliceOf = sliceOf
  }

  /// Name of the node that is the variable.
  public var node: String { TensorName(variableName).node }
}

/// `SaverDef` (saver.proto): which tensors of the graph save and restore the checkpoint.
public struct SaverDef: Sendable {
  public let filenameTensor: String
  public let saveTensor: String
  public let restoreOperation: String

  init(_ message: Message) throws(CheckpointError) {
    var fields = ["", "", ""]
    try message.forEachField { (number, value) throws(CheckpointError) in
      if number >= 1, number <= 3 { fields[number - 1] = message.text(try value.range("SaverDef")) }
    }
    (filenameTensor, saveTensor, restoreOperation) = (fields[0], fields[1], fields[2])
  }
}

/// An entry of a map field: key 1, value 2.
enum MapEntry {
  static func parse(_ message: Message) throws(CheckpointError) -> (key: String, value: Message?) {
    var key = ""
    var member: Message?
    try message.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 1: key = message.text(try value.range("map key"))
      case 2: member = message.nested(try value.range("map value"))
      default: break
      }
    }
    return (key, member)
  }
}

/// A reference to an output of a node: `name:1`, `name` for the first, `^name` for a control dependency.
public struct TensorName: Sendable, Hashable {
  public let node: String
  public let output: Int
  public let isControl: Bool

  public init(_ text: String) {
    let utf8 = text.utf8
    if utf8.first == UInt8(ascii: "^") {
      (node, output, isControl) = (String(text.dropFirst()), 0, true)
      return
    }
    isControl = false
    if let colon = utf8.lastIndex(of: UInt8(ascii: ":")), let output = Int(text[utf8.index(after: colon)...]),
      output >= 0
    {
      (node, self.output) = (String(text[..<colon]), output)
    } else {
      (node, output) = (text, 0)
    }
  }
}
