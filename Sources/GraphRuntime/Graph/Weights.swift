package import CheckpointCore
import ProtoWire

/// The variables of a checkpoint as a graph reads them: each is read once, when a run first needs it, and stays for the
/// runs that follow. The checkpoint itself is never changed.
package final class Weights: @unchecked Sendable {
  package let store: VariableStore
  /// Variables that were cast to the dtype that the graph has, in the order in which they were read.
  package private(set) var casts: [Cast] = []
  private let keys: VariableKeys
  private let allowsCasts: Bool
  private var values: [String: Value] = [:]

  /// A variable that has another dtype in the graph than in the checkpoint.
  package struct Cast: Sendable {
    package let variable: Name
    package let from: DType
    package let to: DType
    package let loss: CastStorage.Loss
  }

  /// - Parameters:
  ///   - graph: the graph that reads them; its savers say which key belongs to which variable.
  ///   - allowsCasts: whether numbers of another dtype than the graph's are cast; `casts` tells of it.
  package init(_ store: VariableStore, for graph: Graph, allowsCasts: Bool = false) {
    self.store = store
    self.allowsCasts = allowsCasts
    keys = VariableKeys(graph, store)
  }

  /// - Throws: `notFound` where the checkpoint has no key for the variable, `corrupt` where dtype or shape differ.
  func value(of spec: VariableSpec, _ budget: MemoryBudget) throws(CheckpointError) -> Value {
    if let known = values[spec.node] { return known }
    guard let found = try keys.find(spec) else { throw missing(spec) }
    let value = try locating(variable: found.variable.name) { () throws(CheckpointError) in
      try read(found, spec, budget)
    }
    values[spec.node] = value
    return value
  }

  /// The key that a variable of the graph is read from, or nil where the checkpoint has none.
  package func key(ofVariable node: String) throws(CheckpointError) -> Name? {
    try keys.find(VariableSpec(node: node, sharedName: "", dtype: nil, shape: nil))?.variable.name
  }

  private func read(
    _ found: VariableKeys.Found, _ spec: VariableSpec, _ budget: MemoryBudget
  ) throws(CheckpointError) -> Value {
    var tensor = found.variable.tensor
    if let dtype = spec.dtype, dtype != tensor.dtype, allowsCasts, dtype.isCastable, tensor.dtype.isCastable {
      let cast = try CastStorage(tensor, to: dtype)
      casts.append(Cast(variable: found.variable.name, from: tensor.dtype, to: dtype, loss: try cast.loss()))
      tensor = try Tensor(dtype: dtype, shape: tensor.shape, storage: cast)
    }
    if let dtype = spec.dtype, dtype != tensor.dtype {
      throw CheckpointError(
        .corrupt,
        "is \(tensor.dtype.rawValue) in the checkpoint, but \(dtype.rawValue) in the graph ('\(Name(spec.node))')")
    }
    let shape =
      try found.slice.map { (slice) throws(CheckpointError) in try slice.shape(of: tensor.shape) } ?? tensor.shape
    if let wanted = spec.shape, !shape.matches(wanted) {
      let text = Placeholder(name: "", dtype: nil, shape: wanted, hasDefault: false).sizes
      throw CheckpointError(
        .corrupt, "has the shape \(shape) in the checkpoint, but \(text) in the graph ('\(Name(spec.node))')")
    }
    let whole = try Value(tensor, budget: budget, isPinned: true)
    guard let slice = found.slice, shape != tensor.shape, case .dense(let dense) = whole else { return whole }
    return .dense(try slice.cut(dense, shape, budget))
  }

  private func missing(_ spec: VariableSpec) -> CheckpointError {
    let near = nearest(to: spec.node, among: store.variables.map { "\($0.name)" })
    let remedy = near.isEmpty ? nil : "the nearest names are \(near.map { "'\($0)'" }.joined(separator: ", "))"
    return CheckpointError(.notFound, "the variable '\(Name(spec.node))' is not in the checkpoint", remedy: remedy)
  }
}

extension Shape {
  /// Whether the shape is one that a partly unknown one allows.
  package func matches(_ partial: [Int]) -> Bool {
    rank == partial.count && zip(dimensions, partial).allSatisfy { $1 < 0 || $0 == $1 }
  }
}

/// Up to three names that differ least from the one that was not found.
package func nearest(to wanted: String, among names: [String]) -> [String] {
  NearestNames.to(wanted, in: names.map { Name($0) }).map(\.description)
}
