import TestKit
import Testing

@testable import Commands

@Suite struct TableTests {
  private func table() -> Table {
    var table = Table(["NAME", "SHAPE", "BYTES"])
    table.append(["a/very/long/scope/with/weights", "[1, 2, 3]", "1,000"])
    table.append(["b", "[]", "4"])
    return table
  }

  /// A row with a very long name does not make the others as long.
  @Test func oneLongCellIsItsOwnRowsMatter() {
    var table = table()
    table.append([String(repeating: "n", count: 100_000), "[]", "4"])
    let lines = table.text(columns: nil).split(separator: "\n")
    #expect(lines[3].utf8.count > 100_000 && lines.filter { $0.utf8.count > 300 }.count == 1)
  }

  @Test(arguments: ["\u{1b}]0;t\u{7}", "a\u{9b}31m", "\u{202e}b", "\u{2028}"]) func nothingThatIsSaidSteersATerminal(
    text: String
  ) {
    let said = Console.harmless("é\n\t" + text)
    #expect(said.hasPrefix("é\n\t") && said.contains("\\x"))
    #expect(Console.harmless(said) == said)
  }

  @Test func withoutATerminalNothingIsShortened() {
    #expect(
      table().text(columns: nil, rightAligned: [2]) == """
        NAME                            SHAPE      BYTES
        a/very/long/scope/with/weights  [1, 2, 3]  1,000
        b                               []             4
        """)
  }

  @Test(arguments: [20, 24, 30, 40, 47]) func noRowIsWiderThanTheTerminal(columns: Int) {
    let lines = table().text(columns: columns, rightAligned: [2]).split(separator: "\n")
    #expect(lines.allSatisfy { $0.count <= columns })
    // Numbers keep all their digits, names their ends.
    #expect(lines[1].hasSuffix("1,000") && lines[1].contains("…"))
  }

  @Test func theMiddleGivesWay() {
    #expect(Table.shortened("scope/layer/kernel", to: 11) == "scop…kernel")
    #expect(Table.shortened("short", to: 11) == "short")
  }

  @Test func wideCharactersTakeTwoColumns() {
    #expect(Table.shortened("重量重量重量", to: 7).unicodeScalars.count == 4)
  }

  @Test(
    arguments: [
      (0, "0"), (-3, "-3"), (0.0412345, "0.04123"), (1234.56, "1235"), (0.99999, "1.000"), (3.13e-10, "3.130e-10"),
      (-12345678.5, "-1.235e7"), (.infinity, "inf"), (1.5, "1.500"), (1e300, "1.000e300"),
    ] as [(Double, String)])
  func fourDigitsThatCount(value: Double, text: String) { #expect(ShortNumber.text(value) == text) }
}
