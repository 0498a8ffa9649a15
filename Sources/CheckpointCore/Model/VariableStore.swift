/// A named tensor of a checkpoint.
public struct Variable: Sendable {
  public let name: Name
  public let tensor: Tensor
  public var role: Role

  public init(name: Name, tensor: Tensor, role: Role) {
    self.name = name
    self.tensor = tensor
    self.role = role
  }
}

/// The model in the middle: what every reader makes and every writer takes. Names, dtypes, shapes and roles are in memory;
/// bytes stay on disk.
public struct VariableStore: Sendable {
  /// In the order in which the source lists them.
  public private(set) var variables: [Variable] = []
  public var source: Source
  /// What the source's graph says, where there is one.
  public var graph: GraphFacts?
  private var positions: [Name: Int] = [:]

  /// Where the variables came from.
  public struct Source: Sendable {
    /// Name of the format.
    public var format: String
    /// What was opened, as the user would name it.
    public var path: String
    /// The files that were read.
    public var files: [InputFile]
    /// What the person should know though nothing is wrong enough to stop.
    public var warnings: [String]

    public init(format: String, path: String, files: [InputFile] = [], warnings: [String] = []) {
      self.format = format
      self.path = path
      self.files = files
      self.warnings = warnings
    }

    /// - Throws: `io` where a file was changed or replaced since it was opened.
    public func requireUnchanged() throws(CheckpointError) {
      for file in files { try file.requireUnchanged() }
    }
  }

  /// Facts from the graph that belongs to a checkpoint, with variables under the names that the checkpoint has for them.
  public struct GraphFacts: Sendable {
    /// The graph's file, copied beside a converted checkpoint.
    public var path: String?
    /// Members of the collections `variables` and `trainable_variables`, in the order of their creation.
    public var variables: [Name]
    public var trainable: [Name]

    public init(path: String?, variables: [Name], trainable: [Name]) {
      self.path = path
      self.variables = variables
      self.trainable = trainable
    }
  }

  public init(source: Source) { self.source = source }

  /// - Throws: `corrupt` where the name is there already.
  public mutating func append(_ variable: Variable) throws(CheckpointError) {
    guard positions[variable.name] == nil else {
      throw CheckpointError(.corrupt, "the name is there twice").at(variable: variable.name)
    }
    positions[variable.name] = variables.count
    variables.append(variable)
  }

  public subscript(name: Name) -> Variable? { positions[name].map { variables[$0] } }
  public func contains(_ name: Name) -> Bool { positions[name] != nil }

  /// Gives every variable the role that its graph, or else its name, speaks for.
  public mutating func inferRoles() {
    let trainable = Set(graph?.trainable ?? [])
    for i in variables.indices {
      let v = variables[i]
      variables[i].role =
        trainable.contains(v.name)
        ? .weight
        : Role.inferred(name: v.name, dtype: v.tensor.dtype, shape: v.tensor.shape, isVariable: contains)
    }
  }

  /// The same store with other variables.
  public func replacing(_ variables: [Variable]) throws(CheckpointError) -> VariableStore {
    var copy = VariableStore(source: source)
    copy.graph = graph
    for variable in variables { try copy.append(variable) }
    return copy
  }

  /// The same tensors under the names of another store, one by one.
  public func renamed(as other: VariableStore) throws(CheckpointError) -> VariableStore {
    guard variables.count == other.variables.count else { return self }
    return try replacing(
      zip(variables, other.variables).map { Variable(name: $1.name, tensor: $0.tensor, role: $0.role) })
  }

  /// Canonical bytes of all variables.
  public var byteCount: Int { variables.reduce(0) { $0 + $1.tensor.byteCount } }
}
