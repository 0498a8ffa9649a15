public import CheckpointCore
import ProtoWire

/// What the person asked to be done with the variables on their way.
public struct ConversionRequest {
  public var selection = Selection()
  public var rules: [RenameRule] = []
  public var map: NameMap?
  /// Nil where the person did not say: refused, unless `names` finds a name.
  public var unmapped: Unmapped?
  /// Whose names the variables shall have.
  public var names: NameGeneration?
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
  /// The object checkpoint that is filled.
  private let template: ObjectTemplate?

  /// - Throws: `usage` for collisions and unmapped names, all listed; `notFound` for patterns that match nothing.
  public init(_ store: VariableStore, _ request: ConversionRequest) throws(CheckpointError) {
    try request.selection.requireMatches(in: store)
    let (ordered, orderName) = try request.ordering.apply(to: store)
    self.orderName = orderName
    let averaged = try request.averages.apply(to: ordered, of: store)
    let selected = averaged.variables.filter(request.selection.includes)
    var leftOut = averaged.leftOut + averaged.variables.filter { !request.selection.includes($0) }.map(\.name)
    let naming = try Naming(request, store)
    var losses: [Loss] = []
    var notes = averaged.notes
    let named = try ConversionPlan.rename(selected, request, naming, leftOut: &leftOut, &losses, &notes)
    var steps: [Step] = []
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
    template = naming.template
    if let template { ConversionPlan.fill(template, &steps, &leftOut, &losses, &notes) }
    self.steps = steps
    leftOutBytes = leftOut.lazy.compactMap { store[$0]?.tensor.byteCount }.saturatingSum
    selection = request.selection
    self.leftOut = leftOut
    self.losses = losses
    self.notes = notes
    isRenaming = steps.contains { $0.name != $0.target }
  }

  /// Where names come from besides the map and the rules.
  private struct Naming {
    /// Of the source, for `--names tf1`.
    var objects: ObjectNames?
    var template: ObjectTemplate?

    init(_ request: ConversionRequest, _ store: VariableStore) throws(CheckpointError) {
      guard let names = request.names else { return }
      let source = try ObjectGraph(of: store).map(ObjectNames.init)
      switch names {
      case .tf1:
        guard let source else {
          throw CheckpointError(
            .usage, "has no object graph: its names are those of TensorFlow 1 already",
            remedy: "leave out --names tf1"
          ).at(file: store.source.path)
        }
        objects = source
      case .tf2(let store): template = try ObjectTemplate(store, source: source)
      }
    }
  }

  private static func rename(
    _ variables: [Variable], _ request: ConversionRequest, _ naming: Naming, leftOut: inout [Name],
    _ losses: inout [Loss], _ notes: inout [String]
  ) throws(CheckpointError) -> [(Variable, Name)] {
    var named: [(Variable, Name)] = []
    var unmapped: [Name] = []
    var unnamed: [Name] = []
    var bookkeeping: [Name] = []
    for variable in variables {
      var target = variable.name
      var fate = NameFate.named(target)
      if let mapped = request.map?.targets[target] {
        fate = .named(mapped)
      } else if let objects = naming.objects {
        fate = objects.fate(of: target)
        if objects.names(nothingOwnTo: target), let choice = request.unmapped, choice != .refuse {
          guard choice == .keep else {
            leftOut.append(target)
            continue
          }
          fate = .named(target)
        }
      } else if request.map != nil {
        switch request.unmapped ?? (naming.template == nil ? .refuse : .keep) {
        case .refuse: unmapped.append(target)
        case .keep: break
        case .drop:
          leftOut.append(target)
          continue
        }
      }
      if case .named(let name) = fate {
        target = name
        for rule in request.rules { target = try rule.apply(to: target) }
        fate = naming.template?.fate(of: target) ?? .named(target)
      }
      switch fate {
      case .named(let name): named.append((variable, name))
      case .leftOut:
        bookkeeping.append(variable.name)
        leftOut.append(variable.name)
      case .lost(let reason):
        losses.append(Loss(variable: variable.name, reason: reason))
        leftOut.append(variable.name)
      case .unnamed: unnamed.append(variable.name)
      }
    }
    guard unnamed.isEmpty else {
      throw CheckpointError(
        .usage, "the object graph has no full name for \(list(unnamed))",
        remedy: "name them with --map, or choose --unmapped keep or --unmapped drop")
    }
    if !bookkeeping.isEmpty {
      notes.append(
        naming.template == nil
          ? "left out, as names have no use for it: \(list(bookkeeping))"
          : "the template's own stays instead of \(list(bookkeeping))")
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
      let rest = collisions.count > 5 ? "; and \(collisions.count - 5) more" : ""
      throw CheckpointError(
        .usage, "names collide: \(text)\(rest)",
        remedy: request.names == nil
          ? "change the rule or the map"
          : "give them names of their own with --map, or choose --unmapped keep or --unmapped drop")
    }
    return named
  }

  /// Takes out the steps that do not fit the template, and says how many of its variables have a value and which have none.
  private static func fill(
    _ template: ObjectTemplate, _ steps: inout [Step], _ leftOut: inout [Name], _ losses: inout [Loss],
    _ notes: inout [String]
  ) {
    var filled: Set<Name> = []
    var fitting: [Step] = []
    for step in steps {
      let tensor = step.source.tensor
      if let objection = template.objection(to: step.cast ?? tensor.dtype, tensor.shape, at: step.target) {
        losses.append(Loss(variable: step.name, reason: "\(objection) at '\(step.target)'"))
        leftOut.append(step.name)
      } else {
        fitting.append(step)
        filled.insert(step.target)
      }
    }
    steps = fitting
    let wanted = template.wanted
    notes.append("\(filled.count) of \(wanted.count) values of the template are filled")
    for variable in wanted where !filled.contains(variable.name) {
      losses.append(
        Loss(
          variable: variable.name,
          reason: "is in the template\(template.label(variable.name)) and gets no value; it keeps the template's"))
    }
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
    guard template == nil else { return try filled(with: variables, from: source) }
    var store = try source.replacing(variables)
    if isRenaming {
      var names: [Name: Name] = [:]
      for step in steps where step.name != step.target { names[step.name] = step.target }
      store.graph = store.graph?.renaming(names)
    }
    if isRenaming { store.layers = [] }
    return store
  }

  /// The template with the variables that it is given, in its own order.
  private func filled(with variables: [Variable], from source: VariableStore) throws(CheckpointError) -> VariableStore {
    guard let template else { return source }
    let given = try source.replacing(variables)
    var store = VariableStore(source: source.source)
    store.source.files += template.store.source.files
    for old in template.store.variables {
      var variable = given[old.name] ?? old
      variable.role = old.role
      try store.append(variable)
    }
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
