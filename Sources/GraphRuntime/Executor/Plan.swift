import CheckpointCore

/// A graph, or a function's body, pruned and resolved: nodes and tensors are numbers, kernels are made. Runs any number of
/// times.
final class Plan: Sendable {
  /// What the executor does with a node.
  enum Role: UInt8, Sendable {
    /// Calls its kernel.
    case kernel
    case `switch`, merge, enter, exit, nextIteration, loopCondition
    /// Runs even where its inputs are dead.
    case controlTrigger
  }

  /// Numbers only, so that copying one costs nothing; the kernels are apart.
  struct Node: Sendable {
    let role: Role
    /// Keeps references to variables as they are (`RefSwitch` and its like).
    let isReference: Bool
    /// The number in the program, for state and caches.
    let id: Int
    /// Inputs are `plan.inputs[firstInput..<firstInput + inputCount]`.
    let firstInput: Int
    let inputCount: Int
    /// Outputs are numbered `firstOutput...` in the plan.
    let firstOutput: Int
    let outputCount: Int
  }

  /// Where an input's value is.
  enum Input: Sendable {
    /// The output of a node of the plan. `isLast`: nobody needs it after this use (straight plans only).
    case output(Int, isLast: Bool)
    case constant(Int)
    /// A fed tensor, or an argument of the function; `isLast` likewise.
    case argument(Int, isLast: Bool)
  }

  let nodes: [Node]
  /// What each node does.
  let kernels: [Kernel]
  let inputs: [Input]
  /// Name and op of each node, for errors and traces.
  let names: [String]
  let ops: [String]
  let constants: [Value]
  /// What the plan is for.
  let fetches: [Input]
  /// Number of outputs of all nodes.
  let outputCount: Int
  /// Whether an output is read by a node or fetched; others are dropped (straight plans only).
  let isUsed: [Bool]
  /// Nil where every node runs exactly once, in the order in which `nodes` has them.
  let frames: FramePlan?

  init(
    nodes: [Node], kernels: [Kernel], inputs: [Input], names: [String], ops: [String], constants: [Value], fetches: [Input], outputCount: Int,
    isUsed: [Bool], frames: FramePlan?
  ) {
    self.nodes = nodes
    self.kernels = kernels
    self.inputs = inputs
    self.names = names
    self.ops = ops
    self.constants = constants
    self.fetches = fetches
    self.outputCount = outputCount
    self.isUsed = isUsed
    self.frames = frames
  }
}

/// What the interpreter of control flow needs beyond the nodes. Nodes of one frame are neighbours.
struct FramePlan: Sendable {
  struct Edge: Sendable {
    /// The node that reads.
    let node: Int32
    /// Its input, as a number of the plan, or -1 for a control edge.
    let input: Int32
  }

  struct Frame: Sendable {
    let name: String
    /// -1 for the root.
    let parent: Int
    /// Its nodes.
    let nodes: Range<Int>
    /// Inputs of its nodes.
    let inputs: Range<Int>
    /// Enter nodes that lead into it.
    let enterCount: Int
    /// Its Exit nodes.
    let exits: [Int]
  }

  let frames: [Frame]
  /// The frame of each node; an Enter is in the outer one, an Exit in the inner one.
  let frameOf: [Int32]
  /// For Enter nodes the frame that they lead into, else -1.
  let childOf: [Int32]
  /// Whether an Enter node's value is there in every iteration.
  let isInvariant: [Bool]
  /// Inputs that a node waits for: data and control, or for a Merge 1 + 2 × control inputs.
  let pending: [Int32]
  /// For Merge nodes the number of data inputs.
  let mergeInputs: [Int32]
  /// Readers of each output: `edges[edgeStart[o]..<edgeStart[o + 1]]`.
  let edges: [Edge]
  let edgeStart: [Int]
  /// Readers of each node's control output, likewise.
  let controlEdges: [Edge]
  let controlStart: [Int]
  /// Fetches that want an output, by output; most outputs have none.
  let fetchesOf: [Int: [Int]]
  let isFetched: [Bool]
  /// Nodes that wait for nothing.
  let roots: [Int]
}
