import CheckpointCore
import TestKit
import Testing

@Suite struct JSONTests {
  private func parse(_ text: String) throws -> JSONValue { try JSONReader.parse(Array(text.utf8)) }

  /// Writes a string, and gives the text without quotes.
  private func written(_ name: Name) -> String {
    var json = JSONWriter()
    json.value(nil, name)
    return String(decoding: json.bytes.dropFirst().dropLast(), as: UTF8.self)
  }

  @Test func readsValuesOfEveryKind() throws {
    let json = try parse(#" {"a": [1, -2.5e+3, true, false, null, "x"], "b": {}, "c": []} "#)
    let elements = try #require(json["a"]?.elements)
    #expect(elements.count == 6)
    #expect(elements[0].integer == 1)
    #expect(elements[1].integer == nil)
    #expect(elements[5].text == "x")
    #expect(json["b"]?.members?.isEmpty == true)
    #expect(json["c"]?.elements?.isEmpty == true)
    #expect(json["d"] == nil)
  }

  @Test func keepsAllDigitsOfAnInteger() throws {
    #expect(try parse("9223372036854775807").integer == .max)
    #expect(try parse("-9223372036854775808").integer == .min)
    #expect(try parse("9223372036854775808").integer == nil)
    #expect(try parse("1.0").integer == nil)
  }

  @Test func refusesAKeyTwice() {
    let error = failure { _ = try parse(#"{"shape": 1, "x": 2, "shape": 3}"#) }
    #expect(error?.code == .corrupt)
    #expect(error?.message.contains("\"shape\" is there twice") == true)
    #expect(failure { _ = try parse(#"{"a": 1, "\u0061": 2}"#) }?.code == .corrupt)
    let many = (0..<100).map { "\"k\($0)\": 0" }.joined(separator: ", ")
    #expect(failure { _ = try parse("{\(many), \"k50\": 1}") }?.code == .corrupt)
  }

  @Test func refusesWhatIsNestedTooDeep() throws {
    let fine = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
    _ = try parse(fine)
    let deep = String(repeating: "[", count: 100_000)
    #expect(failure { _ = try parse(deep) }?.message.contains("too deep") == true)
    #expect(failure { _ = try parse(String(repeating: "{\"a\":", count: 100_000)) }?.code == .corrupt)
  }

  @Test(arguments: [
    "", " ", "{", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "{a: 1}", "01", "-", "1.", "1e", ".5", "+1", "tru", "nul", "\"a",
    "\"\\x\"",
    "\"\\u12\"", "\"\\u+123\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\u{1}\"", "1 2", "[1] x", "NaN", "Infinity",
    "'a'", "\"\\",
  ])
  func refusesWhatIsNoJSON(text: String) {
    let error = failure { _ = try parse(text) }
    #expect(error?.code == .corrupt)
    #expect(error?.offset != nil)
  }

  @Test func readsEscapes() throws {
    #expect(try parse(#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#).text == "\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1F600}")
  }

  /// Python's surrogateescape: a byte that is no text is a lone surrogate.
  @Test func bytesThatAreNoTextSurvive() throws {
    #expect(try parse(#""a\udcff\udc80""#).name == Name(bytes: [0x61, 0xff, 0x80]))
    #expect(written(Name(bytes: [0x61, 0xff, 0xc3])) == #"a\udcff\udcc3"#)
    var random = RandomSource(seed: 3)
    for _ in 0..<500 {
      let name = random.name()
      #expect(try parse("\"" + written(name) + "\"").name == name)
    }
  }

  @Test func everyByteSurvives() throws {
    for byte in UInt8.min...UInt8.max {
      let name = Name(bytes: [0x61, byte, 0x62])
      #expect(try parse("\"" + written(name) + "\"").name == name, "byte \(byte)")
    }
  }

  @Test func escapesOnlyWhatMustBe() {
    #expect(written("a/b:0") == "a/b:0")
    #expect(written("\"\\\n\t\r\u{1}\u{7f}") == #"\"\\\n\t\r\u0001\u007f"#)
    #expect(written("é\u{1F600}") == "é\u{1F600}")
  }

  @Test func writesOneMemberALine() {
    var json = JSONWriter()
    json.object { json in
      json.value("name", "x")
      json.array("shape", inline: true) { json in for size in [2, 3] { json.value(nil, size) } }
      json.array("none") { _ in }
      json.array("list") { json in
        json.object(inline: true) { json in
          json.value("a", 1)
          json.value("b", true)
          json.null("c")
        }
      }
      json.value("real", 0.5)
      json.value("far", Double.infinity)
    }
    #expect(
      String(decoding: json.finished(), as: UTF8.self) == """
        {
         "name": "x",
         "shape": [2, 3],
         "none": [],
         "list": [
          {"a": 1, "b": true, "c": null}
         ],
         "real": 0.5,
         "far": "inf"
        }

        """)
  }
}

@Suite struct JSONStreamTests {
  @Test func membersComeOneByOne() throws {
    var found: [String] = []
    try JSONReader.forEachMember(of: Array("xx{\"a\": 1, \"b\": [2]} \n".utf8), from: 2) {
      (key, value) throws(CheckpointError) in
      found.append("\(String(decoding: key, as: UTF8.self)) \(value.integer ?? -1)")
    }
    #expect(found == ["a 1", "b -1"])
  }

  @Test(arguments: ["", "[]", "{", "{} {}", "{\"a\": 1, \"a\": 2}", "{\"a\": }"]) func nothingElseIsAnObject(
    text: String
  ) {
    #expect(failure { try JSONReader.forEachMember(of: Array(text.utf8)) { (_, _) throws(CheckpointError) in } } != nil)
  }

  @Test func aKeyIsFoundTwiceAmongMany() throws {
    let keys = (0..<40).map { "\"k\($0)\": 0" }
    for i in [0, 15, 16, 17, 39] {
      let text = "{" + (keys + [keys[i]]).joined(separator: ", ") + "}"
      #expect(
        failure { _ = try JSONReader.parse(Array(text.utf8)) }?.message == "the JSON key \"k\(i)\" is there twice")
    }
  }

  @Test func compactTextHasNoSpace() {
    var json = JSONWriter(compact: true)
    json.object { json in
      json.array("a") { json in for i in 0..<2 { json.value(nil, i) } }
      json.object(Name("b\u{1}")) { json in json.value("c", "d") }
    }
    #expect(String(decoding: json.bytes, as: UTF8.self) == #"{"a":[0,1],"b\u0001":{"c":"d"}}"#)
  }
}
