import CheckpointCore
import ProtoWire
import Testing

@testable import GraphRuntime

/// `while (i < limit) { i += 1; total += step }` as TensorFlow 1 writes it.
func loop(_ name: String = "while", isEndless: Bool = false) -> GraphWriter {
  var graph = GraphWriter()
  graph.placeholder("limit", GraphWriter.int32, [])
  graph.placeholder("step", GraphWriter.int32)
  graph.constant("zero", [0])
  graph.node("i", "Enter", ["zero"], [("frame_name", .text(name))])
  graph.node("total", "Enter", ["zero"], [("frame_name", .text(name))])
  graph.node("end", "Enter", ["limit"], [("frame_name", .text(name)), ("is_constant", .bool(true))])
  graph.node("by", "Enter", ["step"], [("frame_name", .text(name)), ("is_constant", .bool(true))])
  graph.node("i/merge", "Merge", ["i", "i/next"])
  graph.node("total/merge", "Merge", ["total", "total/next"])
  graph.node("less", "Less", ["i/merge", isEndless ? "huge" : "end"])
  if isEndless { graph.constant("huge", [.max], control: ["^i/merge"]) }
  graph.node("cond", "LoopCond", ["less"])
  graph.node("i/switch", "Switch", ["i/merge", "cond"])
  graph.node("total/switch", "Switch", ["total/merge", "cond"])
  graph.node("i/body", "Identity", ["i/switch:1"])
  graph.constant("one", [1], control: ["^i/body"])
  if isEndless { graph.constant("none", [0], control: ["^i/body"]) }
  graph.node("i/add", "Add", ["i/body", isEndless ? "none" : "one"])
  graph.node("total/add", "Add", ["total/switch:1", "by"])
  graph.node("i/next", "NextIteration", ["i/add"])
  graph.node("total/next", "NextIteration", ["total/add"])
  graph.node("i/exit", "Exit", ["i/switch"])
  graph.node("total/exit", "Exit", ["total/switch"])
  return graph
}

@Suite struct ExecutorTests {
  @Test(arguments: [0, 1, 10])
  func loopsAsOftenAsTheConditionHolds(limit: Int32) throws {
    let runner = try loop().runner()
    let result = try runner.ints([("limit", [limit]), ("step", [3])], "i/exit", "total/exit:0")
    #expect(result == [[Int(limit)], [3 * Int(limit)]])
  }

  @Test func runsAgainFromTheBeginning() throws {
    let runner = try loop().runner()
    for _ in 0..<3 {
      #expect(try runner.ints([("limit", [4]), ("step", [5])], "total/exit") == [[20]])
    }
  }

  @Test func fetchesFromInsideALoopTheLastValue() throws {
    #expect(try loop().runner().ints([("limit", [4]), ("step", [1])], "total/add") == [[4]])
  }

  @Test func stopsALoopThatNeverEnds() throws {
    var limits = RunLimits()
    limits.loopTurns = 10_000
    let runner = try loop(isEndless: true).runner(limits)
    let error = #expect(throws: CheckpointError.self) { try runner.ints([("step", [1])], "total/exit") }
    #expect(error?.message.hasPrefix("limit reached: ") == true)
    #expect(error?.code == .unsupported)
  }

  @Test func stopsALoopThatDoublesATensor() throws {
    var graph = GraphWriter()
    graph.constant("start", [1, 2], [2])
    graph.constant("true", [1])
    graph.node("enter", "Enter", ["start"], [("frame_name", .text("f"))])
    graph.node("merge", "Merge", ["enter", "next"])
    graph.constant("a", [1], control: ["^merge"])
    graph.constant("b", [2], control: ["^merge"])
    graph.node("less", "Less", ["a", "b"])
    graph.node("cond", "LoopCond", ["less"])
    graph.node("switch", "Switch", ["merge", "cond"])
    graph.node("twice", "Twice", ["switch:1"])
    graph.node("next", "NextIteration", ["twice"])
    graph.node("exit", "Exit", ["switch"])
    var limits = RunLimits()
    limits.liveBytes = 64 << 20
    let runner = try graph.runner(limits)
    let error = #expect(throws: CheckpointError.self) { try runner.ints([], "exit") }
    #expect(error?.message.hasPrefix("limit reached: ") == true)
    #expect(runner.budget.heldBytes <= limits.liveBytes)
  }

  @Test func refusesADimensionOf2To40BeforeAllocatingIt() throws {
    var graph = GraphWriter()
    graph.constant("shape", [1 << 20, 1 << 20], [2])
    graph.node("zeros", "Zeros", ["shape"])
    let error = #expect(throws: CheckpointError.self) { try graph.runner().ints([], "zeros") }
    #expect(error?.message.hasPrefix("limit reached: ") == true)
  }

  @Test func runsLoopsInsideLoops() throws {
    // for i in 0..<outer { for j in 0..<inner { total += 1 } }
    var graph = GraphWriter()
    graph.placeholder("outer", GraphWriter.int32, [])
    graph.placeholder("inner", GraphWriter.int32, [])
    graph.constant("zero", [0])
    let o: [(String, GraphWriter.Attribute)] = [("frame_name", .text("o"))]
    let i: [(String, GraphWriter.Attribute)] = [("frame_name", .text("i"))]
    let fixed: [(String, GraphWriter.Attribute)] = [("is_constant", .bool(true))]
    graph.node("o/end", "Enter", ["outer"], o + fixed)
    graph.node("o/inner", "Enter", ["inner"], o + fixed)
    graph.node("o/i", "Enter", ["zero"], o)
    graph.node("o/total", "Enter", ["zero"], o)
    graph.node("o/i/merge", "Merge", ["o/i", "o/i/next"])
    graph.node("o/total/merge", "Merge", ["o/total", "o/total/next"])
    graph.node("o/less", "Less", ["o/i/merge", "o/end"])
    graph.node("o/cond", "LoopCond", ["o/less"])
    graph.node("o/i/switch", "Switch", ["o/i/merge", "o/cond"])
    graph.node("o/total/switch", "Switch", ["o/total/merge", "o/cond"])
    graph.node("o/i/body", "Identity", ["o/i/switch:1"])
    graph.constant("o/one", [1], control: ["^o/i/body"])
    graph.constant("o/zero", [0], control: ["^o/i/body"])
    graph.node("o/i/add", "Add", ["o/i/body", "o/one"])
    graph.node("o/i/next", "NextIteration", ["o/i/add"])
    graph.node("i/end", "Enter", ["o/inner"], i + fixed)
    graph.node("i/j", "Enter", ["o/zero"], i)
    graph.node("i/total", "Enter", ["o/total/switch:1"], i)
    graph.node("i/j/merge", "Merge", ["i/j", "i/j/next"])
    graph.node("i/total/merge", "Merge", ["i/total", "i/total/next"])
    graph.node("i/less", "Less", ["i/j/merge", "i/end"])
    graph.node("i/cond", "LoopCond", ["i/less"])
    graph.node("i/j/switch", "Switch", ["i/j/merge", "i/cond"])
    graph.node("i/total/switch", "Switch", ["i/total/merge", "i/cond"])
    graph.node("i/j/body", "Identity", ["i/j/switch:1"])
    graph.constant("i/one", [1], control: ["^i/j/body"])
    graph.node("i/j/add", "Add", ["i/j/body", "i/one"])
    graph.node("i/total/add", "Add", ["i/total/switch:1", "i/one"])
    graph.node("i/j/next", "NextIteration", ["i/j/add"])
    graph.node("i/total/next", "NextIteration", ["i/total/add"])
    graph.node("i/total/exit", "Exit", ["i/total/switch"])
    graph.node("o/total/next", "NextIteration", ["i/total/exit"])
    graph.node("exit", "Exit", ["o/total/switch"])
    let runner = try graph.runner()
    for (outer, inner) in [(3, 4), (0, 5), (5, 0), (1, 1)] as [(Int32, Int32)] {
      #expect(try runner.ints([("outer", [outer]), ("inner", [inner])], "exit") == [[Int(outer * inner)]])
    }
  }

  /// `if (pick) { y = x + x } else { assert(false); y = x * x }`, with a loop that only runs in the first.
  func condition() -> GraphWriter {
    var graph = GraphWriter()
    graph.placeholder("x", GraphWriter.int32, [])
    graph.placeholder("limit", GraphWriter.int32, [])
    graph.node("pick", "Less", ["x", "limit"])
    graph.node("x/switch", "Switch", ["x", "pick"])
    graph.node("yes", "Add", ["x/switch:1", "x/switch:1"])
    graph.node("never", "Less", ["x/switch", "x/switch"])
    graph.node("assert", "Assert", ["never", "x/switch"], [("T", .types([3]))])
    graph.node("no", "Mul", ["x/switch", "x/switch", "^assert"])
    graph.node("y", "Merge", ["no", "yes"])
    return graph
  }

  @Test func neverExecutesTheBranchThatWasNotTaken() throws {
    let runner = try condition().runner()
    #expect(try runner.ints([("x", [3]), ("limit", [9])], "y", "y:1") == [[6], [1]])
    let error = #expect(throws: CheckpointError.self) { try runner.ints([("x", [9]), ("limit", [3])], "y") }
    #expect(error?.message.contains("node 'assert' (Assert): the assertion does not hold: 9") == true)
  }

  @Test func saysThatAFetchLiesOnABranchThatWasNotTaken() throws {
    let runner = try condition().runner()
    let error = #expect(throws: CheckpointError.self) { try runner.ints([("x", [3]), ("limit", [9])], "no") }
    #expect(error?.message == "'no:0' was not computed: it lies on a branch that was not taken")
  }

  @Test func aLoopOnADeadBranchIsDead() throws {
    var graph = condition()
    let frame: [(String, GraphWriter.Attribute)] = [("frame_name", .text("f"))]
    graph.node("enter", "Enter", ["x/switch"], frame)
    graph.node("end", "Enter", ["limit"], frame + [("is_constant", .bool(true))])
    graph.node("merge", "Merge", ["enter", "next"])
    graph.node("less", "Less", ["merge", "end"])
    graph.node("cond", "LoopCond", ["less"])
    graph.node("switch", "Switch", ["merge", "cond"])
    graph.node("add", "Add", ["switch:1", "switch:1"])
    graph.node("next", "NextIteration", ["add"])
    graph.node("exit", "Exit", ["switch"])
    graph.node("z", "Merge", ["exit", "yes"])
    let runner = try graph.runner()
    #expect(try runner.ints([("x", [3]), ("limit", [9])], "z", "z:1") == [[6], [1]])
    #expect(try runner.ints([("x", [9]), ("limit", [3])], "z", "z:1") == [[9], [0]])
  }

  @Test func feedsAndFetchesInTheMiddleOfTheGraph() throws {
    var graph = GraphWriter()
    graph.placeholder("x", GraphWriter.int32)
    graph.node("a", "Unknown", ["x"])
    graph.node("b", "Add", ["a", "a"])
    graph.node("c", "Mul", ["b", "b", "^x"])
    let runner = try graph.runner()
    #expect(try runner.ints([("a:0", [1, 2])], "b") == [[2, 4]])
    #expect(try runner.ints([("b", [1, 2]), ("x", [0])], "c:0", "b") == [[1, 4], [1, 2]])
  }

  @Test func valuesAreOverwrittenOnlyByTheirOnlyOwner() throws {
    var graph = GraphWriter()
    graph.placeholder("x", GraphWriter.int32)
    graph.constant("k", [1, 2], [2])
    graph.node("sum", "Add", ["x", "k"])
    graph.node("alone", "Address", ["sum"])
    graph.node("other", "Add", ["x", "k"])
    graph.node("shared", "Address", ["other"])
    graph.node("both", "Add", ["other", "shared"])
    graph.node("constant", "Address", ["k"])
    graph.node("fed", "Address", ["x"])
    graph.node("view", "Identity", ["sum2"])
    graph.node("sum2", "Add", ["x", "k"])
    graph.node("viewed", "Address", ["view"])
    let runner = try graph.runner()
    let feeds: [(String, [Int32])] = [("x", [1, 2])]
    #expect(try runner.ints(feeds, "alone") == [[1]])
    #expect(try runner.ints(feeds, "shared", "both") == [[0], [2, 4]])
    #expect(try runner.ints(feeds, "constant", "fed", "viewed") == [[0], [0], [1]])
  }

  @Test func tracesEveryOutputInOrder() throws {
    var graph = GraphWriter()
    graph.placeholder("x", GraphWriter.int32)
    graph.node("a", "Add", ["x", "x"])
    graph.node("b", "Add", ["a", "x"])
    let runner = try graph.runner()
    let value = Value.dense(try DenseTensor(.int32, try Shape([2]), budget: runner.budget))
    var seen: [String] = []
    _ = try runner.run(feeds: [(TensorName("x"), value)], fetches: [TensorName("b")], weights: nil) {
      (node, output, value) throws(CheckpointError) in seen.append("\(node):\(output) \(value.summary)")
    }
    #expect(seen == ["a:0 int32 of shape [2]", "b:0 int32 of shape [2]"])
  }
}
