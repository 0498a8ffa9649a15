import ArgumentParser
import CheckpointCore
import FormatRegistry
import GraphRuntime
import ProtoWire
import Verifier

/// What a run of a graph may use, for who knows the graph.
struct LimitOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Seconds that a run of the graph may take (default: 600, and its loops 8).", valueName: "s"))
  var maxSeconds: Double?

  @Option(help: ArgumentHelp("MiB that the values of a run may take at once (default: 896).", valueName: "mib"))
  var maxMemory: Int?

  var limits: RunLimits { RunLimits(seconds: maxSeconds, mebibytes: maxMemory) }

  func validate() throws {
    if let maxSeconds, !(maxSeconds > 0) { throw ValidationError("--max-seconds takes a number above 0.") }
    if let maxMemory, maxMemory < 1 { throw ValidationError("--max-memory takes a number from 1 on.") }
  }
}

/// What a graph is fed and asked for.
struct GraphOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A value for a tensor, as an .npy file or a JSON literal. Repeatable.", valueName: "name=file|value"))
  var feed: [String] = []

  @Option(help: ArgumentHelp("A tensor to compute (default: the graph's own outputs). Repeatable.", valueName: "name"))
  var fetch: [String] = []

  @Option(
    help: ArgumentHelp(
      "What the original program computed, as an .npy file or a JSON literal. Repeatable. It is compared, and it decides how a bare vector is laid out.",
      valueName: "name=file|value"))
  var expect: [String] = []

  @OptionGroup var limit: LimitOptions

  /// What was recorded, by the name of its tensor.
  func expectations() throws(CheckpointError) -> [(name: String, tensor: Tensor)] {
    try expect.map { (text) throws(CheckpointError) in
      let argument = try TensorArgument(text, option: "--expect")
      return (argument.name, try argument.tensor(dtype: nil))
    }
  }

  /// Files that feeds and recorded answers are read from.
  func files() throws(CheckpointError) -> [String] {
    var files: [String] = []
    for text in feed + expect {
      if let file = try TensorArgument(text, option: "--feed").file { files.append(file) }
    }
    return files
  }

  /// The feeds and fetches, resolved.
  func request(
    _ graph: Graph, fetches: [String], fillsPlaceholders: Bool
  ) throws(CheckpointError) -> GraphRequest {
    let feeds = try feed.map { (text) throws(CheckpointError) in
      let argument = try TensorArgument(text, option: "--feed")
      let name = GraphRequest.tensorName(argument.name, of: graph)
      return (argument.name, try argument.tensor(dtype: try graph.placeholder(name)?.dtype))
    }
    return try GraphRequest(graph, feeds: feeds, fetches: fetches, fillsPlaceholders: fillsPlaceholders)
  }
}

extension GraphOptions {
  /// The recorded answer, where one is given.
  func answer(_ graph: Graph, threads: Int) throws(CheckpointError) -> RecordedAnswer? {
    let expectations = try expectations()
    guard !expectations.isEmpty else { return nil }
    let request = try request(graph, fetches: expectations.map(\.name), fillsPlaceholders: false)
    return try RecordedAnswer(graph, request, expectations, threads: threads, limits: limit.limits)
  }
}

enum Graphs {
  /// The graph that belongs to a checkpoint, where a file beside it says so.
  static func beside(_ store: VariableStore) -> String? { store.graph?.path }

  /// The checkpoint that belongs to a graph: a SavedModel's own variables, or the bundle with the prefix of a `.meta`.
  static func weights(of path: String) -> String? {
    let folder = splitPath(path).last == SavedModel.file ? splitPath(path).folder : path
    if Candidate.isFolder(folder) {
      return Candidate.exists(joinPath(folder, "variables/variables.index")) ? folder : nil
    }
    guard path.hasSuffix(".meta") else { return nil }
    let prefix = String(path.dropLast(5))
    return Candidate.exists(prefix + ".index") ? prefix : nil
  }
}
