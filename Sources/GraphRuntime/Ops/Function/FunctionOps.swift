import CheckpointCore

/// Ops that call functions of the graph's library.
enum FunctionOps {
  static let table: [Op] = [
    Op("PartitionedCall", call), Op("StatefulPartitionedCall", call),
    Op("While", `while`), Op("StatelessWhile", `while`),
    Op("If", `if`), Op("StatelessIf", `if`),
    Op("Case", `case`), Op("StatelessCase", `case`),
  ]

  /// PartitionedCall: the function `f` of all inputs. Attributes f, Tout.
  private static func call(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let function = try node.function("f", isConditional: false)
    node.outputCount = try node.dtypes("Tout").count
    return kernel(function)
  }

  /// A node whose op is the name of a function: its attributes are the function's.
  static func direct(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let (function, results) = try node.functionOfOp()
    node.outputCount = results
    return kernel(function)
  }

  private static func kernel(_ function: FunctionID) -> Kernel {
    { (context) throws(CheckpointError) in
      var values = try context.takeAll()
      context.outputs = try context.call(function, &values)
    }
  }

  /// While: `body` of the values again and again, while `cond` of them holds. Attributes cond, body, T.
  private static func `while`(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let condition = try node.function("cond", isConditional: false)
    let body = try node.function("body", isConditional: true)
    node.outputCount = node.inputCount
    let count = node.inputCount
    return { (context) throws(CheckpointError) in
      var values = try context.takeAll()
      while true {
        guard try holds(condition, values, &context) else { break }
        try context.turn()
        let results = try context.call(body, &values)
        guard results.count == count else {
          throw CheckpointError(.corrupt, "the body has \(results.count) results for \(count) values")
        }
        values = results
      }
      context.outputs = values
    }
  }

  private static func holds(
    _ condition: FunctionID, _ values: [Value?], _ context: inout KernelContext
  ) throws(CheckpointError) -> Bool {
    var arguments = values
    let answer = try context.call(condition, &arguments)
    guard answer.count == 1, let answer = answer[0] else {
      throw CheckpointError(.corrupt, "the condition has \(answer.count) results")
    }
    return try isTrue(answer)
  }

  /// If: one of two functions of the inputs behind the condition. Attributes then_branch, else_branch, Tout.
  private static func `if`(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let yes = try node.function("then_branch", isConditional: true)
    let no = try node.function("else_branch", isConditional: true)
    node.outputCount = try node.dtypes("Tout").count
    return { (context) throws(CheckpointError) in
      let isTaken = try isTrue(try context.take(0))
      var values = try context.takeAll(from: 1)
      context.outputs = try context.call(isTaken ? yes : no, &values)
    }
  }

  /// Case: one of several functions by number; a number outside means the last. Attributes branches, Tout.
  private static func `case`(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let branches = try node.functions("branches")
    guard let last = branches.last else { throw CheckpointError(.corrupt, "has no branches") }
    node.outputCount = try node.dtypes("Tout").count
    return { (context) throws(CheckpointError) in
      let index = try context.int(0)
      let branch = branches.indices.contains(index) ? branches[index] : last
      var values = try context.takeAll(from: 1)
      context.outputs = try context.call(branch, &values)
    }
  }

  /// What counts as true: a bool, a number that is not zero, a tensor that is not scalar and not empty, a string that is not.
  private static func isTrue(_ value: Value) throws(CheckpointError) -> Bool {
    switch value {
    case .dense(let tensor):
      guard tensor.rank == 0 else { return tensor.elementCount > 0 }
      // Floats have two zeros; no other number has a second.
      switch tensor.dtype {
      case .float32: return tensor.elements(Float.self)[0] != 0
      case .float64: return tensor.elements(Double.self)[0] != 0
      default:
        let bytes = tensor.elements(UInt8.self)
        for i in bytes.indices where bytes[i] != 0 { return true }
        return false
      }
    case .strings(let strings):
      guard strings.shape.rank == 0 else { return !strings.elements.isEmpty }
      return strings.elements.first?.isEmpty == false
    default: throw CheckpointError(.corrupt, "the condition is \(value.summary)")
    }
  }
}
