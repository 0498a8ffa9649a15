import CheckpointCore
import TestKit
import Testing
import Trial

@testable import GraphRuntime

/// Graphs that want more memory than there is for them, run by the program: each ends with the status of what is not supported, and
/// the process takes at most a tenth more than the limit.
@Suite(.serialized) struct LimitTests {
  static let graphs = [
    "grows by concatenation", "grows by multiplication", "grows in an array", "Fill", "Tile", "BroadcastTo", "Range",
    "OneHot",
    "MatMul", "Pad", "RandomUniform", "ResizeBilinear", "LinSpace",
  ]

  @Test(arguments: graphs) func stopsBeforeItIsTooLarge(name: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(try graph(name).bytes, to: "graph.pb")
    let trial = try #require(
      Trial.run([try BuiltProgram.path(), "run", path, "--fetch", "out", "--jobs", "1"], memory: nil, seconds: 60))
    #expect(trial.ending == .status(Int(CheckpointError.Code.unsupported.rawValue)))
    let limit = Double(RunLimits().liveBytes >> 20)
    #expect(trial.peak <= 1.1 * limit, "\(trial.peak) MiB")
    print("\(name): \(Int(trial.peak)) MiB of \(Int(limit)), \(Int(trial.seconds * 1000)) ms")
  }

  /// Who knows the graph may allow it more, or less.
  @Test func aPersonMayMoveTheLimits() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(try graph("one block").bytes, to: "graph.pb")
    func ending(_ options: [String]) throws -> Trial.Ending? {
      Trial.run(
        [try BuiltProgram.path(), "run", path, "--fetch", "out", "--jobs", "1"] + options,
        memory: nil, seconds: 60)?.ending
    }
    let refused = Trial.Ending.status(Int(CheckpointError.Code.unsupported.rawValue))
    #expect(try ending([]) == .status(0))
    #expect(try ending(["--max-memory", "32"]) == refused)
    #expect(try ending(["--max-memory", "100"]) == .status(0))
    try folder.write(try graph("goes round").bytes, to: "graph.pb")
    let start = ContinuousClock.now
    #expect(try ending(["--max-seconds", "0.2"]) == refused)
    #expect(ContinuousClock.now - start < .seconds(7), "before the limit that loops have")
  }

  private let float32: (String, GraphWriter.Attribute) = ("T", .type(GraphWriter.float32))

  private func graph(_ name: String) throws -> GraphWriter {
    var graph = GraphWriter()
    graph.constant("row", [1, 1 << 20], [2])
    graph.constant("column", [1 << 20, 1], [2])
    graph.constant("square", [1 << 20, 1 << 20], [2])
    for (i, name) in ["zero", "one"].enumerated() {
      graph.constant("whole \(name)", [Int32(i)])
      graph.node(name, "Cast", ["whole \(name)"], [("SrcT", .type(3)), ("DstT", .type(1))])
    }
    // 64 MiB
    graph.constant("size", [16, 1 << 20], [2])
    graph.node("block", "Fill", ["size", "one"], [float32])
    switch name {
    case "one block": graph.node("out", "Identity", ["block"], [float32])
    case "goes round": loop(&graph) { $0.node("grown", "Identity", ["switch:1"], [float32]) }
    case "grows by concatenation":
      graph.constant("axis", [0])
      loop(&graph) { graph in
        graph.node(
          "grown", "ConcatV2", ["switch:1", "inner", "axis/inner"], [("N", .integer(2)), float32, ("Tidx", .type(3))])
      }
      graph.node(
        "axis/inner", "Enter", ["axis"], [("frame_name", .text("f")), ("is_constant", .bool(true)), ("T", .type(3))])
    case "grows by multiplication":
      graph.constant("twice", [2, 1], [2])
      loop(&graph) { graph in
        graph.node("grown", "Tile", ["switch:1", "twice/inner"], [float32, ("Tmultiples", .type(3))])
      }
      graph.node(
        "twice/inner", "Enter", ["twice"], [("frame_name", .text("f")), ("is_constant", .bool(true)), ("T", .type(3))])
    case "grows in an array":
      // Twenty different blocks, each its own memory.
      graph.constant("count", [32])
      graph.node("array", "TensorArrayV3", ["count"], [("dtype", .type(1))])
      var flow = "array:1"
      for i in 0..<32 {
        graph.constant("i\(i)", [Int32(i)])
        graph.node("block\(i)", "Fill", ["size", "one"], [float32])
        graph.node("write\(i)", "TensorArrayWriteV3", ["array", "i\(i)", "block\(i)", flow], [float32])
        flow = "write\(i)"
      }
      graph.node("out", "TensorArraySizeV3", ["array", flow])
      return graph
    case "Fill": graph.node("out", "Fill", ["square", "one"], [float32])
    case "Tile": graph.node("out", "Tile", ["block", "row"], [float32, ("Tmultiples", .type(3))])
    case "BroadcastTo": graph.node("out", "BroadcastTo", ["one", "square"], [float32, ("Tidx", .type(3))])
    case "Range":
      graph.constant("start", [0])
      graph.constant("end", [.max])
      graph.constant("step", [1])
      graph.node("out", "Range", ["start", "end", "step"], [("Tidx", .type(3))])
    case "OneHot":
      graph.constant("indices", Array(0..<64), [64])
      graph.constant("depth", [1 << 30])
      graph.node(
        "out", "OneHot", ["indices", "depth", "one", "zero"], [float32, ("TI", .type(3)), ("axis", .integer(-1))])
    case "MatMul":
      graph.node("a", "Fill", ["column", "one"], [float32])
      graph.node("b", "Fill", ["row", "one"], [float32])
      graph.node("out", "MatMul", ["a", "b"], [float32, ("transpose_a", .bool(false)), ("transpose_b", .bool(false))])
    case "Pad":
      graph.constant("paddings", [1 << 20, 1 << 20, 1 << 20, 1 << 20], [2, 2])
      graph.node("out", "Pad", ["block", "paddings"], [float32, ("Tpaddings", .type(3))])
    case "RandomUniform":
      graph.node(
        "out", "RandomUniform", ["square"],
        [("dtype", .type(1)), ("T", .type(3)), ("seed", .integer(1)), ("seed2", .integer(2))])
    case "ResizeBilinear":
      graph.constant("image", [1, 4, 4, 1], [4])
      graph.node("pixels", "Fill", ["image", "one"], [float32])
      graph.node("out", "ResizeBilinear", ["pixels", "square"], [float32, ("align_corners", .bool(false))])
    case "LinSpace":
      graph.constant("count", [.max])
      graph.node("out", "LinSpace", ["zero", "one", "count"], [float32, ("Tidx", .type(3))])
    default: break
    }
    return graph
  }

  /// A loop without end in which `body` makes `grown` of `switch:1` and `inner`.
  private func loop(_ graph: inout GraphWriter, _ body: (inout GraphWriter) -> Void) {
    let frame: (String, GraphWriter.Attribute) = ("frame_name", .text("f"))
    graph.node("enter", "Enter", ["block"], [frame, float32])
    graph.node("inner", "Enter", ["block"], [frame, float32, ("is_constant", .bool(true))])
    graph.node("merge", "Merge", ["enter", "next"], [float32, ("N", .integer(2))])
    graph.constant("a", [1], control: ["^merge"])
    graph.constant("b", [2], control: ["^merge"])
    graph.node("less", "Less", ["a", "b"], [("T", .type(3))])
    graph.node("cond", "LoopCond", ["less"])
    graph.node("switch", "Switch", ["merge", "cond"], [float32])
    body(&graph)
    graph.node("next", "NextIteration", ["grown"], [float32])
    graph.node("out", "Exit", ["switch"], [float32])
  }
}
