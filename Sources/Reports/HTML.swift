package import CheckpointCore

/// A piece of a page. It is well formed and safe by construction: tags and the names of attributes are literals of the program,
/// all text is escaped on its way in.
package struct HTML: Sendable, ExpressibleByStringLiteral {
  let markup: String

  private init(markup: String) { self.markup = markup }

  /// A literal is text.
  package init(stringLiteral text: String) { self = .text(text) }

  package static func text(_ text: String) -> HTML { HTML(markup: Markup.escaped(text)) }

  /// Pieces one after the other.
  package static func all(_ pieces: [HTML]) -> HTML { HTML(markup: pieces.map(\.markup).joined()) }

  /// - Parameters:
  ///   - style: a class of `HTMLPage`'s style sheet, or several.
  ///   - attributes: values are escaped; none that holds code or an address belongs here.
  package static func element(
    _ tag: StaticString, style: StaticString? = nil, attributes: [(name: StaticString, value: String)] = [],
    _ content: [HTML] = []
  ) -> HTML {
    var opening = "<\(tag)"
    if let style { opening += " class=\"\(style)\"" }
    for (name, value) in attributes { opening += " \(name)=\"\(Markup.escaped(value, isAttribute: true))\"" }
    return HTML(markup: opening + ">" + all(content).markup + "</\(tag)>")
  }

  package static func paragraph(_ content: HTML...) -> HTML { element("p", content) }

  /// A name, a path, a command: in a fixed width, broken where it must be.
  package static func code(_ text: String) -> HTML { element("code", [.text(text)]) }
  package static func name(_ name: Name) -> HTML { code(name.description) }

  package static func list(_ items: [HTML]) -> HTML { element("ul", items.map { element("li", [$0]) }) }

  /// Content under a line that opens and closes it.
  package static func folded(_ summary: HTML, isOpen: Bool = false, _ content: [HTML]) -> HTML {
    element("details", attributes: isOpen ? [("open", "")] : [], [element("summary", [summary])] + content)
  }

  /// What a verdict looks like.
  package enum Tone: Sendable { case good, bad, partial, quiet }

  /// A short verdict in the colour of its tone; the text says it too, for those who see no colour.
  /// - Parameter hint: shown when the pointer rests on it.
  package static func badge(_ text: String, _ tone: Tone, hint: String? = nil) -> HTML {
    let style: StaticString =
      switch tone {
      case .good: "badge good"
      case .bad: "badge bad"
      case .partial: "badge partial"
      case .quiet: "badge quiet"
      }
    guard let hint else { return element("span", style: style, [.text(text)]) }
    return element("span", style: style, attributes: [("title", hint)], [.text(text)])
  }

  /// Figures side by side, each with what it counts.
  package static func figures(_ figures: [(value: String, label: String)]) -> HTML {
    element(
      "dl", style: "figures",
      figures.map { figure in
        element("div", [element("dt", [.text(figure.label)]), element("dd", [.text(figure.value)])])
      })
  }

  package struct Column: Sendable {
    package enum Kind: Sendable {
      case text
      /// To the right, digits of one width.
      case number
      /// In the middle, under a heading that is turned, for matrices.
      case mark
    }
    let title: String
    let kind: Kind

    package init(_ title: String, _ kind: Kind = .text) { (self.title, self.kind) = (title, kind) }

    fileprivate var style: StaticString? {
      switch kind {
      case .text: nil
      case .number: "number"
      case .mark: "mark"
      }
    }
  }

  /// A table that scrolls by itself where the page is narrow. Its first column stays in sight.
  /// - Parameter rows: as many cells each as there are columns.
  package static func table(_ columns: [Column], _ rows: [[HTML]]) -> HTML {
    let heading = element(
      "tr",
      columns.map { column in
        element("th", style: column.style, attributes: [("scope", "col")], [element("span", [.text(column.title)])])
      })
    let lines = rows.map { row in
      element(
        "tr",
        zip(columns, row).enumerated().map { i, cell in
          i == 0
            ? element("th", style: cell.0.style, attributes: [("scope", "row")], [cell.1])
            : element("td", style: cell.0.style, [cell.1])
        })
    }
    return element(
      "div", style: "scroll", attributes: [("tabindex", "0")],
      [element("table", [element("thead", [heading]), element("tbody", lines)])])
  }
}
