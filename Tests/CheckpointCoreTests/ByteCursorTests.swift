import CheckpointCore
import TestKit
import Testing

@Suite struct ByteCursorTests {
  private func varint(_ bytes: String) throws -> UInt64 {
    var cursor = ByteCursor(hex(bytes))
    let value = try cursor.varint()
    #expect(cursor.isAtEnd)
    return value
  }

  @Test func readsVarintsOfEveryLength() throws {
    #expect(try varint("00") == 0)
    #expect(try varint("7f") == 127)
    #expect(try varint("80 01") == 128)
    #expect(try varint("ac 02") == 300)
    #expect(try varint("ff ff ff ff ff ff ff ff ff 01") == .max)
    #expect(try varint("80 80 80 80 80 80 80 80 80 01") == 1 << 63)
    #expect(try varint("80 00") == 0, "longer than it need be, and still sound")
  }

  @Test func writesTheShortestVarint() {
    for (value, bytes) in [(0, "00"), (127, "7f"), (128, "8001"), (16383, "ff7f"), (16384, "808001")] as [(UInt64, String)] {
      var out: [UInt8] = []
      out.appendVarint(value)
      #expect(out == hex(bytes))
    }
    var out: [UInt8] = []
    out.appendVarint(.max)
    #expect(out == hex("ff ff ff ff ff ff ff ff ff 01"))
  }

  @Test func refusesAVarintBeyond64Bits() {
    let error = failure { _ = try varint("ff ff ff ff ff ff ff ff ff 02") }
    #expect(error?.code == .corrupt)
    #expect(error?.offset == 0)
    #expect(failure { _ = try varint("80 80 80 80 80 80 80 80 80 80 01") }?.code == .corrupt)
  }

  @Test func neverRunsPastTheEnd() {
    #expect(failure { _ = try varint("") }?.code == .corrupt)
    #expect(failure { _ = try varint("80") }?.code == .corrupt)
    #expect(failure { _ = try varint("80") }?.offset == 1)
    var cursor = ByteCursor([1, 2, 3, 4, 5], 1..<4)
    #expect(failure { _ = try cursor.fixed32() }?.code == .corrupt)
    #expect(cursor.position == 1, "a failed read moves nothing")
    #expect(failure { try cursor.skip(4) }?.code == .corrupt)
    #expect(failure { try cursor.skip(-1) }?.code == .corrupt)
    #expect(failure { try cursor.skip(.max) }?.code == .corrupt)
  }

  @Test func aLengthFitsAnInt() {
    var cursor = ByteCursor(hex("80 80 80 80 80 80 80 80 80 01"))
    #expect(failure { _ = try cursor.length() }?.code == .corrupt)
  }

  @Test func readsLittleEndianFields() throws {
    var cursor = ByteCursor(hex("01 02 03 04  08 07 06 05 04 03 02 01  aa bb"))
    #expect(try cursor.fixed32() == 0x0403_0201)
    #expect(try cursor.fixed64() == 0x0102_0304_0506_0708)
    #expect(try cursor.skip(2) == 12..<14)
    #expect(cursor.isAtEnd)
  }
}
