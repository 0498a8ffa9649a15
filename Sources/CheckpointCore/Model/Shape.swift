/// The dimensions of a tensor, outermost first. No dimension is negative and the product is at most 2⁶⁰: both are checked
/// once, here, so that nobody needs to check again. A scalar has no dimensions and one element.
public struct Shape: Sendable, Hashable {
  /// TensorFlow's own limit.
  public static let largestRank = 254
  /// Elements that a tensor may have, and bytes: more than any disk holds, and so little that the sum of a few such numbers
  /// fits an `Int` without a check. Files have a limit of their own, `InputFile.largest`.
  public static let largestCount = 1 << 60

  public let dimensions: [Int]
  public let elementCount: Int

  public static let scalar = Shape(unchecked: [], elementCount: 1)

  /// - Throws: `corrupt` for a negative dimension, more than 254 of them, or a product beyond 2⁶⁰ (taken over the
  ///   dimensions that are not zero, so that a zero cannot hide an absurd one).
  public init(_ dimensions: [Int]) throws(CheckpointError) {
    guard dimensions.count <= Shape.largestRank else {
      throw CheckpointError(.corrupt, "\(dimensions.count) dimensions are too many; the limit is \(Shape.largestRank)")
    }
    var product = 1
    var isEmpty = false
    for dimension in dimensions {
      guard dimension >= 0 else {
        throw CheckpointError(.corrupt, "the shape \(dimensions) has a negative dimension")
      }
      if dimension == 0 {
        isEmpty = true
        continue
      }
      let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
      guard !overflow, next <= Shape.largestCount else {
        throw CheckpointError(.corrupt, "the shape \(dimensions) is too large: its product is beyond 2⁶⁰")
      }
      product = next
    }
    self.init(unchecked: dimensions, elementCount: isEmpty ? 0 : product)
  }

  private init(unchecked dimensions: [Int], elementCount: Int) {
    self.dimensions = dimensions
    self.elementCount = elementCount
  }

  /// One dimension of `count` elements.
  public static func vector(_ count: Int) throws(CheckpointError) -> Shape { try Shape([count]) }

  public var rank: Int { dimensions.count }

  /// Bytes of a tensor of this shape.
  /// - Throws: `corrupt` where they are more than 2⁶⁰.
  public func byteCount(width: Int) throws(CheckpointError) -> Int {
    let (bytes, overflow) = elementCount.multipliedReportingOverflow(by: width)
    guard !overflow, bytes <= Shape.largestCount else {
      throw CheckpointError(.corrupt, "the shape \(dimensions) is too large: its bytes are more than 2⁶⁰")
    }
    return bytes
  }
}

extension Shape: CustomStringConvertible {
  public var description: String { "[" + dimensions.map(String.init).joined(separator: ", ") + "]" }
}
