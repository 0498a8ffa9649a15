package import CheckpointCore

/// A TensorFlow 2 tensor list. A value: whoever changes one must have it alone (`KernelContext.writableList`).
package final class TensorList: @unchecked Sendable {
  package let dtype: DType?
  /// What is known of the elements' shape: nil where not even the rank, -1 for an unknown size.
  package let elementShape: [Int]?
  /// Nil: not set yet.
  package internal(set) var elements: [Value?]
  /// Most elements that pushing may make, or nil.
  package let limit: Int?
  private var charge: Charge

  package init(
    dtype: DType?, elementShape: [Int]?, elements: [Value?], limit: Int? = nil, budget: MemoryBudget
  ) throws(CheckpointError) {
    charge = try TensorList.charge(elements.count, budget)
    self.dtype = dtype
    self.elementShape = elementShape
    self.elements = elements
    self.limit = limit
  }

  /// `count` elements that are not set.
  package convenience init(
    dtype: DType?, elementShape: [Int]?, count: Int, budget: MemoryBudget
  ) throws(CheckpointError) {
    try self.init(dtype: dtype, elementShape: elementShape, elements: [], budget: budget)
    try resize(count, budget)
  }

  /// Cuts the list, or adds elements that are not set.
  func resize(_ count: Int, _ budget: MemoryBudget) throws(CheckpointError) {
    if count <= elements.count {
      elements.removeLast(elements.count - max(count, 0))
      return
    }
    if count > elements.capacity {
      let room = max(count, min(2 * elements.count, 1 << 32))
      charge = try TensorList.charge(room, budget)
      elements.reserveCapacity(room)
    }
    elements += [Value?](repeating: nil, count: count - elements.count)
  }

  private static func charge(_ count: Int, _ budget: MemoryBudget) throws(CheckpointError) -> Charge {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Value?>.stride)
    return try Charge(overflow ? .max : bytes, budget)
  }
}
