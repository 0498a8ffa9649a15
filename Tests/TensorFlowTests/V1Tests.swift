import CheckpointCore
import ProtoWire
import TestKit
import Testing

@testable import TensorFlow

/// A V1 checkpoint made record by record, so that it can be wrong where a writer is right.
private struct V1Bytes {
  var tensors: [(name: String, type: Int, dimensions: [Int], slices: [TensorSlice])] = []
  var records: [(key: [UInt8], value: [UInt8])] = []
  var meta: [UInt8]?

  /// - Parameter data: a serialised TensorProto.
  mutating func append(
    _ name: String, _ type: Int, _ dimensions: [Int], _ slice: TensorSlice? = nil, data: [UInt8]
  ) throws {
    let slice = try slice ?? TensorSlice(whole: Shape(dimensions))
    if let known = tensors.firstIndex(where: { $0.name == name }) {
      tensors[known].slices.append(slice)
    } else {
      tensors.append((name, type, dimensions, [slice]))
    }
    records.append((slice.key(for: Name(name)), V1Bytes.record(name, slice, data)))
  }

  static func record(_ name: String, _ slice: TensorSlice, _ data: [UInt8]) -> [UInt8] {
    var writer = WireWriter()
    writer.message(2) { record in
      record.bytes(1, name.utf8)
      slice.write(to: &record, field: 2)
      record.bytes(3, data)
    }
    return writer.bytes
  }

  var file: [UInt8] {
    var list = WireWriter()
    list.message(1) { meta in
      for tensor in tensors {
        meta.message(1) { entry in
          entry.bytes(1, tensor.name.utf8)
          entry.message(2) { shape in for size in tensor.dimensions { shape.message(2) { $0.integer(1, size) } } }
          entry.integer(3, tensor.type)
          for slice in tensor.slices { slice.write(to: &entry, field: 4) }
        }
      }
    }
    var table = TableWriter()
    table.append([], meta ?? list.bytes)
    for (key, value) in records.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) { table.append(key, value) }
    return table.finish()
  }

  func open(in folder: TemporaryFolder) throws -> VariableStore {
    try folder.write(file, to: "model.ckpt")
    return try V1Reader().open(folder("model.ckpt"), options: ReadOptions())
  }
}

private func slice(_ extents: (Int, Int?)...) -> TensorSlice {
  TensorSlice(extents: extents.map { .init(start: $0.0, length: $0.1) })
}

@Suite struct V1Tests {
  /// b int8 [2] = -1, 5; h float16 [1] = 1; s string []; w float32 [2] = 1, -2.
  private func sample() throws -> V1Bytes {
    var file = V1Bytes()
    try file.append("b", 6, [2], data: hex("3a0b ffffffffffffffffff01 05"))
    try file.append("h", 19, [1], data: hex("6a02 8078"))
    try file.append("s", 7, [], data: hex("4202 6869"))
    try file.append("w", 1, [2], data: hex("2a08 0000803f 000000c0"))
    return file
  }

  /// `versions` of the meta: min_consumer 2; bad_consumers [1], one by one and packed.
  @Test(arguments: ["0a 04 12 02 10 02", "0a 04 12 02 18 01", "0a 05 12 03 1a 01 01"])
  func readersThatAWriterForbidsRefuse(meta: String) throws {
    var file = try sample()
    file.meta = hex(meta)
    #expect(failure { _ = try file.open(in: TemporaryFolder()) }?.code == .unsupported)
  }

  @Test func readsEachListOfValues() throws {
    let store = try sample().open(in: try TemporaryFolder())
    #expect(store.variables.map(\.name) == ["b", "h", "s", "w"])
    #expect(try store["b"]?.tensor.bytes() == [0xff, 5])
    #expect(try store["h"]?.tensor.bytes() == [0x00, 0x3c])
    #expect(try store["s"]?.tensor.bytes() == [2, 0, 0, 0, 0, 0, 0, 0, 0x68, 0x69])
    #expect(try store["w"]?.tensor.bytes() == hex("0000803f 000000c0"))
    #expect(store["w"]?.tensor.storage is FileStorage, "floats stay where they are")
  }

  @Test func writesTheBytesOfTensorFlow() throws {
    // TensorFlow 1.8.0, Saver(write_version=V1): global_step int64 [] = 7, n int8 [2] = -1, 5, w float32 [1, 2] = 1, -2.
    let bytes = hex(
      """
      0000430a410a130a0b676c6f62616c5f737465701200180922000a0f0a016e120412020802180622020a000a150a01771208120208011202080218012204
      0a000a0012020801000f1600676c6f62616c5f7374657000010012140a0b676c6f62616c5f7374657012001a035201070107186e00010101807f12160a01
      6e12020a001a0d3a0bffffffffffffffffff01050109177700010102807f807f12150a017712040a000a001a0a2a080000803f000000c000000000010000
      00008206c364000000000100000000c0f2a1b00001030100bb010000000001000000007402c79ec00108cd010f0000000000000000000000000000000000
      000000000000000000000000000000000057fb808b247547db
      """)
    let folder = try TemporaryFolder()
    let store = try VariableStore([
      "w": .floats([1, 2], [1, -2]), "n": Tensor(.int8, [2], [0xff, 5]),
      "global_step": Tensor(.int64, [], [7, 0, 0, 0, 0, 0, 0, 0]),
    ])
    try TensorFlowFormats.v1.save(store, to: folder("ours"))
    #expect(try InputFile(folder("ours")).contents(limit: 1000) == bytes)
    try folder.write(bytes, to: "theirs")
    #expect(try V1Reader().open(folder("theirs"), options: ReadOptions()).contents() == store.contents())
  }

  @Test func takesValuesThatAreNotPacked() throws {
    var file = V1Bytes()
    try file.append("w", 1, [3], data: hex("2d 0000803f 2a04 000000c0 2d 00000000"))
    try file.append("i", 3, [3], data: hex("3801 3a02 0203"))
    let store = try file.open(in: try TemporaryFolder())
    #expect(try store["w"]?.tensor.bytes() == hex("0000803f 000000c0 00000000"))
    #expect(try store["i"]?.tensor.bytes() == hex("01000000 02000000 03000000"))
  }

  @Test func gluesSlices() throws {
    var file = V1Bytes()
    try file.append("w", 1, [2, 2], slice((0, nil), (1, 1)), data: hex("2a08 00000040 00008040"))
    try file.append("w", 1, [2, 2], slice((0, nil), (0, 1)), data: hex("2a08 0000803f 00004040"))
    let store = try file.open(in: try TemporaryFolder())
    #expect(try store["w"]?.tensor.bytes() == hex("0000803f 00000040 00004040 00008040"))
  }

  @Test func gluesSlicesOfStrings() throws {
    var file = V1Bytes()
    try file.append("s", 7, [3], slice((1, 2)), data: hex("4202 6869 4200"))
    try file.append("s", 7, [3], slice((0, 1)), data: hex("4201 61"))
    let store = try file.open(in: try TemporaryFolder())
    #expect(
      try store["s"]?.tensor.bytes() == hex("0100000000000000 61 0200000000000000 6869 0000000000000000"))
  }

  /// Two messages in one field are one to a protocol buffer; no writer has that in mind.
  @Test func aRecordHoldsOneSliceAndTheListNone() throws {
    var twice = try sample()
    twice.records[3].value += twice.records[3].value
    #expect(failure { _ = try twice.open(in: TemporaryFolder()) }?.message == "a record holds two slices")
    var list = try sample()
    list.meta = hex("0a00 1200")
    #expect(failure { _ = try list.open(in: TemporaryFolder()) }?.message.contains("holds values") == true)
  }

  @Test func refusesWhatIsListedTwiceOrNotAtAll() throws {
    var twice = try sample()
    twice.tensors[3].slices.append(twice.tensors[3].slices[0])
    #expect(failure { _ = try twice.open(in: TemporaryFolder()) }?.code == .corrupt)
    for type in [0, 20, 99] {
      var unknown = try sample()
      unknown.tensors[3].type = type
      let error = failure { _ = try unknown.open(in: TemporaryFolder()) }
      #expect(error?.code == .corrupt || error?.code == .unsupported, "\(type): \(String(describing: error))")
    }
    let folder = try TemporaryFolder()
    var a = V1Bytes()
    try a.append("w", 1, [2], slice((0, 1)), data: hex("2a04 0000803f"))
    var b = V1Bytes()
    try b.append("w", 1, [3], slice((1, 2)), data: hex("2a08 000000c0 000000c0"))
    try folder.write(a.file, to: "m-00000-of-00002")
    try folder.write(b.file, to: "m-00001-of-00002")
    let error = failure { _ = try V1Reader().open(folder("m"), options: ReadOptions()) }
    #expect(error?.message.contains("different shapes") == true)
  }

  @Test func isWrittenAsOneFile() throws {
    let folder = try TemporaryFolder()
    let store = try VariableStore(["w": .floats([1], [1])])
    let error = failure {
      try TensorFlowFormats.v1.save(store, to: folder("m"), options: WriteOptions(shards: 2))
    }
    #expect(error?.code == .usage)
  }

  @Test func refusesTooFewAndTooManyValues() throws {
    for data in ["", "2a04 0000803f", "2a0c 0000803f 0000803f 0000803f", "2a07 0000803f 000000", "3a02 0101"] {
      var file = V1Bytes()
      try file.append("w", 1, [2], data: hex(data))
      let error = failure { _ = try file.open(in: try TemporaryFolder()) }
      #expect(error?.code == .corrupt && error?.variable == "w", "\(data): \(String(describing: error))")
    }
  }

  @Test func refusesNumbersThatDoNotFit() throws {
    for (type, data) in [(6, "3a02 8001"), (4, "3a0a ffffffffffffffffff01"), (10, "5a01 02"), (19, "6a03 808004")] {
      var file = V1Bytes()
      try file.append("w", type, [1], data: hex(data))
      #expect(failure { _ = try file.open(in: try TemporaryFolder()) }?.code == .corrupt, "\(data)")
    }
  }

  @Test func refusesRecordsAndListsThatDisagree() throws {
    let folder = try TemporaryFolder()
    var missing = try sample()
    missing.records.removeLast()
    #expect(failure { _ = try missing.open(in: folder) }?.variable == "w")
    var unlisted = try sample()
    unlisted.tensors.removeLast()
    #expect(failure { _ = try unlisted.open(in: folder) }?.variable == "w")
    var swapped = try sample()
    swapped.records[3].value = V1Bytes.record("v", slice((0, nil)), hex("2a08 0000803f 000000c0"))
    #expect(failure { _ = try swapped.open(in: folder) }?.message.contains("holds one of 'v'") == true)
    var overlapping = V1Bytes()
    try overlapping.append("w", 1, [3], slice((0, 2)), data: hex("2a08 0000803f 0000803f"))
    try overlapping.append("w", 1, [3], slice((1, 2)), data: hex("2a08 0000803f 0000803f"))
    #expect(failure { _ = try overlapping.open(in: folder) }?.message.contains("overlap") == true)
    var bundle = try sample()
    bundle.meta = BundleHeader.encode(shardCount: 1)
    #expect(failure { _ = try bundle.open(in: folder) }?.code == .corrupt)
    var newer = try sample()
    newer.meta = hex("0a04 1202 1002")
    #expect(failure { _ = try newer.open(in: folder) }?.code == .unsupported)
  }

  @Test func aLargeTensorStaysInTheFileAndIsSummed() throws {
    let folder = try TemporaryFolder()
    var random = RandomSource(seed: 3)
    let large = random.bytes(3 << 20)
    let numbers = random.bytes(1 << 20)
    let store = try VariableStore([
      "a": .floats([2], [1, 2]),
      "large": Tensor(.float32, [3 << 18], large),
      "numbers": Tensor(.int32, [1 << 18], numbers),
    ])
    try TensorFlowFormats.v1.save(store, to: folder("model.ckpt"))
    let read = try V1Reader().open(folder("model.ckpt"), options: ReadOptions())
    #expect(read["large"]?.tensor.storage.crc32c == CRC32C(of: large).value)
    #expect(try read.contents() == store.contents())

    var bytes = try InputFile(folder("model.ckpt")).contents(limit: 1 << 30)
    bytes[1 << 20] ^= 1
    try folder.write(bytes, to: "model.ckpt")
    let damaged = try V1Reader().open(folder("model.ckpt"), options: ReadOptions())
    #expect(failure { _ = try damaged["large"]?.tensor.bytes() }?.message.contains("checksum") == true)
    bytes[1 << 20] ^= 1
    bytes[bytes.count - 2000] ^= 1
    try folder.write(bytes, to: "model.ckpt")
    #expect(
      failure { _ = try V1Reader().open(folder("model.ckpt"), options: ReadOptions()) }?.code == .corrupt,
      "numbers that are decoded are checked before")
  }

  @Test func namesWhatItCannotHold() throws {
    let store = try VariableStore([
      "brain": Tensor(.bfloat16, [], [0, 0]),
      "unsigned": Tensor(.uint32, [], [0, 0, 0, 0]),
      "fine": .floats([1], [1]),
    ])
    #expect(V1Writer().losses(writing: store).map(\.variable) == ["brain", "unsigned"])
  }

  @Test func findsTheFilesOfASet() throws {
    let folder = try TemporaryFolder()
    var a = V1Bytes()
    try a.append("w", 1, [2], slice((0, 1)), data: hex("2a04 0000803f"))
    var b = V1Bytes()
    try b.append("w", 1, [2], slice((1, 1)), data: hex("2a04 000000c0"))
    try folder.write(a.file, to: "m-00000-of-00002")
    for path in ["m-00000-of-00002", "m-?????-of-00002", "m"] {
      let found = try V1Files.recognise(Candidate(folder(path)))
      #expect(found == folder("m"), "\(path)")
    }
    let error = failure { _ = try V1Reader().open(folder("m"), options: ReadOptions()) }
    #expect(error?.code == .notFound && error?.file == folder("m-00001-of-00002"))
    try folder.write(b.file, to: "m-00001-of-00002")
    let store = try V1Reader().open(folder("m"), options: ReadOptions())
    #expect(try store["w"]?.tensor.bytes() == hex("0000803f 000000c0"))
    try folder.write(a.file, to: "m-00000-of-00003")
    #expect(failure { _ = try V1Reader().open(folder("m"), options: ReadOptions()) }?.code == .usage)
    #expect(try V1Files.recognise(Candidate(folder("m-00001-of-00002"))) == folder("m-?????-of-00002"))
  }

  @Test func isNotTakenForABundle() throws {
    let folder = try TemporaryFolder()
    try folder.write(try sample().file, to: "v1")
    var table = TableWriter()
    table.append([], BundleHeader.encode(shardCount: 1))
    try folder.write(table.finish(), to: "v2")
    #expect(try V1Files.recognise(Candidate(folder("v1"))) == folder("v1"))
    #expect(try V1Files.recognise(Candidate(folder("v2"))) == nil)
    #expect(try BundleReader.recognise(Candidate(folder("v1"))) == nil)
  }
}
