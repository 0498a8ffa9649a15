import CheckpointCore

/// The bytes of a variant tensor in a shard, carried as they are: per element a varint64 length, a serialised message, and
/// the masked running CRC-32C. Layout: FORMAT.md, "Variants".
struct VariantStorage: TensorStorage {
  let base: FileStorage
  let elementCount: Int
  /// The sum of the entry, which is not the sum of the bytes.
  let entrySum: UInt32

  var byteCount: Int { base.byteCount }
  var recordedSum: String? { "CRC-32C" }
  var path: String? { base.path }

  func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    try base.read(into: &span, at: offset)
  }

  func verify() throws(CheckpointError) {
    var sum = CRC32C()
    var position = 0
    var buffer = ChunkBuffer()
    for _ in 0..<elementCount {
      let head = try base.file.bytes(at: base.offset + position, count: min(10, byteCount - position))
      var cursor = ByteCursor(head)
      let length = try cursor.length()
      position += cursor.position
      guard length <= byteCount - position - 4 else {
        throw CheckpointError(.corrupt, "a variant of \(length) bytes lies outside its entry")
      }
      var hashed: [UInt8] = []
      hashed.appendLittleEndian(UInt64(length), count: 8)
      sum.update(hashed.rawSpan)
      try buffer.forEachChunk(of: base, in: position..<position + length) { (chunk, _) throws(CheckpointError) in
        sum.update(chunk)
      }
      position += length
      let mark = try base.file.bytes(at: base.offset + position, count: 4)
      var stored = ByteCursor(mark)
      let recorded = CRC32C(masked: try stored.fixed32())
      guard recorded == sum else { throw CheckpointError.checksum(recorded: recorded.value, found: sum.value) }
      sum.update(mark.rawSpan)
      position += 4
    }
    guard position == byteCount, sum.value == entrySum else {
      throw CheckpointError.checksum(recorded: entrySum, found: sum.value)
    }
  }
}
