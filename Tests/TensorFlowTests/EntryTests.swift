import CheckpointCore
import ProtoWire
import TestKit
import Testing

@testable import TensorFlow

@Suite struct HeaderTests {
  private func header(_ bytes: String) throws -> BundleHeader { try BundleHeader(Message(hex(bytes))) }

  @Test func isWrittenAsTensorFlowWritesIt() throws {
    #expect(BundleHeader.encode(shardCount: 1) == hex("08 01  1a 02 08 01"))
    #expect(BundleHeader.encode(shardCount: 300) == hex("08 ac 02  1a 02 08 01"))
    let header = try header("08 05  1a 02 08 01")
    #expect(header.shardCount == 5 && !header.isBigEndian && header.hasVersion)
  }

  @Test func knowsBothByteOrders() throws {
    #expect(try header("08 01 10 01").isBigEndian)
    #expect(try !header("08 01 10 00").isBigEndian)
    #expect(failure { _ = try header("08 01 10 02") }?.code == .corrupt)
  }

  @Test(arguments: ["", "08 00", "08 ff ff ff ff ff ff ff ff ff 01", "08 80 80 80 80 10", "0a 00", "08", "ff"])
  func refusesAnAbsurdShardCount(bytes: String) {
    #expect(failure { _ = try header(bytes) }?.code == .corrupt)
  }

  @Test func refusesWhatNeedsANewerReader() throws {
    #expect(failure { _ = try header("08 01 1a 02 10 02") }?.code == .unsupported)
    #expect(failure { _ = try header("08 01 1a 02 18 01") }?.code == .unsupported)
    #expect(try header("08 01 1a 04 08 09 10 01").shardCount == 1, "a newer producer is fine")
    #expect(try !header("08 01").hasVersion)
  }
}

@Suite struct EntryTests {
  private func entry(_ bytes: String) throws -> BundleEntry { try BundleEntry(Message(hex(bytes))) }

  @Test func zerosAreAbsentAndTheChecksumIsFixed() throws {
    // From the index of a TensorFlow 1.8.0 checkpoint: dense/bias, float32 [4].
    let bytes = "08 01  12 04 12 02 08 04  28 10  35 2a b4 65 8c"
    let read = try entry(bytes)
    #expect(read.dtype == .float32 && read.shape.dimensions == [4])
    #expect(read.shard == 0 && read.offset == 0 && read.size == 16)
    #expect(read.crc32c == CRC32C(masked: 0x8c65_b42a).value)
    #expect(read.encode() == hex(bytes))
  }

  @Test func aScalarHasAnEmptyShapeAndADimensionOfZeroAnEmptyDimension() throws {
    let empty = CRC32C(of: []).value
    let scalar = BundleEntry(dtype: .int64, shape: .scalar, shard: 2, offset: 300, size: 8, crc32c: 0x1234)
    #expect(scalar.encode() == hex("08 09  12 00  18 02  20 ac 02  28 08  35") + little(CRC32C(0x1234).masked))
    let none = BundleEntry(dtype: .float32, shape: try Shape([0, 2]), shard: 0, offset: 0, size: 0, crc32c: empty)
    #expect(none.encode() == hex("08 01  12 06 12 00 12 02 08 02  35 d8 ea 82 a2"))
    #expect(try entry("08 01  12 06 12 00 12 02 08 02  35 d8 ea 82 a2").shape.dimensions == [0, 2])
  }

  private func little(_ value: UInt32) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(UInt64(value), count: 4)
    return bytes
  }

  @Test func anUnknownFieldIsSkippedAndTheLastOfTwoCounts() throws {
    let read = try entry("08 03  9a 06 01 ff  08 01  12 02 12 00  28 00")
    #expect(read.dtype == .float32)
  }

  /// [3] and [4, 5] are [3, 4, 5], as for every reader of protocol buffers.
  @Test func aShapeThatIsThereTwiceIsOne() throws {
    let read = try entry("08 01  12 04 12 02 08 03  12 08 12 02 08 04 12 02 08 05  28 f0 01")
    #expect(read.shape.dimensions == [3, 4, 5])
  }

  @Test(arguments: [
    ("no dtype", "12 00 28 04", CheckpointError.Code.corrupt), ("dtype 99", "08 63", .corrupt),
    ("a reference", "08 65", .corrupt),
    ("a resource", "08 14", .unsupported), ("a negative size", "08 01 28 ff ff ff ff ff ff ff ff ff 01", .corrupt),
    ("a negative offset", "08 01 20 e0 ff ff ff ff ff ff ff ff 01", .corrupt),
    ("a negative dimension", "08 01 12 0d 12 0b 08 ff ff ff ff ff ff ff ff ff 01", .corrupt),
    ("an unknown rank", "08 01 12 02 18 01", .corrupt),
    ("a checksum as varint", "08 01 30 05", .corrupt), ("half a field", "08", .corrupt),
    ("a shape as varint", "08 01 10 04", .corrupt),
    ("a shape of 2⁶⁴", "08 01 12 10 12 06 08 80 80 80 80 10 12 06 08 80 80 80 80 10", .corrupt),
  ])
  func refuses(what: String, bytes: String, code: CheckpointError.Code) {
    #expect(failure { _ = try entry(bytes) }?.code == code, "\(what)")
  }
}

@Suite struct OrderedCodeTests {
  private func signed(_ value: Int64) -> String {
    var bytes: [UInt8] = []
    OrderedCode.append(signed: value, to: &bytes)
    return bytes.hexadecimal
  }

  /// As the keys of TensorFlow's own sliced checkpoints have them.
  @Test(
    arguments: [
      (0, "80"), (1, "81"), (-1, "7f"), (63, "bf"), (64, "c0 40"), (-64, "40"), (-65, "3f bf"), (8191, "df ff"),
      (8192, "e0 20 00"),
      (-8192, "20 00"), (-8193, "1f df ff"), (1 << 20 - 1, "ef ff ff"), (1 << 20, "f0 10 00 00"),
      (.max, "ff c0 7f ff ff ff ff ff ff ff"),
      (.min, "00 3f 80 00 00 00 00 00 00 00"),
    ] as [(Int64, String)]) func writesSignedNumbers(value: Int64, bytes: String)
  {
    #expect(signed(value) == bytes)
  }

  @Test func numbersSortAsTheirBytes() {
    var values: [Int64] = [.min, .min + 1, -1, 0, 1, .max]
    for shift in 1..<63 {
      for near in -1...1 as ClosedRange<Int64> { values += [(1 << shift) + near, -(1 << shift) + near] }
    }
    values.sort()
    for (a, b) in zip(values, values.dropFirst()) where a < b {
      var x: [UInt8] = []
      var y: [UInt8] = []
      OrderedCode.append(signed: a, to: &x)
      OrderedCode.append(signed: b, to: &y)
      #expect(x.lexicographicallyPrecedes(y), "\(a) \(b)")
    }
  }

  @Test func writesUnsignedNumbersAndStrings() {
    var bytes: [UInt8] = []
    OrderedCode.append(unsigned: 0, to: &bytes)
    OrderedCode.append(unsigned: 1, to: &bytes)
    OrderedCode.append(unsigned: 256, to: &bytes)
    #expect(bytes == hex("00  01 01  02 01 00"))
    bytes = []
    OrderedCode.append(string: [0x61, 0, 0xff, 0x62], to: &bytes)
    #expect(bytes == hex("61 00ff ff00 62 0001"))
  }
}

@Suite struct SliceTests {
  private func slice(_ extents: [(Int, Int?)]) -> TensorSlice {
    TensorSlice(extents: extents.map { .init(start: $0.0, length: $0.1) })
  }

  /// The keys of `s-tf2-slices_noread` and `s-tf18-part_raw`, written by TensorFlow.
  @Test func keysAreThoseThatTensorFlowWrites() {
    #expect(slice([(0, 2)]).key(for: "alpha/bfloat16") == [0] + Array("alpha/bfloat16".utf8) + hex("00 01 01 01 80 82"))
    #expect(slice([(2, 4)]).key(for: "float16") == [0] + Array("float16".utf8) + hex("00 01 01 01 82 84"))
    #expect(
      slice([(0, 4), (0, nil), (1, 3)]).key(for: "beta") == [0] + Array("beta".utf8)
        + hex("00 01 01 03 80 84 80 7f 81 83"))
    #expect(slice([]).key(for: "s") == hex("00 73 00 01 00"), "rank 0 has no byte but its count")
    #expect(slice([(64, 8192)]).key(for: Name(bytes: [0, 0xff])) == hex("00  00ff ff00 0001  01 01  c0 40  e0 20 00"))
  }

  @Test func aKeyGivesItsNameBack() {
    for name in ["w", "a/b", "", "\u{0}x", "w\u{0}\u{1}"] as [Name] + [Name(bytes: [0xff, 0, 0xff])] {
      #expect(OrderedCode.sliceName(in: slice([(0, 2), (3, nil)]).key(for: name)) == name)
    }
    #expect(OrderedCode.sliceName(in: Array("w".utf8)) == nil)
    #expect(OrderedCode.sliceName(in: hex("00 61 62 63")) == nil, "a name that begins with a zero byte")
    #expect(OrderedCode.sliceName(in: []) == nil)
  }

  @Test func readsExtents() throws {
    // starts and lengths (0, 2), (1, all)
    let read = try TensorSlice(Message(hex("0a 02 10 02  0a 02 08 01")))
    #expect(read == slice([(0, 2), (1, nil)]))
  }

  @Test func refusesASliceThatReachesOutside() throws {
    let shape = try Shape([4, 5])
    #expect(try slice([(0, nil), (2, 3)]).box(in: shape).ranges == [0..<4, 2..<5])
    for extents in [
      [(0, 4)], [(0, 5), (0, nil)], [(-1, 2), (0, nil)], [(0, -2), (0, nil)], [(.max, 1), (0, nil)],
      [(1, nil), (0, nil)],
    ] as [[(Int, Int?)]] {
      #expect(failure { _ = try slice(extents).box(in: shape) }?.code == .corrupt, "\(extents)")
    }
  }
}

@Suite struct ShardNameTests {
  @Test func countsWithFiveDigits() {
    #expect(ShardName.suffix(0, of: 1) == ".data-00000-of-00001")
    #expect(ShardName.suffix(99_998, of: 99_999) == ".data-99998-of-99999")
    #expect(ShardName.suffix(7, of: 123_456) == ".data-00007-of-123456")
  }

  @Test func findsThePrefix() {
    let shard = ShardName.prefix(of: "dir/model.ckpt-3.data-00002-of-00005")
    #expect(shard?.prefix == "dir/model.ckpt-3" && shard?.shard == 2 && shard?.count == 5)
    #expect(ShardName.prefix(of: "a.data-00000-of-00001.data-00000-of-00002")?.prefix == "a.data-00000-of-00001")
    #expect(ShardName.prefix(of: ".data-00000-of-00001")?.prefix == "")
    for name in [
      "model.data-0-of-1", "model.data-00000-of-00000", "model.data-00000-of-00001.tempstate123", "model.data-00000",
      "model", ".data-", "",
    ] {
      #expect(ShardName.prefix(of: name) == nil, "\(name)")
    }
  }
}
