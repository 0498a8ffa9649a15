import CheckpointCore

extension Plan {
  /// Runs a plan without control flow: every node once, in order. A value goes as soon as its last reader has it.
  func runStraight(_ arguments: inout [Value?], _ context: inout KernelContext) throws(CheckpointError) -> [Value?] {
    var values = [Value?](repeating: nil, count: outputCount)
    for index in nodes.indices {
      let node = nodes[index]
      context.inputs.removeAll(keepingCapacity: true)
      for i in node.firstInput..<node.firstInput + node.inputCount {
        switch inputs[i] {
        case .output(let output, let isLast):
          if isLast { context.inputs.append(values[output].take()) } else { context.inputs.append(values[output]) }
        case .constant(let constant): context.inputs.append(constants[constant])
        case .argument(let argument, let isLast):
          if isLast {
            context.inputs.append(arguments[argument].take())
          } else {
            context.inputs.append(arguments[argument])
          }
        }
      }
      context.node = node.id
      try context.spend()
      do {
        try kernels[index](&context)
      } catch {
        throw error.in(node: names[index], op: ops[index])
      }
      guard context.outputs.count == node.outputCount else { throw wrongOutputs(index, context.outputs.count) }
      if context.run.trace != nil { try context.run.report(names[index], context.outputs) }
      for i in 0..<node.outputCount where isUsed[node.firstOutput + i] {
        values[node.firstOutput + i] = context.outputs[i].take()
      }
      context.outputs.removeAll(keepingCapacity: true)
    }
    var results: [Value?] = []
    results.reserveCapacity(fetches.count)
    for fetch in fetches {
      switch fetch {
      case .output(let output, _): results.append(values[output])
      case .constant(let constant): results.append(constants[constant])
      case .argument(let argument, _): results.append(arguments[argument])
      }
    }
    return results
  }

  func wrongOutputs(_ index: Int, _ count: Int) -> CheckpointError {
    CheckpointError(.unsupported, "made \(count) outputs, not \(nodes[index].outputCount)")
      .in(node: names[index], op: ops[index])
  }

  func run(_ arguments: inout [Value?], _ context: inout KernelContext) throws(CheckpointError) -> [Value?] {
    if frames == nil { return try runStraight(&arguments, &context) }
    var executor = FrameExecutor(self, arguments)
    arguments.removeAll()
    return try executor?.run(&context) ?? []
  }
}

extension CheckpointError {
  /// The same error with the node that it happened in.
  func `in`(node: String, op: String) -> CheckpointError {
    // The innermost node is the one that counts.
    if message.hasPrefix("node '") || message.hasPrefix("limit reached") || code == .interrupted { return self }
    return CheckpointError(code, "node '\(Name(node))' (\(op)): \(message)", remedy: remedy)
      .at(file: file, offset: offset, variable: variable)
  }
}
