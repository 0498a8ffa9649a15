import CheckpointCore
import TestKit
import Testing

@testable import NumPy

@Suite struct FlatTests {
  private func sample() throws -> VariableStore {
    try VariableStore([
      "conv/w": .floats([2, 2], [1, 2, 3, 4]), "conv/b": .floats([2], [5, 6]),
      "global_step": Tensor(.int64, [], hex("0700000000000000")),
      "half": Tensor(.bfloat16, [2], hex("803f 0040")), "text": .strings([2], [Array("ab".utf8), []]),
    ])
  }

  @Test func laysVectorsAndManifestOutToTheLetter() throws {
    let folder = try TemporaryFolder()
    try NumPyFormats.flat.save(sample(), to: folder("m"), options: WriteOptions(orderName: "variables", madeBy: "test"))
    #expect(folder.names == ["m.bfloat16.npy", "m.index.json", "m.int64.npy", "m.npy", "m.string.npy"])
    #expect(
      try folder.read("m.npy") == NpyHeader.encode(dtype: .float32, shape: Shape([6]))
        + hex("0000803f 00000040 00004040 00008040 0000a040 0000c040"))
    #expect(try folder.read("m.bfloat16.npy") == NpyHeader.encode(dtype: .uint16, shape: Shape([2])) + hex("803f 0040"))
    #expect(
      try folder.read("m.string.npy") == NpyHeader.encode(dtype: .uint8, shape: Shape([18]))
        + hex("0200000000000000 6162 0000000000000000"))
    let text = try String(decoding: folder.read("m.index.json"), as: UTF8.self)
    #expect(
      text == """
        {
         "format": "npy-flat",
         "version": 1,
         "order": "variables",
         "vectors": [
          {"file": "m.npy", "dtype": "float32", "elements": 6},
          {"file": "m.int64.npy", "dtype": "int64", "elements": 1},
          {"file": "m.bfloat16.npy", "dtype": "uint16", "elements": 2},
          {"file": "m.string.npy", "dtype": "uint8", "elements": 18}
         ],
         "variables": [
          {"name": "conv/w", "dtype": "float32", "shape": [2, 2], "vector": 0, "offset": 0, "crc32c": \(CRC32C(of: hex("0000803f 00000040 00004040 00008040")).value), "role": "weight"},
          {"name": "conv/b", "dtype": "float32", "shape": [2], "vector": 0, "offset": 4, "crc32c": \(CRC32C(of: hex("0000a040 0000c040")).value), "role": "weight"},
          {"name": "global_step", "dtype": "int64", "shape": [], "vector": 1, "offset": 0, "crc32c": \(CRC32C(of: hex("0700000000000000")).value), "role": "counter"},
          {"name": "half", "dtype": "bfloat16", "shape": [2], "vector": 2, "offset": 0, "crc32c": \(CRC32C(of: hex("803f 0040")).value), "role": "weight"},
          {"name": "text", "dtype": "string", "shape": [2], "vector": 3, "offset": 0, "size": 18, "crc32c": \(CRC32C(of: hex("0200000000000000 6162 0000000000000000")).value), "role": "other"}
         ],
         "source": {
          "format": "memory",
          "files": []
         },
         "made_by": "test"
        }

        """)
  }

  @Test func replacingOneLeavesNothingOfTheOld() throws {
    let folder = try TemporaryFolder()
    try NumPyFormats.flat.save(sample(), to: folder("m"))
    try folder.write([1], to: "other.npy")
    let new = try VariableStore(["w": .floats([2], [1, 2])])
    try NumPyFormats.flat.save(new, to: folder("m"), replacing: true)
    #expect(folder.names == ["m.index.json", "m.npy", "other.npy"])
    #expect(try NumPyFormats.flat.load(folder("m")).contents() == new.contents())
  }

  @Test func isReadThroughManifestVectorOrPrefix() throws {
    let folder = try TemporaryFolder()
    let store = try sample()
    try NumPyFormats.flat.save(store, to: folder("m"), options: WriteOptions(digests: true))
    for name in ["m", "m.npy", "m.index.json"] {
      let read = try NumPyFormats.flat.load(folder(name))
      #expect(try read.contents() == store.contents())
      #expect(read.variables.map(\.name) == store.variables.map(\.name), "in the order of the vector")
      #expect(read.variables.map(\.role) == store.variables.map(\.role))
      #expect(read.source.warnings == [])
    }
  }

  @Test func stringsAloneAreTheMainVector() throws {
    let folder = try TemporaryFolder()
    let store = try VariableStore(["s": .strings([1], [[1, 2, 3]])])
    try NumPyFormats.flat.save(store, to: folder("m"))
    #expect(folder.names == ["m.index.json", "m.npy"])
    #expect(try NumPyFormats.flat.load(folder("m")).contents() == store.contents())
  }

  @Test func aFlippedBitOfAVectorIsFound() throws {
    let folder = try TemporaryFolder()
    try NumPyFormats.flat.save(sample(), to: folder("m"))
    for name in ["m.npy", "m.int64.npy", "m.bfloat16.npy", "m.string.npy"] {
      let good = try folder.read(name)
      for byte in 128..<good.count {
        var bytes = good
        bytes[byte] ^= 0x10
        try folder.write(bytes, to: name)
        #expect(
          failure { _ = try NumPyFormats.flat.load(folder("m")).contents() }?.code == .corrupt, "\(name) byte \(byte)")
      }
      try folder.write(good, to: name)
    }
  }

  @Test func variantsAreLosses() throws {
    let store = try VariableStore(["v": Tensor(.variant, [1], [0]), "w": .floats([], [1])])
    #expect(FlatWriter().losses(writing: store).map(\.variable) == ["v"])
  }

  // MARK: Manifests

  /// Reads a manifest beside a float32 vector `m.npy` of 1 … 6.
  private func read(_ manifest: String, options: ReadOptions = ReadOptions()) throws -> VariableStore {
    let folder = try TemporaryFolder()
    try NumPyFormats.npy.save(VariableStore(["m": .floats([6], [1, 2, 3, 4, 5, 6])]), to: folder("m"))
    try folder.write(manifest, to: "m.index.json")
    let store = try NumPyFormats.flat.load(folder("m.index.json"), options: options)
    _ = try store.contents()
    return store
  }

  private func own(vector: String = #"{"file": "m.npy", "dtype": "float32", "elements": 6}"#, variables: String)
    -> String
  {
    #"{"format": "npy-flat", "version": 1, "vectors": [\#(vector)], "variables": [\#(variables)]}"#
  }

  @Test func readsTheOlderShape() throws {
    let store = try read(
      #"{"file": "m.npy", "elements": 6, "tensors": [{"name": "b", "shape": [2], "dtype": "float32", "offset": 4}, {"name": "w", "shape": [2, 2], "dtype": "float32", "offset": 0}]}"#
    )
    #expect(try store["w"]?.tensor.floatValues() == [1, 2, 3, 4])
    #expect(try store["b"]?.tensor.floatValues() == [5, 6])
    #expect(store.variables.map(\.name) == ["b", "w"])
  }

  @Test func unclaimedElementsAreNoted() throws {
    let store = try read(own(variables: #"{"name": "w", "dtype": "float32", "shape": [4], "vector": 0, "offset": 0}"#))
    #expect(store.source.warnings == ["the variables take 4 of the 6 elements of m.npy"])
  }

  @Test(arguments: [
    ("another version", #"{"format": "npy-flat", "version": 2}"#, CheckpointError.Code.unsupported),
    ("no manifest", #"{"a": 1}"#, .corrupt), ("no object", "[1]", .corrupt),
    ("the older shape without its file", #"{"tensors": []}"#, .corrupt),
    ("more elements than the vector", #"{"file": "m.npy", "elements": 7, "tensors": []}"#, .corrupt),
    ("a missing vector", #"{"file": "gone.npy", "elements": 7, "tensors": []}"#, .notFound),
  ]) func refuses(what: String, manifest: String, code: CheckpointError.Code) {
    #expect(failure { _ = try read(manifest) }?.code == code, "\(what)")
  }

  @Test(arguments: [
    ("no name", #"{"dtype": "float32", "shape": [1], "vector": 0, "offset": 0}"#),
    ("no dtype", #"{"name": "w", "shape": [1], "vector": 0, "offset": 0}"#),
    ("an unknown dtype", #"{"name": "w", "dtype": "float33", "shape": [1], "vector": 0, "offset": 0}"#),
    ("a variant", #"{"name": "w", "dtype": "variant", "shape": [1], "vector": 0, "offset": 0}"#),
    ("no shape", #"{"name": "w", "dtype": "float32", "vector": 0, "offset": 0}"#),
    ("a negative dimension", #"{"name": "w", "dtype": "float32", "shape": [-1], "vector": 0, "offset": 0}"#),
    ("a real dimension", #"{"name": "w", "dtype": "float32", "shape": [1.5], "vector": 0, "offset": 0}"#),
    ("no such vector", #"{"name": "w", "dtype": "float32", "shape": [1], "vector": 1, "offset": 0}"#),
    ("a negative offset", #"{"name": "w", "dtype": "float32", "shape": [1], "vector": 0, "offset": -1}"#),
    ("an end beyond the vector", #"{"name": "w", "dtype": "float32", "shape": [2], "vector": 0, "offset": 5}"#),
    (
      "an offset that overflows",
      #"{"name": "w", "dtype": "float32", "shape": [2], "vector": 0, "offset": 9223372036854775807}"#
    ),
    (
      "a shape that overflows",
      #"{"name": "w", "dtype": "float32", "shape": [4294967296, 4294967296], "vector": 0, "offset": 0}"#
    ),
    ("a wrong checksum", #"{"name": "w", "dtype": "float32", "shape": [1], "vector": 0, "offset": 0, "crc32c": 1}"#),
    (
      "a checksum of 33 bits",
      #"{"name": "w", "dtype": "float32", "shape": [1], "vector": 0, "offset": 0, "crc32c": 4294967296}"#
    ),
    (
      "a name twice",
      #"{"name": "w", "dtype": "float32", "shape": [1], "vector": 0, "offset": 0}, {"name": "w", "dtype": "float32", "shape": [1], "vector": 0, "offset": 1}"#
    ),
    (
      "another dtype than the vector's",
      #"{"name": "w", "dtype": "int8", "shape": [1], "vector": 0, "offset": 0, "crc32c": 1}"#
    ),
    ("strings in numbers", #"{"name": "w", "dtype": "string", "shape": [1], "vector": 0, "offset": 0, "size": 6}"#),
  ]) func refusesVariables(what: String, variable: String) {
    let error = failure { _ = try read(own(variables: variable)) }
    #expect(error?.code == .corrupt, "\(what): \(String(describing: error))")
    // The sum is found when the bytes are read, by a caller that knows the name.
    if what != "no name", what != "a wrong checksum" { #expect(error?.variable == "w", "\(what)") }
  }

  @Test(arguments: ["../m.npy", "/etc/passwd", "a/m.npy", "", ".", "..", "m.npy\\u0000"])
  func refusesAFileNameThatIsAPath(name: String) {
    for manifest in [
      own(vector: #"{"file": "\#(name)", "dtype": "float32", "elements": 6}"#, variables: ""),
      #"{"file": "\#(name)", "elements": 6, "tensors": []}"#,
    ] {
      let error = failure { _ = try read(manifest) }
      #expect(error?.code == .corrupt && error?.message.contains("not a file beside it") == true)
    }
  }

  @Test func everyCutOfAManifestIsRefused() throws {
    let manifest = Array(
      own(variables: #"{"name": "w", "dtype": "float32", "shape": [6], "vector": 0, "offset": 0}"#).utf8)
    for length in 0..<manifest.count {
      #expect(
        failure { _ = try read(String(decoding: manifest[..<length], as: UTF8.self)) }?.code == .corrupt,
        "\(length) bytes")
    }
  }

  @Test func stringsMustFillTheirPlace() throws {
    let folder = try TemporaryFolder()
    func read(_ bytes: [UInt8], shape: String, size: String) throws -> [UInt8] {
      try folder.write(NpyHeader.encode(dtype: .uint8, shape: Shape([bytes.count])) + bytes, to: "s.npy")
      try folder.write(
        own(
          vector: #"{"file": "s.npy", "dtype": "uint8", "elements": \#(bytes.count)}"#,
          variables: #"{"name": "s", "dtype": "string", "shape": \#(shape), "vector": 0, "offset": 0\#(size)}"#),
        to: "s.index.json")
      return try NumPyFormats.flat.load(folder("s.index.json")).contents()[0].bytes
    }
    let one = hex("0200000000000000 6162")
    #expect(try read(one, shape: "[1]", size: #", "size": 10"#) == one)
    #expect(try read(one, shape: "[]", size: #", "size": 10"#) == one)
    for (bytes, shape, size) in [
      (one, "[2]", #", "size": 10"#), (one, "[1]", ""), (one, "[1]", #", "size": 11"#), (one, "[1]", #", "size": 9"#),
      (one, "[0]", #", "size": 10"#),
      (hex("0300000000000000 6162"), "[1]", #", "size": 10"#), (hex("ffffffffffffffff 6162"), "[1]", #", "size": 10"#),
      (hex("ffffffffffffff7f 6162"), "[1]", #", "size": 10"#), (one, "[1152921504606846976]", #", "size": 10"#),
      (one, "[1]", #", "size": -1"#),
    ] {
      #expect(failure { _ = try read(bytes, shape: shape, size: size) }?.code == .corrupt, "\(bytes) \(shape) \(size)")
    }
  }
}

@Suite struct LayoutTests {
  private func layout(_ entries: [(Name, [Int])], dtype: DType? = .float32, offsets: [Int]? = nil) throws -> Layout {
    Layout(
      entries: try entries.enumerated().map { i, entry in
        Layout.Entry(name: entry.0, dtype: dtype, shape: try Shape(entry.1), offset: offsets?[i])
      }, origin: "test")
  }

  private func read(_ tensor: Tensor, _ layout: Layout, allowLoss: Bool = false) throws -> VariableStore {
    let folder = try TemporaryFolder()
    try NumPyFormats.npy.save(VariableStore(["v": tensor]), to: folder("v"))
    let store = try NpyReader().open(folder("v.npy"), options: ReadOptions(layout: layout, allowLoss: allowLoss))
    _ = try store.contents()
    return store
  }

  private func six() throws -> Tensor { try .floats([6], [1, 2, 3, 4, 5, 6]) }

  @Test func cutsAVectorInItsOrder() throws {
    let store = try read(six(), layout([("w", [2, 2]), ("none", [0]), ("step", []), ("b", [1])]))
    #expect(store.variables.map(\.name) == ["w", "none", "step", "b"])
    #expect(try store["w"]?.tensor.floatValues() == [1, 2, 3, 4])
    #expect(try store["step"]?.tensor.floatValues() == [5])
    #expect(store["step"]?.role == .counter)
    #expect(try store["b"]?.tensor.floatValues() == [6])
  }

  @Test func offsetsBeatTheOrder() throws {
    let store = try read(six(), layout([("b", [2]), ("w", [4])], offsets: [4, 0]))
    #expect(try store["b"]?.tensor.floatValues() == [5, 6])
    #expect(try store["w"]?.tensor.floatValues() == [1, 2, 3, 4])
  }

  /// Both numbers, and the variable at which the vector ends.
  @Test func sizesThatDoNotAddUpNameBothNumbersAndTheNearestVariable() throws {
    let long = failure { _ = try read(try six(), try layout([("w", [2, 2]), ("b", [3])])) }
    #expect(long?.code == .corrupt)
    #expect(
      long?.message == "the layout takes 7 elements, but the vector has 6: the vector ends in 'b' [3] (layout: test)")
    let short = failure { _ = try read(try six(), try layout([("w", [2, 2]), ("b", [1])])) }
    #expect(
      short?.message
        == "the layout takes 5 elements, but the vector has 6: 1 elements are left after 'b', the last variable (layout: test)"
    )
    #expect(failure { _ = try read(try six(), try layout([])) }?.message.contains("the layout is empty") == true)
  }

  @Test func refusesGapsAndOverlaps() throws {
    for offsets in [[0, 3], [0, 5], [1, 0], [0, .max]] {
      #expect(
        failure { _ = try read(try six(), try layout([("w", [4]), ("b", [2])], offsets: offsets)) }?.code == .corrupt,
        "\(offsets)")
    }
    #expect(
      failure { _ = try read(try six(), try layout([("a", [.max]), ("b", [.max]), ("c", [8])])) }?.code == .corrupt)
  }

  @Test func aMatrixIsNoVector() throws {
    #expect(
      failure { _ = try read(try .floats([2, 3], [1, 2, 3, 4, 5, 6]), try layout([("w", [6])])) }?.code == .unsupported)
  }

  private func doubles(_ values: [Double]) throws -> Tensor {
    var bytes: [UInt8] = []
    for value in values { bytes.appendLittleEndian(value.bitPattern, count: 8) }
    return try Tensor(.float64, [values.count], bytes)
  }

  @Test func doublesNarrowWhereEveryValueSurvives() throws {
    let store = try read(doubles([1, 0.5, -0.0, .infinity]), layout([("w", [4])]))
    #expect(store["w"]?.tensor.dtype == .float32)
    #expect(try store["w"]?.tensor.floatValues() == [1, 0.5, -0.0, .infinity])
    #expect(store.source.warnings == [])
  }

  @Test func doublesThatWouldChangeStayUnlessLossIsAccepted() throws {
    let kept = try read(doubles([1, 0.1]), layout([("a", [1]), ("b", [1])]))
    #expect(kept.variables.allSatisfy { $0.tensor.dtype == .float64 })
    #expect(kept.source.warnings.count == 1)
    let narrowed = try read(doubles([1, 0.1]), layout([("a", [1]), ("b", [1])]), allowLoss: true)
    #expect(try narrowed["b"]?.tensor.floatValues() == [0.1])
    #expect(narrowed.source.warnings.count == 1)
  }

  @Test func withoutDTypesTheVectorsOwnCounts() throws {
    #expect(try read(doubles([0.1]), layout([("a", [1])], dtype: nil))["a"]?.tensor.dtype == .float64)
  }

  @Test func aManifestIsALayout() throws {
    let folder = try TemporaryFolder()
    try NumPyFormats.flat.save(
      VariableStore(["b": .floats([2], [0, 0]), "w": .floats([4], [0, 0, 0, 0])]), to: folder("m"))
    let layout = try #require(try FlatReader().layout(folder("m.index.json"), options: ReadOptions()))
    #expect(try read(six(), layout)["w"]?.tensor.floatValues() == [3, 4, 5, 6])
    #expect(try FlatReader().layout(folder("m.npy"), options: ReadOptions()) == nil)
  }
}
