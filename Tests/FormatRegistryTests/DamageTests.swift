import CheckpointCore
import FormatRegistry
import Foundation
import TestKit
import Testing

/// Files cut short at every length and with every single bit flipped: an error of the contract, or the same store.
@Suite struct DamageTests {
  static let allowed: Set<CheckpointError.Code> = [.corrupt, .notFound, .unsupported]

  private static let cases = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Conformance/Cases").path

  /// A copy of a small case, its files by name.
  private func copy(_ name: String) throws -> (folder: TemporaryFolder, files: [String: [UInt8]]) {
    let folder = try TemporaryFolder()
    let source = Self.cases + "/" + name
    var files: [String: [UInt8]] = [:]
    for file in Candidate.names(in: source) where !file.hasSuffix(".json") && !file.hasSuffix(".meta") {
      files[file] = try InputFile(source + "/" + file).contents(limit: 1 << 20)
      try folder.write(files[file] ?? [], to: file)
    }
    return (folder, files)
  }

  private struct Outcome {
    var contents: [Content] = []
    var warnings: [String] = []
  }

  private func open(_ path: String) throws -> Outcome {
    let (store, _) = try Opening.open(path)
    return Outcome(contents: try store.contents(), warnings: store.source.warnings)
  }

  private static let bundles = [
    ("tf-bundle/tf18-nometa", "model-123456"), ("tf-bundle/tf2-slices_noread", "model"),
    ("tf-object/tf2-iterator", "model"),
  ]

  @Test(arguments: bundles) func aBundleCutAtAnyLengthIsRefused(name: String, prefix: String) throws {
    let (folder, files) = try copy(name)
    _ = try open(folder(prefix))
    for (file, bytes) in files {
      for length in 0..<bytes.count {
        try folder.write(Array(bytes[..<length]), to: file)
        let error = failure { _ = try open(folder(prefix)) }
        #expect(
          error.map { Self.allowed.contains($0.code) } == true,
          "\(file) of \(length) bytes: \(String(describing: error))")
      }
      try folder.write(bytes, to: file)
    }
  }

  /// Bytes of an index that hold nothing.
  private struct Meaningless {
    /// The metaindex block and the padding of the footer: damage there is a warning.
    var said: [Range<Int>] = []
    /// The last byte of the footer's handles, which with its highest bit is a longer spelling of the same number.
    var spelling = -1

    init(_ file: String, _ bytes: [UInt8]) throws {
      guard file.hasSuffix(".index") else { return }
      var cursor = ByteCursor(bytes, bytes.count - 48..<bytes.count)
      let (offset, size) = (try cursor.length(), try cursor.length())
      _ = (try cursor.length(), try cursor.length())
      said = [offset..<offset + size + 5, cursor.position..<bytes.count - 8]
      spelling = cursor.position - 1
    }
  }

  @Test(arguments: bundles) func everyFlippedBitOfABundleIsFound(name: String, prefix: String) throws {
    let (folder, files) = try copy(name)
    let good = try open(folder(prefix))
    for (file, bytes) in files {
      let meaningless = try Meaningless(file, bytes)
      for bit in 0..<8 * bytes.count {
        var flipped = bytes
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        try folder.write(flipped, to: file)
        do {
          let found = try open(folder(prefix))
          #expect(found.contents == good.contents, "\(file) bit \(bit) changes the store in silence")
          let isSaid = meaningless.said.contains { $0.contains(bit / 8) } && found.warnings.count > good.warnings.count
          #expect(isSaid || (bit / 8 == meaningless.spelling && bit % 8 == 7), "\(file) bit \(bit) goes unnoticed")
        } catch let error as CheckpointError {
          #expect(Self.allowed.contains(error.code), "\(file) bit \(bit): \(error)")
        }
      }
      try folder.write(bytes, to: file)
    }
  }

  /// Every byte of an archive is covered by a sum or checked against another; what is neither changes nothing that is read.
  @Test(arguments: ["npz", "safetensors"]) func aFlippedBitIsAnErrorOrLeavesTheNumbers(name: String) throws {
    let folder = try TemporaryFolder()
    let store = try VariableStore(["w": .floats([2], [1, 2]), "n": Tensor(.bfloat16, [1], [0, 1])])
    let format = try #require(AllFormats.named(name))
    try format.save(store, to: folder("m"))
    let path = folder.names[0]
    let bytes = try folder.read(path)
    let numbers = Set(try store.contents().map(\.bytes))
    // safetensors has no sum of its tensors.
    let covered = name == "npz" ? bytes.count : bytes.count - 10
    for bit in 0..<8 * covered {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      try folder.write(flipped, to: path)
      do {
        let found = try open(folder(path))
        #expect(Set(found.contents.map(\.bytes)).isSubset(of: numbers), "bit \(bit)")
      } catch let error as CheckpointError {
        #expect(Self.allowed.contains(error.code), "bit \(bit): \(error)")
      }
    }
    for length in 0..<bytes.count {
      try folder.write(Array(bytes[..<length]), to: path)
      let error = failure { _ = try open(folder(path)) }
      #expect(error.map { Self.allowed.contains($0.code) } == true, "\(length) bytes: \(String(describing: error))")
    }
  }

  /// A V1 checkpoint whose every byte is summed, but for the two blocks that nothing reads.
  @Test func everyFlippedBitOfAV1CheckpointIsFound() throws {
    let folder = try TemporaryFolder()
    let store = try VariableStore([
      "w": .floats([2], [1, -2]), "n": Tensor(.int8, [2], [0xff, 5]), "s": .strings([1], [[0x68]]),
    ])
    try AllFormats.named("tf-v1")?.save(store, to: folder("m"))
    let bytes = try folder.read("m")
    let good = try open(folder("m"))
    let meaningless = try Meaningless("m.index", bytes)
    for bit in 0..<8 * bytes.count {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      try folder.write(flipped, to: "m")
      do {
        let found = try open(folder("m"))
        #expect(found.contents == good.contents, "bit \(bit) changes the store in silence")
        let isSaid = meaningless.said.contains { $0.contains(bit / 8) } && found.warnings.count > good.warnings.count
        #expect(isSaid || (bit / 8 == meaningless.spelling && bit % 8 == 7), "bit \(bit) goes unnoticed")
      } catch let error as CheckpointError {
        #expect(Self.allowed.contains(error.code), "bit \(bit): \(error)")
      }
    }
    for length in 0..<bytes.count {
      try folder.write(Array(bytes[..<length]), to: "m")
      let error = failure { _ = try open(folder("m")) }
      #expect(error.map { Self.allowed.contains($0.code) } == true, "\(length) bytes")
    }
  }

  /// Neither has checksums, so that another number or name can come out; never a trap.
  @Test(arguments: [
    ("frozen-graph/constants", "constants.pb"), ("pickle/numpy2", "protocol5.pkl"), ("pickle/numpy1", "grid.npy"),
  ])
  func whatHasNoChecksumIsAStoreOrAnError(name: String, file: String) throws {
    let (folder, files) = try copy(name)
    let bytes = try #require(files[file])
    let format = splitPath(name).folder
    _ = try open(folder(file))
    var random = RandomSource(seed: 9)
    for _ in 0..<2000 {
      var damaged = bytes
      for _ in 0...random.below(3) { damaged[random.below(bytes.count)] = UInt8(random.below(256)) }
      if random.below(4) == 0 { damaged.removeLast(random.below(bytes.count)) }
      try folder.write(damaged, to: file)
      let error = failure { _ = try Opening.open(folder(file), as: format).store.contents() }
      #expect(
        error.map { Self.allowed.contains($0.code) || $0.code == .usage } != false, "\(String(describing: error))")
    }
  }

  private func flat() throws -> (folder: TemporaryFolder, store: VariableStore) {
    let folder = try TemporaryFolder()
    let store = try VariableStore(["w": .floats([2], [1, 2]), "n": Tensor(.bfloat16, [1], [0, 1])])
    try AllFormats.named("npy-flat")?.save(store, to: folder("m"))
    return (folder, store)
  }

  @Test func aFlatVectorCutAtAnyLengthIsRefused() throws {
    let (folder, _) = try flat()
    for file in folder.names {
      let bytes = try folder.read(file)
      // Without its last newline a manifest is still whole.
      let last = file.hasSuffix(".json") ? bytes.count - 1 : bytes.count
      for length in 0..<last {
        try folder.write(Array(bytes[..<length]), to: file)
        let error = failure { _ = try open(folder("m.index.json")) }
        #expect(
          error.map { Self.allowed.contains($0.code) } == true,
          "\(file) of \(length) bytes: \(String(describing: error))")
      }
      try folder.write(bytes, to: file)
    }
  }

  /// A manifest has no checksum of its own: a flipped bit may be another name or role. Tensor bytes are covered.
  @Test func aFlippedBitOfAFlatVectorIsAnErrorOrLeavesTheNumbers() throws {
    let (folder, store) = try flat()
    let numbers = Set(try store.contents().map(\.bytes))
    for file in folder.names {
      let bytes = try folder.read(file)
      // The two lowest bits make other digits and letters, the sixth other cases; headers are mostly spaces.
      for bit in 0..<8 * bytes.count where [0, 1, 5].contains(bit % 8) && bytes[bit / 8] != 0x20 {
        var flipped = bytes
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        try folder.write(flipped, to: file)
        do {
          let found = try open(folder("m.index.json"))
          #expect(Set(found.contents.map(\.bytes)).isSubset(of: numbers), "\(file) bit \(bit)")
        } catch let error as CheckpointError {
          #expect(Self.allowed.contains(error.code), "\(file) bit \(bit): \(error)")
        }
      }
      try folder.write(bytes, to: file)
    }
  }

  /// Random bytes where files should be: every reader refuses them without a trap.
  @Test(arguments: 1...40) func randomBytesAreRefused(seed: Int) throws {
    var random = RandomSource(seed: UInt64(seed))
    let folder = try TemporaryFolder()
    let junk = random.bytes(random.below(400))
    let magic: [UInt8] = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb]
    for (name, bytes) in [
      ("a.index", junk), ("b.index", junk + magic), ("c.npy", junk),
      ("d.npy", [0x93] + Array("NUMPY".utf8) + [1, 0] + junk), ("e.index.json", junk),
      ("f.index.json", Array("{\"format\": \"npy-flat\", \"version\": 1, ".utf8) + junk), ("checkpoint", junk),
      ("g", junk), ("i", junk + magic), ("j.pb", [0x0a] + junk), ("k.pkl", [0x80, 2] + junk),
      ("h.data-00000-of-00001", junk), ("l.npz", junk), ("m.safetensors", junk),
      ("n", Array("PK\u{3}\u{4}".utf8) + junk),
      ("o.h5", junk), ("p.keras", junk), ("q.weights.json", junk),
    ] {
      try folder.write(bytes, to: name)
      let error = failure { _ = try open(folder(name)) }
      #expect(
        error.map { Self.allowed.contains($0.code) } == true, "\(name), seed \(seed): \(String(describing: error))")
    }
  }
}
