import CheckpointCore
import Conformance
import FormatRegistry
import Foundation
import TestKit
import Testing

/// The laws can fail: each with a case that breaks it, and the case, the law and the tensor are named.
@Suite struct RunnerTests {
  private let folder: TemporaryFolder
  private let scratch: TemporaryFolder

  init() throws { (folder, scratch) = (try TemporaryFolder(), try TemporaryFolder()) }

  /// A copy of one of the project's cases.
  private func copy(_ id: String) throws {
    let source = ConformanceTests.root + "/Cases/" + id
    let target = folder("cases/" + id)
    try FileManager.default.createDirectory(
      atPath: splitPath(target).folder, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: source, toPath: target)
  }

  private func edit(_ file: String, _ change: (inout String) -> Void) throws {
    var text = String(decoding: try folder.read("cases/" + file), as: UTF8.self)
    let before = text
    change(&text)
    #expect(text != before, "nothing was changed in \(file)")
    try folder.write(text, to: "cases/" + file)
  }

  private func checks() throws -> [Check] {
    var conformance = Conformance(scratch: scratch.path)
    try conformance.known.read(folder("cases"))
    let reports = try conformance.run(try Case.find(in: folder("cases")))
    #expect(scratch.names == [])
    return reports.flatMap(\.checks)
  }

  private func failures() throws -> [String] {
    try checks().compactMap { check in
      guard case .fails(_, let tensor) = check.verdict else { return nil }
      return "\(check.law.rawValue) \(check.format ?? "-") \(tensor?.description ?? "-")"
    }
  }

  @Test func anotherDigestFailsReads() throws {
    try copy("npz/stored")
    #expect(try failures() == [])
    let tensors = try JSONReader.parse(folder.read("cases/npz/stored/tensors.json"))
    let first = try #require(tensors.members?.first?.value.elements?.first)
    let (name, digest) = (try #require(first["name"]?.name), try #require(first["sha256"]?.text))
    try edit("npz/stored/tensors.json") { $0.replace(digest, with: String(digest.reversed()), maxReplacements: 1) }
    #expect(try failures() == ["reads - \(name)"])
  }

  @Test func aMissingAndAnUnknownTensorFailReads() throws {
    try copy("npz/stored")
    let tensors = try JSONReader.parse(folder.read("cases/npz/stored/tensors.json"))
    let name = try #require(tensors.members?.first?.value.elements?.first?["name"]?.name?.text)
    try edit("npz/stored/tensors.json") {
      $0.replace("\"name\": \"\(name)\"", with: "\"name\": \"nobody\"", maxReplacements: 1)
    }
    #expect(try failures() == ["reads - nobody"])
  }

  @Test func anotherRecordedNumberFailsBehaves() throws {
    try copy("char-lstm")
    try edit("char-lstm/case.json") { $0.replace("0.4944738745689392", with: "0.4954738745689392") }
    #expect(try failures() == ["behaves - loss:0"])
  }

  @Test func aSoundFileFailsRefuses() throws {
    try copy("npz/stored")
    try edit("npz/stored/case.json") { $0.replace("\"schema\": 1", with: "\"schema\": 1, \"expected\": \"error\"") }
    let failed = try failures()
    #expect(failed.contains("refuses - -"))
    #expect(failed.contains("refuses tf-bundle -"))
  }

  @Test func anotherStatusFailsRefuses() throws {
    try copy("damaged/st-cut")
    #expect(try failures() == [])
    try edit("damaged/st-cut/case.json") { $0.replace("\"status\": 65", with: "\"status\": 66") }
    #expect(try failures() == ["refuses - -"])
  }

  @Test func silenceFailsAccepts() throws {
    try copy("damaged/string-len-nonminimal")
    try edit("damaged/string-len-nonminimal/case.json") { $0.replace("\"ok\"", with: "\"ok-but-warn\"") }
    #expect(try failures() == ["accepts - -"])
  }

  @Test func aKnownFailureThatHoldsIsAFailure() throws {
    try copy("npz/stored")
    try folder.write("# none yet\nnpz/stored\treturns\thdf5\tnot done\n", to: "cases/KNOWN_FAILURES.txt")
    #expect(try failures() == ["returns hdf5 -"])
    try copy("char-lstm")
    try edit("char-lstm/case.json") { $0.replace("0.4944738745689392", with: "1") }
    try folder.write("char-lstm\tbehaves\t-\tof a test\n", to: "cases/KNOWN_FAILURES.txt")
    #expect(try failures().filter { !$0.hasPrefix("behaves - -") } == [])
  }

  @Test(arguments: ["/etc/passwd", "../other", "a/../../b"]) func pathsStayInTheFolder(path: String) throws {
    try folder.write("{\"checkpoints\": [\"\(path)\"]}", to: "cases/one/case.json")
    let error = failure { _ = try Case.find(in: folder("cases")) }
    #expect(error?.code == .corrupt)
    #expect(error?.message.contains(path) == true)
  }

  /// What is no whole number is not taken for none.
  @Test func halvesAreNotTakenForNothing() throws {
    try copy("npz/stored")
    try edit("npz/stored/tensors.json") { $0.replace("\"shape\": [", with: "\"shape\": [1.5, ", maxReplacements: 1) }
    #expect(failure { _ = try checks() }?.code == .corrupt)
    try copy("char-lstm")
    try edit("char-lstm/case.json") { $0.replace("\"runs\": [", with: "\"runs\": [{\"steps\": 2.5}, ") }
    let lstm = folder("cases/char-lstm")
    #expect(failure { _ = try Case.find(in: lstm) }?.message.contains("'steps'") == true)
  }

  @Test func aFolderWithoutCasesIsSaid() throws {
    #expect(failure { _ = try Case.find(in: folder.path) }?.code == .notFound)
  }
}
