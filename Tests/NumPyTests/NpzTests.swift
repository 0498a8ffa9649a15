import CheckpointCore
import TestKit
import Testing
import ZipArchive

@testable import NumPy

/// A member of an npz: an npy file made by hand.
private func npy(_ descr: String, _ shape: String, fortran: String = "False", _ data: [UInt8]) -> [UInt8] {
  let header = Array("{'descr': '\(descr)', 'fortran_order': \(fortran), 'shape': \(shape), }\n".utf8)
  return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count), 0] + header + data
}

private func npz(_ members: KeyValuePairs<Name, [UInt8]>, comment: String = "") throws -> [UInt8] {
  var writer = ZipWriter()
  var bytes: [UInt8] = []
  for (name, content) in members { _ = try writer.add(name, size: content.count, comment: Array(comment.utf8)) }
  let sums = members.map { CRC32(of: $0.value).value }
  for (i, (_, content)) in members.enumerated() { bytes += writer.header(of: i, crc32: sums[i]).bytes + content }
  return bytes + writer.directory(sums).bytes
}

private func open(_ bytes: [UInt8]) throws -> VariableStore {
  let folder = try TemporaryFolder()
  return try NpzReader().open(try folder.write(bytes, to: "w.npz"), options: ReadOptions())
}

private func saved(_ store: VariableStore) throws -> [UInt8] {
  let folder = try TemporaryFolder()
  try NumPyFormats.npz.save(store, to: folder("out"))
  return try folder.read("out.npz")
}

@Suite struct NpzTests {
  @Test func everyMemberIsAVariable() throws {
    let store = try open(
      npz([
        "Conv/weights.npy": npy("<i2", "(2,)", [1, 0, 2, 0]), "a.npy.npy": npy("|u1", "()", [9]),
        ".npy": npy("|b1", "(0,)", []),
      ]))
    #expect(store.variables.map(\.name) == ["Conv/weights", "a.npy", ""])
    #expect(try store.contents().map(\.bytes) == [[], [1, 0, 2, 0], [9]])
    #expect(store.source.warnings == [])
  }

  @Test func byteAndElementOrderAreAnys() throws {
    let store = try open(
      npz(["a.npy": npy(">u2", "(2,)", [0, 1, 0, 2]), "b.npy": npy("|u1", "(2, 2)", fortran: "True", [1, 2, 3, 4])]))
    #expect(try store.contents().map(\.bytes) == [[1, 0, 2, 0], [1, 3, 2, 4]])
  }

  @Test func whatIsNoArrayIsLeftOutAndSaid() throws {
    let store = try open(npz(["notes.txt": [1, 2], "folder/": [], "bare": npy("|u1", "()", [9])]))
    #expect(store.variables.map(\.name) == ["bare"], "numpy takes a member of any name that begins as an array does")
    #expect(store.source.warnings == ["'notes.txt': is no array and is left out"])
  }

  @Test func aMemberThatSaysItIsAnArrayMustBeOne() throws {
    for (content, words) in [
      ([1, 2], "not an npy file"), (npy("|u1", "(2,)", [1]), "takes 2 bytes"),
      (npy("|u1", "(2,)", [1, 2, 3]), "1 bytes follow"), (npy("|u1", "(4611686018427387904, 4)", []), "too large"),
    ] {
      let error = failure { _ = try open(npz(["a.npy": content])) }
      #expect(error?.code == .corrupt && error?.message.contains(words) == true, "\(String(describing: error))")
      #expect(error?.variable == "a.npy" && error?.file != nil)
    }
  }

  @Test func objectArraysAreRefusedByName() throws {
    let error = failure {
      _ = try open(npz(["a.npy": npy("<i4", "()", [1, 0, 0, 0]), "o.npy": npy("|O", "()", [0x80])]))
    }
    #expect(error?.code == .unsupported && error?.variable == "o.npy")
  }

  @Test func twoMembersOfOneVariableAreRefused() throws {
    let array = npy("|u1", "()", [9])
    #expect(failure { _ = try open(npz(["a": array, "a.npy": array])) }?.code == .corrupt)
  }

  @Test func whatNumpyHasNoNameForIsInTheComment() throws {
    let store = try VariableStore([
      "bf": Tensor(.bfloat16, [2], [1, 2, 3, 4]), "q": Tensor(.qint32, [], [1, 2, 3, 4]),
      "s": .strings([1, 2], [[0x61, 0], []]), "f": .floats([1], [1]),
    ])
    let bytes = try saved(store)
    let read = try open(bytes)
    #expect(try read.contents() == store.contents())
    let archive = try ZipArchive(file: TemporaryFolder().file(bytes))
    #expect(
      archive.members.map { String(decoding: $0.comment, as: UTF8.self) } == [
        "{\"dtype\": \"bfloat16\"}", "{\"dtype\": \"qint32\"}", "{\"dtype\": \"string\", \"shape\": [1, 2]}", "",
      ])
    #expect(
      try archive.contents(of: archive.members[2], limit: 200)
        == npyHeader(.uint8, [18]) + [2, 0, 0, 0, 0, 0, 0, 0, 0x61, 0] + [UInt8](repeating: 0, count: 8))
  }

  private func npyHeader(_ dtype: DType, _ shape: [Int]) throws -> [UInt8] {
    NpyHeader.encode(dtype: dtype, shape: try Shape(shape))
  }

  @Test func aCommentMustFitItsArray() throws {
    let array = npy("<u2", "(1,)", [1, 2])
    #expect(
      try open(npz(["a.npy": array], comment: "{\"dtype\": \"bfloat16\"}")).variables[0].tensor.dtype == .bfloat16)
    for comment in ["{\"dtype\": \"qint32\"}", "{\"dtype\": \"string\", \"shape\": []}", "{\"dtype\": \"float32\"}"] {
      #expect(failure { _ = try open(npz(["a.npy": array], comment: comment)) }?.code == .corrupt, "\(comment)")
    }
    for comment in ["made on a Monday", "{", "{\"dtype\": \"tensor\"}", "[]"] {
      #expect(try open(npz(["a.npy": array], comment: comment)).variables[0].tensor.dtype == .uint16, "\(comment)")
    }
  }

  @Test func stringsMustFillTheirBytes() throws {
    let bytes: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0, 0x61]
    func read(_ shape: String, _ bytes: [UInt8]) throws {
      let comment = "{\"dtype\": \"string\", \"shape\": \(shape)}"
      _ = try open(npz(["a.npy": npy("|u1", "(\(bytes.count),)", bytes)], comment: comment))
    }
    try read("[1]", bytes)
    for (shape, bytes) in [
      ("[2]", bytes), ("[0]", bytes), ("[-1]", bytes), ("[1]", Array(bytes.dropLast())), ("[1]", bytes + [0]),
      ("[1]", [255, 255, 255, 255, 255, 255, 255, 127]),
    ] { #expect(failure { try read(shape, bytes) }?.code == .corrupt, "\(shape)") }
  }

  @Test func namesAreBytes() throws {
    let names: [Name] = ["../x", "/etc/passwd", "a\u{0}b", "é", "", "a", "a.npy", Name(bytes: [0xff, 0xfe])]
    var store = VariableStore(source: .init(format: "memory", path: ""))
    for name in names { try store.append(Variable(name: name, tensor: .floats([], [1]), role: .weight)) }
    #expect(try open(saved(store)).variables.map(\.name) == names)
  }

  @Test func aNameTooLongForZipIsALoss() throws {
    let long = Name(bytes: [UInt8](repeating: 0x61, count: 65_532))
    let fits = Name(bytes: [UInt8](repeating: 0x61, count: 65_531))
    let store = try VariableStore([long: .floats([], [1]), fits: .floats([], [2])])
    #expect(NpzWriter().losses(writing: store).map(\.variable) == [long])
    #expect(try open(saved(VariableStore([fits: .floats([], [2])]))).variables[0].name == fits)
  }

  @Test func isRecognisedByContent() throws {
    let folder = try TemporaryFolder()
    let array = try npz(["a.npy": npy("|u1", "()", [9])])
    let paths = try [
      folder.write(array, to: "model"), folder.write(npz([:]), to: "empty.npz"), folder.write([1], to: "damaged.npz"),
    ]
    for path in paths { #expect(NpzReader.recognise(try Candidate(path)) == path) }
    #expect(NpzReader.recognise(try Candidate(folder("empty"))) == folder("empty.npz"))
    for bytes in [try npz(["data.pkl": [1]]), try npz([:]), Array(array.dropLast()), Array("PK".utf8)] {
      #expect(NpzReader.recognise(try Candidate(try folder.write(bytes, to: "other"))) == nil)
    }
  }
}
