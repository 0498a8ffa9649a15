import CHDF5
import CheckpointCore
import TestKit
import Testing

@testable import HDF5Library

/// Types, spaces and objects as the worker sends them; see Sources/HDF5Library/README.md.
private struct Reply {
  var bytes: [UInt8] = []

  static func integer(_ width: UInt64, signed: Bool = true, big: Bool = false, precision: UInt32? = nil) -> Reply {
    var reply = Reply()
    reply.bytes.append(0)
    reply.bytes.append(little: width)
    reply.bytes.append(big ? 1 : 0)
    reply.bytes.append(little: precision ?? UInt32(clamping: 8 &* width))
    reply.bytes.append(little: UInt32(0))
    reply.bytes.append(signed ? 1 : 0)
    return reply
  }

  static func float(_ width: UInt64, fields: [UInt32], bias: UInt64, big: Bool = false, precision: UInt32? = nil)
    -> Reply
  {
    var reply = Reply()
    reply.bytes.append(1)
    reply.bytes.append(little: width)
    reply.bytes.append(big ? 1 : 0)
    reply.bytes.append(little: precision ?? UInt32(clamping: 8 &* width))
    reply.bytes.append(little: UInt32(0))
    for field in fields { reply.bytes.append(little: field) }
    reply.bytes.append(little: bias)
    reply.bytes.append(0)
    return reply
  }

  static let float32 = float(4, fields: [31, 23, 8, 0, 23], bias: 127)
  static let float64 = float(8, fields: [63, 52, 11, 0, 52], bias: 1023)

  static func string(_ width: UInt64, isVariable: Bool = false, padding: UInt8 = 1) -> Reply {
    var reply = Reply()
    reply.bytes.append(3)
    reply.bytes.append(little: width)
    reply.bytes += [isVariable ? 1 : 0, padding, 0]
    return reply
  }

  static func opaque(_ width: UInt64) -> Reply {
    var reply = Reply()
    reply.bytes.append(5)
    reply.bytes.append(little: width)
    reply.bytes.append(text: [])
    return reply
  }

  static func compound(_ width: UInt64, _ members: [(String, UInt64, Reply)]) -> Reply {
    var reply = Reply()
    reply.bytes.append(6)
    reply.bytes.append(little: width)
    reply.bytes.append(little: UInt32(members.count))
    for (name, offset, type) in members {
      reply.bytes.append(text: Array(name.utf8))
      reply.bytes.append(little: offset)
      reply.bytes += type.bytes
    }
    return reply
  }

  static func enumeration(_ base: Reply, _ members: [(String, UInt64)]) -> Reply {
    var reply = Reply()
    reply.bytes.append(8)
    reply.bytes.append(little: UInt64(1))
    reply.bytes += base.bytes
    reply.bytes.append(little: UInt32(members.count))
    for (name, value) in members {
      reply.bytes.append(text: Array(name.utf8))
      reply.bytes.append(little: value)
    }
    return reply
  }

  static func list(_ base: Reply) -> Reply {
    var reply = Reply()
    reply.bytes.append(9)
    reply.bytes.append(little: UInt64(16))
    reply.bytes += base.bytes
    return reply
  }

  static func simple(_ sizes: [UInt64]) -> [UInt8] {
    var bytes: [UInt8] = [1, UInt8(sizes.count)]
    for size in sizes { bytes.append(little: size) }
    return bytes
  }

  /// A chunked dataset with an attribute and a filter.
  static func dataset(_ type: Reply, sizes: [UInt64] = [4, 3], chunk: [UInt64] = [2, 2], layout: UInt8 = 2) -> [UInt8] {
    var bytes: [UInt8] = [UInt8(CK_HDF5_IS_DATASET)]
    bytes.append(text: Array("group/data".utf8))
    bytes.append(little: UInt64(800))
    bytes += type.bytes + simple(sizes)
    bytes.append(layout)
    bytes.append(little: UInt64.max)
    bytes.append(little: UInt64(48))
    bytes.append(UInt8(chunk.count))
    for size in chunk { bytes.append(little: size) }
    bytes.append(1)
    bytes.append(little: UInt32(1))
    bytes.append(text: Array("deflate".utf8))
    bytes.append(little: UInt32(1))
    bytes.append(text: Array("raw.bin".utf8))
    bytes.append(little: UInt64(16))
    bytes.append(little: UInt64(32))
    bytes.append(text: [])
    bytes.append(text: [0, 0, 128, 63])
    bytes.append(little: UInt32(2))
    bytes.append(text: Array("scale".utf8))
    bytes += Reply.float32.bytes + [0, 0, 1]
    bytes.append(little: UInt64(4))
    bytes += [0, 0, 0, 64]
    bytes.append(text: Array("note".utf8))
    bytes += Reply.string(16, isVariable: true).bytes + [0, 0, 2]
    bytes.append(variable: [Array("hello".utf8)])
    return bytes
  }
}

private func element(_ reply: Reply, marked: DType? = nil) throws -> HDF5Element {
  var fields = ByteCursor(reply.bytes)
  let type = try HDF5Type(&fields)
  #expect(fields.isAtEnd)
  return type.element(marked: marked)
}

@Suite struct TypeTests {
  @Test(arguments: [false, true]) func integersInBothByteOrders(big: Bool) throws {
    let expected: [(UInt64, Bool, DType)] = [
      (1, true, .int8), (2, true, .int16), (4, true, .int32), (8, true, .int64), (1, false, .uint8),
      (2, false, .uint16), (4, false, .uint32), (8, false, .uint64),
    ]
    for (width, signed, dtype) in expected {
      let found = try element(.integer(width, signed: signed, big: big))
      #expect(found == .stored(dtype, swapped: big && width > 1))
    }
  }

  @Test(arguments: [false, true]) func numbersOfIEEE754(big: Bool) throws {
    #expect(try element(.float(2, fields: [15, 10, 5, 0, 10], bias: 15, big: big)) == .stored(.float16, swapped: big))
    #expect(try element(.float(4, fields: [31, 23, 8, 0, 23], bias: 127, big: big)) == .stored(.float32, swapped: big))
    #expect(
      try element(.float(8, fields: [63, 52, 11, 0, 52], bias: 1023, big: big)) == .stored(.float64, swapped: big))
  }

  @Test func numbersOfUnusualLayoutGoThroughTheLibrary() throws {
    // bfloat16 as a float of its own: one bit of sign, eight of exponent, seven of mantissa.
    let beyond = "floating-point numbers that float64 cannot hold"
    #expect(try element(.float(2, fields: [15, 7, 8, 0, 7], bias: 127)) == .converted(.float32, code: 9))
    #expect(try element(.float(8, fields: [63, 52, 11, 0, 52], bias: 1022)) == .unreadable(beyond))
    #expect(try element(.float(8, fields: [63, 48, 15, 0, 48], bias: 16383)) == .unreadable(beyond))
    #expect(try element(.float(8, fields: [63, 50, 11, 0, 50], bias: 1023)) == .converted(.float64, code: 10))
    #expect(try element(.integer(4, precision: 24)) == .converted(.int32, code: 3))
    #expect(try element(.integer(8, signed: false, precision: 12)) == .converted(.uint64, code: 8))
    #expect(
      try element(.float(16, fields: [79, 64, 15, 0, 64], bias: 16383))
        == .unreadable("floating-point numbers of 16 bytes"))
    #expect(try element(.integer(3)) == .unreadable("integers of 3 bytes"))
  }

  @Test func h5pysBooleanIsABool() throws {
    #expect(try element(.enumeration(.integer(1), [("FALSE", 0), ("TRUE", 1)])) == .stored(.bool, swapped: false))
    #expect(try element(.enumeration(.integer(1), [("TRUE", 1), ("FALSE", 0)])) == .stored(.bool, swapped: false))
    #expect(try element(.enumeration(.integer(1), [("FALSE", 0), ("TRUE", 2)])) == .stored(.int8, swapped: false))
    #expect(try element(.enumeration(.integer(2, big: true), [("RED", 0)])) == .stored(.int16, swapped: true))
    #expect(try element(.enumeration(.float32, [])) == .unreadable("an enumeration of no integers"))
  }

  @Test func h5pysComplexNumbersAreComplex() throws {
    #expect(try element(.compound(8, [("r", 0, .float32), ("i", 4, .float32)])) == .stored(.complex64, swapped: false))
    #expect(
      try element(.compound(16, [("r", 0, .float64), ("i", 8, .float64)])) == .stored(.complex128, swapped: false))
    for other in [
      Reply.compound(8, [("r", 0, .float32)]), .compound(12, [("r", 0, .float32), ("i", 8, .float32)]),
      .compound(12, [("r", 0, .float32), ("i", 4, .float64)]),
      .compound(8, [("a", 0, .integer(4)), ("b", 4, .integer(4))]),
    ] { #expect(try element(other) == .unreadable("compound elements")) }
  }

  @Test func theAttributeDtypeTellsWhatHDF5HasNoTypeFor() throws {
    #expect(try element(.opaque(2), marked: .bfloat16) == .stored(.bfloat16, swapped: false))
    #expect(try element(.opaque(2)) == .unreadable("opaque bytes"))
    #expect(try element(.opaque(2), marked: .float32) == .unreadable("opaque bytes"))
    #expect(try element(.integer(1), marked: .qint8) == .stored(.qint8, swapped: false))
    // A plain dtype is the type's business.
    #expect(try element(.integer(4), marked: .float32) == .stored(.int32, swapped: false))
    #expect(try element(.list(.integer(1, signed: false)), marked: .string) == .variableStrings)
    #expect(try element(.list(.integer(1, signed: false))) == .unreadable("lists of different lengths"))
  }

  @Test func stringsEndAsTheirTypeSays() throws {
    #expect(try element(.string(5, padding: 2)) == .fixedStrings(width: 5, padding: .spacePadded))
    #expect(try element(.string(16, isVariable: true)) == .variableStrings)
    let bytes = Array("a\0b  \0\0c d ".utf8)
    #expect(try FixedStrings.cut(Array(bytes[..<5]), width: 5, padding: .nullTerminated) == [Array("a".utf8)])
    #expect(
      try FixedStrings.cut(Array("ab\0\0 c\0\0".utf8), width: 4, padding: .nullPadded) == [
        Array("ab".utf8), Array(" c".utf8),
      ])
    #expect(
      try FixedStrings.cut(Array("a b  \0  ".utf8), width: 4, padding: .spacePadded) == [
        Array("a b".utf8), Array(" \0".utf8),
      ])
    #expect(failure { _ = try FixedStrings.cut([1, 2, 3], width: 2, padding: .nullPadded) }?.code == .corrupt)
    #expect(failure { _ = try FixedStrings.cut([], width: 0, padding: .nullPadded) }?.code == .corrupt)
  }
}

/// A worker that a file has taken over can say anything: what it says is decoded, or refused, and never believed.
@Suite struct ReplyTests {
  private static let types: [Reply] = [
    .integer(4), .float32, .string(9), .opaque(3), .compound(8, [("r", 0, .float32), ("i", 4, .float32)]),
    .enumeration(.integer(1), [("FALSE", 0), ("TRUE", 1)]), .list(.integer(1)),
  ]

  /// Decodes and uses everything that is decided without the file.
  private func decode(_ bytes: [UInt8]) throws {
    guard case .dataset(let dataset) = try HDF5Object(bytes) else { return }
    _ = dataset.type.element(marked: dataset.marked)
    guard let shape = dataset.shape, case .chunked(let chunk) = dataset.layout else { return }
    _ = try shape.byteCount(width: 4)
    _ = try Shape(chunk).byteCount(width: 4)
    _ = try FilterPipeline(dataset.filters, width: 4)
  }

  @Test func readsADataset() throws {
    guard case .dataset(let dataset) = try HDF5Object(Reply.dataset(.float32)) else {
      Issue.record("it is a dataset")
      return
    }
    #expect(dataset.path == "group/data")
    #expect(dataset.shape?.dimensions == [4, 3])
    #expect(dataset.layout == .chunked([2, 2]))
    #expect(dataset.fill == [0, 0, 128, 63])
    #expect(dataset.externals.map(\.file) == ["raw.bin"])
    #expect(dataset.attributes.map(\.name) == ["scale", "note"])
  }

  @Test(arguments: 0..<7) func aReplyThatEndsEarlyIsRefused(type: Int) {
    let whole = Reply.dataset(Self.types[type])
    for length in 0..<whole.count {
      let error = failure { try decode(Array(whole[..<length])) }
      #expect(error?.code == .corrupt, "\(length) of \(whole.count) bytes: \(String(describing: error))")
    }
  }

  /// Every byte in turn becomes each of a few extremes, as do the eight from there on.
  @Test(arguments: 0..<7) func aReplyThatLiesIsAnErrorOrAValue(type: Int) {
    let whole = Reply.dataset(Self.types[type])
    for i in whole.indices {
      for value in [UInt8(0), 1, 2, 8, 9, 33, 0x7f, 0x80, 0xff] {
        for count in [1, 4, 8] where i + count <= whole.count {
          var bytes = whole
          for j in 0..<count { bytes[i + j] = j == count - 1 ? value : (value == 0x7f || value == 0xff ? 0xff : 0) }
          let error = failure { try decode(bytes) }
          #expect(error == nil || error?.code == .corrupt, "byte \(i), \(value): \(String(describing: error))")
        }
      }
    }
  }

  @Test(arguments: 1...20) func randomRepliesAreAnErrorOrAValue(seed: Int) {
    var random = RandomSource(seed: UInt64(seed))
    for _ in 0..<500 {
      var bytes = random.bytes(random.below(200))
      if !bytes.isEmpty { bytes[0] &= 7 }
      // Short lengths, so that more than the first field is met.
      for i in bytes.indices.dropFirst() where random.below(2) == 0 { bytes[i] = UInt8(random.below(3)) }
      let error = failure { try decode(bytes) }
      #expect(error == nil || error?.code == .corrupt, "seed \(seed)")
    }
  }

  @Test func typesThatNestWithoutEndAreRefused() {
    var type = Reply.integer(4)
    for _ in 0..<100_000 { type = Reply(bytes: Array(Reply.list(Reply()).bytes) + type.bytes) }
    #expect(failure { try decode(Reply.dataset(type)) }?.code == .corrupt)
  }

  @Test func sizesBeyondTheWorldAreRefused() {
    #expect(failure { try decode(Reply.dataset(.float32, sizes: [.max, .max])) }?.code == .corrupt)
    #expect(failure { try decode(Reply.dataset(.float32, chunk: [0, 2])) }?.code == .corrupt)
    #expect(failure { try decode(Reply.dataset(.float32, chunk: [2])) }?.code == .corrupt)
    #expect(failure { try decode(Reply.dataset(.float32, layout: 9)) }?.code == .corrupt)
    #expect(failure { try decode(Reply.dataset(.float(.max, fields: [31, 23, 8, 0, 23], bias: 127))) } == nil)
  }

  @Test func stringsThatAreLongerThanTheReplyAreRefused() {
    for lengths: [UInt64] in [[4], [.max], [1, .max - 1], [2, 2]] {
      var bytes: [UInt8] = []
      for length in lengths { bytes.append(little: length) }
      bytes += [1, 2, 3]
      var fields = ByteCursor(bytes)
      #expect(failure { _ = try VariableStrings.decode(&fields, count: lengths.count) }?.code == .corrupt)
    }
    var fields = ByteCursor([])
    #expect(failure { _ = try VariableStrings.decode(&fields, count: .max) }?.code == .corrupt)
  }
}
