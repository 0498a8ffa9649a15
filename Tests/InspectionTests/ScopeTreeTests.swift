import CheckpointCore
import Inspection
import TestKit
import Testing

@Suite struct ScopeTreeTests {
  private func tree(_ names: [Name]) throws -> ScopeTree {
    var store = VariableStore(source: .init(format: "memory", path: ""))
    for name in names { try store.append(Variable(name: name, tensor: .floats([2], [0, 0]), role: .weight)) }
    return ScopeTree(store)
  }

  private func outline(_ tree: ScopeTree) -> String {
    let inside = tree.children.map(outline).joined(separator: " ")
    return tree.label.description + (inside.isEmpty ? "" : "(\(inside))")
  }

  @Test(
    arguments: [
      (["a/w", "a/b", "c"], "(a(w b) c)"),
      // A scope alone in another is joined with it, also at the top.
      (["m/a/w", "m/a/b"], "(m/a(w b))"),
      // A variable may be the scope of its slots.
      (["w", "w/Adam", "w/Adam_1"], "(w(Adam Adam_1))"),
      (["layer.0.w", "layer.0.b", "layer.1.w"], "(layer(0(w b) 1.w))"),
      (["v/.ATTRIBUTES/VARIABLE_VALUE"], "(v/.ATTRIBUTES/VARIABLE_VALUE)"),
      (["/a", "//b", "x/"], "(/a //b x/)"),
    ] as [([Name], String)])
  func scopes(names: [Name], expected: String) throws { #expect(outline(try tree(names)) == expected) }

  @Test func eachScopeCountsWhatIsBelow() throws {
    let root = try tree(["a/w", "a/w/Adam", "b"])
    #expect(root.variables == 3 && root.bytes == 24 && root.elements == 6)
    #expect(root.children[0].variables == 2 && root.children[0].scope == "a/w" && root.children[0].variable == 0)
  }

  @Test func aNameOfSeparatorsIsNoAbyss() throws {
    let name = Name(bytes: [UInt8](repeating: UInt8(ascii: "/"), count: 100_000))
    #expect(try tree([name, "a"]).variables == 2)
  }
}
