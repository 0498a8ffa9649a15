import CheckpointCore
import Synchronization

/// A block whose values stay where they are: keys in memory, and where in the block each value lies. A block of up to 1 MiB, or a
/// compressed one, was read once and its checksum is right; a larger one, which holds the bytes of a large tensor, was only
/// walked through, and its checksum is left to whoever reads them.
struct TableBlock {
  /// Largest block that is read to be looked at.
  private static let largestRead = 1 << 20

  /// The content, expanded.
  let storage: any TensorStorage
  let entries: [(key: [UInt8], value: Range<Int>)]
  /// Whether the checksum was found to be right.
  let isChecked: Bool
  private let file: InputFile
  private let handle: BlockHandle

  init(_ handle: BlockHandle, of file: InputFile, cache: BlockCache) throws(CheckpointError) {
    self.file = file
    self.handle = handle
    let type = try file.bytes(at: handle.offset + handle.size, count: 1)
    var entries: [(key: [UInt8], value: Range<Int>)] = []
    if type == [0], handle.size > TableBlock.largestRead {
      storage = try FileStorage(file, offset: handle.offset, byteCount: handle.size)
      try TableBlock.walk(storage) { (key, value) in entries.append((key, value)) }
      isChecked = false
    } else {
      let (bytes, isCompressed) = try Block.content(handle, of: file)
      storage =
        isCompressed
        ? CompressedBlockStorage(handle: handle, byteCount: bytes.count, cache: cache)
        : try FileStorage(file, offset: handle.offset, byteCount: handle.size)
      try Block(bytes).forEachEntry { (key, _, value) in entries.append((key, value)) }
      isChecked = true
    }
    self.entries = entries
  }

  /// Steps through the entries of a block in a file, reading only their heads.
  private static func walk(
    _ storage: any TensorStorage, _ body: ([UInt8], Range<Int>) -> Void
  ) throws(CheckpointError) {
    let size = storage.byteCount
    var tail = StorageCursor(storage, size - 4..<size)
    let count = Int(try tail.fixed32())
    guard count > 0, count <= (size - 4) / 4 else {
      throw CheckpointError(.corrupt, "bad block: it claims \(count) restarts in \(size) bytes")
    }
    var cursor = StorageCursor(storage, 0..<size - 4 - 4 * count)
    var key: [UInt8] = []
    while !cursor.isAtEnd {
      let shared = try cursor.length()
      let unshared = try cursor.length()
      let valueSize = try cursor.length()
      try Block.requireKey(shared: shared, unshared: unshared, after: key, remaining: cursor.remaining)
      key.removeSubrange(shared...)
      key += try cursor.bytes(unshared)
      body(key, try cursor.skip(valueSize))
    }
  }

  /// The sum that a range of the content must have for the block's checksum to be right. Everything else is read.
  func sum(leftFor range: Range<Int>) throws(CheckpointError) -> CRC32C {
    var mark = StorageCursor(
      try FileStorage(file, offset: handle.offset + handle.size + 1, byteCount: 4), 0..<4)
    let whole = CRC32C(masked: try mark.fixed32())
    // The compression byte behind the content is part of what was summed.
    let summed = try FileStorage(file, offset: handle.offset, byteCount: handle.size + 1)
    let before = try TableBlock.sum(of: summed, 0..<range.lowerBound)
    let after = try TableBlock.sum(of: summed, range.upperBound..<summed.byteCount)
    return CRC32C.middle(
      of: whole, before: before, count: range.count, after: after, afterCount: summed.byteCount - range.upperBound)
  }

  /// Checks a block that was not checked by reading all of it.
  func requireSum() throws(CheckpointError) {
    let found = try sum(leftFor: 0..<0)
    guard found == CRC32C() else {
      throw CheckpointError(.corrupt, "the checksum of a block differs").at(file: file.path, offset: handle.offset)
        .because(.checksum)
    }
  }

  private static func sum(of storage: FileStorage, _ range: Range<Int>) throws(CheckpointError) -> CRC32C {
    var sum = CRC32C()
    var buffer = ChunkBuffer()
    try buffer.forEachChunk(of: storage, in: range) { (chunk, _) throws(CheckpointError) in sum.update(chunk) }
    return sum
  }
}

/// The content of a compressed block, expanded again whenever another block was looked at in between.
struct CompressedBlockStorage: TensorStorage {
  let handle: BlockHandle
  let byteCount: Int
  let cache: BlockCache

  func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    try MemoryStorage(try cache.content(handle)).read(into: &span, at: offset)
  }
}

/// The one expanded block that is kept, so that memory does not grow with a compressed table.
final class BlockCache: Sendable {
  private let file: InputFile
  private let last = Mutex<(offset: Int, bytes: [UInt8])?>(nil)

  init(_ file: InputFile) { self.file = file }

  func content(_ handle: BlockHandle) throws(CheckpointError) -> [UInt8] {
    if let kept = last.withLock({ $0 }), kept.offset == handle.offset { return kept.bytes }
    // Two workers may both expand a block; they never wait for one another.
    let bytes = try locating(file: file.path) { () throws(CheckpointError) in
      try Block.content(handle, of: file).bytes
    }
    last.withLock { $0 = (handle.offset, bytes) }
    return bytes
  }
}
