import CZlib

/// A running CRC-32 (ISO 3309), the checksum of zip archives.
public struct CRC32: Sendable, Equatable {
  public private(set) var value: UInt32

  public init(_ value: UInt32 = 0) { self.value = value }

  public init(of bytes: [UInt8]) {
    value = 0
    update(bytes.rawSpan)
  }

  public mutating func update(_ bytes: RawSpan) {
    // SAFETY: the pointer is used inside the closure only. No bytes may come without a pointer, which zlib takes for a reset.
    value = unsafe bytes.withUnsafeBytes { buffer in
      guard let base = buffer.baseAddress else { return value }
      return UInt32(truncatingIfNeeded: unsafe crc32_z(UInt(value), base, buffer.count))
    }
  }

  /// Appends `count` bytes whose own sum is known.
  public mutating func append(_ other: UInt32, count: Int) {
    value = UInt32(truncatingIfNeeded: crc32_combine(UInt(value), UInt(other), count))
  }

  /// The sum of the `count` bytes that follow what is summed here, where the sum of all is `whole`.
  public func rest(of whole: UInt32, count: Int) -> UInt32 {
    var shifted = self
    shifted.append(0, count: count)
    return whole ^ shifted.value
  }
}
