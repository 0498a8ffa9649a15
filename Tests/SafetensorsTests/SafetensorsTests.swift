import CheckpointCore
import TestKit
import Testing

@testable import Safetensors

private func file(_ header: String, _ data: [UInt8] = [], length: UInt64? = nil) -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.appendLittleEndian(length ?? UInt64(header.utf8.count), count: 8)
  return bytes + Array(header.utf8) + data
}

private func open(_ bytes: [UInt8]) throws -> VariableStore {
  let folder = try TemporaryFolder()
  return try SafetensorsReader().open(try folder.write(bytes, to: "w.safetensors"), options: ReadOptions())
}

private func saved(_ store: VariableStore) throws -> [UInt8] {
  let folder = try TemporaryFolder()
  try SafetensorsFormats.safetensors.save(store, to: folder("out"))
  return try folder.read("out.safetensors")
}

@Suite struct SafetensorsReadingTests {
  @Test func readsTensorsInTheOrderOfTheHeader() throws {
    let store = try open(
      file(
        """
        {"__metadata__": {"format": "pt"}, "b": {"dtype": "U8", "shape": [2], "data_offsets": [4, 6]}, \
        "a": {"shape": [], "data_offsets": [0, 4], "dtype": "F32"}, "e": {"dtype": "I64", "shape": [0, 3], "data_offsets": [4, 4]}}
        """, [0, 0, 128, 63, 8, 9]))
    #expect(store.variables.map(\.name) == ["b", "a", "e"])
    #expect(store.variables.map(\.tensor.dtype) == [.uint8, .float32, .int64])
    #expect(try store["a"]?.tensor.floatValues() == [1])
    #expect(store.source.warnings == [])
  }

  @Test func spacesMayFollowTheHeader() throws { #expect(try open(file("{}      ")).variables.isEmpty) }

  @Test(arguments: [
    ("BOOL", DType.bool), ("U8", .uint8), ("I8", .int8), ("F8_E5M2", .float8E5M2), ("F8_E4M3", .float8E4M3FN),
    ("F8_E4M3FNUZ", .float8E4M3FNUZ), ("F8_E5M2FNUZ", .float8E5M2FNUZ), ("I16", .int16), ("U16", .uint16),
    ("F16", .float16), ("BF16", .bfloat16), ("I32", .int32), ("U32", .uint32), ("F32", .float32), ("C64", .complex64),
    ("F64", .float64), ("I64", .int64), ("U64", .uint64),
  ])
  func readsTypesByName(name: String, dtype: DType) throws {
    let width = try #require(dtype.width)
    let header = "{\"x\":{\"dtype\":\"\(name)\",\"shape\":[2],\"data_offsets\":[0,\(2 * width)]}}"
    let store = try open(file(header, [UInt8](repeating: 7, count: 2 * width)))
    #expect(store.variables[0].tensor.dtype == dtype)
    #expect(SafetensorsType.name(of: dtype) == name)
  }

  @Test func typesOfPartBytesAreRefusedByName() {
    for name in ["F4", "F6_E2M3", "F6_E3M2", "F8_E8M0"] {
      let error = failure { _ = try open(file("{\"x\":{\"dtype\":\"\(name)\",\"shape\":[0],\"data_offsets\":[0,0]}}")) }
      #expect(error?.code == .unsupported && error?.message.contains(name) == true && error?.variable == "x")
    }
  }

  @Test func unknownMembersAreSaid() throws {
    let header = "{\"x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0],\"colour\":1}}"
    #expect(try open(file(header)).source.warnings == ["'x' has the unknown member 'colour', which is not kept"])
  }

  @Test(arguments: [
    ("", "does not begin"), ("[]", "does not begin"), (" {}", "does not begin"), ("{} x", "the end"), ("{", "JSON"),
    ("{}{}", "the end"), (#"{"__metadata__": {"a": 1}}"#, "not a string"),
    (#"{"__metadata__": []}"#, "object of strings"),
    (#"{"x": 1}"#, "not an object"), (#"{"x": {}}"#, "no dtype"), (#"{"x": {"dtype": 4}}"#, "no dtype"),
    (#"{"x": {"dtype": "F33", "shape": [], "data_offsets": [0, 4]}}"#, "'F33' is unknown"),
    (#"{"x": {"dtype": "U8", "data_offsets": [0, 0]}}"#, "shape"),
    (#"{"x": {"dtype": "U8", "shape": [0]}}"#, "data_offsets"),
    (#"{"x": {"dtype": "U8", "shape": [0], "data_offsets": [0]}}"#, "data_offsets"),
    (#"{"x": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0, 0]}}"#, "data_offsets"),
    (#"{"x": {"dtype": "U8", "shape": [1], "data_offsets": [1, 0]}}"#, "data_offsets"),
    (#"{"x": {"dtype": "U8", "shape": [1], "data_offsets": [-1, 0]}}"#, "data_offsets"),
    (#"{"x": {"dtype": "U8", "shape": [1.0], "data_offsets": [0, 1]}}"#, "whole number"),
    (#"{"x": {"dtype": "U8", "shape": [-1], "data_offsets": [0, 1]}}"#, "negative"),
    (#"{"x": {"dtype": "U8", "shape": [4294967296, 4294967296], "data_offsets": [0, 0]}}"#, "too large"),
    (#"{"x": {"dtype": "F64", "shape": [2305843009213693952], "data_offsets": [0, 0]}}"#, "too large"),
    (#"{"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 2]}}"#, "takes 4 bytes"),
    (#"{"x": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}"#, "take 1 bytes, but 2"),
    (#"{"x": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}}"#, "cut short by 1 byte"),
    (#"{"x": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}"#, "gap"),
    (
      #"{"x": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}, "y": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}"#,
      "overlaps"
    ),
    (
      #"{"x": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}, "x": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}"#,
      "twice"
    ),
    (#"{"x": {"dtype": "U8", "shape": [2], "shape": [2], "data_offsets": [0, 2]}}"#, "twice"),
  ])
  func refuses(header: String, words: String) {
    let error = failure { _ = try open(file(header, [1, 2])) }
    #expect(error?.code == .corrupt && error?.message.contains(words) == true, "\(String(describing: error))")
    #expect(error?.file != nil)
  }

  @Test func refusesLengthsBeyondTheFile() {
    for bytes in [[], [1, 2, 3], file("{}", length: 3), file("{}", length: 1 << 63), file("{}", length: .max)] {
      #expect(failure { _ = try open(bytes) }?.code == .corrupt)
    }
    let long = file("{" + String(repeating: " ", count: 100_000_000) + "}")
    #expect(failure { _ = try open(long) }?.message.contains("limit") == true)
  }

  @Test func everyCutIsRefused() throws {
    let whole = try saved(VariableStore(["a": .floats([2], [1, 2])]))
    for count in 0..<whole.count { #expect(failure { _ = try open(Array(whole[..<count])) }?.code == .corrupt) }
  }

  @Test func isRecognisedByContent() throws {
    let folder = try TemporaryFolder()
    for (name, bytes) in [("model", file("{}")), ("damaged.safetensors", [1])] {
      let path = try folder.write(bytes, to: name)
      #expect(SafetensorsReader.recognise(try Candidate(path)) == path)
    }
    #expect(SafetensorsReader.recognise(try Candidate(folder("damaged"))) == folder("damaged.safetensors"))
    for bytes in [file("{}", length: 3), file("[]"), Array("{\"a\": 1}".utf8), []] {
      #expect(SafetensorsReader.recognise(try Candidate(try folder.write(bytes, to: "other"))) == nil)
    }
  }
}

@Suite struct SafetensorsWritingTests {
  /// What safetensors 0.8.0 writes for `{"b": ones(1, uint8), "a": zeros((2, 1), int16), "d": array(1.0)}`.
  @Test func isByteForByteTheReferences() throws {
    let store = try VariableStore([
      "b": Tensor(.uint8, [1], [1]), "a": Tensor(.int16, [2, 1], [0, 0, 0, 0]),
      "d": Tensor(.float64, [], hex("000000000000f03f")),
    ])
    let header =
      #"{"d":{"dtype":"F64","shape":[],"data_offsets":[0,8]},"a":{"dtype":"I16","shape":[2,1],"data_offsets":[8,12]},"#
      + #""b":{"dtype":"U8","shape":[1],"data_offsets":[12,13]}}"#
    let padding = String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    #expect(try saved(store) == file(header + padding, hex("000000000000f03f 00000000 01")))
  }

  @Test func anEmptyStoreIsAnEmptyObject() throws { #expect(try saved(VariableStore([:])) == file("{}      ")) }

  @Test func whatTheFormatCannotHoldIsNamed() throws {
    let store = try VariableStore([
      "ok": .floats([], [1]), "c": Tensor(.complex128, [0], []), "s": .strings([], [[]]), "i4": Tensor(.int4, [1], [1]),
      "q": Tensor(.qint8, [1], [1]), "__metadata__": .floats([], [1]), Name(bytes: [0xff]): .floats([], [1]),
    ])
    let losses = SafetensorsWriter().losses(writing: store)
    #expect(losses.map(\.variable) == ["c", "s", "i4", "q", "__metadata__", Name(bytes: [0xff])])
    #expect(losses[1].reason == "safetensors has no element type string")
  }

  @Test func anyTextIsAName() throws {
    let names: [Name] = ["", "a\u{0}b", "\"q\"\\", "é\u{1F600}", "../x", "tab\t\n\u{7f}\u{85}"]
    var store = VariableStore(source: .init(format: "memory", path: ""))
    for name in names { try store.append(Variable(name: name, tensor: .floats([], [1]), role: .weight)) }
    #expect(try Set(open(saved(store)).variables.map(\.name)) == Set(names))
  }
}
