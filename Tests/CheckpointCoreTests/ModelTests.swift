import CheckpointCore
import TestKit
import Testing

@Suite struct ShapeTests {
  @Test func countsElements() throws {
    #expect(try Shape([]).elementCount == 1)
    #expect(try Shape([2, 3, 4]).elementCount == 24)
    #expect(try Shape([2, 0, 4]).elementCount == 0)
    #expect(try Shape([2, 0, 4]).byteCount(width: 8) == 0)
    #expect(Shape.scalar.description == "[]")
    #expect(try Shape([3, 1]).description == "[3, 1]")
  }

  @Test func refusesANegativeDimension() {
    #expect(failure { _ = try Shape([2, -1]) }?.code == .corrupt)
  }

  @Test func refusesAShapeWhoseProductOverflows() {
    #expect(failure { _ = try Shape([1 << 32, 1 << 32]) }?.code == .corrupt)
    #expect(failure { _ = try Shape([.max, 2]) }?.message.contains("too large") == true)
  }

  @Test func aZeroCannotHideAnAbsurdDimension() {
    #expect(failure { _ = try Shape([0, 1 << 62, 4]) }?.code == .corrupt)
    #expect(failure { _ = try Shape([1 << 62, 4, 0]) }?.code == .corrupt)
  }

  @Test func refusesBytesThatOverflow() throws {
    let shape = try Shape([1 << 58])
    #expect(try shape.byteCount(width: 4) == 1 << 60)
    #expect(failure { _ = try shape.byteCount(width: 8) }?.code == .corrupt)
    #expect(failure { _ = try Shape([1 << 60 + 1]) }?.code == .corrupt)
  }

  @Test func takes254DimensionsAndNoMore() throws {
    #expect(try Shape([Int](repeating: 1, count: 254)).rank == 254)
    #expect(failure { _ = try Shape([Int](repeating: 1, count: 255)) }?.code == .corrupt)
  }
}

@Suite struct NameTests {
  @Test func ordersBytewiseAndNotAsText() {
    let sorted: [Name] = ["B", "a", "layer10", "layer2", "\u{e9}"]
    #expect(sorted.shuffled().sorted() == sorted)
    #expect(Name(bytes: [0x7f]) < Name(bytes: [0x80]))
    #expect(Name("a") < Name("a\u{0}"))
    #expect(Name("w/Adam") > Name("w"))
  }

  @Test func printsWhatCannotSteerATerminal() {
    #expect(Name("conv/w").description == "conv/w")
    #expect(Name("a\u{1b}[2J").description == "a\\x1b[2J")
    #expect(Name("a\nb\u{0}").description == "a\\x0ab\\x00")
    #expect(Name("back\\slash").description == "back\\\\slash")
    #expect(Name("caf\u{e9}").description == "caf\u{e9}")
    #expect(Name("\u{202e}x").description == "\\xe2\\x80\\xaex")
    #expect(Name("\u{9b}x").description == "\\xc2\\x9bx")
    #expect(Name(bytes: [0x61, 0xff, 0xc3]).description == "a\\xff\\xc3")
    #expect(Name(bytes: [0xed, 0xa0, 0x80]).description == "\\xed\\xa0\\x80")
  }

  @Test func isTextOnlyWhereItIsUTF8() {
    #expect(Name("é").text == "é")
    #expect(Name(bytes: [0xe9]).text == nil)
  }

  @Test func prefixesAndSuffixesAreBytes() {
    #expect(Name("w:0").hasSuffix(":0"))
    #expect(Name("scope/w").hasPrefix("scope/"))
    #expect(!Name("w").hasSuffix("ww"))
  }
}

@Suite struct DTypeTests {
  @Test func widthsAreThoseOfTensorFlow() {
    let widths: [DType: Int] = [
      .bool: 1, .int8: 1, .uint8: 1, .qint8: 1, .quint8: 1, .int4: 1, .uint4: 1, .int2: 1, .uint2: 1, .float8E5M2: 1,
      .float8E4M3FN: 1, .float8E4M3FNUZ: 1, .float8E4M3B11FNUZ: 1, .float8E5M2FNUZ: 1, .int16: 2, .uint16: 2,
      .float16: 2,
      .bfloat16: 2, .qint16: 2, .quint16: 2, .int32: 4, .uint32: 4, .float32: 4, .qint32: 4, .int64: 8, .uint64: 8,
      .float64: 8,
      .complex64: 8, .complex128: 16,
    ]
    for dtype in DType.allCases { #expect(dtype.width == widths[dtype], "\(dtype)") }
    #expect(DType.complex64.wordWidth == 4)
    #expect(DType.complex128.wordWidth == 8)
  }
}

@Suite struct RoleTests {
  private func role(_ name: Name, _ dtype: DType = .float32, _ dimensions: [Int] = [3], among others: Set<Name> = ["w"])
    throws -> Role
  {
    Role.inferred(name: name, dtype: dtype, shape: try Shape(dimensions), isVariable: others.contains)
  }

  @Test func readsThemOffTheNames() throws {
    #expect(try role("w") == .weight)
    #expect(try role("w/Adam") == .slot)
    #expect(try role("w/Adam_1") == .slot)
    #expect(try role("w/ExponentialMovingAverage") == .ema)
    #expect(try role("global_step", .int64, []) == .counter)
    #expect(try role("training/beta1_power", .float32, []) == .counter)
    #expect(try role("beta1_power_1", .float32, []) == .counter)
    #expect(try role("model/iter/.ATTRIBUTES/VARIABLE_VALUE", .int64, []) == .counter)
    #expect(try role("w/.OPTIMIZER_SLOT/opt/m/.ATTRIBUTES/VARIABLE_VALUE") == .slot)
    #expect(try role("Adam/w/m") == .slot)
    #expect(try role("SGD_1/w/momentum") == .slot)
    #expect(try role("_CHECKPOINTABLE_OBJECT_GRAPH", .string, []) == .other)
  }

  @Test func aSlotNeedsItsVariable() throws {
    #expect(try role("v/Adam") == .weight)
    #expect(try role("Adam/x/m") == .weight)
    #expect(try role("w/m") == .weight)
    #expect(try role("step", .float32, [1]) == .weight)
  }
}

@Suite struct StoreTests {
  @Test func refusesANameTwice() throws {
    var store = try VariableStore(["a": .floats([], [1])])
    let again = try Variable(name: "a", tensor: .floats([], [2]), role: .weight)
    #expect(failure { try store.append(again) }?.code == .corrupt)
  }

  @Test func refusesBytesThatAreNotTheShapes() {
    #expect(failure { _ = try Tensor(.float32, [2], [0, 0, 0, 0]) }?.code == .corrupt)
    #expect(failure { _ = try Tensor.strings([2], [[]]) }?.code == .corrupt)
  }
}
