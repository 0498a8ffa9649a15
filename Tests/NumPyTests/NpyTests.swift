import CheckpointCore
import TestKit
import Testing

@testable import NumPy

/// An npy file made by hand.
private func npy(_ header: String, version: UInt8 = 1, data: [UInt8] = []) -> [UInt8] {
  var bytes = [0x93] + Array("NUMPY".utf8) + [version, 0]
  bytes.appendLittleEndian(UInt64(header.utf8.count), count: version == 1 ? 2 : 4)
  return bytes + Array(header.utf8) + data
}

private func npy(_ descr: String, _ shape: String, fortran: String = "False", data: [UInt8]) -> [UInt8] {
  npy("{'descr': '\(descr)', 'fortran_order': \(fortran), 'shape': \(shape), }\n", data: data)
}

private func open(_ bytes: [UInt8]) throws -> (variable: Variable, bytes: [UInt8], warnings: [String]) {
  let folder = try TemporaryFolder()
  let store = try NpyReader().open(try folder.write(bytes, to: "w.npy"), options: ReadOptions())
  return (store.variables[0], try store.variables[0].tensor.bytes(), store.source.warnings)
}

@Suite struct NpyHeaderTests {
  /// What numpy 2.4.6 and 1.16.6 write for `np.zeros((2, 3), '<f4')`.
  @Test func isByteForByteNumpys() throws {
    let expected =
      [0x93] + Array("NUMPY".utf8) + [1, 0, 0x76, 0]
      + Array("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }".utf8) + [UInt8](repeating: 0x20, count: 58)
      + [0x0a]
    #expect(expected.count == 128)
    #expect(NpyHeader.encode(dtype: .float32, shape: try Shape([2, 3])) == expected)
  }

  @Test func spellsShapesAsPythonDoes() throws {
    func text(_ dimensions: [Int], _ dtype: DType = .int64) throws -> String {
      let bytes = NpyHeader.encode(dtype: dtype, shape: try Shape(dimensions))
      #expect(bytes.count % 64 == 0)
      return String(decoding: bytes.dropFirst(10), as: UTF8.self).split(separator: "}")[0] + "}"
    }
    #expect(try text([]) == "{'descr': '<i8', 'fortran_order': False, 'shape': (), }")
    #expect(try text([5]) == "{'descr': '<i8', 'fortran_order': False, 'shape': (5,), }")
    #expect(try text([0, 1, 2], .bool) == "{'descr': '|b1', 'fortran_order': False, 'shape': (0, 1, 2), }")
    #expect(try text([1], .uint8).contains("'|u1'"))
    #expect(try text([1], .int8).contains("'|i1'"))
    #expect(try text([1], .complex128).contains("'<c16'"))
    #expect(try text([1], .bfloat16).contains("'<u2'"), "stands in for what numpy has no name for")
    #expect(try text([1], .float8E5M2).contains("'|u1'"))
    #expect(try text([1], .qint32).contains("'<u4'"))
  }

  @Test func readsAllVersions() throws {
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n"
    for version: UInt8 in [1, 2, 3] { #expect(try open(npy(header, version: version, data: [7, 8])).bytes == [7, 8]) }
    #expect(
      failure { _ = try open(npy(header, version: 4, data: [7, 8])) }?.message == "the npy version 4.0 is unknown")
    #expect(failure { _ = try open(npy(header, version: 9)) }?.code == .unsupported)
  }

  @Test func readsOtherLegalSpellings() throws {
    for header in [
      "{'shape': (2,), 'fortran_order': False, 'descr': '|u1'}\n",
      "{\"descr\": \"|u1\",\"fortran_order\":False,\"shape\":(2,)}\n",
      "  {'descr': '|u1' , 'fortran_order' : False , 'shape' : ( 2 , ) , }   \n",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (2L,), }\n",
      "{'descr': 'u1', 'fortran_order': False, 'shape': (2,), }\n",
    ] { #expect(try open(npy(header, data: [7, 8])).bytes == [7, 8], "\(header)") }
  }

  /// What Python 2 wrote is not in the version that only Python 3 has; a vertical tab is no white space of Python's.
  @Test func otherSpellingsAreRefused() throws {
    let long = "{'descr': '|u1', 'fortran_order': False, 'shape': (2L,), }\n"
    #expect(try open(npy(long, version: 2, data: [7, 8])).bytes == [7, 8])
    #expect(failure { _ = try open(npy(long, version: 3, data: [7, 8])) }?.code == .corrupt)
    let tab = "{'descr': '|u1',\u{0b}'fortran_order': False, 'shape': (2,), }\n"
    #expect(failure { _ = try open(npy(tab, data: [7, 8])) }?.code == .corrupt)
  }

  @Test func unusualHeadersAreNoted() throws {
    #expect(
      try open(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), } # note\n", data: [1])).warnings
        == ["the header ends with a comment"])
    #expect(
      try open(npy("{'descr': '=u2', 'fortran_order': False, 'shape': (1,), }\n", data: [1, 2])).warnings.count == 1)
    #expect(
      try open(npy("{'descr': 'uint16', 'fortran_order': False, 'shape': (1,), }\n", data: [1, 2])).warnings.count == 1)
    #expect(
      try open(npy("{'descr': '<u2', 'fortran_order': False, 'shape': (1,), }", data: [1, 2])).warnings == [
        "the header does not end with a new line"
      ])
    #expect(
      try open(npy("{'descr': '<u2', 'fortran_order': False, 'shape': (1,), }\n", data: [1, 2, 3])).warnings == [
        "1 bytes follow the array"
      ])
  }

  @Test(arguments: [
    ("f3", "<f3", CheckpointError.Code.corrupt, "'<f3'"), ("object", "|O", .unsupported, "pickle"),
    ("bytes", "|S5", .unsupported, "|S5"),
    ("text", "<U5", .unsupported, "<U5"), ("dates", "<M8[D]", .unsupported, "<M8[D]"),
    ("void", "|V2", .unsupported, "|V2"),
    ("long double", "<f16", .unsupported, "<f16"), ("long complex", "<c32", .unsupported, "<c32"),
    ("nothing", "", .corrupt, "''"),
    ("no bytes", "|S0", .corrupt, "'|S0'"), ("several", "f4,f4", .corrupt, "f4,f4"),
    ("newline", "<f4 ", .corrupt, "'<f4 '"),
  ])
  func refusesElementTypesByName(what: String, descr: String, code: CheckpointError.Code, word: String) {
    let error = failure { _ = try open(npy(descr, "(1,)", data: [UInt8](repeating: 0, count: 64))) }
    #expect(error?.code == code && error?.message.contains(word) == true, "\(what): \(String(describing: error))")
    #expect(error?.file != nil)
  }

  @Test func refusesStructuredTypes() {
    let error = failure {
      _ = try open(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n", data: [0, 0, 0, 0]))
    }
    #expect(error?.code == .unsupported && error?.message.contains("structured") == true)
  }

  @Test(arguments: [
    "", "{}", "[]", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}",
    "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
    "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': 1}", "{'descr': '<f4', 'fortran_order': False, 'shape': [1]}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1.0,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (012,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (True,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1 << 3,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4611686018427387904, 4)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,)}",
    "{'descr': __import__('os'), 'fortran_order': False, 'shape': (1,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
    "{'descr': '<\\x664', 'fortran_order': False, 'shape': (1,)}", "\u{feff}{}",
    "{'descr': 4, 'fortran_order': False, 'shape': (1,)}", "{'descr': None, 'fortran_order': False, 'shape': (1,)}",
  ]) func refusesHeaders(header: String) {
    let error = failure { _ = try open(npy(header + "\n", data: [0, 0, 0, 0])) }
    #expect(error?.code == .corrupt, "\(header): \(String(describing: error))")
  }

  @Test func refusesAHeaderNestedTooDeep() {
    for bracket in ["(", "[", "{", "{'a':", "-"] {
      #expect(failure { _ = try open(npy(String(repeating: bracket, count: 12_000))) }?.code == .corrupt)
    }
  }

  @Test func refusesALengthThatLies() {
    #expect(
      failure { _ = try open([0x93] + Array("NUMPY".utf8) + [1, 0, 0xff, 0xff]) }?.message
        == "the header claims 65535 bytes, more than the file has")
    #expect(failure { _ = try open([0x93] + Array("NUMPY".utf8) + [2, 0, 0xff, 0xff, 0xff, 0xff]) }?.code == .corrupt)
    #expect(
      failure { _ = try open([0x93] + Array("NUMPY".utf8) + [2, 0, 0xff]) }?.message == "the header is cut short")
    #expect(
      failure { _ = try open(npy(String(repeating: " ", count: 70_000), version: 2)) }?.message.contains("limit")
        == true)
  }

  @Test func saysWhatItIsInstead() {
    #expect(failure { _ = try open([]) }?.message.hasSuffix("it is empty") == true)
    #expect(failure { _ = try open(Array("PK\u{3}\u{4}".utf8)) }?.message.contains("zip") == true)
  }

  @Test func everyCutIsRefused() {
    let bytes = npy("<f4", "(2, 3)", data: [UInt8](0..<24))
    for length in 0..<bytes.count {
      #expect(failure { _ = try open(Array(bytes[..<length])) }?.code == .corrupt, "\(length) bytes")
    }
  }
}

@Suite struct NpyOrderTests {
  @Test func swapsBigEndianNumbers() throws {
    #expect(try open(npy(">f4", "(2,)", data: hex("3f800000 40000000"))).bytes == hex("0000803f 00000040"))
    #expect(
      try open(npy(">c16", "(1,)", data: hex("3ff0000000000000 4000000000000000"))).bytes
        == hex("000000000000f03f 0000000000000040"))
    #expect(try open(npy(">u1", "(2,)", data: [1, 2])).bytes == [1, 2])
    #expect(
      try open(npy(">i2", "(2, 2)", fortran: "True", data: hex("0001 0002 0003 0004"))).bytes
        == hex("0100 0300 0200 0400"))
  }

  @Test func turnsOverFortranOrder() throws {
    // [[1, 2, 3], [4, 5, 6]] column by column
    let matrix = try open(npy("|u1", "(2, 3)", fortran: "True", data: [1, 4, 2, 5, 3, 6]))
    #expect(matrix.bytes == [1, 2, 3, 4, 5, 6])
    // element (i, j, k) of a 2 × 3 × 4 array is 100 i + 10 j + k
    var stored: [UInt8] = []
    for k in 0..<4 { for j in 0..<3 { for i in 0..<2 { stored.append(UInt8(100 * i + 10 * j + k)) } } }
    var expected: [UInt8] = []
    for i in 0..<2 { for j in 0..<3 { for k in 0..<4 { expected.append(UInt8(100 * i + 10 * j + k)) } } }
    #expect(try open(npy("|u1", "(2, 3, 4)", fortran: "True", data: stored)).bytes == expected)
    #expect(
      try open(npy("|u1", "(3,)", fortran: "True", data: [1, 2, 3])).bytes == [1, 2, 3], "a vector has one order")
    #expect(try open(npy("|u1", "()", fortran: "True", data: [9])).bytes == [9])
    #expect(try open(npy("<f4", "(0, 3)", fortran: "True", data: [])).bytes == [])
  }

  /// More rows than a strip of 16 MiB holds, and ranges that begin and end inside strips.
  @Test func turnsOverStripByStrip() throws {
    let (rows, columns) = (70_000, 64)
    var stored: [UInt8] = []
    stored.reserveCapacity(rows * columns * 4)
    for column in 0..<columns {
      for row in 0..<rows { stored.appendLittleEndian(UInt64(row * columns + column), count: 4) }
    }
    let folder = try TemporaryFolder()
    let path = try folder.write(npy("<u4", "(\(rows), \(columns))", fortran: "True", data: stored), to: "w.npy")
    let storage = try NpyReader().open(path, options: ReadOptions()).variables[0].tensor.storage
    for (start, count) in [(0, 1000), (65_530 * columns + 3, 1000), (rows * columns - 5, 5), (65_536 * columns - 1, 2)]
    {
      var bytes = [UInt8](repeating: 0, count: 4 * count)
      var span = bytes.mutableRawSpan(0..<bytes.count)
      try storage.read(into: &span, at: 4 * start)
      var expected: [UInt8] = []
      for i in 0..<count { expected.appendLittleEndian(UInt64(start + i), count: 4) }
      #expect(bytes == expected)
    }
  }

  @Test func writesOneVariable() throws {
    let folder = try TemporaryFolder()
    let store = try VariableStore(["w": .floats([2], [1, 2])])
    try NumPyFormats.npy.save(store, to: folder("w"))
    #expect(try folder.read("w.npy") == NpyHeader.encode(dtype: .float32, shape: Shape([2])) + hex("0000803f 00000040"))
    #expect(try NumPyFormats.npy.load(folder("w")).contents() == store.contents())
  }

  @Test func namesWhatItCannotHold() throws {
    let two = try VariableStore(["a": .floats([], [1]), "b": .floats([], [2])])
    #expect(NpyWriter().losses(writing: two).map(\.variable) == ["a", "b"])
    for (tensor, isHeld) in [
      (try Tensor(.bfloat16, [], [0, 0]), false), (try Tensor.strings([], [[]]), false),
      (try Tensor(.bool, [], [1]), true),
    ] {
      #expect(NpyWriter().losses(writing: try VariableStore(["x": tensor])).isEmpty == isHeld)
    }
  }

  @Test func aNameIsLostOnlyWhereThatIsKnown() throws {
    let named = try VariableStore(["w": .floats([], [1])])
    let keeping = WriteOptions(keepsName: true)
    #expect(try NpyWriter().prepare(named, options: keeping).losses.map(\.variable) == ["w"])
    #expect(try NpyWriter().prepare(named, options: WriteOptions()).losses.isEmpty)
    let folder = try TemporaryFolder()
    let file = try folder.write(NpyHeader.encode(dtype: .float32, shape: try Shape([0])), to: "w.npy")
    let nameless = try NpyReader().open(file, options: ReadOptions())
    #expect(try NpyWriter().prepare(nameless, options: keeping).losses.isEmpty)
  }
}
