import CheckpointCore

/// A stack of values, which gradients of loops push and pop.
final class ValueStack: Resource, @unchecked Sendable {
  var values: [Value] = []

  override var kind: StaticString { "stack" }
}

/// Stack(max_size), StackPush(handle, value), StackPop(handle), StackClose(handle).
enum Stacks {
  static func make(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let name = node.name
    return { (context) throws(CheckpointError) in context.emit(.resource(ValueStack(name: name))) }
  }

  static func push(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let value = try context.take(1)
      try context.resource(0, ValueStack.self).values.append(value)
      context.emit(value)
    }
  }

  static func pop(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      guard let value = try context.resource(0, ValueStack.self).values.popLast() else {
        throw CheckpointError(.corrupt, "the stack is empty")
      }
      context.emit(value)
    }
  }

  static func close(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 0
    return { (context) throws(CheckpointError) in try context.resource(0, ValueStack.self).values.removeAll() }
  }
}
