import CheckpointCore
import TestKit
import Testing

@testable import HDF5

/// Names and the paths of their datasets: Tree/FORMAT.md, "Names".
@Suite struct TreePathTests {
  private func paths(_ names: [Name]) -> [Name] {
    let layout = TreePath(names)
    return names.map { layout.paths[$0] ?? "?" }
  }

  /// The groups that a file with datasets at these paths has, without the root's.
  private func groups(_ names: some Collection<Name>) throws -> [Name] {
    var tree = HDF5Tree()
    for path in TreePath(names).paths.values {
      tree.datasets.append((path, Variable(name: path, tensor: try .floats([1], [0]), role: .weight)))
    }
    tree.setGroups([:])
    return tree.groups.map(\.path)
  }

  @Test func aNameIsAPathWhereItCan() throws {
    #expect(paths(["w", "dense/kernel:0", "a b/é", "a/b/c/d"]) == ["w", "dense/kernel:0", "a b/é", "a/b/c/d"])
    #expect(try groups(["dense/kernel:0", "a/b/c", "w"]) == ["a", "a/b", "dense"])
  }

  @Test func aVariableBesideAFolderOfItsNameKeepsBoth() throws {
    #expect(paths(["a/b", "a"]) == ["a%2Fb", "a"])
    #expect(paths(["a", "a/b", "a/b/c"]) == ["a", "a%2Fb", "a%2Fb%2Fc"])
    // What only looks alike is left alone: `a!` comes between `a` and `a/b`.
    #expect(paths(["a", "a!", "a/b", "ab/c"]) == ["a", "a!", "a%2Fb", "ab/c"])
    #expect(try groups(["a", "a/b/c"]) == ["a%2Fb"])
  }

  @Test func partsThatHDF5WouldReadOtherwiseAreEscaped() {
    func path(_ name: Name) -> Name? { TreePath([name]).paths[name] }
    #expect(["", "/", "a//b", "/a", "a/"].map(path) == ["%", "%/%", "a/%/b", "%/a", "a/%"])
    #expect(paths([".", "..", "a/./b", "...", ".x"]) == ["%2E", "%2E%2E", "a/%2E/b", "...", ".x"])
    #expect(paths(["100%", "%", "%2F", "a\u{0}b"]) == ["100%25", "%25", "%252F", "a%00b"])
    #expect(paths([Name(bytes: [0xff, 0x2f, 0xfe])]) == [Name(bytes: [0xff, 0x2f, 0xfe])])
  }

  @Test func theNameIsKeptBesideAPathThatIsAnother() throws {
    #expect(try TreePath.attributes("a/b", at: "a/b").isEmpty)
    for name: Name in ["a//b", "..", "", "a\u{0}b", "\u{0}", "é%", Name(bytes: [0xff, 0x25])] {
      let path = try #require(TreePath([name]).paths[name])
      let attributes = try TreePath.attributes(name, at: path)
      #expect(attributes.count == 1)
      #expect(TreePath.name(path, attributes) == name)
    }
    #expect(TreePath.name("plain", []) == "plain")
  }

  @Test(arguments: 1...50) func noTwoNamesShareAPathAndNoGroupIsADataset(seed: Int) throws {
    var random = RandomSource(seed: UInt64(seed))
    var names: Set<Name> = []
    // Few letters, so that names begin with each other.
    let letters: [[UInt8]] = ["a", "b", "/", "/", "%", ".", "\u{0}", "%2F", "!"].map { Array($0.utf8) }
    for _ in 0..<200 {
      names.insert(Name(bytes: (0..<random.below(7)).flatMap { _ in letters[random.below(letters.count)] }))
    }
    let layout = TreePath(names)
    let paths = Set(layout.paths.values)
    let groups = try groups(names)
    #expect(layout.paths.count == names.count)
    #expect(paths.count == names.count, "seed \(seed)")
    #expect(paths.isDisjoint(with: groups), "seed \(seed)")
    var known: Set<Name> = [""]
    for group in groups {
      let above = Name(bytes: Array(group.bytes[..<(group.bytes.lastIndex(of: 0x2f) ?? 0)]))
      #expect(known.contains(above), "seed \(seed): '\(group)' before '\(above)'")
      known.insert(group)
    }
    for path in paths {
      let parts = path.bytes.split(separator: 0x2f, omittingEmptySubsequences: false)
      #expect(parts.allSatisfy { !$0.isEmpty && !$0.contains(0) && $0 != [0x2e] && $0 != [0x2e, 0x2e] }, "\(path)")
      let above = Name(bytes: Array(path.bytes[..<(path.bytes.lastIndex(of: 0x2f) ?? 0)]))
      #expect(known.contains(above), "seed \(seed): '\(path)' has no group '\(above)'")
    }
  }
}
