import CheckpointCore
import Conversion
import FormatRegistry
import Foundation
import GraphRuntime
import HDF5
import HDF5Library
import ProtoWire
import TestKit
import Verifier

extension FuzzTarget {
  /// All of them.
  /// - Parameter cases: the folder `Conformance/Cases`.
  public static func all(cases: String) throws -> [FuzzTarget] {
    let bundles = try [
      "tf-bundle/tf18-nometa/model-123456", "tf-bundle/tf2-strings/model", "tf-bundle/tf18-part_raw/model",
    ]
    .map {
      try seed(cases, $0 + ".index", as: "in.index", beside: [$0 + ".data-00000-of-00001": "in.data-00000-of-00001"])
    }
    return [
      format("tf-bundle", file: "in.index", seeds: bundles, isSummed: true, repair: Repair.table),
      format(
        "tf-v1", file: "in", seeds: [try made("tf-v1", file: "in"), try seed(cases, "tf-v1/snappy-v1/model.ckpt")],
        isSummed: true, repair: Repair.table),
      try strings(),
      format("frozen-graph", file: "in.pb", seeds: [try seed(cases, "frozen-graph/constants/constants.pb")]),
      try graph(cases),
      format(
        "npy", file: "in.npy",
        seeds: [try made("npy", file: "in.npy", of: floats), try made("npy", file: "in.npy", of: bytes)]),
      format(
        "npz", file: "in.npz", seeds: [try made("npz", file: "in.npz"), try seed(cases, "npz/deflated/model.npz")],
        repair: Repair.zip),
      format(
        "pickle", file: "in.pkl",
        seeds: try (0...5).map { try seed(cases, "pickle/numpy2/protocol\($0).pkl") }),
      format(
        "npy-flat", file: "in.index.json", seeds: [try made("npy-flat", file: "in.index.json")]),
      format(
        "safetensors", file: "in.safetensors",
        seeds: [
          try seed(cases, "safetensors/meta/model.safetensors"),
          try made("safetensors", file: "in.safetensors", of: bytes),
        ]),
      state(), maps(), replies(), names(),
    ]
  }

  // ---- seeds

  private static func seed(
    _ cases: String, _ path: String, as name: String? = nil, beside others: [String: String] = [:]
  ) throws -> Seed {
    func read(_ path: String) throws -> [UInt8] { try InputFile(joinPath(cases, path)).contents(limit: 1 << 20) }
    return Seed(
      bytes: try read(path),
      others: try Dictionary(uniqueKeysWithValues: others.map { ($0.value, try read($0.key)) }))
  }

  /// One variable, and one whose elements are bytes: as many of the one as of the other.
  private static let floats = Result { try VariableStore(["w": .floats([2, 3], [1, 2, 3, 4, 5, 6])]) }
  private static let bytes = Result { try VariableStore(["w": Tensor(.uint8, [29], (0..<29).map { $0 })]) }
  private static let several = Result {
    try VariableStore([
      "layer/w": .floats([2, 3], [1, 2, 3, 4, 5, 6]), "n": Tensor(.int8, [3], [1, 0xff, 5]),
      "half": Tensor(.float16, [2, 1], [0, 0x3c, 0, 0x40]),
    ])
  }

  /// What a writer of ours makes of a store.
  private static func made(
    _ format: String, file: String, of store: Result<VariableStore, any Error> = several
  ) throws -> Seed {
    let store = try store.get()
    let folder = try TemporaryFolder()
    try AllFormats.named(format)?.save(store, to: folder("in"))
    var files = try Dictionary(uniqueKeysWithValues: folder.names.map { ($0, try folder.read($0)) })
    return Seed(bytes: files.removeValue(forKey: file) ?? [], others: files)
  }

  // ---- targets

  /// Opens a checkpoint and reads all of it.
  private static func format(
    _ name: String, file: String, seeds: [Seed], isSummed: Bool = false,
    repair: (@Sendable ([UInt8]) -> [UInt8])? = nil
  ) -> FuzzTarget {
    FuzzTarget(name, file: file, seeds: seeds, isSummed: isSummed, repair: repair) { path in
      try Opening.open(path, as: name).store.sum()
    }
  }

  /// The lengths and characters of a string tensor in a bundle whose index always has the right sum of them.
  private static func strings() throws -> FuzzTarget {
    let store = try VariableStore(["s": .strings([4], [Array("one".utf8), [], [UInt8](repeating: 7, count: 130), [0]])])
    let folder = try TemporaryFolder()
    try AllFormats.named("tf-bundle")?.save(store, to: folder("in"))
    let data = "in.data-00000-of-00001"
    let (index, sound) = (try folder.read("in.index"), try folder.read(data))
    let old = sum(ofStrings: sound)
    guard let place = index.indices.dropLast(3).first(where: { Array(index[$0..<$0 + 4]) == old }) else {
      throw CheckpointError(.corrupt, "the sum of the strings is not in the index")
    }
    return FuzzTarget("strings", file: data, seeds: [Seed(bytes: sound, others: ["in.index": index])]) { path in
      // As many bytes as the entry says, the lengths with their sum, and their sum in the entry.
      var bytes = try InputFile(path).contents(limit: 1 << 20)
      bytes = Array(bytes.prefix(sound.count)) + [UInt8](repeating: 0, count: max(0, sound.count - bytes.count))
      var cursor = ByteCursor(bytes)
      var lengths = CRC32C()
      for _ in 0..<4 { lengths.update(length: (try? cursor.length()) ?? 0) }
      if bytes.count - cursor.position >= 4 {
        for i in 0..<4 { bytes[cursor.position + i] = UInt8(truncatingIfNeeded: lengths.masked >> UInt32(8 * i)) }
      }
      var repaired = index
      repaired.replaceSubrange(place..<place + 4, with: sum(ofStrings: bytes))
      let whole = joinPath(splitPath(path).folder, "repaired")
      try Data(bytes).write(to: URL(fileURLWithPath: whole + ".data-00000-of-00001"))
      try Data(Repair.table(repaired)).write(to: URL(fileURLWithPath: whole + ".index"))
      return try Opening.open(whole, as: "tf-bundle").store.sum()
    }
  }

  /// The masked sum that the entry of four strings has: over their lengths as 32 bits each, and what follows the lengths.
  private static func sum(ofStrings bytes: [UInt8]) -> [UInt8] {
    var cursor = ByteCursor(bytes)
    var sum = CRC32C()
    for _ in 0..<4 { sum.update(length: (try? cursor.length()) ?? 0) }
    sum.update(bytes.rawSpan.extracting(cursor.position..<bytes.count))
    return (0..<4).map { UInt8(truncatingIfNeeded: sum.masked >> UInt32(8 * $0)) }
  }

  /// Loads a graph and runs it within small limits.
  private static func graph(_ cases: String) throws -> FuzzTarget {
    var limits = RunLimits()
    limits.loopTurns = 100
    limits.executedNodes = 10_000
    limits.liveBytes = 1 << 20
    limits.callDepth = 16
    let bounded = limits
    let seeds = [
      "frozen-graph/constants/constants.pb", "saved-model/tf18-savedmodel/export/saved_model.pb",
      "saved-model/tf2-savedmodel/export/saved_model.pb",
    ]
    return FuzzTarget("graph", file: "in.pb", seeds: try seeds.map { try seed(cases, $0) }) { path in
      let graph = try GraphLoader.load(Message(try InputFile(path).contents(limit: 1 << 20)), path: path)
      do throws(CheckpointError) {
        let runner = try GraphRunner(graph, limits: bounded)
        let request = try GraphRequest(graph, feeds: [], fetches: [], fillsPlaceholders: true)
        return UInt32(try GraphEvaluation(runner, request, nil).run().count)
      } catch {
        // A saved model has variables, which are not there.
        return 0
      }
    }
  }

  /// The text that names the latest checkpoint of a folder.
  private static func state() -> FuzzTarget {
    let text =
      "model_checkpoint_path: \"model-2\"\nall_model_checkpoint_paths: \"model-1\"\nall_model_checkpoint_timestamps: 1.5\n"
    return FuzzTarget(
      "state", file: "checkpoint", seeds: [Seed(bytes: Array(text.utf8), others: ["model-2.index": [1]])]
    ) { path in
      let found = try? Opening.find(splitPath(path).folder)
      return CRC32C(of: Array((found?.path ?? "").utf8)).value
    }
  }

  /// Names for names: JSON, plans and lists.
  private static func maps() -> FuzzTarget {
    let texts = [
      "{\"a/w\": \"b/w\", \"\\u00e9\\ud83d\\ude00\": \"x\"}", "# names\na/w\tb/w\nc => d\n",
      "{\"variables\": [{\"source\": \"a\", \"target\": \"b\", \"dtype\": \"float32\", \"shape\": [1, 2e3, -4.5]}]}",
    ]
    return FuzzTarget("map", file: "in.json", seeds: texts.map { Seed(bytes: Array($0.utf8)) }) { path in
      UInt32(try NameMap(contentsOf: path).targets.count)
    }
  }

  /// What the HDF5 worker says of an object.
  private static func replies() -> FuzzTarget {
    func little(_ value: UInt64, _ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }
    func text(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count), 4) + Array(text.utf8) }
    let float = [1] + little(4, 8) + [0] + [32, 0, 31, 23, 8, 0, 23].flatMap { little($0, 4) } + little(127, 8) + [0]
    let compound =
      [6] + little(8, 8) + little(2, 4) + text("r") + little(0, 8) + float + text("i") + little(4, 8) + float
    let string = [3] + little(5, 8) + [0, 1, 0]
    let space = [1, 2] + little(3, 8) + little(4, 8)
    let attribute =
      text("names") + string + [1, 1] + little(2, 8) + [1] + little(10, 8) + Array("one\u{0}\u{0}two\u{0}\u{0}".utf8)
    let storage = [1] + little(2048, 8) + little(48, 8) + [0, 0] + little(0, 4) + text("") + text("")
    let chunks =
      [2] + little(.max, 8) + little(48, 8) + [2] + little(2, 8) + little(4, 8) + [1] + little(1, 4) + text("deflate")
      + little(0, 4) + text("") + text("")
    let seeds = [
      [1] + text("a/b") + little(1, 4) + attribute,
      [2] + text("w") + little(800, 8) + float + space + storage + little(1, 4) + attribute,
      [2] + text("c") + little(800, 8) + compound + space + chunks + little(0, 4),
      [6] + text("x") + text("other.h5") + text("/w"),
    ]
    return FuzzTarget("hdf5-reply", file: "in", seeds: seeds.map { Seed(bytes: $0) }) { path in
      let object = try HDF5Object(try InputFile(path).contents(limit: 1 << 20))
      if case .dataset(let dataset) = object { return UInt32(dataset.attributes.count) }
      return 1
    }
  }

  /// Names become paths of HDF5 that lead nowhere else, each its own, and names again.
  private static func names() -> FuzzTarget {
    let seeds = ["a/b\na\na//b\n../x\n.\n%2F\n100%\n\na/\u{0}/b", "w\nw/w\nw/w/w\n%\n..\n..."]
    return FuzzTarget("names", file: "in", seeds: seeds.map { Seed(bytes: Array($0.utf8)) }) { path in
      let bytes = try InputFile(path).contents(limit: 1 << 20)
      let names = Set(bytes.split(separator: 10, omittingEmptySubsequences: false).map { Name(bytes: $0) })
      let layout = TreePath(names)
      guard Set(layout.paths.values).count == names.count else { throw Surprise(what: "two names have one path") }
      for name in names {
        guard let path = layout.paths[name] else { throw Surprise(what: "\(name) has no path") }
        for part in path.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
          let text = String(decoding: part, as: UTF8.self)
          guard !["", ".", ".."].contains(text), !part.contains(0) else {
            throw Surprise(what: "\(name) leads to \(path)")
          }
        }
        guard TreePath.name(path, try TreePath.attributes(name, at: path)) == name else {
          throw Surprise(what: "\(name) is lost at \(path)")
        }
      }
      return UInt32(names.count)
    }
  }

  struct Surprise: Error { let what: String }
}

extension VariableStore {
  /// A sum of names, dtypes, shapes and all bytes.
  func sum() throws -> UInt32 {
    var sum = CRC32C()
    for content in try contents() {
      sum.update(content.name.bytes.rawSpan)
      sum.update(Array("\(content.dtype.rawValue) \(content.shape)".utf8).rawSpan)
      sum.update(content.bytes.rawSpan)
    }
    return sum.value
  }
}

extension CRC32C {
  /// As bundles sum the length of a string.
  fileprivate mutating func update(length: Int) {
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(UInt64(length), count: length <= Int(UInt32.max) ? 4 : 8)
    update(bytes.rawSpan)
  }
}
