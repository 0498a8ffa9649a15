/// One page in one file: it takes nothing from a network, runs no code, follows the light or dark mode of its reader, and fits
/// a telephone.
package struct HTMLPage: Sendable {
  private let title: String
  private var sections: [HTML] = []

  package init(title: String) { self.title = title }

  /// Content under a heading of its own, or before all headings.
  package mutating func append(_ heading: String? = nil, _ content: [HTML]) {
    sections.append(.element("section", (heading.map { [HTML.element("h2", [.text($0)])] } ?? []) + content))
  }

  /// - Parameter footer: what made the page.
  package func bytes(footer: String) -> [UInt8] {
    let main = HTML.element(
      "main", [.element("h1", [.text(title)])] + sections + [.element("footer", [.text(footer)])])
    return Array(
      """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
      <title>\(Markup.escaped(title))</title>
      <style>
      \(HTMLPage.style)
      </style>
      </head>
      <body>
      \(main.markup)
      </body>
      </html>

      """.utf8)
  }

  private static let style = """
    :root {
      color-scheme: light dark;
      --page: #ffffff; --panel: #f5f6f8; --line: #d9dde3; --ink: #1b1f24; --faint: #5a6472;
      --good: #1a7f37; --good-back: #dcf5e3; --bad: #b3261e; --bad-back: #fde2e0;
      --partial: #8a5a00; --partial-back: #fcefcf; --accent: #2b62c4;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --page: #14171c; --panel: #1d2128; --line: #343b46; --ink: #e5e9ef; --faint: #9aa5b4;
        --good: #5fd184; --good-back: #16351f; --bad: #ff8f86; --bad-back: #45191a;
        --partial: #f0c05a; --partial-back: #3b2f12; --accent: #86b0ff;
      }
    }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
    main { max-width: 76rem; margin: 0 auto; padding: 1.5rem 1.25rem 3rem; }
    h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; overflow-wrap: anywhere; }
    h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; overflow-wrap: anywhere; }
    p, ul { margin: .5rem 0; max-width: 52rem; }
    p, li { overflow-wrap: anywhere; }
    code, td.number { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .86em; }
    code { overflow-wrap: anywhere; }
    td code { white-space: nowrap; }
    footer { margin-top: 3rem; color: var(--faint); font-size: .85rem; }
    .quiet { color: var(--faint); }
    .badge { display: inline-block; min-width: 1.7em; padding: 0 .4em; border-radius: .35em; text-align: center;
      font-size: .86em; font-weight: 600; }
    .badge.good { color: var(--good); background: var(--good-back); }
    .badge.bad { color: var(--bad); background: var(--bad-back); }
    .badge.partial { color: var(--partial); background: var(--partial-back); }
    .badge.quiet { color: var(--faint); font-weight: 400; }
    .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .75rem; margin: 1rem 0;
      max-width: 52rem; }
    .figures div { padding: .6rem .9rem; background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; }
    .figures dt { color: var(--faint); font-size: .82rem; }
    .figures dd { margin: 0; font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; }
    .scroll { overflow-x: auto; width: fit-content; max-width: 100%; margin: .75rem 0; border: 1px solid var(--line);
      border-radius: .5rem; }
    table { border-collapse: separate; border-spacing: 0; font-size: .9rem; }
    th, td { padding: .3rem .65rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
    thead th { border-top: 0; background: var(--panel); color: var(--faint); font-weight: 600; vertical-align: bottom;
      white-space: nowrap; }
    tbody th { font-weight: 400; }
    tr > :first-child { position: sticky; left: 0; background: var(--page); min-width: 12rem;
      max-width: 24rem; }
    thead tr > :first-child { background: var(--panel); }
    .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
    .mark { text-align: center; padding-left: .2rem; padding-right: .2rem; width: 2.4rem; }
    thead .mark span { writing-mode: vertical-rl; transform: rotate(180deg); }
    details { margin: .35rem 0; padding: 0 .9rem; border: 1px solid var(--line); border-radius: .5rem; }
    summary { margin: 0 -.9rem; padding: .45rem .9rem; cursor: pointer; overflow-wrap: anywhere; }
    summary:hover { color: var(--accent); }
    @media (max-width: 36rem) {
      main { padding: 1rem .75rem 2rem; }
      th, td { padding: .25rem .45rem; }
      tr > :first-child { max-width: 11rem; min-width: 7rem; overflow-wrap: anywhere; }
      .mark { padding-left: 0; padding-right: 0; width: 1.5rem; }
      .mark .badge { min-width: 1.5em; padding: 0; }
      .figures div { padding: .4rem .6rem; }
    }
    """
}
