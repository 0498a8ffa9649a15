import CheckpointCore
import Foundation
import TestKit
import Testing

/// Runs `Tests/Transcripts/*.md`, the guides in `Documentation` and the pages in the root against the built program. All
/// `console` blocks of one file run in one shell, in a fresh folder that holds a copy of `Conformance`.
/// RECORD_TRANSCRIPTS=1 writes what is printed into the files instead of
/// comparing, RECORD_TRANSCRIPTS=layout only into those with `layout` in their name.
@Suite struct TranscriptTests {
  private static let root = splitPath(splitPath(splitPath(#filePath).folder).folder).folder

  /// Those with at least one `console` block.
  static let files: [String] = [".", "Documentation", "Tests/Transcripts"].flatMap { folder in
    Candidate.names(in: joinPath(root, folder)).map { joinPath(folder, $0) }.filter { file in
      file.hasSuffix(".md") && (try? Transcript(joinPath(root, file)).steps.isEmpty) != true
    }
  }

  @Test(arguments: files) func printsWhatItSays(file: String) throws {
    let transcript = try Transcript(joinPath(Self.root, file))
    let binaries = splitPath(try BuiltProgram.path()).folder
    let folder = try TemporaryFolder()
    try FileManager.default.copyItem(atPath: joinPath(Self.root, "Conformance"), toPath: folder("Conformance"))
    let shell = Shell(folder: folder.path, binaries: binaries)
    let record = ProcessInfo.processInfo.environment["RECORD_TRANSCRIPTS"]
    let isRecording = record == "1" || record.map { !$0.isEmpty && file.contains($0) } == true
    let outputs = try shell.run(transcript.steps.map(\.command))
    for (step, found) in zip(transcript.steps, outputs) where !isRecording {
      let expected = transcript.lines[step.output]
      #expect(
        Transcript.matches(found[...], expected),
        """
        \(file):\(step.output.lowerBound): $ \(step.command)
        --- printed:
        \(found.joined(separator: "\n"))
        --- expected:
        \(expected.joined(separator: "\n"))
        """)
    }
    if isRecording {
      try transcript.rewritten(outputs).write(toFile: transcript.path, atomically: true, encoding: .utf8)
    }
  }

  @Test func dotsStandForAnyLines() {
    func matches(_ found: [String], _ expected: [String]) -> Bool { Transcript.matches(found[...], expected[...]) }
    #expect(matches(["a", "b", "c"], ["a", "...", "c"]))
    #expect(matches(["a", "c"], ["a", "...", "c"]))
    #expect(matches([], ["..."]))
    #expect(!matches(["a", "b"], ["a"]))
    #expect(!matches(["a"], ["...", "b"]))
    #expect(matches(["a", "x", "a", "b"], ["...", "a", "b"]))
  }

  @Test func thereAreTranscripts() { #expect(Self.files.count > 7) }
}
