import CheckpointCore
import TestKit
import Testing
import Verifier

@Suite struct ByteComparisonTests {
  private func compare(_ expected: VariableStore, _ found: VariableStore, jobs: Int = 2) -> CheckpointError? {
    failure { try ByteComparison(jobs: jobs, progress: nil).requireEqual(expected, found) }
  }

  private func nan(_ payload: UInt32) throws -> VariableStore {
    try VariableStore(["w": .floats([1], [Float(bitPattern: 0x7fc0_0000 | payload)])])
  }

  @Test func equalStoresAreEqualInAnyOrder() throws {
    let a = try VariableStore(["w": .floats([2], [1, 2]), "s": .strings([1], [[1, 2]]), "e": .floats([0], [])])
    let b = try VariableStore(["e": .floats([0], []), "s": .strings([1], [[1, 2]]), "w": .floats([2], [1, 2])])
    #expect(compare(a, b) == nil)
  }

  @Test func bitsDecideAndNotValues() throws {
    #expect(compare(try nan(1), try nan(1)) == nil)
    #expect(compare(try nan(1), try nan(2))?.code == .different)
    let error = compare(try VariableStore(["w": .floats([], [0])]), try VariableStore(["w": .floats([], [-0.0])]))
    #expect(error?.code == .different && error?.variable == "w")
  }

  @Test(arguments: [1, 2]) func aTamperedCopyIsDifferentWhereverTheByteLies(jobs: Int) throws {
    var random = RandomSource(seed: 51)
    let bytes = random.bytes(600_000)
    let original = try VariableStore(["a": .floats([], [1]), "w": Tensor(.uint8, [600_000], bytes)])
    for position in [0, 262_143, 262_144, 524_288, 599_999] {
      var changed = bytes
      changed[position] ^= 1
      let copy = try VariableStore(["a": .floats([], [1]), "w": Tensor(.uint8, [600_000], changed)])
      let error = compare(original, copy, jobs: jobs)
      #expect(error?.code == .different && error?.variable == "w", "byte \(position)")
    }
  }

  @Test func anotherDTypeShapeOrNameIsDifferent() throws {
    let original = try VariableStore(["w": .floats([2, 1], [1, 2])])
    let bits = try original.contents()[0].bytes
    #expect(
      compare(original, try VariableStore(["w": Tensor(.int32, [2, 1], bits)]))?.message
        == "was float32 [2, 1], and reads back as int32 [2, 1]")
    #expect(compare(original, try VariableStore(["w": .floats([2], [1, 2])]))?.code == .different)
    #expect(compare(original, try VariableStore(["v": .floats([2, 1], [1, 2])]))?.code == .different)
    #expect(compare(original, try VariableStore([:]))?.message == "is missing in the output")
    #expect(compare(try VariableStore([:]), original)?.message == "is in the output and not in the source")
  }

  @Test func aChecksumThatIsNotTheBytesIsDifferent() throws {
    let folder = try TemporaryFolder()
    let original = try VariableStore(["w": Tensor(.uint8, [4], [1, 2, 3, 4])])
    let file = try folder.file([1, 2, 3, 4])
    let storage = try FileStorage(file, offset: 0, byteCount: 4, crc32c: 99)
    var copy = VariableStore(source: .init(format: "memory", path: ""))
    try copy.append(
      Variable(name: "w", tensor: Tensor(dtype: .uint8, shape: Shape([4]), storage: storage), role: .weight))
    #expect(compare(original, copy)?.code == .different)
  }

  @Test func aDamagedSourceIsCorruptAndNotDifferent() throws {
    let folder = try TemporaryFolder()
    let storage = try FileStorage(try folder.file([1, 2, 3, 4]), offset: 0, byteCount: 4, crc32c: 99)
    var source = VariableStore(source: .init(format: "memory", path: ""))
    try source.append(
      Variable(name: "w", tensor: Tensor(dtype: .uint8, shape: Shape([4]), storage: storage), role: .weight))
    #expect(compare(source, try VariableStore(["w": Tensor(.uint8, [4], [1, 2, 3, 4])]))?.code == .corrupt)
  }
}
