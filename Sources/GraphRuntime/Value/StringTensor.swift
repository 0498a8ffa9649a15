package import CheckpointCore

/// A tensor of byte strings.
package final class StringTensor: Sendable {
  package let shape: Shape
  package let elements: [[UInt8]]

  /// - Throws: `corrupt` where the number of strings is not that of the shape.
  package init(_ shape: Shape, _ elements: [[UInt8]]) throws(CheckpointError) {
    guard shape.elementCount == elements.count else {
      throw CheckpointError(.corrupt, "\(elements.count) strings cannot take the shape \(shape)")
    }
    self.shape = shape
    self.elements = elements
  }
}
