import CheckpointCore
import FormatRegistry
import TestKit
import Testing

@Suite struct OpeningTests {
  private func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let store = try VariableStore(["w": .floats([2], [1, 2])])
    try AllFormats.named("tf-bundle")?.save(
      store, to: folder("model-1"), options: WriteOptions(shards: 2, stateFile: true))
    return folder
  }

  private func found(_ path: String, as format: String? = nil) throws -> String {
    let found = try Opening.find(path, as: format)
    return "\(found.format.name) \(splitPath(found.path).last)"
  }

  @Test func everyFileOfABundleLeadsToIt() throws {
    let folder = try folder()
    try folder.write("", to: "model-1.meta")
    for name in [
      "model-1", "model-1.index", "model-1.data-00000-of-00002", "model-1.data-00001-of-00002", "model-1.meta",
      "checkpoint", ".",
    ] {
      #expect(try found(folder(name)) == "tf-bundle model-1", "\(name)")
    }
    #expect(try found(folder.path) == "tf-bundle model-1")
    #expect(try found(folder.path + "/") == "tf-bundle model-1")
  }

  @Test func aSavedModelIsItsVariables() throws {
    let folder = try TemporaryFolder()
    try folder.write("x", to: "export/saved_model.pb")
    let found = try Opening.find(folder("export/"))
    #expect(found.format.name == "saved-model" && found.path == folder("export"))
    #expect(found.stem == folder("export"), "an output beside it has the folder's name")
  }

  @Test func aVectorWithItsManifestIsOneCheckpoint() throws {
    let folder = try TemporaryFolder()
    let store = try VariableStore(["w": .floats([2], [1, 2])])
    try AllFormats.named("npy-flat")?.save(store, to: folder("m"))
    for name in ["m", "m.npy", "m.index.json"] {
      #expect(try found(folder(name)) == "npy-flat m.index.json", "\(name)")
    }
    #expect(try found(folder("m.npy"), as: "npy") == "npy m.npy")
  }

  @Test(arguments: ["npz", "safetensors"]) func aPrefixFindsTheOneFile(name: String) throws {
    let folder = try TemporaryFolder()
    try AllFormats.named(name)?.save(VariableStore(["w": .floats([2], [1, 2])]), to: folder("m"))
    for path in ["m", "m.\(name)"] { #expect(try found(folder(path)) == "\(name) m.\(name)") }
    try folder.write(try folder.read("m.\(name)"), to: "bare")
    #expect(try found(folder("bare")) == "\(name) bare", "known by its content")
    #expect(try Opening.find(folder("m")).stem == folder("m"))
  }

  @Test func aPrefixOfTwoKindsIsNotGuessed() throws {
    let folder = try folder()
    try AllFormats.named("npy-flat")?.save(VariableStore(["w": .floats([], [1])]), to: folder("model-1"))
    let error = failure { _ = try found(folder("model-1")) }
    #expect(error?.code == .usage)
    #expect(error?.message.contains("tf-bundle") == true && error?.message.contains("npy-flat") == true)
    #expect(try found(folder("model-1"), as: "tf-bundle") == "tf-bundle model-1")
    #expect(try found(folder("model-1.npy")) == "npy-flat model-1.index.json")
  }

  @Test func anEmptyPrefixIsOne() throws {
    let folder = try TemporaryFolder()
    try AllFormats.named("tf-bundle")?.save(VariableStore(["w": .floats([], [1])]), to: folder(""))
    #expect(folder.names == [".data-00000-of-00001", ".index"])
    #expect(try Opening.open(folder(".index")).store.variables.count == 1)
  }

  @Test(arguments: [
    ("version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS pointer"), ("", "is empty"),
    ("<!DOCTYPE html>", "web page"),
    ("PK\u{3}\u{4}", "zip"), ("something", "is text"), ("\u{1}\u{2}", "no checkpoint of a kind"),
  ]) func saysWhatAFileIsInstead(content: String, words: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(content, to: "model.ckpt")
    let error = failure { _ = try found(folder("model.ckpt")) }
    #expect(error?.code == .unsupported && error?.message.contains(words) == true, "\(String(describing: error))")
  }

  @Test func namesWhatIsNearWhereNothingIs() throws {
    let folder = try folder()
    let error = failure { _ = try found(folder("model-2")) }
    #expect(error?.code == .notFound)
    #expect(error?.remedy?.contains("model-1.index") == true)
    #expect(failure { _ = try found(folder("model-2.index")) }?.code == .notFound)
    let empty = try TemporaryFolder()
    #expect(failure { _ = try found(empty.path) }?.code == .notFound)
    #expect(failure { _ = try found(folder("model-1"), as: "zip") }?.code == .usage)
  }

  @Test func aWrongFormatIsToldFromDamage() throws {
    let folder = try TemporaryFolder()
    try #require(AllFormats.named("npz")).save(VariableStore(["w": .floats([1], [1])]), to: folder("m"))
    let error = failure { _ = try Opening.find(folder("m.npz"), as: "hdf5") }
    #expect(error?.code == .unsupported && error?.message == "is no hdf5 checkpoint, but one of the format npz")
  }

  @Test func everyRowIsWhole() {
    #expect(Set(AllFormats.rows.map(\.name)).count == AllFormats.rows.count)
    for row in AllFormats.rows {
      #expect(!row.suffixes.isEmpty && !row.summary.isEmpty && (row.reader != nil || row.writer != nil), "\(row.name)")
      #expect(AllFormats.named(row.name)?.name == row.name)
      for suffix in row.suffixes { #expect(row.stem(of: "dir/x" + suffix) == "dir/x") }
      #expect(row.stem(of: "dir/x") == "dir/x")
    }
  }

  @Test func anotherCheckpointIsALayout() throws {
    let folder = try folder()
    let layout = try Opening.layout(folder("model-1.index"), options: ReadOptions())
    #expect(layout.entries.map(\.name) == ["w"])
    #expect(layout.entries.first?.dtype == .float32)
  }
}
