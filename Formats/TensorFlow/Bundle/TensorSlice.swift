import CheckpointCore
import ProtoWire

/// `TensorSliceProto` (tensor_slice.proto): a box of a tensor, a start and a length for every axis. A length of nil means the
/// whole axis.
struct TensorSlice: Equatable {
  struct Extent: Equatable {
    var start: Int
    var length: Int?
  }

  let extents: [Extent]

  init(extents: [Extent]) { self.extents = extents }

  init(_ message: Message) throws(CheckpointError) {
    var extents: [Extent] = []
    try message.forEachField { (number, value) throws(CheckpointError) in
      guard number == 1 else { return }
      var extent = Extent(start: 0, length: nil)
      try message.nested(try value.range("TensorSliceProto.extent")).forEachField {
        (number, value) throws(CheckpointError) in
        switch number {
        case 1: extent.start = try value.integer("TensorSliceProto.Extent.start")
        case 2: extent.length = try value.integer("TensorSliceProto.Extent.length")
        default: break
        }
      }
      extents.append(extent)
    }
    self.extents = extents
  }

  /// Start and end on every axis of a tensor.
  /// - Throws: `corrupt` where the slice has another rank or reaches outside.
  func box(in shape: Shape) throws(CheckpointError) -> Box {
    guard extents.count == shape.rank else {
      throw CheckpointError(.corrupt, "a slice has \(extents.count) axes, but the tensor has \(shape.rank)")
    }
    var ranges: [Range<Int>] = []
    for (extent, size) in zip(extents, shape.dimensions) {
      let length = extent.length ?? size
      let (end, overflow) = extent.start.addingReportingOverflow(length)
      guard extent.start >= 0, length >= 0, !overflow, end <= size else {
        throw CheckpointError(.corrupt, "a slice takes \(extent.start)+\(length) of an axis of \(size)")
      }
      ranges.append(extent.start..<end)
    }
    return Box(ranges: ranges)
  }

  /// The key of the slice's own entry: an order-preserving code of 0, the name, the rank, and each axis.
  /// Layout: FORMAT.md, "Slice keys".
  func key(for name: Name) -> [UInt8] {
    var key: [UInt8] = []
    OrderedCode.append(unsigned: 0, to: &key)
    OrderedCode.append(string: name.bytes, to: &key)
    OrderedCode.append(unsigned: UInt64(extents.count), to: &key)
    for extent in extents {
      OrderedCode.append(signed: Int64(extent.start), to: &key)
      OrderedCode.append(signed: Int64(extent.length ?? -1), to: &key)
    }
    return key
  }
}

/// A box with a range on every axis.
struct Box: Equatable, CustomStringConvertible {
  let ranges: [Range<Int>]

  var description: String {
    "[" + ranges.map { "\($0.lowerBound)..<\($0.upperBound)" }.joined(separator: ", ") + "]"
  }

  var dimensions: [Int] { ranges.map(\.count) }

  func intersects(_ other: Box) -> Bool {
    zip(ranges, other.ranges).allSatisfy { $0.lowerBound < $1.upperBound && $1.lowerBound < $0.upperBound }
  }
}

/// Google's ordered code: bytes that sort as the values do (tensorflow/core/lib/strings/ordered_code.h).
enum OrderedCode {
  /// A byte with the number of significant bytes, then those, highest first.
  static func append(unsigned value: UInt64, to bytes: inout [UInt8]) {
    let count = (64 - value.leadingZeroBitCount + 7) / 8
    bytes.append(UInt8(count))
    for i in (0..<count).reversed() { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(i)))) }
  }

  /// 00 becomes 00 FF, FF becomes FF 00, and 00 01 ends it.
  static func append(string: [UInt8], to bytes: inout [UInt8]) {
    for byte in string {
      bytes.append(byte)
      if byte == 0 { bytes.append(0xff) }
      if byte == 0xff { bytes.append(0) }
    }
    bytes += [0, 1]
  }

  /// As many leading one bits as there are bytes (inverted for negative numbers), a sign bit, then the number.
  static func append(signed value: Int64, to bytes: inout [UInt8]) {
    let magnitude = UInt64(bitPattern: value < 0 ? ~value : value)
    let bits = 64 - magnitude.leadingZeroBitCount
    // Every byte gives 7 bits, one of which is the sign's.
    let count = bits / 7 + 1
    var code = [UInt8](repeating: value < 0 ? 0xff : 0, count: 10)
    for i in 0..<8 { code[9 - i] = UInt8(truncatingIfNeeded: value >> (8 * Int64(i))) }
    var out = Array(code.suffix(count))
    let header =
      count < 8
      ? [UInt8(truncatingIfNeeded: 0xff00 >> count)] : [0xff, UInt8(truncatingIfNeeded: 0xff00 >> (count - 8))]
    for (i, bits) in header.enumerated() { out[i] ^= bits }
    bytes += out
  }
}
