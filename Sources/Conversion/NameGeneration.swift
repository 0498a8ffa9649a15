public import CheckpointCore
import ProtoWire

/// Whose names variables shall have: TensorFlow 1's, by which `tf.train.Saver` finds them, or the keys of a TensorFlow 2
/// object checkpoint. Rules: Formats/TensorFlow/Objects/FORMAT.md.
public enum NameGeneration: Sendable {
  case tf1
  /// - Parameter template: a checkpoint with the object graph to fill.
  case tf2(template: VariableStore)
}

/// What becomes of one name.
enum NameFate {
  case named(Name)
  /// Belongs to the object graph and is said in a note.
  case leftOut
  case lost(reason: String)
  /// Nothing says what it is called.
  case unnamed
}

/// The names that an object graph has for its keys, without the keys.
struct ObjectNames {
  /// Name in a name-based checkpoint by key; variables without one are not in it.
  private(set) var names: [Name: Name] = [:]
  private var others: [Name: ObjectGraph.Attribute] = [:]
  private var unnamed: Set<Name> = []
  /// How many keys have a name.
  private var owners: [Name: Int] = [:]

  init(_ graph: ObjectGraph) {
    let suffixes = SlotSuffixes(graph)
    for attribute in graph.attributes {
      if !attribute.isVariable {
        others[attribute.key] = attribute
      } else if let name = attribute.fullName.bytes.isEmpty ? suffixes.name(of: attribute) : attribute.fullName {
        names[attribute.key] = name
      } else {
        unnamed.insert(attribute.key)
      }
    }
    for name in names.values { owners[name, default: 0] += 1 }
  }

  func fate(of key: Name) -> NameFate {
    if let name = names[key] { return .named(name) }
    if unnamed.contains(key) { return .unnamed }
    if ObjectNames.isBookkeeping(key) { return .leftOut }
    if let attribute = others[key] {
      return .lost(
        reason: "is the \(Name(attribute.name)) of an object and no variable, which only an object checkpoint holds")
    }
    return .lost(reason: "is no variable of the object graph, so nothing says its name")
  }

  /// Whether a variable has no name, or one that it shares with others, such as `Variable`.
  func names(nothingOwnTo key: Name) -> Bool {
    names[key].map { (owners[$0] ?? 0) > 1 } ?? unnamed.contains(key)
  }

  /// Whether a key describes objects and holds no value of theirs: the graph itself, or a layer's configuration.
  static func isBookkeeping(_ key: Name) -> Bool {
    key == ObjectGraph.key || key.hasSuffix("/.ATTRIBUTES/OBJECT_CONFIG_JSON")
  }
}

/// What TensorFlow 1's optimizers call the slots that TensorFlow 2 lists under a word of their own.
struct SlotSuffixes {
  /// Words of the slots that one variable has in one optimizer, which tell the optimizer.
  private var words: [Owner: Set<String>] = [:]

  private struct Owner: Hashable {
    let optimizer: Int
    let original: Name
  }

  init(_ graph: ObjectGraph) {
    for slot in graph.attributes.compactMap(\.slot) {
      words[Owner(optimizer: slot.optimizer, original: slot.original), default: []].insert(slot.name)
    }
  }

  /// `<variable>/<suffix>`, or nil where the attribute is no slot or its variable has no name.
  func name(of attribute: ObjectGraph.Attribute) -> Name? {
    guard let slot = attribute.slot, !slot.original.bytes.isEmpty else { return nil }
    let all = words[Owner(optimizer: slot.optimizer, original: slot.original)] ?? []
    let suffix = SlotSuffixes.suffix(of: slot.name, among: all) ?? slot.name
    return Name(bytes: slot.original.bytes + Array("/\(suffix)".utf8))
  }

  /// - Returns: nil for the slots of an optimizer that TensorFlow 1 did not have.
  static func suffix(of word: String, among words: Set<String>) -> String? {
    switch (words, word) {
    case (["m", "v"], "m"): "Adam"
    case (["m", "v"], "v"): "Adam_1"
    case (["momentum"], "momentum"): "Momentum"
    case (["accumulator"], "accumulator"): "Adagrad"
    case (["accum_grad", "accum_var"], "accum_grad"): "Adadelta"
    case (["accum_grad", "accum_var"], "accum_var"): "Adadelta_1"
    case (["accum", "linear"], "accum"), (["accumulator", "linear"], "accumulator"): "Ftrl"
    case (["accum", "linear"], "linear"), (["accumulator", "linear"], "linear"): "Ftrl_1"
    case (["rms"], "rms"), (["rms", "momentum"], "rms"), (["rms", "mg", "momentum"], "rms"): "RMSProp"
    case (["rms", "momentum"], "momentum"), (["rms", "mg", "momentum"], "mg"): "RMSProp_1"
    case (["rms", "mg", "momentum"], "momentum"): "RMSProp_2"
    default: nil
    }
  }
}

/// An object checkpoint that is filled with values from a store: its object graph and its keys stay.
struct ObjectTemplate {
  let store: VariableStore
  /// Names of the source's own object graph, where it has one.
  private let source: ObjectNames?
  private let fullNames: [Name: Name]
  private let byFullName: [Name: [Name]]
  private let bySlot: [Name: [Name]]

  /// - Throws: `usage` where the template has no object graph.
  init(_ template: VariableStore, source: ObjectNames?) throws(CheckpointError) {
    guard let graph = try ObjectGraph(of: template) else {
      throw CheckpointError(
        .usage, "the template has no object graph",
        remedy: "give a checkpoint that tf.train.Checkpoint wrote, or a SavedModel of TensorFlow 2"
      ).at(file: template.source.path)
    }
    store = template
    self.source = source
    let suffixes = SlotSuffixes(graph)
    var fullNames: [Name: Name] = [:]
    var byFullName: [Name: [Name]] = [:]
    var bySlot: [Name: [Name]] = [:]
    for attribute in graph.attributes where attribute.isVariable && template.contains(attribute.key) {
      if !attribute.fullName.bytes.isEmpty {
        fullNames[attribute.key] = attribute.fullName
        byFullName[attribute.fullName, default: []].append(attribute.key)
      }
      if let name = suffixes.name(of: attribute) { bySlot[name, default: []].append(attribute.key) }
    }
    self.fullNames = fullNames
    self.byFullName = byFullName
    self.bySlot = bySlot
  }

  /// The key for a name: the key itself, then the full name that the template has for it, then TensorFlow 1's name of a slot.
  func fate(of name: Name) -> NameFate {
    if ObjectNames.isBookkeeping(name) { return .leftOut }
    if store.contains(name) { return .named(name) }
    for candidate in [name, source?.names[name]].compactMap({ $0 }) {
      for keys in [byFullName[candidate], bySlot[candidate]].compactMap({ $0 }) {
        guard keys.count == 1 else {
          return .lost(
            reason: "is the full name of \(keys.count) variables of the template (\(ConversionPlan.list(keys)))")
        }
        return .named(keys[0])
      }
    }
    return .lost(reason: "has no place in the template")
  }

  /// Variables of the template that must have a value.
  var wanted: [Variable] { store.variables.filter { !ObjectNames.isBookkeeping($0.name) } }

  /// Why a tensor cannot take the place of the template's, or nil where it can.
  func objection(to dtype: DType, _ shape: Shape, at key: Name) -> String? {
    guard let wanted = store[key]?.tensor, wanted.dtype != dtype || wanted.shape != shape else { return nil }
    return
      "is \(dtype.rawValue) of shape \(shape), but the template wants \(wanted.dtype.rawValue) of shape \(wanted.shape)"
  }

  /// How a message names a variable of the template.
  func label(_ key: Name) -> String { fullNames[key].map { " (full name '\($0)')" } ?? "" }
}
