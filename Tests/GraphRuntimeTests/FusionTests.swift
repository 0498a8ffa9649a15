import CheckpointCore
import ProtoWire
import Testing

@testable import GraphRuntime

/// Nodes that are joined, and work that is split among threads, give the bits of one node after the other on one thread.
@Suite struct FusionTests {
  static func floats(_ count: Int, seed: UInt32, special: Bool = false) -> [Float] {
    var state = seed
    return (0..<count).map { i in
      state = state &* 1_664_525 &+ 1_013_904_223
      if special, i % 97 == 5 { return [.nan, .infinity, -.infinity, -0.0][i / 97 % 4] }
      return Float(Int32(bitPattern: state) >> 8) / 0x1p23
    }
  }

  static func bytes(_ values: [Float]) -> [UInt8] {
    values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) } }
  }

  static func constant(_ graph: inout GraphWriter, _ name: String, _ sizes: [Int], seed: UInt32) {
    var writer = WireWriter()
    writer.integer(1, GraphWriter.float32)
    writer.message(2) { shape in for size in sizes { shape.message(2) { $0.integer(1, size) } } }
    writer.bytes(4, bytes(floats(sizes.reduce(1, *), seed: seed)))
    graph.node(name, "Const", [], [("dtype", .type(1)), ("value", .tensor(writer.bytes))])
  }

  static let type: (String, GraphWriter.Attribute) = ("T", .type(GraphWriter.float32))

  /// Conv2D 3x3 SAME, BiasAdd, `activation`, MatMul over the channels, BiasAdd, `activation`.
  static func network(channels: Int, activation: String, outputs: Int) -> GraphWriter {
    var graph = GraphWriter()
    graph.placeholder("x", GraphWriter.float32)
    constant(&graph, "filter", [3, 3, channels, 16], seed: 1)
    constant(&graph, "bias", [16], seed: 2)
    var ones = WireWriter()
    ones.message(1) { list in for _ in 0..<4 { list.integer(3, 1) } }
    graph.raw("conv", "Conv2D", ["x", "filter"], [("strides", ones.bytes)], [type, ("padding", .text("SAME"))])
    graph.node("conv_bias", "BiasAdd", ["conv", "bias"], [type])
    graph.node("hidden", activation, ["conv_bias"], [type])
    graph.constant("rows", [-1, 16], [2])
    graph.node("flat", "Reshape", ["hidden", "rows"], [type])
    constant(&graph, "matrix", [16, outputs], seed: 3)
    constant(&graph, "offsets", [outputs], seed: 4)
    graph.node("product", "MatMul", ["flat", "matrix"], [type])
    graph.node("sums", "BiasAdd", ["product", "offsets"], [type])
    graph.node("y", activation, ["sums"], [type])
    return graph
  }

  /// The bits of the fetches.
  static func run(
    _ graph: GraphWriter, _ x: Tensor, _ fetches: [String], threads: Int, isTraced: Bool = false
  ) throws -> (bits: [[UInt32]], nodes: Int) {
    let runner = try GraphRunner(try graph.graph(), threads: threads)
    let prepared = try runner.prepare(
      feeds: [TensorName("x")], fetches: fetches.map { TensorName($0) }, isTraced: isTraced)
    let values = try prepared.run([try runner.value(of: x)], weights: nil)
    return (
      values.map { value in
        guard case .dense(let tensor) = value else { return [] }
        return tensor.map(UInt32.self) { $0 }
      }, prepared.nodeCount
    )
  }

  static func images(_ channels: Int) throws -> Tensor {
    let sizes = [5, 11, 13, channels]
    return try Tensor(
      dtype: .float32, shape: try Shape(sizes),
      storage: MemoryStorage(bytes(floats(sizes.reduce(1, *), seed: 7, special: true))))
  }

  @Test(arguments: [1, 3, 16], ["Relu", "Relu6", "Identity"])
  func joinedNodesGiveTheSameBits(channels: Int, activation: String) throws {
    for outputs in [1, 10, 40] {
      let graph = FusionTests.network(channels: channels, activation: activation, outputs: outputs)
      let x = try FusionTests.images(channels)
      let joined = try FusionTests.run(graph, x, ["y"], threads: 1)
      let single = try FusionTests.run(graph, x, ["y"], threads: 1, isTraced: true)
      #expect(joined.bits == single.bits)
      #expect(single.nodes - joined.nodes == (activation == "Identity" ? 2 : 4))
    }
  }

  @Test func whatIsFetchedInBetweenIsNotJoined() throws {
    let graph = FusionTests.network(channels: 3, activation: "Relu", outputs: 10)
    let x = try FusionTests.images(3)
    let fetches = ["conv", "conv_bias", "sums", "y"]
    let joined = try FusionTests.run(graph, x, fetches, threads: 1)
    let single = try FusionTests.run(graph, x, fetches, threads: 1, isTraced: true)
    #expect(joined.bits == single.bits)
    #expect(single.nodes - joined.nodes == 1)
  }

  @Test func errorsNameTheNodeThatWasJoined() throws {
    var graph = FusionTests.network(channels: 3, activation: "Relu", outputs: 10)
    FusionTests.constant(&graph, "short", [4], seed: 5)
    graph.node("wrong", "BiasAdd", ["product", "short"], [FusionTests.type])
    graph.node("z", "Relu", ["wrong"], [FusionTests.type])
    let x = try FusionTests.images(3)
    let messages = [false, true].map { isTraced in
      #expect(throws: CheckpointError.self) {
        try FusionTests.run(graph, x, ["z"], threads: 1, isTraced: isTraced)
      }?.message
    }
    #expect(messages == [String?](repeating: "node 'wrong' (BiasAdd): a bias of shape [4] for 10 channels", count: 2))
  }

  @Test(arguments: [2, 3])
  func theNumberOfThreadsChangesNoBit(threads: Int) throws {
    var graph = FusionTests.network(channels: 16, activation: "Relu", outputs: 100)
    graph.node("probabilities", "Softmax", ["y"], [FusionTests.type])
    graph.constant("axes", [0, 1], [2])
    graph.node("mean", "Mean", ["y", "axes"], [FusionTests.type, ("Tidx", .type(GraphWriter.int32))])
    graph.node("sum", "Sum", ["hidden", "axes"], [FusionTests.type, ("Tidx", .type(GraphWriter.int32))])
    let sizes = [64, 28, 28, 16]
    let x = try Tensor(
      dtype: .float32, shape: try Shape(sizes),
      storage: MemoryStorage(FusionTests.bytes(FusionTests.floats(sizes.reduce(1, *), seed: 9))))
    let fetches = ["y", "probabilities", "mean", "sum", "hidden"]
    let one = try FusionTests.run(graph, x, fetches, threads: 1)
    #expect(try FusionTests.run(graph, x, fetches, threads: threads).bits == one.bits)
  }
}
