import CCore
import CheckpointCore
import TestKit
import Testing

@Suite struct CRC32CTests {
  private func sum(_ bytes: [UInt8], by way: Int, from start: UInt32 = 0) -> UInt32 {
    // SAFETY: the pointer is used inside the closure only.
    unsafe bytes.withUnsafeBytes { unsafe ck_crc32c_by(CInt(way), start, $0.baseAddress, $0.count) }
  }

  @Test func givesTheVectorsOfRFC3720() {
    #expect(CRC32C(of: [UInt8](repeating: 0, count: 32)).value == 0x8a91_36aa)
    #expect(CRC32C(of: [UInt8](repeating: 0xff, count: 32)).value == 0x62a8_ab43)
    #expect(CRC32C(of: Array(0..<32)).value == 0x46dd_794e)
    #expect(CRC32C(of: Array((0..<32).reversed())).value == 0x113f_db5c)
    let command = hex(
      "01c00000 00000000 00000000 00000000 14000000 00000400 00000014 00000018 28000000 00000000 02000000 00000000")
    #expect(CRC32C(of: command).value == 0xd996_3a56)
    #expect(CRC32C(of: Array("123456789".utf8)).value == 0xe306_9283)
  }

  @Test func nothingSumsToZeroAndIsStoredAsTheOffset() {
    #expect(CRC32C(of: []).value == 0)
    #expect(CRC32C(of: []).masked == 0xa282_ead8)
    #expect(CRC32C(masked: 0xa282_ead8).value == 0)
  }

  @Test func masksAndUnmasks() {
    // rotate right by 15, add the offset: 0xe3069283 -> 0x2507c60d + 0xa282ead8
    #expect(CRC32C(0xe306_9283).masked == 0xc78a_b0e5)
    for value: UInt32 in [0, 1, 0x7fff, 0x8000, 0xa282_ead8, .max] {
      #expect(CRC32C(masked: CRC32C(value).masked).value == value)
    }
  }

  @Test func findsTheSumOfTheMiddleFromThatOfTheWhole() {
    var random = RandomSource(seed: 13)
    let bytes = random.bytes(5000)
    for (start, end) in [(0, 5000), (0, 0), (7, 4999), (300, 301), (5000, 5000), (1, 5000), (0, 17)] {
      let middle = CRC32C.middle(
        of: CRC32C(of: bytes), before: CRC32C(of: Array(bytes[..<start])), count: end - start,
        after: CRC32C(of: Array(bytes[end...])), afterCount: bytes.count - end)
      #expect(middle == CRC32C(of: Array(bytes[start..<end])), "\(start)..<\(end)")
    }
  }

  @Test(arguments: [1, 2, 3]) func everyWayAgreesWithThePortableOne(way: Int) {
    var random = RandomSource(seed: 11)
    let bytes = random.bytes(4200)
    let lengths =
      Array(0...70) + [
        127, 128, 129, 255, 256, 257, 383, 384, 385, 511, 512, 513, 767, 768, 769, 1023, 1025, 2047, 4096,
      ]
    for length in lengths {
      for offset in [0, 1, 3, 7, 8, 63] {
        let part = Array(bytes[offset..<offset + length])
        let start = UInt32(truncatingIfNeeded: length &* 2_654_435_761)
        #expect(sum(part, by: way, from: start) == sum(part, by: 0, from: start), "\(length) bytes from \(offset)")
      }
    }
  }

  @Test func thePortableWayIsTheDefinition() {
    var random = RandomSource(seed: 12)
    let bytes = random.bytes(100)
    var crc: UInt32 = .max
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
    }
    #expect(sum(bytes, by: 0) == ~crc)
  }

  @Test func sumsOfPartsCombine() {
    var random = RandomSource(seed: 13)
    let bytes = random.bytes(1000)
    for cut in [0, 1, 7, 8, 255, 256, 500, 999, 1000] {
      var sum = CRC32C(of: Array(bytes[..<cut]))
      sum.append(CRC32C(of: Array(bytes[cut...])).value, count: bytes.count - cut)
      #expect(sum.value == CRC32C(of: bytes).value, "cut at \(cut)")
    }
  }

  @Test func continuesOverPieces() {
    var sum = CRC32C()
    for piece in ["123", "", "4567", "89"] { sum.update(Array(piece.utf8).rawSpan) }
    #expect(sum.value == 0xe306_9283)
  }
}

@Suite struct CRC32Tests {
  /// The check value of the CRC catalogue.
  @Test func isTheOneOfZip() {
    #expect(CRC32(of: Array("123456789".utf8)).value == 0xcbf4_3926)
    #expect(CRC32(of: []).value == 0)
  }

  @Test(arguments: [1, 2, 3]) func everyWayAgreesWithThePortableOne(way: CInt) {
    var random = RandomSource(seed: 12)
    let bytes = random.bytes(4200)
    for count in [0, 1, 7, 8, 9, 127, 128, 255, 256, 257, 511, 512, 513, 767, 768, 1024, 4199] {
      for start in [0, 1] {
        let part = Array(bytes[start..<start + count])
        // SAFETY: the pointers are used inside the closure only.
        let (found, expected) = unsafe part.withUnsafeBytes {
          unsafe (
            ck_crc32_by(way, 7, $0.baseAddress, count), ck_crc32_by(CInt(CK_CRC_PORTABLE), 7, $0.baseAddress, count)
          )
        }
        #expect(found == expected, "\(count) bytes from \(start)")
      }
    }
  }

  @Test func sumsOfPartsMakeTheSumOfTheWhole() {
    let bytes = Array("the quick brown fox".utf8)
    let whole = CRC32(of: bytes)
    for cut in 0...bytes.count {
      let (head, tail) = (CRC32(of: Array(bytes[..<cut])), CRC32(of: Array(bytes[cut...])))
      var sum = head
      sum.append(tail.value, count: bytes.count - cut)
      #expect(sum == whole)
      #expect(head.rest(of: whole.value, count: bytes.count - cut) == tail.value)
    }
  }
}
