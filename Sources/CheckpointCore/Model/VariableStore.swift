/// A named tensor of a checkpoint.
public struct Variable: Sendable {
  public let name: Name
  public let tensor: Tensor
  public var role: Role
  /// What the source says of it besides its values.
  public var attributes: [Attribute]

  public init(name: Name, tensor: Tensor, role: Role, attributes: [Attribute] = []) {
    self.name = name
    self.tensor = tensor
    self.role = role
    self.attributes = attributes
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
  /// What the source says of the groups that its names form, the root first, where its format has groups.
  public var groups: [Group] = []
  /// The layers that the variables belong to, where the source lists layers.
  public var layers: [Layer] = []
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
    /// What was decided in reading, for the person to check.
    public var notes: [String] = []
    /// What the source has and no store can hold, with the reason: a conversion stops unless it is left out.
    public var unreadable: [Loss] = []
    /// What is damaged and could not even become a variable, where damage was not to stop the reader; each names its variable
    /// where that is known.
    public var lost: [CheckpointError] = []
    /// The sum that the reader found right over everything when it opened the files, in words.
    public var checkedSum: String?

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
    /// What its nodes say of variables that do not train.
    public var roles: [Name: Role]
    /// The variable whose moving average a variable is.
    public var averages: [Name: Name]
    /// Names that variables have now, by those that the graph's file has for them, where they differ.
    public private(set) var renamed: [Name: Name] = [:]

    public init(
      path: String?, variables: [Name], trainable: [Name], roles: [Name: Role] = [:], averages: [Name: Name] = [:]
    ) {
      self.path = path
      self.variables = variables
      self.trainable = trainable
      self.roles = roles
      self.averages = averages
    }

    /// The same facts under other names.
    /// - Parameter names: new names by those of now; a name that is not in it stays.
    public func renaming(_ names: [Name: Name]) -> GraphFacts {
      var copy = self
      copy.variables = variables.map { names[$0] ?? $0 }
      copy.trainable = trainable.map { names[$0] ?? $0 }
      copy.roles = Dictionary(roles.map { (names[$0] ?? $0, $1) }, uniquingKeysWith: { first, _ in first })
      copy.averages = Dictionary(
        averages.map { (names[$0] ?? $0, names[$1] ?? $1) }, uniquingKeysWith: { first, _ in first })
      let originals = Set(renamed.values)
      copy.renamed = renamed.mapValues { names[$0] ?? $0 }
      for (old, new) in names where old != new && !originals.contains(old) { copy.renamed[old] = new }
      copy.renamed = copy.renamed.filter { $0.key != $0.value }
      return copy
    }
  }

  /// A group of variables, as HDF5 has them.
  public struct Group: Sendable {
    /// Without a slash at either end; empty for the root.
    public let path: Name
    public var attributes: [Attribute]

    public init(path: Name, attributes: [Attribute]) {
      self.path = path
      self.attributes = attributes
    }
  }

  /// A layer of a Keras model, in the order of the model.
  public struct Layer: Sendable {
    public enum Kind: Sendable {
      case model
      /// Weights of the model itself, which belong to no layer.
      case topLevel
      case optimizer
    }

    public let name: Name
    public let kind: Kind
    /// Its variables, in the order in which the layer takes them.
    public let members: [Name]
    /// What the source calls each of them inside the layer.
    public let labels: [Name]

    public init(name: Name, kind: Kind = .model, members: [Name], labels: [Name]) {
      self.name = name
      self.kind = kind
      self.members = members
      self.labels = labels
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
      let (dtype, shape) = (v.tensor.dtype, v.tensor.shape)
      variables[i].role =
        Role.ofKerasOptimizer(v.name, shape)
        ?? (trainable.contains(v.name) ? .weight : nil)
        ?? graph?.roles[v.name]
        ?? Role.inferred(name: v.name, dtype: dtype, shape: shape, isVariable: contains)
    }
  }

  /// Gives the named variables a role; counters stay counters.
  public mutating func setRole(_ role: Role, of names: [Name]) {
    for name in names {
      if let i = positions[name], variables[i].role != .counter { variables[i].role = role }
    }
  }

  /// The variable that a slot or moving average belongs to, as its graph, or else its name, says.
  public func owner(of variable: Variable) -> Name? {
    guard variable.role == .slot || variable.role == .ema else { return nil }
    if let owner = graph?.averages[variable.name], contains(owner) { return owner }
    return Role.derived(variable.name, isVariable: contains)?.owner
  }

  /// The same store with other variables.
  public func replacing(_ variables: [Variable]) throws(CheckpointError) -> VariableStore {
    var copy = VariableStore(source: source)
    copy.graph = graph
    copy.groups = groups
    copy.layers = layers
    for variable in variables { try copy.append(variable) }
    return copy
  }

  /// The same tensors under the names of another store, one by one.
  public func renamed(as other: VariableStore) throws(CheckpointError) -> VariableStore {
    guard variables.count == other.variables.count else { return self }
    return try replacing(
      zip(variables, other.variables).map {
        Variable(name: $1.name, tensor: $0.tensor, role: $0.role, attributes: $0.attributes)
      })
  }

  /// Canonical bytes of all variables, as many as a number can say.
  public var byteCount: Int {
    variables.lazy.map(\.tensor.byteCount).saturatingSum
  }
}

extension Sequence<Int> {
  /// The sum of numbers that are not negative, or the largest that there is.
  public var saturatingSum: Int {
    reduce(0) { sum, number in
      let (sum, overflow) = sum.addingReportingOverflow(number)
      return overflow ? .max : sum
    }
  }
}
