public import CheckpointCore

/// What the person asked to be done with the variables on their way.
public struct ConversionRequest {
  public var selection = Selection()
  public var rules: [RenameRule] = []
  public var map: NameMap?
  public var unmapped = Unmapped.refuse
  public var cast: DType?
  public var ordering = Ordering.automatic
  public var averages = MovingAverages.keep

  public init() {}

  /// What happens to a variable that a map does not name.
  public enum Unmapped: String, CaseIterable, Sendable { case refuse, keep, drop }
}

/// What a conversion will do: every variable with its new name and dtype, in the order of the output, and everything that will
/// not be in it. Made before a byte is written.
public struct ConversionPlan: Sendable {
  public struct Step: Sendable {
    /// Whose values are taken.
    public let source: Variable
    /// What the variable is called in the source; another than the source's own where a moving average takes its place.
    public let name: Name
    public let target: Name
    /// Nil where the dtype stays.
    public let cast: DType?
    /// What the cast does not keep.
    public let loss: CastStorage.Loss?
  }

  public let steps: [Step]
  let selection: Selection
  /// What the order is called.
  public let orderName: String
  /// Variables that were not asked for, and what they take.
  public let leftOut: [Name]
  public let leftOutBytes: Int
  /// What will be lost, and whether the person must agree to it first.
  public var losses: [Loss]
  public var notes: [String]
  public let isRenaming: Bool

  /// - Throws: `usage` for collisions and unmapped names, all listed; `notFound` for patterns that match nothing.
  public init(_ store: VariableStore, _ request: ConversionRequest) throws(CheckpointError) {
    try request.selection.requireMatches(in: store)
    let (ordered, orderName) = try request.ordering.apply(to: store)
    self.orderName = orderName
    let averaged = try request.averages.apply(to: ordered, of: store)
    let selected = averaged.variables.filter(request.selection.includes)
    var leftOut = averaged.leftOut + averaged.variables.filter { !request.selection.includes($0) }.map(\.name)
    let named = try ConversionPlan.rename(selected, request, leftOut: &leftOut)
    var steps: [Step] = []
    var losses: [Loss] = []
    var notes = averaged.notes
    for (variable, target) in named {
      let (cast, loss) = try locating(file: variable.tensor.file, variable: variable.name) {
        () throws(CheckpointError) in
        try ConversionPlan.cast(variable, to: request.cast)
      }
      if let loss, loss.overflowed > 0 {
        losses.append(
          Loss(variable: variable.name, reason: "\(loss.overflowed) values do not fit \(cast?.rawValue ?? "")"))
      }
      if let loss, loss.rounded > 0, let cast {
        notes.append(
          "'\(variable.name)': \(loss.rounded) of \(variable.tensor.shape.elementCount) values rounded to \(cast.rawValue), largest error \(loss.largestError)"
        )
      }
      if let wanted = request.cast, cast == nil, variable.tensor.dtype != wanted {
        notes.append("'\(variable.name)' stays \(variable.tensor.dtype.rawValue), which cannot be cast")
      }
      steps.append(
        Step(
          source: averaged.shadows[variable.name] ?? variable, name: variable.name, target: target, cast: cast,
          loss: loss))
    }
    self.steps = steps
    leftOutBytes = leftOut.reduce(0) { $0 + (store[$1]?.tensor.byteCount ?? 0) }
    selection = request.selection
    self.leftOut = leftOut
    self.losses = losses
    self.notes = notes
    isRenaming = steps.contains { $0.name != $0.target }
  }

  private static func rename(
    _ variables: [Variable], _ request: ConversionRequest, leftOut: inout [Name]
  ) throws(CheckpointError) -> [(Variable, Name)] {
    var named: [(Variable, Name)] = []
    var unmapped: [Name] = []
    for variable in variables {
      var target = variable.name
      if let map = request.map {
        if let mapped = map.targets[target] {
          target = mapped
        } else {
          switch request.unmapped {
          case .refuse: unmapped.append(target)
          case .keep: break
          case .drop:
            leftOut.append(target)
            continue
          }
        }
      }
      for rule in request.rules { target = try rule.apply(to: target) }
      named.append((variable, target))
    }
    if let map = request.map {
      guard unmapped.isEmpty else {
        throw CheckpointError(
          .usage, "the map has no name for \(list(unmapped))",
          remedy: "add them, or choose --unmapped keep or --unmapped drop"
        ).at(file: map.path)
      }
      let there = Set(variables.map(\.name))
      let absent = map.targets.keys.filter { !there.contains($0) }.sorted()
      guard absent.isEmpty else {
        throw CheckpointError(.notFound, "the map names what the checkpoint does not have: \(list(absent))").at(
          file: map.path)
      }
    }
    var sources: [Name: [Name]] = [:]
    for (variable, target) in named { sources[target, default: []].append(variable.name) }
    let collisions = sources.filter { $0.value.count > 1 }.sorted { $0.key < $1.key }
    guard collisions.isEmpty else {
      let text = collisions.prefix(5).map { "\(list($0.value)) would all be '\($0.key)'" }.joined(separator: "; ")
      throw CheckpointError(.usage, "names collide: \(text)", remedy: "change the rule or the map")
    }
    return named
  }

  private static func cast(_ variable: Variable, to dtype: DType?) throws(CheckpointError) -> (
    DType?, CastStorage.Loss?
  ) {
    guard let dtype, variable.tensor.dtype != dtype, variable.tensor.dtype.isCastable else { return (nil, nil) }
    return (dtype, try CastStorage(variable.tensor, to: dtype).loss())
  }

  static func list(_ names: [Name]) -> String {
    let shown = names.prefix(8).map { "'\($0)'" }.joined(separator: ", ")
    return names.count > 8 ? "\(shown) and \(names.count - 8) more" : shown
  }

  /// What the source has and no store can hold, unless it was not asked for.
  public func unreadable(of source: VariableStore) -> [Loss] {
    source.source.unreadable.filter { selection.includes($0.variable) }
  }

  /// The store that the writer takes.
  public func store(from source: VariableStore) throws(CheckpointError) -> VariableStore {
    var variables: [Variable] = []
    for step in steps {
      let tensor =
        try step.cast.map { (dtype) throws(CheckpointError) in try step.source.tensor.cast(to: dtype) }
        ?? step.source.tensor
      variables.append(
        Variable(
          name: step.target, tensor: tensor, role: source[step.name]?.role ?? step.source.role,
          attributes: step.source.attributes))
    }
    var store = try source.replacing(variables)
    // A graph that knows the variables under other names would be out of step with them.
    if isRenaming { store.graph = nil }
    if isRenaming { store.layers = [] }
    return store
  }
}

extension ConversionPlan {
  /// The plan as JSON, which `--map` reads back.
  public func json() -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.value("plan", 1)
      json.value("order", orderName)
      json.array("variables") { json in
        for step in steps {
          json.object(inline: true) { json in
            json.value("source", step.source.name)
            json.value("dtype", step.source.tensor.dtype.rawValue)
            json.array("shape") { json in for size in step.source.tensor.shape.dimensions { json.value(nil, size) } }
            json.value("role", step.source.role.rawValue)
            if let cast = step.cast { json.value("cast", cast.rawValue) }
            if let loss = step.loss, !loss.isNone {
              json.value("rounded", loss.rounded)
              json.value("overflowed", loss.overflowed)
            }
            json.value("target", step.target)
          }
        }
      }
      json.array("left_out") { json in for name in leftOut { json.value(nil, name) } }
      json.value("left_out_bytes", leftOutBytes)
      json.array("losses") { json in
        for loss in losses {
          json.object(inline: true) { json in
            json.value("name", loss.variable)
            json.value("reason", loss.reason)
          }
        }
      }
    }
    return json.finished()
  }
}
