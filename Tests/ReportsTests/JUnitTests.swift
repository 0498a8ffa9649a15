import CheckpointCore
import Reports
import Testing

@Suite struct JUnitTests {
  private func text(_ suites: [JUnitReport.Suite]) -> String {
    String(decoding: JUnitReport(suites, timestamp: "2026-01-31T12:00:00").bytes(), as: UTF8.self)
  }

  /// Every attribute and element that the stricter of the two schemas asks for, in its order.
  @Test func hasWhatTheSchemasAskFor() {
    let tests: [JUnitReport.Test] = [
      .init(name: "reads", className: "npz.stored", seconds: 0.0123, .passed),
      .init(
        name: "returns npz", className: "npz.stored", seconds: 2, .failed(message: "'a' differs", detail: "a < b\nc")),
      .init(name: "behaves", className: "npz.stored", seconds: 0, .skipped(reason: "no graph")),
    ]
    #expect(
      text([.init(name: "npz", tests: tests)]) == """
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites>
        <testsuite name="npz" package="ckpt-convert" id="0" timestamp="2026-01-31T12:00:00" hostname="localhost" tests="3" \
        failures="1" errors="0" skipped="1" time="2.012">
        <properties/>
        <testcase name="reads" classname="npz.stored" time="0.012"/>
        <testcase name="returns npz" classname="npz.stored" time="2.000">
        <failure message="&#39;a&#39; differs" type="failure">a &lt; b
        c</failure>
        </testcase>
        <testcase name="behaves" classname="npz.stored" time="0.000">
        <skipped message="no graph"/>
        </testcase>
        <system-out/>
        <system-err/>
        </testsuite>
        </testsuites>

        """)
  }

  /// XML 1.0 has no way to write most control characters, nor U+FFFE and U+FFFF.
  @Test func holdsAnyName() {
    let hostile = "\"]]>\u{0}\u{1b}[2J\u{ffff}\n\t\(Name(bytes: [0xff, 0x3c]))"
    let found = text([.init(name: hostile, tests: [.init(name: hostile, className: hostile, seconds: 0, .passed)])])
    #expect(found.contains(##"name="&quot;]]&gt;\x00\x1b[2J\xef\xbf\xbf&#10;&#9;\xff&lt;""##))
    #expect(found.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0xfffe || $0 == "\n" })
  }

  @Test func timesAreDecimals() {
    for (seconds, expected) in [
      (0.0, "0.000"), (1e-7, "0.000"), (61.5, "61.500"), (3600.0004, "3600.000"), (-1, "0.000"),
    ] {
      let test = JUnitReport.Test(name: "a", className: "b", seconds: seconds, .passed)
      #expect(text([.init(name: "s", tests: [test])]).contains("classname=\"b\" time=\"\(expected)\"/>"))
    }
  }
}
