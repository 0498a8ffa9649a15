import CheckpointCore
import TestKit
import Testing

@testable import ZipArchive

private func open(_ bytes: [UInt8]) throws -> ZipArchive { try ZipArchive(file: TemporaryFolder().file(bytes)) }

private func all(_ storage: any TensorStorage) throws -> [UInt8] {
  try Tensor(dtype: .uint8, shape: Shape([storage.byteCount]), storage: storage).bytes()
}

/// `hello hello hello hello\n`, deflated by zlib.
private let deflatedHello = hex("cb48 cdc9 c957 c840 27b9 00")
private let hello = Array("hello hello hello hello\n".utf8)

private func deflated(_ change: (inout ZipBytes.Member) -> Void = { _ in }) -> [UInt8] {
  var member = ZipBytes.Member("h", hello)
  (member.method, member.stored) = (8, deflatedHello)
  change(&member)
  return ZipBytes(members: [member]).bytes
}

private func stored(_ change: (inout ZipBytes.Member) -> Void) -> [UInt8] {
  var member = ZipBytes.Member("a", [1, 2, 3])
  change(&member)
  return ZipBytes(members: [member]).bytes
}

@Suite struct ZipReadingTests {
  /// What Python 3's zipfile writes for `writestr(ZipInfo("a.txt"), b"hi")`.
  @Test func readsWhatPythonWrites() throws {
    let archive = try open(
      hex(
        """
        504b0304 1400 0000 0000 0000 2100 ac2a93d8 02000000 02000000 0500 0000 612e747874 6869
        504b0102 1403 1400 0000 0000 0000 2100 ac2a93d8 02000000 02000000 0500 0000 0000 0000 0000 00008001 00000000
        612e747874
        504b0506 0000 0000 0100 0100 33000000 25000000 0000
        """))
    #expect(archive.members.map(\.name) == ["a.txt"])
    #expect(archive.unclaimed == 0)
    let member = try #require(archive.member(named: "a.txt"))
    #expect(member.dataOffset == 35)
    #expect(try archive.contents(of: member, limit: 2) == Array("hi".utf8))
    #expect(try all(archive.storage(of: member)) == Array("hi".utf8))
    #expect(try all(archive.storage(of: member, in: 1..<2)) == Array("i".utf8))
    #expect(archive.member(named: "b.txt") == nil)
  }

  @Test func anArchiveMayBeEmpty() throws { #expect(try open(ZipBytes(members: []).bytes).members.isEmpty) }

  @Test func readsDeflatedMembersAndAnyRangeOfThem() throws {
    let archive = try open(deflated())
    let member = archive.members[0]
    #expect(try archive.contents(of: member, limit: 24) == hello)
    #expect(try all(archive.storage(of: member)) == hello)
    for range in [0..<0, 0..<5, 6..<11, 23..<24, 24..<24, 3..<24] {
      #expect(try all(archive.storage(of: member, in: range)) == Array(hello[range]), "\(range)")
    }
  }

  @Test func aRangeUpToTheEndHasASumOfItsOwn() throws {
    let archive = try open(deflated())
    #expect(try archive.storage(of: archive.members[0], in: 6..<24).crc32 == CRC32(of: Array(hello[6...])).value)
    #expect(try archive.storage(of: archive.members[0], in: 24..<24).crc32 == 0)
    #expect(try archive.storage(of: archive.members[0], in: 6..<23).crc32 == nil)
  }

  @Test func sizesMayStandInZip64Fields() throws {
    let archive = try open(
      stored { member in
        member.localSizes = (member.crc32, 0xffff_ffff, 0xffff_ffff)
        member.localExtra = hex("0100 1000") + le(3, 8) + le(3, 8)
        member.directorySizes = (0xffff_ffff, 3)
        member.directoryExtra = hex("feca 0200 0000 0100 0800") + le(3, 8)
      })
    #expect(try all(archive.storage(of: archive.members[0])) == [1, 2, 3])
  }

  @Test func theDirectoryMayEndInZip64Records() throws {
    var zip = ZipBytes(members: [.init("a", [7]), .init("b", [])], comment: Array("PK and more".utf8))
    zip.zip64 = true
    let archive = try open(zip.bytes)
    #expect(archive.members.map(\.size) == [1, 0])
    zip.entryCount = 3
    #expect(failure { _ = try open(zip.bytes) }?.code == .corrupt)
  }

  /// Python writes these where the output is a pipe.
  @Test(arguments: [
    "504b0708 1d80bc55 03000000 03000000", "1d80bc55 03000000 03000000",
    "504b0708 1d80bc55 0300000000000000 0300000000000000",
  ])
  func sumAndSizesMayStandBehindTheData(descriptor: String) throws {
    let bytes = stored { member in
      #expect(member.crc32 == 0x55bc_801d)
      member.flags = 8
      member.localSizes = (0, 0, 0)
      member.descriptor = hex(descriptor)
    }
    let archive = try open(bytes)
    #expect(try all(archive.storage(of: archive.members[0])) == [1, 2, 3])
    #expect(archive.unclaimed == 0)
  }

  @Test func bytesThatNoMemberOwnsAreCounted() throws {
    #expect(try open(ZipBytes(members: [.init("a", [7])], gap: [1, 2, 3, 4]).bytes).unclaimed == 4)
  }

  @Test func namesAreBytesAndNoPaths() throws {
    for name in ["../../etc/passwd", "/a", "", "a/b", "a\u{0}b", "é"] {
      #expect(try open(ZipBytes(members: [.init(name, [])]).bytes).members[0].name == Name(name))
    }
    #expect(try open(stored { $0.name = [0xff, 0x80] }).members[0].name.bytes == [0xff, 0x80])
  }

  @Test func commentsOfMembersAreKept() throws {
    #expect(try open(stored { $0.comment = [0x7b, 0x7d] }).members[0].comment == [0x7b, 0x7d])
  }
}

@Suite struct DamagedZipTests {
  private func refuses(_ bytes: [UInt8], code: CheckpointError.Code = .corrupt, _ words: String) {
    let error = failure {
      let archive = try open(bytes)
      for member in archive.members { _ = try all(archive.storage(of: member)) }
    }
    #expect(error?.code == code && error?.message.contains(words) == true, "\(String(describing: error))")
  }

  @Test func everyCutIsRefused() throws {
    let whole = ZipBytes(members: [.init("a", [7]), .init("b", [8, 9])]).bytes
    for count in 0..<whole.count { refuses(Array(whole[..<count]), "zip") }
  }

  @Test func bytesInFrontOrBehindAreRefused() {
    let whole = ZipBytes(members: [.init("a", [7])]).bytes
    refuses([0, 0] + whole, "does not end at byte")
    refuses(whole + [0], "end of its directory is missing")
  }

  @Test func twoEndsAreRefused() {
    refuses(ZipBytes(members: [], comment: ZipBytes(members: []).bytes).bytes, "two ends")
  }

  @Test func membersThereTwiceAreRefused() {
    refuses(ZipBytes(members: [.init("a", [7]), .init("a", [8])]).bytes, "twice")
  }

  @Test func membersThatShareBytesAreRefused() {
    var second = ZipBytes.Member("a", [7])
    second.name = Array("b".utf8)
    second.localName = Array("b".utf8)
    second.directoryOffset = 0
    refuses(ZipBytes(members: [.init("a", [7]), second]).bytes, "calls it 'a'")
    // The data of the first hold the second.
    let inner = ZipBytes(members: [.init("b", [1])]).bytes
    var hidden = ZipBytes.Member("b", [1])
    hidden.directoryOffset = 31
    refuses(ZipBytes(members: [.init("a", inner), hidden]).bytes, "overlap")
  }

  @Test func headersThatContradictTheDirectoryAreRefused() {
    refuses(stored { $0.localName = [0x62] }, "calls it 'b'")
    refuses(stored { $0.localSizes = ($0.crc32 ^ 1, 3, 3) }, "contradict")
    refuses(stored { $0.localSizes = ($0.crc32, 3, 4) }, "contradict")
    refuses(stored { $0.localSizes = (0, 0, 0) }, "contradict")
    refuses(
      stored {
        $0.flags = 8
        $0.descriptor = hex("504b0708 1d80bc55 03000000 04000000")
      }, "behind the member's data")
  }

  @Test func sizesBeyondTheFileAreRefused() {
    refuses(stored { $0.directorySizes = (0xffff_fffe, 0xffff_fffe) }, "do not fit")
    refuses(stored { $0.directorySizes = (3, 4) }, "stored as it is")
    refuses(
      stored {
        $0.directorySizes = (0xffff_ffff, 0xffff_ffff)
        $0.directoryExtra = hex("0100 1000") + le(Int.max, 8) + le(Int.max, 8)
      }, "do not fit")
    refuses(stored { $0.directoryOffset = 0xffff_fff0 }, "outside the archive")
    var zip = ZipBytes(members: [.init("a", [7])])
    zip.entryCount = 60_000
    refuses(zip.bytes, "too few")
    zip.entryCount = 0
    refuses(zip.bytes, "more than")
  }

  @Test func moreThanDeflateCanMakeIsRefused() { refuses(deflated { $0.size = 1032 * $0.stored.count + 1 }, "cannot") }

  @Test func encryptionAndOtherMethodsAreNotSupported() {
    refuses(stored { $0.flags = 1 }, code: .unsupported, "encrypted")
    for method in [1, 9, 12, 14, 93, 99] {
      refuses(stored { $0.method = method }, code: .unsupported, "method \(method)")
    }
  }

  @Test func wrongSumsAreFound() {
    refuses(stored { $0.crc32 ^= 1 }, "checksum")
    refuses(deflated { $0.crc32 ^= 1 }, "checksum")
    for bytes in [stored { $0.crc32 ^= 1 }, deflated { $0.crc32 ^= 1 }] {
      let error = failure {
        let archive = try open(bytes)
        #expect(try archive.storage(of: archive.members[0]).path != nil)
        _ = try archive.storage(of: archive.members[0], in: 0..<1).verify()
      }
      #expect(error?.message.contains("checksum") == true && error?.file != nil)
    }
  }

  @Test func damagedStreamsAreRefused() {
    refuses(deflated { $0.stored[0] = 0xff }, "damaged")
    refuses(deflated { $0.stored.removeLast(4) }, "cut short")
    refuses(deflated { $0.stored += [0] }, "follow the end")
    refuses(deflated { $0.size = 25 }, "ends after 24")
    refuses(deflated { $0.size = 23 }, "goes on after its 23")
  }

  @Test func smallMembersHaveALimit() throws {
    let archive = try open(deflated())
    #expect(failure { _ = try archive.contents(of: archive.members[0], limit: 23) }?.code == .unsupported)
  }

  /// Any byte may be anything: an answer, never a crash.
  @Test func everyByteMayBeWrong() throws {
    for base in [deflated(), ZipBytes(members: [.init("a.npy", [1, 2, 3]), .init("b", [])], zip64: true).bytes] {
      for i in base.indices {
        for value: UInt8 in [0, 0xff, base[i] ^ 1, base[i] ^ 0x80] {
          var bytes = base
          bytes[i] = value
          _ = failure {
            let archive = try open(bytes)
            for member in archive.members { _ = try archive.contents(of: member, limit: 1 << 20) }
          }
        }
      }
    }
  }
}

@Suite struct ZipWritingTests {
  private func archive(_ members: KeyValuePairs<Name, [UInt8]>, comment: [UInt8] = []) throws -> [UInt8] {
    var writer = ZipWriter()
    var offsets: [Int] = []
    for (name, content) in members { offsets.append(try writer.add(name, size: content.count, comment: comment)) }
    var bytes = [UInt8](repeating: 0, count: writer.byteCount)
    func put(_ part: [UInt8], _ offset: Int) { bytes.replaceSubrange(offset..<offset + part.count, with: part) }
    let sums = members.map { CRC32(of: $0.value).value }
    for (i, (_, content)) in members.enumerated() {
      let (header, offset) = writer.header(of: i, crc32: sums[i])
      put(header, offset)
      #expect(offset + header.count == offsets[i])
      put(content, offsets[i])
    }
    let (directory, offset) = writer.directory(sums)
    put(directory, offset)
    #expect(offset + directory.count == bytes.count)
    return bytes
  }

  @Test func writesTheSmallestArchive() throws {
    #expect(
      try archive(["a.txt": Array("hi".utf8)])
        == hex(
          """
          504b0304 1400 0000 0000 0000 2100 ac2a93d8 02000000 02000000 0500 0000 612e747874 6869
          504b0102 2d03 1400 0000 0000 0000 2100 ac2a93d8 02000000 02000000 0500 0000 0000 0000 0000 0000a481 00000000
          612e747874
          504b0506 0000 0000 0100 0100 33000000 25000000 0000
          """))
    #expect(try archive([:]) == hex("504b0506 0000 0000 0000 0000 00000000 00000000 0000"))
  }

  @Test func isReadBack() throws {
    let opened = try open(
      try archive(["a": [1, 2], "é": [], "../x": [3], Name(bytes: [0xff]): [4]], comment: Array("note".utf8)))
    #expect(opened.members.map(\.name) == ["a", "é", "../x", Name(bytes: [0xff])])
    #expect(try opened.members.map { try opened.contents(of: $0, limit: 9) } == [[1, 2], [], [3], [4]])
    #expect(opened.members.allSatisfy { $0.comment == Array("note".utf8) })
    #expect(opened.unclaimed == 0)
  }

  @Test func namesThatAreTextSaySo() throws {
    func flags(_ name: Name) throws -> [UInt8] { Array(try archive([name: []])[6..<8]) }
    #expect(try flags("a") == [0, 0])
    #expect(try flags("é") == [0, 8])
    #expect(try flags(Name(bytes: [0xe9])) == [0, 0])
  }

  /// 4 GiB and more need the 64-bit fields. Nothing is written: the headers alone are compared.
  @Test func largeMembersHaveZip64Fields() throws {
    var writer = ZipWriter()
    let size = 0xffff_ffff
    #expect(try writer.add("a", size: size) == 30 + 1 + 20)
    let second = try writer.add("b", size: 1)
    #expect(second == 51 + size + 31)
    #expect(
      writer.header(of: 0, crc32: 5).bytes
        == hex(
          """
          504b0304 2d00 0000 0000 0000 2100 05000000 ffffffff ffffffff 0100 1400 61
          0100 1000 ffffffff00000000 ffffffff00000000
          """))
    let (directory, offset) = writer.directory([5, 6])
    #expect(offset == second + 1)
    #expect(
      Array(directory[..<67])
        == hex(
          """
          504b0102 2d03 2d00 0000 0000 0000 2100 05000000 ffffffff ffffffff 0100 1400 0000 0000 0000 0000a481 00000000 61
          0100 1000 ffffffff00000000 ffffffff00000000
          """))
    #expect(
      Array(directory[67...])
        == hex(
          """
          504b0102 2d03 2d00 0000 0000 0000 2100 06000000 01000000 01000000 0100 0c00 0000 0000 0000 0000a481 ffffffff 62
          0100 0800 3200000001000000
          504b0606 2c00000000000000 2d03 2d00 00000000 00000000 0200000000000000 0200000000000000
          7e00000000000000 5200000001000000
          504b0607 00000000 d000000001000000 01000000
          504b0506 0000 0000 0200 0200 7e000000 ffffffff 0000
          """))
    #expect(writer.byteCount == offset + directory.count)
  }

  @Test func whatZipCannotHoldIsRefused() throws {
    var writer = ZipWriter()
    _ = try writer.add("a", size: 0)
    #expect(failure { _ = try writer.add("a", size: 0) }?.code == .unsupported)
    #expect(failure { _ = try writer.add(Name(bytes: [UInt8](repeating: 65, count: 65536)), size: 0) } != nil)
  }

  @Test func moreThan65534MembersAreCountedInZip64() throws {
    var writer = ZipWriter()
    for i in 0..<65_535 { _ = try writer.add(Name("\(i)"), size: 0) }
    var bytes: [UInt8] = []
    for i in 0..<65_535 { bytes += writer.header(of: i, crc32: 0).bytes }
    bytes += writer.directory([UInt32](repeating: 0, count: 65_535)).bytes
    #expect(try open(bytes).members.count == 65_535)
  }
}
