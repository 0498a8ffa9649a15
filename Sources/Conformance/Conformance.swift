package import CheckpointCore
import Dispatch
import FormatRegistry
import Synchronization

/// Holds every case and every format to the laws, several checkpoints at once.
package struct Conformance: Sendable {
  /// Those that can be written.
  package static let formats = AllFormats.rows.filter { $0.writer != nil }

  /// Checkpoints at once.
  package var jobs = 1
  /// The folder for what is written and thrown away.
  package var scratch: String
  /// The built program, for the law `flat`, which is about it and no case; nil leaves the law out.
  package var program: String?
  package var known = KnownFailures()

  package init(scratch: String) { self.scratch = scratch }

  /// One checkpoint to be held to its laws.
  private struct Item: Sendable {
    let position: Int
    let of: Case
    let subject: Subject
  }

  /// What `progress` counts to.
  package func itemCount(_ cases: [Case]) -> Int {
    cases.reduce(0) { $0 + $1.subjects.count } + (program == nil ? 0 : 1)
  }

  /// - Returns: a report of each case, in their order; that of the law `flat` comes last.
  /// - Throws: `interrupted`, or where nothing can be written to the scratch folder.
  package func run(_ cases: [Case], progress: Progress? = nil) throws(CheckpointError) -> [CaseReport] {
    let items = cases.enumerated().flatMap { position, one in
      one.subjects.map { Item(position: position, of: one, subject: $0) }
    }
    let scratch = try ScratchFolder(in: self.scratch)
    // What takes longest begins first.
    let first = program == nil ? 0 : -1
    let state = Mutex((next: first, reports: [Int: SubjectReport](), failure: CheckpointError?.none))
    DispatchQueue.concurrentPerform(iterations: max(1, jobs)) { _ in
      while true {
        let item: Int? = state.withLock { state in
          guard state.next < items.count, state.failure == nil else { return nil }
          defer { state.next += 1 }
          return state.next
        }
        guard let item else { return }
        do throws(CheckpointError) {
          let report = item < 0 ? try flat(in: scratch.path) : try examine(items[item], in: scratch.path)
          state.withLock { $0.reports[item] = report }
        } catch {
          state.withLock { if $0.failure == nil { $0.failure = error } }
        }
        progress?.advance(1)
      }
    }
    let (reports, failure) = state.withLock { ($0.reports, $0.failure) }
    if let failure { throw failure }
    var list = cases.map { one in
      CaseReport(
        id: one.id, folder: one.folder, description: one.description, isDamaged: one.deserves != nil, subjects: [])
    }
    for (i, item) in items.enumerated() {
      if let report = reports[i] { list[item.position].subjects.append(report) }
    }
    if let report = reports[-1] {
      list.append(
        CaseReport(
          id: "memory", folder: "", description: "made-up checkpoints, converted by processes of their own",
          isDamaged: false, subjects: [report]))
    }
    return list.map(known.applied)
  }

  private func examine(_ item: Item, in scratch: String) throws(CheckpointError) -> SubjectReport {
    try throwIfInterrupted()
    let folder = try ScratchFolder(in: scratch)
    if let deserves = item.of.deserves {
      return try DamageLaws(formats: Conformance.formats, folder: folder.path)
        .examine(item.subject, of: item.of, deserving: deserves)
    }
    return try SoundLaws(formats: Conformance.formats, folder: folder.path).examine(item.subject, of: item.of)
  }

  private func flat(in scratch: String) throws(CheckpointError) -> SubjectReport {
    guard let program, let source = AllFormats.named("tf-bundle") else {
      throw CheckpointError(.usage, "the law 'flat' needs the built program")
    }
    let folder = try ScratchFolder(in: scratch)
    return try MemoryLaw(formats: Conformance.formats, program: program, folder: folder.path)
      .examine(madeUpAs: source)
  }
}

/// `KNOWN_FAILURES.txt` in a folder of cases: what does not hold yet, one a line: case, law, format or `-`, reason, with tabs
/// between. A listed failure that passes is a failure, so that the list can only shrink.
package struct KnownFailures: Sendable {
  private var reasons: [String: String] = [:]

  package init() {}

  /// Adds those of a folder, which need not have the file.
  package mutating func read(_ folder: String) throws(CheckpointError) {
    let path = joinPath(folder, "KNOWN_FAILURES.txt")
    guard Candidate.isFile(path) else { return }
    let lines = try InputFile(path).contents(limit: 1 << 20).split(separator: UInt8(ascii: "\n"))
    for line in lines where line.first != UInt8(ascii: "#") {
      let fields = line.split(separator: UInt8(ascii: "\t"), maxSplits: 3).map { String(decoding: $0, as: UTF8.self) }
      guard fields.count == 4, Law(rawValue: fields[1]) != nil else {
        throw CheckpointError(.corrupt, "a line is not: case, law, format or -, reason, with tabs between").at(
          file: path)
      }
      reasons[fields[..<3].joined(separator: "\t")] = fields[3]
    }
  }

  func applied(to report: CaseReport) -> CaseReport {
    var report = report
    for i in report.subjects.indices {
      for j in report.subjects[i].checks.indices {
        let check = report.subjects[i].checks[j]
        guard let reason = reasons["\(report.id)\t\(check.law.rawValue)\t\(check.format ?? "-")"] else { continue }
        report.subjects[i].checks[j].verdict =
          check.verdict.isFailure
          ? .known(reason: reason)
          : .fails(message: "it holds, and KNOWN_FAILURES.txt says that it does not", tensor: nil)
      }
    }
    return report
  }
}
