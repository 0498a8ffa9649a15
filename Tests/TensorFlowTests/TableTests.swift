import CSnappy
import CheckpointCore
import TestKit
import Testing

@testable import TensorFlow

/// A table made by hand, so that it can be wrong where a writer is right.
struct TableBytes {
  /// Content of a block: entries, restarts.
  static func block(_ entries: String, restarts: [Int] = [0], count: Int? = nil) -> [UInt8] {
    var bytes = hex(entries)
    for restart in restarts { bytes.appendLittleEndian(UInt64(restart), count: 4) }
    bytes.appendLittleEndian(UInt64(count ?? restarts.count), count: 4)
    return bytes
  }

  static func sealed(_ content: [UInt8], type: UInt8 = 0) -> [UInt8] {
    var bytes = content + [type]
    bytes.appendLittleEndian(UInt64(CRC32C(of: bytes).masked), count: 4)
    return bytes
  }

  static func snappy(_ bytes: [UInt8]) -> [UInt8] {
    var size = snappy_max_compressed_length(bytes.count)
    var out = [UInt8](repeating: 0, count: size)
    // SAFETY: the pointers are used inside the closures only; `size` is the capacity that the library asked for.
    unsafe bytes.withUnsafeBytes { input in
      unsafe out.withUnsafeMutableBytes { output in
        _ = unsafe snappy_compress(
          input.bindMemory(to: CChar.self).baseAddress, input.count, output.bindMemory(to: CChar.self).baseAddress, &size)
      }
    }
    return Array(out[..<size])
  }

  /// - Parameter blocks: content, last key and compression type of each data block.
  static func table(_ blocks: [(content: [UInt8], lastKey: [UInt8], type: UInt8)], indexType: UInt8 = 0) -> [UInt8] {
    var bytes: [UInt8] = []
    var index = BlockBuilder()
    for block in blocks {
      let stored = block.type == 1 ? snappy(block.content) : block.content
      var handle: [UInt8] = []
      BlockHandle(offset: bytes.count, size: stored.count).encode(into: &handle)
      index.append(block.lastKey, handle, restartInterval: 1)
      bytes += sealed(stored, type: block.type)
    }
    let metaindex = BlockHandle(offset: bytes.count, size: 8)
    bytes += sealed(Self.block(""))
    var content = Array(index.encode().dropLast(5))
    if indexType == 1 { content = snappy(content) }
    let footer = Footer(metaindex: metaindex, index: BlockHandle(offset: bytes.count, size: content.count))
    return bytes + sealed(content, type: indexType) + footer.encode()
  }
}

/// Keys and values of a table as `key=value` in hexadecimal.
private func read(_ bytes: [UInt8]) throws -> [String] {
  let folder = try TemporaryFolder()
  var found: [String] = []
  try TableReader(try folder.file(bytes)).forEachEntry { (key, bytes, value) throws(CheckpointError) in
    found.append("\(key.hexadecimal)=\(Array(bytes[value]).hexadecimal)")
  }
  return found
}

@Suite struct FooterTests {
  @Test func isHandlesPaddingAndMagic() {
    let footer = Footer(metaindex: BlockHandle(offset: 80, size: 8), index: BlockHandle(offset: 93, size: 14))
    let bytes = hex("50 08 5d 0e") + [UInt8](repeating: 0, count: 36) + hex("57 fb 80 8b 24 75 47 db")
    #expect(footer.encode() == bytes)
  }

  @Test func isReadAsItIsWritten() throws {
    let footer = Footer(metaindex: BlockHandle(offset: 80, size: 8), index: BlockHandle(offset: 93, size: 14))
    let read = try Footer(footer.encode(), fileSize: 93 + 14 + 5 + 48)
    #expect(read.metaindex == footer.metaindex && read.index == footer.index)
    #expect(read.isPaddedWithZeros)
  }

  @Test func refusesHandlesThatDoNotMeetOrLieOutside() {
    func refusal(_ handles: String, size: Int = 160) -> String? {
      let start = hex(handles)
      let bytes = start + [UInt8](repeating: 0, count: 40 - start.count) + hex("57 fb 80 8b 24 75 47 db")
      return failure { _ = try Footer(bytes, fileSize: size) }?.message
    }
    #expect(refusal("50 08 5d 0e") == nil)
    #expect(refusal("50 07 5d 0e")?.contains("do not meet") == true)
    #expect(refusal("50 08 5d 0d")?.contains("do not meet") == true)
    #expect(refusal("50 08 5d 0e", size: 159)?.contains("outside") == true)
    #expect(refusal("50 08 ff ff ff ff ff ff ff ff 7f ff ff ff ff ff ff ff ff 7f")?.contains("outside") == true)
    #expect(refusal("ff ff ff ff ff ff ff ff ff 01 08 5d 0e")?.contains("not plausible") == true)
    #expect(refusal("ff ff ff ff ff ff ff ff ff ff 01")?.contains("longer than 64 bits") == true)
  }

  @Test func refusesAnotherMagic() {
    let bytes = hex("50 08 5d 0e") + [UInt8](repeating: 0, count: 36) + hex("57 fb 80 8b 24 75 47 da")
    #expect(failure { _ = try Footer(bytes, fileSize: 160) }?.code == .corrupt)
    #expect(!Footer.hasMagic(bytes))
    #expect(!Footer.hasMagic([1, 2]))
  }
}

@Suite struct BlockTests {
  private func entries(_ content: [UInt8]) throws -> [String] {
    var found: [String] = []
    try Block(content).forEachEntry { (key, bytes, value) throws(CheckpointError) in
      found.append("\(String(decoding: key, as: UTF8.self))=\(String(decoding: bytes[value], as: UTF8.self))")
    }
    return found
  }

  /// `ab`=1, `abc`=2 (shares two bytes), `b`=3 (a restart).
  private static let good = "00 02 01 6162 31   02 01 01 63 32   00 01 01 62 33"

  @Test func sharesPrefixesBetweenKeys() throws {
    #expect(try entries(TableBytes.block(BlockTests.good, restarts: [0, 11])) == ["ab=1", "abc=2", "b=3"])
    #expect(try entries(TableBytes.block(BlockTests.good)) == ["ab=1", "abc=2", "b=3"])
    #expect(try entries(TableBytes.block("")) == [])
  }

  @Test func isWrittenAsTensorFlowWritesIt() {
    var builder = BlockBuilder()
    builder.append(Array("ab".utf8), [0x31])
    builder.append(Array("abc".utf8), [0x32])
    #expect(builder.encode() == TableBytes.sealed(TableBytes.block("00 02 01 6162 31  02 01 01 63 32")))
    #expect(BlockBuilder().encode() == hex("00 00 00 00 01 00 00 00 00 c0 f2 a1 b0"), "the empty metaindex")
  }

  @Test func everySixteenthKeyIsWhole() throws {
    var builder = BlockBuilder()
    for i in 0..<40 { builder.append(Array("key\(i + 10)".utf8), []) }
    let content = Array(builder.encode().dropLast(5))
    #expect(Array(content.suffix(4)) == [3, 0, 0, 0])
    #expect(try entries(content).count == 40)
  }

  @Test(arguments: [
    ("no restarts", TableBytes.block(good, restarts: [])),
    ("more restarts than fit", TableBytes.block(good, count: 100)),
    ("2³² restarts", TableBytes.block(good, count: 0xffff_ffff)),
    ("a restart between entries", TableBytes.block(good, restarts: [0, 12])),
    ("a restart behind the entries", TableBytes.block(good, restarts: [0, 99])),
    ("restarts out of order", TableBytes.block(good, restarts: [11, 0])),
    ("a restart whose key is not whole", TableBytes.block(good, restarts: [0, 6])),
    ("a first key that shares", TableBytes.block("01 01 01 62 31")),
    ("a key that shares more than there is", TableBytes.block("00 02 01 6162 31  03 01 01 63 32")),
    ("a key beyond the end", TableBytes.block("00 7f 01 6162 31")),
    ("a key whose lengths overflow", TableBytes.block("00 02 01 6162 31  02 ff ff ff ff ff ff ff ff 7f 01 63 32")),
    ("a value beyond the end", TableBytes.block("00 02 09 6162 31")),
    ("a varint without end", TableBytes.block("80 80")),
    ("a varint of eleven bytes", TableBytes.block("00 80 80 80 80 80 80 80 80 80 80 01 01 61 31")),
    ("three bytes", [0, 0, 0]),
  ] as [(String, [UInt8])])
  func refuses(what: String, content: [UInt8]) {
    let error = failure { _ = try entries(content) }
    #expect(error?.code == .corrupt, "\(what): \(String(describing: error))")
  }
}

@Suite struct TableTests {
  @Test func refusesKeysOutOfOrder() {
    for entries in ["00 01 00 62  00 01 00 61", "00 01 00 62  01 00 00", "00 00 00  00 00 00", "00 01 00 ff  00 01 00 7f"] {
      let table = TableBytes.table([(TableBytes.block(entries), [0xff, 0xff], 0)])
      #expect(failure { _ = try read(table) }?.code == .corrupt, "\(entries)")
    }
  }

  @Test func keysMayRepeatThePrefixOfAllBefore() throws {
    let table = TableBytes.table([(TableBytes.block("00 00 00  00 01 00 61  01 01 00 00  01 01 00 61"), Array("b".utf8), 0)])
    #expect(try read(table) == ["=", "61=", "61 00=", "61 61="])
  }

  @Test func readsRawAndSnappyBlocksInOneTable() throws {
    let a = TableBytes.block("00 01 01 61 31")
    let b = TableBytes.block("00 01 01 62 32")
    for (first, second, index) in [(0, 0, 0), (1, 0, 0), (0, 1, 1), (1, 1, 1)] as [(UInt8, UInt8, UInt8)] {
      let table = TableBytes.table([(a, [0x61], first), (b, [0x62], second)], indexType: index)
      #expect(try read(table) == ["61=31", "62=32"])
    }
  }

  @Test func refusesDamagedSnappy() {
    let content = TableBytes.snappy(TableBytes.block("00 01 01 61 31"))
    func table(_ stored: [UInt8]) -> [UInt8] {
      var bytes = TableBytes.sealed(stored, type: 1)
      var handle: [UInt8] = []
      BlockHandle(offset: 0, size: stored.count).encode(into: &handle)
      var index = BlockBuilder()
      index.append([0x61], handle, restartInterval: 1)
      let metaindex = BlockHandle(offset: bytes.count, size: 8)
      bytes += TableBytes.sealed(TableBytes.block(""))
      let encoded = index.encode()
      let footer = Footer(metaindex: metaindex, index: BlockHandle(offset: bytes.count, size: encoded.count - 5))
      return bytes + encoded + footer.encode()
    }
    #expect(failure { _ = try read(table(content)) } == nil)
    for stored in [hex("ff ff ff ff 0f 00"), hex(""), Array(content.dropLast()), content + [0], hex("0d 01 00"), hex("ff ff ff ff ff ff 01")] {
      let error = failure { _ = try read(table(stored)) }
      #expect(error?.message.contains("snappy") == true, "\(stored): \(String(describing: error))")
    }
  }

  @Test func refusesAnUnknownCompression() {
    let table = TableBytes.table([(TableBytes.block("00 01 01 61 31"), [0x61], 2)])
    #expect(failure { _ = try read(table) }?.message == "a block has the unknown compression 2")
  }

  @Test func refusesAKeyBehindTheLastOfItsBlock() {
    let table = TableBytes.table([(TableBytes.block("00 01 00 62"), [0x61], 0)])
    #expect(failure { _ = try read(table) }?.message.contains("behind the last one") == true)
  }

  @Test func refusesBlocksOutOfOrder() {
    let a = TableBytes.block("00 01 01 61 31")
    let b = TableBytes.block("00 01 01 62 32")
    #expect(failure { _ = try read(TableBytes.table([(b, [0x62], 0), (a, [0x61], 0)])) }?.code == .corrupt)
    #expect(failure { _ = try read(TableBytes.table([(a, [0x62], 0), (a, [0x63], 0)])) }?.code == .corrupt)
  }

  @Test func refusesAnEmptyDataBlock() {
    #expect(failure { _ = try read(TableBytes.table([(TableBytes.block(""), [0x61], 0)])) }?.message == "bad block: it is empty")
  }

  @Test func aFlippedBitOfABlockIsFoundByItsChecksum() throws {
    let table = TableBytes.table([(TableBytes.block("00 01 01 61 31"), [0x61], 0)])
    for i in 0..<TableBytes.sealed(TableBytes.block("00 01 01 61 31")).count {
      var bytes = table
      bytes[i] ^= 1
      #expect(failure { _ = try read(bytes) }?.message.hasPrefix("the checksum of a block differs") == true)
    }
  }

  @Test func namesThatShareTheirPrefixCannotGrowBeyondTheFile() {
    // A key of 512 KiB, then entries of 3 bytes that each repeat all of it and one byte more.
    var entries: [UInt8] = [0]
    entries.appendVarint(1 << 19)
    entries += [0] + [UInt8](repeating: 0x61, count: 1 << 19)
    var length = 1 << 19
    for _ in 0..<400 {
      entries.appendVarint(UInt64(length))
      entries += [1, 0, 0x61]
      length += 1
    }
    entries += hex("00000000 01000000")
    let error = failure { _ = try read(TableBytes.table([(entries, [0x62], 0)])) }
    #expect(error?.message.contains("too long for a table of this size") == true)
  }

  @Test func manyKeysMakeSeveralBlocks() throws {
    var writer = TableWriter()
    var expected: [String] = []
    var random = RandomSource(seed: 5)
    for i in 0..<9000 {
      let digits = String(i)
      let key = Array(("layer/" + String(repeating: "0", count: 5 - digits.count) + digits).utf8)
      let value = random.bytes(80)
      writer.append(key, value)
      expected.append("\(key.hexadecimal)=\(value.hexadecimal)")
    }
    let bytes = writer.finish()
    let folder = try TemporaryFolder()
    let file = try folder.file(bytes)
    let footer = try Footer(try file.bytes(at: file.size - 48, count: 48), fileSize: file.size)
    var sizes: [Int] = []
    try Block(footer.index, of: file).forEachEntry { (_, bytes, value) throws(CheckpointError) in
      var cursor = ByteCursor(bytes, value)
      sizes.append(try BlockHandle(&cursor, limit: file.size).size)
    }
    #expect(sizes.count == 4)
    #expect(sizes.dropLast().allSatisfy { $0 >= 262_144 && $0 < 262_144 + 200 }, "cut when full, as TensorFlow cuts: \(sizes)")
    #expect(try read(bytes) == expected)
  }

  @Test func anEmptyTableIsReadAndWritten() throws {
    var writer = TableWriter()
    #expect(try read(writer.finish()) == [])
  }

  @Test func separatorsAreShortAndLieBetween() {
    func separator(_ a: String, _ b: String) -> String { String(decoding: TableWriter.separator(Array(a.utf8), Array(b.utf8)), as: UTF8.self) }
    #expect(separator("abc1", "abf") == "abd")
    #expect(separator("abc1", "abd") == "abc1", "no room between c and d")
    #expect(separator("ab", "abc") == "ab")
    #expect(separator("a", "c") == "b")
    #expect(TableWriter.separator([0xff, 1], [0xff, 3]) == [0xff, 2])
    #expect(TableWriter.successor(Array("dense/kernel".utf8)) == Array("e".utf8))
    #expect(TableWriter.successor([0xff, 0xff, 0x61, 0x61]) == [0xff, 0xff, 0x62])
    #expect(TableWriter.successor([0xff]) == [0xff])
  }

  @Test func separatorsOfAnyKeysLieBetween() {
    var random = RandomSource(seed: 6)
    for _ in 0..<2000 {
      let a = random.bytes(random.below(4)).map { $0 & 3 == 0 ? 0xff : $0 & 3 }
      let b = random.bytes(random.below(4)).map { $0 & 3 == 0 ? 0xff : $0 & 3 }
      guard a.lexicographicallyPrecedes(b) else { continue }
      let between = TableWriter.separator(a, b)
      #expect(!between.lexicographicallyPrecedes(a) && between.lexicographicallyPrecedes(b), "\(a) \(between) \(b)")
      #expect(!TableWriter.successor(a).lexicographicallyPrecedes(a))
    }
  }

  @Test func aFileTooShortSaysSo() {
    #expect(failure { _ = try read([]) }?.message.contains("too short") == true)
    #expect(failure { _ = try read([UInt8](repeating: 0, count: 47)) }?.message.contains("too short") == true)
  }
}
