import CheckpointCore
import TestKit
import Testing

/// Damaged files, given to the program as a person would. `Scripts/mutate` runs thousands of them.
@Suite struct MutationTests {
  private static let root = splitPath(splitPath(splitPath(#filePath).folder).folder).folder

  @Test func noDamageIsMoreThanAnError() throws {
    let seeds = try Mutator.hdf5Seeds(below: Self.root + "/Conformance/Cases")
    #expect(seeds.count > 8)
    let report = try Damage(program: BuiltProgram.path(), Mutator(seeds, random: 4)).run(0..<100, jobs: 2)
    #expect(report.failures == [])
    // Damage that is never seen, or always, would be no test.
    #expect(report.endings["inspect status(65)", default: 0] > 10)
    #expect(report.endings["inspect status(0)", default: 0] > 10)
  }

  @Test func aNumberAndASeedDecideTheInput() throws {
    let seed = Mutator.Seed(
      name: "a", bytes: [UInt8](repeating: 7, count: 100) + Array("TREE".utf8) + [0, 0, 0, 0, 0, 0])
    let (one, other) = (Mutator([seed], random: 1), Mutator([seed], random: 2))
    #expect((0..<50).map { one.input($0).bytes } == (0..<50).map { one.input($0).bytes })
    #expect((0..<50).map { one.input($0).bytes } != (0..<50).map { other.input($0).bytes })
  }
}
