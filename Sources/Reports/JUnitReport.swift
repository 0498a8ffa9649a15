/// Results as the XML that continuous integration reads.
///
/// There is no one schema. What is written is valid against the two in use: that of Jenkins's xunit plugin (`junit-10.xsd`, after
/// Maven Surefire) and the stricter one of Apache Ant (`JUnit.xsd`), which asks for all that is empty here.
package struct JUnitReport: Sendable {
  package enum Outcome: Sendable {
    case passed
    /// What was claimed does not hold.
    case failed(message: String, detail: String)
    /// It could not be tried.
    case skipped(reason: String)
  }

  package struct Test: Sendable {
    package let name: String
    /// What it belongs to; a dot divides groups in most viewers.
    package let className: String
    package let seconds: Double
    package let outcome: Outcome

    package init(name: String, className: String, seconds: Double, _ outcome: Outcome) {
      (self.name, self.className, self.seconds, self.outcome) = (name, className, seconds, outcome)
    }
  }

  package struct Suite: Sendable {
    package let name: String
    package let tests: [Test]

    package init(name: String, tests: [Test]) { (self.name, self.tests) = (name, tests) }
  }

  private let suites: [Suite]
  private let timestamp: String

  /// - Parameter timestamp: when it was run, `2026-01-31T12:00:00`, without a zone.
  package init(_ suites: [Suite], timestamp: String) { (self.suites, self.timestamp) = (suites, timestamp) }

  package func bytes() -> [UInt8] {
    var lines = ["<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "<testsuites>"]
    for (id, suite) in suites.enumerated() { append(suite, id, to: &lines) }
    return Array((lines + ["</testsuites>", ""]).joined(separator: "\n").utf8)
  }

  private func append(_ suite: Suite, _ id: Int, to lines: inout [String]) {
    var (failures, skipped, seconds) = (0, 0, 0.0)
    for test in suite.tests {
      seconds += test.seconds
      switch test.outcome {
      case .passed: break
      case .failed: failures += 1
      case .skipped: skipped += 1
      }
    }
    lines.append(
      tag(
        "testsuite",
        [
          ("name", suite.name), ("package", "ckpt-convert"), ("id", "\(id)"), ("timestamp", timestamp),
          ("hostname", "localhost"), ("tests", "\(suite.tests.count)"), ("failures", "\(failures)"), ("errors", "0"),
          ("skipped", "\(skipped)"), ("time", JUnitReport.decimal(seconds)),
        ]))
    lines.append("<properties/>")
    for test in suite.tests { append(test, to: &lines) }
    lines += ["<system-out/>", "<system-err/>", "</testsuite>"]
  }

  private func append(_ test: Test, to lines: inout [String]) {
    let opening = tag(
      "testcase",
      [("name", test.name), ("classname", test.className), ("time", JUnitReport.decimal(test.seconds))])
    switch test.outcome {
    case .passed: lines.append(opening.dropLast() + "/>")
    case .failed(let message, let detail):
      lines.append(opening)
      lines.append(
        tag("failure", [("message", message), ("type", "failure")]) + Markup.escaped(detail) + "</failure>")
      lines.append("</testcase>")
    case .skipped(let reason):
      lines.append(opening)
      lines.append(tag("skipped", [("message", reason)]).dropLast() + "/>")
      lines.append("</testcase>")
    }
  }

  private func tag(_ name: StaticString, _ attributes: [(name: StaticString, value: String)]) -> String {
    let list = attributes.map { " \($0.name)=\"\(Markup.escaped($0.value, isAttribute: true))\"" }
    return "<\(name)" + list.joined() + ">"
  }

  /// With three decimals, as `xs:decimal` has it, never with an exponent.
  static func decimal(_ seconds: Double) -> String {
    let milliseconds = Int((max(0, min(seconds, 1e9)) * 1000).rounded())
    let fraction = String(milliseconds % 1000)
    return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - fraction.utf8.count) + fraction
  }
}
