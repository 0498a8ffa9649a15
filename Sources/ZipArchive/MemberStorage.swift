package import CheckpointCore

extension ZipArchive {
  /// The bytes of a member, or a range of them. A range that ends with the member carries the sum that the archive implies for
  /// it, so that it is checked while it streams; any other is checked by `verify`, which reads the member once.
  package func storage(
    of member: ZipMember, in range: Range<Int>? = nil
  ) throws(CheckpointError) -> any TensorStorage {
    let range = range ?? 0..<member.size
    guard range.lowerBound >= 0, range.upperBound <= member.size else {
      throw CheckpointError(
        .corrupt, "bytes \(range.lowerBound)+\(range.count) lie outside the \(member.size) of a zip member"
      ).at(file: file.path)
    }
    let sum = try sum(of: member, in: range)
    if member.method == .stored, let sum {
      return try FileStorage(file, offset: member.dataOffset + range.lowerBound, byteCount: range.count, crc32: sum)
    }
    return MemberStorage(archive: self, member: member, range: range, crc32: sum)
  }

  /// A small member in memory, checked.
  /// - Throws: `unsupported` beyond `limit` bytes, before any is asked for.
  package func contents(of member: ZipMember, limit: Int) throws(CheckpointError) -> [UInt8] {
    guard member.size <= limit else {
      throw CheckpointError(
        .unsupported, "the zip member has \(member.size) bytes, more than the \(limit) that such a member may have"
      ).at(file: file.path, variable: member.name)
    }
    try requireMemory(member.size)
    var bytes = [UInt8](repeating: 0, count: member.size)
    var all = bytes.mutableRawSpan(0..<member.size)
    try read(member, into: &all, at: 0)
    try requireSum(CRC32(of: bytes), of: member)
    return bytes
  }

  /// Fills the span with bytes of a member from `offset` on.
  func read(_ member: ZipMember, into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    switch member.method {
    case .stored: try file.read(into: &span, at: member.dataOffset + offset)
    case .deflated: try streams.read(member, of: file, into: &span, at: offset)
    }
  }

  /// Reads a member once, whoever asks, and compares its sum.
  func verify(_ member: ZipMember) throws(CheckpointError) {
    try onlyOnce(member) { () throws(CheckpointError) in
      var sum = CRC32()
      var bytes = [UInt8](repeating: 0, count: ChunkBuffer.capacity)
      var position = 0
      repeat {
        try throwIfInterrupted()
        let count = min(bytes.count, member.size - position)
        var part = bytes.mutableRawSpan(0..<count)
        try read(member, into: &part, at: position)
        sum.update(bytes.rawSpan.extracting(0..<count))
        position += count
      } while position < member.size
      try requireSum(sum, of: member)
    }
  }

  private func requireSum(_ sum: CRC32, of member: ZipMember) throws(CheckpointError) {
    guard sum.value == member.crc32 else {
      throw CheckpointError.checksum(recorded: member.crc32, found: sum.value, file: file.path)
        .at(variable: member.name)
    }
  }

  /// The sum of a range that ends with its member: what is left of the member's sum after what stands before the range.
  private func sum(of member: ZipMember, in range: Range<Int>) throws(CheckpointError) -> UInt32? {
    guard range.upperBound == member.size, range.lowerBound <= ZipArchive.longestHead else { return nil }
    var before = CRC32()
    if range.lowerBound > 0 {
      var bytes = [UInt8](repeating: 0, count: range.lowerBound)
      var all = bytes.mutableRawSpan(0..<bytes.count)
      try read(member, into: &all, at: 0)
      before.update(bytes.rawSpan)
    }
    return before.rest(of: member.crc32, count: range.count)
  }

  /// Bytes in front of a range that are read at once to know the range's own sum; more than any npy header.
  private static let longestHead = 128 << 10
}

/// A range of a member that has to be inflated, or whose sum covers more than the range.
struct MemberStorage: TensorStorage {
  let archive: ZipArchive
  let member: ZipMember
  let range: Range<Int>
  let crc32: UInt32?

  var byteCount: Int { range.count }
  var isSequential: Bool { member.method == .deflated }
  var path: String? { archive.file.path }
  var recordedSum: String? { "CRC-32" }

  func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    guard offset >= 0, offset <= range.count, span.byteCount <= range.count - offset else {
      throw CheckpointError(.corrupt, "bytes \(offset)+\(span.byteCount) lie outside a tensor of \(range.count) bytes")
    }
    try archive.read(member, into: &span, at: range.lowerBound + offset)
  }

  func verify() throws(CheckpointError) { try archive.verify(member) }
}
