package import CheckpointCore

/// A TensorFlow 2 tensor list: a value, so that every change makes a new list; the elements are shared.
package final class TensorList: Sendable {
  package let dtype: DType?
  /// What is known of the elements' shape: nil where not even the rank, -1 for an unknown size.
  package let elementShape: [Int]?
  /// Nil: not set yet, zeros when it is read.
  package let elements: [Value?]
  /// Most elements that pushing may make, or nil.
  package let limit: Int?

  package init(dtype: DType?, elementShape: [Int]?, elements: [Value?], limit: Int? = nil) {
    self.dtype = dtype
    self.elementShape = elementShape
    self.elements = elements
    self.limit = limit
  }
}
