import CCore

/// Where a tensor's bytes come from. They stay in their file and are lent in pieces.
///
/// The bytes are canonical: row-major, little-endian, whole elements. A string tensor is, per element, its length as a
/// 64-bit number and then its bytes. A variant is whatever its bundle holds.
public protocol TensorStorage: Sendable {
  /// Canonical bytes.
  var byteCount: Int { get }

  /// The CRC-32C that the source recorded for exactly the canonical bytes. Whoever reads them all must compare. Nil where
  /// the source has none, or has one that only `verify` can check.
  var crc32c: UInt32? { get }

  /// The same for CRC-32, the sum of zip archives.
  var crc32: UInt32? { get }

  /// What the source recorded to check the bytes by, in words such as `CRC-32C`; nil where nothing but their number is known.
  var recordedSum: String? { get }

  /// Whether reading in order from one place costs far less than reading from several, as with a compressed stream.
  var isSequential: Bool { get }

  /// The one file that holds the bytes, where there is one, for messages.
  var path: String? { get }

  /// Why some of the bytes are not there to be read; nil where they are. Whoever has a reason need not try.
  var missing: CheckpointError? { get }

  /// Fills the span with the canonical bytes from `offset` on; both ends lie between elements.
  func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError)

  /// Checks what the source recorded and `crc32c` does not cover. Must be called once before the bytes are believed.
  func verify() throws(CheckpointError)
}

extension TensorStorage {
  public var crc32c: UInt32? { nil }
  public var crc32: UInt32? { nil }
  public var recordedSum: String? { crc32c != nil ? "CRC-32C" : crc32 != nil ? "CRC-32" : nil }
  public var isSequential: Bool { false }
  public var path: String? { nil }
  public var missing: CheckpointError? { nil }
  public func verify() throws(CheckpointError) {}
}

extension TensorStorage {
  /// A few bytes in memory.
  public func bytes(at offset: Int, count: Int) throws(CheckpointError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var all = bytes.mutableRawSpan(0..<count)
    try read(into: &all, at: offset)
    return bytes
  }
}

/// A range of a file, as it stands.
public struct FileStorage: TensorStorage {
  public let file: InputFile
  public let offset: Int
  public let byteCount: Int
  /// What was summed before these bytes, where the recorded sum covers more than them.
  let preceding: CRC32C?
  let recorded: UInt32?
  public let crc32: UInt32?

  /// - Parameters:
  ///   - crc32c, crc32: the recorded sums, unmasked.
  ///   - preceding: the sum that it continues, for sums that begin before the range.
  /// - Throws: `corrupt` where the range lies outside the file.
  public init(
    _ file: InputFile, offset: Int, byteCount: Int, crc32c: UInt32? = nil, preceding: CRC32C? = nil,
    crc32: UInt32? = nil
  ) throws(CheckpointError) {
    let (end, overflow) = offset.addingReportingOverflow(byteCount)
    guard offset >= 0, byteCount >= 0, !overflow, end <= file.size else {
      throw CheckpointError(.corrupt, "bytes \(offset)+\(byteCount) lie outside the \(file.size) bytes of \(file.path)")
    }
    self.file = file
    self.offset = offset
    self.byteCount = byteCount
    self.preceding = preceding
    recorded = crc32c
    self.crc32 = crc32
  }

  public var crc32c: UInt32? { preceding == nil ? recorded : nil }
  public var recordedSum: String? { recorded != nil ? "CRC-32C" : crc32 != nil ? "CRC-32" : nil }
  public var path: String? { file.path }

  public func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    guard offset >= 0, offset <= byteCount, span.byteCount <= byteCount - offset else {
      throw CheckpointError(.corrupt, "bytes \(offset)+\(span.byteCount) lie outside a tensor of \(byteCount) bytes")
    }
    try file.read(into: &span, at: self.offset + offset)
  }

  public func verify() throws(CheckpointError) {
    guard let recorded else { return }
    var sum = preceding ?? CRC32C()
    var buffer = ChunkBuffer()
    try buffer.forEachChunk(of: self, in: 0..<byteCount) { chunk, _ throws(CheckpointError) in sum.update(chunk) }
    guard sum.value == recorded else {
      throw CheckpointError.checksum(recorded: recorded, found: sum.value, file: file.path)
    }
  }
}

/// Bytes that are not there: a tensor that can be listed and not read.
public struct MissingStorage: TensorStorage {
  public let byteCount: Int
  /// Said when they are read.
  private let reason: CheckpointError

  public init(byteCount: Int, reason: CheckpointError) {
    self.byteCount = byteCount
    self.reason = reason
  }

  public var path: String? { reason.file }
  public var missing: CheckpointError? { reason }

  public func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) { throw reason }
  public func verify() throws(CheckpointError) { throw reason }
}

/// Bytes of which the last are not there, because their file ends before.
public struct CutStorage: TensorStorage {
  public let byteCount: Int
  private let there: FileStorage
  private let reason: CheckpointError

  /// - Parameter needed: where in the file the bytes should end.
  public init(_ file: InputFile, offset: Int, needed: Int, reason: CheckpointError) throws(CheckpointError) {
    there = try FileStorage(file, offset: offset, byteCount: file.size - offset)
    byteCount = needed - offset
    self.reason = reason
  }

  /// Bytes that are there.
  public var available: Int { there.byteCount }
  public var path: String? { there.path }
  public var missing: CheckpointError? { reason }

  public func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    guard offset >= 0, span.byteCount <= there.byteCount - offset else { throw reason }
    try there.read(into: &span, at: offset)
  }
}

/// Bytes in memory, for what is small or computed.
public struct MemoryStorage: TensorStorage {
  public let bytes: [UInt8]

  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  public var byteCount: Int { bytes.count }

  public func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    let count = span.byteCount
    guard offset >= 0, offset <= bytes.count, count <= bytes.count - offset else {
      throw CheckpointError(.corrupt, "bytes \(offset)+\(count) lie outside a tensor of \(bytes.count) bytes")
    }
    // SAFETY: both pointers are used inside the closures only; the range was checked above.
    unsafe span.withUnsafeMutableBytes { target in
      unsafe bytes.withUnsafeBytes { source in
        unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[offset..<offset + count]))
      }
    }
  }
}

/// Words of another storage with their bytes in the opposite order.
public struct ByteSwappedStorage: TensorStorage {
  let base: any TensorStorage
  let wordWidth: Int

  public init(_ base: any TensorStorage, wordWidth: Int) {
    self.base = base
    self.wordWidth = wordWidth
  }

  public var byteCount: Int { base.byteCount }
  public var isSequential: Bool { base.isSequential }
  public var recordedSum: String? { base.recordedSum }
  public var path: String? { base.path }
  public var missing: CheckpointError? { base.missing }

  public func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    try base.read(into: &span, at: offset)
    // SAFETY: the pointer is used inside the closure only; the count is of whole words.
    unsafe span.withUnsafeMutableBytes { unsafe ck_swap_bytes($0.baseAddress, wordWidth, $0.count / wordWidth) }
  }

  /// The base's sum is over its own byte order.
  public func verify() throws(CheckpointError) { try base.verifyWhole() }
}

extension TensorStorage {
  /// Checks all that the source recorded, `crc32c` and `crc32` included, by reading everything once.
  public func verifyWhole() throws(CheckpointError) {
    guard hasSum else { return try verify() }
    var sums = Checksums(recordedBy: self)
    var buffer = ChunkBuffer()
    try buffer.forEachChunk(of: self, in: 0..<byteCount) { chunk, _ throws(CheckpointError) in sums.update(chunk) }
    try sums.require(recordedBy: self)
  }
}

/// The elements of a string tensor: their lengths in memory, their characters in another storage, one after the other.
public struct StringStorage: TensorStorage {
  public let lengths: [Int]
  public let characters: any TensorStorage
  /// Canonical offset at which each element begins, and the end.
  private let starts: [Int]

  /// - Throws: `corrupt` where the lengths do not add up to the characters.
  public init(lengths: [Int], characters: any TensorStorage) throws(CheckpointError) {
    var starts: [Int] = []
    starts.reserveCapacity(lengths.count + 1)
    var start = 0
    for length in lengths {
      starts.append(start)
      let (next, overflow) = start.addingReportingOverflow(length)
      guard length >= 0, !overflow, next <= Int.max - 8 else {
        throw CheckpointError(.corrupt, "a string of \(length) bytes is not plausible")
      }
      start = next + 8
    }
    starts.append(start)
    guard start - 8 * lengths.count == characters.byteCount else {
      throw CheckpointError(
        .corrupt,
        "the lengths of the strings add up to \(start - 8 * lengths.count), not to their \(characters.byteCount) bytes")
    }
    self.lengths = lengths
    self.characters = characters
    self.starts = starts
  }

  /// Strings in memory.
  public init(_ elements: [[UInt8]]) throws(CheckpointError) {
    try self.init(lengths: elements.map(\.count), characters: MemoryStorage(Array(elements.joined())))
  }

  public var byteCount: Int { starts[lengths.count] }
  public var isSequential: Bool { characters.isSequential }
  public var recordedSum: String? { characters.recordedSum }
  public var missing: CheckpointError? { characters.missing }
  public var path: String? { characters.path }

  public func verify() throws(CheckpointError) { try characters.verifyWhole() }

  public func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    guard offset >= 0, offset <= byteCount, span.byteCount <= byteCount - offset else {
      throw CheckpointError(.corrupt, "bytes \(offset)+\(span.byteCount) lie outside a tensor of \(byteCount) bytes")
    }
    var element = index(containing: offset)
    var done = 0
    while done < span.byteCount {
      let inside = offset + done - starts[element]
      if inside < 8 {
        let byte = UInt8(truncatingIfNeeded: lengths[element] >> (8 * inside))
        span.storeBytes(of: byte, toByteOffset: done, as: UInt8.self)
        done += 1
      } else if inside - 8 < lengths[element] {
        let count = min(span.byteCount - done, lengths[element] - (inside - 8))
        var part = span._mutatingExtracting(done..<done + count)
        try characters.read(into: &part, at: starts[element] - 8 * element + inside - 8)
        done += count
      }
      if offset + done == starts[element + 1] { element += 1 }
    }
  }

  /// The element whose length or characters hold the canonical byte at `offset`.
  private func index(containing offset: Int) -> Int {
    var low = 0
    var high = lengths.count
    while low < high {
      let middle = (low + high) / 2
      if starts[middle + 1] <= offset { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
