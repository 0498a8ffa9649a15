import CheckpointCore
import Inspection

/// Errors of reading that tell what happened to the file, and not only where it was noticed.
enum Diagnosing {
  /// Runs `body`; where a checksum stops it, the whole store is examined for what the wrong ones have in common.
  static func explaining<R>(
    _ store: VariableStore, jobs: Int, _ body: () throws(CheckpointError) -> R
  ) throws(CheckpointError) -> R {
    do {
      return try body()
    } catch {
      guard error.damage == .checksum || error.damage == .zeroFilled,
        let checkup = try? Checkup(store, jobs: jobs),
        let cause = checkup.causes.first(where: { $0.file == error.file }) ?? checkup.causes.first
      else { throw error }
      throw error.because(cause)
    }
  }
}

extension CheckpointError {
  /// What became of a variable, in few words; the causes that are listed with it say why.
  var verdict: String {
    switch damage {
    case .truncated: "its file ends before it"
    case .missingFile: "its file is missing"
    case .checksum: "the checksum differs"
    case .zeroFilled: "all bytes are zeros"
    default: message
    }
  }

  /// The same error with the cause in the place of its remedy.
  fileprivate func because(_ cause: CheckpointError) -> CheckpointError {
    let place = cause.file == file ? "" : cause.file.map { "\($0) " } ?? ""
    return CheckpointError(
      code, message, remedy: "cause: \(place)\(cause.message)\(cause.remedy.map { "; \($0)" } ?? "")"
    ).at(file: file, offset: offset, variable: variable).because(cause.damage ?? .checksum)
  }
}
