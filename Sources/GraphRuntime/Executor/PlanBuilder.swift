import CheckpointCore
import ProtoWire

/// Makes the plan of a graph or of a function's body: finds what the fetches need and the feeds cut off, makes the kernels,
/// numbers nodes and tensors, and lays out frames where there is control flow.
struct PlanBuilder {
  let program: ProgramBuilder
  let body: Body
  private let bindings: [String: AttrValue]
  private let feeds: [Source: Int]
  private let argumentCount: Int

  var drafts: [Draft] = []
  private var constants: [Value] = []
  private var hasFaults = false

  /// A node on its way into the plan.
  struct Draft {
    let name: String
    let op: String
    /// Where it stands in the body; -1 for one that the builder added.
    let position: Int
    var data: [Link] = []
    var control: [Int] = []
    var role = Plan.Role.kernel
    var isReference = false
    var kernel: Kernel = { _ throws(CheckpointError) in }
    var outputCount = 1
    var id = 0
    /// For Enter nodes.
    var frameName = ""
    var isInvariant = false
  }

  /// Where an input of a draft comes from.
  enum Link {
    case node(Int, Int)
    case constant(Int)
    case argument(Int)
  }

  init(
    _ program: ProgramBuilder, _ body: Body, bindings: [String: AttrValue], feeds: [Source: Int], argumentCount: Int
  ) {
    self.program = program
    self.body = body
    self.bindings = bindings
    self.feeds = feeds
    self.argumentCount = argumentCount
  }

  /// - Returns: nil where faults were reported to the program.
  consuming func build(fetches: [Source], effects: [Int]) throws(CheckpointError) -> Plan? {
    var reach = Reach(body, feeds, program.graph.resources(body))
    var links: [Link] = []
    for fetch in fetches { links.append(try reach.visit(fetch)) }
    for effect in effects { _ = try reach.visit(.control(node: effect)) }
    // Each node that is reached adds those that it reads.
    var next = 0
    while next < reach.order.count {
      let position = reach.order[next]
      next += 1
      let node = body.nodes[position]
      var draft = Draft(name: node.name, op: node.op, position: position)
      do {
        for input in node.inputs {
          let source = try body.source(input)
          if case .control(let node) = source {
            if let link = try reach.visitControl(node) { draft.control.append(link) }
          } else if input.utf8.first != UInt8(ascii: "^") {
            draft.data.append(try reach.visit(source))
          }
        }
        for node in reach.initializers(of: position) {
          if let link = try reach.visitControl(node) { draft.control.append(link) }
        }
        try prepare(&draft, node)
      } catch {
        hasFaults = true
        program.fault(error.in(node: node.name, op: node.op))
      }
      drafts.append(draft)
    }
    if hasFaults { return nil }
    guard try checkEdges(links) else { return nil }
    markChangedReferences()
    fold(&links)
    if program.fuses { try fuse(&links) }
    let isControlFlow = drafts.contains { $0.role != .kernel }
    if isControlFlow { materializeMergeInputs() }
    return isControlFlow ? try framed(links) : try straight(links)
  }

  // MARK: Nodes

  private mutating func prepare(_ draft: inout Draft, _ node: NodeDef) throws(CheckpointError) {
    draft.id = program.newID()
    if let role = Plan.Role(op: node.op) {
      draft.role = role
      draft.isReference = node.op.hasPrefix("Ref")
      draft.outputCount = role == .switch || role == .merge ? 2 : role == .controlTrigger ? 0 : 1
      if role == .enter {
        let context = context(of: draft, node)
        draft.frameName = try context.string("frame_name")
        draft.isInvariant = try context.bool("is_constant", default: false)
      }
      let wanted = role == .switch ? 2...2 : role == .merge ? 1...0xffff : role == .controlTrigger ? 0...0 : 1...1
      guard wanted.contains(draft.data.count) else {
        throw CheckpointError(.corrupt, "has \(draft.data.count) inputs")
      }
      return
    }
    var context = context(of: draft, node)
    if program.isFunction(node.op) {
      draft.kernel = try FunctionOps.direct(&context)
    } else if let build = program.registry[node.op] {
      if node.op == "Placeholder" || node.op == "PlaceholderV2" { program.notFed(try Graph.placeholder(node)) }
      draft.kernel = try build(&context)
    } else {
      hasFaults = true
      return program.unknown(op: node.op, node: node.name)
    }
    draft.outputCount = context.outputCount
  }

  func context(of draft: Draft, _ node: NodeDef) -> NodeContext {
    NodeContext(
      name: node.name, op: node.op, inputCount: draft.data.count, id: draft.id, node: node, bindings: bindings,
      program: program)
  }

  /// Every input must be an output that its node has.
  private func checkEdges(_ fetches: [Link]) throws(CheckpointError) -> Bool {
    var isSound = true
    func check(_ link: Link, _ reader: String) {
      switch link {
      case .node(let source, let index):
        let draft = drafts[source]
        guard index >= draft.outputCount else { return }
        isSound = false
        program.fault(
          CheckpointError(
            .corrupt,
            "\(reader) reads output \(index) of '\(Name(draft.name))' (\(draft.op)), which has \(draft.outputCount)"))
      case .argument(let index):
        guard index >= argumentCount else { return }
        isSound = false
        program.fault(CheckpointError(.corrupt, "\(reader) reads argument \(index) of \(argumentCount)"))
      case .constant: break
      }
    }
    for draft in drafts {
      for link in draft.data { check(link, "node '\(Name(draft.name))'") }
    }
    for link in fetches { check(link, "a fetch") }
    return isSound
  }

  /// Ops that change the variable that their first input refers to.
  private static let changers: Set<String> = [
    "Assign", "AssignAdd", "AssignSub", "ScatterUpdate", "ScatterAdd", "ScatterSub", "StridedSliceAssign",
  ]

  /// Finds the reference variables that are changed, through the nodes that pass references on.
  private func markChangedReferences() {
    var seen = [Bool](repeating: false, count: drafts.count)
    var stack: [Int] = []
    func follow(_ draft: Draft) {
      for case .node(let source, _) in draft.data where !seen[source] {
        seen[source] = true
        stack.append(source)
      }
    }
    for draft in drafts where PlanBuilder.changers.contains(draft.op) {
      if case .node(let source, _)? = draft.data.first, !seen[source] {
        seen[source] = true
        stack.append(source)
      }
    }
    while let next = stack.popLast() {
      let draft = drafts[next]
      if let variable = program.variableOf[draft.id] {
        program.changedReferences.insert(variable)
      } else if draft.isReference || draft.op == "RefIdentity" {
        follow(draft)
      } else if PlanBuilder.changers.contains(draft.op), case .node(let source, _)? = draft.data.first, !seen[source] {
        seen[source] = true
        stack.append(source)
      }
    }
  }

  /// Takes constants that wait for nothing out of the nodes: their readers have them at hand.
  private mutating func fold(_ fetches: inout [Link]) {
    var constantOf = [Int](repeating: -1, count: drafts.count)
    for i in drafts.indices where drafts[i].op == "Const" && drafts[i].control.isEmpty {
      guard let value = program.constantValues[drafts[i].id] else { continue }
      constantOf[i] = constants.count
      constants.append(value)
    }
    keep(&fetches) {
      constantOf[$0] < 0
    } instead: {
      constantOf[$0] >= 0 ? .constant(constantOf[$0]) : nil
    }
  }

  /// Leaves out drafts.
  /// - Parameters:
  ///   - isKept: by the draft's number.
  ///   - instead: what readers of a draft that is left out read; nil where there are none.
  mutating func keep(_ fetches: inout [Link], where isKept: (Int) -> Bool, instead: (Int) -> Link?) {
    var number = [Int](repeating: -1, count: drafts.count)
    var kept: [Draft] = []
    for i in drafts.indices where isKept(i) {
      number[i] = kept.count
      kept.append(drafts[i])
    }
    func renumbered(_ link: Link) -> Link {
      guard case .node(let node, let index) = link else { return link }
      return number[node] >= 0 ? .node(number[node], index) : instead(node) ?? link
    }
    for i in kept.indices {
      for k in kept[i].data.indices { kept[i].data[k] = renumbered(kept[i].data[k]) }
      kept[i].control = kept[i].control.compactMap { number[$0] >= 0 ? number[$0] : nil }
    }
    fetches = fetches.map(renumbered)
    drafts = kept
  }

  /// A Merge waits for tokens, so that a constant or fed input needs a node that sends one.
  private mutating func materializeMergeInputs() {
    for i in drafts.indices where drafts[i].role == .merge {
      for k in drafts[i].data.indices {
        if case .node = drafts[i].data[k] { continue }
        var draft = Draft(name: drafts[i].name + "/input_\(k)", op: "Identity", position: -1)
        draft.data = [drafts[i].data[k]]
        draft.id = program.newID()
        draft.kernel = { (context) throws(CheckpointError) in context.emit(try context.value(0)) }
        drafts[i].data[k] = .node(drafts.count, 0)
        drafts.append(draft)
      }
    }
  }

  // MARK: Order

  /// The drafts so that each comes after what it reads, depth first from the end: values live shortly. Edges out of
  /// NextIteration do not count.
  /// - Throws: `corrupt` where that leaves a cycle.
  private func ordered() throws(CheckpointError) -> [Int] {
    var order: [Int] = []
    order.reserveCapacity(drafts.count)
    // 0: not seen, 1: on the way, 2: done.
    var state = [UInt8](repeating: 0, count: drafts.count)
    var stack: [(node: Int, next: Int)] = []
    for root in drafts.indices where state[root] == 0 {
      stack.append((root, 0))
      state[root] = 1
      while let top = stack.last {
        let draft = drafts[top.node]
        guard top.next < draft.data.count + draft.control.count else {
          state[top.node] = 2
          order.append(top.node)
          stack.removeLast()
          continue
        }
        stack[stack.count - 1].next += 1
        let source: Int
        if top.next < draft.data.count {
          guard case .node(let node, _) = draft.data[top.next] else { continue }
          source = node
        } else {
          source = draft.control[top.next - draft.data.count]
        }
        if state[source] == 2 || drafts[source].role == .nextIteration && draft.role == .merge { continue }
        guard state[source] == 0 else {
          throw CheckpointError(.corrupt, "the graph has a cycle at the node '\(Name(drafts[source].name))'")
        }
        state[source] = 1
        stack.append((source, 0))
      }
    }
    return order
  }

  private func straight(_ fetches: [Link]) throws(CheckpointError) -> Plan {
    let order = try ordered()
    var parts = Parts(drafts, order)
    for fetch in fetches { parts.fetch(fetch) }
    var isUsed = [Bool](repeating: false, count: parts.outputCount)
    var usedArguments: Set<Int> = []
    for fetch in parts.fetches {
      if case .output(let output, _) = fetch { isUsed[output] = true }
      if case .argument(let argument, _) = fetch { usedArguments.insert(argument) }
    }
    for i in parts.inputs.indices.reversed() {
      switch parts.inputs[i] {
      case .output(let output, _):
        if !isUsed[output] { parts.inputs[i] = .output(output, isLast: true) }
        isUsed[output] = true
      case .argument(let argument, _):
        if usedArguments.insert(argument).inserted { parts.inputs[i] = .argument(argument, isLast: true) }
      case .constant: break
      }
    }
    return parts.plan(
      constants: constants, argumentCount: argumentCount, isUsed: isUsed, frames: nil)
  }

  /// Nodes and tensors numbered in an order.
  private struct Parts {
    var nodes: [Plan.Node] = []
    var kernels: [Kernel] = []
    var inputs: [Plan.Input] = []
    var names: [String] = []
    var ops: [String] = []
    var fetches: [Plan.Input] = []
    var outputCount = 0
    /// First output of each draft, and its number in the order.
    var firstOutput: [Int]
    var number: [Int]

    init(_ drafts: [Draft], _ order: [Int]) {
      firstOutput = [Int](repeating: 0, count: drafts.count)
      number = firstOutput
      for (i, node) in order.enumerated() {
        number[node] = i
        firstOutput[node] = outputCount
        outputCount += drafts[node].outputCount
      }
      for node in order {
        let draft = drafts[node]
        nodes.append(
          Plan.Node(
            role: draft.role, isReference: draft.isReference, id: draft.id, firstInput: inputs.count,
            inputCount: draft.data.count, firstOutput: firstOutput[node], outputCount: draft.outputCount))
        kernels.append(draft.kernel)
        names.append(draft.name)
        ops.append(draft.op)
        for link in draft.data { inputs.append(input(link)) }
      }
    }

    func input(_ link: Link) -> Plan.Input {
      switch link {
      case .node(let node, let index): .output(firstOutput[node] + index, isLast: false)
      case .constant(let constant): .constant(constant)
      case .argument(let argument): .argument(argument, isLast: false)
      }
    }

    mutating func fetch(_ link: Link) { fetches.append(input(link)) }

    func plan(constants: [Value], argumentCount: Int, isUsed: [Bool], frames: FramePlan?) -> Plan {
      Plan(
        nodes: nodes, kernels: kernels, inputs: inputs, names: names, ops: ops, constants: constants, fetches: fetches,
        argumentCount: argumentCount, outputCount: outputCount, isUsed: isUsed, frames: frames)
    }
  }

  // MARK: Frames

  private func framed(_ fetches: [Link]) throws(CheckpointError) -> Plan {
    let depthFirst = try ordered()
    let (frames, frameOf, childOf) = try assignFrames(depthFirst)
    // Neighbours by frame, each frame in its order.
    var byFrame = [[Int]](repeating: [], count: frames.count)
    for node in depthFirst { byFrame[frameOf[node]].append(node) }
    var parts = Parts(drafts, Array(byFrame.joined()))
    for fetch in fetches { parts.fetch(fetch) }

    var readers = [[FramePlan.Edge]](repeating: [], count: parts.outputCount)
    var controlReaders = [[FramePlan.Edge]](repeating: [], count: drafts.count)
    var pending = [Int32](repeating: 0, count: drafts.count)
    var mergeInputs = pending
    for (i, draft) in drafts.enumerated() {
      let number = parts.number[i]
      let firstInput = parts.nodes[number].firstInput
      var waits = 0
      for (k, link) in draft.data.enumerated() {
        guard case .node(let source, let index) = link else { continue }
        readers[parts.firstOutput[source] + index].append(.init(node: Int32(number), input: Int32(firstInput + k)))
        waits += 1
      }
      for source in draft.control { controlReaders[parts.number[source]].append(.init(node: Int32(number), input: -1)) }
      if draft.role == .merge {
        pending[number] = Int32(1 + 2 * draft.control.count)
        mergeInputs[number] = Int32(draft.data.count)
      } else {
        pending[number] = Int32(waits + draft.control.count)
      }
    }
    var edgeStart = [0]
    for list in readers { edgeStart.append(edgeStart[edgeStart.count - 1] + list.count) }
    var controlStart = [0]
    for list in controlReaders { controlStart.append(controlStart[controlStart.count - 1] + list.count) }
    var fetchesOf: [Int: [Int]] = [:]
    var isFetched = [Bool](repeating: false, count: parts.outputCount)
    for (i, fetch) in parts.fetches.enumerated() {
      guard case .output(let output, _) = fetch else { continue }
      fetchesOf[output, default: []].append(i)
      isFetched[output] = true
    }

    var enterCounts = [Int](repeating: 0, count: frames.count)
    for child in childOf where child >= 0 { enterCounts[child] += 1 }
    var list: [FramePlan.Frame] = []
    var firstNode = 0
    for (f, frame) in frames.enumerated() {
      let nodes = firstNode..<firstNode + byFrame[f].count
      firstNode = nodes.upperBound
      let inputs =
        nodes.isEmpty
        ? 0..<0
        : parts.nodes[nodes.lowerBound].firstInput..<parts.nodes[nodes.upperBound - 1].firstInput
          + parts.nodes[nodes.upperBound - 1].inputCount
      list.append(
        FramePlan.Frame(
          name: frame.name, parent: frame.parent, nodes: nodes, inputs: inputs,
          enterCount: enterCounts[f], exits: nodes.filter { parts.nodes[$0].role == .exit }))
    }
    var numberedFrames = [Int32](repeating: 0, count: drafts.count)
    var numberedChildren = [Int32](repeating: -1, count: drafts.count)
    var isInvariant = [Bool](repeating: false, count: drafts.count)
    for i in drafts.indices {
      numberedFrames[parts.number[i]] = Int32(frameOf[i])
      numberedChildren[parts.number[i]] = Int32(childOf[i])
      isInvariant[parts.number[i]] = drafts[i].isInvariant
    }
    let roots = pending.indices.filter { pending[$0] == 0 }
    let layout = FramePlan(
      frames: list, frameOf: numberedFrames, childOf: numberedChildren, isInvariant: isInvariant, pending: pending,
      mergeInputs: mergeInputs, edges: Array(readers.joined()), edgeStart: edgeStart,
      controlEdges: Array(controlReaders.joined()), controlStart: controlStart, fetchesOf: fetchesOf,
      isFetched: isFetched, roots: roots)
    return parts.plan(constants: constants, argumentCount: argumentCount, isUsed: [], frames: layout)
  }

  /// The frame that each node executes in: that of its inputs, the inner one behind an Enter, the outer one behind an Exit.
  private func assignFrames(
    _ order: [Int]
  ) throws(CheckpointError) -> (frames: [(name: String, parent: Int)], frameOf: [Int], childOf: [Int]) {
    var frames: [(name: String, parent: Int)] = [("", -1)]
    var known: [String: Int] = [:]
    var frameOf = [Int](repeating: -1, count: drafts.count)
    var childOf = [Int](repeating: -1, count: drafts.count)
    for i in order {
      var frame = -1
      func join(_ source: Int) throws(CheckpointError) {
        // A value that comes round a loop stays in its frame.
        guard frameOf[source] >= 0 else { return }
        let other: Int
        switch drafts[source].role {
        case .enter: other = childOf[source]
        case .exit: other = frames[frameOf[source]].parent
        default: other = frameOf[source]
        }
        guard other >= 0 else {
          throw CheckpointError(.corrupt, "node '\(Name(drafts[source].name))' (Exit) leaves no loop")
        }
        guard frame < 0 || frame == other else {
          throw CheckpointError(
            .corrupt, "the inputs of node '\(Name(drafts[i].name))' (\(drafts[i].op)) belong to different loops")
        }
        frame = other
      }
      for case .node(let source, _) in drafts[i].data { try join(source) }
      for source in drafts[i].control { try join(source) }
      frameOf[i] = max(frame, 0)
      if drafts[i].role == .enter {
        let key = "\(frameOf[i])/\(drafts[i].frameName)"
        childOf[i] = known[key] ?? frames.count
        if known.updateValue(childOf[i], forKey: key) == nil { frames.append((drafts[i].frameName, frameOf[i])) }
      }
    }
    for i in order where drafts[i].role == .nextIteration || drafts[i].role == .exit {
      guard frameOf[i] > 0 else {
        throw CheckpointError(.corrupt, "node '\(Name(drafts[i].name))' (\(drafts[i].op)) is in no loop")
      }
    }
    // What comes back into a Merge must come from its own frame.
    for i in order where drafts[i].role == .merge {
      for case .node(let source, _) in drafts[i].data where drafts[source].role == .nextIteration {
        guard frameOf[source] == frameOf[i] else {
          throw CheckpointError(
            .corrupt, "node '\(Name(drafts[i].name))' (Merge) is in another loop than what it merges")
        }
      }
    }
    return (frames, frameOf, childOf)
  }
}

extension Plan.Role {
  /// The role of an op that the executor carries out itself.
  init?(op: String) {
    switch op {
    case "Switch", "RefSwitch": self = .switch
    case "Merge", "RefMerge": self = .merge
    case "Enter", "RefEnter": self = .enter
    case "Exit", "RefExit": self = .exit
    case "NextIteration", "RefNextIteration": self = .nextIteration
    case "LoopCond": self = .loopCondition
    case "ControlTrigger": self = .controlTrigger
    default: return nil
    }
  }
}

/// The nodes that have been reached from the fetches, in the order in which they were.
private struct Reach {
  let body: Body
  let feeds: [Source: Int]
  let resources: ResourceIndex
  private(set) var order: [Int] = []
  /// Number of each node in `order`, or -1.
  private var numbers: [Int32]

  init(_ body: Body, _ feeds: [Source: Int], _ resources: ResourceIndex) {
    self.body = body
    self.feeds = feeds
    self.resources = resources
    numbers = [Int32](repeating: -1, count: body.nodes.count)
  }

  mutating func visit(_ source: Source) throws(CheckpointError) -> PlanBuilder.Link {
    switch source {
    case .argument(let index): return .argument(index)
    case .control(let node): return .node(number(node), 0)
    case .output(let node, let index):
      if !feeds.isEmpty, let feed = feeds[source] { return .argument(feed) }
      return .node(number(node), index)
    }
  }

  /// - Returns: nil where the node is a placeholder that is fed: it need not execute.
  mutating func visitControl(_ node: Int) throws(CheckpointError) -> Int? {
    if !feeds.isEmpty, feeds[.output(node: node, index: 0)] != nil, Graph.isPlaceholder(body.nodes[node].op) {
      return nil
    }
    return number(node)
  }

  func initializers(of node: Int) -> [Int] { resources.initializers(of: node) }

  private mutating func number(_ node: Int) -> Int {
    if numbers[node] >= 0 { return Int(numbers[node]) }
    numbers[node] = Int32(order.count)
    order.append(node)
    return order.count - 1
  }
}
