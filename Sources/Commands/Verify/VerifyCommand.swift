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

  @Option(help: ArgumentHelp("Absolute tolerance (default: every bit must be equal).", valueName: "x"))
  var atol: Double = 0

  @Option(help: ArgumentHelp("Relative tolerance.", valueName: "x"))
  var rtol: Double = 0

  @Option(
    help: ArgumentHelp("Names in AFTER for names in BEFORE, as for convert.", valueName: "file"), completion: .file())
  var map: String?

  @OptionGroup(title: "Reading BEFORE and AFTER") var reading: ReadingOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  @Option(help: ArgumentHelp("Write the results as JUnit XML.", valueName: "file"), completion: .file())
  var junit: String?

  @Option(
    help: ArgumentHelp(
      "Write one HTML page: variables that differ, the distance of every fetch, every node of the graph that differs.",
      valueName: "file"), completion: .file())
  var html: String?

  @Option(help: ArgumentHelp("Threads (default: one a core). The values do not depend on it.", valueName: "n"))
  var jobs: Int?

  func validate() throws {
    if atol < 0 || rtol < 0 || atol.isNaN || rtol.isNaN { throw ValidationError("Tolerances are not negative.") }
  }

  func run() throws { try verify() }

  private func verify() throws(CheckpointError) {
    let first = try reading.side(before, graph: graph, running: running, jobs: jobs)
    let second = try reading.side(after, graph: graph, running: running, jobs: jobs)
    var verification = Verification()
    verification.threads = jobs ?? Machine.cores
    verification.tolerance = Tolerance(absolute: atol, relative: rtol)
    if let map {
      verification.names = try NameMap(contentsOf: map).targets
    }
    var report = Verification.Report()
    try verification.compareVariables(first, second, into: &report)
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
    if json {
      Console.print(VerifyReport.json(report, before: before, after: after))
    } else {
      Console.print(VerifyReport.text(report))
    }
    guard report.isSame else {
      throw CheckpointError(.different, "\(after) is not the same network as \(before)")
    }
  }
}

/// What `verify` and `convert --verify graph` show.
enum VerifyReport {
  static func text(_ report: Verification.Report) -> String {
    var lines: [String] = []
    if report.variables.isEmpty {
      lines.append(
        "variables: \(Console.count(report.variableCount)) of \(Console.count(report.variableCount)) are the same")
    } else {
      lines.append("variables: \(Console.plural(report.variables.count, "difference"))")
      for finding in report.variables.prefix(20) { lines.append("  '\(finding.name)': \(finding.problem)") }
      if report.variables.count > 20 { lines.append("  and \(report.variables.count - 20) more") }
    }
    guard report.ranGraph else { return (lines + ["no graph was run"]).joined(separator: "\n") }
    if report.isFeedAutomatic {
      let feeds = report.feeds.map { "\($0.name) (\($0.summary))" }.joined(separator: ", ")
      lines.append("feeds: placeholders from a fixed seed, sizes that are not known are 2: \(feeds)")
    }
    if report.isFetchAutomatic { lines.append("fetches: the graph's own outputs") }
    var table = Table(["FETCH", "DTYPE AND SHAPE", "RESULT"])
    for finding in report.fetches { table.append(row(finding)) }
    for finding in report.expectations { table.append(row(finding, suffix: " (recorded)")) }
    lines.append(table.text(columns: nil))
    if let node = report.divergence.first {
      lines.append("the first node that differs: '\(node.node)' (\(node.op)), output \(node.output)")
    }
    return lines.joined(separator: "\n")
  }

  private static func row(_ finding: Verification.FetchFinding, suffix: String = "") -> [String] {
    let verdict =
      finding.isSame && finding.distance?.isEqual == false ? "within tolerance: " : finding.isSame ? "" : "DIFFERENT: "
    return [finding.name + suffix, finding.summary, verdict + (finding.problem ?? finding.distance?.summary ?? "")]
  }

  static func json(_ report: Verification.Report, before: String, after: String) -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.value("before", before)
      json.value("after", after)
      json.value("same", report.isSame)
      write(report, to: &json)
    }
    return json.finished()
  }

  static func write(_ report: Verification.Report, to json: inout JSONWriter) {
    json.object("variables") { json in
      json.value("compared", report.variableCount)
      json.array("differences") { json in
        for finding in report.variables {
          json.object(inline: true) { json in
            json.value("name", finding.name)
            json.value("problem", finding.problem)
            if let distance = finding.distance { write(distance, to: &json) }
          }
        }
      }
    }
    json.value("graph_run", report.ranGraph)
    json.array("feeds") { json in
      for feed in report.feeds {
        json.object(inline: true) { json in
          json.value("name", feed.name)
          json.value("value", feed.summary)
        }
      }
    }
    json.value("automatic_feeds", report.isFeedAutomatic)
    json.value("automatic_fetches", report.isFetchAutomatic)
    for (key, findings) in [("fetches", report.fetches), ("expectations", report.expectations)] {
      json.array(key) { json in
        for finding in findings {
          json.object(inline: true) { json in
            json.value("name", finding.name)
            json.value("same", finding.isSame)
            if let problem = finding.problem { json.value("problem", problem) }
            if let distance = finding.distance { write(distance, to: &json) }
          }
        }
      }
    }
    if let node = report.divergence.first {
      json.object("first_difference", inline: true) { json in
        json.value("node", node.node)
        json.value("op", node.op)
        json.value("output", node.output)
      }
    } else {
      json.null("first_difference")
    }
  }

  static func write(_ distance: ValueDistance, to json: inout JSONWriter) {
    json.value("elements", distance.elementCount)
    json.value("differing", distance.differing)
    if let first = distance.first { json.value("first", first) }
    json.value("absolute", distance.absolute)
    json.value("relative", distance.relative)
    if let ulps = distance.ulps { json.value("ulps", Int(clamping: ulps)) }
  }
}
