import CSnappy
import CheckpointCore

/// A block of a table: entries sorted by key, each key without the part that it shares with the one before, then the offsets
/// of the entries whose key is whole (the restarts), then their number.
/// Layout: FORMAT.md, "Block".
struct Block {
  private let bytes: [UInt8]
  private let restarts: [Int]
  private let entriesEnd: Int

  /// Longest name that is read. TensorFlow has no limit; names of a megabyte are damage.
  static let largestKey = 1 << 20

  /// Reads one block, checks its checksum before anything else, and expands it.
  /// - Throws: `corrupt` for a wrong checksum, an unknown compression, or damaged content.
  init(_ handle: BlockHandle, of file: InputFile) throws(CheckpointError) {
    try self.init(try Block.content(handle, of: file).bytes)
  }

  /// The content of a block whose checksum is right.
  static func content(
    _ handle: BlockHandle, of file: InputFile
  ) throws(CheckpointError) -> (bytes: [UInt8], isCompressed: Bool) {
    var stored = try file.bytes(at: handle.offset, count: handle.size + BlockHandle.trailerSize)
    var trailer = ByteCursor(stored, handle.size + 1..<stored.count)
    let recorded = CRC32C(masked: try trailer.fixed32())
    let type = stored[handle.size]
    stored.removeLast(4)
    let found = CRC32C(of: stored)
    guard found == recorded else {
      throw CheckpointError(
        .corrupt, "the checksum of a block differs: recorded \(recorded.value), found \(found.value)"
      )
      .at(offset: handle.offset).because(.checksum)
    }
    stored.removeLast()
    switch type {
    case 0: return (stored, false)
    case 1: return (try Block.expand(stored), true)
    default:
      throw CheckpointError(.corrupt, "a block has the unknown compression \(type)").at(offset: handle.offset)
    }
  }

  /// - Parameter bytes: the content, expanded.
  init(_ bytes: [UInt8]) throws(CheckpointError) {
    guard bytes.count >= 4 else { throw CheckpointError(.corrupt, "bad block: \(bytes.count) bytes cannot hold one") }
    var tail = ByteCursor(bytes, bytes.count - 4..<bytes.count)
    let count = Int(try tail.fixed32())
    guard count > 0, count <= (bytes.count - 4) / 4 else {
      throw CheckpointError(.corrupt, "bad block: it claims \(count) restarts in \(bytes.count) bytes")
    }
    entriesEnd = bytes.count - 4 - 4 * count
    var cursor = ByteCursor(bytes, entriesEnd..<bytes.count - 4)
    var restarts: [Int] = []
    restarts.reserveCapacity(count)
    for _ in 0..<count { restarts.append(Int(try cursor.fixed32())) }
    self.bytes = bytes
    self.restarts = restarts
  }

  /// Snappy expands to at most 64 bytes from 3, so a larger claim is a lie.
  private static func expand(_ stored: [UInt8]) throws(CheckpointError) -> [UInt8] {
    var size = 0
    let isLengthSound = unsafe stored.withUnsafeBytes { input in
      // SAFETY: libsnappy reads the given bytes only.
      unsafe snappy_uncompressed_length(input.bindMemory(to: CChar.self).baseAddress, input.count, &size) == SNAPPY_OK
    }
    guard isLengthSound, size <= 22 * stored.count else {
      throw CheckpointError(.corrupt, "bad block: its snappy stream claims \(size) bytes from \(stored.count)")
    }
    try requireMemory(size)
    var expanded = [UInt8](repeating: 0, count: size)
    var written = size
    let isSound = unsafe stored.withUnsafeBytes { input in
      unsafe expanded.withUnsafeMutableBytes { output in
        // SAFETY: libsnappy writes at most `written` bytes, the length of the array.
        unsafe snappy_uncompress(
          input.bindMemory(to: CChar.self).baseAddress, input.count, output.bindMemory(to: CChar.self).baseAddress,
          &written)
          == SNAPPY_OK
      }
    }
    guard isSound, written == size else { throw CheckpointError(.corrupt, "bad block: its snappy stream is damaged") }
    return expanded
  }

  /// Calls `body` with every key and where its value lies in the given bytes.
  func forEachEntry(
    _ body: (_ key: [UInt8], _ bytes: [UInt8], _ value: Range<Int>) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    var cursor = ByteCursor(bytes, 0..<entriesEnd)
    var key: [UInt8] = []
    var nextRestart = 0
    while !cursor.isAtEnd {
      let start = cursor.position
      let shared = try cursor.length()
      let unshared = try cursor.length()
      let valueSize = try cursor.length()
      if nextRestart < restarts.count, restarts[nextRestart] == start {
        guard shared == 0 else { throw CheckpointError(.corrupt, "bad block: the key at a restart is not whole") }
        nextRestart += 1
      }
      try Block.requireKey(shared: shared, unshared: unshared, after: key, remaining: cursor.remaining)
      let suffix = try cursor.skip(unshared)
      key.removeSubrange(shared...)
      key.append(contentsOf: bytes[suffix])
      try body(key, bytes, try cursor.skip(valueSize))
    }
    // An empty block has one restart and no entry.
    guard nextRestart == restarts.count || (entriesEnd == 0 && restarts == [0]) else {
      throw CheckpointError(
        .corrupt, "bad block: restart \(nextRestart) of \(restarts.count) is not where an entry begins")
    }
  }
}

extension Block {
  /// Checks the two lengths of a key against the key before it and the bytes that are left.
  static func requireKey(
    shared: Int, unshared: Int, after key: [UInt8], remaining: Int
  ) throws(CheckpointError) {
    guard shared <= key.count else {
      throw CheckpointError(.corrupt, "bad block: a key shares \(shared) bytes with one of \(key.count)")
    }
    guard unshared <= remaining, shared + unshared <= Block.largestKey else {
      throw CheckpointError(.corrupt, "bad block: a key of \(shared)+\(unshared) bytes is too long")
    }
  }
}

/// Fills a block with entries in the order of their keys.
struct BlockBuilder {
  /// Entries between two whole keys, as TensorFlow's writer has it.
  static let restartInterval = 16

  /// Room inside an entry for bytes that somebody else writes.
  struct Gap {
    /// What goes there, as the caller counts.
    let id: Int
    let count: Int
  }

  private(set) var entries: [UInt8] = []
  /// Gaps, each with how many bytes of `entries` lie before it.
  private(set) var gaps: [(position: Int, gap: Gap)] = []
  private(set) var lastKey: [UInt8] = []
  private var restarts: [Int] = [0]
  private var sinceRestart = 0
  /// Bytes of `entries` and gaps.
  private var size = 0

  var isEmpty: Bool { entries.isEmpty }
  var encodedSize: Int { size + 4 * restarts.count + 4 }

  /// - Parameter gap: the end of the value, where its bytes are not at hand.
  mutating func append(
    _ key: [UInt8], _ value: [UInt8], gap: Gap? = nil, restartInterval: Int = BlockBuilder.restartInterval
  ) {
    var shared = 0
    if sinceRestart < restartInterval {
      let limit = min(key.count, lastKey.count)
      while shared < limit, key[shared] == lastKey[shared] { shared += 1 }
    } else {
      restarts.append(size)
      sinceRestart = 0
    }
    let start = entries.count
    entries.appendVarint(UInt64(shared))
    entries.appendVarint(UInt64(key.count - shared))
    entries.appendVarint(UInt64(value.count + (gap?.count ?? 0)))
    entries.append(contentsOf: key[shared...])
    entries.append(contentsOf: value)
    size += entries.count - start
    if let gap, gap.count > 0 {
      gaps.append((entries.count, gap))
      size += gap.count
    }
    lastKey = key
    sinceRestart += 1
  }

  /// What follows the entries: restarts, and that nothing is compressed. The checksum comes after it.
  var end: [UInt8] {
    var bytes: [UInt8] = []
    for restart in restarts { bytes.appendLittleEndian(UInt64(restart), count: 4) }
    bytes.appendLittleEndian(UInt64(restarts.count), count: 4)
    bytes.append(0)
    return bytes
  }

  /// A block without gaps as it is stored: content, no compression, checksum.
  func encode() -> [UInt8] {
    var bytes = entries + end
    bytes.appendLittleEndian(UInt64(CRC32C(of: bytes).masked), count: 4)
    return bytes
  }
}
