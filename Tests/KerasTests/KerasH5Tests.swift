import CheckpointCore
import TestKit
import Testing

@testable import HDF5

private func layer(
  _ name: Name, kind: VariableStore.Layer.Kind = .model, _ members: KeyValuePairs<Name, Name>
) -> VariableStore.Layer {
  .init(name: name, kind: kind, members: members.map(\.key), labels: members.map(\.value))
}

private func list(_ names: [String]) throws -> Attribute.Value {
  .tensor(try .strings([names.count], names.map { Array($0.utf8) }))
}

/// An HDF5 file made group by group, read as Keras would.
private func keras(
  _ groups: KeyValuePairs<Name, [Name: Attribute.Value]>, _ datasets: KeyValuePairs<Name, Tensor>,
  salvage: Bool = false
) throws -> VariableStore {
  let folder = try TemporaryFolder()
  var store = try VariableStore(datasets)
  store.groups = groups.map { group in
    .init(
      path: group.key,
      attributes: group.value.sorted { $0.key < $1.key }.map { Attribute(name: $0.key, value: $0.value) })
  }
  try HDF5Formats.tree.save(store, to: folder("made"))
  return try KerasH5Reader().open(folder("made.h5"), options: ReadOptions(salvage: salvage))
}

private func reload(_ store: VariableStore, _ format: CheckpointFormat = HDF5Formats.kerasH5) throws -> VariableStore {
  let folder = try TemporaryFolder()
  let prepared = try #require(format.writer).prepare(store, options: WriteOptions())
  try format.save(prepared.store, to: folder("out"))
  return try format.load(folder("out"))
}

@Suite struct KerasH5Tests {
  let one: Tensor
  let two: Tensor

  init() throws {
    one = try .floats([1], [1])
    two = try .floats([2], [1, 2])
  }

  @Test func theOrderIsThatOfTheAttributes() throws {
    let store = try keras(
      [
        "": ["layer_names": try list(["z", "empty", "a"])],
        "z": ["weight_names": try list(["z/w:0", "z/b:0"])], "a": ["weight_names": try list(["a/k:0"])],
        "empty": ["weight_names": .tensor(try Tensor(.float64, [0], []))],
      ], ["z/z/b:0": one, "z/z/w:0": two, "a/a/k:0": one])
    #expect(store.variables.map(\.name) == ["z/w", "z/b", "a/k"])
    #expect(store.layers.map(\.name) == ["z", "empty", "a"])
    #expect(store.layers[0].labels == ["z/w:0", "z/b:0"])
  }

  @Test func whatIsListedAndNotThereIsLostForSalvageOnly() throws {
    let groups: KeyValuePairs<Name, [Name: Attribute.Value]> = [
      "": ["layer_names": try list(["a", "gone"])], "a": ["weight_names": try list(["a/k:0", "a/gone:0"])],
    ]
    let error = failure { _ = try keras(groups, ["a/a/k:0": one]) }
    #expect(error?.code == .corrupt && error?.message.contains("a/gone:0") == true)
    let store = try keras(groups, ["a/a/k:0": one, "b": two], salvage: true)
    #expect(store.variables.map(\.name) == ["a/k", "b"])
    #expect(store.source.lost.map(\.variable) == ["a/a/gone:0", "gone"])
    #expect(store.source.warnings == ["'b' is listed by no layer, so that Keras would not read it"])
  }

  @Test func aFileWithoutListsIsNotOneOfKeras() throws {
    let error = failure { _ = try keras(["": [:]], ["a": one]) }
    #expect(error?.code == .corrupt && error?.remedy?.contains("--from hdf5") == true)
  }

  @Test func equalLabelsGetTheirLayersName() throws {
    let store = try keras(
      [
        "": ["layer_names": try list(["a", "b"])], "a": ["weight_names": try list(["kernel", "x/bias"])],
        "b": ["weight_names": try list(["kernel"])],
      ], ["a/kernel": one, "a/x/bias": one, "b/kernel": two])
    #expect(store.variables.map(\.name) == ["a/kernel", "x/bias", "b/kernel"])
  }

  @Test func aWholeModelKeepsItsDescriptionAndItsOptimizer() throws {
    let text = Attribute.Value.tensor(try .strings([], [Array("{\"not\": json".utf8)]))
    let store = try keras(
      [
        "": ["model_config": text], "model_weights": ["layer_names": try list(["d"])],
        "model_weights/d": ["weight_names": try list(["d/kernel:0"])],
        "optimizer_weights": ["weight_names": try list(["Adam/m:0"])],
      ], ["model_weights/d/d/kernel:0": two, "optimizer_weights/Adam/m:0": one])
    #expect(store.variables.map(\.role) == [.weight, .slot])
    let again = try reload(store)
    #expect(again.groups[0].attributes.first { $0.name == "model_config" }?.strings == [Array("{\"not\": json".utf8)])
    #expect(again.layers.map(\.kind) == [.model, .optimizer])
    #expect(try again.contents() == store.contents())
  }

  @Test(arguments: [
    ("lists the layer 'gone'", ["gone"], ["a/k:0"]), ("'a/gone:0', and there is no such dataset", ["a"], ["a/gone:0"]),
    ("lists 'a/k:0' twice", ["a"], ["a/k:0", "a/k:0"]), ("no such dataset", ["a"], ["../a/k:0"]),
    ("which is a group", ["a"], ["a"]),
  ]) func listsMustHold(words: String, layers: [String], weights: [String]) throws {
    let error = failure {
      _ = try keras(
        ["": ["layer_names": try list(layers)], "a": ["weight_names": try list(weights)]], ["a/a/k:0": one])
    }
    #expect(error?.code == .corrupt)
    #expect(error?.message.contains(words) == true)
  }

  @Test func aListOfNumbersIsNoListOfLayers() throws {
    let numbers = Attribute.Value.tensor(try Tensor(.int32, [1], [1, 0, 0, 0]))
    #expect(failure { _ = try keras(["": ["layer_names": numbers]], ["a": one]) }?.code == .corrupt)
  }

  @Test func aListWithAMissingPartIsRefused() throws {
    let error = failure {
      _ = try keras(
        ["": ["layer_names0": try list(["a"]), "layer_names2": try list(["b"])], "a": [:], "b": [:]], ["a/k": one])
    }
    #expect(error?.message == "layer_names is in 2 parts, and layer_names1 is missing")
  }

  @Test func aDatasetOutsideOfTheListsIsKeptAndSaid() throws {
    let store = try keras(
      ["": ["layer_names": try list(["a"])], "a": ["weight_names": try list(["k"])]], ["a/k": one, "a/extra": two])
    #expect(store.variables.map(\.name) == ["k", "a/extra"])
    #expect(store.source.warnings == ["'a/extra' is listed by no layer, so that Keras would not read it"])
  }

  @Test func longListsAreSplitAsKerasSplitsThem() throws {
    var store = try VariableStore([:])
    let long = String(repeating: "x", count: 700)
    for i in 0..<100 {
      try store.append(Variable(name: Name("l\(i)_\(long)/kernel"), tensor: one, role: .weight))
    }
    let attributes = try NameList.write("layer_names", store.variables.map { Name(bytes: $0.name.bytes.prefix(704)) })
    #expect(attributes.map(\.name) == ["layer_names0", "layer_names1"])
    #expect(try reload(store).contents() == store.contents())
  }

  @Test func withoutLayersNamesGiveThem() throws {
    let store = try VariableStore([
      "dense_10/bias": one, "dense_10/kernel": one, "dense_2/bias": two, "dense_2/kernel": one, "norm/moving_mean": one,
      "norm/gamma": one, "norm/beta": one, "global_step": try Tensor(.int64, [], [1, 0, 0, 0, 0, 0, 0, 0]),
    ])
    let again = try reload(store)
    #expect(again.layers.map(\.name) == ["dense_2", "dense_10", "norm", "optimizer_weights"])
    #expect(again.layers[0].labels == ["dense_2/kernel:0", "dense_2/bias:0"])
    #expect(again.layers[2].members == ["norm/gamma", "norm/beta", "norm/moving_mean"])
    #expect(try again.contents() == store.contents())
  }

  @Test func stringsAreLosses() throws {
    let store = try VariableStore(["s": .strings([], [[1]]), "fine": one])
    #expect(KerasH5Writer().losses(writing: store).map(\.variable) == ["s"])
  }

  @Test func aLabelThatWasSharedIsNotWhenTheOtherIsLeftOut() throws {
    let store = try keras(
      [
        "": ["layer_names": try list(["a", "b"])], "a": ["weight_names": try list(["kernel"])],
        "b": ["weight_names": try list(["kernel"])],
      ], ["a/kernel": one, "b/kernel": two])
    let part = try store.replacing(Array(store.variables.prefix(1)))
    #expect(try reload(part).variables.map(\.name) == ["a/kernel"])
  }

  @Test func namesThatKerasCannotHaveComeBack() throws {
    let store = try VariableStore(["a//b": one, "a": one, "a/c:0": two, "a/c": one, "..": one, "": two, "x/50%": one])
    #expect(try reload(store).contents() == store.contents())
  }
}

@Suite struct KerasTemplateTests {
  private func template() throws -> VariableStore {
    var store = try VariableStore([
      "conv/kernel": .floats([2, 1], [9, 9]), "conv/bias": .floats([1], [9]),
      "d_1/kernel": .floats([3, 2], [9, 9, 9, 9, 9, 9]),
      "d_2/kernel": .floats([3, 2], [8, 8, 8, 8, 8, 8]), "opt/m": .floats([1], [7]),
    ])
    store.layers = [
      layer("first", ["conv/kernel": "conv/kernel:0", "conv/bias": "conv/bias:0"]),
      layer("one", ["d_1/kernel": "d_1/kernel:0"]),
      layer("two", ["d_2/kernel": "d_2/kernel:0"]), layer("optimizer_weights", kind: .optimizer, ["opt/m": "opt/m:0"]),
    ]
    return store
  }

  @Test func equalNamesComeFirst() throws {
    let store = try VariableStore([
      "conv/bias": .floats([1], [3]), "conv/kernel": .floats([2, 1], [1, 2]),
      "d_2/kernel": .floats([3, 2], [2, 2, 2, 2, 2, 2]),
      "d_1/kernel": .floats([3, 2], [1, 1, 1, 1, 1, 1]),
    ])
    let filled = try KerasTemplate.fill(try template(), from: store)
    #expect(filled.store.variables.map(\.name) == ["conv/kernel", "conv/bias", "d_1/kernel", "d_2/kernel", "opt/m"])
    #expect(try filled.store.variables.map { try $0.tensor.floatValues()[0] } == [1, 3, 1, 2, 7])
    #expect(filled.notes.count == 1, "only that the optimizer stays is worth saying")
  }

  @Test func layersAreFoundByTheirNameThenByOrder() throws {
    let store = try VariableStore([
      "net/first/weights": .floats([2, 1], [1, 2]), "net/first/biases": .floats([1], [3]),
      "net/fc10/weights": .floats([3, 2], [2, 2, 2, 2, 2, 2]), "net/fc9/weights": .floats([3, 2], [1, 1, 1, 1, 1, 1]),
    ])
    let filled = try KerasTemplate.fill(try template(), from: store)
    #expect(try filled.store.variables.map { try $0.tensor.floatValues()[0] } == [1, 3, 1, 2, 7])
    #expect(
      filled.notes.prefix(3) == [
        "'conv' takes the values of 'net/first', by the name of the layer",
        "'d_1' takes the values of 'net/fc9', by order among 2 of equal shapes",
        "'d_2' takes the values of 'net/fc10', by order among 2 of equal shapes",
      ])
  }

  @Test func aWeightWithoutValuesStopsIt() throws {
    let store = try VariableStore(["conv/bias": .floats([1], [3]), "conv/kernel": .floats([2, 1], [1, 2])])
    let error = failure { _ = try KerasTemplate.fill(try template(), from: store) }
    #expect(error?.code == .unsupported)
    #expect(error?.message.contains("'d_1/kernel' [3, 2], 'd_2/kernel' [3, 2]") == true)
  }

  @Test func aVariableWithoutAPlaceIsALoss() throws {
    var variables = try template().variables
    variables.append(Variable(name: "more/x", tensor: try .floats([5], [1, 2, 3, 4, 5]), role: .weight))
    let filled = try KerasTemplate.fill(try template(), from: try VariableStore([:]).replacing(variables))
    #expect(filled.losses.map(\.variable) == ["more/x"])
  }
}

@Suite struct KerasV3Tests {
  @Test func numbersAreSortedByTheirValue() throws {
    var store = try VariableStore([:])
    for i in 0..<12 {
      try store.append(Variable(name: Name("optimizer/vars/\(i)"), tensor: try .floats([1], [Float(i)]), role: .slot))
    }
    let again = try reload(store, HDF5Formats.kerasV3)
    #expect(again.layers.map(\.kind) == [.optimizer])
    #expect(again.layers[0].members.last == "optimizer/vars/11")
    #expect(try again.contents() == store.contents())
  }

  @Test func classesAreToldByTheirWeights() throws {
    let store = try VariableStore([
      "a/kernel": .floats([1, 1, 1, 1], [1]), "a/bias": .floats([1], [2]), "b/kernel": .floats([1, 1], [3]),
      "c/kernel": .floats([1, 1], [4]), "e/embeddings": .floats([1, 1], [5]),
      "r/backward_x/kernel": .floats([1, 4], [6, 6, 6, 6]),
      "r/backward_x/recurrent_kernel": .floats([1, 4], [6, 6, 6, 6]),
      "r/forward_x/kernel": .floats([1, 4], [7, 7, 7, 7]),
      "r/forward_x/recurrent_kernel": .floats([1, 4], [7, 7, 7, 7]),
    ])
    let again = try reload(store, HDF5Formats.kerasV3)
    #expect(
      Set(again.layers.flatMap(\.labels)) == [
        "layers/conv2d/vars/0", "layers/conv2d/vars/1", "layers/dense/vars/0", "layers/dense_1/vars/0",
        "layers/embedding/vars/0", "layers/bidirectional/backward_layer/cell/vars/0",
        "layers/bidirectional/backward_layer/cell/vars/1", "layers/bidirectional/forward_layer/cell/vars/0",
        "layers/bidirectional/forward_layer/cell/vars/1",
      ])
    #expect(try again.contents() == store.contents(), "an attribute keeps the names")
    #expect(again.layers.first { $0.labels == ["layers/dense/vars/0"] }?.name == "b")
  }

  @Test func aLayerOfNoKnownClassStopsIt() throws {
    let store = try VariableStore(["a/strange": .floats([1], [1])])
    #expect(failure { _ = try KerasV3Writer().prepare(store, options: WriteOptions()) }?.code == .unsupported)
  }

  @Test func keras2NeedsATemplateBecauseItGoesByOrder() throws {
    let folder = try TemporaryFolder()
    let store = try VariableStore(["layers/dense/vars/0": .floats([1, 1], [1])])
    try HDF5Formats.kerasV3.save(store, to: folder("three"))
    let read = try HDF5Formats.kerasV3.load(folder("three"))
    #expect(failure { _ = try KerasH5Writer().prepare(read, options: WriteOptions()) }?.code == .unsupported)
  }

  @Test(arguments: ["{}", "{\"weight_map\": []}", "{\"weight_map\": {\"a\": 1}}"]) func aMapOfShardsIsAMap(text: String)
    throws
  {
    let folder = try TemporaryFolder()
    #expect(
      failure { _ = try HDF5Formats.kerasV3.load(try folder.write(text, to: "m.weights.json")) }?.code == .corrupt)
  }

  /// The weights inside of the archive are inflated into a file of their own first.
  @Test func aCompressedArchiveIsRead() throws {
    let root = splitPath(splitPath(splitPath(#filePath).folder).folder).folder
    let folder = root + "/Conformance/Cases/keras/keras3-nested_deflated"
    let archive = try #require(Candidate.names(in: folder).first { $0.hasSuffix(".keras") })
    let store = try HDF5Formats.kerasV3.load(joinPath(folder, archive))
    #expect(!store.variables.isEmpty)
    #expect(try store.contents().allSatisfy { !$0.bytes.isEmpty })
    let damaged = try TemporaryFolder()
    var bytes = try InputFile(joinPath(folder, archive)).contents(limit: 1 << 24)
    bytes[bytes.count / 2] ^= 0xff
    #expect(
      failure { _ = try HDF5Formats.kerasV3.load(damaged.write(bytes, to: "m.keras")).contents() }?.code == .corrupt)
  }

  @Test(arguments: ["../a.weights.h5", "/etc/passwd", ".hidden", ""]) func aMapOfShardsNamesOnlyFilesBesideIt(
    name: String
  ) throws {
    let folder = try TemporaryFolder()
    let map = try folder.write("{\"weight_map\": {\"/layers/dense/vars\": \"\(name)\"}}", to: "m.weights.json")
    #expect(failure { _ = try HDF5Formats.kerasV3.load(map) }?.code == .corrupt)
  }
}
