/// What a file says about the variables that a bare vector may hold: all that it lists, in the groups that programs flatten.
/// It says less than a `Layout`: which of them, and in which order, is left to inference.
public struct LayoutSource: Sendable {
  public struct Member: Sendable {
    public let entry: Layout.Entry
    /// What a scope is matched against and what programs sort by: the name of the variable's tensor in a graph, else its own.
    public let tensorName: Name
    public let role: Role
    public let isTrainable: Bool
    /// Whether what computes it cannot make it negative.
    public let isNonnegative: Bool
    /// The variable that it is a slot or the moving average of.
    public let owner: Name?

    public init(
      entry: Layout.Entry, tensorName: Name? = nil, role: Role, isTrainable: Bool, isNonnegative: Bool, owner: Name?
    ) {
      self.entry = entry
      self.tensorName = tensorName ?? entry.name
      self.role = role
      self.isTrainable = isTrainable
      self.isNonnegative = isNonnegative
      self.owner = owner
    }
  }

  /// A list of variables in the order in which the file has it.
  public struct Group: Sendable {
    /// In words, such as `the collection 'variables'`.
    public let name: String
    /// What its order is called, such as `in the order of creation`.
    public let order: String
    public let members: [Member]

    public init(name: String, order: String, members: [Member]) {
      self.name = name
      self.order = order
      self.members = members
    }
  }

  public var groups: [Group]
  /// The file, in words for a message.
  public let origin: String
  /// The graph's facts, when it comes from one.
  public var graph: VariableStore.GraphFacts?
  /// The checkpoint that it comes from: perhaps another state of the same network.
  public var sibling: VariableStore?

  public init(
    groups: [Group], origin: String, graph: VariableStore.GraphFacts? = nil, sibling: VariableStore? = nil
  ) {
    self.groups = groups
    self.origin = origin
    self.graph = graph
    self.sibling = sibling
  }

  /// All variables of a checkpoint: in its graph's order where there is one, and as it lists them.
  public init(_ store: VariableStore, origin: String) {
    let trainable = Set(store.graph?.trainable ?? [])
    func members(_ variables: [Variable]) -> [Member] {
      variables.filter { $0.tensor.dtype.isCastable || $0.tensor.dtype == .bool }.map { variable in
        Member(
          entry: Layout.Entry(name: variable.name, dtype: variable.tensor.dtype, shape: variable.tensor.shape),
          role: variable.role, isTrainable: trainable.contains(variable.name),
          isNonnegative: Role.isNonnegative(variable.name), owner: store.owner(of: variable))
      }
    }
    var groups: [Group] = []
    if let graph = store.graph {
      for (name, list) in [("variables", graph.variables), ("trainable_variables", graph.trainable)] {
        let there = list.compactMap { store[$0] }
        guard !there.isEmpty else { continue }
        groups.append(
          Group(
            name: "the collection '\(name)' of the checkpoint's graph", order: "in the order of creation",
            members: members(there)))
      }
    }
    groups.append(
      Group(name: "the variables of the checkpoint", order: "as it lists them", members: members(store.variables)))
    self.init(groups: groups, origin: origin, graph: store.graph, sibling: store)
  }
}
