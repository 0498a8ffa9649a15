import CheckpointCore
import ProtoWire
import TestKit
import Testing

@Suite struct WireTests {
  private func fields(_ bytes: String) throws -> [String] {
    var found: [String] = []
    try Message(hex(bytes)).forEachField { (number, value) in found.append("\(number) \(value)") }
    return found
  }

  @Test func readsEveryWireType() throws {
    #expect(
      try fields("08 96 01  11 01 00 00 00 00 00 00 00  1a 02 61 62  25 05 00 00 00") == [
        "1 varint(150)", "2 fixed64(1)", "3 bytes(14..<16)", "4 fixed32(5)",
      ])
    #expect(try fields("") == [])
    #expect(try fields("f8 ff ff ff 0f 00") == ["536870911 varint(0)"], "the largest field number")
  }

  @Test(arguments: [
    "00 00", "80 80 80 80 10 00", "0b", "0c", "0e 00", "0f 00", "08", "08 80", "0a 05 61", "0a ff ff ff ff ff ff ff ff ff 01", "0d 01 02 03",
    "09 01",
  ]) func refusesWhatIsNoMessage(bytes: String) {
    #expect(failure { _ = try fields(bytes) }?.code == .corrupt)
  }

  @Test func aWrongWireTypeIsNotZero() {
    #expect(failure { _ = try WireValue.bytes(0..<0).integer("x") }?.message == "the field x has the wrong wire type")
    #expect(failure { _ = try WireValue.varint(1).range("x") }?.code == .corrupt)
    #expect(failure { _ = try WireValue.varint(1).float("x") }?.code == .corrupt)
  }

  @Test func listsMayBePackedOrNot() throws {
    let message = Message(hex("08 01  0a 03 02 ac 02  08 ff ff ff ff ff ff ff ff ff 01"))
    var list: [Int] = []
    try message.forEachField { (_, value) throws(CheckpointError) in try message.appendIntegers(value, to: &list) }
    #expect(list == [1, 2, 300, -1])
    let broken = Message(hex("0a 01 80"))
    let error = failure {
      try broken.forEachField { (_, value) throws(CheckpointError) in try broken.appendIntegers(value, to: &list) }
    }
    #expect(error?.code == .corrupt)
  }

  @Test func leavesOutDefaults() {
    var writer = WireWriter()
    writer.integer(1, 0)
    writer.fixed32(2, 0)
    writer.message(3) { _ in }
    writer.integer(4, -1)
    writer.fixed32(15, 1)
    #expect(writer.bytes == hex("1a 00  20 ff ff ff ff ff ff ff ff ff 01  7d 01 00 00 00"))
  }

  @Test func everyDTypeHasItsNumber() {
    #expect(Set(DType.allCases.map(DataType.number)).count == DType.allCases.count)
    for dtype in DType.allCases { #expect(DataType.dtype(DataType.number(dtype)) == dtype) }
    for number in [-1, 0, 20, 33, 99, 101] { #expect(DataType.dtype(number) == nil) }
    #expect(DataType.number(.float8E5M2) == 24 && DataType.number(.float8E4M3FN) == 25)
    #expect(DataType.number(.int4) == 29 && DataType.number(.uint2) == 32)
  }

  @Test func readsTensorNames() {
    #expect(TensorName("a/b:12").node == "a/b" && TensorName("a/b:12").output == 12)
    #expect(TensorName("a/b").node == "a/b" && TensorName("a/b").output == 0)
    #expect(TensorName("^init").node == "init" && TensorName("^init").isControl)
    #expect(TensorName("x:y").node == "x:y")
    #expect(TensorName("x:-1").node == "x:-1")
  }
}

@Suite struct TensorProtoTests {
  private func tensor(_ bytes: String) throws -> TensorProto { try TensorProto(Message(hex(bytes))) }

  @Test func aShortListRepeatsItsLastValue() throws {
    // float32 [4], float_val 1 and 1.5
    let floats = try tensor("08 01 12 04 12 02 08 04  2d 00 00 80 3f  2d 00 00 c0 3f")
    #expect(floats.shape.dimensions == [4])
    #expect(try floats.bytes(limit: 100) == hex("0000803f 0000c03f 0000c03f 0000c03f"))
    // the same, packed
    #expect(try tensor("08 01 12 04 12 02 08 04  2a 08 0000803f 0000c03f").bytes(limit: 100) == floats.bytes(limit: 100))
  }

  @Test func anEmptyListIsZeros() throws {
    #expect(try tensor("08 03 12 04 12 02 08 03").bytes(limit: 100) == [UInt8](repeating: 0, count: 12))
  }

  @Test func halfsAreIntegers() throws {
    #expect(try tensor("08 13 12 04 12 02 08 02  68 80 78").bytes(limit: 100) == hex("00 3c 00 3c"))
    #expect(try tensor("08 0e 12 00  68 80 7f").bytes(limit: 100) == hex("80 3f"))
  }

  @Test func readsEveryTypedList() throws {
    #expect(try tensor("08 02 12 00  31 00 00 00 00 00 00 f0 3f").bytes(limit: 8) == hex("00 00 00 00 00 00 f0 3f"))
    #expect(try tensor("08 09 12 00  50 ff ff ff ff ff ff ff ff ff 01").bytes(limit: 8) == hex("ff ff ff ff ff ff ff ff"))
    #expect(try tensor("08 0a 12 04 12 02 08 02  58 01 58 00").bytes(limit: 8) == [1, 0])
    #expect(try tensor("08 08 12 00  4a 08 00 00 80 3f 00 00 00 40").bytes(limit: 8) == hex("0000803f 00000040"))
    #expect(try tensor("08 16 12 00  82 01 05 ff ff ff ff 0f").bytes(limit: 8) == hex("ff ff ff ff"))
    #expect(try tensor("08 17 12 00  88 01 07").bytes(limit: 8) == hex("07 00 00 00 00 00 00 00"))
    #expect(try tensor("08 19 12 04 12 02 08 02  92 01 02 38 7e").bytes(limit: 8) == hex("38 7e"))
  }

  @Test func rawContentMustFillTheShape() throws {
    #expect(try tensor("08 03 12 04 12 02 08 01  22 04 01 02 03 04").bytes(limit: 0) == [1, 2, 3, 4])
    #expect(failure { _ = try tensor("08 03 12 04 12 02 08 02  22 04 01 02 03 04").bytes(limit: 100) }?.code == .corrupt)
  }

  @Test func refusesMoreValuesThanTheShapeHas() {
    #expect(failure { _ = try tensor("08 03 12 00  38 01 38 02").bytes(limit: 100) }?.code == .corrupt)
  }

  @Test func doesNotAllocateWhatIsOnlyClaimed() {
    // int32 [2^40], one value
    #expect(failure { _ = try tensor("08 03 12 09 12 07 08 80 80 80 80 80 20  38 01").bytes(limit: 1 << 20) }?.code == .unsupported)
    #expect(failure { _ = try tensor("08 07 12 09 12 07 08 80 80 80 80 80 20  42 01 61").stringElements() }?.code == .corrupt)
  }

  @Test func refusesAHandle() {
    #expect(failure { _ = try tensor("08 14 12 00") }?.code == .unsupported)
  }

  @Test func readsStrings() throws {
    #expect(try tensor("08 07 12 04 12 02 08 03  42 01 61 42 00").stringElements() == [[0x61], [], []])
    #expect(failure { _ = try tensor("08 03 12 00  38 01").stringElements() }?.code == .corrupt)
    #expect(failure { _ = try tensor("08 07 12 00").bytes(limit: 10) }?.code == .unsupported)
  }

  @Test func aShapeMayBeUnknown() throws {
    #expect(try TensorShape(Message(hex("18 01"))).dimensions == nil)
    #expect(try TensorShape(Message(hex("12 0b 08 ff ff ff ff ff ff ff ff ff 01"))).dimensions == [-1])
    #expect(try TensorShape(Message(hex("12 00 12 02 08 03"))).dimensions == [0, 3], "a size of 0 is absent on the wire")
    #expect(failure { _ = try TensorShape(Message(hex("18 01"))).known() }?.code == .corrupt)
    #expect(failure { _ = try TensorShape(Message(hex("12 0b 08 ff ff ff ff ff ff ff ff ff 01"))).known() }?.code == .corrupt)
  }

  @Test func writesAShapeAsItReadsIt() throws {
    var writer = WireWriter()
    TensorShape.write(try Shape([0, 3, 300]), to: &writer, field: 2)
    #expect(writer.bytes == hex("12 0b  12 00  12 02 08 03  12 03 08 ac 02"))
  }
}

@Suite struct AttrValueTests {
  private func value(_ bytes: String) throws -> AttrValue { try AttrValue(Message(hex(bytes))) }

  @Test func readsEveryKind() throws {
    guard case .string(let bytes) = try value("12 02 ff 00") else { throw CheckpointError(.corrupt, "no string") }
    #expect(bytes == [0xff, 0])
    guard case .integer(-1) = try value("18 ff ff ff ff ff ff ff ff ff 01") else { throw CheckpointError(.corrupt, "no integer") }
    guard case .float(1) = try value("25 00 00 80 3f") else { throw CheckpointError(.corrupt, "no float") }
    guard case .bool(true) = try value("28 01") else { throw CheckpointError(.corrupt, "no bool") }
    guard case .type(101) = try value("30 65") else { throw CheckpointError(.corrupt, "no type") }
    guard case .shape(let shape) = try value("3a 04 12 02 08 03") else { throw CheckpointError(.corrupt, "no shape") }
    #expect(shape.dimensions == [3])
    guard case .tensor(let tensor) = try value("42 02 08 01") else { throw CheckpointError(.corrupt, "no tensor") }
    #expect(tensor.contents == [8, 1])
    guard case .placeholder("T") = try value("4a 01 54") else { throw CheckpointError(.corrupt, "no placeholder") }
    guard case .function("f", let attributes) = try value("52 0c  0a 01 66  12 07 0a 01 54 12 02 30 01") else {
      throw CheckpointError(.corrupt, "no function")
    }
    #expect(attributes["T"]?.contents == [0x30, 1])
  }

  @Test func readsLists() throws {
    guard case .list(let list) = try value("0a 1a  12 01 61  1a 02 01 02  18 03  22 04 0000803f  2a 01 01  32 01 01  3a 00  42 00") else {
      throw CheckpointError(.corrupt, "no list")
    }
    #expect(list.strings == [[0x61]])
    #expect(list.integers == [1, 2, 3])
    #expect(list.floats == [1])
    #expect(list.bools == [true])
    #expect(list.types == [1])
    #expect(list.shapes.count == 1 && list.tensors.count == 1)
    guard case .list(let empty) = try value("0a 00") else { throw CheckpointError(.corrupt, "no list") }
    #expect(empty.integers.isEmpty)
  }

  @Test func nothingIsNoValue() { #expect(failure { _ = try value("") }?.code == .corrupt) }
}
