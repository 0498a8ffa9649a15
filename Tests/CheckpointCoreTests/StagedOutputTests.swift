import CheckpointCore
import Foundation
import TestKit
import Testing

@Suite struct StagedOutputTests {
  @Test func uncommittedOutputLeavesNothing() throws {
    let folder = try TemporaryFolder()
    do {
      var output = try StagedOutput(prefix: folder("model"), replacing: false, protecting: [])
      try output.create(suffix: ".index", place: .index, size: 3).write([1, 2, 3], at: 0)
      #expect(folder.names.count == 1)
      #expect(folder.names[0].hasPrefix(".model."))
    }
    #expect(folder.names == [])
  }

  @Test func commitMovesEverythingIntoPlaceTheIndexNamedFirst() throws {
    let folder = try TemporaryFolder()
    var output = try StagedOutput(prefix: folder("model"), replacing: false, protecting: [])
    try output.create(name: "checkpoint", place: .pointer, size: 1).write([9], at: 0)
    try output.create(suffix: ".index", place: .index, size: 2).write([1, 2], at: 0)
    try output.create(suffix: ".data", size: 3).write([3, 4, 5], at: 0)
    let finished = try output.commit()
    #expect(folder.names == ["checkpoint", "model.data", "model.index"])
    #expect(finished.map(\.path) == [folder("checkpoint"), folder("model.index"), folder("model.data")])
    #expect(finished.map(\.bytes) == [1, 2, 3])
    #expect(try folder.read("model.data") == [3, 4, 5])
  }

  @Test func neverReplacesUnasked() throws {
    let folder = try TemporaryFolder()
    try folder.write([7], to: "model.index")
    let error = failure {
      var output = try StagedOutput(prefix: folder("model"), replacing: false, protecting: [])
      _ = try output.create(suffix: ".index", size: 1)
    }
    #expect(error?.code == .cannotCreate)
    #expect(error?.file == folder("model.index"))
    #expect(try folder.read("model.index") == [7])
    #expect(folder.names == ["model.index"])
  }

  /// The check at the beginning is a courtesy; the decision is the kernel's when the file moves.
  @Test func neverReplacesWhatAppearedMeanwhile() throws {
    let folder = try TemporaryFolder()
    let error = failure {
      var output = try StagedOutput(prefix: folder("model"), replacing: false, protecting: [])
      try output.create(suffix: ".index", size: 1).write([1], at: 0)
      try folder.write([7], to: "model.index")
      _ = try output.commit()
    }
    #expect(error?.code == .cannotCreate)
    #expect(try folder.read("model.index") == [7])
    #expect(folder.names == ["model.index"])
  }

  @Test func aDiskThatIsTooSmallLeavesNothing() throws {
    let folder = try TemporaryFolder()
    let error = failure {
      var output = try StagedOutput(prefix: folder("model"), replacing: false, protecting: [])
      _ = try output.create(suffix: ".index", size: 1 << 60)
    }
    // A file system that cannot reserve says nothing of it.
    #expect(error == nil || error?.code == .io)
    #expect(folder.names == [])
  }

  @Test func whatWasMovedBeforeTheIndexFailedGoesAgain() throws {
    let folder = try TemporaryFolder()
    let error = failure {
      var output = try StagedOutput(prefix: folder("model"), replacing: false, protecting: [])
      try output.create(suffix: ".data", size: 1).write([1], at: 0)
      try output.create(suffix: ".index", place: .index, size: 1).write([2], at: 0)
      try folder.write([7], to: "model.index")
      _ = try output.commit()
    }
    #expect(error?.code == .cannotCreate)
    #expect(folder.names == ["model.index"])
    #expect(try folder.read("model.index") == [7])
  }

  @Test func replacesWhenAsked() throws {
    let folder = try TemporaryFolder()
    try folder.write([7, 7, 7], to: "model.index")
    try folder.write([8], to: "old")
    var output = try StagedOutput(prefix: folder("model"), replacing: true, protecting: [])
    try output.create(suffix: ".index", place: .index, size: 1).write([1], at: 0)
    output.supersede(folder("old"))
    _ = try output.commit()
    #expect(try folder.read("model.index") == [1])
    #expect(folder.names == ["model.index"])
  }

  @Test func neverWritesOverItsOwnInput() throws {
    let folder = try TemporaryFolder()
    let input = try folder.file([1, 2, 3], "model.npy")
    try FileManager.default.createSymbolicLink(atPath: folder("link.npy"), withDestinationPath: folder("model.npy"))
    try FileManager.default.linkItem(atPath: folder("model.npy"), toPath: folder("hard.npy"))
    for name in ["model", "link", "hard"] {
      let error = failure {
        var output = try StagedOutput(prefix: folder(name), replacing: true, protecting: [input])
        _ = try output.create(suffix: ".npy", size: 1)
      }
      #expect(error?.code == .cannotCreate)
      #expect(error?.message.contains("part of the input") == true, "\(name): \(String(describing: error))")
    }
    #expect(try folder.read("model.npy") == [1, 2, 3])
  }

  @Test func needsTheFolder() throws {
    let folder = try TemporaryFolder()
    let error = failure { _ = try StagedOutput(prefix: folder("gone/model"), replacing: false, protecting: []) }
    #expect(error?.code == .cannotCreate)
  }

  @Test func aFolderIsNotReplaced() throws {
    let folder = try TemporaryFolder()
    try folder.write([1], to: "model.index/keep")
    let error = failure {
      var output = try StagedOutput(prefix: folder("model"), replacing: true, protecting: [])
      _ = try output.create(suffix: ".index", size: 1)
    }
    #expect(error?.code == .cannotCreate)
    #expect(folder.names == ["model.index"])
  }

  @Test func splitsAndJoinsPaths() {
    #expect(splitPath("a/b/c") == ("a/b", "c"))
    #expect(splitPath("c") == (".", "c"))
    #expect(splitPath("/c") == ("/", "c"))
    #expect(splitPath("a/") == ("a", ""))
    #expect(joinPath(".", "c") == "c")
    #expect(joinPath("/", "c") == "/c")
    #expect(joinPath("a", "c") == "a/c")
    #expect(joinPath("a", "/c") == "/c")
  }
}
