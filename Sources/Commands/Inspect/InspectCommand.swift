import ArgumentParser
import CheckpointCore
import Dispatch
import FormatRegistry
import Inspection
import Synchronization

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

  @Flag(help: "Print one JSON object.")
  var json = false

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

  @Option(help: "Show progress: auto, always or never.")
  var progress = ProgressChoice.auto

  @Option(help: ArgumentHelp("Workers at once (default: one a core).", valueName: "n"))
  var jobs: Int?

  func validate() throws {
    if tree, digests || stats { throw ValidationError("--tree lists scopes, which have no digests and no statistics.") }
  }

  func run() throws { try inspect() }

  private func inspect() throws(CheckpointError) {
    let (store, found) = try reading.open(input, listingOnly: !digests && !stats && html == nil)
    Report.warn(store)
    var inspected = InspectedStore(store, found)
    try Diagnosing.explaining(store, jobs: jobs) { () throws(CheckpointError) in
      if digests { inspected.digests = try Digests.of(store, jobs: jobs ?? Machine.cores) }
      if stats || html != nil { try measure(&inspected) }
    }
    if let warning = inspected.graphWarning { Console.say("warning: \(warning)") }
    if let html {
      try ReportFile.write(InspectPage(inspected).page, to: html, protecting: store.source.files)
    }
    if json {
      Console.print(inspected.json(withScopes: tree))
    } else if tree {
      Console.print(inspected.treeText(columns: Console.columns))
    } else {
      Console.print(inspected.text(columns: Console.columns, withStatistics: stats))
    }
  }

  private func measure(_ inspected: inout InspectedStore) throws(CheckpointError) {
    let store = inspected.store
    let passes = html == nil ? 1 : 2
    let line = ProgressLine(
      "reading", total: store.byteCount.multipliedReportingOverflow(by: passes).partialValue, progress)
    defer { line?.finish() }
    let statistics = try TensorStatistics.of(store.variables, jobs: jobs ?? Machine.cores, progress: line?.progress)
    inspected.statistics = statistics
    guard html != nil else { return }
    inspected.histograms = try Histogram.of(
      store.variables, statistics, jobs: jobs ?? Machine.cores, progress: line?.progress)
  }
}

/// SHA-256 of all variables, on all cores.
enum Digests {
  /// - Returns: in the order of the store; nil for variants, whose bytes mean nothing outside their bundle.
  static func of(_ store: VariableStore, jobs: Int) throws(CheckpointError) -> [String?] {
    let results = Mutex<[Int: String]>([:])
    let failures = Mutex<[Int: CheckpointError]>([:])
    let next = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: max(1, jobs)) { _ in
      while true {
        let i = next.add(1, ordering: .relaxed).oldValue
        guard i < store.variables.count, failures.withLock({ $0.isEmpty }) else { return }
        do throws(CheckpointError) {
          try throwIfInterrupted()
          if store.variables[i].tensor.dtype == .variant {
            try store.variables[i].tensor.storage.verify()
          } else {
            let sum = try Digest.sha256(of: store.variables[i])
            results.withLock { $0[i] = sum }
          }
        } catch {
          failures.withLock { $0[i] = error }
        }
      }
    }
    if let first = failures.withLock({ $0.min { $0.key < $1.key } }) { throw first.value }
    return results.withLock { found in store.variables.indices.map { found[$0] } }
  }
}
