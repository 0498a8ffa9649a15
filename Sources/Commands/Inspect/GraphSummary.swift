import CheckpointCore
import FormatRegistry
import GraphRuntime
import ProtoWire
import Verifier

/// What goes into the graph that belongs to a checkpoint, and what comes out of it.
struct GraphSummary {
  /// The graph's file.
  let name: String
  /// Placeholders.
  let inputs: [Tensor]
  /// Tensors that nothing but training reads.
  let outputs: [Tensor]
  let signatures: [Signature]

  /// A tensor of the graph.
  struct Tensor {
    let name: String
    let dtype: DType?
    /// Nil where not even the rank is known, -1 for an unknown size.
    let shape: [Int]?

    /// `x:0 (float32 [?, 28, 28])`
    var text: String {
      var about: [String] = []
      if let dtype { about.append(dtype.rawValue) }
      if let shape { about.append("[" + shape.map { $0 < 0 ? "?" : "\($0)" }.joined(separator: ", ") + "]") }
      let shown = Name(name).description
      return about.isEmpty ? shown : "\(shown) (\(about.joined(separator: " ")))"
    }
  }

  /// - Returns: nil where no graph belongs to the checkpoint.
  init?(of store: VariableStore, _ found: Opening.Found) throws(CheckpointError) {
    let isGraph = ["saved-model", "frozen-graph"].contains(found.format.name)
    guard let path = store.graph?.path ?? (isGraph ? found.path : nil) else { return nil }
    let graph = try GraphLoader.load(path)
    name = splitPath(graph.path).last
    signatures = graph.signatures
    inputs = try graph.placeholders().map { Tensor(name: $0.name + ":0", dtype: $0.dtype, shape: $0.shape) }
    outputs = try graph.outputs().map { Tensor(name: $0.text, dtype: nil, shape: nil) }
  }

  /// `x = x:0 (float32 [?])`, for each of a signature's members.
  static func text(_ members: [Signature.Member]) -> String {
    members.map { member in
      let tensor = Tensor(name: member.tensor, dtype: member.dtype, shape: member.shape)
      return "\(Name(member.name)) = \(tensor.text)"
    }.joined(separator: ", ")
  }
}
