import CheckpointCore
import Reports
import Testing

@Suite struct HTMLTests {
  private func page(_ content: [HTML], title: String = "Title") -> String {
    var page = HTMLPage(title: title)
    page.append("Heading", content)
    return String(decoding: page.bytes(footer: "made by a test"), as: UTF8.self)
  }

  @Test func namesFromFilesCannotBecomeMarkup() {
    let hostile = "</title><script>alert('1')</script>&\""
    let text = page([.name(Name(hostile)), .badge("x", .bad, hint: hostile), .text(hostile)], title: hostile)
    #expect(!text.contains("<script"))
    #expect(!text.contains("'1'"))
    #expect(
      text.contains("<code>&lt;/title&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;</code>"))
    #expect(text.contains("title=\"&lt;/title&gt;"))
  }

  @Test func textCannotBeSteered() {
    // A right-to-left override, a terminal escape, a byte that is no UTF-8.
    #expect(page([.text("a\u{202e}b\u{1b}[31m")]).contains(#"a\xe2\x80\xaeb\x1b[31m"#))
    #expect(page([.name(Name(bytes: [0x61, 0xff]))]).contains(#"<code>a\xff</code>"#))
    #expect(page([.text("näme 層")]).contains("näme 層"))
  }

  @Test func takesNothingFromANetwork() {
    let text = page([.table([.init("A")], [["b"]]), .folded("more", ["c"]), .figures([("1", "one")])])
    #expect(text.contains("Content-Security-Policy"))
    for reference in ["src=", "href=", "url(", "@import", "http:", "https:", "<script", "<link"] {
      #expect(!text.contains(reference), "\(reference)")
    }
    #expect(text.contains("prefers-color-scheme: dark"))
  }

  @Test func tablesHaveHeadings() {
    let text = page([.table([.init("name"), .init("bytes", .number), .init("npz", .mark)], [["a", "12", "yes"]])])
    #expect(
      text.contains(
        #"<thead><tr><th scope="col"><span>name</span></th><th class="number" scope="col"><span>bytes</span></th>"#))
    #expect(text.contains(#"<tr><th scope="row">a</th><td class="number">12</td><td class="mark">yes</td></tr>"#))
  }

  @Test func everyTagIsClosed() {
    let text = page([
      .paragraph("a", .code("b")), .list(["c", "d"]), .folded("e", isOpen: true, [.badge("f", .good)]),
      .table([.init("g")], [["h"], ["i"]]), .figures([("1", "j")]),
    ])
    for tag in ["html", "body", "main", "section", "p", "ul", "li", "details", "summary", "table", "tr", "span", "dl"] {
      let opened = text.ranges(of: "<\(tag)>").count + text.ranges(of: "<\(tag) ").count
      #expect(opened == text.ranges(of: "</\(tag)>").count, "\(tag)")
    }
  }
}
