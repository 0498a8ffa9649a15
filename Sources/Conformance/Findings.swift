package import CheckpointCore
package import Verifier

/// What became of a case.
package struct CaseReport: Sendable {
  package let id: String
  package let folder: String
  package let description: String
  /// Whether its files are damaged or unusual.
  package let isDamaged: Bool
  package var subjects: [SubjectReport]

  package var checks: [Check] { subjects.flatMap(\.checks) }
}

/// What became of one checkpoint of a case.
package struct SubjectReport: Sendable {
  package let key: String
  /// Nil where it could not be opened.
  package var format: String?
  package var byteCount = 0
  package var tensors: [TensorFinding] = []
  package var outputs: [OutputFinding] = []
  package var checks: [Check] = []

  init(key: String) { self.key = key }
}

/// A tensor as it was read, beside what the original library said of it.
package struct TensorFinding: Sendable {
  package let name: Name
  /// Dtype and shape.
  package let summary: String
  package let sha256: String?
  package let recorded: String?
  package let problem: String?
  /// Whether the problem is that its bytes cannot be had.
  let isUnreadable: Bool
}

/// A tensor that a graph computed with the checkpoint, beside what the original program recorded, and with what each format
/// gave back.
package struct OutputFinding: Sendable {
  package let run: String
  package let name: String
  package let recorded: Tensor
  package let computed: Tensor
  /// Of the two; nil where dtype or shape differ. Of the worst step where there are several.
  package let distance: ValueDistance?
  package let isWithinTolerance: Bool
  /// By format, whether every bit was the same after the conversion.
  package internal(set) var after: [(format: String, isSame: Bool)] = []
}
