package import CheckpointCore
import ProtoWire

/// Reads the variables of a SavedModel folder: the bundle inside it, with what its graph says. Format: SavedModel/FORMAT.md.
package struct SavedModelReader: CheckpointReader {
  /// The bundle's prefix inside the folder.
  private static let variables = "variables/variables"
  private static let textFile = "saved_model.pbtxt"

  package init() {}

  /// - Parameter path: the folder.
  package func open(_ path: String, options: ReadOptions) throws(CheckpointError) -> VariableStore {
    let prefix = joinPath(path, SavedModelReader.variables)
    guard Candidate.exists(prefix + ShardName.index) else {
      throw CheckpointError(
        .notFound, "the SavedModel has no variables: there is no \(SavedModelReader.variables)\(ShardName.index)",
        remedy: "its graph may hold its weights as constants, or the folder was copied in part"
      ).at(file: path)
    }
    var store = try BundleReader().open(prefix, options: options)
    store.source.format = "saved-model"
    store.source.path = path
    do throws(CheckpointError) {
      let facts = try graphFacts(joinPath(path, SavedModel.file), keys: store.contains)
      // A graph of TensorFlow 2 lists no variables; their order is that of the bundle then.
      if !facts.variables.isEmpty { store.graph = facts }
    } catch {
      store.source.warnings.append("the graph of the SavedModel cannot be used: \(error)")
    }
    store.inferRoles()
    return store
  }

  private func graphFacts(
    _ path: String, keys: (Name) -> Bool
  ) throws(CheckpointError) -> VariableStore.GraphFacts {
    guard Candidate.isFile(path) else {
      throw CheckpointError(.unsupported, "is written as text (\(SavedModelReader.textFile)), which is not read").at(
        file: path)
    }
    return try locating(file: path) { () throws(CheckpointError) in
      let message = Message(try InputFile(path).contents(limit: MetaGraph.largestFile))
      return try GraphFacts.facts(of: try SavedModel.servingGraph(message), path: nil, keys: keys)
    }
  }

  /// The folder, where a path leads to a SavedModel.
  package static func recognise(_ candidate: Candidate) -> String? {
    switch candidate.kind {
    case .folder:
      let hasGraph = [SavedModel.file, textFile].contains { Candidate.isFile(joinPath(candidate.path, $0)) }
      return hasGraph ? candidate.path : nil
    case .file:
      let (folder, last) = splitPath(candidate.path)
      return last == SavedModel.file || last == textFile ? folder : nil
    case .missing: return nil
    }
  }
}
