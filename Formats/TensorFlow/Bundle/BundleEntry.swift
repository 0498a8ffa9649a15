import CheckpointCore
import ProtoWire

/// `BundleEntryProto` (tensor_bundle.proto): what one tensor, or one slice of a tensor, is and where its bytes are.
/// Layout: FORMAT.md, "Entry".
struct BundleEntry {
  let dtype: DType
  let shape: Shape
  let shard: Int
  /// Bytes, inside the shard.
  let offset: Int
  let size: Int
  /// Of the bytes as stored, not masked.
  let crc32c: UInt32
  /// Where the tensor is cut: the slices whose own entries hold the bytes.
  let slices: [TensorSlice]

  init(dtype: DType, shape: Shape, shard: Int, offset: Int, size: Int, crc32c: UInt32) {
    self.dtype = dtype
    self.shape = shape
    self.shard = shard
    self.offset = offset
    self.size = size
    self.crc32c = crc32c
    slices = []
  }

  init(_ message: Message) throws(CheckpointError) {
    var type = 0
    var shapes: [Range<Int>] = []
    var numbers = [0, 0, 0]
    var masked: UInt32 = 0
    var slices: [TensorSlice] = []
    try message.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 1: type = try value.integer("BundleEntryProto.dtype")
      case 2: shapes.append(try value.range("BundleEntryProto.shape"))
      case 3, 4, 5: numbers[number - 3] = try value.integer("BundleEntryProto")
      case 6:
        guard case .fixed32(let bits) = value else {
          throw CheckpointError(.corrupt, "the field BundleEntryProto.crc32c has the wrong wire type")
        }
        masked = bits
      case 7: slices.append(try TensorSlice(message.nested(try value.range("BundleEntryProto.slices"))))
      default: break
      }
    }
    guard let dtype = DataType.dtype(type) else { throw BundleEntry.refusal(of: type) }
    (shard, offset, size) = (numbers[0], numbers[1], numbers[2])
    guard offset >= 0, size >= 0 else {
      throw CheckpointError(.corrupt, "the entry points to bytes \(offset)+\(size)")
    }
    self.dtype = dtype
    shape = try TensorShape(message.nested(shapes)).known()
    crc32c = CRC32C(masked: masked).value
    self.slices = slices
  }

  private static func refusal(of type: Int) -> CheckpointError {
    switch type {
    case 0: CheckpointError(.corrupt, "the entry has no dtype")
    case 20: CheckpointError(.unsupported, "the dtype resource is a handle, not data")
    case 101...132: CheckpointError(.corrupt, "the dtype number \(type) is a reference, which no checkpoint can hold")
    default: CheckpointError(.corrupt, "the dtype number \(type) is unknown")
    }
  }

  /// Whether the entry has the bytes that its dtype and shape ask for, and not more than any checkpoint.
  var isPlausible: Bool {
    // No checkpoint is of 256 TiB.
    guard size < 1 << 48 else { return false }
    guard let width = dtype.width else { return true }
    let (bytes, overflow) = shape.elementCount.multipliedReportingOverflow(by: width)
    return !overflow && bytes == size
  }

  func encode() -> [UInt8] {
    var writer = WireWriter()
    writer.integer(1, DataType.number(dtype))
    TensorShape.write(shape, to: &writer, field: 2)
    writer.integer(3, shard)
    writer.integer(4, offset)
    writer.integer(5, size)
    writer.fixed32(6, CRC32C(crc32c).masked)
    return writer.bytes
  }
}
