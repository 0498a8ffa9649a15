import CheckpointCore
import ProtoWire

/// Ops that pass values on, or only order others. Switch, Merge and the ops of loops are the executor's own
/// (`Executor/FrameExecutor.swift`).
enum ControlOps {
  static let table: [Op] = [
    Op("Const", constant),
    Op("NoOp", nothing),
    .plain("Identity", pass), .plain("StopGradient", pass), .plain("PreventGradient", pass), .plain("Snapshot", pass),
    .plain("PlaceholderWithDefault", pass), .plain("Print", pass), .plain("ReadVariableXlaSplitND", pass),
    .plain("RefIdentity") { context throws(CheckpointError) in context.emit(try context.value(0)) },
    Op("IdentityN", identityN),
    Op("Placeholder", placeholder), Op("PlaceholderV2", placeholder),
    Op("PrintV2", nothing),
    Op("Assert", assertion),
    Op("CheckNumerics", checkNumerics), Op("CheckNumericsV2", checkNumerics),
  ]

  private static let pass: Kernel = { context throws(CheckpointError) in context.emit(try context.take(0)) }

  private static func nothing(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 0
    return { _ throws(CheckpointError) in }
  }

  private static func identityN(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = node.inputCount
    let count = node.inputCount
    return { (context) throws(CheckpointError) in
      for i in 0..<count { context.emit(try context.take(i)) }
    }
  }

  /// Const: the tensor of the attribute `value`, decoded once.
  private static func constant(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let proto = try TensorProto(try node.tensorProto("value"))
    let value: Value
    if proto.dtype == .string {
      let strings = try StringTensor(proto.shape, try proto.stringElements(), budget: node.program.budget)
      value = .strings(strings)
    } else {
      let dense = try DenseTensor(proto.dtype, proto.shape, budget: node.program.budget, isPinned: true)
      let bytes = try proto.bytes(limit: dense.byteCount)
      dense.fill(bytes.rawSpan, at: 0)
      dense.normalizeTruth()
      value = .dense(dense)
    }
    node.program.constantValues[node.id] = value
    return { (context) throws(CheckpointError) in context.emit(value) }
  }

  private static func placeholder(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { _ throws(CheckpointError) in throw CheckpointError(.usage, "must be fed") }
  }

  /// Assert: the run ends where the condition is false, with the data in the message. Attribute summarize.
  private static func assertion(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let limit = try node.int("summarize", default: 3)
    node.outputCount = 0
    return { (context) throws(CheckpointError) in
      if try context.tensor(0, .bool).allSatisfy(UInt8.self, { $0 != 0 }) { return }
      var words: [String] = []
      for i in 1..<max(context.inputCount, 1) { words.append(describe(try context.read(i), limit: limit)) }
      throw CheckpointError(.corrupt, "the assertion does not hold: \(words.joined(separator: " "))")
    }
  }

  /// The first elements of a value, for a message.
  private static func describe(_ value: Value, limit: Int) -> String {
    let most = limit < 0 ? 64 : min(limit, 64)
    switch value {
    case .strings(let strings):
      return strings.elements.prefix(max(most, 1)).map { "\(Name(bytes: $0))" }.joined(separator: " ")
    case .dense(let tensor):
      let words: [String]
      switch tensor.dtype {
      case .float32: words = tensor.first(most, Float.self).map { "\($0)" }
      case .float64: words = tensor.first(most, Double.self).map { "\($0)" }
      case .int32: words = tensor.first(most, Int32.self).map { "\($0)" }
      case .int64: words = tensor.first(most, Int64.self).map { "\($0)" }
      case .bool: words = tensor.first(most, UInt8.self).map { $0 == 0 ? "false" : "true" }
      default: return value.summary
      }
      let more = words.count < tensor.elementCount ? " …" : ""
      return tensor.rank == 0 ? words.joined() : "[\(words.joined(separator: " "))\(more)]"
    default: return value.summary
    }
  }

  /// CheckNumerics: the run ends at a NaN or an infinity. Attribute message.
  private static func checkNumerics(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let message = try node.string("message", default: "")
    return { (context) throws(CheckpointError) in
      let isSound = try isFinite(try context.tensor(0))
      guard isSound else { throw CheckpointError(.corrupt, "a number is not finite: \(Name(message))") }
      context.emit(try context.take(0))
    }
  }

  private static func isFinite(_ tensor: DenseTensor) throws(CheckpointError) -> Bool {
    switch tensor.dtype {
    case .float32: return tensor.allSatisfy(Float.self) { $0.isFinite }
    case .float64: return tensor.allSatisfy(Double.self) { $0.isFinite }
    case .float16, .bfloat16:
      let exponent: UInt16 = tensor.dtype == .float16 ? 0x7c00 : 0x7f80
      return tensor.allSatisfy(UInt16.self) { $0 & exponent != exponent }
    default: throw CheckpointError(.unsupported, "no kernel for \(tensor.dtype.rawValue)")
    }
  }
}
