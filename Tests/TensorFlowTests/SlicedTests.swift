import CheckpointCore
import ProtoWire
import TestKit
import Testing

@testable import TensorFlow

@Suite struct SlicedTests {
  /// Elements of a box, in row-major order, as positions in the whole tensor.
  private func positions(_ box: [Range<Int>], in dimensions: [Int]) -> [Int] {
    var positions = [0]
    for (range, size) in zip(box, dimensions) { positions = positions.flatMap { p in range.map { p * size + $0 } } }
    return positions
  }

  /// A bundle that holds one tensor in slices, listed in the order given.
  private func bundle(_ dtype: DType, _ dimensions: [Int], _ boxes: [[Range<Int>]], elements: [[UInt8]]) throws
    -> BundleBytes
  {
    var bundle = BundleBytes()
    var entry = WireWriter()
    entry.integer(1, DataType.number(dtype))
    TensorShape.write(try Shape(dimensions), to: &entry, field: 2)
    for box in boxes {
      let slice = TensorSlice(
        extents: zip(box, dimensions).map { .init(start: $0.lowerBound, length: $0.count == $1 ? nil : $0.count) })
      entry.message(7) { proto in
        for extent in slice.extents {
          proto.message(1) { part in
            part.integer(1, extent.start)
            if let length = extent.length {
              part.integer(2, length)
              if length == 0 { part.bytes(9, []) }
            }
          }
        }
      }
      let chosen = positions(box, in: dimensions).map { elements[$0] }
      if dtype == .string {
        let (bytes, sum) = try payload(chosen)
        try bundle.append(slice.key(for: "w"), dtype, box.map(\.count), bytes, crc32c: sum)
      } else {
        try bundle.append(slice.key(for: "w"), dtype, box.map(\.count), Array(chosen.joined()))
      }
    }
    bundle.entries.append((Array("w".utf8), entry.bytes))
    return bundle
  }

  private func payload(_ strings: [[UInt8]]) throws -> ([UInt8], UInt32) {
    let folder = try TemporaryFolder()
    var output = try StagedOutput(prefix: folder("s"), replacing: false, protecting: [])
    let storage = try StringStorage(strings)
    let sum = try StringPayload.write(storage, to: output.create(size: 0), at: 0)
    _ = try output.commit()
    return (try folder.read("s"), sum)
  }

  private func elements(_ count: Int, width: Int) -> [[UInt8]] {
    var random = RandomSource(seed: 41)
    return (0..<count).map { _ in random.bytes(width) }
  }

  private static let cuts: [(dimensions: [Int], boxes: [[Range<Int>]])] = [
    ([6], [[2..<6], [0..<2]]),
    ([4, 6], [[0..<4, 0..<1], [0..<4, 1..<6]]),
    ([4, 6], [[0..<2, 0..<3], [2..<4, 3..<6], [0..<2, 3..<6], [2..<4, 0..<3]]),
    ([5, 7, 3], [[0..<5, 0..<7, 1..<2], [0..<5, 0..<7, 0..<1], [0..<5, 0..<7, 2..<3]]),
    ([5, 7, 3], [[0..<5, 3..<7, 0..<3], [0..<1, 0..<3, 0..<3], [1..<5, 0..<3, 0..<2], [1..<5, 0..<3, 2..<3]]),
    (
      [2, 3, 2, 2],
      [
        [0..<1, 0..<3, 0..<2, 0..<2], [1..<2, 0..<2, 0..<2, 0..<2], [1..<2, 2..<3, 0..<1, 0..<2],
        [1..<2, 2..<3, 1..<2, 0..<2],
      ]
    ),
  ]

  @Test(arguments: [DType.bool, .float16, .uint16, .float32, .int64, .complex128, .bfloat16, .int4])
  func gluesOverAnyAxes(dtype: DType) throws {
    for (dimensions, boxes) in Self.cuts {
      let elements = elements(dimensions.reduce(1, *), width: dtype.width ?? 0)
      let store = try bundle(dtype, dimensions, boxes, elements: elements).open(in: TemporaryFolder())
      #expect(store.variables.map(\.name) == ["w"])
      #expect(store["w"]?.tensor.shape.dimensions == dimensions)
      #expect(try store["w"]?.tensor.bytes() == Array(elements.joined()), "\(dtype) \(dimensions)")
    }
  }

  @Test func gluesStrings() throws {
    for (dimensions, boxes) in Self.cuts {
      var random = RandomSource(seed: 42)
      let elements = (0..<dimensions.reduce(1, *)).map { _ in random.bytes(random.below(4)) }
      let store = try bundle(.string, dimensions, boxes, elements: elements).open(in: TemporaryFolder())
      #expect(try store["w"]?.tensor.bytes() == Tensor.strings(dimensions, elements).bytes())
    }
  }

  @Test func anyRangeOfElementsCanBeRead() throws {
    let (dimensions, boxes) = Self.cuts[4]
    let elements = elements(105, width: 2)
    let folder = try TemporaryFolder()
    let store = try bundle(.int16, dimensions, boxes, elements: elements).open(in: folder)
    let storage = try #require(store["w"]?.tensor.storage)
    for low in stride(from: 0, through: 105, by: 7) {
      for high in low...105 {
        var bytes = [UInt8](repeating: 0xee, count: 2 * (high - low))
        var span = bytes.mutableRawSpan(0..<bytes.count)
        try storage.read(into: &span, at: 2 * low)
        #expect(bytes == Array(elements[low..<high].joined()), "\(low)..<\(high)")
      }
    }
  }

  @Test func emptySlicesAndEmptyTensorsAreFine() throws {
    let some = elements(6, width: 4)
    #expect(
      try bundle(.float32, [0, 3], [[0..<0, 0..<1], [0..<0, 1..<3]], elements: []).open(in: TemporaryFolder())
        .contents()[0].bytes == [])
    let store = try bundle(.float32, [6], [[0..<6]], elements: some).open(in: TemporaryFolder())
    #expect(try store.contents()[0].bytes == Array(some.joined()))
  }

  @Test(
    arguments: [
      ("a gap", [[0..<2, 0..<6], [3..<4, 0..<6]]), ("nothing", []), ("an overlap", [[0..<3, 0..<6], [2..<4, 0..<6]]),
      ("a gap and an overlap that add up", [[0..<2, 0..<6], [1..<3, 0..<6]]), ("one of two", [[0..<4, 0..<3]]),
    ] as [(String, [[Range<Int>]])]) func refuses(what: String, boxes: [[Range<Int>]]) throws
  {
    let numbers = try bundle(.int16, [4, 6], boxes, elements: elements(24, width: 2))
    let strings = try bundle(.string, [4, 6], boxes, elements: elements(24, width: 2))
    for bundle in [numbers, strings] where !(boxes.isEmpty) {
      let error = failure { _ = try bundle.open(in: TemporaryFolder()) }
      #expect(error?.code == .corrupt && error?.variable == "w", "\(what): \(String(describing: error))")
      #expect(error?.message.contains("slices") == true)
    }
  }

  @Test func refusesAListedSliceWithoutEntry() throws {
    var bundle = try bundle(.int16, [4], [[0..<2], [2..<4]], elements: elements(4, width: 2))
    bundle.entries.remove(at: 0)
    #expect(failure { _ = try bundle.open(in: TemporaryFolder()) }?.message == "a slice that it lists has no entry")
  }

  @Test func refusesAnEntryOfASliceThatNobodyLists() throws {
    var bundle = try bundle(.int16, [4], [[0..<4]], elements: elements(4, width: 2))
    try bundle.append(TensorSlice(extents: [.init(start: 2, length: 2)]).key(for: "w"), .int16, [2], [0, 0, 0, 0])
    let error = failure { _ = try bundle.open(in: TemporaryFolder()) }
    #expect(error?.message == "has an entry for a slice that it does not list")
    #expect(error?.variable == "w")
  }

  @Test func refusesASliceOfAnotherDTypeOrShape() throws {
    for (dtype, dimensions) in [(DType.int16, [3]), (.uint16, [2]), (.int16, [1, 2]), (.int8, [4])] {
      var bundle = try bundle(.int16, [4], [[0..<2], [2..<4]], elements: elements(4, width: 2))
      let size = dimensions.reduce(dtype.width ?? 0, *)
      bundle.entries[0].value = BundleEntry(
        dtype: dtype, shape: try Shape(dimensions), shard: 0, offset: 0, size: size,
        crc32c: CRC32C(of: Array(bundle.data[..<size])).value
      ).encode()
      #expect(failure { _ = try bundle.open(in: TemporaryFolder()) }?.message.contains("is stored as") == true)
    }
  }

  @Test func aNameMayBeginWithAZeroByte() throws {
    var bundle = BundleBytes()
    try bundle.append([0, 0x61], .uint8, [1], [5])
    try bundle.append([0], .uint8, [1], [6])
    let store = try bundle.open(in: TemporaryFolder())
    #expect(try store.contents().map(\.bytes) == [[6], [5]])
  }

  @Test func aShapeThatNoSlicesCanFillAllocatesNothing() throws {
    let bundle = try bundle(.int16, [1 << 39, 1 << 20], [], elements: [])
    var entries = bundle
    var entry = WireWriter()
    entry.integer(1, DataType.number(.int16))
    TensorShape.write(try Shape([1 << 39, 1 << 20]), to: &entry, field: 2)
    entry.message(7) { $0.message(1) { $0.integer(2, 1) } }
    entries.entries = [(Array("w".utf8), entry.bytes)]
    try entries.append(TensorSlice(extents: [.init(start: 0, length: 1)]).key(for: "w"), .int16, [1], [0, 0])
    #expect(failure { _ = try entries.open(in: TemporaryFolder()) }?.code == .corrupt)
  }
}

@Suite struct StringPayloadTests {
  @Test func isLengthsTheirChecksumAndCharacters() throws {
    let folder = try TemporaryFolder()
    let store = try VariableStore(["s": .strings([3], [Array("ab".utf8), [], [0]])])
    try TensorFlowFormats.bundle.save(store, to: folder("m"))
    // Lengths count as four bytes each for the checksum, whatever they take in the file.
    let hashed = hex("02000000 00000000 01000000")
    var expected = hex("02 00 01")
    expected.appendLittleEndian(UInt64(CRC32C(of: hashed).masked), count: 4)
    expected += hex("61 62 00")
    #expect(try folder.read("m.data-00000-of-00001") == expected)
    let index = try BundleIndex(prefix: folder("m"))
    #expect(index.entries[0].value.crc32c == CRC32C(of: hashed + expected[3...]).value)
  }

  /// An object graph is one string: its length takes 1, 2 or 3 bytes before the checksum.
  @Test(arguments: [(0, 5), (127, 5), (128, 6), (16383, 6), (16384, 7)]) func aScalarHasAPrefixThatGrows(
    length: Int, prefix: Int
  ) throws {
    let folder = try TemporaryFolder()
    let text = [UInt8](repeating: 0x7a, count: length)
    try TensorFlowFormats.bundle.save(
      VariableStore(["_CHECKPOINTABLE_OBJECT_GRAPH": .strings([], [text])]), to: folder("m"))
    #expect(try folder.read("m.data-00000-of-00001").count == prefix + length)
    #expect(try TensorFlowFormats.bundle.load(folder("m")).contents()[0].bytes.dropFirst(8) == text[...])
  }

  private func read(_ dimensions: [Int], _ bytes: [UInt8], crc32c: UInt32) throws -> [UInt8] {
    var bundle = BundleBytes()
    try bundle.append(Array("s".utf8), .string, dimensions, bytes, crc32c: crc32c)
    return try bundle.open(in: TemporaryFolder()).contents()[0].bytes
  }

  private func mark(_ hashed: String) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(UInt64(CRC32C(of: hex(hashed)).masked), count: 4)
    return bytes
  }

  @Test func aLengthMayTakeMoreBytesThanItNeeds() throws {
    let rest = mark("01000000") + [0x61]
    #expect(
      try read([1], hex("81 00") + rest, crc32c: CRC32C(of: hex("01000000") + rest).value) == hex("0100000000000000 61")
    )
  }

  @Test func refusesLengthsThatDoNotFit() {
    #expect(failure { _ = try read([1], hex("02") + mark("02000000") + [0x61], crc32c: 0) }?.code == .corrupt)
    #expect(failure { _ = try read([1], hex("00") + mark("00000000") + [0x61], crc32c: 0) }?.code == .corrupt)
    #expect(failure { _ = try read([1], hex("ff ff ff ff 0f") + mark("ffffffff"), crc32c: 0) }?.code == .corrupt)
    #expect(failure { _ = try read([1], hex("ff ff ff ff ff ff ff ff 7f") + mark("00"), crc32c: 0) }?.code == .corrupt)
    #expect(
      failure { _ = try read([1 << 40], hex("00") + mark("00000000"), crc32c: 0) }?.message.contains("cannot be in")
        == true)
    #expect(failure { _ = try read([2], hex("01"), crc32c: 0) }?.code == .corrupt)
  }

  @Test func everyFlippedBitIsFound() throws {
    let rest = hex("02 00") + mark("02000000 00000000") + [0x61, 0x62]
    let sum = CRC32C(of: hex("02000000 00000000") + rest[2...]).value
    #expect(try read([2], rest, crc32c: sum).count == 18)
    for bit in 0..<8 * rest.count {
      var bytes = rest
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(failure { _ = try read([2], bytes, crc32c: sum) }?.code == .corrupt, "bit \(bit)")
    }
  }
}

@Suite struct VariantTests {
  /// Two serialised variants as a bundle keeps them, and the sum of their entry.
  private var payload: (bytes: [UInt8], sum: UInt32) {
    var bytes: [UInt8] = []
    var sum = CRC32C()
    for variant in [hex("0a 01 78"), []] {
      bytes.appendVarint(UInt64(variant.count))
      var length: [UInt8] = []
      length.appendLittleEndian(UInt64(variant.count), count: 8)
      sum.update((length + variant).rawSpan)
      var mark: [UInt8] = []
      mark.appendLittleEndian(UInt64(sum.masked), count: 4)
      bytes += variant + mark
      sum.update(mark.rawSpan)
    }
    return (bytes, sum.value)
  }

  @Test func areCarriedFromBundleToBundleAsTheyAre() throws {
    let folder = try TemporaryFolder()
    var bundle = BundleBytes()
    try bundle.append(Array("v".utf8), .variant, [2], payload.bytes, crc32c: payload.sum)
    let store = try bundle.open(in: folder)
    #expect(BundleWriter().losses(writing: store).isEmpty)
    try TensorFlowFormats.bundle.save(store, to: folder("copy"))
    #expect(try folder.read("copy.data-00000-of-00001") == payload.bytes)
    #expect(try folder.read("copy.index") == folder.read("model.index"))
  }

  @Test func everyFlippedBitIsFound() throws {
    for bit in 0..<8 * payload.bytes.count {
      var bytes = payload.bytes
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      var bundle = BundleBytes()
      try bundle.append(Array("v".utf8), .variant, [2], bytes, crc32c: payload.sum)
      #expect(failure { _ = try bundle.open(in: TemporaryFolder()).contents() }?.code == .corrupt, "bit \(bit)")
    }
  }
}
