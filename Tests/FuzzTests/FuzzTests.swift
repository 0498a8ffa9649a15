import CheckpointCore
import FuzzTargets
import TestKit
import Testing

/// Every parser on some hundreds of damaged inputs, and on what longer runs found; Scripts/fuzz has the millions.
@Suite struct FuzzTests {
  private static let root = splitPath(splitPath(splitPath(#filePath).folder).folder).folder
  static let targets = Result { try FuzzTarget.all(cases: root + "/Conformance/Cases") }
  static let names = (try? targets.get().map(\.name)) ?? []

  private func target(_ name: String) throws -> FuzzTarget {
    try #require(try FuzzTests.targets.get().first { $0.name == name })
  }

  @Test func thereAreTargets() throws { #expect(try FuzzTests.targets.get().count == 14) }

  @Test(arguments: names) func anyInputIsAnAnswerOrAnError(name: String) throws {
    let target = try target(name)
    let session = try FuzzSession(target)
    let mutator = FuzzMutator(target, random: 7)
    for index in 0..<600 {
      let input = mutator.input(index)
      let problem = session.feed(input.bytes, seed: input.seed, isRepaired: input.isRepaired)
      #expect(problem == nil, "input \(index) of seed 7")
    }
    #expect(session.accepted > 0)
  }

  /// A file that claims a size beyond every limit, in its shape as in its offsets, is among the inputs.
  @Test func aSizeIsReplacedWhereverItStands() throws {
    let mutator = FuzzMutator(try target("safetensors"), random: 7)
    let claims = Array("\"shape\":[9223372036854775807],\"data_offsets\":[0,9223372036854775807]".utf8)
    #expect(
      (0..<3000).contains { index in
        let bytes = mutator.input(index).bytes
        return bytes.indices.dropLast(claims.count).contains {
          bytes[$0] == claims[0] && bytes[$0...].starts(with: claims)
        }
      })
  }

  @Test(arguments: [("stores", 12), ("stores-hdf5", 2)]) func anyStoreSurvivesEveryPairOfFormats(
    name: String, count: Int
  ) throws {
    let target = try #require(
      try FuzzTarget.slow(cases: FuzzTests.root + "/Conformance/Cases").first { $0.name == name })
    let session = try FuzzSession(target)
    let mutator = FuzzMutator(target, random: 7)
    for index in 0..<count { #expect(session.feed(mutator.input(index).bytes, seed: 0, isRepaired: false) == nil) }
    #expect(session.accepted == count)
  }

  /// Files `Tests/Fuzz/Findings/TARGET-NUMBER`.
  @Test(arguments: Candidate.names(in: root + "/Tests/Fuzz/Findings"))
  func whatWasFoundStaysRepaired(file: String) throws {
    let name = String(file[..<(file.lastIndex(of: "-") ?? file.endIndex)])
    let target = try target(name)
    let bytes = try InputFile(FuzzTests.root + "/Tests/Fuzz/Findings/" + file).contents(limit: 1 << 20)
    let session = try FuzzSession(target)
    for seed in target.seeds.indices { #expect(session.feed(bytes, seed: seed, isRepaired: true) == nil) }
  }
}
