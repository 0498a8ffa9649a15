public import ArgumentParser
public import CheckpointCore
public import Conversion
import FormatRegistry
import GraphRuntime
import Verifier

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How many workers a command has.
struct WorkerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Workers at once (default: one a core). What comes out does not depend on it.", valueName: "n"))
  var jobs: Int?

  var count: Int { jobs ?? Machine.cores }

  func validate() throws {
    if let jobs, jobs < 1 { throw ValidationError("--jobs takes a number from 1 on.") }
  }
}

/// How a command speaks.
struct ConsoleOptions: ParsableArguments {
  @Flag(help: "Print one JSON object.")
  var json = false

  @Option(help: "Show progress: auto, always or never.")
  var progress = ProgressChoice.auto
}

/// How far numbers may be from one another.
struct ToleranceOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Absolute tolerance (default: every bit must be equal).", valueName: "x"))
  var atol: Double = 0

  @Option(help: ArgumentHelp("Relative tolerance.", valueName: "x"))
  var rtol: Double = 0

  var value: Tolerance { Tolerance(absolute: atol, relative: rtol) }

  func validate() throws {
    if atol < 0 || rtol < 0 || atol.isNaN || rtol.isNaN { throw ValidationError("Tolerances are not negative.") }
  }
}

/// How a checkpoint is read; the same for every command.
struct ReadingOptions: ParsableArguments {
  @Option(
    name: .customLong("from"),
    help: ArgumentHelp("The format of INPUT, instead of recognising it.", valueName: "format"),
    completion: .list(AllFormats.rows.map(\.name)))
  var from: String?

  @Option(
    help: ArgumentHelp(
      "What gives the numbers of a flat vector their names: a manifest, a .meta graph, or another checkpoint. Without --collection or --scope the last two must be proven to fit.",
      valueName: "file"), completion: .file())
  var layout: String?

  @Option(
    help: ArgumentHelp(
      "With --layout GRAPH: the collection whose variables the vector holds (with --scope alone: variables).",
      valueName: "name"))
  var collection: String?

  @Option(
    help: ArgumentHelp(
      "With --layout GRAPH: only variables whose name matches this regular expression from its start, as tf.get_collection takes a scope.",
      valueName: "regex"))
  var scope: String?

  @Option(
    help: ArgumentHelp(
      "For a vector that nobody described: another checkpoint of the same network, whose numbers may decide the layout.",
      valueName: "ckpt"), completion: .file())
  var like: String?

  /// Opens a checkpoint as these options say.
  /// - Parameters:
  ///   - graph: of the network, where the command knows one; it may name the numbers of a vector that has no layout.
  ///   - running: a recorded answer that decides between layouts.
  func open(
    _ path: String, allowLoss: Bool = false, listingOnly: Bool = false, salvage: Bool = false, graph: String? = nil,
    running: GraphOptions? = nil, workers: Int = Machine.cores
  ) throws(CheckpointError) -> (VariableStore, Opening.Found) {
    var options = ReadOptions(
      collection: collection, scope: scope, allowLoss: allowLoss, listingOnly: listingOnly, salvage: salvage)
    if layout == nil, collection != nil || scope != nil {
      throw CheckpointError(
        .usage, "--collection and --scope choose variables of a graph", remedy: "name the graph with --layout")
    }
    if layout != nil, from == nil, let found = try? Opening.find(path),
      !["npy", "npy-flat"].contains(found.format.name)
    {
      throw ReadingOptions.saysItself(found)
    }
    if let source = try layoutSource(of: path, graph: graph) {
      let bare = try Opening.open(path, as: from ?? "npy", options: options)
      if layout != nil, bare.found.format.name != "npy" { throw ReadingOptions.saysItself(bare.found) }
      return (try inferred(bare.store, bare.found, source, options, graph, running, workers), bare.found)
    }
    if let layout { options.layout = try Opening.layout(layout, options: options) }
    // A layout decides even where a manifest lies beside the vector.
    let (store, found) = try Opening.open(path, as: layout == nil ? from : from ?? "npy", options: options)
    if layout != nil, found.format.name != "npy" { throw ReadingOptions.saysItself(found) }
    return (store, found)
  }

  /// One of two checkpoints that are compared; options of layout are for bare vectors, whichever side is one.
  func side(
    _ path: String, listingOnly: Bool = false, graph: String? = nil, running: GraphOptions? = nil,
    workers: Int = Machine.cores
  ) throws(CheckpointError) -> VariableStore {
    let found = try Opening.find(path, as: from)
    let takesLayout = layout == nil || found.format.name == "npy"
    let store =
      takesLayout
      ? try open(path, listingOnly: listingOnly, graph: graph, running: running, workers: workers).0
      : try Opening.open(path, as: from, options: ReadOptions(listingOnly: listingOnly)).store
    Report.warn(store)
    return store
  }

  /// Whether a store was cut out of a vector that says nothing itself.
  func isBareVector(_ store: VariableStore, _ found: Opening.Found) -> Bool {
    found.format.name == "npy" && store.source.format == "npy-flat"
  }

  /// What may name the numbers of a vector whose layout nobody chose: the file of --layout, unless --collection or --scope
  /// choose, or it is a manifest; else the graph of the command, or one with the vector's own name beside it.
  private func layoutSource(of path: String, graph: String?) throws(CheckpointError) -> LayoutSource? {
    if let layout { return collection == nil && scope == nil ? try Opening.layoutSource(layout) : nil }
    guard from == nil || from == "npy", let found = try? Opening.find(path, as: from), found.format.name == "npy"
    else { return nil }
    let beside = found.stem + ".meta"
    guard let meta = graph?.hasSuffix(".meta") == true ? graph : from == nil && Candidate.isFile(beside) ? beside : nil,
      let source = try Opening.layoutSource(meta),
      let array = try Opening.open(found.path, as: "npy").store.variables.first, array.tensor.shape.rank == 1,
      // An array with the name of a variable is that variable.
      !source.groups.contains(where: { $0.members.contains { $0.entry.name == array.name } })
    else { return nil }
    return source
  }

  /// The variables of a vector that nobody described, if it can be known which they are.
  /// - Throws: `unsupported` where nothing decides; every layout that fits has been listed then.
  private func inferred(
    _ bare: VariableStore, _ found: Opening.Found, _ source: LayoutSource, _ options: ReadOptions, _ graph: String?,
    _ running: GraphOptions?, _ workers: Int
  ) throws(CheckpointError) -> VariableStore {
    guard let vector = bare.variables.first?.tensor, vector.shape.rank == 1 else {
      // It has the words for an array that is no vector.
      var options = options
      options.layout = Layout(entries: [], origin: source.origin)
      return try Opening.open(found.path, as: found.format.name, options: options).store
    }
    var sources = [source]
    var sibling = source.sibling
    if let like {
      let other = try Opening.open(like).store
      sibling = other
      sources.append(LayoutSource(other, origin: "the checkpoint \(like)"))
    }
    let inference = try LayoutInference(vector, path: found.path, sources: sources, sibling: sibling)
    func open(_ layout: Layout) throws(CheckpointError) -> VariableStore {
      var options = options
      options.layout = layout
      return try Opening.open(found.path, as: found.format.name, options: options).store
    }
    var answer: RecordedAnswer?
    if let running, !running.expect.isEmpty {
      guard let path = graph ?? source.graph?.path else {
        throw CheckpointError(
          .usage, "there is no graph that could compute what --expect says", remedy: "name it with --graph")
      }
      answer = try running.answer(try GraphLoader.load(path), threads: workers)
    }
    let outcome: LayoutInference.Outcome
    if let answer {
      outcome = try inference.outcome { (layout) throws(CheckpointError) in
        try throwIfInterrupted()
        return try answer.reproduction(try open(layout))
      }
    } else {
      outcome = try inference.outcome(answer: nil)
    }
    switch outcome {
    case .taken(let candidate, let reason):
      var store = try open(candidate.layout)
      store.source.notes.append("the vector is laid out as \(candidate.layout.origin), because \(reason)")
      return store
    case .open(let reason, let remedy):
      for line in inference.listing { Console.say(line) }
      let plain = layout == nil && graph == nil ? "; --from npy takes it as one array" : ""
      throw CheckpointError(
        .unsupported, "which variables the vector holds is not known: \(reason)", remedy: remedy + plain
      )
      .at(file: found.path)
    }
  }

  private static func saysItself(_ found: Opening.Found) -> CheckpointError {
    CheckpointError(
      .usage, "--layout is for bare vectors; \(found.path) is \(found.format.name) and says itself what it holds")
  }
}

/// A number of bytes such as `512`, `100MB`, `2GiB`.
struct ByteSize: ExpressibleByArgument {
  let bytes: Int

  init?(argument: String) {
    let units: [(String, Int)] = [
      ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("kB", 1000), ("KB", 1000),
      ("MB", 1_000_000),
      ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("B", 1),
    ]
    let unit = units.first { argument.hasSuffix($0.0) } ?? ("", 1)
    guard let number = Int(argument.dropLast(unit.0.count)), number > 0 else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: unit.1)
    guard !overflow else { return nil }
    self.bytes = bytes
  }
}

/// How `--compress` is written: `none`, `gzip`, or `gzip:6`.
struct Compression: ExpressibleByArgument {
  /// Level of deflate, nil for none.
  let level: Int?

  static let none = Compression(level: nil)
  /// What HDF5's own tools take where nobody says.
  private static let usual = 4

  private init(level: Int?) { self.level = level }

  init?(argument: String) {
    switch argument {
    case "none": level = nil
    case "gzip": level = Compression.usual
    default:
      guard argument.hasPrefix("gzip:"), let level = Int(argument.dropFirst(5)), (1...9).contains(level) else {
        return nil
      }
      self.level = level
    }
  }

  var defaultValueDescription: String { "none" }
}

extension DType: ExpressibleByArgument {
  public init?(argument: String) { self.init(rawValue: argument) }

  /// Those that numbers can be cast to.
  public static var allValueStrings: [String] { allCases.filter(\.isCastable).map(\.rawValue) }
}

extension ConversionRequest.Unmapped: ExpressibleByArgument {}
extension MovingAverages: ExpressibleByArgument {}

enum Machine {
  /// Cores that are there for this process.
  static var cores: Int { max(1, Int(sysconf(CInt(_SC_NPROCESSORS_ONLN)))) }
}
