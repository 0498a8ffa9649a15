import CheckpointCore
import ProtoWire

/// What a `.meta` file says about the checkpoint beside it, under the names that the checkpoint has.
/// Format: Graph/FORMAT.md.
enum GraphFacts {
  /// - Parameter keys: whether a name is in the checkpoint.
  static func read(_ path: String, keys: (Name) -> Bool) throws(CheckpointError) -> VariableStore.GraphFacts {
    try facts(of: try MetaGraph(contentsOf: try InputFile(path)), path: path, keys: keys)
  }

  /// - Parameter path: the graph's file, where it can be copied beside a checkpoint.
  static func facts(
    of meta: MetaGraph, path: String?, keys: (Name) -> Bool
  ) throws(CheckpointError) -> VariableStore.GraphFacts {
    let names = try Names(meta, keys: keys)
    return try facts(path, meta, names)
  }

  private static func facts(
    _ path: String?, _ meta: MetaGraph, _ names: Names
  ) throws(CheckpointError) -> VariableStore.GraphFacts {
    let found = try GraphRoles(meta)
    var roles: [Name: Role] = [:]
    for (node, role) in found.roles { roles[names.name(of: node)] = role }
    var averages: [Name: Name] = [:]
    for (shadow, variable) in found.averageOf { averages[names.name(of: shadow)] = names.name(of: variable) }
    return VariableStore.GraphFacts(
      path: path, variables: try names.members(of: "variables"),
      trainable: try names.members(of: "trainable_variables"),
      roles: roles, averages: averages)
  }

  /// The variables of every collection that lists some, with what the graph says of each. A variable whose shape only a run
  /// would tell, or that holds no numbers, is left out: no vector can hold it.
  static func layoutSource(of path: String) throws(CheckpointError) -> LayoutSource {
    let meta = try MetaGraph(contentsOf: try InputFile(path))
    let names = try Names(meta, keys: { _ in true })
    let roles = try GraphRoles(meta)
    var nodes: [String: NodeDef] = [:]
    for node in meta.graph.nodes { nodes[node.name] = node }
    let trainable = Set(try meta.variables(in: "trainable_variables").map(\.node))
    func isVariable(_ name: Name) -> Bool { name.text.map { nodes[$0]?.op.hasPrefix("Var") == true } ?? false }
    func member(_ definition: VariableDef) throws(CheckpointError) -> LayoutSource.Member? {
      guard let node = nodes[definition.node], case .shape(let sizes)? = try node.attribute("shape"),
        case .type(let type)? = try node.attribute("dtype"),
        let dtype = DataType.dtype(type > 100 ? type - 100 : type), dtype.isCastable || dtype == .bool,
        sizes.dimensions?.allSatisfy({ $0 >= 0 }) == true
      else { return nil }
      let shape = try locating(file: path, variable: Name(node.name)) { () throws(CheckpointError) in
        try sizes.known()
      }
      let own = Name(node.name)
      let derived = Role.derived(own, isVariable: isVariable)
      let isTrainable = trainable.contains(node.name)
      let role =
        isTrainable
        ? .weight
        : roles.roles[node.name] ?? Role.inferred(name: own, dtype: dtype, shape: shape, isVariable: isVariable)
      return LayoutSource.Member(
        entry: .init(name: names.name(of: node.name), dtype: dtype, shape: shape),
        tensorName: Name(definition.variableName), role: role, isTrainable: isTrainable,
        isNonnegative: roles.nonnegative.contains(node.name) || (!isTrainable && Role.isNonnegative(own)),
        owner: (roles.averageOf[node.name].map { Name($0) } ?? derived?.owner).map { names.name(of: $0) })
    }
    var groups: [LayoutSource.Group] = []
    let listed = ["variables", "trainable_variables"]
    for collection in listed + meta.collections.keys.filter({ !listed.contains($0) }).sorted() {
      var members: [LayoutSource.Member] = []
      // A collection of anything else is no error: it names no variables.
      for definition in (try? meta.variables(in: collection)) ?? [] {
        if let member = try member(definition) { members.append(member) }
      }
      guard !members.isEmpty else { continue }
      groups.append(.init(name: "the collection '\(collection)'", order: "in the order of creation", members: members))
    }
    guard !groups.isEmpty else {
      throw CheckpointError(
        .notFound, "the graph lists no variables in any collection", remedy: "give the layout as a manifest"
      ).at(file: path)
    }
    return LayoutSource(groups: groups, origin: path, graph: try facts(path, meta, names))
  }

  /// Takes up what the graph beside a checkpoint says, where there is one. One that cannot be read is a warning.
  static func add(to store: inout VariableStore, from path: String) {
    guard Candidate.isFile(path) else { return }
    do throws(CheckpointError) {
      store.graph = try read(path, keys: store.contains)
    } catch {
      store.source.warnings.append("the graph beside the checkpoint cannot be used: \(error)")
    }
  }

  /// The variables of a collection, in the order of their creation, with dtype and shape from their nodes.
  /// - Parameter options: `collection` (default `variables`), and `scope`, a regular expression that must match from the start
  ///   of the tensor name, as `tf.get_collection` has it.
  static func layout(of path: String, options: ReadOptions) throws(CheckpointError) -> Layout {
    let meta = try MetaGraph(contentsOf: try InputFile(path))
    let names = try Names(meta, keys: { _ in true })
    let collection = options.collection ?? "variables"
    var definitions = try meta.variables(in: collection)
    guard !definitions.isEmpty else {
      let known = meta.collections.keys.sorted().joined(separator: ", ")
      throw CheckpointError(
        .notFound, "the graph has no variables in the collection '\(collection)'", remedy: "it has: \(known)"
      ).at(file: path)
    }
    if let scope = options.scope {
      let pattern = try ScopePattern(scope)
      definitions = definitions.filter { pattern.matches($0.variableName) }
      guard !definitions.isEmpty else {
        throw CheckpointError(.notFound, "no variable of the collection '\(collection)' matches the scope '\(scope)'")
          .at(file: path)
      }
    }
    var nodes: [String: NodeDef] = [:]
    for node in meta.graph.nodes { nodes[node.name] = node }
    var entries: [Layout.Entry] = []
    for definition in definitions {
      let name = Name(definition.node)
      guard let node = nodes[definition.node] else {
        throw CheckpointError(.corrupt, "the graph lists the variable and has no node for it").at(
          file: path, variable: name)
      }
      guard case .shape(let shape)? = try node.attribute("shape"), case .type(let type)? = try node.attribute("dtype")
      else {
        throw CheckpointError(.corrupt, "the node of the variable has no shape or dtype").at(file: path, variable: name)
      }
      entries.append(
        Layout.Entry(
          name: names.key(of: definition) ?? name, dtype: DataType.dtype(type > 100 ? type - 100 : type),
          shape: try locating(file: path, variable: name) { () throws(CheckpointError) in try shape.known() }))
    }
    let scope = options.scope.map { ", scope '\($0)'" } ?? ""
    return Layout(
      entries: entries, origin: "the collection '\(collection)' of \(path)\(scope)",
      graph: try facts(path, meta, names))
  }

  /// Copies the graph that belongs to the variables. One that is there already and is the same file stays; one that belongs to
  /// what is being replaced goes.
  static func copyGraph(of store: VariableStore, to output: inout StagedOutput) throws(CheckpointError) {
    let path = output.prefix + ".meta"
    guard let graph = store.graph?.path else {
      if output.replacing, Candidate.isFile(path) { output.supersede(path) }
      return
    }
    let source = try InputFile(graph)
    if let names = store.graph?.renamed, !names.isEmpty {
      guard !source.isSameFile(as: path) else {
        throw CheckpointError(
          .cannotCreate, "is the graph of the input, and would have other names in the output",
          remedy: "choose another name"
        ).at(file: path)
      }
      return try writeGraph(try MetaGraph(contentsOf: source), renaming: names, to: &output)
    }
    guard !source.isSameFile(as: path) else { return }
    let target = try output.create(suffix: ".meta", size: source.size)
    let storage = try FileStorage(source, offset: 0, byteCount: source.size)
    var buffer = ChunkBuffer()
    try buffer.forEachChunk(of: storage, in: 0..<source.size) { (chunk, offset) throws(CheckpointError) in
      try target.write(chunk, at: offset)
    }
    try source.requireUnchanged()
  }

  /// The store without its graph where names have changed and the graph's savers cannot change theirs.
  static func prepare(_ store: VariableStore) -> PreparedStore {
    guard let graph = store.graph, let path = graph.path, !graph.renamed.isEmpty else { return PreparedStore(store) }
    var prepared = PreparedStore(store)
    do throws(CheckpointError) {
      let meta = try MetaGraph(contentsOf: try InputFile(path))
      _ = try locating(file: path) { () throws(CheckpointError) in try meta.renamingSaverKeys(graph.renamed) }
      prepared.notes.append("the savers of the graph beside the output have its names; the graph's ops keep theirs")
    } catch {
      prepared.store.graph = nil
      prepared.notes.append("the graph cannot be given the new names: \(error)")
    }
    return prepared
  }

  private static func writeGraph(
    _ meta: MetaGraph, renaming names: [Name: Name], to output: inout StagedOutput
  ) throws(CheckpointError) {
    let edited = try meta.renamingSaverKeys(names)
    let target = try output.create(suffix: ".meta", size: edited.byteCount)
    var offset = 0
    for piece in edited.pieces {
      switch piece {
      case .kept(let range):
        try target.write(meta.message.bytes.rawSpan.extracting(range), at: offset)
        offset += range.count
      case .made(let bytes):
        try target.write(bytes, at: offset)
        offset += bytes.count
      }
    }
  }

  /// Names of variables in the checkpoint.
  private struct Names {
    private let meta: MetaGraph
    private var keys: [String: Name] = [:]

    init(_ meta: MetaGraph, keys isKey: (Name) -> Bool) throws(CheckpointError) {
      self.meta = meta
      for entry in try SaverKeys(meta.graph).entries where entry.slice.isEmpty && isKey(entry.key) {
        if keys[entry.variable] == nil || Name(entry.variable) == entry.key { keys[entry.variable] = entry.key }
      }
    }

    func key(of definition: VariableDef) -> Name? { keys[definition.node] }

    /// The checkpoint's name for the variable of a node.
    func name(of node: String) -> Name { keys[node] ?? Name(node) }
    func name(of node: Name) -> Name { node.text.map(name) ?? node }

    /// Members of a collection once each, a partitioned variable under the name of the whole.
    func members(of collection: String) throws(CheckpointError) -> [Name] {
      var seen: Set<Name> = []
      return try meta.variables(in: collection).map { $0.sliceOf.map { Name($0) } ?? keys[$0.node] ?? Name($0.node) }
        .filter { seen.insert($0).inserted }
    }
  }
}

/// A scope as `tf.get_collection` takes it: a regular expression matched from the start of a name.
struct ScopePattern {
  private let expression: Regex<AnyRegexOutput>

  init(_ scope: String) throws(CheckpointError) {
    do {
      expression = try Regex(scope)
    } catch {
      throw CheckpointError(.usage, "the scope '\(scope)' is not a regular expression")
    }
  }

  func matches(_ name: String) -> Bool { (try? expression.prefixMatch(in: name)) != nil }
}
