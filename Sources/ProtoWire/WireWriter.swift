import CheckpointCore

/// Serialises a message field by field. As proto3 has it, fields that have their default are left out.
public struct WireWriter: Sendable {
  public private(set) var bytes: [UInt8] = []

  public init() {}

  public mutating func integer(_ field: Int, _ value: Int) {
    guard value != 0 else { return }
    tag(field, 0)
    bytes.appendVarint(UInt64(bitPattern: Int64(value)))
  }

  /// A `fixed32` field, which TensorFlow uses for checksums.
  public mutating func fixed32(_ field: Int, _ value: UInt32) {
    guard value != 0 else { return }
    tag(field, 5)
    bytes.appendLittleEndian(UInt64(value), count: 4)
  }

  /// A string, or a message that is serialised already. A message is written even when it is empty.
  public mutating func bytes(_ field: Int, _ value: some Collection<UInt8>) {
    tag(field, 2)
    bytes.appendVarint(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  public mutating func message(_ field: Int, _ body: (inout WireWriter) -> Void) {
    var inner = WireWriter()
    body(&inner)
    bytes(field, inner.bytes)
  }

  private mutating func tag(_ field: Int, _ type: UInt64) { bytes.appendVarint(UInt64(field) << 3 | type) }
}
