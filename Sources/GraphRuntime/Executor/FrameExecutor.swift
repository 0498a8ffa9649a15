import CheckpointCore

/// Runs a plan with control flow: TensorFlow's frames, iterations and dead tokens, with one iteration of a frame at a time
/// (what `parallel_iterations = 1` asks of TensorFlow), so that a frame's state is one range of each array.
///
/// A dead token travels along the edges of a branch that was not taken: a node with a dead input does not execute, all its
/// outputs are dead, and only a Merge, which takes the first live input, ends it. An iteration is over when none of its nodes
/// is ready and every Enter of its frame has delivered; then the values that NextIteration kept begin the next one, or,
/// when there are none, the frame is done and the Exits that never had a value are dead.
struct FrameExecutor {
  private let plan: Plan
  private let layout: FramePlan
  private let arguments: [Value?]

  private var pending: [Int32]
  /// Dead inputs that have arrived.
  private var dead: [Int32]
  /// For a Merge the number of the input that was alive first.
  private var chosen: [Int32]
  private var values: [Value?]
  private var exited: [Bool]
  /// Nodes to execute, last in, first out: depth first frees values early. A dead one is the complement of its number.
  private var ready: [Int32] = []
  private var frames: [State]
  private var results: [Value?]

  private struct State {
    var isActive = false
    /// Ready nodes and active frames inside.
    var outstanding = 0
    /// Enter nodes that have not delivered yet.
    var pendingEnters = 0
    /// What NextIteration nodes kept for the next iteration.
    var next: [(node: Int, value: Value?)] = []
    /// What constant Enter nodes deliver to every iteration; nil is dead.
    var invariants: [(node: Int, value: Value?)] = []
  }

  init?(_ plan: Plan, _ arguments: [Value?]) {
    guard let layout = plan.frames else { return nil }
    self.plan = plan
    self.layout = layout
    self.arguments = arguments
    pending = layout.pending
    dead = [Int32](repeating: 0, count: plan.nodes.count)
    chosen = dead
    values = [Value?](repeating: nil, count: plan.inputs.count)
    exited = [Bool](repeating: false, count: plan.nodes.count)
    frames = [State](repeating: State(), count: layout.frames.count)
    results = plan.fetches.map { fetch in
      switch fetch {
      case .output: nil
      case .constant(let constant): plan.constants[constant]
      case .argument(let argument, _): arguments[argument]
      }
    }
  }

  mutating func run(_ context: inout KernelContext) throws(CheckpointError) -> [Value?] {
    frames[0].isActive = true
    for root in layout.roots.reversed() { push(root, isDead: false) }
    while let item = ready.popLast() {
      let isDead = item < 0
      let index = Int(isDead ? ~item : item)
      let frame = Int(layout.frameOf[index])
      try execute(index, isDead: isDead, frame, &context)
      if plan.nodes[index].role == .enter { try settle(Int(layout.childOf[index]), &context) }
      frames[frame].outstanding -= 1
      if frames[frame].outstanding == 0, frame > 0 { try settle(frame, &context) }
    }
    return results
  }

  private mutating func push(_ index: Int, isDead: Bool) {
    ready.append(isDead ? ~Int32(index) : Int32(index))
    frames[Int(layout.frameOf[index])].outstanding += 1
  }

  private mutating func execute(
    _ index: Int, isDead: Bool, _ frame: Int, _ context: inout KernelContext
  ) throws(CheckpointError) {
    let node = plan.nodes[index]
    try context.spend()
    if isDead {
      for i in node.firstInput..<node.firstInput + node.inputCount { values[i] = nil }
      switch node.role {
      case .enter: enter(index, nil)
      case .exit, .nextIteration: break
      default:
        for output in node.firstOutput..<node.firstOutput + node.outputCount { deliver(output, nil, isFromEnter: false) }
        deliverControl(index, isDead: true)
      }
      return
    }
    switch node.role {
    case .kernel, .controlTrigger:
      context.inputs.removeAll(keepingCapacity: true)
      for i in node.firstInput..<node.firstInput + node.inputCount { context.inputs.append(take(i)) }
      context.node = node.id
      do {
        try plan.kernels[index](&context)
      } catch {
        throw error.in(node: plan.names[index], op: plan.ops[index])
      }
      guard context.outputs.count == node.outputCount else { throw plan.wrongOutputs(index, context.outputs.count) }
      if context.run.trace != nil { try context.run.report(plan.names[index], context.outputs) }
      // Nothing but this list may hold the values while they are handed on.
      context.inputs.removeAll(keepingCapacity: true)
      for i in 0..<node.outputCount { deliver(node.firstOutput + i, context.outputs[i].take(), isFromEnter: false) }
      context.outputs.removeAll(keepingCapacity: true)
      deliverControl(index, isDead: false)
    case .switch:
      let value = try input(index, node)
      let isTaken = try predicate(index, node)
      deliver(node.firstOutput, isTaken ? nil : value, isFromEnter: false)
      deliver(node.firstOutput + 1, isTaken ? value : nil, isFromEnter: false)
      deliverControl(index, isDead: false)
    case .merge:
      let choice = chosen[index]
      guard let value = take(node.firstInput + Int(choice)) else { throw missing(index) }
      deliver(node.firstOutput, value, isFromEnter: false)
      if node.outputCount > 1, isRead(node.firstOutput + 1) {
        deliver(node.firstOutput + 1, .dense(try context.scalar(choice)), isFromEnter: false)
      }
      deliverControl(index, isDead: false)
    case .loopCondition:
      deliver(node.firstOutput, try input(index, node), isFromEnter: false)
      deliverControl(index, isDead: false)
    case .enter:
      enter(index, try input(index, node))
    case .nextIteration:
      frames[frame].next.append((index, try input(index, node)))
    case .exit:
      exited[index] = true
      deliver(node.firstOutput, try input(index, node), isFromEnter: false)
      deliverControl(index, isDead: false)
    }
  }

  // MARK: Inputs

  private mutating func take(_ input: Int) -> Value? {
    switch plan.inputs[input] {
    case .output: values[input].take()
    case .constant(let constant): plan.constants[constant]
    case .argument(let argument, _): arguments[argument]
    }
  }

  /// The first input of a node that passes it on. References to variables are read unless the node is for them.
  private mutating func input(_ index: Int, _ node: Plan.Node) throws(CheckpointError) -> Value {
    guard let value = take(node.firstInput) else { throw missing(index) }
    guard case .reference(let variable) = value, !node.isReference else { return value }
    do {
      return try variable.read()
    } catch {
      throw error.in(node: plan.names[index], op: plan.ops[index])
    }
  }

  private mutating func predicate(_ index: Int, _ node: Plan.Node) throws(CheckpointError) -> Bool {
    var value = take(node.firstInput + 1)
    if case .reference(let variable)? = value { value = try variable.read() }
    guard case .dense(let tensor)? = value, tensor.dtype == .bool, tensor.elementCount == 1 else {
      throw CheckpointError(.corrupt, "the predicate is \(value?.summary ?? "missing"), not one truth value")
        .in(node: plan.names[index], op: plan.ops[index])
    }
    return tensor.elements(UInt8.self)[0] != 0
  }

  private func missing(_ index: Int) -> CheckpointError {
    CheckpointError(.corrupt, "an input is missing").in(node: plan.names[index], op: plan.ops[index])
  }

  // MARK: Outputs

  private func isRead(_ output: Int) -> Bool {
    layout.isFetched[output] || layout.edgeStart[output] < layout.edgeStart[output + 1]
  }

  /// Hands an output to its readers; nil is dead.
  private mutating func deliver(_ output: Int, _ value: Value?, isFromEnter: Bool) {
    if layout.isFetched[output], let value {
      for fetch in layout.fetchesOf[output] ?? [] { results[fetch] = value }
    }
    for e in layout.edgeStart[output]..<layout.edgeStart[output + 1] {
      let edge = layout.edges[e]
      activate(Int(edge.node), Int(edge.input), value, isFromEnter: isFromEnter)
    }
  }

  private mutating func deliverControl(_ index: Int, isDead: Bool) {
    for e in layout.controlStart[index]..<layout.controlStart[index + 1] {
      activateControl(Int(layout.controlEdges[e].node), isDead: isDead)
    }
  }

  private mutating func activate(_ index: Int, _ input: Int, _ value: Value?, isFromEnter: Bool) {
    if plan.nodes[index].role == .merge {
      if let value {
        // Only the first live input counts.
        let count = pending[index]
        guard count & 1 == 1 else { return }
        pending[index] = count & ~1
        values[input] = value
        chosen[index] = Int32(input - plan.nodes[index].firstInput)
        if count == 1 { push(index, isDead: false) }
      } else {
        dead[index] += 1
        // A dead Enter is all that a loop's Merge will see.
        let isDead = dead[index] == layout.mergeInputs[index] || isFromEnter
        if pending[index] == 1, isDead { push(index, isDead: true) }
      }
      return
    }
    if let value { values[input] = value } else { dead[index] += 1 }
    arrived(index)
  }

  private mutating func activateControl(_ index: Int, isDead: Bool) {
    if plan.nodes[index].role == .merge {
      pending[index] -= 2
      let isMergeDead = dead[index] == layout.mergeInputs[index]
      if pending[index] == 0 {
        push(index, isDead: false)
      } else if pending[index] == 1, isMergeDead {
        push(index, isDead: true)
      }
      return
    }
    if isDead { dead[index] += 1 }
    arrived(index)
  }

  private mutating func arrived(_ index: Int) {
    pending[index] -= 1
    if pending[index] == 0 {
      push(index, isDead: dead[index] > 0 && plan.nodes[index].role != .controlTrigger)
    }
  }

  // MARK: Frames

  private mutating func enter(_ index: Int, _ value: Value?) {
    let frame = Int(layout.childOf[index])
    if !frames[frame].isActive {
      frames[frame].isActive = true
      frames[frame].pendingEnters = layout.frames[frame].enterCount
      frames[frame].outstanding = 0
      frames[layout.frames[frame].parent].outstanding += 1
      for exit in layout.frames[frame].exits { exited[exit] = false }
      reset(frame)
    }
    frames[frame].pendingEnters -= 1
    if layout.isInvariant[index] { frames[frame].invariants.append((index, value)) }
    deliver(plan.nodes[index].firstOutput, value, isFromEnter: true)
    deliverControl(index, isDead: value == nil)
  }

  private mutating func reset(_ frame: Int) {
    for i in layout.frames[frame].nodes {
      pending[i] = layout.pending[i]
      dead[i] = 0
    }
    for i in layout.frames[frame].inputs { values[i] = nil }
  }

  /// Goes on to the next iteration of a frame with nothing left to do, or ends it.
  private mutating func settle(_ first: Int, _ context: inout KernelContext) throws(CheckpointError) {
    var frame = first
    while frame > 0, frames[frame].isActive, frames[frame].outstanding == 0, frames[frame].pendingEnters == 0 {
      if !frames[frame].next.isEmpty {
        try context.turn()
        let next = frames[frame].next
        frames[frame].next.removeAll(keepingCapacity: true)
        reset(frame)
        for (node, value) in frames[frame].invariants {
          deliver(plan.nodes[node].firstOutput, value, isFromEnter: false)
          deliverControl(node, isDead: value == nil)
        }
        for (node, value) in next {
          deliver(plan.nodes[node].firstOutput, value, isFromEnter: false)
          deliverControl(node, isDead: value == nil)
        }
        continue
      }
      frames[frame].isActive = false
      frames[frame].invariants.removeAll(keepingCapacity: true)
      let parent = layout.frames[frame].parent
      for exit in layout.frames[frame].exits where !exited[exit] {
        deliver(plan.nodes[exit].firstOutput, nil, isFromEnter: false)
        deliverControl(exit, isDead: true)
      }
      frames[parent].outstanding -= 1
      frame = parent
    }
  }
}
