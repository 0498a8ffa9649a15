import CheckpointCore
import Conformance
import FormatRegistry
import HDF5Library
import TestKit
import Testing

/// The project's own cases, held to the laws by the library behind `ckpt-convert conformance`.
@Suite struct ConformanceTests {
  static let root = splitPath(splitPath(#filePath).folder).folder

  private static let cases: [Case] = {
    do {
      return try Case.find(in: root + "/Cases")
    } catch {
      Issue.record("the cases cannot be read: \(error)")
      return []
    }
  }()

  @Test func thereAreCases() {
    #expect(Self.cases.count { $0.deserves == nil } > 75)
    #expect(Self.cases.count { $0.deserves == .error } > 120)
  }

  @Test(arguments: cases) func everyLawHolds(one: Case) throws {
    let folder = try TemporaryFolder()
    var conformance = Conformance(scratch: folder.path)
    try conformance.known.read(Self.root + "/Cases")
    let checks = try conformance.run([one]).flatMap(\.checks)
    #expect(!checks.isEmpty)
    for check in checks where check.verdict.isFailure {
      Issue.record("\(check.law.rawValue) \(check.format ?? ""): \(check.verdict)")
    }
    #expect(folder.names == [])
  }

  /// A float64 vector of a float32 network is the float32 one where its loss is accepted.
  @Test func narrowsALegacyVectorAsNumpyDoes() throws {
    let one = try #require(Self.cases.first { $0.id == "legacy-flat/es-agent" })
    let wide = try #require(one.subjects.first { $0.key == "weights_f64.npy" })
    let recorded = try #require(one.subjects.first { $0.key == "weights.npy" }?.recorded)
    let variables = try wide.open(allowLoss: true).variables
    #expect(variables.map(\.name) == recorded.map(\.name))
    #expect(try variables.map { try Digest.sha256(of: $0) } == recorded.map(\.sha256))
  }
}

extension Case: CustomTestStringConvertible {
  public var testDescription: String { id }
}
