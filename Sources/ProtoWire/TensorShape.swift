public import CheckpointCore

/// `TensorShapeProto` (tensor_shape.proto): field 2 is a dimension whose field 1 is its size, field 3 says that not even the
/// rank is known. A size of -1 is unknown.
public struct TensorShape: Sendable {
  /// Nil where the rank is not known.
  public var dimensions: [Int]?

  public init(_ message: Message) throws(CheckpointError) {
    var sizes: [Int] = []
    var isRankUnknown = false
    try message.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 2:
        var size = 0
        try message.nested(try value.range("TensorShapeProto.dim")).forEachField {
          (number, value) throws(CheckpointError) in
          if number == 1 { size = try value.integer("TensorShapeProto.Dim.size") }
        }
        sizes.append(size)
      case 3: isRankUnknown = try value.integer("TensorShapeProto.unknown_rank") != 0
      default: break
      }
    }
    dimensions = isRankUnknown ? nil : sizes
  }

  /// The shape of data, every dimension known.
  /// - Throws: `corrupt` where something is unknown, negative or too large.
  public func known() throws(CheckpointError) -> Shape {
    guard let dimensions else { throw CheckpointError(.corrupt, "the shape has no known rank") }
    return try Shape(dimensions)
  }

  public static func write(_ shape: Shape, to writer: inout WireWriter, field: Int) {
    writer.message(field) { writer in
      for size in shape.dimensions {
        writer.message(2) { $0.integer(1, size) }
      }
    }
  }
}
