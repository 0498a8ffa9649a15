public import CheckpointCore

/// Whether a checkpoint is whole: every byte read, every sum compared, and what happened where one is wrong.
public struct Checkup: Sendable {
  public enum Verdict: Sendable {
    /// Its bytes are those that a sum was recorded of, named in words such as `CRC-32C`.
    case proven(String)
    /// All of its bytes are there, and nothing says what they should be.
    case readable
    case damaged(CheckpointError)

    public var isSound: Bool {
      if case .damaged = self { false } else { true }
    }
  }

  /// For each variable of the store, in its order.
  public let verdicts: [Verdict]
  /// What the source should have and no store can: entries that cannot be read at all.
  public let lost: [CheckpointError]
  /// What happened, each in a sentence with the way out; the most telling first.
  public let causes: [CheckpointError]
  /// What looks wrong and is not proven to be.
  public let suspicions: [CheckpointError]

  public var isWhole: Bool { lost.isEmpty && verdicts.allSatisfy(\.isSound) }

  /// - Parameter store: opened for salvage, so that damage is in it and not in the way.
  /// - Throws: `interrupted`.
  public init(_ store: VariableStore, jobs: Int, progress: Progress? = nil) throws(CheckpointError) {
    let outcomes = try TensorSweep(jobs: jobs, progress: progress).run(
      store.variables.map(\.tensor), ZeroVisitor())
    verdicts = zip(store.variables, outcomes).map { variable, outcome in
      if let failure = outcome.failure { return .damaged(failure.at(variable: variable.name)) }
      let sum = variable.tensor.storage.recordedSum ?? store.source.checkedSum
      // There is nothing to prove of a tensor without bytes.
      return variable.tensor.byteCount == 0 ? .readable : sum.map { .proven($0) } ?? .readable
    }
    lost = store.source.lost
    let diagnosis = Diagnosis(store, verdicts, outcomes.map(\.part))
    causes = diagnosis.causes
    suspicions = diagnosis.suspicions
  }

  /// The variables of a store whose bytes are sound.
  public func sound(of store: VariableStore) throws(CheckpointError) -> VariableStore {
    try store.replacing(zip(store.variables, verdicts).filter { $1.isSound }.map(\.0))
  }
}

private struct ZeroVisitor: SweepVisitor {
  func scratch() {}
  func part(of tensor: Int) -> ZeroRuns { ZeroRuns() }
  func append(_ next: ZeroRuns, to part: inout ZeroRuns) { part.append(next) }
  func visit(_ chunk: RawSpan, of tensor: Int, at offset: Int, _ part: inout ZeroRuns, _ scratch: inout Void) {
    part.add(chunk, at: offset)
  }
}
