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

  @Test func twoAtWorkOnTheSameOutputAreOneTooMany() throws {
    let folder = try TemporaryFolder()
    var first = try StagedOutput(prefix: folder("model"), replacing: true, protecting: [])
    try first.create(suffix: ".index", place: .index, size: 1).write([1], at: 0)
    var other = try StagedOutput(prefix: folder("model"), replacing: true, protecting: [])
    _ = try other.create(suffix: ".h5", place: .index, size: 1)
    do {
      let error = failure {
        var second = try StagedOutput(prefix: folder("model"), replacing: true, protecting: [])
        _ = try second.create(suffix: ".index", place: .index, size: 1)
      }
      #expect(error?.code == .cannotCreate && error?.message.contains("another ckpt-convert") == true)
    }
    _ = try first.commit()
    var third = try StagedOutput(prefix: folder("model"), replacing: true, protecting: [])
    _ = try third.create(suffix: ".index", place: .index, size: 1)
  }

  @Test func whatIsLeftOverIsRemovedAndWhatIsAtWorkIsNot() throws {
    let folder = try TemporaryFolder()
    try folder.write([1, 2, 3], to: ".old.1-0.ckpt-convert-tmp/old.npz")
    try folder.write([1], to: ".own.1-0.ckpt-convert-tmp/folder/file")
    try folder.write([1], to: ".file.ckpt-convert-tmp")
    try folder.write([1], to: "model.npz")
    let output = try StagedOutput(prefix: folder("model"), replacing: true, protecting: [])
    let outcomes = LeftOver.all(in: folder.path).map { ($0.path, $0.remove()) }
    #expect(outcomes.count == 4)
    for (path, outcome) in outcomes {
      switch path {
      case folder(".old.1-0.ckpt-convert-tmp"): #expect(outcome == .removed(files: 1, bytes: 3))
      case folder(".own.1-0.ckpt-convert-tmp"): #expect(outcome == .kept("'folder' in it is no plain file"))
      case folder(".file.ckpt-convert-tmp"): #expect(outcome == .kept("it cannot be opened: Not a directory"))
      default: #expect(path.contains(".model.") && outcome == .inUse)
      }
    }
    #expect(folder.names.count == 4 && Candidate.isFolder(splitPath(output.stagedPrefix).folder))
  }

  @Test func aLongNameIsStaged() throws {
    let folder = try TemporaryFolder()
    let name = String(repeating: "\u{1F600}", count: 60)
    var output = try StagedOutput(prefix: folder(name), replacing: false, protecting: [])
    _ = try output.create(suffix: ".npz", place: .index, size: 1)
    _ = try output.commit()
    #expect(folder.names == [name + ".npz"])
  }

  /// What the index of the detour says is checked at every step of a commit by Tests/FaultTests.
  @Test func aDetourLeavesTheFilesUnderTheirOwnNames() throws {
    let folder = try TemporaryFolder()
    try folder.write([7], to: "model.npy")
    try folder.write([8], to: "model.new-1.npy")
    try folder.write([9], to: "model.json")
    var output = try StagedOutput(prefix: folder("model"), replacing: true, protecting: [])
    try output.create(suffix: ".json", place: .index, size: 1).write([1], at: 0)
    try output.create(suffix: ".npy", size: 1).write([2], at: 0)
    let detour = try #require(try output.beginDetour())
    #expect(detour.names == ["model.npy": "model.new-2.npy"])
    try detour.index.write([3], at: 0)
    _ = try output.commit()
    #expect(folder.names == ["model.json", "model.new-1.npy", "model.npy"])
    #expect(try folder.read("model.json") == [1])
    #expect(try folder.read("model.npy") == [2])
  }

  @Test func nothingToReplaceNeedsNoDetour() throws {
    let folder = try TemporaryFolder()
    try folder.write([9], to: "model.json")
    var output = try StagedOutput(prefix: folder("model"), replacing: true, protecting: [])
    _ = try output.create(suffix: ".json", place: .index, size: 1)
    _ = try output.create(suffix: ".npy", size: 1)
    #expect(try output.beginDetour() == nil)
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
