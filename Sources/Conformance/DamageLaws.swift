import CheckpointCore
import FormatRegistry

/// Holds a damaged or unusual file to the laws: `refuses` or `accepts`, by reading it and by converting it to every format.
struct DamageLaws {
  let formats: [CheckpointFormat]
  /// An empty folder for what must not be written.
  let folder: String

  /// What a file may end with; anything else is the program's fault.
  private static let refusals: Set<CheckpointError.Code> = [.corrupt, .notFound, .unsupported]

  func examine(_ subject: Subject, of one: Case, deserving deserves: Case.Deserts) throws(CheckpointError)
    -> SubjectReport
  {
    var report = SubjectReport(key: subject.key)
    let before = files(below: one.folder)
    switch deserves {
    case .error:
      report.checks.append(
        try Check.of(.refuses) { () throws(CheckpointError) in
          let error = try refusal { () throws(CheckpointError) in try requireWhole(try read(subject)) }
          return verdict(error, expecting: one.status, before, one)
        })
      for format in formats { report.checks.append(try refuses(subject, one, in: format, before)) }
    case .mayRefuse:
      report.checks.append(
        try Check.of(.accepts) { () throws(CheckpointError) in
          let error = try refusal { () throws(CheckpointError) in _ = try read(subject) }
          return error == nil ? .holds(note: "it is read") : verdict(error, expecting: nil, before, one)
        })
    case .warning, .reading:
      report.checks.append(
        try Check.of(.accepts) { () throws(CheckpointError) in
          let store = try read(subject)
          let said =
            try Opening.find(subject.path).warnings + store.source.warnings + store.source.unreadable.map(\.reason)
          guard !said.isEmpty || deserves == .reading else {
            return .fails(message: "it is read, and nothing is said of what is odd about it", tensor: nil)
          }
          return .holds(note: said.first)
        })
    }
    return report
  }

  private func refuses(
    _ subject: Subject, _ one: Case, in format: CheckpointFormat, _ before: [String]
  ) throws(CheckpointError) -> Check {
    try Check.of(.refuses, format) { () throws(CheckpointError) in
      let error = try refusal { () throws(CheckpointError) in
        let store = try subject.open()
        try requireWhole(store)
        guard let kept = try HeldPart(of: store, in: format).store else {
          throw CheckpointError(.unsupported, "the format has no place for it")
        }
        try format.withOutput(of: kept, in: folder, jobs: 1) { _ throws(CheckpointError) in }
      }
      return verdict(error, expecting: nil, before, one)
    }
  }

  /// Opens and reads everything, as an inspection with digests does.
  private func read(_ subject: Subject) throws(CheckpointError) -> VariableStore {
    let store = try subject.open()
    for variable in store.variables {
      if variable.tensor.dtype == .variant {
        try variable.tensor.storage.verify()
      } else {
        _ = try Digest.sha256(of: variable)
      }
    }
    return store
  }

  /// What a file holds and nobody can read stops a conversion, unless a person allows the loss.
  private func requireWhole(_ store: VariableStore) throws(CheckpointError) {
    if let first = store.source.unreadable.first { throw CheckpointError(.unsupported, first.reason) }
  }

  /// The error that `body` ends with; an interruption goes on up.
  private func refusal(_ body: () throws(CheckpointError) -> Void) throws(CheckpointError) -> CheckpointError? {
    switch Result(catching: body) {
    case .success: return nil
    case .failure(let error):
      guard error.code != .interrupted else { throw error }
      return error
    }
  }

  private func verdict(
    _ error: CheckpointError?, expecting status: CheckpointError.Code?, _ before: [String], _ one: Case
  ) -> Verdict {
    guard let error else { return .fails(message: "it is taken as if it were sound", tensor: nil) }
    guard DamageLaws.refusals.contains(error.code) else {
      return .fails(message: "it ends with status \(error.code.rawValue): \(error.message)", tensor: error.variable)
    }
    guard status == nil || status == error.code else {
      return .fails(
        message:
          "it ends with status \(error.code.rawValue), where the case says \(status?.rawValue ?? 0): \(error.message)",
        tensor: error.variable)
    }
    guard files(below: one.folder) == before else {
      return .fails(message: "the files of the case are changed", tensor: nil)
    }
    return .holds(note: "\(error.code.rawValue): \(error.message)")
  }

  /// Names and sizes of everything below a folder.
  private func files(below folder: String) -> [String] {
    Candidate.names(in: folder).flatMap { name in
      let path = joinPath(folder, name)
      return Candidate.isFolder(path) ? files(below: path) : ["\(path) \((try? InputFile(path))?.size ?? -1)"]
    }
  }
}
