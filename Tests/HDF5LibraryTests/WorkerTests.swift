import CheckpointCore
import Foundation
import TestKit
import Testing

@testable import HDF5Library

/// Scripts in the place of the worker: whatever becomes of it is an ordinary error.
@Suite struct WorkerTests {
  private let folder: TemporaryFolder
  private let file: InputFile

  init() throws {
    folder = try TemporaryFolder()
    file = try folder.file([0x89] + Array("HDF and nothing".utf8), "model.h5")
  }

  /// - Parameter script: descriptor 0 is the socket.
  private func worker(_ script: String) throws -> HDF5Worker {
    let path = try folder.write("#!/bin/sh\n\(script)\n", to: "worker")
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
    return try start(path, tries: 100)
  }

  /// A process that another test started while the script was written keeps it busy until it comes to its own program.
  private func start(_ path: String, tries: Int) throws -> HDF5Worker {
    let result = Result { () throws(CheckpointError) in
      try HDF5Worker(.reading(file, base: 0, end: file.size), executable: path, silence: 1)
    }
    if tries > 0, case .failure(let error) = result, error.message.contains("Text file busy") {
      usleep(1000)
      return try start(path, tries: tries - 1)
    }
    return try result.get()
  }

  /// Frames for `printf`.
  private func frame(_ kind: Int, _ payload: [UInt8], length: UInt32? = nil) -> String {
    var bytes: [UInt8] = []
    bytes.append(little: UInt32(kind))
    bytes.append(little: UInt32(0))
    bytes.append(little: length ?? UInt32(payload.count))
    let octal = (bytes + payload).map { byte in
      let digits = String(byte, radix: 8)
      return "\\" + String(repeating: "0", count: 3 - digits.count) + digits
    }
    return "printf '\(octal.joined())' >&0"
  }

  private var ready: String { frame(1, hex("01000000 0a000000 08000000 1000000000000000")) }

  private func error(_ script: String) -> CheckpointError? { failure { _ = try worker(script) } }

  @Test func aWorkerThatSaysWhatIsExpectedIsHeard() throws {
    let worker = try self.worker(ready + "; read line")
    #expect(worker.version == "1.10.8")
    #expect(worker.end == 16)
  }

  @Test(arguments: ["SEGV", "ABRT", "KILL", "BUS"]) func aCrashIsAnErrorThatNamesTheSignal(signal: String) {
    let error = error("kill -\(signal) $$")
    #expect(error?.code == .corrupt)
    #expect(error?.message.contains("crashed on it (signal ") == true, "\(String(describing: error))")
    #expect(error?.file == file.path)
  }

  @Test func processorTimeThatIsUsedUpIsCalledThat() {
    #expect(error("kill -XCPU $$")?.message == "the HDF5 library took too long over it and was stopped")
  }

  @Test func silenceIsEnded() {
    let start = ContinuousClock.now
    #expect(error("exec /bin/sleep 60")?.message == "the HDF5 library took too long over it and was stopped")
    #expect(ContinuousClock.now - start < .seconds(20))
  }

  @Test func aWorkerThatLeavesIsAnError() {
    #expect(error("exit 0")?.message == "the HDF5 library gave up")
    #expect(error(ready.prefix(40) + "'")?.code == .corrupt)
  }

  @Test func nonsenseIsRefused() {
    #expect(error(frame(4, []))?.message == "the HDF5 worker answers nonsense")
    #expect(error(frame(99, [1, 2, 3]))?.message == "the HDF5 worker answers nonsense")
    // More than was asked for is not even read.
    #expect(error(frame(1, [], length: .max))?.message == "the HDF5 worker answers nonsense")
    #expect(error(frame(1, [1, 2, 3]))?.code == .corrupt)
    #expect(error(frame(6, [1]))?.code == .corrupt)
  }

  @Test func itsErrorsKeepTheirCause() {
    #expect(error(frame(6, hex("03000000 00000000") + Array("no library".utf8)))?.code == .unsupported)
    #expect(error(frame(6, hex("02000000 1c000000") + Array("cannot be written".utf8)))?.code == .io)
    let loud = error(frame(6, hex("01000000 00000000") + Array("bad\u{1b}[31m\n".utf8)))
    #expect(loud?.code == .corrupt)
    #expect(loud?.message.contains("\u{1b}") == false)
  }

  @Test func aMissingExecutableIsAnError() {
    let error = failure { _ = try HDF5Worker(.reading(file, base: 0, end: file.size), executable: folder("none")) }
    #expect(error?.code == .io)
  }

  @Test func theObjectThatWasAnnouncedIsNamed() throws {
    let worker = try self.worker(ready + "; read -r x <&0; " + frame(2, Array("a/b".utf8)) + "; kill -SEGV $$")
    let failed = failure {
      try worker.ask(1, Array("\n".utf8), limit: 100) { (_) throws(CheckpointError) in false }
    }
    #expect(failed?.message.contains("signal 11") == true)
    #expect(failed?.variable == "a/b")
  }

  private func starts() -> Int {
    FileManager.default.contents(atPath: folder("starts")).map(\.count) ?? 0
  }

  private func ask(_ worker: HDF5Worker) -> CheckpointError? {
    failure { _ = try worker.data(2, Array("\n".utf8), of: "w", limit: 100) }
  }

  @Test func aQuestionThatEndsTheWorkerTakesNoOtherAlong() throws {
    let once = "[ -e failed ] || { touch failed; kill -SEGV $$; }"
    let worker = try self.worker(
      "cd '\(folder(""))'; \(ready); read -r x <&0; \(once); \(frame(5, Array("yes".utf8))); read -r x <&0")
    #expect(ask(worker)?.variable == "w")
    #expect(try worker.data(2, Array("\n".utf8), of: "w", limit: 100) == Array("yes".utf8))
  }

  @Test func afterTooManyFailuresTheLastIsSaidAgain() throws {
    let worker = try self.worker("printf x >> '\(folder("starts"))'; \(ready); read -r x <&0; kill -SEGV $$")
    for _ in 0..<80 { #expect(ask(worker)?.message.contains("signal 11") == true) }
    #expect(starts() == 64)
  }

  /// Each may take seconds.
  @Test func silenceIsNotAskedForOften() throws {
    let worker = try self.worker("printf x >> '\(folder("starts"))'; \(ready); exec /bin/sleep 60")
    for _ in 0..<5 { #expect(ask(worker)?.message.contains("too long") == true) }
    #expect(starts() == 2)
  }

  /// What a writer has told its worker is gone with it.
  @Test func aWriterHasOneWorker() throws {
    let path = try folder.write("#!/bin/sh\nprintf x >> '\(folder("starts"))'; \(ready); exit 0\n", to: "writer")
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
    var staged = try StagedOutput(prefix: folder("out"), replacing: false, protecting: [])
    let output = try staged.create(suffix: ".h5", place: .index, size: 0)
    let worker = try HDF5Worker(.writing(output, base: 0, needs18: false), executable: path, silence: 1)
    for _ in 0..<3 { #expect(ask(worker) != nil) }
    #expect(starts() == 1)
  }
}
