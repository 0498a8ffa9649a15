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
  /// Endings of optimizer slots, as TensorFlow 1 names them below their variable.
  static let slotSuffixes: Set<String> = [
    "Adam", "Adam_1", "Momentum", "RMSProp", "RMSProp_1", "RMSProp_2", "Adagrad", "Adadelta", "Adadelta_1", "Ftrl",
    "Ftrl_1",
    "AdaMax", "AdaMax_1", "Nadam", "Nadam_1", "LARSOptimizer", "adam_m", "adam_v", "AdagradDA", "ProximalAdagrad",
  ]
  static let emaSuffixes: Set<String> = ["ExponentialMovingAverage", "moving_average", "ema"]
  static let counterNames: Set<String> = [
    "global_step", "step", "iter", "iterations", "save_counter", "beta1_power", "beta2_power", "epoch",
  ]

  /// The role that a name, dtype and shape speak for, where no graph says more.
  /// - Parameter isVariable: whether a name belongs to the same checkpoint; a slot or average has its variable beside it.
  public static func inferred(name: Name, dtype: DType, shape: Shape, isVariable: (Name) -> Bool) -> Role {
    guard dtype != .string, dtype != .variant else { return .other }
    var path = name.bytes[...]
    // Keys of object checkpoints: `path/.OPTIMIZER_SLOT/optimizer/m/.ATTRIBUTES/VARIABLE_VALUE`.
    if let attribute = path.lastRange(of: "/.ATTRIBUTES/") { path = path[..<attribute.lowerBound] }
    if path.lastRange(of: "/.OPTIMIZER_SLOT/") != nil { return .slot }
    var last = path
    if let slash = path.lastIndex(of: UInt8(ascii: "/")) {
      last = path[(slash + 1)...]
      let suffix = String(decoding: last, as: UTF8.self)
      if slotSuffixes.contains(suffix), isVariable(Name(bytes: path[..<slash])) { return .slot }
      if emaSuffixes.contains(suffix), isVariable(Name(bytes: path[..<slash])) { return .ema }
    }
    let isCounter = shape.rank == 0 && counterNames.contains(String(decoding: last.withoutNumber, as: UTF8.self))
    return isCounter ? .counter : .weight
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

  /// Without a final `_1`, `_2`, …, which TensorFlow adds to make a second name unique.
  fileprivate var withoutNumber: ArraySlice<UInt8> {
    guard let mark = lastIndex(of: UInt8(ascii: "_")), mark > startIndex, mark + 1 < endIndex else { return self }
    return self[(mark + 1)...].allSatisfy { $0 >= 0x30 && $0 < 0x3a } ? self[..<mark] : self
  }
}
