import ArgumentParser
import CheckpointCore
import FormatRegistry
import GraphRuntime
import ProtoWire
import Reports
import Verifier

/// `ckpt-convert run GRAPH`
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Computes tensors of a TensorFlow graph, with no TensorFlow.",
    discussion: """
      GRAPH is a .meta file, a SavedModel folder, or a frozen .pb. Any tensor can be fed and any can be fetched, by name: x:0, or \
      x for its first output. --weights takes a checkpoint of any format; without it a SavedModel's own variables are used, or the \
      checkpoint beside the .meta.

      EXAMPLES
        ckpt-convert run epoch-9.meta --feed images:0=x.npy --feed labels:0=y.npy --fetch accuracy:0
        ckpt-convert run model.meta --weights flat.npy --feed x:0='[[1, 2]]' --fetch rnn/while/Exit_3:0=state.npy
      """)

  @Argument(help: "A .meta file, a SavedModel folder, or a frozen .pb.", completion: .file())
  var graph: String

  @Option(help: ArgumentHelp("The checkpoint, of any format.", valueName: "ckpt"), completion: .file())
  var weights: String?

  @OptionGroup(title: "Reading the weights") var reading: ReadingOptions

  @Option(
    help: ArgumentHelp(
      "A value for a tensor, as an .npy file or a JSON literal. Repeatable.", valueName: "name=file|value"))
  var feed: [String] = []

  @Option(
    help: ArgumentHelp(
      "A tensor to compute, and the .npy file to write it to (default: the graph's own outputs, shown). Repeatable.",
      valueName: "name[=file.npy]"))
  var fetch: [String] = []

  @Option(
    help: ArgumentHelp(
      "What the original program computed: it decides how a bare vector is laid out, and another answer ends with status 1. Repeatable.",
      valueName: "name=file|value"))
  var expect: [String] = []

  @Option(
    name: .customLong("repeat"),
    help: ArgumentHelp(
      "Run n times more after the first, and show what a run takes: the median, in ms.", valueName: "n"))
  var repeats: Int?

  @Flag(help: "Print one JSON object.")
  var json = false

  @Flag(help: "Print only the values, as JSON, one tensor a line.")
  var values = false

  @OptionGroup var limit: LimitOptions

  @OptionGroup var workers: WorkerOptions

  func run() throws { try compute() }

  func validate() throws {
    if let repeats, !(1...1_000_000).contains(repeats) {
      throw ValidationError("--repeat takes a number from 1 to 1000000")
    }
  }

  private func compute() throws(CheckpointError) {
    var watch = Stopwatch()
    let graph = try GraphLoader.load(self.graph)
    var options = GraphOptions()
    options.feed = feed
    options.expect = expect
    options.limit = limit
    let targets = fetch.map(RunCommand.split)
    let request = try options.request(graph, fetches: targets.map(\.name), fillsPlaceholders: false)
    let runner = try GraphRunner(graph, threads: workers.count, limits: limit.limits)
    _ = try runner.prepare(feeds: request.feeds.map(\.name), fetches: request.fetches)
    let load = watch.lap()
    let store = try (weights ?? Graphs.weights(of: self.graph)).map { (path) throws(CheckpointError) in
      try reading.open(path, graph: self.graph, running: options, workers: workers.count).0
    }
    if let store { Report.warn(store) }
    if let answer = try options.answer(graph, threads: workers.count), try answer.reproduction(store) == nil {
      throw CheckpointError(
        .different, "the graph does not compute what --expect says",
        remedy: "look at the values with --fetch, or at the distance with verify")
    }
    let evaluation = try GraphEvaluation(runner, request, store)
    let results = try evaluation.run()
    if let note = evaluation.note { Console.say("note: \(note)") }
    let times = try repeats.map { (count) throws(CheckpointError) in
      var laps: [Stopwatch.Lap] = []
      watch = Stopwatch()
      for _ in 0..<count {
        try evaluation.repeatRun()
        laps.append(watch.lap())
      }
      return Times(
        load: load, run: Stopwatch.median(laps.map(\.clock)), process: Stopwatch.median(laps.map(\.process)))
    }
    for (i, target) in targets.enumerated() {
      if let path = target.file {
        let inputs = try ([graph.path] + options.files()).map { (path) throws(CheckpointError) in try InputFile(path) }
        try RunCommand.write(results[i], to: path, protecting: (store?.source.files ?? []) + inputs)
      }
    }
    if json {
      Console.print(try text(request, results, targets, times))
    } else if values {
      for result in results {
        var json = JSONWriter()
        try TensorText(result).write(nil, to: &json)
        Console.print(json.finished())
      }
    } else {
      try show(request, results, targets)
      if let times {
        Console.print(
          "median of \(repeats ?? 0) runs: \(Times.text(times.run)) ms, \(Times.text(times.process)) ms of processor time; "
            + "loaded in \(Times.text(times.load.clock)) ms\n")
      }
    }
  }

  /// What loading and a run took, in milliseconds.
  private struct Times {
    let load: Stopwatch.Lap
    let run: Double
    /// Processor time of all threads.
    let process: Double

    /// With three decimals.
    static func text(_ milliseconds: Double) -> String {
      let micros = "\(Int((milliseconds * 1000).rounded()))"
      let digits = String(repeating: "0", count: max(4 - micros.utf8.count, 0)) + micros
      return "\(digits.dropLast(3)).\(digits.suffix(3))"
    }
  }

  /// A name, and a file behind the `=`.
  private static func split(_ fetch: String) -> (name: String, file: String?) {
    guard let equals = fetch.utf8.firstIndex(of: UInt8(ascii: "=")) else { return (fetch, nil) }
    return (String(fetch[..<equals]), String(fetch[fetch.utf8.index(after: equals)...]))
  }

  /// - Parameter inputs: files that are not written over.
  private static func write(
    _ tensor: Tensor, to path: String, protecting inputs: [InputFile]
  ) throws(CheckpointError) {
    guard let format = AllFormats.named("npy"), let writer = format.writer else { return }
    let (folder, name) = splitPath(path)
    let stem = format.stem(of: name)
    var store = VariableStore(source: .init(format: "run", path: path))
    try store.append(Variable(name: Name(stem), tensor: tensor, role: .other))
    if let loss = writer.losses(writing: store).first {
      throw CheckpointError(.unsupported, "cannot be written to an .npy file: \(loss.reason)").at(file: path)
    }
    try ReportFile.requireOwn(joinPath(folder, stem + ".npy"), beginning: Name(bytes: [0x93] + Array("NUMPY".utf8)))
    var staged = try StagedOutput(prefix: joinPath(folder, stem), replacing: true, protecting: inputs)
    try writer.write(store, to: &staged, options: WriteOptions())
    _ = try staged.commit()
  }

  private func show(_ request: GraphRequest, _ values: [Tensor], _ targets: [(name: String, file: String?)])
    throws(CheckpointError)
  {
    var table = Table(["TENSOR", "DTYPE", "SHAPE", "VALUE"])
    for (i, value) in values.enumerated() {
      let file = i < targets.count ? targets[i].file : nil
      let shown: String
      if let file { shown = file } else { shown = try TensorText(value).brief() }
      table.append([request.fetches[i].text, value.dtype.rawValue, value.shape.description, shown])
    }
    Console.print(table.text(columns: nil))
  }

  private func text(
    _ request: GraphRequest, _ values: [Tensor], _ targets: [(name: String, file: String?)], _ times: Times?
  ) throws(CheckpointError) -> [UInt8] {
    var texts: [TensorText?] = []
    for (i, value) in values.enumerated() {
      let file = i < targets.count ? targets[i].file : nil
      texts.append(file == nil && value.shape.elementCount <= 1 << 16 ? try TensorText(value) : nil)
    }
    var json = JSONWriter()
    json.object { json in
      json.value("graph", self.graph)
      json.array("fetches") { json in
        for (i, value) in values.enumerated() {
          json.object(inline: true) { json in
            json.value("name", request.fetches[i].text)
            json.value("dtype", value.dtype.rawValue)
            json.array("shape") { json in for size in value.shape.dimensions { json.value(nil, size) } }
            if i < targets.count, let file = targets[i].file { json.value("file", file) }
            texts[i]?.write("value", to: &json)
          }
        }
      }
      if let times {
        json.value("repeat", repeats ?? 0)
        json.value("milliseconds", times.run)
        json.value("process_milliseconds", times.process)
        json.value("load_milliseconds", times.load.clock)
        json.value("load_process_milliseconds", times.load.process)
      }
    }
    return json.finished()
  }
}
