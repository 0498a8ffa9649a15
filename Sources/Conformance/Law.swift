package import CheckpointCore

/// What must hold for every case and every format; `Conformance/README.md` has them in words.
package enum Law: String, Sendable, CaseIterable {
  /// Names, dtypes, shapes and digests are those that the original library recorded.
  case reads
  /// There and back every bit is the same; what the format cannot hold is named before a byte is written.
  case returns
  /// Writing twice, with one worker and with two, gives the same bytes.
  case stable
  /// The graph computes what the original program recorded, and the same with the converted variables.
  case behaves
  /// A damaged file ends with a sentence and a status of the contract, and leaves nothing behind.
  case refuses
  /// An unusual file is read, and what is odd about it is said.
  case accepts
  /// The peak of a conversion does not grow with the checkpoint.
  case flat
}

/// A law tried on one checkpoint.
package struct Check: Sendable {
  package let law: Law
  /// Nil where the law is about the checkpoint alone.
  package let format: String?
  package var verdict: Verdict
  package let seconds: Double
}

package enum Verdict: Sendable {
  /// - Parameter note: what there is to say of it.
  case holds(note: String?)
  /// It holds for the part of the variables that the format has a place for.
  case partly(held: Int, of: Int, reason: String)
  /// The format has a place for none, and says so before a byte is written.
  case refused(reason: String)
  /// It does not hold, which is known.
  case known(reason: String)
  case fails(message: String, tensor: Name?)

  package var isFailure: Bool {
    if case .fails = self { return true }
    return false
  }

  init(_ error: CheckpointError) {
    let place = error.file.map { " (\(splitPath($0).last))" } ?? ""
    self = .fails(message: error.message + place, tensor: error.variable)
  }

  /// What `body` finds; an error is a failure, an interruption goes on up.
  static func of(_ body: () throws(CheckpointError) -> Verdict) throws(CheckpointError) -> Verdict {
    switch Result(catching: body) {
    case .success(let verdict): return verdict
    case .failure(let error):
      guard error.code != .interrupted else { throw error }
      return Verdict(error)
    }
  }
}

extension Check {
  /// - Parameter body: says whether the law holds; its time is taken.
  static func of(
    _ law: Law, _ format: CheckpointFormat? = nil, _ body: () throws(CheckpointError) -> Verdict
  ) throws(CheckpointError) -> Check {
    let start = ContinuousClock.now
    let verdict = try Verdict.of(body)
    return Check(law: law, format: format?.name, verdict: verdict, seconds: start.duration(to: .now) / .seconds(1))
  }
}
