import CheckpointCore
import ProtoWire
import TestKit
import Testing

@testable import GraphRuntime

/// Graphs with bytes changed at random: each is refused, or runs within its limits, and none ends the program.
@Suite struct DamagedGraphTests {
  static let graphs: [[UInt8]] = {
    var functions = GraphWriter()
    functions.placeholder("limit", GraphWriter.int32, [])
    functions.placeholder("step", GraphWriter.int32)
    functions.function(
      "less", ["a", "b"], returns: [("r", "l:z:0")], nodes: [GraphWriter.node("l", "Less", ["a", "b"], [])])
    functions.function(
      "body", ["a", "b"], returns: [("r", "s:z:0"), ("b2", "b")],
      nodes: [GraphWriter.node("s", "Add", ["a", "a"], [])])
    functions.node(
      "while", "While", ["step", "limit"],
      [("cond", .function("less")), ("body", .function("body")), ("T", .types([3, 3]))])
    functions.constant("scalar", [], [0])
    functions.constant("two", [2])
    functions.node("list", "TensorListReserve", ["scalar", "two"], [("element_dtype", .type(3))])
    functions.constant("index", [1])
    functions.node("set", "TensorListSetItem", ["list", "index", "while"], [("element_dtype", .type(3))])
    functions.node("total/exit", "TensorListStack", ["set", "scalar"], [("element_dtype", .type(3))])

    var state = GraphWriter()
    state.placeholder("limit", GraphWriter.int32, [])
    state.placeholder("step", GraphWriter.int32)
    state.node("a", "VariableV2", [], [("dtype", .type(3)), ("shape", .shape([2, 2]))])
    state.constant("rows", [1, 0], [2])
    state.constant("updates", [1, 2, 3, 4], [2, 2])
    state.node("assign", "Assign", ["a", "updates"], [])
    state.node("scatter", "ScatterAdd", ["assign", "rows", "updates"], [])
    state.constant("begin", [0, -1], [2])
    state.constant("strides", [1, -1], [2])
    state.node(
      "slice", "StridedSliceAssign", ["scatter", "begin", "rows", "strides", "step"], [("end_mask", .integer(3))])
    state.node("array", "TensorArrayV3", ["limit"], [("dtype", .type(3)), ("dynamic_size", .bool(true))])
    state.node("write", "TensorArrayScatterV3", ["array", "rows", "slice", "array:1"])
    state.node("total/exit", "TensorArrayConcatV3", ["array", "write"], [("element_shape_except0", .shape([2]))])
    return [loop().bytes, functions.bytes, state.bytes]
  }()

  @Test(arguments: 0..<3) func aDamagedGraphNeverEndsTheProgram(kind: Int) throws {
    var random = RandomSource(seed: UInt64(kind + 1))
    var limits = RunLimits()
    limits.loopTurns = 200
    limits.executedNodes = 100_000
    limits.liveBytes = 1 << 20
    var ran = 0
    for _ in 0..<2_000 {
      var bytes = DamagedGraphTests.graphs[kind]
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let position = Int.random(in: bytes.indices, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[position] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes[position] = bytes[Int.random(in: bytes.indices, using: &random)]
        default: bytes.remove(at: position)
        }
      }
      do {
        let graph = try GraphLoader.load(Message(bytes), path: "")
        let runner = try GraphRunner(graph, limits: limits, registry: try TestOps.registry())
        _ = try graph.outputs()
        _ = try runner.ints([("limit", [5]), ("step", [1])], "total/exit")
        ran += 1
      } catch is CheckpointError {}
    }
    #expect(ran > 0)
  }
}
