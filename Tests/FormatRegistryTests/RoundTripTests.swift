import CheckpointCore
import FormatRegistry
import TestKit
import Testing

/// Random stores there and back. A failure names its seed; put it alone into `seeds` to see it again.
@Suite struct RoundTripTests {
  static let seeds: [UInt64] = Array(1...12)

  private func format(_ name: String) throws -> CheckpointFormat { try #require(AllFormats.named(name)) }

  /// Everything that the format wrote, name by name.
  private func files(_ store: VariableStore, as format: CheckpointFormat, options: WriteOptions) throws -> [String:
    [UInt8]]
  {
    let folder = try TemporaryFolder()
    try format.save(store, to: folder("out"), options: options)
    var files: [String: [UInt8]] = [:]
    for name in folder.names { files[name] = try folder.read(name) }
    return files
  }

  @Test(arguments: seeds) func anyStoreSurvivesABundle(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let store = try random.store(count: 60)
    let contents = try store.contents()
    let folder = try TemporaryFolder()
    let bundle = try format("tf-bundle")
    let options = [
      WriteOptions(), WriteOptions(shards: 1 + random.below(7), jobs: 2),
      WriteOptions(largestShard: 1 + random.below(2000)),
    ]
    for (i, options) in options.enumerated() {
      try bundle.save(store, to: folder("b\(i)"), options: options)
      let read = try bundle.load(folder("b\(i)"))
      #expect(try read.contents() == contents, "seed \(seed), \(options)")
      #expect(read.source.warnings == [], "seed \(seed)")
    }
  }

  @Test(arguments: seeds) func anyStoreSurvivesFlatVectors(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let store = try random.store(count: 60)
    let folder = try TemporaryFolder()
    let flat = try format("npy-flat")
    try flat.save(store, to: folder("f"), options: WriteOptions(digests: seed % 2 == 0, jobs: 2))
    let read = try flat.load(folder("f"))
    #expect(try read.contents() == store.contents(), "seed \(seed)")
    #expect(read.variables.map(\.name) == store.variables.map(\.name), "seed \(seed): the order is kept")
    #expect(read.variables.map(\.role) == store.variables.map(\.role), "seed \(seed)")
  }

  @Test(arguments: seeds) func anyStoreSurvivesAnArchive(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let store = try random.store(count: 60)
    let folder = try TemporaryFolder()
    let npz = try format("npz")
    try npz.save(store, to: folder("z"), options: WriteOptions(jobs: 2))
    let read = try npz.load(folder("z"))
    #expect(try read.contents() == store.contents(), "seed \(seed)")
    #expect(read.variables.map(\.name) == store.variables.map(\.name), "seed \(seed): the order is kept")
    #expect(read.source.warnings == [], "seed \(seed)")
  }

  @Test(arguments: seeds) func whatSafetensorsHoldsSurvivesIt(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let all = try random.store(count: 60)
    let safetensors = try format("safetensors")
    let lost = Set(safetensors.writer?.losses(writing: all).map(\.variable) ?? [])
    let store = try all.replacing(all.variables.filter { !lost.contains($0.name) })
    let folder = try TemporaryFolder()
    try safetensors.save(store, to: folder("s"), options: WriteOptions(jobs: 2))
    #expect(try safetensors.load(folder("s")).contents() == store.contents(), "seed \(seed)")
  }

  @Test(arguments: seeds) func bundleToFlatToBundleIsTheSameFile(seed: UInt64) throws {
    var random = RandomSource(seed: seed)
    let store = try random.store(count: 40)
    let folder = try TemporaryFolder()
    let (bundle, flat) = (try format("tf-bundle"), try format("npy-flat"))
    try bundle.save(store, to: folder("a"))
    try flat.save(bundle.load(folder("a")), to: folder("a"))
    try bundle.save(flat.load(folder("a.npy")), to: folder("b"))
    #expect(try folder.read("a.index") == folder.read("b.index"), "seed \(seed)")
    #expect(try folder.read("a.data-00000-of-00001") == folder.read("b.data-00000-of-00001"), "seed \(seed)")
  }

  @Test(arguments: ["tf-bundle", "npy-flat", "npz"]) func theBytesDoNotDependOnTheNumberOfWorkers(name: String) throws {
    var random = RandomSource(seed: 77)
    let store = try random.store(count: 80)
    let format = try format(name)
    let one = try files(store, as: format, options: WriteOptions(jobs: 1))
    #expect(try files(store, as: format, options: WriteOptions(jobs: 2)) == one)
    #expect(try files(store, as: format, options: WriteOptions(jobs: 7)) == one)
  }

  /// Tensors around the 256 KiB of a buffer and the 4 MiB of a piece, small ones between them.
  @Test(arguments: ["tf-bundle", "npy-flat", "npz"]) func tensorsAcrossTheBordersOfChunksSurvive(name: String) throws {
    var random = RandomSource(seed: 88)
    var store = VariableStore(source: .init(format: "memory", path: ""))
    let sizes = [262_143, 3, 262_144, 262_145, 0, 524_287, 4_194_303, 1, 4_194_304, 4_194_305]
    for (i, size) in sizes.enumerated() {
      let tensor = try Tensor(.uint8, [size], random.bytes(size))
      try store.append(Variable(name: Name("v\(i)"), tensor: tensor, role: .weight))
    }
    let long = try Tensor.strings([3], [random.bytes(262_137), [], random.bytes(300_000)])
    try store.append(Variable(name: "text", tensor: long, role: .other))
    let wide = try Tensor(.complex128, [20_000], random.bytes(320_000))
    try store.append(Variable(name: "wide", tensor: wide, role: .weight))
    let contents = try store.contents()
    let folder = try TemporaryFolder()
    let format = try format(name)
    for (i, options) in [WriteOptions(jobs: 1), WriteOptions(shards: 3, jobs: 2)].enumerated() {
      try format.save(store, to: folder("out\(i)"), options: options)
      #expect(try format.load(folder("out\(i)")).contents() == contents)
    }
  }

  /// Enough names that the index has several blocks.
  @Test func manyVariablesSurvive() throws {
    var store = VariableStore(source: .init(format: "memory", path: ""))
    for i in 0..<6000 {
      let name = Name("scope_\(i % 97)/with/a/name/that/is/rather/long/variable_\(i)")
      try store.append(Variable(name: name, tensor: try .floats([1, 1, 1, 1, 1, 1, 1, 1], [Float(i)]), role: .weight))
    }
    let folder = try TemporaryFolder()
    let bundle = try format("tf-bundle")
    try bundle.save(store, to: folder("many"))
    #expect(try folder.read("many.index").count > 300_000)
    let read = try bundle.load(folder("many"))
    #expect(read.variables.count == 6000)
    #expect(try read["scope_1/with/a/name/that/is/rather/long/variable_98"]?.tensor.floatValues() == [98])
    #expect(read.variables.map(\.name) == store.variables.map(\.name).sorted())
  }
}
