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
///
/// What was read from a resource variable stays as it was. Whoever reads a reference variable shares its memory, as in
/// TensorFlow 1: `v/read` shows what an `AssignAdd` that ran before its reader has done.
package final class VariableCell: Resource, @unchecked Sendable {
  package let dtype: DType?
  /// Whether changes are made in the memory that readers have. Then nobody else owns that memory.
  private let isShared: Bool
  private let budget: MemoryBudget
  private var current: Value?
  /// Reads the checkpoint; nil when the value is there.
  private var initial: (() throws(CheckpointError) -> Value?)?

  /// - Parameter isShared: for reference variables that something changes.
  init(
    name: String, dtype: DType?, isShared: Bool, budget: MemoryBudget,
    initial: @escaping () throws(CheckpointError) -> Value?
  ) {
    self.dtype = dtype
    self.isShared = isShared
    self.budget = budget
    self.initial = initial
    super.init(name: name)
  }

  package override var kind: StaticString { "variable" }

  /// The value, read from the checkpoint now if nothing was assigned before.
  /// - Throws: `notFound` where the checkpoint lacks the variable.
  package func read() throws(CheckpointError) -> Value {
    if let current { return current }
    guard let initial, let value = try initial() else {
      throw CheckpointError(.notFound, "the variable has no value").at(variable: Name(name))
    }
    self.initial = nil
    let own = isShared ? try copied(value) : value
    current = own
    return own
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

  /// Gives the variable another value.
  package func assign(_ value: Value) throws(CheckpointError) {
    guard isShared else {
      initial = nil
      current = value
      return
    }
    if initial != nil, case .dense = value { _ = try isInitialized() }
    if case .dense(let new) = value, case .dense(let old)? = current, new.dtype == old.dtype,
      new.elementCount == old.elementCount
    {
      if new !== old { try old.copy(new) }
      current = .dense(new.shape == old.shape ? old : try old.reshaped(new.shape))
    } else {
      current = try copied(value)
    }
    initial = nil
  }

  /// Changes the value in place, or a copy of it where others have it and are not to see the change.
  package func change(_ body: (DenseTensor) throws(CheckpointError) -> Void) throws(CheckpointError) {
    if isShared { return try body(try tensor()) }
    var value: Value? = try read()
    current = nil
    let isFree = value.isOnlyOwner()
    current = value
    guard case .dense(let tensor)? = isFree ? value : try copied(try read()) else {
      throw CheckpointError(.corrupt, "the variable '\(name)' does not hold numbers")
    }
    try body(tensor)
    current = .dense(tensor)
  }

  private func copied(_ value: Value) throws(CheckpointError) -> Value {
    guard case .dense(let tensor) = value else { return value }
    let copy = try DenseTensor(tensor.dtype, tensor.shape, budget: budget)
    try copy.copy(tensor)
    return .dense(copy)
  }
}
