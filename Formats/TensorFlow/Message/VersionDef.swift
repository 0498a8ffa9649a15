import CheckpointCore
import ProtoWire

/// `VersionDef` (versions.proto): which readers a writer takes for able to read what it wrote.
enum VersionDef {
  /// - Parameter version: what this reader understands.
  /// - Throws: `unsupported` where it is older than `min_consumer`, or one of `bad_consumers`.
  static func require(_ version: Int, by message: Message, of format: String) throws(CheckpointError) {
    var oldest = 0
    var forbidden: [Int] = []
    try message.forEachField { (number, value) throws(CheckpointError) in
      if number == 2 { oldest = try value.integer("VersionDef.min_consumer") }
      if number == 3 { try message.appendIntegers(value, to: &forbidden) }
    }
    guard oldest <= version else {
      throw CheckpointError(.unsupported, "needs a newer reader: version \(oldest) of the \(format) format")
    }
    guard !forbidden.contains(version) else {
      throw CheckpointError(.unsupported, "forbids readers of version \(version) of the \(format) format, as this is")
    }
  }
}
