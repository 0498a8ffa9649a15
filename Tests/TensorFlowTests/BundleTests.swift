import CheckpointCore
import Foundation
import ProtoWire
import TestKit
import Testing

@testable import TensorFlow

/// A bundle made entry by entry, so that it can be wrong where a writer is right.
struct BundleBytes {
  var header = BundleHeader.encode(shardCount: 1)
  var entries: [(key: [UInt8], value: [UInt8])] = []
  var data: [UInt8] = []

  /// Appends a tensor's bytes and its entry.
  mutating func append(_ key: [UInt8], _ dtype: DType, _ dimensions: [Int], _ bytes: [UInt8], crc32c: UInt32? = nil)
    throws
  {
    let entry = BundleEntry(
      dtype: dtype, shape: try Shape(dimensions), shard: 0, offset: data.count, size: bytes.count,
      crc32c: crc32c ?? CRC32C(of: bytes).value)
    entries.append((key, entry.encode()))
    data += bytes
  }

  mutating func append(_ key: String, _ dtype: DType, _ dimensions: [Int], _ bytes: [UInt8]) throws {
    try append(Array(key.utf8), dtype, dimensions, bytes)
  }

  var index: [UInt8] {
    var table = TableWriter()
    table.append([], header)
    for (key, value) in entries.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) { table.append(key, value) }
    return table.finish()
  }

  /// Writes index and one data file, and opens them.
  func open(in folder: TemporaryFolder, options: ReadOptions = ReadOptions()) throws -> VariableStore {
    try folder.write(index, to: "model.index")
    try folder.write(data, to: "model.data-00000-of-00001")
    return try BundleReader().open(folder("model"), options: options)
  }
}

@Suite struct BundleTests {
  /// The index and data of a checkpoint that TensorFlow 1.8.0 wrote: dense/bias float32 [4], dense/kernel float32 [3, 4].
  static let index = hex(
    """
    00000608011a02080100 0a0f64656e73652f6269617308011204120208042810352ab4658c 0606156b65726e656c
    08011208120208031202080420102830350176e22d 0000000001000000 007a3ae3a7 0000000001000000 00c0f2a1b0
    00010265004b 0000000001000000 0052a9d47e 50085d0e 00000000000000000000000000000000000000000000000000000000
    0000000000000000 57fb808b247547db
    """)
  static let data = hex(
    "29f7e7bfe1656b3e8ccb9bbf8bf9513f 0000807f000080ff0000c07f0000008000002000ffff7f7f03f5f7bf50434f40064f94c06791664089201c4034c55cc0"
  )

  @Test func readsWhatTensorFlowWrote() throws {
    let folder = try TemporaryFolder()
    try folder.write(Self.index, to: "model.index")
    try folder.write(Self.data, to: "model.data-00000-of-00001")
    let store = try TensorFlowFormats.bundle.load(folder("model"))
    #expect(store.variables.map(\.name) == ["dense/bias", "dense/kernel"])
    #expect(try store["dense/bias"]?.tensor.bytes() == Array(Self.data[..<16]))
    #expect(store["dense/kernel"]?.tensor.shape.dimensions == [3, 4])
    #expect(try store["dense/kernel"]?.tensor.bytes() == Array(Self.data[16...]))
    #expect(store.source.warnings == [])
  }

  @Test func writesTheBytesThatTensorFlowWrites() throws {
    let folder = try TemporaryFolder()
    let store = try VariableStore([
      "dense/kernel": Tensor(.float32, [3, 4], Array(Self.data[16...])),
      "dense/bias": Tensor(.float32, [4], Array(Self.data[..<16])),
    ])
    try TensorFlowFormats.bundle.save(store, to: folder("model"))
    #expect(folder.names == ["model.data-00000-of-00001", "model.index"])
    #expect(try folder.read("model.index") == Self.index)
    #expect(try folder.read("model.data-00000-of-00001") == Self.data)
  }

  /// `version` of the header: min_consumer 2; bad_consumers [1], one by one and packed.
  @Test(arguments: ["08 01 1a 02 10 02", "08 01 1a 02 18 01", "08 01 1a 03 1a 01 01"])
  func readersThatAWriterForbidsRefuse(header: String) throws {
    let error = failure { _ = try BundleBytes(header: hex(header)).open(in: TemporaryFolder()) }
    #expect(error?.code == .unsupported)
  }

  @Test func swapsTheNumbersOfABigEndianMachine() throws {
    var bundle = BundleBytes(header: hex("08 01 10 01 1a 02 08 01"))
    try bundle.append("a", .float32, [2], hex("3f800000 40000000"))
    try bundle.append("b", .int16, [2], hex("0102 0304"))
    try bundle.append("c", .complex64, [1], hex("3f800000 40000000"))
    try bundle.append("d", .bool, [2], hex("00 01"))
    let store = try bundle.open(in: TemporaryFolder())
    #expect(
      try store.contents().map(\.bytes) == [
        hex("0000803f 00000040"), hex("0201 0403"), hex("0000803f 00000040"), [0, 1],
      ])
    #expect(store.source.warnings.contains { $0.contains("big-endian") })
  }

  @Test func aChecksumIsOverTheBytesAsStored() throws {
    var bundle = BundleBytes(header: hex("08 01 10 01 1a 02 08 01"))
    try bundle.append(Array("a".utf8), .float32, [1], hex("3f800000"), crc32c: CRC32C(of: hex("0000803f")).value)
    let store = try bundle.open(in: TemporaryFolder())
    #expect(failure { _ = try store.contents() }?.code == .corrupt)
  }

  @Test func namesTheVariableAndFileOfAWrongChecksum() throws {
    let folder = try TemporaryFolder()
    try folder.write(Self.index, to: "model.index")
    var data = Self.data
    data[20] ^= 4
    try folder.write(data, to: "model.data-00000-of-00001")
    let store = try BundleReader().open(folder("model"), options: ReadOptions())
    let kernel = try #require(store["dense/kernel"])
    let error = failure { _ = try Digest.sha256(of: kernel) }
    #expect(
      error?.code == .corrupt && error?.variable == "dense/kernel" && error?.file == folder("model.data-00000-of-00001")
    )
  }

  @Test func bytesThatNobodyOwnsAreNoted() throws {
    var bundle = BundleBytes()
    try bundle.append("a", .uint8, [2], [1, 2])
    bundle.data += [0, 0, 0]
    try bundle.append("b", .uint8, [1], [3])
    bundle.data += [9]
    let store = try bundle.open(in: TemporaryFolder())
    #expect(try store.contents().map(\.bytes) == [[1, 2], [3]])
    #expect(store.source.warnings.contains { $0.hasPrefix("4 bytes of ") })
  }

  @Test func tensorsThatShareBytesAreNoted() throws {
    var bundle = BundleBytes()
    try bundle.append("a", .uint8, [4], [1, 2, 3, 4])
    bundle.entries.append(
      (
        Array("b".utf8),
        BundleEntry(
          dtype: .uint8, shape: try Shape([2]), shard: 0, offset: 2, size: 2, crc32c: CRC32C(of: [3, 4]).value
        ).encode()
      ))
    let store = try bundle.open(in: TemporaryFolder())
    #expect(try store.contents().map(\.bytes) == [[1, 2, 3, 4], [3, 4]])
    #expect(store.source.warnings.contains { $0.hasPrefix("two tensors own the same bytes") })
  }

  @Test func refusesATensorOutsideItsShard() throws {
    for (offset, size, words) in [
      (0, 5, "is cut short by 1 byte: it has 4 and needs 5"), (1, 4, "is cut short by 1 byte: it has 4 and needs 5"),
      (4, 1, "is cut short by 1 byte: it has 4 and needs 5"),
      (.max, 1, "bytes \(Int.max)+1 lie outside the 4 bytes of the shard"),
    ] {
      var bundle = BundleBytes()
      bundle.data = [1, 2, 3, 4]
      bundle.entries = [
        (
          Array("a".utf8),
          BundleEntry(dtype: .uint8, shape: try Shape([size]), shard: 0, offset: offset, size: size, crc32c: 0).encode()
        )
      ]
      let error = failure { _ = try bundle.open(in: TemporaryFolder()) }
      #expect(error?.code == .corrupt && error?.variable == "a")
      #expect(error?.message == words)
    }
  }

  @Test func refusesASizeThatIsNotTheShapes() throws {
    var bundle = BundleBytes()
    try bundle.append("a", .float32, [3], [1, 2, 3, 4])
    #expect(
      failure { _ = try bundle.open(in: TemporaryFolder()) }?.message == "float32 of shape [3] does not take 4 bytes")
  }

  @Test func namesAMissingShardAndCanStillListItsTensors() throws {
    let folder = try TemporaryFolder()
    try folder.write(Self.index, to: "model.index")
    let error = failure { _ = try BundleReader().open(folder("model"), options: ReadOptions()) }
    #expect(error?.code == .notFound && error?.file == folder("model.data-00000-of-00001"))
    let store = try BundleReader().open(folder("model"), options: ReadOptions(listingOnly: true))
    #expect(store.variables.map(\.tensor.shape.dimensions) == [[4], [3, 4]])
    #expect(store.source.warnings.contains { $0.contains("is missing") })
    #expect(failure { _ = try store.contents() }?.code == .notFound)
  }

  @Test func refusesAShardThatTheHeaderDoesNotCount() throws {
    for shard in [1, -1, 1 << 40] {
      var bundle = BundleBytes()
      bundle.entries = [
        (
          Array("a".utf8),
          BundleEntry(dtype: .uint8, shape: .scalar, shard: shard, offset: 0, size: 1, crc32c: 0).encode()
        )
      ]
      #expect(failure { _ = try bundle.open(in: TemporaryFolder()) }?.message == "the entry names shard \(shard) of 1")
    }
  }

  @Test func refusesATableThatIsNoBundle() throws {
    let folder = try TemporaryFolder()
    var table = TableWriter()
    table.append([0x61], [1])
    try folder.write(table.finish(), to: "model.index")
    #expect(failure { _ = try BundleReader().open(folder("model"), options: ReadOptions()) }?.code == .corrupt)
    var empty = TableWriter()
    try folder.write(empty.finish(), to: "model.index")
    #expect(
      failure { _ = try BundleReader().open(folder("model"), options: ReadOptions()) }?.message.contains("no header")
        == true)
  }

  @Test func aDamagedGraphBesideItIsAWarning() throws {
    let folder = try TemporaryFolder()
    try folder.write(hex("0a 7f"), to: "model.meta")
    var bundle = BundleBytes()
    try bundle.append("a", .uint8, [1], [1])
    let store = try bundle.open(in: folder)
    #expect(store.graph == nil)
    #expect(store.source.warnings.contains { $0.hasPrefix("the graph beside the checkpoint cannot be used") })
  }
}

@Suite struct BundleWriterTests {
  private func store(_ sizes: [Int]) throws -> VariableStore {
    var store = VariableStore(source: .init(format: "memory", path: ""))
    var random = RandomSource(seed: 31)
    for (i, size) in sizes.enumerated() {
      try store.append(
        Variable(name: Name("v\(i)"), tensor: try Tensor(.uint8, [size], random.bytes(size)), role: .weight))
    }
    return store
  }

  private func sizes(_ folder: TemporaryFolder, _ count: Int) throws -> [Int] {
    try (0..<count).map { try folder.read("m" + ShardName.suffix($0, of: count)).count }
  }

  @Test func spreadsOverTheShardsAskedFor() throws {
    let folder = try TemporaryFolder()
    let store = try store([10, 10, 10, 10, 10, 10])
    try TensorFlowFormats.bundle.save(store, to: folder("m"), options: WriteOptions(shards: 3))
    #expect(try sizes(folder, 3) == [20, 20, 20])
    #expect(try TensorFlowFormats.bundle.load(folder("m")).contents() == store.contents())
  }

  @Test func moreShardsThanTensorsAreEmptyFiles() throws {
    let folder = try TemporaryFolder()
    let store = try store([5, 0])
    try TensorFlowFormats.bundle.save(store, to: folder("m"), options: WriteOptions(shards: 4))
    #expect(try sizes(folder, 4).sorted() == [0, 0, 0, 5])
    #expect(try TensorFlowFormats.bundle.load(folder("m")).contents() == store.contents())
  }

  @Test func beginsAnotherShardBeforeOneGetsTooLarge() throws {
    let folder = try TemporaryFolder()
    let store = try store([60, 40, 1, 250, 30, 70])
    try TensorFlowFormats.bundle.save(store, to: folder("m"), options: WriteOptions(largestShard: 100))
    #expect(try sizes(folder, 4) == [100, 1, 250, 100], "a tensor larger than the limit has a shard of its own")
    #expect(try TensorFlowFormats.bundle.load(folder("m")).contents() == store.contents())
  }

  @Test func anEmptyStoreIsACheckpointWithoutTensors() throws {
    let folder = try TemporaryFolder()
    try TensorFlowFormats.bundle.save(store([]), to: folder("m"), options: WriteOptions(shards: 2))
    let read = try TensorFlowFormats.bundle.load(folder("m"))
    #expect(read.variables.isEmpty)
    #expect(read.source.warnings == ["the checkpoint holds no tensors"])
  }

  @Test func theEmptyNameAndForeignVariantsAreLosses() throws {
    let store = try VariableStore(["": .floats([], [1]), "v": Tensor(.variant, [1], [0])])
    #expect(BundleWriter().losses(writing: store).map(\.variable) == ["", "v"])
  }

  @Test func neverOverwritesUnasked() throws {
    let folder = try TemporaryFolder()
    try TensorFlowFormats.bundle.save(store([3]), to: folder("m"))
    let before = try folder.names.map { try folder.read($0) }
    #expect(failure { try TensorFlowFormats.bundle.save(try store([4]), to: folder("m")) }?.code == .cannotCreate)
    #expect(try folder.names.map { try folder.read($0) } == before)
  }

  /// New shards never have the name of shards that are there, so that the old index stays right until the new one replaces it.
  @Test func replacingGivesTheShardsOtherNames() throws {
    let folder = try TemporaryFolder()
    for (round, count) in [1, 2, 1, 2].enumerated() {
      let store = try store([round + 3, 2])
      try TensorFlowFormats.bundle.save(store, to: folder("m"), replacing: true)
      #expect(folder.names == (0..<count).map { "m" + ShardName.suffix($0, of: count) } + ["m.index"])
      #expect(try TensorFlowFormats.bundle.load(folder("m")).contents() == store.contents())
    }
  }

  /// A run that was killed between its index and the removal of the old shards leaves shards of two counts; neither may be touched.
  @Test func replacingAvoidsTheNamesOfAllShardsThatAreThere() throws {
    let folder = try TemporaryFolder()
    try TensorFlowFormats.bundle.save(store([3]), to: folder("m"), options: WriteOptions(shards: 2))
    try folder.write([7], to: "m.data-00000-of-00001")
    try folder.write([7], to: "m.data-00002-of-00003")
    let store = try store([5])
    try TensorFlowFormats.bundle.save(store, to: folder("m"), replacing: true)
    #expect(folder.names == (0..<4).map { "m" + ShardName.suffix($0, of: 4) } + ["m.index"])
    #expect(try TensorFlowFormats.bundle.load(folder("m")).contents() == store.contents())
  }

  @Test func shardsWithoutAnIndexAreNotRemovedUnasked() throws {
    let folder = try TemporaryFolder()
    try folder.write([7], to: "m.data-00000-of-00001")
    let error = failure { try TensorFlowFormats.bundle.save(try store([3]), to: folder("m")) }
    #expect(error?.code == .cannotCreate && error?.file == folder("m.data-00000-of-00001"))
    #expect(try folder.read("m.data-00000-of-00001") == [7])
    #expect(folder.names == ["m.data-00000-of-00001"])
  }

  @Test func otherCheckpointsInTheFolderAreLeftAlone() throws {
    let folder = try TemporaryFolder()
    try TensorFlowFormats.bundle.save(store([3]), to: folder("m-1"))
    try TensorFlowFormats.bundle.save(store([3]), to: folder("m"))
    try TensorFlowFormats.bundle.save(store([4]), to: folder("m"), replacing: true)
    #expect(folder.names.filter { $0.hasPrefix("m-1") }.count == 2)
    _ = try TensorFlowFormats.bundle.load(folder("m-1")).contents()
  }

  @Test func aWrongChecksumLeavesNothing() throws {
    let folder = try TemporaryFolder()
    try folder.write(BundleTests.index, to: "model.index")
    try folder.write(Array(BundleTests.data.reversed()), to: "model.data-00000-of-00001")
    let store = try BundleReader().open(folder("model"), options: ReadOptions())
    let error = failure { try TensorFlowFormats.bundle.save(store, to: folder("out")) }
    #expect(error?.code == .corrupt)
    #expect(folder.names == ["model.data-00000-of-00001", "model.index"])
  }

  @Test func writesAStateFileWhenAskedAndCopiesTheGraph() throws {
    let folder = try TemporaryFolder()
    var graph = GraphBuilder()
    graph.variable("v0", [3])
    graph.collection("variables", ["v0"])
    try folder.write(graph.metaGraph, to: "a.meta")
    try TensorFlowFormats.bundle.save(store([3]), to: folder("a"))
    let read = try TensorFlowFormats.bundle.load(folder("a"))
    try TensorFlowFormats.bundle.save(read, to: folder("b"), options: WriteOptions(stateFile: true))
    #expect(try folder.read("b.meta") == graph.metaGraph)
    #expect(
      try String(decoding: folder.read("checkpoint"), as: UTF8.self)
        == "model_checkpoint_path: \"b\"\nall_model_checkpoint_paths: \"b\"\n")
    #expect(try TensorFlowFormats.latestCheckpoint(folder.path)?.prefix == folder("b"))
  }

  /// Whatever they are called, what an optimizer is given besides its variable is a slot, and what moves towards a variable
  /// is its average.
  @Test func nodesSayWhatVariablesAreFor() throws {
    var graph = GraphBuilder()
    for name in ["w", "first", "second", "p1", "p2", "shadow", "sum"] {
      graph.variable(name, [name.hasPrefix("p") ? 1 : 3])
    }
    graph.node("steps", "VariableV2", [], ["dtype": GraphBuilder.type(9), "shape": GraphBuilder.shape([])])
    graph.node(
      "train", "ApplyAdam", ["w", "first", "second", "p1/read", "p2/read", "rate", "b1", "b2", "e", "gradient"])
    graph.node("sums", "ResourceSparseApplyAdagrad", ["w", "sum", "rate", "gradient", "rows"])
    graph.node("difference", "Sub", ["shadow/read", "w/read"])
    graph.node("part", "Mul", ["difference", "rate"])
    graph.node("move", "AssignSub", ["shadow", "part"])
    graph.node("count", "AssignAdd", ["steps", "one"])
    let all = ["w", "first", "second", "p1", "p2", "shadow", "sum", "steps"]
    graph.collection("variables", all)
    graph.collection("trainable_variables", ["w"])
    let folder = try TemporaryFolder()
    try folder.write(graph.metaGraph, to: "a.meta")
    let source = try #require(try BundleReader().layoutSource(folder("a.meta")))
    let members = source.groups[0].members
    #expect(members.map { "\($0.entry.name)" } == all)
    #expect(members.map(\.role) == [.weight, .slot, .slot, .counter, .counter, .ema, .slot, .counter])
    #expect(members.filter(\.isNonnegative).map { "\($0.entry.name)" } == ["second", "sum"])
    #expect(members[5].owner == "w")
    #expect(source.graph?.averages == ["shadow": "w"])
    #expect(source.groups.map(\.name) == ["the collection 'variables'", "the collection 'trainable_variables'"])
  }

  @Test func aRenamedGraphIsWrittenWithTheNewKeys() throws {
    let folder = try TemporaryFolder()
    var graph = GraphBuilder()
    graph.variable("v0", [3])
    graph.saver("save", ["v0": "v0"])
    graph.ownSaver = "save"
    graph.collection("variables", ["v0"])
    try folder.write(graph.metaGraph, to: "a.meta")
    try TensorFlowFormats.bundle.save(store([3]), to: folder("a"))
    let read = try TensorFlowFormats.bundle.load(folder("a"))
    var renamed = try read.replacing(
      read.variables.map { Variable(name: "new", tensor: $0.tensor, role: $0.role) })
    renamed.graph = read.graph?.renaming(["v0": "new"])
    let prepared = try BundleWriter().prepare(renamed, options: WriteOptions())
    #expect(prepared.notes == ["the savers of the graph beside the output have its names; the graph's ops keep theirs"])
    try TensorFlowFormats.bundle.save(prepared.store, to: folder("b"))
    #expect(try TensorFlowFormats.bundle.load(folder("b")).graph?.variables == ["new"])
    #expect(try MetaGraph(contentsOf: InputFile(folder("b.meta"))).variables(in: "variables").map(\.node) == ["v0"])
    // The bytes of the input's own graph are never replaced.
    let error = failure { try TensorFlowFormats.v1.save(prepared.store, to: folder("a")) }
    #expect(error?.code == .cannotCreate)
  }

  @Test func aGraphWithoutSaversIsLeftBehindWhenNamesChange() throws {
    let folder = try TemporaryFolder()
    var graph = GraphBuilder()
    graph.variable("v0", [3])
    graph.collection("variables", ["v0"])
    try folder.write(graph.metaGraph, to: "a.meta")
    try TensorFlowFormats.bundle.save(store([3]), to: folder("a"))
    var read = try TensorFlowFormats.bundle.load(folder("a"))
    read.graph = read.graph?.renaming(["v0": "new"])
    let prepared = try BundleWriter().prepare(read, options: WriteOptions())
    #expect(prepared.store.graph == nil)
    #expect(
      prepared.notes == ["the graph cannot be given the new names: \(folder("a.meta")): it has no saver of its own"])
  }
}
