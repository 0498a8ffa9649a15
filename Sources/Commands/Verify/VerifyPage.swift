import CheckpointCore
import Reports
import Verifier

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

// What `verify --html` and `verify --junit` write.
extension VerifyReport {
  /// Rows of one table.
  private static let most = 1000

  static func page(_ report: Verification.Report, before: String, after: String) -> HTMLPage {
    var page = HTMLPage(title: report.isSame ? "The same network" : "Not the same network")
    page.append(
      nil,
      [
        .paragraph(.code(Name(before).description), " and ", .code(Name(after).description)),
        .figures([
          (Console.count(report.variableCount), "variables compared"),
          (Console.count(report.variables.count), "of them differ"),
          (Console.count(report.fetches.count), "outputs of the graph"),
          (Console.count(report.fetches.count { !$0.isSame }), "of them differ"),
        ]),
      ])
    if report.ranGraph { page.append("Outputs of the graph", fetches(report.fetches)) }
    if !report.expectations.isEmpty {
      page.append("Beside what the original program recorded", fetches(report.expectations))
    }
    if !report.variables.isEmpty {
      page.append(
        "Variables that differ",
        table([.init("variable"), .init("what differs")], report.variables) { finding in
          let problem = finding.distance.map { "values, the first at \($0.first ?? 0)" } ?? finding.problem
          return [.name(finding.name), .text(problem)] + distance(finding.distance)
        })
    }
    guard report.ranGraph else {
      page.append("Graph", [.paragraph("No graph was run.")])
      return page
    }
    if !report.divergence.isEmpty { page.append("Nodes that differ", divergence(report.divergence)) }
    page.append("Feeds", feeds(report))
    return page
  }

  private static func fetches(_ findings: [Verification.FetchFinding]) -> [HTML] {
    table([.init("tensor"), .init("dtype and shape"), .init("result")], findings) { finding in
      let isEqual = finding.distance?.isEqual == true
      let verdict: HTML =
        finding.isSame ? .badge(isEqual ? "every bit equal" : "within tolerance", .good) : .badge("different", .bad)
      return [
        .code(finding.name), .text(finding.summary), .all([verdict, .text(finding.problem.map { " " + $0 } ?? "")]),
      ]
        + distance(finding.distance)
    }
  }

  /// A table whose last columns are a distance.
  private static func table<Finding>(
    _ columns: [HTML.Column], _ findings: [Finding], _ row: (Finding) -> [HTML]
  ) -> [HTML] {
    let distance: [HTML.Column] = [
      .init("differing", .number), .init("absolute", .number), .init("relative", .number), .init("ULP", .number),
    ]
    return [.table(columns + distance, findings.prefix(most).map(row)), rest(findings.count)]
  }

  private static func rest(_ count: Int) -> HTML {
    count > most ? .paragraph(.text("and \(Console.count(count - most)) more")) : ""
  }

  private static func distance(_ distance: ValueDistance?) -> [HTML] {
    guard let distance else { return ["", "", "", ""] }
    return [
      .text("\(Console.count(distance.differing)) of \(Console.count(distance.elementCount))"),
      .text(rounded(distance.absolute)), .text(rounded(distance.relative)),
      .text(distance.ulps.map { Console.count(Int(clamping: $0)) } ?? "–"),
    ]
  }

  /// With four digits that count.
  private static func rounded(_ value: Double) -> String {
    guard value.isFinite, value > 0 else { return "\(value)" }
    let unit = pow(10, floor(log10(value)) - 3)
    return "\(Float((value / unit).rounded() * unit))"
  }

  private static func divergence(_ nodes: [Verification.NodeFinding]) -> [HTML] {
    [
      .paragraph(
        .text(
          "Every node between the feeds and the outputs that gives something else with the second checkpoint, in the order of execution. The first is where the two part."
        )),
      .table(
        [.init("node"), .init("op"), .init("output", .number), .init("execution", .number), .init("")],
        nodes.prefix(most).enumerated().map { i, node in
          [
            .code(Name(node.node).description), .code(Name(node.op).description), .text("\(node.output)"),
            .text(Console.count(node.turn + 1)), i == 0 ? .badge("first", .bad) : "",
          ]
        }),
      rest(nodes.count),
    ]
  }

  private static func feeds(_ report: Verification.Report) -> [HTML] {
    [
      report.isFeedAutomatic
        ? .paragraph("Placeholders that nobody fed have values from a fixed seed; sizes that are not known are 2.")
        : "",
      report.feeds.isEmpty
        ? .paragraph("None.") : .list(report.feeds.map { .all([.code($0.name), " ", .text($0.summary)]) }),
    ]
  }

  /// A suite of variables, one of outputs, one of what was recorded.
  static func suites(_ report: Verification.Report) -> [JUnitReport.Suite] {
    func test(_ name: String, _ suite: String, _ problem: String?) -> JUnitReport.Test {
      JUnitReport.Test(
        name: name, className: "verify." + suite, seconds: 0,
        problem.map { .failed(message: $0, detail: "\(name): \($0)") } ?? .passed)
    }
    let same = Console.plural(report.variableCount, "variable")
    var suites = [
      JUnitReport.Suite(
        name: "variables",
        tests: report.variables.isEmpty
          ? [test("all \(same)", "variables", nil)]
          : report.variables.map { test($0.name.description, "variables", $0.problem) })
    ]
    for (name, findings) in [("outputs", report.fetches), ("recorded", report.expectations)] where !findings.isEmpty {
      suites.append(
        JUnitReport.Suite(
          name: name,
          tests: findings.map { finding in
            test(
              finding.name, name, finding.isSame ? nil : finding.problem ?? finding.distance?.summary ?? "is different")
          }))
    }
    return suites
  }
}
