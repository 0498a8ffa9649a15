package import CheckpointCore

/// A tensor of byte strings, charged to the run's memory like any other.
package final class StringTensor: Sendable {
  package let shape: Shape
  package let elements: [[UInt8]]
  private let charge: Charge

  /// - Throws: `corrupt` where the number of strings is not that of the shape, `unsupported` beyond the budget.
  package init(_ shape: Shape, _ elements: [[UInt8]], budget: MemoryBudget) throws(CheckpointError) {
    guard shape.elementCount == elements.count else {
      throw CheckpointError(.corrupt, "\(elements.count) strings cannot take the shape \(shape)")
    }
    self.shape = shape
    self.elements = elements
    // An array's header and the allocator's share come to about 48 bytes.
    charge = try Charge(elements.reduce(64) { $0 + $1.count + 48 }, budget)
  }
}

/// Bytes charged to a budget for as long as it lives.
package final class Charge: Sendable {
  private let budget: MemoryBudget
  private let byteCount: Int

  package init(_ byteCount: Int, _ budget: MemoryBudget) throws(CheckpointError) {
    try budget.charge(byteCount)
    self.budget = budget
    self.byteCount = byteCount
  }

  deinit { budget.refund(byteCount) }
}
