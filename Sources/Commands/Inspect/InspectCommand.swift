import ArgumentParser
import CheckpointCore
import FormatRegistry
import Inspection

/// `ckpt-convert inspect INPUT`
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Lists the variables of a checkpoint.",
    discussion: """
      Without --digests, --stats and --html only names, dtypes and shapes are read. With them every byte is read and every checksum \
      that the file has is checked. --digests lists the SHA-256 of the canonical bytes (row-major, little-endian). --stats lists \
      minimum, maximum, mean and standard deviation (of the population) over the finite numbers of each variable, and counts zeros, \
      NaN and infinities.

      EXAMPLES
        ckpt-convert inspect epoch-9
        ckpt-convert inspect epoch-9 --tree
        ckpt-convert inspect model.ckpt.index --json --digests --stats
        ckpt-convert inspect model.h5 --html model.html
      """)

  @Argument(help: "A checkpoint: prefix, any of its files, folder, or file.", completion: .file())
  var input: String

  @OptionGroup(title: "Reading") var reading: ReadingOptions

  @OptionGroup var console: ConsoleOptions

  @Flag(help: "Read everything and list SHA-256 digests.")
  var digests = false

  @Flag(help: "Read everything and list what the numbers are like.")
  var stats = false

  @Flag(help: "List scopes and what each holds.")
  var tree = false

  @Option(
    help: ArgumentHelp("Write a page with sizes by scope and a histogram of each variable.", valueName: "file"),
    completion: .file(extensions: ["html"]))
  var html: String?

  @OptionGroup var workers: WorkerOptions

  func validate() throws {
    if tree, digests || stats { throw ValidationError("--tree lists scopes, which have no digests and no statistics.") }
  }

  func run() throws { try inspect() }

  private func inspect() throws(CheckpointError) {
    let isRead = digests || stats || html != nil
    let (store, found) = try reading.open(input, listingOnly: !isRead)
    Report.warn(store)
    var inspected = InspectedStore(store, found)
    if isRead {
      try Diagnosing.explaining(store, jobs: workers.count) { () throws(CheckpointError) in try read(&inspected) }
    }
    if let warning = inspected.graphWarning { Console.say("warning: \(warning)") }
    if let html { try ReportFile.write(InspectPage(inspected).page, to: html) }
    if console.json {
      Console.print(inspected.json(withScopes: tree))
    } else if tree {
      Console.print(inspected.treeText(columns: Console.columns))
    } else {
      Console.print(inspected.text(columns: Console.columns, withStatistics: stats))
    }
  }

  private func read(_ inspected: inout InspectedStore) throws(CheckpointError) {
    let variables = inspected.store.variables
    let passes = (digests ? 1 : 0) + (html != nil ? 2 : stats ? 1 : 0)
    let line = ProgressLine("reading", total: inspected.store.byteCount, times: passes, console.progress)
    defer { line?.finish() }
    if digests {
      inspected.digests = try Digest.sha256(of: variables, jobs: workers.count, progress: line?.progress)
    }
    guard stats || html != nil else { return }
    let statistics = try TensorStatistics.of(variables, jobs: workers.count, progress: line?.progress)
    inspected.statistics = statistics
    guard html != nil else { return }
    inspected.histograms = try Histogram.of(variables, statistics, jobs: workers.count, progress: line?.progress)
  }
}
