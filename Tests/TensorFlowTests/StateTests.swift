import CheckpointCore
import ProtoWire
import TestKit
import Testing

@testable import TensorFlow

@Suite struct StateFileTests {
  private func latest(_ text: String) throws -> String { try StateFile(Array(text.utf8)).latest }

  @Test func readsTextProtos() throws {
    #expect(try latest("model_checkpoint_path: \"model-20\"\nall_model_checkpoint_paths: \"model-10\"\n") == "model-20")
    #expect(try latest("all_model_checkpoint_paths: 'a' model_checkpoint_path:'b'") == "b")
    #expect(
      try latest("# comment\nmodel_checkpoint_path: \"a\" # another\nlast_preserved_timestamp: 1.5e9\nflag: true")
        == "a")
    #expect(try latest("model_checkpoint_path: \"mod\" 'el'\n  \"-1\"") == "model-1")
    #expect(try latest("model_checkpoint_path: \"a\"; all_model_checkpoint_paths: \"b\",") == "a")
  }

  @Test func readsEscapes() throws {
    #expect(try latest(#"model_checkpoint_path: "a\tb\"\'\\\x41\101\u00e9\303\251\?""#) == "a\tb\"'\\AAéé?")
    #expect(try latest(#"model_checkpoint_path: "C:\\models\\m-1""#) == "C:\\models\\m-1")
  }

  @Test func theLastOfTwoCountsWithAWarning() throws {
    let state = try StateFile(Array("model_checkpoint_path: \"a\" model_checkpoint_path: \"b\"".utf8))
    #expect(state.latest == "b")
    #expect(state.warnings.count == 1)
    let marked = try StateFile([0xef, 0xbb, 0xbf] + Array("model_checkpoint_path: \"a\"".utf8))
    #expect(marked.latest == "a")
    #expect(marked.warnings == ["the state file begins with a byte-order mark"])
  }

  @Test(arguments: [
    "", "# nothing", "all_model_checkpoint_paths: \"a\"", "model_checkpoint_path: \"\"", "model_checkpoint_path \"a\"",
    "model_checkpoint_path: \"a",
    "model_checkpoint_path: \"a\nb\"", "model_checkpoint_path:", ": \"a\"", "model_checkpoint_path: \"\\q\"",
    "model_checkpoint_path: \"\\", "{}",
    "model_checkpoint_path: \"\\377\"", "model_checkpoint_path: \"a\\000b\"", "model_checkpoint_path: \"\\ud800\"",
    "\u{1}\u{2}",
  ]) func refuses(text: String) {
    #expect(failure { _ = try latest(text) }?.code == .corrupt)
  }

  @Test func everyCutIsAnErrorOrAnotherName() throws {
    let text = Array(#"model_checkpoint_path: "m\x41-1" # x"#.utf8)
    for length in 0..<text.count {
      let error = failure { _ = try StateFile(Array(text[..<length])) }
      #expect(error == nil || error?.code == .corrupt)
    }
  }

  private func prefixes(_ path: String) throws -> [String] {
    try StateFile(Array("model_checkpoint_path: \(TextProto.quote(path))".utf8)).prefixes(in: "dir")
  }

  @Test func looksAsNamedThenBesideTheStateFile() throws {
    #expect(try prefixes("model-1") == ["dir/model-1", "dir/model-1"])
    #expect(try prefixes("sub/model-1") == ["dir/sub/model-1", "dir/model-1"])
    #expect(try prefixes("/home/user/run/model-1") == ["dir/model-1"])
    #expect(try prefixes("C:\\runs\\model-1") == ["dir/model-1"])
    #expect(try prefixes("runs\\model-1").last == "dir/model-1")
  }

  @Test func neverLeadsOutOfTheFolder() throws {
    #expect(try prefixes("../other/model-1") == ["dir/model-1"])
    #expect(try prefixes("a/../../model-1") == ["dir/model-1"])
    #expect(try prefixes("a\\..\\..\\model-1") == ["dir/model-1"])
    #expect(try prefixes("..") == [])
    #expect(try prefixes("a/..") == [])
    #expect(try prefixes("/") == [])
  }

  @Test func isWrittenSoThatItReadsBack() throws {
    for name in ["model-1", "a \"b\"\\c", "é\n\t", "\u{1F600}"] {
      #expect(try latest(StateFile.text(latest: name)) == name)
    }
    #expect(
      StateFile.text(latest: "é")
        == "model_checkpoint_path: \"\\303\\251\"\nall_model_checkpoint_paths: \"\\303\\251\"\n")
  }

  @Test func findsTheCheckpointBesideItAndSaysSo() throws {
    let folder = try TemporaryFolder()
    try folder.write(BundleTests.index, to: "model-2.index")
    try folder.write("model_checkpoint_path: \"/gone/model-2\"", to: "checkpoint")
    for path in [folder.path, folder("checkpoint")] {
      let latest = try #require(try TensorFlowFormats.latestCheckpoint(path))
      #expect(latest.prefix == folder("model-2"))
      #expect(latest.warnings == ["the state file names /gone/model-2; taken from beside it: \(folder("model-2"))"])
    }
    #expect(try TensorFlowFormats.latestCheckpoint(folder("model-2.index")) == nil)
  }

  @Test func namesWhatIsThereWhereTheLatestIsNot() throws {
    let folder = try TemporaryFolder()
    try folder.write(BundleTests.index, to: "model-2.index")
    try folder.write("model_checkpoint_path: \"model-3\"", to: "checkpoint")
    let error = failure { _ = try TensorFlowFormats.latestCheckpoint(folder.path) }
    #expect(error?.code == .notFound)
    #expect(error?.remedy == "the folder has: model-2")
  }
}

@Suite struct GraphFactsTests {
  private func folder(_ build: (inout GraphBuilder) -> Void) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    var graph = GraphBuilder()
    build(&graph)
    try folder.write(graph.metaGraph, to: "g.meta")
    return folder
  }

  private func small(_ graph: inout GraphBuilder) {
    graph.variable("policy/w", [2, 3])
    graph.variable("policy/b", [3])
    graph.variable("policy_old/w", [2, 3])
    graph.variable("step", [])
    graph.collection("variables", ["policy/w", "policy/b", "policy_old/w", "step"])
    graph.collection("trainable_variables", ["policy/w", "policy/b"])
    graph.saver("save", ["weights": "policy/w", "policy/b": "policy/b", "policy_old/w": "policy_old/w"])
  }

  private func names(_ options: ReadOptions) throws -> [Name] {
    let folder = try folder(small)
    return try #require(try BundleReader().layout(folder("g.meta"), options: options)).entries.map(\.name)
  }

  @Test func aLayoutIsACollectionInItsOrder() throws {
    let folder = try folder(small)
    let layout = try #require(try BundleReader().layout(folder("g.meta"), options: ReadOptions()))
    #expect(layout.entries.map(\.name) == ["weights", "policy/b", "policy_old/w", "step"], "under the saver's keys")
    #expect(layout.entries.map(\.shape.dimensions) == [[2, 3], [3], [2, 3], []])
    #expect(layout.entries.allSatisfy { $0.dtype == .float32 })
    #expect(try BundleReader().layout(folder("g.index"), options: ReadOptions()) == nil)
  }

  @Test func aScopeIsARegularExpressionFromTheStart() throws {
    #expect(try names(ReadOptions(scope: "policy")) == ["weights", "policy/b", "policy_old/w"])
    #expect(try names(ReadOptions(scope: "policy/")) == ["weights", "policy/b"])
    #expect(try names(ReadOptions(scope: ".*/w")) == ["weights", "policy_old/w"])
    #expect(try names(ReadOptions(collection: "trainable_variables")) == ["weights", "policy/b"])
    #expect(failure { _ = try names(ReadOptions(scope: "olicy")) }?.code == .notFound)
    #expect(failure { _ = try names(ReadOptions(scope: "(")) }?.code == .usage)
  }

  @Test func aCollectionThatIsNotThereListsThoseThatAre() {
    let error = failure { _ = try names(ReadOptions(collection: "weights")) }
    #expect(error?.code == .notFound)
    #expect(error?.remedy == "it has: trainable_variables, variables")
  }

  @Test func factsAreUnderTheCheckpointsNames() throws {
    let folder = try folder(small)
    let facts = try GraphFacts.read(folder("g.meta"), keys: { $0 == "weights" || $0 == "policy/b" })
    #expect(facts.variables == ["weights", "policy/b", "policy_old/w", "step"])
    #expect(facts.trainable == ["weights", "policy/b"])
  }

  @Test func aPartitionedVariableStandsOnce() throws {
    let folder = try folder { graph in
      graph.variable("w/part_0", [2])
      graph.variable("w/part_1", [2])
      graph.collection("variables", ["w/part_0", "w/part_1"], sliceOf: "w")
    }
    #expect(try GraphFacts.read(folder("g.meta"), keys: { _ in true }).variables == ["w"])
  }

  @Test func aVariableWithoutNodeOrShapeIsRefused() throws {
    let none = try folder { $0.collection("variables", ["w"]) }
    #expect(failure { _ = try BundleReader().layout(none("g.meta"), options: ReadOptions()) }?.code == .corrupt)
    let bare = try folder { graph in
      graph.node("w", "VariableV2")
      graph.collection("variables", ["w"])
    }
    #expect(failure { _ = try BundleReader().layout(bare("g.meta"), options: ReadOptions()) }?.variable == "w")
  }
}
