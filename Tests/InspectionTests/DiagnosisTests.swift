import CheckpointCore
import Inspection
import TestKit
import Testing

@Suite struct DiagnosisTests {
  private func describe(_ bytes: [UInt8], as name: String = "model.ckpt") throws -> CheckpointError? {
    let folder = try TemporaryFolder()
    return ForeignContent.describe(try folder.write(bytes, to: name))
  }

  @Test(
    arguments: [
      ("", DamageKind.empty), ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n", .gitLFSPointer),
      ("\n <!doctype HTML><p>", .webPage), ("<?xml version=\"1.0\"?><Error/>", .webPage), ("{\"error\": 404}", .json),
      ("Not found\n", .text), ("BZh91AY&SY", .compressed),
    ] as [(String, DamageKind)])
  func whatServersAndToolsLeaveIsRecognised(text: String, damage: DamageKind) throws {
    let found = try #require(try describe(Array(text.utf8)))
    #expect(found.damage == damage && found.remedy != nil)
  }

  @Test func aPointerSaysHowLargeTheFileIs() throws {
    let text = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"
    #expect(try describe(Array(text.utf8))?.message.hasSuffix("which has 12 bytes") == true)
  }

  @Test func aPyTorchFileIsNoArchiveToUnpack() throws {
    let name = Array("archive/data.pkl".utf8)
    let header = hex("504b0304 0000 0000 0000 0000 0000 00000000 00000000 00000000") + [UInt8(name.count), 0, 0, 0]
    #expect(try describe(header + name)?.message.contains("PyTorch") == true)
  }

  @Test func whatMayBeACheckpointIsNotForeign() throws {
    #expect(try describe(hex("00 01 02 57fb808b247547db")) == nil)
    #expect(try describe(Array("{\"format\": \"npy-flat\"}".utf8), as: "m.index.json") == nil)
    #expect(try describe(Array("model_checkpoint_path: \"m\"".utf8), as: "checkpoint") == nil)
    #expect(try describe(hex("504b0304") + [UInt8](repeating: 0, count: 40), as: "m.npz") == nil)
    #expect(try describe(Array("cnumpy.core.multiarray\n_reconstruct\n".utf8), as: "m.npy") == nil)
    #expect(try describe(Array("(lp0\ncnumpy.core.multiarray\n".utf8), as: "m.pkl") == nil)
  }

  @Test func anErrorOfAForeignFileSaysWhatTheFileIs() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("<html>", to: "m.data-00000-of-00001")
    let error = CheckpointError(.corrupt, "the checksum differs").at(file: path, variable: "w").explained
    #expect(error.damage == .webPage && error.variable == "w" && error.code == .corrupt)
    let other = CheckpointError(.usage, "there is no format 'x'").at(file: path)
    #expect(other.explained.message == other.message)
  }

  /// A store over one file of floats, each variable with the checksum that it should have.
  private func store(
    _ folder: TemporaryFolder, _ bytes: [UInt8], sums: [UInt32?], name: String = "data"
  ) throws -> VariableStore {
    let file = try folder.file(bytes, name)
    var store = VariableStore(source: .init(format: "memory", path: folder("m"), files: [file]))
    let size = bytes.count / sums.count
    for (i, sum) in sums.enumerated() {
      let storage = try FileStorage(file, offset: i * size, byteCount: size, crc32c: sum)
      try store.append(
        Variable(
          name: Name("v\(i)"), tensor: Tensor(dtype: .uint8, shape: Shape([size]), storage: storage), role: .weight))
    }
    return store
  }

  private func sums(_ bytes: [UInt8], _ count: Int) -> [UInt32] {
    let size = bytes.count / count
    return (0..<count).map { CRC32C(of: Array(bytes[$0 * size..<($0 + 1) * size])).value }
  }

  @Test func zerosInTheMiddleAreAnUnfinishedDownload() throws {
    var random = RandomSource(seed: 3)
    let good = random.bytes(4 << 12)
    var bytes = good
    bytes.replaceSubrange(6000..<9000, with: [UInt8](repeating: 0, count: 3000))
    let checkup = try Checkup(try store(TemporaryFolder(), bytes, sums: sums(good, 4)), jobs: 2)
    #expect(checkup.verdicts.map(\.isSound) == [true, false, false, true])
    let cause = try #require(checkup.causes.first)
    // Whole sectors of the tensors: 6144 is the first, counted from 4096.
    #expect(cause.damage == .zeroFilled && cause.message.hasPrefix("bytes 6144 to 8704 are zeros"))
  }

  @Test func otherBytesEverywhereAreAnotherCheckpoint() throws {
    var random = RandomSource(seed: 4)
    let (good, other) = (random.bytes(4000), random.bytes(4000))
    let checkup = try Checkup(try store(TemporaryFolder(), other, sums: sums(good, 4)), jobs: 2)
    #expect(checkup.causes.map(\.damage) == [.otherCheckpoint])
    var one = good
    one[100] ^= 1
    let bit = try Checkup(try store(TemporaryFolder(), one, sums: sums(good, 4)), jobs: 2)
    #expect(bit.causes.map(\.damage) == [.checksum] && bit.causes[0].message.contains("'v0'"))
  }

  @Test func aTailOfZerosWithoutAChecksumIsSuspicious() throws {
    var random = RandomSource(seed: 5)
    let bytes = random.bytes(10_000) + [UInt8](repeating: 0, count: 6000)
    let checkup = try Checkup(try store(TemporaryFolder(), bytes, sums: [nil, nil]), jobs: 2)
    #expect(checkup.isWhole && checkup.suspicions.map(\.damage) == [.zeroFilled])
    // Zeros that begin where a variable does are its values.
    let slots = random.bytes(8000) + [UInt8](repeating: 0, count: 8000)
    #expect(try Checkup(try store(TemporaryFolder(), slots, sums: [nil, nil]), jobs: 2).suspicions.isEmpty)
  }

  @Test func aSumOfZerosIsKnownByItsNumber() {
    // What PyramidBox#22 and openpose#33 print: 1024 zero bytes.
    #expect(CRC32C.ofZeros(1024) == 4_004_437_628)
    for count in [0, 1, 7, 4096, 1_000_003] {
      let zeros = [UInt8](repeating: 0, count: count)
      #expect(CRC32C.ofZeros(count) == CRC32C(of: zeros).value && CRC32.ofZeros(count) == CRC32(of: zeros).value)
    }
    let error = CheckpointError.checksum(recorded: 7, found: 4_004_437_628, of: 1024)
    #expect(error.damage == .zeroFilled && error.message.hasPrefix("all 1024 bytes are zeros"))
  }
}
