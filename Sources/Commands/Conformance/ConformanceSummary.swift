import CheckpointCore
import Conformance
import Reports

/// What a run of the laws found: counted here, shown as text, JSON, JUnit XML and HTML.
struct ConformanceSummary {
  let reports: [CaseReport]
  let seconds: Double

  init(_ reports: [CaseReport], seconds: Double) { (self.reports, self.seconds) = (reports, seconds) }

  /// Every check with its place.
  var checks: [(case: CaseReport, subject: SubjectReport, check: Check)] {
    reports.flatMap { one in one.subjects.flatMap { subject in subject.checks.map { (one, subject, $0) } } }
  }

  var checkCount: Int { reports.reduce(0) { $0 + $1.checks.count } }
  var failures: [(case: CaseReport, subject: SubjectReport, check: Check)] {
    checks.filter { $0.check.verdict.isFailure }
  }

  /// `41.2 s`
  var time: String { "\(Int(seconds * 10) / 10).\(Int(seconds * 10) % 10) s" }

  /// The columns of the matrix: what is asked of a checkpoint alone, and then every format.
  static let columns = ["reads", "behaves"] + Conformance.formats.map(\.name)

  /// The worst of a case in each column; nil where nothing was tried.
  static func marks(_ report: CaseReport) -> [Mark?] {
    var marks = [Mark?](repeating: nil, count: columns.count)
    for check in report.checks {
      let name = check.format ?? (check.law == .behaves ? "behaves" : "reads")
      guard let column = columns.firstIndex(of: name) else { continue }
      let mark = Mark(check.verdict)
      marks[column] = marks[column].map { max($0, mark) } ?? mark
    }
    return marks
  }
}

/// A verdict at a glance, the worse the greater.
enum Mark: Int, Comparable, CaseIterable {
  case refused
  case holds
  case partly
  case known
  case fails

  init(_ verdict: Verdict) {
    switch verdict {
    case .holds: self = .holds
    case .partly: self = .partly
    case .refused: self = .refused
    case .known: self = .known
    case .fails: self = .fails
    }
  }

  static func < (a: Mark, b: Mark) -> Bool { a.rawValue < b.rawValue }

  var symbol: String {
    switch self {
    case .refused: "–"
    case .holds: "✓"
    case .partly: "◐"
    case .known: "!"
    case .fails: "✗"
    }
  }

  var meaning: String {
    switch self {
    case .refused: "no place in this format, which says so before a byte is written"
    case .holds: "holds"
    case .partly: "holds for the variables that the format has a place for"
    case .known: "fails, and is listed in KNOWN_FAILURES.txt"
    case .fails: "fails"
    }
  }
}

extension Verdict {
  /// What there is to say of it.
  var words: String {
    switch self {
    case .holds(let note): note ?? ""
    case .partly(let held, let count, let reason):
      "\(held) of \(Console.plural(count, "variable")): the format \(reason)"
    case .refused(let reason): reason
    case .known(let reason): reason
    case .fails(let message, let tensor): (tensor.map { "'\($0)': " } ?? "") + message
    }
  }

  /// As JSON has it.
  var name: String {
    switch self {
    case .holds: "holds"
    case .partly: "partly"
    case .refused: "refused"
    case .known: "known"
    case .fails: "fails"
    }
  }
}

// MARK: Text

extension ConformanceSummary {
  func text(hasColor: Bool) -> String {
    let paint = Paint(isOn: hasColor)
    let rows = matrixRows
    let width = max(rows.map(\.label.count).max() ?? 0, 4)
    var lines: [String] = []
    for (i, column) in Self.columns.enumerated() {
      lines.append(String(repeating: " ", count: width + 2) + String(repeating: "│ ", count: i) + column)
    }
    for row in rows {
      let marks = row.marks.map { mark in mark.map { paint.mark($0) } ?? "·" }
      lines.append(
        row.label + String(repeating: " ", count: width + 2 - row.label.count) + marks.joined(separator: " "))
    }
    lines.append("")
    let used = Set(rows.flatMap(\.marks).compactMap { $0 })
    for mark in Mark.allCases.reversed() where used.contains(mark) {
      lines.append("\(paint.mark(mark)) \(mark.meaning)")
    }
    lines += ["", lawTable]
    if !failures.isEmpty { lines.append("") }
    for failure in failures { lines.append("\(paint.bad("FAILED")) \(describe(failure))") }
    let verdict = failures.isEmpty ? "0 failed" : paint.bad("\(Console.count(failures.count)) failed")
    lines += [
      "",
      "\(Console.plural(reports.count, "case")), \(Console.plural(checkCount, "check")): \(verdict)",
    ]
    return lines.joined(separator: "\n")
  }

  func describe(_ failure: (case: CaseReport, subject: SubjectReport, check: Check)) -> String {
    let format = failure.check.format.map { " \($0)" } ?? ""
    return
      "\(Self.label(failure.case, failure.subject)): \(failure.check.law.rawValue)\(format): \(failure.check.verdict.words)"
  }

  /// A case, and which of its checkpoints where there are several.
  static func label(_ report: CaseReport, _ subject: SubjectReport) -> String {
    let name = Name(report.id).description
    return report.subjects.count == 1 ? name : "\(name) \(Name(subject.key))"
  }

  /// A row for each sound case; damaged ones share a row a folder, unless something is wrong with them.
  private var matrixRows: [(label: String, marks: [Mark?])] {
    var rows: [(label: String, marks: [Mark?])] = []
    var groups: [(label: String, count: Int, marks: [Mark?])] = []
    for report in reports {
      let marks = Self.marks(report)
      guard report.isDamaged, !marks.contains(.fails) else {
        let count = report.subjects.count > 1 ? " (\(report.subjects.count))" : ""
        rows.append((Name(report.id).description + count, marks))
        continue
      }
      let folder = report.id.contains("/") ? splitPath(report.id).folder + "/" : report.id
      guard let last = groups.indices.last, groups[last].label == folder else {
        groups.append((folder, 1, marks))
        continue
      }
      groups[last].count += 1
      groups[last].marks = zip(groups[last].marks, marks).map { a, b in
        a.flatMap { a in b.map { max(a, $0) } } ?? a ?? b
      }
    }
    return rows + groups.map { ("\(Name($0.label)) (\($0.count), damaged)", $0.marks) }
  }

  private var lawTable: String {
    var table = Table(["LAW", "HOLDS", "IN PART", "NO PLACE", "FAILS"])
    for law in Law.allCases {
      let marks = checks.filter { $0.check.law == law }.map { Mark($0.check.verdict) }
      guard !marks.isEmpty else { continue }
      func count(_ kinds: Set<Mark>) -> String { Console.count(marks.count { kinds.contains($0) }) }
      table.append([law.rawValue, count([.holds]), count([.partly]), count([.refused]), count([.fails, .known])])
    }
    return table.text(columns: nil, rightAligned: [1, 2, 3, 4])
  }
}

/// Colours of a terminal.
private struct Paint {
  let isOn: Bool

  func mark(_ mark: Mark) -> String {
    switch mark {
    case .holds: colored(mark.symbol, "32")
    case .partly, .known: colored(mark.symbol, "33")
    case .refused: colored(mark.symbol, "2")
    case .fails: bad(mark.symbol)
    }
  }

  func bad(_ text: String) -> String { colored(text, "1;31") }

  private func colored(_ text: String, _ code: String) -> String { isOn ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text }
}

// MARK: JSON and JUnit

extension ConformanceSummary {
  func json() -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.value("cases", reports.count)
      json.value("checks", checkCount)
      json.value("failed", failures.count)
      json.value("seconds", seconds)
      json.array("results") { json in
        for (one, subject, check) in checks {
          json.object(inline: true) { json in
            json.value("case", one.id)
            json.value("checkpoint", subject.key)
            json.value("law", check.law.rawValue)
            if let format = check.format { json.value("format", format) }
            json.value("verdict", check.verdict.name)
            if case .fails(let message, let tensor) = check.verdict {
              json.value("message", message)
              if let tensor { json.value("tensor", tensor) }
            } else if !check.verdict.words.isEmpty {
              json.value("message", check.verdict.words)
            }
            json.value("seconds", check.seconds)
          }
        }
      }
    }
    return json.finished()
  }

  /// A suite a case; what a format has no place for is skipped.
  var suites: [JUnitReport.Suite] {
    reports.map { one in
      JUnitReport.Suite(
        name: one.id,
        tests: one.subjects.flatMap { subject in
          subject.checks.map { check in
            let parts = [check.law.rawValue, check.format] + [one.subjects.count > 1 ? subject.key : nil]
            return JUnitReport.Test(
              name: parts.compactMap { $0 }.joined(separator: " "),
              className: one.id.split(separator: "/").joined(separator: "."), seconds: check.seconds,
              outcome(check, one, subject))
          }
        })
    }
  }

  private func outcome(_ check: Check, _ one: CaseReport, _ subject: SubjectReport) -> JUnitReport.Outcome {
    switch check.verdict {
    case .holds, .partly: .passed
    case .refused, .known: .skipped(reason: check.verdict.words)
    case .fails: .failed(message: check.verdict.words, detail: describe((one, subject, check)))
    }
  }
}
