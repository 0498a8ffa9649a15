import CheckpointCore

/// Elements that are stored as varints, one after the other: `int_val`, `int64_val`, `bool_val`, `half_val` and their kin. They are
/// decoded when they are read; where every 16384th begins is kept, so that reading may begin anywhere.
struct VarintStorage: TensorStorage {
  private static let interval = 1 << 14

  private let base: any TensorStorage
  private let range: Range<Int>
  private let width: Int
  private let marks: [Int]
  let byteCount: Int

  /// Counts the numbers and checks that each fits the dtype.
  /// - Parameter range: must lie inside the storage.
  init(_ base: any TensorStorage, _ range: Range<Int>, dtype: DType, width: Int) throws(CheckpointError) {
    let fits = VarintRange(dtype, width: width)
    var cursor = StorageCursor(base, range)
    var marks: [Int] = []
    var count = 0
    while !cursor.isAtEnd {
      if count % VarintStorage.interval == 0 { marks.append(cursor.position) }
      let number = try cursor.varint()
      guard fits.contains(number) else {
        throw CheckpointError(.corrupt, "the number \(Int64(bitPattern: number)) is no \(dtype.rawValue)")
      }
      count += 1
    }
    self.base = base
    self.range = range
    self.width = width
    self.marks = marks
    byteCount = count * width
  }

  func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    guard offset >= 0, offset <= byteCount, span.byteCount <= byteCount - offset else {
      throw CheckpointError(.corrupt, "bytes \(offset)+\(span.byteCount) lie outside a tensor of \(byteCount) bytes")
    }
    guard span.byteCount > 0 else { return }
    let first = offset / width
    var cursor = StorageCursor(base, marks[first / VarintStorage.interval]..<range.upperBound)
    for _ in 0..<first % VarintStorage.interval { _ = try cursor.varint() }
    for place in stride(from: 0, to: span.byteCount, by: width) {
      let number = try cursor.varint()
      switch width {
      case 1: span.storeBytes(of: UInt8(truncatingIfNeeded: number), toByteOffset: place, as: UInt8.self)
      case 2:
        span.storeBytes(of: UInt16(truncatingIfNeeded: number).littleEndian, toByteOffset: place, as: UInt16.self)
      case 4:
        span.storeBytes(of: UInt32(truncatingIfNeeded: number).littleEndian, toByteOffset: place, as: UInt32.self)
      default: span.storeBytes(of: number.littleEndian, toByteOffset: place, as: UInt64.self)
      }
    }
  }
}

/// Which varints are an element of a dtype.
struct VarintRange {
  /// As many bits without sign as an element may have.
  private let largest: UInt64
  /// The smallest of the numbers with sign.
  private let smallest: Int64

  init(_ dtype: DType, width: Int) {
    let bits = UInt64(8 * width)
    switch dtype {
    case .bool: (largest, smallest) = (1, 0)
    case .int8, .qint8, .int16, .qint16, .int4, .int2:
      (largest, smallest) = (1 << (bits - 1) - 1, -1 << Int64(bits - 1))
    // Some writers do not extend the sign of 32 bits to 64, and every reader drops what is above them.
    case .int32, .qint32: (largest, smallest) = (UInt64(UInt32.max), Int64(Int32.min))
    case .int64, .uint64: (largest, smallest) = (.max, 0)
    default: (largest, smallest) = (1 << bits - 1, 0)
    }
  }

  func contains(_ number: UInt64) -> Bool {
    if number <= largest { return true }
    let signed = Int64(bitPattern: number)
    return signed < 0 && signed >= smallest && smallest < 0
  }
}
