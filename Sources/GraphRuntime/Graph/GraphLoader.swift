package import CheckpointCore
package import ProtoWire

/// Opens files that hold a graph.
package enum GraphLoader {
  /// Opens a `.meta` file, a SavedModel folder or its `saved_model.pb`, or a frozen GraphDef; which one, its content says.
  /// - Throws: `corrupt` where it is none of them.
  package static func load(_ path: String) throws(CheckpointError) -> Graph {
    var name = path
    let file: InputFile
    do {
      file = try InputFile(path)
    } catch {
      // A folder: its graph has a fixed name.
      let inside = path + (path.hasSuffix("/") ? "" : "/") + SavedModel.file
      guard let graph = try? InputFile(inside) else { throw error }
      name = inside
      file = graph
    }
    return try locating(file: name) { () throws(CheckpointError) in
      try load(Message(try file.contents(limit: MetaGraph.largestFile)), path: name)
    }
  }

  /// - Parameter path: for messages and reports.
  package static func load(_ message: Message, path: String) throws(CheckpointError) -> Graph {
    switch try kind(of: message) {
    case .savedModel:
      let meta = try SavedModel.servingGraph(message)
      return try Graph(meta.graph, kind: .savedModel, path: path, meta: meta)
    case .metaGraph:
      let meta = try MetaGraph(message)
      return try Graph(meta.graph, kind: .metaGraph, path: path, meta: meta)
    case .frozen:
      return try Graph(try GraphDef([message]), kind: .frozen, path: path)
    }
  }

  /// SavedModel: schema version 1 (a number), MetaGraphDefs 2. MetaGraphDef: information 1 (at most once), graph 2. GraphDef: nodes
  /// 1, library 2.
  private static func kind(of message: Message) throws(CheckpointError) -> Graph.Kind {
    var firstFields: [Range<Int>] = []
    var hasSecond = false
    var hasSchema = false
    do {
      try message.forEachField { (number, value) throws(CheckpointError) in
        switch (number, value) {
        case (1, .varint): hasSchema = true
        case (1, .bytes(let range)): if firstFields.count < 2 { firstFields.append(range) }
        case (2, .bytes): hasSecond = true
        default: break
        }
      }
    } catch {
      throw CheckpointError(.corrupt, "holds no graph: \(error.message)").at(offset: error.offset)
    }
    if hasSchema, firstFields.isEmpty, hasSecond { return .savedModel }
    if firstFields.count > 1 { return .frozen }
    if let only = firstFields.first, try isNode(message.nested(only)) { return .frozen }
    guard hasSecond else { throw CheckpointError(.corrupt, "holds no graph") }
    return .metaGraph
  }

  /// Whether a message is a NodeDef: field 2 is the name of an op.
  private static func isNode(_ message: Message) throws(CheckpointError) -> Bool {
    var isNode = false
    try message.forEachField { (number, value) throws(CheckpointError) in
      guard number == 2, case .bytes(let range) = value, !range.isEmpty else { return }
      isNode = NodeDef.isOp(message.bytes[range])
    }
    return isNode
  }
}
