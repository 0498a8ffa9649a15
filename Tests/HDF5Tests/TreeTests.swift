import CheckpointCore
import HDF5
import TestKit
import Testing

/// Whole files, through the worker, which is the `ckpt-convert` that was built beside the tests.
@Suite struct TreeTests {
  private static let format = HDF5Formats.tree

  private func saved(_ store: VariableStore, _ options: WriteOptions = WriteOptions()) throws -> [UInt8] {
    let folder = try TemporaryFolder()
    try Self.format.save(store, to: folder("out"), options: options)
    #expect(folder.names == ["out.h5"])
    return try folder.read("out.h5")
  }

  private func returns(_ store: VariableStore, _ options: WriteOptions = WriteOptions()) throws -> VariableStore {
    let folder = try TemporaryFolder()
    try Self.format.save(store, to: folder("out"), options: options)
    return try Self.format.load(folder("out"))
  }

  /// Every dtype in shapes that are scalar, empty, small and large enough to be chunked.
  private func everything() throws -> VariableStore {
    var random = RandomSource(seed: 7)
    var store = VariableStore(source: .init(format: "memory", path: "memory"))
    for dtype in DType.allCases where dtype != .variant {
      for (i, shape) in [[], [0], [3, 0, 2], [1], [5, 7], [300], [2, 1, 1, 3, 1, 2, 1, 5]].enumerated() {
        let tensor = try random.tensor(dtype, try Shape(shape))
        try store.append(Variable(name: Name("\(dtype.rawValue)/\(i)"), tensor: tensor, role: .other))
      }
    }
    return store
  }

  @Test(arguments: [nil, 1, 6]) func everyDtypeInEveryShapeComesBack(compression: Int?) throws {
    let store = try everything()
    let found = try returns(store, WriteOptions(compression: compression, jobs: 2))
    #expect(try found.contents() == store.contents())
    #expect(found.source.warnings == [])
    #expect(found.source.unreadable.isEmpty)
  }

  @Test(arguments: 1...8) func anyStoreSurvivesATree(seed: Int) throws {
    var random = RandomSource(seed: UInt64(seed))
    let store = try random.store(count: 60)
    let found = try returns(store, WriteOptions(compression: seed % 2 == 0 ? 4 : nil, jobs: 2))
    #expect(try found.contents() == store.contents(), "seed \(seed)")
  }

  /// Chunks have at most 1 MiB; these shapes leave a rest in the first, a middle or the last dimension.
  @Test(arguments: [[1_000_003], [1031, 1021], [3, 700_001], [7, 3, 200_003], [1, 513, 2049], [2, 2, 2, 131_071]])
  func theLastChunkMayBeShort(dimensions: [Int]) throws {
    var random = RandomSource(seed: 3)
    let shape = try Shape(dimensions)
    let store = try VariableStore(["w": random.tensor(dimensions.count % 2 == 0 ? .uint16 : .uint8, shape)])
    let found = try returns(store, WriteOptions(compression: 1, jobs: 2))
    #expect(try found.contents() == store.contents())
  }

  @Test(arguments: [nil, 4]) func theSameStoreGivesTheSameBytes(compression: Int?) throws {
    let store = try everything()
    let once = try saved(store, WriteOptions(compression: compression, jobs: 1))
    #expect(try saved(store, WriteOptions(compression: compression, jobs: 1)) == once)
    #expect(try saved(store, WriteOptions(compression: compression, jobs: 2)) == once)
  }

  /// Type messages of a string of variable length: class 9 of version 1, kind 1, the character set, and the size of a reference.
  @Test(arguments: [("2.1.6", false), ("2.1.6 ü", true)])
  func aSingleStringIsMarkedAsUTF8OnlyWhereItHasMoreThanASCII(text: String, isMarked: Bool) throws {
    var store = try VariableStore(["w": .floats([1], [1])])
    store.groups = [.init(path: "", attributes: [try Attribute(name: "keras_version", text: Array(text.utf8))])]
    let bytes = try saved(store)
    #expect(bytes.contains([0x19, 1, 0, 0, 16, 0, 0, 0]), "the mark of the tree is ASCII in any case")
    #expect(bytes.contains([0x19, 1, 1, 0, 16, 0, 0, 0]) == isMarked)
  }

  @Test func attributesComeBack() throws {
    let text = Array("größe".utf8)
    let attributes = [
      try Attribute(name: "one", text: text),
      Attribute(name: "several", value: .tensor(try .strings([3], [Array("a".utf8), text, []]))),
      Attribute(name: "numbers", value: .tensor(try .floats([2], [1, -2]))),
      Attribute(name: "flag", value: .tensor(try Tensor(.bool, [], [1]))),
      Attribute(name: "nothing", value: .nothing(.float32)),
      Attribute(name: "empty", value: .tensor(try Tensor(.int32, [0], []))),
      // Beyond 64 KiB, which takes the form of HDF5 1.8.
      Attribute(name: "long", value: .tensor(try Tensor(.uint8, [70_000], [UInt8](repeating: 7, count: 70_000)))),
    ]
    var store = VariableStore(source: .init(format: "memory", path: "memory"))
    try store.append(Variable(name: "g/w", tensor: try .floats([1], [1]), role: .other, attributes: attributes))
    store.groups = [.init(path: "", attributes: [attributes[0]]), .init(path: "g", attributes: [attributes[1]])]
    let found = try returns(store)
    let kept = try #require(found["g/w"]?.attributes)
    func same(_ a: [Attribute], _ b: [Attribute]) throws -> Bool {
      try a.map(describe).sorted() == b.map(describe).sorted()
    }
    #expect(try same(kept, attributes))
    #expect(try same(found.groups.first { $0.path == "" }?.attributes ?? [], [attributes[0]]))
    #expect(try same(found.groups.first { $0.path == "g" }?.attributes ?? [], [attributes[1]]))
  }

  private func describe(_ attribute: Attribute) throws -> String {
    switch attribute.value {
    case .nothing(let dtype): "\(attribute.name) nothing \(dtype)"
    case .tensor(let tensor):
      "\(attribute.name) \(tensor.dtype) \(tensor.shape) \(CRC32C(of: try tensor.bytes()).value)"
    }
  }

  @Test func whatHDF5CannotHoldIsNamedBefore() throws {
    let deep = [Int](repeating: 1, count: 33)
    let store = try VariableStore(["deep": Tensor(.uint8, deep, [1]), "w": .floats([1], [1])])
    #expect(Self.format.writer?.losses(writing: store).map(\.variable) == ["deep"])
  }

  @Test func bytesBehindTheEndAreSaid() throws {
    let folder = try TemporaryFolder()
    let bytes = try saved(try VariableStore(["w": .floats([2], [1, 2])]))
    try folder.write(bytes + [1, 2, 3], to: "m.h5")
    #expect(try Self.format.load(folder("m.h5")).source.warnings.first?.contains("3 bytes after the end") == true)
  }

  /// The HDF5 data may begin behind a block of the user's own.
  @Test func aUserBlockIsSteppedOver() throws {
    let folder = try TemporaryFolder()
    let store = try VariableStore(["w": .floats([2], [1, 2]), "s": .strings([2], [[1], []])])
    for size in [512, 2048] {
      try folder.write([UInt8](repeating: 9, count: size) + (try saved(store)), to: "m.h5")
      #expect(try Self.format.load(folder("m.h5")).contents() == store.contents())
    }
  }

  @Test func aFileCutAtAnyLengthIsRefused() throws {
    let folder = try TemporaryFolder()
    let bytes = try saved(try VariableStore(["a/w": .floats([2], [1, 2])]))
    for length in stride(from: 0, to: bytes.count, by: 37) {
      try folder.write(Array(bytes[..<length]), to: "m.h5")
      let error = failure { _ = try Self.format.load(folder("m.h5")).contents() }
      #expect(error?.code == .corrupt, "\(length) of \(bytes.count) bytes: \(String(describing: error))")
    }
  }

  /// What becomes of a file between its opening and the reading of its data.
  enum Change: String, CaseIterable { case cut, grown, written, replaced, removed }

  @Test(arguments: Change.allCases, [nil, 6]) func aSourceThatChangesIsRefused(change: Change, compression: Int?) throws
  {
    let folder = try TemporaryFolder()
    let store = try VariableStore(["w": .floats([40_000], (0..<40_000).map { Float($0) })])
    try Self.format.save(store, to: folder("in"), options: WriteOptions(compression: compression))
    let opened = try Self.format.load(folder("in.h5"))
    let bytes = try folder.read("in.h5")
    switch change {
    case .cut: try folder.write(Array(bytes.prefix(bytes.count / 2)), to: "in.h5")
    case .grown: try folder.write(bytes + [0], to: "in.h5")
    case .written: try folder.write(bytes.dropLast() + [bytes[bytes.count - 1] ^ 1], to: "in.h5")
    case .replaced:
      try folder.remove("in.h5")
      try folder.write(bytes, to: "in.h5")
    case .removed: try folder.remove("in.h5")
    }
    let error = failure {
      _ = try opened.contents()
      try opened.source.requireUnchanged()
    }
    #expect([.io, .corrupt].contains(error?.code), "\(String(describing: error))")
  }

  /// A file, and where in it the record of the chunk of 8 bytes at (2, 0) of `many_chunks` is: its size, no filters left out, its place.
  private static func manyChunks() throws -> (bytes: [UInt8], place: Int) {
    let bytes = try InputFile(cases + "h5py3-layouts/model.h5").contents(limit: 1 << 20)
    let record: [UInt8] = [8, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    let place = bytes.indices.dropLast(24).first { bytes[$0] == 8 && Array(bytes[$0..<$0 + 24]) == record }
    return (bytes, try #require(place))
  }

  /// The record of a chunk says how many bytes it has, which for one without filters is known: the library must not write beyond the
  /// chunk, or take memory as it was for numbers.
  @Test(arguments: [[0, 0], [4, 0], [7, 0], [9, 0], [0x40, 0x9c]]) func aChunkHasTheBytesOfItsShape(size: [UInt8])
    throws
  {
    let folder = try TemporaryFolder()
    var (bytes, place) = try Self.manyChunks()
    bytes.replaceSubrange(place..<place + 2, with: size)
    let store = try Self.format.load(try folder.write(bytes, to: "in.h5"))
    let error = failure { _ = try store.variables.first { $0.name == "many_chunks" }?.tensor.bytes() }
    #expect(error?.code == .corrupt && error?.variable == "many_chunks")
  }

  /// Release 1.10 takes a chunk that its index does not lead to for one that was never stored, and gives the fill value.
  @Test func aChunkThatIsStoredIsFound() throws {
    let folder = try TemporaryFolder()
    var (bytes, place) = try Self.manyChunks()
    let sound = try Self.format.load(try folder.write(bytes, to: "sound.h5")).contents()
    // The chunk at (2, 0) becomes one at (202, 0).
    bytes[place + 8] = 202
    let store = try Self.format.load(try folder.write(bytes, to: "in.h5"))
    for variable in store.variables {
      let error = failure { _ = try variable.tensor.bytes() }
      // The others are read as they are, through another worker.
      #expect(error?.code == (variable.name == "many_chunks" ? .corrupt : nil), "\(variable.name)")
      if error == nil { #expect(try variable.tensor.bytes() == sound.first { $0.name == variable.name }?.bytes) }
    }
  }

  /// However many links lead into a file that cannot be read, it is opened once.
  @Test func aLinkIntoADamagedFileIsSaidToBeThat() throws {
    let folder = try TemporaryFolder()
    let root = Self.cases + "h5py3-links/"
    for name in Candidate.names(in: root)
    where name.hasSuffix(".h5") || name.hasSuffix(".raw") || name.hasSuffix(".bin") {
      try folder.write(try InputFile(root + name).contents(limit: 1 << 20), to: name)
    }
    let sound = try Self.format.load(folder("model.h5"))
    let linked = try #require(sound.source.files.first { $0.path.hasSuffix(".h5") && !$0.path.hasSuffix("model.h5") })
    try folder.write(
      [0x89] + Array("HDF\r\n\u{1a}\n".utf8) + [UInt8](repeating: 0, count: 600), to: splitPath(linked.path).last)
    let store = try Self.format.load(folder("model.h5"))
    let said = store.source.unreadable.filter { $0.reason.contains("which cannot be read") }
    #expect(!said.isEmpty && said.allSatisfy { $0.reason.hasPrefix("links into '") })
  }

  private static let cases =
    splitPath(splitPath(splitPath(#filePath).folder).folder).folder + "/Conformance/Cases/hdf5/"

  /// What other programs wrote, in this process; the conformance cases compare every number.
  @Test(arguments: Candidate.names(in: cases)) func everyFileIsListed(name: String) throws {
    let expected = try #require(
      JSONReader.parse(try InputFile(Self.cases + name + "/tensors.json").contents(limit: 1 << 20))["model.h5"]?
        .elements)
    let store = try Self.format.load(Self.cases + name + "/model.h5")
    #expect(Set(store.variables.map(\.name.description)) == Set(expected.compactMap { $0["name"]?.text }))
    #expect(try store.contents().count == store.variables.count)
  }

  /// A few bytes that claim so many chunks that asking for each would take minutes.
  @Test func chunksThatAFileCannotHoldAreNotBelieved() throws {
    let folder = try TemporaryFolder()
    var bytes = try InputFile(Self.cases + "h5py3-layouts/model.h5").contents(limit: 1 << 20)
    // The dataspace of 150 x 2, of version 1, with the same maximal sizes.
    let sizes: [UInt8] = [150, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]
    var places: [Int] = []
    for place in bytes.indices.dropLast(16) where bytes[place] == 150 && Array(bytes[place..<place + 16]) == sizes {
      places.append(place)
    }
    #expect(!places.isEmpty)
    for place in places { bytes[place + 3] = 1 }
    try folder.write(bytes, to: "in.h5")
    let store = try Self.format.load(folder("in.h5"))
    let refused = store.source.unreadable.first { $0.variable == "many_chunks" }
    #expect(refused?.reason.contains("not believed") == true)
  }
}
