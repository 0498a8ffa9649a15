import CheckpointCore
import TestKit
import Testing

@testable import NumPy

@Suite struct PickleTests {
  /// `np.array([1.0, -2.5], '<f4')`, pickled by numpy with every protocol; the first by Python 2.
  static let pickles: [(protocol: String, bytes: [UInt8])] = [
    (
      "0, Python 2",
      Array(
        #"""
        cnumpy.core.multiarray
        _reconstruct
        p0
        (cnumpy
        ndarray
        p1
        (I0
        tp2
        S'b'
        p3
        tp4
        Rp5
        (I1
        (I2
        tp6
        cnumpy
        dtype
        p7
        (S'f4'
        p8
        I0
        I1
        tp9
        Rp10
        (I3
        S'<'
        p11
        NNNI-1
        I-1
        I0
        tp12
        bI00
        S'\x00\x00\x80?\x00\x00 \xc0'
        p13
        tp14
        b.
        """#.utf8)
    ),
    (
      "2, Python 3: the bytes are a text",
      hex(
        """
        8002636e756d70792e5f636f72652e6d756c746961727261790a5f7265636f6e7374727563740a7100636e756d70790a6e6461727261790a71014b00857102
        635f636f646563730a656e636f64650a7103580100000062710458060000006c6174696e317105867106527107877108527109284b014b0285710a636e756d
        70790a64747970650a710b58020000006634710c898887710d52710e284b0358010000003c710f4e4e4e4affffffff4affffffff4b0074711062896803580a
        0000000000c2803f000020c38071116805867112527113747114622e
        """)
    ),
    (
      "3",
      hex(
        """
        8003636e756d70792e5f636f72652e6d756c746961727261790a5f7265636f6e7374727563740a7100636e756d70790a6e6461727261790a71014b00857102
        4301627103877104527105284b014b02857106636e756d70790a64747970650a7107580200000066347108898887710952710a284b0358010000003c710b4e
        4e4e4affffffff4affffffff4b0074710c628943080000803f000020c0710d74710e622e
        """)
    ),
    (
      "4",
      hex(
        """
        80049591000000000000008c166e756d70792e5f636f72652e6d756c74696172726179948c0c5f7265636f6e7374727563749493948c056e756d7079948c07
        6e6461727261799493944b0085944301629487945294284b014b02859468038c0564747970659493948c02663494898887945294284b038c013c944e4e4e4a
        ffffffff4affffffff4b007494628943080000803f000020c0947494622e
        """)
    ),
    (
      "5",
      hex(
        """
        8005957c000000000000008c136e756d70792e5f636f72652e6e756d65726963948c0b5f66726f6d627566666572949394289608000000000000000000803f
        000020c0948c056e756d7079948c0564747970659493948c02663494898887945294284b038c013c944e4e4e4affffffff4affffffff4b007494624b028594
        8c014394749452942e
        """)
    ),
  ]

  private func open(_ bytes: [UInt8]) throws -> Variable {
    let folder = try TemporaryFolder()
    let store = try NpyReader().open(try folder.write(bytes, to: "w.pkl"), options: ReadOptions())
    _ = try store.contents()
    return store.variables[0]
  }

  @Test(arguments: pickles.map(\.protocol)) func readsEveryProtocol(name: String) throws {
    let bytes = try #require(Self.pickles.first { $0.protocol == name }).bytes
    let variable = try open(bytes)
    #expect(variable.name == "w")
    #expect(variable.tensor.dtype == .float32 && variable.tensor.shape.dimensions == [2])
    #expect(try variable.tensor.floatValues() == [1, -2.5])
  }

  /// `np.asfortranarray([[1, 2, 3], [4, 5, 6]])` of big-endian 16-bit integers.
  @Test func turnsOrderAndBytesOver() throws {
    let variable = try open(
      hex(
        """
        8002636e756d70792e5f636f72652e6d756c746961727261790a5f7265636f6e7374727563740a7100636e756d70790a6e6461727261790a71014b00857102
        635f636f646563730a656e636f64650a7103580100000062710458060000006c6174696e317105867106527107877108527109284b014b024b0386710a636e
        756d70790a64747970650a710b58020000006932710c898887710d52710e284b0358010000003e710f4e4e4e4affffffff4affffffff4b0074711062896803
        580c00000000010004000200050003000671116805867112527113747114622e
        """))
    // The flag for Fortran order is False here: numpy copies what is not contiguous in C.
    #expect(variable.tensor.shape.dimensions == [2, 3] && variable.tensor.dtype == .int16)
    #expect(try variable.tensor.bytes() == hex("0100 0400 0200 0500 0300 0600"))
  }

  @Test(arguments: [
    ("cos\nsystem\n(S'true'\ntR.", "os.system"), ("cposix\nsystem\n(S'true'\ntR.", "posix.system"),
    ("c__builtin__\neval\n(S'1'\ntR.", "__builtin__.eval"),
    ("cnumpy.core.multiarray\nscalar\n.", "not one numpy array"), ("(i__main__\nX\n.", "0x69"),
    ("(lp0\n.", "not one numpy array"), ("]q\u{0}.", "not one numpy array"),
    ("P1\n.", "0x50"), ("c\u{1b}[2J\nx\n.", "\\x1b"),
  ]) func neverImportsAnything(program: String, word: String) {
    let error = failure { _ = try open([0x80, 2] + Array(program.utf8)) }
    #expect(error?.code == .unsupported, "\(String(describing: error))")
    #expect(error?.message.contains(word) == true, "\(String(describing: error))")
  }

  @Test func aStackGlobalIsNamedToo() {
    let error = failure { _ = try open(hex("8004 8c02 6f73 8c06 73797374656d 93 2e")) }
    #expect(error?.code == .unsupported && error?.message.contains("os.system") == true)
  }

  @Test(arguments: [
    "N.", "K\u{1}.", ".", "0.", "(.", "q\u{0}.", "h\u{0}.", ")R.", "NNR.", "t.", "\u{85}.", "I1x\n.", "S'a\n.",
    "S'\\x4'\n.", "(((((((((tttttttttttt.",
  ])
  func refusesWhatIsNoArray(program: String) {
    let error = failure {
      _ = try open([0x80, 2] + program.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) })
    }
    #expect(error.map { [.corrupt, .unsupported].contains($0.code) } == true, "\(String(describing: error))")
  }

  @Test func everyCutIsRefused() {
    for (name, bytes) in Self.pickles {
      for length in 0..<bytes.count {
        let error = failure { _ = try open(Array(bytes[..<length])) }
        #expect(
          error.map { [.corrupt, .unsupported].contains($0.code) } == true,
          "\(name), \(length) bytes: \(String(describing: error))")
      }
    }
  }

  /// A pickle has no checksum, so that another number can come out; never anything but an array or an error.
  @Test func aFlippedBitIsAnArrayOrAnError() {
    for (name, bytes) in Self.pickles {
      for bit in 0..<8 * bytes.count {
        var flipped = bytes
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        let error = failure { _ = try open(flipped) }
        #expect(
          error.map { [.corrupt, .unsupported].contains($0.code) } != false,
          "\(name), bit \(bit): \(String(describing: error))")
      }
    }
  }

  @Test func aStackOrMemoWithoutEndStops() {
    let pushes = [UInt8](repeating: UInt8(ascii: "N"), count: 1_100_000)
    #expect(failure { _ = try open([0x80, 2] + pushes) }?.code == .unsupported)
    let doubling = Array(
      String(repeating: "h\u{0}h\u{0}\u{86}q\u{0}", count: 60).unicodeScalars.map {
        UInt8(truncatingIfNeeded: $0.value)
      })
    #expect(failure { _ = try open([0x80, 2] + Array("Nq\u{0}".utf8) + doubling + [0x2e]) }?.code == .corrupt)
  }
}
