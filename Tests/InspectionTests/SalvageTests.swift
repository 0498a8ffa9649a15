import CheckpointCore
import FormatRegistry
import Inspection
import TestKit
import Testing

/// Files cut at every length and with flipped bits, read for salvage: what is called sound has the bytes that were written.
@Suite struct SalvageTests {
  private static let allowed: Set<CheckpointError.Code> = [.corrupt, .notFound, .unsupported]

  private func store() throws -> VariableStore {
    try VariableStore([
      "a": .floats([3], [1, 2, 3]), "b": Tensor(.int64, [2], (1...16).map { UInt8($0) }),
      "c": .floats([2, 2], [5, 6, 7, 8]),
    ])
  }

  /// What salvage makes of the files in a folder.
  /// - Returns: nil where nothing can be opened.
  private func sound(_ path: String) throws -> (contents: [Content], isWhole: Bool)? {
    do {
      let (store, _) = try Opening.open(path, options: ReadOptions(salvage: true))
      let checkup = try Checkup(store, jobs: 1)
      if !checkup.isWhole { #expect(!checkup.causes.isEmpty, "\(path): damage without a cause") }
      return (try checkup.sound(of: store).contents(), checkup.isWhole)
    } catch let error as CheckpointError {
      #expect(Self.allowed.contains(error.code), "\(error)")
      return nil
    }
  }

  @Test(arguments: ["tf-bundle", "tf-v1", "npz", "npy-flat"])
  func whatHasAChecksumIsRightOrLost(format: String) throws {
    let folder = try TemporaryFolder()
    let store = try store()
    try #require(AllFormats.named(format)).save(store, to: folder("m"))
    let path = folder(format == "npy-flat" ? "m.index.json" : format == "npz" ? "m.npz" : "m")
    let good = Set(try store.contents().map(\.bytes))
    var rescued = 0
    for file in folder.names {
      let bytes = try folder.read(file)
      for length in stride(from: 0, to: bytes.count, by: 3) {
        try folder.write(Array(bytes[..<length]), to: file)
        guard let found = try sound(path) else { continue }
        #expect(Set(found.contents.map(\.bytes)).isSubset(of: good), "\(file) of \(length) bytes")
        rescued += found.isWhole ? 0 : found.contents.count
      }
      for bit in stride(from: 0, to: 8 * bytes.count, by: 5) {
        var flipped = bytes
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        try folder.write(flipped, to: file)
        guard let found = try sound(path) else { continue }
        // Names and dtypes of a manifest have no checksum; bytes have.
        #expect(Set(found.contents.map(\.bytes)).isSubset(of: good), "\(file) bit \(bit)")
        rescued += found.isWhole ? 0 : found.contents.count
      }
      try folder.write(bytes, to: file)
    }
    // Of three variables, what a cut or a bit does not touch is kept, wherever the format has more than one block.
    #expect(rescued > (format == "tf-v1" ? -1 : 20), "\(rescued)")
    #expect(try #require(try sound(path)).isWhole)
  }

  @Test func tensorsBeforeTheCutOfASafetensorsFileAreKept() throws {
    let folder = try TemporaryFolder()
    try #require(AllFormats.named("safetensors")).save(try store(), to: folder("m"))
    let bytes = try folder.read("m.safetensors")
    try folder.write(Array(bytes.dropLast(1)), to: "m.safetensors")
    let found = try #require(try sound(folder("m.safetensors")))
    #expect(!found.isWhole && found.contents.count == 2)
  }

  @Test func aShardThatIsMissingTakesOnlyItsOwn() throws {
    let folder = try TemporaryFolder()
    try #require(AllFormats.named("tf-bundle")).save(try store(), to: folder("m"), options: WriteOptions(shards: 2))
    try folder.remove("m.data-00001-of-00002")
    let found = try #require(try sound(folder("m")))
    #expect(!found.isWhole && !found.contents.isEmpty && found.contents.count < 3)
  }

  /// Claims of 2⁶³ bytes that are nowhere cost no memory and no time.
  @Test func anAbsurdSizeIsNotPlannedFor() throws {
    let reason = CheckpointError(.corrupt, "is cut short").because(.truncated)
    var store = VariableStore(source: .init(format: "memory", path: "memory"))
    for name in 0..<8 {
      try store.append(
        Variable(
          name: Name("\(name)"),
          tensor: try Tensor(
            dtype: .uint8, shape: Shape([1 << 60]), storage: MissingStorage(byteCount: 1 << 60, reason: reason)),
          role: .weight))
    }
    let checkup = try Checkup(store, jobs: 2)
    #expect(checkup.verdicts.allSatisfy { !$0.isSound } && checkup.causes.count == 1)
    #expect(store.byteCount == .max)
  }
}
