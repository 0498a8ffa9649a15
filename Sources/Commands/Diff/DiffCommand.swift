import ArgumentParser
import CheckpointCore
import Conversion
import FormatRegistry
import Verifier

/// `ckpt-convert diff A B`
struct DiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Says where two checkpoints differ: names, dtypes, shapes, values.",
    discussion: """
      A and B may be of any two formats. Values are the same where every bit is; with --atol or --rtol where \
      |B - A| ≤ atol + rtol · |A|. For names that only one has, names of the other are suggested, the surest first: those of one dtype \
      and shape whose bytes are equal, or whose names differ in what libraries add or call otherwise. --write-map writes the \
      suggestions as a file for --map, here and of convert.

      With --names GRAPH there is no B: the names, dtypes and shapes of A are compared with those that the savers of the graph (a \
      .meta file), or the variables of any other checkpoint, have. What only the graph has, restoring A would miss.

      Roles are shown where they differ, and count for nothing: they are concluded from names and graphs. Ends with status 1 where \
      anything else differs.

      EXAMPLES
        ckpt-convert diff epoch-8 epoch-9
        ckpt-convert diff model.ckpt model.h5 --atol 1e-6 --json
        ckpt-convert diff old.ckpt --names new.meta --write-map names.txt
      """)

  @Argument(help: "A checkpoint.", completion: .file())
  var first: String

  @Argument(help: "The checkpoint that it is compared with.", completion: .file())
  var second: String?

  @Option(
    help: ArgumentHelp(
      "Instead of B: a graph, or another checkpoint, whose names A should have.", valueName: "graph"),
    completion: .file())
  var names: String?

  @OptionGroup var tolerance: ToleranceOptions

  @Option(
    help: ArgumentHelp("Names in B for names in A, as for convert.", valueName: "file"), completion: .file())
  var map: String?

  @Option(
    help: ArgumentHelp("Write the suggested names to a file that --map reads.", valueName: "file"), completion: .file())
  var writeMap: String?

  @Option(help: ArgumentHelp("Most lines of each kind (default: 20; 0 for all).", valueName: "n"))
  var limit = 20

  @OptionGroup(title: "Reading A and B") var reading: ReadingOptions

  @OptionGroup var console: ConsoleOptions

  @OptionGroup var workers: WorkerOptions

  func validate() throws {
    if limit < 0 { throw ValidationError("--limit takes a number from 0 on.") }
    if (second == nil) == (names == nil) { throw ValidationError("Give another checkpoint, or a graph with --names.") }
  }

  func run() throws { try diff() }

  private func diff() throws(CheckpointError) {
    let a = try reading.side(first, listingOnly: names != nil)
    let b: VariableStore
    if let names { b = try GraphNames.store(names) } else { b = try reading.side(second ?? "") }
    var request = StoreDifference.Request()
    request.tolerance = tolerance.value
    request.comparesValues = names == nil
    request.jobs = workers.count
    if let map { request.names = try NameMap(contentsOf: map).targets }
    let line = ProgressLine("comparing", total: names == nil ? a.byteCount : 0, console.progress)
    defer { line?.finish() }
    request.progress = line?.progress
    let difference = try StoreDifference(a, b, request)
    line?.finish()
    let report = DiffReport(
      difference, first: first, second: second ?? names ?? "", isGraph: names != nil, limit: limit == 0 ? .max : limit)
    Console.print(console.json ? report.json() : Array((report.text(columns: Console.columns) + "\n").utf8))
    if let writeMap { try ReportFile.write(names: report.map(), to: writeMap) }
    for store in [a, b] { try store.source.requireUnchanged() }
    if let failure = difference.common.lazy.compactMap(\.failure).first { throw failure }
    guard difference.isSame else {
      throw CheckpointError(
        .different,
        names == nil ? "\(report.second) differs from \(first)" : "\(first) is not what \(report.second) would restore")
    }
  }
}
