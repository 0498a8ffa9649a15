import CheckpointCore
import ProtoWire

/// Variables: making, reading and assigning them. `VariableV2` yields a reference, `VarHandleOp` a handle; both stand for a
/// value that the checkpoint gives when it is first read.
enum Variables {
  /// VariableV2, Variable. Attributes dtype, shape, container, shared_name.
  static func reference(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let index = try node.variable()
    node.program.variableOf[node.id] = index
    return { (context) throws(CheckpointError) in context.emit(.reference(context.run.variable(index))) }
  }

  /// VarHandleOp, with the same attributes.
  static func handle(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let index = try node.variable()
    return { (context) throws(CheckpointError) in context.emit(.resource(context.run.variable(index))) }
  }

  /// TemporaryVariable: a new variable without a value each time.
  static func temporary(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let name = node.name
    let dtype = try node.dtype("dtype")
    return { (context) throws(CheckpointError) in
      let variable = VariableCell(name: name, dtype: dtype, isShared: true, budget: context.run.budget) {
        () throws(CheckpointError) in nil
      }
      context.emit(.reference(variable))
    }
  }

  static let isInitialized: Kernel = { context throws(CheckpointError) in
    let isInitialized = try context.resource(0, VariableCell.self).isInitialized()
    context.emit(try context.truth(isInitialized))
  }

  /// Assign: the reference takes the value, whose shape must agree unless validate_shape is false; yields the reference.
  static func assign(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let variable = try context.resource(0, VariableCell.self)
      try variable.assign(try context.take(1))
      context.emit(.reference(variable))
    }
  }

  /// AssignVariableOp: the same for a handle; yields nothing.
  static func assignResource(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 0
    return { (context) throws(CheckpointError) in
      let value = try context.take(1)
      try context.resource(0, VariableCell.self).assign(value)
    }
  }

  /// AssignAdd, AssignSub: shapes must be equal.
  static func update(_ node: inout NodeContext, _ operation: Update) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let variable = try context.resource(0, VariableCell.self)
      try apply(operation, to: variable, &context)
      context.emit(.reference(variable))
    }
  }

  static func updateResource(_ node: inout NodeContext, _ operation: Update) throws(CheckpointError) -> Kernel {
    node.outputCount = 0
    return { (context) throws(CheckpointError) in
      try apply(operation, to: try context.resource(0, VariableCell.self), &context)
    }
  }

  private static func apply(
    _ operation: Update, to variable: VariableCell, _ context: inout KernelContext
  ) throws(CheckpointError) {
    let change = try context.tensor(1)
    try variable.change { (target) throws(CheckpointError) in
      guard target.shape == change.shape, target.dtype == change.dtype else {
        throw CheckpointError(
          .corrupt,
          "\(Value.dense(change).summary) cannot change a variable that is \(Value.dense(target).summary)")
      }
      try operation.apply(to: target, at: 0, change, at: 0, count: target.elementCount)
    }
  }
}

/// What a value does to what was there.
enum Update: Sendable {
  case replace, add, subtract

  /// Changes `count` elements of `target` from `first` on by those of `source` from `second` on. Both have one dtype.
  func apply(
    to target: DenseTensor, at first: Int, _ source: DenseTensor, at second: Int, count: Int
  ) throws(CheckpointError) {
    if self == .replace {
      let row = try source.elements(from: second, as: try Shape([count]))
      return try target.copy(row, toByteOffset: first * target.width)
    }
    switch target.dtype {
    case .float32: combine(Float.self, target, first, source, second, count)
    case .float64: combine(Double.self, target, first, source, second, count)
    case .float16: combine(Float16.self, target, first, source, second, count)
    case .int8: combine(Int8.self, target, first, source, second, count)
    case .int16: combine(Int16.self, target, first, source, second, count)
    case .int32: combine(Int32.self, target, first, source, second, count)
    case .int64: combine(Int64.self, target, first, source, second, count)
    case .uint8: combine(UInt8.self, target, first, source, second, count)
    case .uint16: combine(UInt16.self, target, first, source, second, count)
    case .uint32: combine(UInt32.self, target, first, source, second, count)
    case .uint64: combine(UInt64.self, target, first, source, second, count)
    default: throw CheckpointError(.unsupported, "\(target.dtype.rawValue) cannot be added to")
    }
  }

  private func combine<T: NumericElement>(
    _: T.Type, _ target: DenseTensor, _ first: Int, _ source: DenseTensor, _ second: Int, _ count: Int
  ) {
    var x = target.mutableElements(T.self)
    let y = source.elements(T.self)
    if self == .add {
      for i in 0..<count { x[first + i] = x[first + i].adding(y[second + i]) }
    } else {
      for i in 0..<count { x[first + i] = x[first + i].subtracting(y[second + i]) }
    }
  }
}

extension NodeContext {
  /// The number of the variable that the node makes.
  func variable() throws(CheckpointError) -> Int {
    guard case .type(let number)? = try attribute("dtype") else {
      throw CheckpointError(.corrupt, "the attribute dtype is missing")
    }
    var shape = try partialShape("shape")
    // Variables of an unknown shape are written with an empty one; a real scalar has it as well.
    if shape == [], op == "Variable" || op == "VariableV2" { shape = nil }
    let spec = VariableSpec(
      node: name, sharedName: try string("shared_name", default: ""),
      dtype: DataType.dtype(number > 100 ? number - 100 : number), shape: shape)
    return program.variable(spec, container: try string("container", default: ""))
  }
}

extension KernelContext {
  /// A scalar truth value.
  func truth(_ value: Bool) throws(CheckpointError) -> DenseTensor {
    let tensor = try allocate(.bool, .scalar)
    var elements = tensor.mutableElements(UInt8.self)
    elements[0] = value ? 1 : 0
    return tensor
  }
}
