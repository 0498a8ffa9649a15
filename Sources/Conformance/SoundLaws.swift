import CheckpointCore
import FormatRegistry
import Verifier

/// Holds one sound checkpoint to the laws: `reads`, and in every format `returns`, `stable` and `behaves`.
struct SoundLaws {
  let formats: [CheckpointFormat]
  /// An empty folder for what is written.
  let folder: String

  func examine(_ subject: Subject, of one: Case) throws(CheckpointError) -> SubjectReport {
    var report = SubjectReport(key: subject.key)
    var opened: VariableStore?
    report.checks.append(
      try Check.of(.reads) { () throws(CheckpointError) in
        let store = try subject.open()
        opened = store
        report.tensors = try findings(store, subject)
        return verdict(report.tensors, isRecorded: subject.recorded != nil)
      })
    guard let store = opened else { return report }
    report.format = store.source.format
    report.byteCount = store.byteCount
    // What cannot be read cannot be converted either, and saying so for every format helps nobody.
    guard !report.tensors.contains(where: \.isUnreadable) else { return report }
    var behaviours: [Behaviour] = []
    for run in one.runs where run.weights == subject.key {
      report.checks.append(
        try Check.of(.behaves) { () throws(CheckpointError) in
          let behaviour = try Behaviour(run, with: store)
          behaviours.append(behaviour)
          return behaviour.verdict
        })
    }
    for format in formats { report.checks += try examine(store, in: format, behaviours) }
    report.outputs = behaviours.flatMap(\.findings)
    return report
  }

  // MARK: reads

  private func findings(_ store: VariableStore, _ subject: Subject) throws(CheckpointError) -> [TensorFinding] {
    guard let recorded = subject.recorded else {
      return try store.variables.map { (variable) throws(CheckpointError) in try finding(variable, nil) }
    }
    // The one array of an npy file is named by the file.
    if store.source.format == "npy", store.variables.count == 1, recorded.count == 1 {
      return [try finding(store.variables[0], recorded[0])]
    }
    var findings = try recorded.map { (tensor) throws(CheckpointError) in
      guard let variable = store[tensor.name] else {
        return TensorFinding(
          name: tensor.name, summary: tensor.summary, sha256: nil, recorded: tensor.sha256, problem: "is missing",
          isUnreadable: false)
      }
      return try finding(variable, tensor)
    }
    let known = Set(recorded.map(\.name))
    for variable in store.variables where !known.contains(variable.name) {
      findings.append(
        TensorFinding(
          name: variable.name, summary: variable.tensor.summary, sha256: nil, recorded: nil,
          problem: "is there and not recorded", isUnreadable: false))
    }
    return findings
  }

  private func finding(_ variable: Variable, _ recorded: RecordedTensor?) throws(CheckpointError) -> TensorFinding {
    let summary = variable.tensor.summary
    var digest: String?
    var problem: String?
    var isUnreadable = false
    let reading = Result { () throws(CheckpointError) in
      if variable.tensor.dtype == .variant {
        try variable.tensor.storage.verify()
      } else if recorded == nil || recorded?.sha256 != nil {
        digest = try Digest.sha256(of: variable)
      }
    }
    if case .failure(let error) = reading {
      guard error.code != .interrupted else { throw error }
      (problem, isUnreadable) = (error.message, true)
    } else if let recorded, recorded.summary != summary {
      problem = "is \(summary) where \(recorded.summary) was recorded"
    } else if let recorded, recorded.sha256 != nil, recorded.sha256 != digest {
      problem = "its bytes are not those that were recorded"
    }
    return TensorFinding(
      name: variable.name, summary: summary, sha256: digest, recorded: recorded?.sha256, problem: problem,
      isUnreadable: isUnreadable)
  }

  private func verdict(_ tensors: [TensorFinding], isRecorded: Bool) -> Verdict {
    let wrong = tensors.filter { $0.problem != nil }
    guard let first = wrong.first else {
      return .holds(note: isRecorded ? nil : "nothing is recorded; every byte was read and its sums were checked")
    }
    let more = wrong.count > 1 ? " (and \(wrong.count - 1) more)" : ""
    return .fails(message: (first.problem ?? "") + more, tensor: first.name)
  }

  // MARK: returns, stable, behaves

  private func examine(
    _ store: VariableStore, in format: CheckpointFormat, _ behaviours: [Behaviour]
  ) throws(CheckpointError) -> [Check] {
    var checks: [Check] = []
    let returns = try Check.of(.returns, format) { () throws(CheckpointError) in
      let held = try HeldPart(of: store, in: format)
      guard let kept = held.store else { return held.verdict }
      // The other laws need what was written, which goes away with this scope.
      return try format.withOutput(of: kept, in: folder, jobs: 1) { (prefix) throws(CheckpointError) in
        let there = try format.read(prefix)
        try requireReturned(kept, there, format)
        checks.append(
          try Check.of(.stable, format) { () throws(CheckpointError) in
            try format.withOutput(of: kept, in: folder, jobs: 2) { (again) throws(CheckpointError) in
              try requireSameFiles(splitPath(prefix).folder, splitPath(again).folder)
            }
            return .holds(note: nil)
          })
        let comparable = format.name == "npy" ? try there.renamed(as: kept) : there
        for behaviour in behaviours {
          checks.append(
            try Check.of(.behaves, format) { () throws(CheckpointError) in
              try behaviour.compare(comparable, format.name, isWhole: held.isWhole)
            })
        }
        return held.verdict
      }
    }
    return [returns] + checks
  }

  /// What was written reads back equal, and so does what is written of that in the format that the store came from.
  private func requireReturned(
    _ store: VariableStore, _ there: VariableStore, _ format: CheckpointFormat
  ) throws(CheckpointError) {
    if let warning = there.source.warnings.first, !store.variables.isEmpty {
      throw CheckpointError(.different, "what was written is read with a warning: \(warning)")
    }
    try requireEqual(store, there, isNamed: format.name != "npy")
    guard let home = AllFormats.named(store.source.format), home.writer != nil,
      try HeldPart(of: store, in: home).isWhole
    else { return }
    try home.withOutput(of: try HeldPart(of: there, in: home).store ?? there, in: folder, jobs: 1) {
      (prefix) throws(CheckpointError) in
      try requireEqual(store, try home.read(prefix), isNamed: format.name != "npy" && home.name != "npy")
    }
  }

  /// - Parameter isNamed: false where the way led through a format without a place for the name of its variable.
  private func requireEqual(
    _ expected: VariableStore, _ found: VariableStore, isNamed: Bool
  ) throws(CheckpointError) {
    try ByteComparison(jobs: 1, progress: nil).requireEqual(
      expected, isNamed ? found : try found.renamed(as: expected))
  }

  private func requireSameFiles(_ first: String, _ second: String) throws(CheckpointError) {
    let names = Candidate.names(in: first)
    guard names == Candidate.names(in: second) else {
      throw CheckpointError(.different, "writing twice gives other files")
    }
    for name in names {
      let (one, other) = (try InputFile(joinPath(first, name)), try InputFile(joinPath(second, name)))
      guard try one.hasSameBytes(as: other) else {
        throw CheckpointError(.different, "writing twice gives other bytes").at(file: name)
      }
    }
  }
}

/// The part of a store that a format has a place for.
struct HeldPart {
  /// As the format will hold it; nil where it holds nothing.
  let store: VariableStore?
  private let count: Int
  /// Why a format with a place for only some has none for the others.
  private let reason: String?

  init(of store: VariableStore, in format: CheckpointFormat) throws(CheckpointError) {
    guard let writer = format.writer else {
      throw CheckpointError(.unsupported, "\(format.name) has no writer")
    }
    count = store.variables.count
    let attempt = Result { () throws(CheckpointError) in try writer.prepare(store, options: WriteOptions()) }
    if case .failure(let error) = attempt, error.code == .unsupported {
      (self.store, reason) = (nil, error.message)
      return
    }
    let prepared = try attempt.get()
    let losses = prepared.losses + writer.losses(writing: prepared.store)
    guard losses.isEmpty || format.cannotHold != nil || store.source.format != format.name else {
      throw CheckpointError(.different, "says that it holds everything, and loses what it held")
    }
    let lost = Set(losses.map(\.variable))
    let held = prepared.store.variables.filter { !lost.contains($0.name) }
    reason = losses.first.map(\.reason)
    self.store = held.isEmpty && count > 0 ? nil : try prepared.store.replacing(held)
  }

  var isWhole: Bool { store?.variables.count == count }

  var verdict: Verdict {
    guard let store else { return .refused(reason: reason ?? "") }
    return isWhole ? .holds(note: nil) : .partly(held: store.variables.count, of: count, reason: reason ?? "")
  }
}

extension CheckpointFormat {
  /// Writes a prepared store, and gives the body the prefix at which it can be read. Nothing stays.
  /// - Throws: `io` where something is left behind.
  func withOutput<R>(
    of store: VariableStore, in folder: String, jobs: Int, _ body: (String) throws(CheckpointError) -> R
  ) throws(CheckpointError) -> R {
    let place = try ScratchFolder(in: folder)
    let result = Result { () throws(CheckpointError) in
      try withStaged(store, joinPath(place.path, "out"), jobs: jobs, body)
    }
    guard Candidate.names(in: place.path).isEmpty else {
      throw CheckpointError(.io, "the \(name) writer leaves files behind")
    }
    return try result.get()
  }

  private func withStaged<R>(
    _ store: VariableStore, _ prefix: String, jobs: Int, _ body: (String) throws(CheckpointError) -> R
  ) throws(CheckpointError) -> R {
    guard let writer else { throw CheckpointError(.unsupported, "\(name) has no writer") }
    var staged = try StagedOutput(prefix: prefix, replacing: false, protecting: [])
    try writer.write(store, to: &staged, options: WriteOptions(jobs: jobs))
    let result = try body(staged.stagedPrefix)
    // The files go with `staged`, which must live until here.
    _ = staged.stagedPrefix
    return result
  }

  func read(_ prefix: String) throws(CheckpointError) -> VariableStore {
    try Opening.open(prefix, as: name).store
  }
}

extension Tensor {
  var summary: String { "\(dtype.rawValue) \(shape)" }
}

extension RecordedTensor {
  var summary: String { "\(Name(dtype)) [\(shape.map(String.init).joined(separator: ", "))]" }
}

extension InputFile {
  fileprivate func hasSameBytes(as other: InputFile) throws(CheckpointError) -> Bool {
    guard size == other.size else { return false }
    for offset in stride(from: 0, to: size, by: 1 << 20) {
      let count = min(1 << 20, size - offset)
      guard try bytes(at: offset, count: count) == other.bytes(at: offset, count: count) else { return false }
    }
    return true
  }
}
