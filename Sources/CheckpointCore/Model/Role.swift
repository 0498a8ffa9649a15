/// What a variable is for.
public enum Role: String, CaseIterable, Sendable {
  /// Part of the network.
  case weight
  /// State that an optimizer keeps for a weight, such as Adam's moments.
  case slot
  /// The moving average of a weight.
  case ema
  /// A count of steps, or another number of the training loop.
  case counter
  /// Anything else: object graphs, iterator states, lookup tables.
  case other
}

extension Role {
  /// Endings of optimizer slots, as TensorFlow 1 names them below their variable; a second of the kind ends in `_1`, and so on.
  static let slotSuffixes: Set<String> = [
    "Adam", "Momentum", "RMSProp", "Adagrad", "Adadelta", "Ftrl", "AdaMax", "Nadam", "LARSOptimizer", "AdagradDA",
    "ProximalAdagrad", "AddSign", "PowerSign", "LAMBOptimizer", "AdamW", "MomentumW", "adam_m", "adam_v", "lamb_m",
    "lamb_v",
  ]
  /// Slots of the optimizers of Keras, `Adam/dense/kernel/m`, in TensorFlow 2 (tensorflow/python/keras/optimizer_v2).
  static let kerasSlots: Set<String> = [
    "m", "v", "vhat", "momentum", "rms", "mg", "accumulator", "linear", "accum_grad", "accum_var",
  ]
  static let emaSuffixes: Set<String> = ["ExponentialMovingAverage", "moving_average", "ema"]
  static let counterNames: Set<String> = [
    "global_step", "step", "iter", "iterations", "save_counter", "beta1_power", "beta2_power", "epoch",
  ]
  /// Other lone numbers of a training loop, which object checkpoints hold.
  private static let trainingNames: Set<String> = [
    "learning_rate", "_learning_rate", "_current_learning_rate", "_iterations", "decay", "beta_1", "beta_2", "momentum",
    "rho", "epsilon", "loss_scale", "current_loss_scale", "good_steps",
  ]
  /// Slots that are sums or averages of squares. TensorFlow 1 makes Adam's `m` before its `v`, RMSProp's `rms` first.
  private static let squares: Set<String> = [
    "Adam_1", "RMSProp", "Adagrad", "Adadelta", "Adadelta_1", "Ftrl", "AdaMax_1", "Nadam_1", "AdamW_1", "adam_v",
    "lamb_v",
  ]
  private static let objectSquares: Set<String> = ["v", "vhat", "rms", "accumulator", "accum_grad", "accum_var"]

  private static let kerasOptimizers: Set<String> = [
    "Adam", "SGD", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam", "TFOptimizer",
  ]

  /// The role of a variable that an optimizer of Keras 2 made: `Adam/lr`, `training/Adam/Variable_3`, `training_1/SGD/…`. Its graph
  /// calls all of them trainable, which none is.
  static func ofKerasOptimizer(_ name: Name, _ shape: Shape) -> Role? {
    let parts = name.bytes.split(separator: UInt8(ascii: "/"), maxSplits: 2)
    guard parts.count > 1 else { return nil }
    func isOptimizer(_ part: ArraySlice<UInt8>) -> Bool {
      kerasOptimizers.contains(String(decoding: part.withoutNumber, as: UTF8.self))
    }
    if parts.count == 2, isOptimizer(parts[0]), shape.rank == 0 { return .counter }
    return parts.count == 3 && parts[0].withoutNumber.elementsEqual("training".utf8) && isOptimizer(parts[1])
      ? .slot : nil
  }

  /// The role that a name, dtype and shape speak for, where no graph says more.
  /// - Parameter isVariable: whether a name belongs to the same checkpoint; a slot or average has its variable beside it.
  public static func inferred(name: Name, dtype: DType, shape: Shape, isVariable: (Name) -> Bool) -> Role {
    guard dtype != .string, dtype != .variant else { return .other }
    if let (role, _) = derived(name, isVariable: isVariable) { return role }
    let path = KeyPath(name)
    let last = String(decoding: path.last.withoutNumber, as: UTF8.self)
    let isNumber = shape.rank == 0
    if isNumber, counterNames.contains(last) { return .counter }
    guard path.isObjectKey else { return .weight }
    if isNumber, trainingNames.contains(String(decoding: path.last, as: UTF8.self)) { return .counter }
    // Newer Keras optimizers number what they keep: `optimizer/_variables/3`.
    return path.path.dropLast(path.last.count).elements(endWith: "/_variables/") ? .slot : .weight
  }

  /// What the name of a slot or moving average says: which of the two it is, and the variable that it belongs to, nil where an
  /// object checkpoint has a slot without its variable.
  public static func derived(_ name: Name, isVariable: (Name) -> Bool) -> (role: Role, owner: Name?)? {
    let path = KeyPath(name)
    // `path/.OPTIMIZER_SLOT/optimizer/m/.ATTRIBUTES/VARIABLE_VALUE`
    if let slot = path.path.lastRange(of: "/.OPTIMIZER_SLOT/") {
      let owner = Name(bytes: path.path[..<slot.lowerBound] + path.attribute)
      return (path.last.elementsEqual("average".utf8) ? .ema : .slot, isVariable(owner) ? owner : nil)
    }
    guard let slash = path.path.lastIndex(of: UInt8(ascii: "/")) else { return nil }
    let suffix = String(decoding: path.last, as: UTF8.self)
    let plain = String(decoding: path.last.withoutNumber, as: UTF8.self)
    if kerasSlots.contains(suffix), let start = path.path.firstIndex(of: UInt8(ascii: "/")), start < slash {
      let owner = Name(bytes: path.path[(start + 1)..<slash] + path.attribute)
      return isVariable(owner) ? (.slot, owner) : nil
    }
    let role: Role
    if slotSuffixes.contains(suffix) || slotSuffixes.contains(plain) {
      role = .slot
    } else if emaSuffixes.contains(suffix) || emaSuffixes.contains(plain) {
      role = .ema
    } else {
      return nil
    }
    // Made inside a scope, it is named `scope/variable/Adam` although the variable is not in the scope.
    var owner = path.path[..<slash]
    while true {
      if isVariable(Name(bytes: owner + path.attribute)) { return (role, Name(bytes: owner + path.attribute)) }
      guard let next = owner.firstIndex(of: UInt8(ascii: "/")) else { return nil }
      owner = owner[(next + 1)...]
    }
  }

  /// Whether a name is that of a variance, or of a slot of squares, which are never negative.
  public static func isNonnegative(_ name: Name) -> Bool {
    let path = KeyPath(name)
    let last = String(decoding: path.last, as: UTF8.self)
    if path.path.lastRange(of: "/.OPTIMIZER_SLOT/") != nil { return objectSquares.contains(last) }
    if squares.contains(last) { return true }
    var rest = path.path
    if emaSuffixes.contains(last), let slash = rest.lastIndex(of: UInt8(ascii: "/")) { rest = rest[..<slash] }
    let own = rest.lastIndex(of: UInt8(ascii: "/")).map { rest[($0 + 1)...] } ?? rest
    let stem = String(decoding: own.withoutNumber, as: UTF8.self)
    return ["moving_variance", "variance", "moving_var", "running_var", "running_variance"].contains(stem)
  }

  /// A name without what object checkpoints, Keras and graphs add behind it.
  private struct KeyPath {
    let path: ArraySlice<UInt8>
    /// `/.ATTRIBUTES/VARIABLE_VALUE`, `:0`, or nothing.
    let attribute: ArraySlice<UInt8>

    init(_ name: Name) {
      let bytes = name.bytes[...]
      let end =
        bytes.lastRange(of: "/.ATTRIBUTES/")?.lowerBound
        ?? (name.hasSuffix(":0") ? bytes.endIndex - 2 : bytes.endIndex)
      path = bytes[..<end]
      attribute = bytes[end...]
    }

    var isObjectKey: Bool { attribute.count > 2 }

    var last: ArraySlice<UInt8> {
      path.lastIndex(of: UInt8(ascii: "/")).map { path[($0 + 1)...] } ?? path
    }
  }
}

extension ArraySlice where Element == UInt8 {
  /// Where a text stands for the last time.
  fileprivate func lastRange(of text: StaticString) -> Range<Int>? {
    let wanted = Array(text.description.utf8)
    var start = endIndex - wanted.count
    while start >= startIndex {
      if self[start..<start + wanted.count].elementsEqual(wanted) { return start..<start + wanted.count }
      start -= 1
    }
    return nil
  }

  fileprivate func elements(endWith text: StaticString) -> Bool {
    suffix(text.utf8CodeUnitCount).elementsEqual(text.description.utf8)
  }

  /// Without a final `_1`, `_2`, …, which TensorFlow adds to make a second name unique.
  fileprivate var withoutNumber: ArraySlice<UInt8> {
    guard let mark = lastIndex(of: UInt8(ascii: "_")), mark > startIndex, mark + 1 < endIndex else { return self }
    return self[(mark + 1)...].allSatisfy { $0 >= 0x30 && $0 < 0x3a } ? self[..<mark] : self
  }
}
