import CheckpointCore
import TestKit
import Testing

@Suite struct CastTests {
  /// Casts one value, given and expected as the bits of its dtype.
  private func cast(_ from: DType, _ bits: UInt64, to dtype: DType) throws -> (bits: UInt64, loss: CastStorage.Loss) {
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(bits, count: from.width ?? 0)
    let storage = try CastStorage(try Tensor(from, [], bytes), to: dtype)
    let result = try Tensor(dtype: dtype, shape: .scalar, storage: storage).bytes()
    return (result.reversed().reduce(0) { $0 << 8 | UInt64($1) }, try storage.loss())
  }

  private func expect(
    _ value: Float, to dtype: DType, is bits: UInt64, rounded: Bool = false, overflowed: Bool = false,
    at location: SourceLocation = #_sourceLocation
  ) throws {
    let (found, loss) = try cast(.float32, UInt64(value.bitPattern), to: dtype)
    #expect(found == bits, "\(value) as \(dtype.rawValue): \(String(found, radix: 16))", sourceLocation: location)
    #expect(loss.rounded == (rounded ? 1 : 0) && loss.overflowed == (overflowed ? 1 : 0), "\(value): \(loss)", sourceLocation: location)
  }

  @Test func roundsHalfsToNearestEven() throws {
    try expect(1, to: .float16, is: 0x3c00)
    try expect(-2, to: .float16, is: 0xc000)
    try expect(65504, to: .float16, is: 0x7bff)
    try expect(65519, to: .float16, is: 0x7bff, rounded: true)
    try expect(1 + 0x1p-11, to: .float16, is: 0x3c00, rounded: true)
    try expect(1 + 0x3p-11, to: .float16, is: 0x3c02, rounded: true)
    try expect(0x1p-14, to: .float16, is: 0x0400)
    try expect(0x1p-24, to: .float16, is: 0x0001)
    try expect(0x1p-25, to: .float16, is: 0x0000, rounded: true)
    try expect((0x1p-25 as Float).nextUp, to: .float16, is: 0x0001, rounded: true)
    try expect(0x1.ffcp-15, to: .float16, is: 0x0400, rounded: true)
    try expect(-0.0, to: .float16, is: 0x8000)
  }

  @Test func halfsOverflowToInfinity() throws {
    try expect(65520, to: .float16, is: 0x7c00, overflowed: true)
    try expect(-1e30, to: .float16, is: 0xfc00, overflowed: true)
    try expect(.infinity, to: .float16, is: 0x7c00)
    try expect(.nan, to: .float16, is: 0x7e00)
  }

  @Test func roundsBfloat16ToNearestEven() throws {
    try expect(1, to: .bfloat16, is: 0x3f80)
    try expect(1 + 0x1p-8, to: .bfloat16, is: 0x3f80, rounded: true)
    try expect(1 + 0x3p-8, to: .bfloat16, is: 0x3f82, rounded: true)
    try expect(0x1p-133, to: .bfloat16, is: 0x0001)
    try expect(.greatestFiniteMagnitude, to: .bfloat16, is: 0x7f80, overflowed: true)
    try expect(.nan, to: .bfloat16, is: 0x7fc0)
  }

  @Test func knowsBothKindsOfFloat8() throws {
    try expect(1, to: .float8E5M2, is: 0x3c)
    try expect(57344, to: .float8E5M2, is: 0x7b)
    try expect(61440, to: .float8E5M2, is: 0x7c, overflowed: true)
    try expect(0x1p-16, to: .float8E5M2, is: 0x01)
    try expect(.nan, to: .float8E5M2, is: 0x7e)
    try expect(1, to: .float8E4M3FN, is: 0x38)
    try expect(448, to: .float8E4M3FN, is: 0x7e)
    try expect(464, to: .float8E4M3FN, is: 0x7e, rounded: true)
    try expect(465, to: .float8E4M3FN, is: 0x7f, overflowed: true)
    try expect(-.infinity, to: .float8E4M3FN, is: 0xff, overflowed: true)
    try expect(0x1p-9, to: .float8E4M3FN, is: 0x01)
  }

  @Test(arguments: [DType.float16, .bfloat16, .float8E5M2, .float8E4M3FN]) func narrowFloatsWidenExactly(dtype: DType) throws {
    let width = dtype.width ?? 1
    let count = 1 << (8 * width)
    var codes: [UInt8] = []
    for code in 0..<count { codes.appendLittleEndian(UInt64(code), count: width) }
    let narrow = try Tensor(dtype, [count], codes)
    let wide = try narrow.cast(to: .float32)
    #expect(try CastStorage(narrow, to: .float32).loss().isNone)
    let values = try wide.floatValues()
    let back = try wide.cast(to: dtype).bytes()
    let changed = (0..<count).filter { !values[$0].isNaN && back[($0 * width)..<(($0 + 1) * width)] != codes[($0 * width)..<(($0 + 1) * width)] }
    #expect(changed == [])
    #expect(values.filter(\.isNaN).count == [.float16: 2 * 1023, .bfloat16: 2 * 127, .float8E5M2: 2 * 3, .float8E4M3FN: 2][dtype])
  }

  @Test func integersSaturateAndAreCounted() throws {
    #expect(try cast(.int32, 300, to: .int8).bits == 0x7f)
    #expect(try cast(.int32, 300, to: .int8).loss.overflowed == 1)
    #expect(try cast(.int32, UInt64(UInt32(bitPattern: -1)), to: .uint8).bits == 0)
    #expect(try cast(.int64, UInt64(bitPattern: .min), to: .int32).bits == 0x8000_0000)
    #expect(try cast(.uint64, .max, to: .int64).bits == UInt64(Int64.max))
    #expect(try cast(.int64, UInt64(bitPattern: -1), to: .uint64).loss.overflowed == 1)
    #expect(try cast(.int8, 0x80, to: .int64).bits == UInt64(bitPattern: -128))
    #expect(try cast(.bool, 1, to: .float32).bits == UInt64(Float(1).bitPattern))
  }

  @Test func floatsBecomeIntegersByCuttingOff() throws {
    try expect(2.75, to: .int32, is: 2, rounded: true)
    try expect(-2.75, to: .int8, is: 0xfe, rounded: true)
    try expect(1e20, to: .int64, is: UInt64(Int64.max), overflowed: true)
    try expect(0x1p63, to: .int64, is: UInt64(Int64.max), overflowed: true)
    try expect(0x1p63, to: .uint64, is: 1 << 63)
    try expect(.nan, to: .int32, is: 0, overflowed: true)
    try expect(-.infinity, to: .int16, is: 0x8000, overflowed: true)
  }

  /// 2⁶⁰ + 2³⁶ lies half-way between two floats; the 1 more decides, and a double has no room for it.
  @Test func integersAreRoundedOnceOnTheirWayToFloats() throws {
    let value = UInt64(1) << 60 + UInt64(1) << 36 + 1
    let (bits, loss) = try cast(.int64, value, to: .float32)
    #expect(bits == 0x5d80_0001)
    #expect(loss.rounded == 1)
    #expect(loss.largestError == Double((1 << 37) - (1 << 36) - 1))
    #expect(try cast(.int64, UInt64(1) << 60 + UInt64(1) << 36 - 1, to: .float32).bits == 0x5d80_0000)
    #expect(try cast(.int64, UInt64(1) << 60 + UInt64(1) << 36, to: .float32).bits == 0x5d80_0000)
    #expect(try cast(.int64, UInt64(bitPattern: -Int64(value)), to: .float32).bits == 0xdd80_0001)
    #expect(try cast(.uint64, .max, to: .float32).bits == 0x5f80_0000)
    #expect(try cast(.uint64, .max, to: .float64).bits == 0x43f0_0000_0000_0000)
  }

  @Test func integersRoundToHalfs() throws {
    #expect(try cast(.int32, 2049, to: .float16).bits == 0x6800)
    #expect(try cast(.int32, 2051, to: .float16).bits == 0x6802)
    #expect(try cast(.int32, 65519, to: .float16).bits == 0x7bff)
    #expect(try cast(.int32, 65520, to: .float16).loss.overflowed == 1)
  }

  @Test func doublesThatAreFloatsNarrowWithoutLoss() throws {
    for value in [0, -0.0, 1.5, Double(Float.greatestFiniteMagnitude), Double(Float.leastNonzeroMagnitude), .infinity] {
      let (bits, loss) = try cast(.float64, value.bitPattern, to: .float32)
      #expect(bits == UInt64(Float(value).bitPattern))
      #expect(loss.isNone)
    }
    #expect(try cast(.float64, (0.1).bitPattern, to: .float32).loss.rounded == 1)
    #expect(try cast(.float64, (1e300).bitPattern, to: .float32).loss.overflowed == 1)
    #expect(try cast(.float64, (1e-300).bitPattern, to: .float32).loss.rounded == 1)
  }

  @Test func countsAndKeepsTheLargestError() throws {
    let tensor = try Tensor.floats([5], [1, 1.25, 2.5, .nan, 1e9])
    let loss = try CastStorage(tensor, to: .int8).loss()
    #expect(loss.rounded == 2)
    #expect(loss.overflowed == 2)
    #expect(loss.largestError == 0.5)
    #expect(try tensor.cast(to: .int8).bytes() == [1, 1, 2, 0, 127])
  }

  @Test func castsAcrossPieces() throws {
    let count = 200_001
    let tensor = try Tensor.floats([count], (0..<count).map(Float.init))
    let wide = try tensor.cast(to: .float64).cast(to: .float32)
    #expect(try wide.floatValues() == (0..<count).map(Float.init))
  }

  @Test func refusesWhatIsNoPlainNumber() throws {
    let text = try Tensor.strings([1], [[1]])
    #expect(failure { _ = try text.cast(to: .float32) }?.code == .unsupported)
    let number = try Tensor.floats([], [1])
    for dtype in [DType.string, .complex64, .qint8, .int4, .variant] {
      #expect(failure { _ = try number.cast(to: dtype) }?.code == .unsupported)
      #expect(!dtype.isCastable)
    }
  }
}
