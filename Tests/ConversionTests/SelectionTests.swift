import CheckpointCore
import TestKit
import Testing

@testable import Conversion

@Suite struct PatternTests {
  private func matches(_ pattern: String, _ name: Name, role: Role = .weight) throws -> Bool {
    try VariablePattern(pattern).matches(Variable(name: name, tensor: .floats([], [1]), role: role))
  }

  @Test(arguments: [
    ("conv/w", "conv/w", true), ("conv/w", "conv/w2", false), ("conv", "conv/w", false), ("*", "a/b/c", true),
    ("*", "", true), ("", "", true),
    ("", "a", false), ("conv/*", "conv/", true), ("conv/*", "conv/a/b", true), ("*/w", "a/b/w", true),
    ("*/w", "w", false), ("a*b*c", "axxbxbc", true),
    ("a*b*c", "axxbxb", false), ("?", "a", true), ("?", "é", true), ("?", "", false), ("??", "é", false),
    ("w?", "w\u{1F600}", true),
    ("[a-c]x", "bx", true), ("[a-c]x", "dx", false), ("[!a-c]x", "dx", true), ("[^a-c]x", "ax", false),
    ("[]]", "]", true), ("[a-]", "-", true),
    ("layer[0-9]*", "layer10", true), ("\\*", "*", true), ("\\*", "a", false), ("\\[", "[", true), ("a\\", "a\\", true),
    ("*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaa", false),
  ]) func globs(pattern: String, name: String, expected: Bool) throws {
    #expect(try matches(pattern, Name(name)) == expected)
  }

  @Test func matchesBytesThatAreNoText() throws {
    #expect(try matches("w*", Name(bytes: [0x77, 0xff, 0x80])))
    #expect(try matches("?x", Name(bytes: [0xff, 0x78])))
  }

  @Test func choosesRoles() throws {
    #expect(try matches("role:slot", "w", role: .slot))
    #expect(try !matches("role:slot", "role:slot", role: .weight))
    let error = failure { _ = try VariablePattern("role:slots") }
    #expect(error?.code == .usage && error?.remedy == "the roles are: weight, slot, ema, counter, other")
  }

  @Test func refusesAnOpenSet() {
    #expect(failure { _ = try VariablePattern("a[b") }?.code == .usage)
    #expect(failure { _ = try VariablePattern("[]") }?.code == .usage)
  }

  @Test func aLongPatternTakesNoLongTime() throws {
    let pattern = String(repeating: "*a", count: 500) + "b"
    #expect(try !matches(pattern, Name(String(repeating: "a", count: 5000))))
  }
}

@Suite struct RenameTests {
  private func rename(_ rule: String, _ name: Name) throws -> Name { try RenameRule(rule).apply(to: name) }

  @Test(arguments: [
    ("w=>v", "w/w", "v/v"), ("^w=>v", "w/w", "v/w"), ("conv(\\d+)/=>block$1/", "conv12/w", "block12/w"),
    ("(a)(b)=>$2$1", "ab/ab", "ba/ba"),
    ("x=>$0$0", "x", "xx"), ("a=>$$", "a", "$"), ("a=>\\\\", "a", "\\"), ("(a)=>\\1\\1", "a", "aa"),
    ("/=>", "a/b/c", "abc"), (":0$=>", "w:0", "w"),
    ("nothing=>x", "w", "w"), ("a=>b=>c", "a=>b", "c"), ("(x)?w=>[$1]", "w", "[]"), ("é=>e", "café", "cafe"),
    ("$=>/end", "w", "w/end"),
  ]) func replacesEveryMatch(rule: String, name: String, expected: String) throws {
    #expect(try rename(rule, Name(name)) == Name(expected))
  }

  @Test func refusesWhatIsNoRule() throws {
    #expect(failure { _ = try RenameRule("a->b") }?.code == .usage)
    #expect(failure { _ = try RenameRule("(=>b") }?.message == "'(' is not a regular expression")
    #expect(failure { _ = try RenameRule("a=>$x") }?.code == .usage)
    #expect(
      failure { _ = try rename("(a)=>$2", "a") }?.message == "the template asks for group 2, but the expression has 1")
  }

  /// The library that matches calls itself for each bracket, and an expression may take the square of a name's length.
  @Test func expressionsAndNamesAreOfReasonableSize() throws {
    let nested = String(repeating: "[", count: 3000) + "a" + String(repeating: "]", count: 3000)
    #expect(failure { _ = try RenameRule("\(nested)=>x") }?.code == .usage)
    let long = Name(String(repeating: "n", count: 20_000))
    #expect(failure { _ = try rename(".*/(.*)=>$1", long) }?.code == .unsupported)
  }

  @Test func aNameThatIsNoTextStays() throws {
    let name = Name(bytes: [0x61, 0xff])
    #expect(try rename("a=>b", name) == name)
  }
}

@Suite struct NameMapTests {
  private func map(_ text: String) throws -> [Name: Name] { try NameMap(Array(text.utf8), path: "map").targets }

  @Test func readsLinesAndJSONAndPlans() throws {
    let expected: [Name: Name] = ["a": "x", "b/c": "y z"]
    #expect(try map("a\tx\n# comment\n\nb/c\ty z\r\n") == expected)
    #expect(try map("a => x\nb/c => y z") == expected)
    #expect(try map(#"{"a": "x", "b/c": "y z"}"#) == expected)
    #expect(
      try map(
        #" {"plan": 1, "variables": [{"source": "a", "dtype": "float32", "target": "x"}, {"source": "b/c", "target": "y z"}]}"#
      ) == expected)
    #expect(try map(#"{"a\udcff": "b\udcfe"}"#) == [Name(bytes: [0x61, 0xff]): Name(bytes: [0x62, 0xfe])])
    #expect(
      try NameMap([0x61, 0xff, 0x09, 0xfe], path: "map").targets == [Name(bytes: [0x61, 0xff]): Name(bytes: [0xfe])])
  }

  @Test func refusesWhatIsNoMap() {
    for text in ["a", "a -> b", #"{"a": 1}"#, #"{"variables": [{"source": "a"}]}"#, "{", "a\tx\na\ty"] {
      #expect(failure { _ = try map(text) }?.code == .corrupt, "\(text)")
    }
  }
}

@Suite struct NearestNamesTests {
  @Test func findsTheFewThatAreNear() {
    let names: [Name] = ["Conv/weights", "Conv/biases", "Conv_1/weights", "fully_connected/weights"]
    #expect(NearestNames.to("Conv/weight", in: names).first == "Conv/weights")
    #expect(NearestNames.to("zzzz", in: names) == [])
    #expect(NearestNames.to("", in: names) == [])
  }
}
