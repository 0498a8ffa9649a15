import CheckpointCore

/// A first-in first-out queue of tuples of values.
final class Queue: Resource, @unchecked Sendable {
  var tuples: [[Value]] = []
  /// Tuples that have been taken, at the front of `tuples`.
  var taken = 0

  override var kind: StaticString { "queue" }

  var count: Int { tuples.count - taken }

  func next() throws(CheckpointError) -> [Value] {
    guard taken < tuples.count else {
      throw CheckpointError(.unsupported, "the queue '\(name)' is empty, and nothing in this run would ever fill it")
    }
    defer {
      tuples[taken] = []
      taken += 1
    }
    return tuples[taken]
  }
}

/// Ops on queues. A queue that a run takes from is first filled by the graph's own QueueEnqueueMany nodes that need no feed
/// (`ResourceIndex`), as a program would have done before.
enum Queues {
  /// FIFOQueue. Attributes component_types, capacity (not enforced), container, shared_name.
  static func make(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let shared = try node.string("shared_name", default: "")
    let name = shared.isEmpty ? node.name : shared
    let key = "queue|" + (try node.string("container", default: "")) + "|" + name
    return { (context) throws(CheckpointError) in
      if let known = context.run.resources[key] { return context.emit(.resource(known)) }
      let queue = Queue(name: name)
      context.run.resources[key] = queue
      context.emit(.resource(queue))
    }
  }

  static func enqueue(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 0
    return { (context) throws(CheckpointError) in
      let queue = try context.resource(0, Queue.self)
      var tuple: [Value] = []
      for i in 1..<max(context.inputCount, 1) { tuple.append(try context.read(i)) }
      queue.tuples.append(tuple)
    }
  }

  /// QueueEnqueueMany: one tuple per row of the components.
  static func enqueueMany(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 0
    return { (context) throws(CheckpointError) in
      let queue = try context.resource(0, Queue.self)
      guard let rows = try context.shape(of: 1).dimensions.first else {
        throw CheckpointError(.corrupt, "a component has no rows")
      }
      for row in 0..<rows {
        var tuple: [Value] = []
        for i in 1..<context.inputCount { tuple.append(.dense(try context.tensor(i).row(row))) }
        queue.tuples.append(tuple)
      }
    }
  }

  static func dequeue(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = try node.dtypes("component_types").count
    return { (context) throws(CheckpointError) in
      for value in try context.resource(0, Queue.self).next() { context.emit(value) }
    }
  }

  /// QueueDequeueMany: n tuples, stacked by component.
  static func dequeueMany(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = try node.dtypes("component_types").count
    let components = node.outputCount
    return { (context) throws(CheckpointError) in
      let queue = try context.resource(0, Queue.self)
      let count = try context.int(1)
      guard count > 0, count <= queue.count else {
        throw CheckpointError(.unsupported, "\(count) elements are wanted of a queue that has \(queue.count)")
      }
      var columns = [[DenseTensor]](repeating: [], count: components)
      for _ in 0..<count {
        let tuple = try queue.next()
        guard tuple.count == components else { throw CheckpointError(.corrupt, "a tuple has \(tuple.count) members") }
        for (i, value) in tuple.enumerated() {
          guard case .dense(let tensor) = value else {
            throw CheckpointError(.unsupported, "stacking \(value.summary)")
          }
          columns[i].append(tensor)
        }
      }
      for column in columns { context.emit(try context.stack(column, elementShape: nil, dtype: column[0].dtype)) }
    }
  }

  static let size: Kernel = { context throws(CheckpointError) in
    context.emit(try context.scalar(Int32(clamping: try context.resource(0, Queue.self).count)))
  }

  static func close(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 0
    return { _ throws(CheckpointError) in }
  }
}
