import CheckpointCore
import Reports
import Verifier

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
      lines.append("the first node that differs: '\(Name(node.node))' (\(Name(node.op))), output \(node.output)")
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
      json.object("first_difference", inline: true) { json in write(node, to: &json) }
    } else {
      json.null("first_difference")
    }
    json.array("differing_nodes") { json in
      for node in report.divergence { json.object(inline: true) { json in write(node, to: &json) } }
    }
  }

  private static func write(_ node: Verification.NodeFinding, to json: inout JSONWriter) {
    json.value("node", node.node)
    json.value("op", node.op)
    json.value("output", node.output)
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
