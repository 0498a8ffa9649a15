import CheckpointCore
import Conformance
import FormatRegistry
import Foundation
import TestKit
import Testing

/// A case that is recorded holds, and does not after one byte has changed.
@Suite struct RecorderTests {
  private let folder: TemporaryFolder
  private let scratch: TemporaryFolder

  init() throws { (folder, scratch) = (try TemporaryFolder(), try TemporaryFolder()) }

  private func failures() throws -> [Check] {
    try Conformance(scratch: scratch.path).run(try Case.find(in: folder.path)).flatMap(\.checks)
      .filter(\.verdict.isFailure)
  }

  private func copy(_ names: [String], from place: String) throws {
    for name in names {
      try FileManager.default.copyItem(
        atPath: ConformanceTests.root + "/Cases/" + place + "/" + name, toPath: folder(name))
    }
  }

  @Test func aRecordedNetworkHoldsUntilAByteChanges() throws {
    try copy(["model.index", "model.meta", "model.data-00000-of-00001"], from: "char-lstm/model")
    let outcome = try CaseRecorder(folder.path).record([folder("model")], scratch: scratch.path)
    #expect(outcome.tensors == 14)
    #expect(outcome.runs == 1)
    #expect(outcome.notes == [])
    #expect(folder.names.contains("run-0.feed-0.npy"))
    #expect(try failures().isEmpty)
    var bytes = try folder.read("model.data-00000-of-00001")
    bytes[bytes.count / 2] ^= 1
    try folder.write(bytes, to: "model.data-00000-of-00001")
    let first = try #require(try failures().first)
    #expect(first.law == .reads)
    guard case .fails(_, let tensor) = first.verdict else { return }
    #expect(tensor != nil)
  }

  @Test func aChangedOutputIsFound() throws {
    try copy(["model.index", "model.meta", "model.data-00000-of-00001"], from: "char-lstm/model")
    _ = try CaseRecorder(folder.path).record([folder("model")], scratch: scratch.path)
    let name = try #require(folder.names.last { $0.hasPrefix("run-0.output-") })
    var bytes = try folder.read(name)
    bytes[bytes.count - 2] ^= 0x40
    try folder.write(bytes, to: name)
    #expect(try failures().map(\.law) == [.behaves])
  }

  @Test func onlyCheckpointsInTheFolderAreRecorded() throws {
    let outside = ConformanceTests.root + "/Cases/char-lstm/model/model"
    let error = failure { _ = try CaseRecorder(folder.path).record([outside], scratch: scratch.path) }
    #expect(error?.code == .usage)
    #expect(folder.names == [])
  }

  @Test func aCaseIsReplacedOnlyWhenAsked() throws {
    let store = try VariableStore(["w": .floats([2], [1, 2])])
    try AllFormats.named("npz")?.save(store, to: folder("w"))
    var recorder = try CaseRecorder(folder.path)
    _ = try recorder.record([folder("w.npz")], scratch: scratch.path)
    #expect(failure { _ = try recorder.record([folder("w.npz")], scratch: scratch.path) }?.code == .cannotCreate)
    recorder.isReplacing = true
    _ = try recorder.record([folder("w")], scratch: scratch.path)
    #expect(try failures().isEmpty)
    #expect(folder.names == ["case.json", "tensors.json", "w.npz"])
  }
}
