import CheckpointCore
import TestKit
import Testing

@testable import NumPy

@Suite struct PickledTreeTests {
  private func open(_ bytes: [UInt8], _ name: String = "w.pkl") throws -> VariableStore {
    let folder = try TemporaryFolder()
    let path = try folder.write(bytes, to: name)
    #expect(try PickleReader.recognise(Candidate(path)) == path)
    let store = try PickleReader().open(path, options: ReadOptions())
    _ = try store.contents()
    return store
  }

  private func open(_ program: String) throws -> VariableStore {
    try open(program.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) })
  }

  /// A name and its value, as text.
  private func values(_ store: VariableStore) throws -> [String] {
    try store.variables.map { "\($0.name) \($0.tensor.dtype.rawValue) \(try $0.tensor.bytes().hexadecimal)" }
  }

  /// `{'a': 1, 'k': {u'x': -1}, 'b': [1.5, u'é中\\\n', 'raw\x00\xff\n\'"'], 't': (True, 3L)}` by Python 2.7, protocol 0.
  @Test func readsWhatPython2Writes() throws {
    let store = try open(
      #"""
      (dp0
      S'a'
      p1
      I1
      sVk
      p2
      (dp3
      S'x'
      p4
      I-1
      ssS'b'
      p5
      (lp6
      F1.5
      aV\u00e9\u4e2d\u005c\u000a
      p7
      aS'raw\x00\xff\n\'"'
      p8
      asS't'
      p9
      (I01
      L3L
      tp10
      s.
      """#)
    #expect(
      try values(store) == [
        "a int64 01 00 00 00 00 00 00 00", "k/x int64 ff ff ff ff ff ff ff ff", "b/0 float64 00 00 00 00 00 00 f8 3f",
        "b/1 string 07 00 00 00 00 00 00 00 c3 a9 e4 b8 ad 5c 0a",
        "b/2 string 08 00 00 00 00 00 00 00 72 61 77 00 ff 0a 27 22",
        "t/0 bool 01", "t/1 int64 03 00 00 00 00 00 00 00",
      ])
  }

  /// `{'w': np.array([1, -2.5], '<f4'), 'n': [7]}` by Python 3, protocol 2.
  @Test func readsADictionaryOfArrays() throws {
    let store = try open(
      hex(
        """
        80027d7100285801000000777101636e756d70792e5f636f72652e6d756c746961727261790a5f7265636f6e7374727563740a7102636e75
        6d70790a6e6461727261790a71034b00857104635f636f646563730a656e636f64650a7105580100000062710658060000006c6174696e31
        710786710852710987710a52710b284b014b0285710c636e756d70790a64747970650a710d58020000006634710e898887710f527110284b
        0358010000003c71114e4e4e4affffffff4affffffff4b0074711262896805580a0000000000c2803f000020c38071136807867114527115
        7471166258010000006e71175d71184b0761752e
        """))
    #expect(try values(store) == ["w float32 00 00 80 3f 00 00 20 c0", "n/0 int64 07 00 00 00 00 00 00 00"])
  }

  /// `np.save(f, np.array([np.array([1, -2.5], '<f4'), 'two', 3], dtype=object))` by numpy 2.4.
  @Test func readsAnObjectArray() throws {
    let store = try open(
      hex(
        """
        934e554d5059010076007b276465736372273a20277c4f272c2027666f727472616e5f6f72646572273a2046616c73652c20277368617065
        273a2028332c292c207d20202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020
        2020202020202020202020202020200a800495dc000000000000008c166e756d70792e5f636f72652e6d756c74696172726179948c0c5f72
        65636f6e7374727563749493948c056e756d7079948c076e6461727261799493944b0085944301629487945294284b014b03859468038c05
        64747970659493948c024f3894898887945294284b038c017c944e4e4e4affffffff4affffffff4b3f749462895d9428680268054b008594
        680787945294284b014b028594680c8c02663494898887945294284b038c013c944e4e4e4affffffff4affffffff4b007494628943080000
        803f000020c0947494628c0374776f944b03657494622e
        """), "w.npy")
    #expect(
      try values(store) == [
        "0 float32 00 00 80 3f 00 00 20 c0", "1 string 03 00 00 00 00 00 00 00 74 77 6f",
        "2 int64 03 00 00 00 00 00 00 00",
      ])
  }

  /// `[np.float32(1.5)]`, protocol 4.
  @Test func readsANumberOfNumpy() throws {
    let store = try open(
      hex(
        """
        80049569000000000000005d948c166e756d70792e5f636f72652e6d756c74696172726179948c067363616c61729493948c056e756d7079
        948c0564747970659493948c02663494898887945294284b038c013c944e4e4e4affffffff4affffffff4b0074946243040000c03f948694
        5294612e
        """))
    #expect(try values(store) == ["0 float32 00 00 c0 3f"])
    #expect(store.variables.first?.tensor.shape == .scalar)
  }

  @Test func anOrderedDictionaryIsADictionary() throws {
    for program in ["ccollections\nOrderedDict\n((l(lS'z'\naI1\naatR.", "ccollections\nOrderedDict\n)R(S'z'\nI1\nu."] {
      #expect(try values(open(program)) == ["z int64 01 00 00 00 00 00 00 00"])
    }
  }

  @Test func keysMayBeWholeNumbersAndEmptyOnesAreNamed() throws {
    #expect(try values(open("}(K\u{7}(K\u{1}lS''\nK\u{2}u.")).map { String($0.prefix(4)) } == ["7/0 ", " int"])
    #expect(try open("}(S'a'\n]S'b'\n}u.").source.warnings.count == 3)
  }

  @Test(arguments: [
    ("]Na.", "None"), ("}NK\u{1}s.", "None as a key"), ("](K\u{1}K\u{2}e0.", "0x30"),
    ("(S'rm'\nios\nsystem\n.", "0x69"), ("]cos\nsystem\n(S'true'\ntRa.", "os.system"),
    ("](cnumpy\ndtype\ne.", "a function or class"), ("]Pid\na.", "0x50"), ("(cbuiltins\neval\nl.", "builtins.eval"),
    ("]q\u{0}h\u{0}a.", "holds itself"), ("}(S'a'\nK\u{1}S'a'\nK\u{2}u.", "two values"),
  ]) func refuses(program: String, word: String) throws {
    let error = failure { _ = try open(program) }
    #expect(error?.code == .unsupported, "\(String(describing: error))")
    #expect(error?.description.contains(word) == true, "\(String(describing: error))")
  }

  @Test func namesTheWayToWhatItRefuses() {
    let error = failure { _ = try open("}S'a'\n](K\u{1}Nes.") }
    #expect(error?.variable == "a/1")
  }

  /// Lists, each with the one before it ten times: a million million names of one number.
  @Test func doesNotUnfoldWhatIsNestedOverAndOver() {
    var program = "(](K\u{1}eq\u{0}"
    for _ in 0..<12 { program += "](" + String(repeating: "h\u{0}", count: 10) + "eq\u{0}" }
    let error = failure { _ = try open(program + "t.") }
    #expect(error?.code == .unsupported, "\(String(describing: error))")
  }

  @Test func anArrayUnderManyNamesCannotGrowWithoutEnd() {
    let text = "U\u{ff}" + String(repeating: "x", count: 255) + "q\u{0}"
    let long = "](" + text + String(repeating: "h\u{0}", count: 60_000) + "e."
    let error = failure { _ = try open(long) }
    #expect(error?.code == .unsupported && error?.message.contains("so often") == true)
  }

  @Test func depthIsBounded() throws {
    let lists = String(repeating: "(", count: 50_000) + String(repeating: "l", count: 50_000) + "."
    #expect(failure { _ = try open(lists) }?.code == .unsupported)
    let folder = try TemporaryFolder()
    let tuples = String(repeating: "(", count: 50_000) + String(repeating: "t", count: 50_000) + "."
    #expect(
      failure { _ = try PickleReader().open(folder.write(tuples, to: "w.pkl"), options: ReadOptions()) }?.code
        == .corrupt)
  }

  @Test func oneArrayIsLeftToNpy() throws {
    let folder = try TemporaryFolder()
    for (name, bytes) in PickleTests.pickles {
      let path = try folder.write(bytes, to: "w.pkl")
      #expect(try PickleReader.recognise(Candidate(path)) == nil, "\(name)")
      #expect(try NpyReader.recognise(Candidate(path)) == path, "\(name)")
    }
    for text in ["(see above).", "[1, 2].", "{}", "} ."] {
      #expect(try PickleReader.recognise(Candidate(folder.write(text, to: "note.txt"))) == nil)
    }
  }
}
