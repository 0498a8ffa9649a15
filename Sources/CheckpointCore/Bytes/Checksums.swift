/// The kinds of sums that formats record.
public enum ChecksumKind: Sendable {
  case crc32c
  case crc32
}

/// A cyclic redundancy check that grows with the bytes it is given.
public protocol RunningSum: Sendable, Equatable {
  var value: UInt32 { get }

  init(_ value: UInt32)
  mutating func update(_ bytes: RawSpan)
  /// Appends `count` bytes whose own sum is known.
  mutating func append(_ other: UInt32, count: Int)
}

extension RunningSum {
  public init(of bytes: [UInt8]) {
    self.init(0)
    update(bytes.rawSpan)
  }

  /// The sum of so many zero bytes.
  public static func ofZeros(_ count: Int) -> UInt32 {
    var sum = Self(0)
    var (power, size) = (Self(of: [0]), 1)
    while size <= count {
      if count & size != 0 { sum.append(power.value, count: size) }
      power.append(power.value, count: size)
      size <<= 1
    }
    return sum.value
  }
}

/// Running sums of the same bytes. A kind is taken only where somebody needs it.
public struct Checksums: Sendable {
  public private(set) var crc32c: CRC32C?
  public private(set) var crc32: CRC32?

  /// Sums of the kinds that the source of a storage recorded, and of one more where it is named.
  public init(recordedBy storage: any TensorStorage, and kind: ChecksumKind? = nil) {
    crc32c = storage.crc32c != nil || kind == .crc32c ? CRC32C() : nil
    crc32 = storage.crc32 != nil || kind == .crc32 ? CRC32() : nil
  }

  public mutating func update(_ bytes: RawSpan) {
    crc32c?.update(bytes)
    crc32?.update(bytes)
  }

  /// Appends `count` bytes whose own sums of the same kinds are known.
  public mutating func append(_ other: Checksums, count: Int) {
    if let sum = other.crc32c { crc32c?.append(sum.value, count: count) }
    if let sum = other.crc32 { crc32?.append(sum.value, count: count) }
  }

  public func value(_ kind: ChecksumKind) -> UInt32? {
    switch kind {
    case .crc32c: crc32c?.value
    case .crc32: crc32?.value
    }
  }

  /// - Throws: `corrupt` where a sum is not what the source recorded.
  public func require(recordedBy storage: any TensorStorage) throws(CheckpointError) {
    for (recorded, found) in [(storage.crc32c, crc32c?.value), (storage.crc32, crc32?.value)] {
      if let recorded, let found, recorded != found {
        throw CheckpointError.checksum(recorded: recorded, found: found, of: storage.byteCount)
      }
    }
  }
}

extension TensorStorage {
  /// Whether the source recorded a sum of exactly the canonical bytes.
  public var hasSum: Bool { crc32c != nil || crc32 != nil }
}
