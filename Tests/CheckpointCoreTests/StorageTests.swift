import CheckpointCore
import TestKit
import Testing

@Suite struct StorageTests {
  private func read(_ storage: some TensorStorage, _ range: Range<Int>) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0xee, count: range.count)
    var span = bytes.mutableRawSpan(0..<range.count)
    try storage.read(into: &span, at: range.lowerBound)
    return bytes
  }

  @Test func aStringIsItsLengthAndItsBytes() throws {
    let storage = try StringStorage([Array("ab".utf8), [], [0]])
    let bytes = hex("0200000000000000 6162  0000000000000000  0100000000000000 00")
    #expect(storage.byteCount == bytes.count)
    for low in 0...bytes.count {
      for high in low...bytes.count {
        #expect(try read(storage, low..<high) == Array(bytes[low..<high]), "\(low)..<\(high)")
      }
    }
  }

  @Test func refusesLengthsThatDoNotAddUp() {
    #expect(failure { _ = try StringStorage(lengths: [1, 2], characters: MemoryStorage([1, 2])) }?.code == .corrupt)
    #expect(failure { _ = try StringStorage(lengths: [-1, 3], characters: MemoryStorage([1, 2])) }?.code == .corrupt)
    #expect(
      failure { _ = try StringStorage(lengths: [.max, .max, 4], characters: MemoryStorage([1, 2])) }?.code == .corrupt)
  }

  @Test func gathersPiecesOfSeveralSources() throws {
    let a = MemoryStorage([0, 1, 2, 3])
    let b = MemoryStorage([10, 11])
    let storage = GatheredStorage(
      sources: [a, b],
      pieces: [
        .init(source: 1, offset: 1, count: 1), .init(source: 0, offset: 0, count: 0),
        .init(source: 0, offset: 1, count: 3), .init(source: 1, offset: 0, count: 1),
      ])
    let bytes: [UInt8] = [11, 1, 2, 3, 10]
    for low in 0...5 { for high in low...5 { #expect(try read(storage, low..<high) == Array(bytes[low..<high])) } }
  }

  @Test func refusesARangeOutsideOfWhatThereIs() throws {
    let strings = try StringStorage([Array("ab".utf8)])
    let memory = MemoryStorage([1, 2, 3])
    #expect(failure { _ = try read(memory, 2..<4) }?.code == .corrupt)
    #expect(failure { _ = try read(memory, -1..<1) }?.code == .corrupt)
    #expect(failure { _ = try read(strings, 9..<11) }?.code == .corrupt)
    let reason = CheckpointError(.corrupt, "is cut short")
    let gone = MissingStorage(byteCount: 3, reason: reason)
    let gathered = GatheredStorage(sources: [memory, gone], pieces: [.init(source: 0, offset: 0, count: 3)])
    #expect(gathered.missing?.message == "is cut short" && gathered.recordedSum == nil)
    #expect(failure { _ = try read(gone, 0..<1) }?.message == "is cut short")
  }

  @Test func swapsWordsOfEveryWidth() throws {
    let bytes = Array(UInt8(0)..<16)
    #expect(try read(ByteSwappedStorage(MemoryStorage(bytes), wordWidth: 2), 2..<6) == [3, 2, 5, 4])
    #expect(try read(ByteSwappedStorage(MemoryStorage(bytes), wordWidth: 4), 4..<8) == [7, 6, 5, 4])
    #expect(
      try read(ByteSwappedStorage(MemoryStorage(bytes), wordWidth: 8), 0..<16) == [
        7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8,
      ])
    #expect(try read(ByteSwappedStorage(MemoryStorage(bytes), wordWidth: 16), 0..<16) == bytes.reversed())
  }

  @Test func refusesARangeOutsideTheFile() throws {
    let folder = try TemporaryFolder()
    let file = try folder.file([1, 2, 3])
    #expect(failure { _ = try FileStorage(file, offset: 1, byteCount: 3) }?.code == .corrupt)
    #expect(failure { _ = try FileStorage(file, offset: .max, byteCount: 1) }?.code == .corrupt)
    #expect(failure { _ = try FileStorage(file, offset: -1, byteCount: 1) }?.code == .corrupt)
    #expect(failure { _ = try FileStorage(file, offset: 0, byteCount: -1) }?.code == .corrupt)
    #expect(try read(FileStorage(file, offset: 3, byteCount: 0), 0..<0) == [])
    #expect(failure { _ = try read(try FileStorage(file, offset: 1, byteCount: 2), 1..<3) }?.code == .corrupt)
  }

  @Test func aWrongChecksumIsFoundByReadingAll() throws {
    let folder = try TemporaryFolder()
    let file = try folder.file(Array("123456789".utf8))
    let good = try Tensor(
      dtype: .uint8, shape: Shape([9]), storage: FileStorage(file, offset: 0, byteCount: 9, crc32c: 0xe306_9283))
    #expect(try good.bytes() == Array("123456789".utf8))
    let bad = try Tensor(
      dtype: .uint8, shape: Shape([9]), storage: FileStorage(file, offset: 0, byteCount: 9, crc32c: 1))
    let error = failure { _ = try bad.bytes() }
    #expect(error?.code == .corrupt)
    #expect(error?.message == "the checksum differs: recorded 1, found 3808858755")
  }

  @Test func aChecksumMayBeginBeforeTheRange() throws {
    let folder = try TemporaryFolder()
    let file = try folder.file(Array("123456789".utf8))
    let start = CRC32C(of: Array("1234".utf8))
    let good = try FileStorage(file, offset: 4, byteCount: 5, crc32c: 0xe306_9283, preceding: start)
    #expect(good.crc32c == nil)
    try good.verify()
    let bad = try FileStorage(file, offset: 4, byteCount: 5, crc32c: 0xe306_9284, preceding: start)
    #expect(failure { try bad.verify() }?.code == .corrupt)
  }

  @Test func noticesAFileThatChanged() throws {
    let folder = try TemporaryFolder()
    let file = try folder.file([1, 2, 3])
    try file.requireUnchanged()
    try folder.write([1, 2], to: "file")
    #expect(failure { try file.requireUnchanged() }?.code == .io || file.size == 3)
  }

  @Test func readsRegularFilesOnly() throws {
    let folder = try TemporaryFolder()
    #expect(failure { _ = try InputFile(folder.path) }?.message == "is a folder")
    #expect(failure { _ = try InputFile(folder("gone")) }?.code == .notFound)
    #expect(failure { _ = try InputFile("/dev/null") }?.message == "is not a regular file")
    let file = try folder.file([1, 2, 3])
    #expect(failure { _ = try file.contents(limit: 2) }?.code == .unsupported)
    #expect(try file.contents(limit: 3) == [1, 2, 3])
  }
}
