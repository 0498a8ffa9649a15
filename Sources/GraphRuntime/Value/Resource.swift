package import CheckpointCore

/// Something with a state that lasts as long as a run, reached through a handle. A run has its own: nothing that a run does
/// to them is there in the next one.
///
/// Only the thread that schedules a run touches resources; kernels that split their work do so below that.
package class Resource: @unchecked Sendable {
  package let name: String

  init(name: String) { self.name = name }

  /// What it is, for messages: `variable`, `table`, `queue`.
  package var kind: StaticString { "resource" }
}

/// A variable, of the `VariableV2` or the resource kind. Its value comes from the checkpoint when it is first read.
package final class VariableCell: Resource, @unchecked Sendable {
  package let dtype: DType?
  private var current: Value?
  /// Reads the checkpoint; taken when the value is first needed.
  private var initial: (() throws(CheckpointError) -> Value?)?

  package init(name: String, dtype: DType?, initial: @escaping () throws(CheckpointError) -> Value?) {
    self.dtype = dtype
    self.initial = initial
    super.init(name: name)
  }

  package override var kind: StaticString { "variable" }

  /// The value, read from the checkpoint now if nothing was assigned before.
  /// - Throws: `notFound` where the checkpoint lacks the variable.
  package func read() throws(CheckpointError) -> Value {
    if let current { return current }
    if let initial {
      self.initial = nil
      current = try initial()
    }
    guard let current else {
      throw CheckpointError(.notFound, "the variable has no value").at(variable: Name(name))
    }
    return current
  }

  package func tensor() throws(CheckpointError) -> DenseTensor {
    guard case .dense(let tensor) = try read() else {
      throw CheckpointError(.corrupt, "the variable '\(name)' does not hold numbers")
    }
    return tensor
  }

  /// Whether there is a value, in the checkpoint or assigned.
  package func isInitialized() throws(CheckpointError) -> Bool {
    do { _ = try read() } catch {
      if error.code == .notFound { return false }
      throw error
    }
    return true
  }

  package func assign(_ value: Value) {
    initial = nil
    current = value
  }

  /// Takes the value out, so that a kernel that is its only owner can change it in place and `assign` it again.
  package func take() throws(CheckpointError) -> Value {
    let value = try read()
    current = nil
    return value
  }
}
