import CCore

/// A running CRC-32 (ISO 3309), the checksum of zip archives.
public struct CRC32: RunningSum {
  public private(set) var value: UInt32

  public init(_ value: UInt32 = 0) { self.value = value }

  public mutating func update(_ bytes: RawSpan) {
    // SAFETY: the pointer is used inside the closure only.
    value = unsafe bytes.withUnsafeBytes { unsafe ck_crc32(value, $0.baseAddress, $0.count) }
  }

  public mutating func append(_ other: UInt32, count: Int) {
    value = ck_crc32_combine(value, other, UInt64(count))
  }

  /// The sum of the `count` bytes that follow what is summed here, where the sum of all is `whole`.
  public func rest(of whole: UInt32, count: Int) -> UInt32 {
    var shifted = self
    shifted.append(0, count: count)
    return whole ^ shifted.value
  }
}
