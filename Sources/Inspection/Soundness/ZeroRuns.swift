import CheckpointCore

/// Where bytes are zero for long: what downloads and crashes leave where nothing was written. Counted in blocks of 512 bytes, the
/// sector that file systems write.
struct ZeroRuns: Sendable {
  static let blockSize = 512

  /// The longest run of zero blocks so far, in bytes of the tensor.
  private(set) var longest = 0..<0
  /// The run that begins where this part begins, and the one that ends where it ends; empty where there is none.
  private var first = 0..<0
  private var last = 0..<0
  private var start = 0
  private var end = 0

  /// Takes the next bytes.
  mutating func add(_ chunk: RawSpan, at offset: Int) {
    if start == end { (start, end) = (offset, offset) }
    var position = 0
    while position < chunk.byteCount {
      let count = min(ZeroRuns.blockSize, chunk.byteCount - position)
      if chunk.extracting(position..<position + count).isZero { extend(offset + position..<offset + position + count) }
      position += count
    }
    end = offset + chunk.byteCount
  }

  /// Puts another part behind this one.
  mutating func append(_ next: ZeroRuns) {
    guard next.start < next.end else { return }
    guard start < end else {
      self = next
      return
    }
    for run in [next.first, next.longest, next.last] where !run.isEmpty { extend(run) }
    end = next.end
  }

  /// Runs are given in the order of their ends.
  private mutating func extend(_ run: Range<Int>) {
    last = last.upperBound == run.lowerBound && !last.isEmpty ? last.lowerBound..<run.upperBound : run
    if last.lowerBound == start { first = last }
    if last.count > longest.count { longest = last }
  }
}

extension RawSpan {
  /// Whether every byte is zero.
  fileprivate var isZero: Bool {
    var position = 0
    while position + 8 <= byteCount {
      if unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt64.self) != 0 { return false }
      position += 8
    }
    while position < byteCount {
      if unsafe unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self) != 0 { return false }
      position += 1
    }
    return true
  }
}
