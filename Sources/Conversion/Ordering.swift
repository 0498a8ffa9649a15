public import CheckpointCore

/// The order in which variables are written, where a format has one.
public enum Ordering: Sendable {
  /// The graph's collection where a graph is there, else by name.
  case automatic
  /// The order of creation: the graph's collection `variables`, then the rest by name.
  case variables
  /// The trainable variables in the order of creation, then the others in theirs, then the rest by name.
  case trainable
  /// Bytewise by name.
  case name
  /// As a list has them, then the rest by name.
  case list([Name], origin: String)

  /// - Returns: the variables in order, and what the order is called in a manifest.
  func apply(to store: VariableStore) throws(CheckpointError) -> (variables: [Variable], name: String) {
    let graph = store.graph
    let byName = store.variables.sorted { $0.name < $1.name }
    let first: [Name]
    let label: String
    switch self {
    case .automatic where graph?.variables.contains(where: store.contains) != true: return (byName, "name")
    case .automatic: (first, label) = (graph?.variables ?? [], "variables")
    case .variables, .trainable:
      guard let graph else {
        throw CheckpointError(
          .notFound, "there is no graph beside the checkpoint that would know the order of its variables",
          remedy: "give one with --order FILE, or use --order name"
        ).at(file: store.source.path)
      }
      if case .trainable = self {
        (first, label) = (graph.trainable + graph.variables, "trainable")
      } else {
        (first, label) = (graph.variables, "variables")
      }
    case .name: return (byName, "name")
    case .list(let names, let origin): (first, label) = (names, origin)
    }
    var seen: Set<Name> = []
    let ordered = first.filter { seen.insert($0).inserted }.compactMap { store[$0] }
    return (ordered + byName.filter { !seen.contains($0.name) }, label)
  }
}
