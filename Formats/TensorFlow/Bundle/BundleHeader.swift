import CheckpointCore
import ProtoWire

/// `BundleHeaderProto` (tensor_bundle.proto): the value of the empty key.
/// Layout: FORMAT.md, "Header".
struct BundleHeader {
  /// The version that TensorFlow's writers name as producer, and the newest that is understood.
  static let version = 1

  let shardCount: Int
  let isBigEndian: Bool
  let hasVersion: Bool

  init(_ message: Message) throws(CheckpointError) {
    var shardCount = 0
    var endianness = 0
    var hasVersion = false
    try message.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 1: shardCount = try value.integer("BundleHeaderProto.num_shards")
      case 2: endianness = try value.integer("BundleHeaderProto.endianness")
      case 3:
        hasVersion = true
        let version = message.nested(try value.range("BundleHeaderProto.version"))
        try VersionDef.require(BundleHeader.version, by: version, of: "bundle")
      default: break
      }
    }
    guard shardCount > 0, shardCount <= 1 << 31 - 1 else {
      throw CheckpointError(.corrupt, "the header counts \(shardCount) shards")
    }
    guard endianness == 0 || endianness == 1 else {
      throw CheckpointError(.corrupt, "the header has the unknown byte order \(endianness)")
    }
    self.shardCount = shardCount
    isBigEndian = endianness == 1
    self.hasVersion = hasVersion
  }

  static func encode(shardCount: Int) -> [UInt8] {
    var writer = WireWriter()
    writer.integer(1, shardCount)
    writer.message(3) { $0.integer(1, version) }
    return writer.bytes
  }
}
