public import CheckpointCore

/// `SavedModel` (saved_model.proto): graphs that were exported together, each with its tags.
public enum SavedModel {
  /// The file of a SavedModel folder that has the graph.
  public static let file = "saved_model.pb"

  /// The MetaGraphDef with the tag `serve`, or the only one.
  public static func servingGraph(_ message: Message) throws(CheckpointError) -> MetaGraph {
    var graphs: [Message] = []
    try message.forEachField { (number, value) throws(CheckpointError) in
      if number == 2 { graphs.append(message.nested(try value.range("SavedModel.meta_graphs"))) }
    }
    if graphs.count == 1 { return try MetaGraph(graphs[0]) }
    var tags: [String] = []
    for graph in graphs {
      let meta = try MetaGraph(graph)
      if meta.tags.contains("serve") { return meta }
      tags.append(meta.tags.joined(separator: "+"))
    }
    throw CheckpointError(
      .unsupported, "has \(graphs.count) graphs (\(tags.joined(separator: ", "))), none of which has the tag 'serve'")
  }
}
