import CheckpointCore
import Conformance
import Reports
import Verifier

// The page that `conformance --html` writes.
extension ConformanceSummary {
  /// Tensors shown of one checkpoint; those that are wrong come first.
  private static let mostTensors = 200

  func page() throws(CheckpointError) -> HTMLPage {
    var page = HTMLPage(title: "Conformance")
    page.append(
      nil,
      [
        .figures([
          (Console.count(reports.count), "cases"), (Console.count(checkCount), "checks"),
          (Console.count(failures.count), "failed"), (time, "taken"),
        ]),
        .paragraph(
          failures.isEmpty
            ? .badge("every law holds", .good) : .badge(Console.plural(failures.count, "check") + " failed", .bad)),
      ])
    if !failures.isEmpty {
      page.append(
        "What failed",
        [
          .table(
            [.init("case"), .init("law"), .init("what is wrong")],
            failures.map { failure in
              let law = failure.check.law.rawValue + (failure.check.format.map { " \($0)" } ?? "")
              return [
                .code(Self.label(failure.case, failure.subject)), .text(law), .text(failure.check.verdict.words),
              ]
            })
        ])
    }
    page.append("Matrix", [Self.legend, matrix(reports.filter { !$0.isDamaged })])
    let damaged = reports.filter(\.isDamaged)
    if !damaged.isEmpty { page.append("Damaged and unusual files", [matrix(damaged)]) }
    page.append("Cases", try reports.map { (report) throws(CheckpointError) in try details(report) })
    return page
  }

  private static var legend: HTML {
    .list(Mark.allCases.reversed().map { .all([.badge($0.symbol, $0.tone), " ", .text($0.meaning)]) })
  }

  private func matrix(_ reports: [CaseReport]) -> HTML {
    .table(
      [.init("case")] + Self.columns.map { .init($0, .mark) },
      reports.map { report in
        let count = report.subjects.count > 1 ? " (\(report.subjects.count))" : ""
        return [.code(Name(report.id).description + count)]
          + Self.marks(report).map { mark in mark.map { .badge($0.symbol, $0.tone, hint: $0.meaning) } ?? "" }
      })
  }

  private func details(_ report: CaseReport) throws(CheckpointError) -> HTML {
    let worst = report.checks.map { Mark($0.verdict) }.max() ?? .holds
    var content: [HTML] = report.description.isEmpty ? [] : [.paragraph(.text(report.description))]
    for subject in report.subjects { content += try details(subject, of: report) }
    return .folded(
      .all([.badge(worst.symbol, worst.tone), " ", .code(Name(report.id).description)]), isOpen: worst == .fails,
      content)
  }

  private func details(_ subject: SubjectReport, of report: CaseReport) throws(CheckpointError) -> [HTML] {
    let size = subject.format.map { ": \($0), \(Console.size(subject.byteCount))" } ?? ""
    var content: [HTML] = [.paragraph(.element("strong", [.code(Name(subject.key).description)]), .text(size))]
    // What holds without a word is in the matrix.
    let told = subject.checks.filter { Mark($0.verdict) != .holds || !$0.verdict.words.isEmpty }
    if !told.isEmpty {
      content.append(
        .table(
          [.init("law"), .init("format"), .init("", .mark), .init("what there is to say")],
          told.map { check in
            let mark = Mark(check.verdict)
            return [
              .text(check.law.rawValue), .text(check.format ?? ""), .badge(mark.symbol, mark.tone),
              .text(check.verdict.words),
            ]
          }))
    }
    if !subject.outputs.isEmpty { content.append(try outputs(subject.outputs)) }
    if !subject.tensors.isEmpty { content.append(tensors(subject.tensors)) }
    return content
  }

  /// What the graph computed, beside what was recorded and what it computes after each conversion.
  private func outputs(_ findings: [OutputFinding]) throws(CheckpointError) -> HTML {
    .table(
      [
        .init("run"), .init("output"), .init("recorded"), .init("computed"), .init("largest distance", .number),
        .init("after conversion"),
      ],
      try findings.map { (finding) throws(CheckpointError) in
        let changed = finding.after.filter { !$0.isSame }.map(\.format)
        return [
          .text(finding.run), .code(finding.name), .code(try TensorText(finding.recorded).brief(3)),
          .code(try TensorText(finding.computed).brief(3)),
          finding.distance.map { .text("\(Float($0.absolute))") } ?? .badge("another shape", .bad),
          finding.after.isEmpty
            ? ""
            : changed.isEmpty
              ? .badge("same bits in \(Console.plural(finding.after.count, "format"))", .good)
              : .badge("other bits: " + changed.joined(separator: ", "), .bad),
        ]
      })
  }

  private func tensors(_ findings: [TensorFinding]) -> HTML {
    let sorted = findings.filter { $0.problem != nil } + findings.filter { $0.problem == nil }
    let rest = sorted.count - Self.mostTensors
    return .all([
      .table(
        [.init("tensor"), .init("dtype and shape"), .init("SHA-256"), .init("recorded")],
        sorted.prefix(Self.mostTensors).map { finding in
          [
            .name(finding.name), .text(finding.summary), .code(finding.sha256 ?? "–"),
            finding.problem.map { .all([.badge($0, .bad), finding.recorded.map { .code(" " + $0) } ?? ""]) }
              ?? (finding.recorded == nil ? .badge("nothing recorded", .quiet) : .badge("equal", .good)),
          ]
        }),
      rest > 0 ? .paragraph(.text("and \(Console.count(rest)) more, of which nothing is wrong")) : "",
    ])
  }
}

extension Mark {
  fileprivate var tone: HTML.Tone {
    switch self {
    case .refused: .quiet
    case .holds: .good
    case .partly, .known: .partial
    case .fails: .bad
    }
  }
}
