import CheckpointCore
import ProtoWire

extension PlanBuilder {
  /// Joins Conv2D or MatMul → BiasAdd, and BiasAdd → Relu or Relu6 behind them, into one node each, where nobody else reads
  /// what lies between: large values are then written once instead of three times. The results have the same bits, because
  /// the C kernels add the bias to the finished sum.
  mutating func fuse(_ fetches: inout [Link]) throws(CheckpointError) {
    guard drafts.contains(where: { $0.op == "BiasAdd" }) else { return }
    var readers = [Int](repeating: 0, count: drafts.count)
    for draft in drafts {
      for case .node(let source, _) in draft.data { readers[source] += 1 }
      for source in draft.control { readers[source] += 1 }
    }
    for case .node(let source, _) in fetches { readers[source] += 1 }

    var isGone = [Bool](repeating: false, count: drafts.count)
    /// The only draft that an input comes from, if it has the op and nothing else to do.
    func producer(_ link: Link, _ ops: Set<String>) -> Int? {
      guard case .node(let source, 0) = link, readers[source] == 1, !isGone[source], ops.contains(drafts[source].op),
        drafts[source].position >= 0
      else { return nil }
      return source
    }
    for isActivated in [true, false] {
      for tail in drafts.indices where !isGone[tail] && drafts[tail].control.isEmpty {
        let op = drafts[tail].op
        guard isActivated ? op == "Relu" || op == "Relu6" : op == "BiasAdd", let first = drafts[tail].data.first else {
          continue
        }
        let bias: Int
        if isActivated {
          guard let found = producer(first, ["BiasAdd"]), drafts[found].control.isEmpty else { continue }
          bias = found
        } else {
          bias = tail
        }
        guard drafts[bias].data.count == 2, let head = producer(drafts[bias].data[0], ["Conv2D", "MatMul"]),
          drafts[head].data.count == 2, drafts[head].role == .kernel,
          let kernel = try joined(head, bias, activation: isActivated ? op : nil)
        else { continue }
        drafts[tail].data = drafts[head].data + [drafts[bias].data[1]]
        drafts[tail].control = drafts[head].control
        drafts[tail].kernel = kernel
        isGone[head] = true
        if bias != tail { isGone[bias] = true }
      }
    }
    if isGone.contains(true) {
      keep(&fetches) {
        !isGone[$0]
      } instead: { _ in
        nil
      }
    }
  }

  /// The kernel of both nodes and of the activation, or nil where it does not exist. Its errors name the node that they
  /// belong to.
  private func joined(_ head: Int, _ bias: Int, activation: String?) throws(CheckpointError) -> Kernel? {
    let first = context(of: drafts[head], body.nodes[drafts[head].position])
    let second = context(of: drafts[bias], body.nodes[drafts[bias].position])
    guard try first.dtype("T") == .float32, try second.dtype("T") == .float32, try !ImageLayout(second).channelsFirst
    else { return nil }
    let tail = FusedTail(biasNode: second.name, activation: activation)
    let (name, op) = (first.name, first.op)
    let kernel: Kernel
    if op == "MatMul" {
      kernel = try MatMul.kernel(first, tail)
    } else {
      guard try !ImageLayout(first).channelsFirst else { return nil }
      kernel = try Convolution.kernel(first, tail)
    }
    return { (context) throws(CheckpointError) in
      do throws(CheckpointError) {
        try kernel(&context)
      } catch {
        throw error.in(node: name, op: op)
      }
    }
  }
}
