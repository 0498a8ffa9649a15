import CCore

/// A running CRC-32C (Castagnoli), the checksum of TensorFlow's tables and tensors, not masked.
public struct CRC32C: RunningSum {
  public private(set) var value: UInt32

  public init(_ value: UInt32 = 0) { self.value = value }

  public mutating func update(_ bytes: RawSpan) {
    // SAFETY: the pointer is used inside the closure only.
    value = unsafe bytes.withUnsafeBytes { unsafe ck_crc32c(value, $0.baseAddress, $0.count) }
  }

  public mutating func append(_ other: UInt32, count: Int) {
    value = ck_crc32c_combine(value, other, UInt64(count))
  }

  /// The sum of bytes in the middle of others, from the sum of all, the sum of those before and of those after.
  public static func middle(
    of whole: CRC32C, before: CRC32C, count: Int, after: CRC32C, afterCount: Int
  ) -> CRC32C {
    // Appending n bytes multiplies a sum by x^8n modulo the polynomial, and x has the order 2³¹ − 1 there: n bytes are taken
    // off by appending as many as are missing to a multiple of it.
    let order: UInt64 = 1 << 31 - 1
    let withoutAfter = ck_crc32c_combine(whole.value ^ after.value, 0, order - UInt64(afterCount) % order)
    return CRC32C(ck_crc32c_combine(before.value, withoutAfter, UInt64(count)))
  }

  /// The value as TensorFlow stores it: rotated and offset, so that a sum over data that holds sums stays sound
  /// (leveldb's `crc32c::Mask`).
  public var masked: UInt32 { (value >> 15 | value << 17) &+ 0xa282_ead8 }

  public init(masked: UInt32) {
    let rotated = masked &- 0xa282_ead8
    value = rotated >> 17 | rotated << 15
  }
}
