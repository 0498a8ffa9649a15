import ArgumentParser
import CheckpointCore
import Conversion
import FormatRegistry
import GraphRuntime
import ProtoWire
import Verifier

/// `ckpt-convert verify BEFORE AFTER`
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Proves that two checkpoints are the same network, or says where they differ.",
    discussion: """
      Every variable is compared bit by bit. Then the graph is run with the variables of BEFORE and with those of AFTER, on the same \
      feeds, and every fetch is compared; with --expect also against what the original program recorded. Without --graph the .meta \
      beside either checkpoint is run; without --feed placeholders get values from a fixed seed; without --fetch the graph's own \
      outputs are compared. Ends with status 1 when anything differs.

      EXAMPLES
        ckpt-convert verify epoch-9 converted.npy
        ckpt-convert verify epoch-9 half.npy --atol 1e-2 --feed images:0=x.npy --feed labels:0=y.npy --fetch accuracy:0
      """)

  @Argument(help: "A checkpoint.", completion: .file())
  var before: String

  @Argument(help: "The checkpoint that should be the same.", completion: .file())
  var after: String

  @Option(
    help: ArgumentHelp("A .meta file, a SavedModel folder, or a frozen .pb.", valueName: "graph"), completion: .file())
  var graph: String?

  @OptionGroup(title: "Running the graph") var running: GraphOptions

  @OptionGroup var tolerance: ToleranceOptions

  @Option(
    help: ArgumentHelp("Names in AFTER for names in BEFORE, as for convert.", valueName: "file"), completion: .file())
  var map: String?

  @OptionGroup(title: "Reading BEFORE and AFTER") var reading: ReadingOptions

  @OptionGroup var console: ConsoleOptions

  @Option(help: ArgumentHelp("Write the results as JUnit XML.", valueName: "file"), completion: .file())
  var junit: String?

  @Option(
    help: ArgumentHelp(
      "Write one HTML page: variables that differ, the distance of every fetch, every node of the graph that differs.",
      valueName: "file"), completion: .file())
  var html: String?

  @OptionGroup var workers: WorkerOptions

  func run() throws { try verify() }

  private func verify() throws(CheckpointError) {
    let first = try reading.side(before, graph: graph, running: running, workers: workers.count)
    let second = try reading.side(after, graph: graph, running: running, workers: workers.count)
    var verification = Verification()
    verification.threads = workers.count
    verification.limits = running.limit.limits
    verification.tolerance = tolerance.value
    if let map {
      verification.names = try NameMap(contentsOf: map).targets
    }
    var report = Verification.Report()
    let line = ProgressLine("comparing", total: first.byteCount, console.progress)
    defer { line?.finish() }
    verification.progress = line?.progress
    try verification.compareVariables(first, second, into: &report)
    line?.finish()
    if let path = graph ?? Graphs.beside(first) ?? Graphs.beside(second) {
      let graph = try GraphLoader.load(path)
      let request = try running.request(graph, fetches: running.fetch, fillsPlaceholders: true)
      verification.expectations = try running.expectations()
      try verification.compareGraph(graph, request, first, second, into: &report)
    } else if !running.expect.isEmpty || !running.feed.isEmpty || !running.fetch.isEmpty {
      throw CheckpointError(.usage, "there is no graph beside either checkpoint", remedy: "name it with --graph")
    }
    try first.source.requireUnchanged()
    try second.source.requireUnchanged()
    if let junit { try ReportFile.write(VerifyReport.suites(report), to: junit) }
    if let html { try ReportFile.write(VerifyReport.page(report, before: before, after: after), to: html) }
    if console.json {
      Console.print(VerifyReport.json(report, before: before, after: after))
    } else {
      Console.print(VerifyReport.text(report))
    }
    guard report.isSame else {
      throw CheckpointError(.different, "\(after) is not the same network as \(before)")
    }
  }
}
