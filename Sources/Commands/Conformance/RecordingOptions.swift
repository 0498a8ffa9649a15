import ArgumentParser
import CheckpointCore
import Conformance

/// `conformance --record`: how a case is written.
struct RecordingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Write a case of the checkpoints given, which lie in this folder: their digests, and what the graph beside them computes.",
      valueName: "folder"), completion: .directory)
  var record: String?

  @Option(
    help: ArgumentHelp("The graph whose outputs are recorded (default: the .meta beside each).", valueName: "graph"),
    completion: .file())
  var graph: String?

  @Option(
    help: ArgumentHelp(
      "A value for a tensor, as an .npy file or a JSON literal (default: placeholders from a fixed seed). Repeatable.",
      valueName: "name=file|value"))
  var feed: [String] = []

  @Option(help: ArgumentHelp("A tensor to record (default: the graph's own outputs). Repeatable.", valueName: "name"))
  var fetch: [String] = []

  @Flag(help: "Replace a case that is there.")
  var force = false

  func validate(hasInputs: Bool) throws {
    if record == nil, graph != nil || !feed.isEmpty || !fetch.isEmpty || force {
      throw ValidationError("--graph, --feed, --fetch and --force are for --record")
    }
    if record != nil, !hasInputs { throw ValidationError("--record takes at least one checkpoint") }
  }

  func write(_ inputs: [String], to folder: String, scratch: String, jobs: Int, asJSON: Bool) throws(CheckpointError) {
    var recorder = try CaseRecorder(folder)
    recorder.isReplacing = force
    recorder.jobs = jobs
    recorder.madeBy = CkptConvert.madeBy
    recorder.graph = graph
    recorder.fetches = fetch
    recorder.feeds = try feed.map { (text) throws(CheckpointError) in
      let argument = try TensorArgument(text, option: "--feed")
      return (argument.name, try argument.tensor(dtype: nil))
    }
    let outcome = try recorder.record(inputs, scratch: scratch)
    for note in outcome.notes { Console.say("note: \(note)") }
    guard asJSON else {
      Console.print(
        "wrote \(outcome.files.map { Name(splitPath($0.path).last).description }.joined(separator: ", ")): "
          + "\(Console.plural(inputs.count, "checkpoint")), \(Console.plural(outcome.tensors, "tensor")), \(Console.plural(outcome.runs, "run")) of a graph"
      )
      return
    }
    var json = JSONWriter()
    json.object { json in
      json.array("files") { json in for file in outcome.files { json.value(nil, file.path) } }
      json.value("checkpoints", inputs.count)
      json.value("tensors", outcome.tensors)
      json.value("runs", outcome.runs)
      json.array("notes") { json in for note in outcome.notes { json.value(nil, note) } }
    }
    Console.print(json.finished())
  }
}
