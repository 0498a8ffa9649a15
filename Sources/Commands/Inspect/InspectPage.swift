import CheckpointCore
import FormatRegistry
import GraphRuntime
import Inspection
import Reports

/// The page that `inspect --html` writes: sizes by scope, the numbers of every variable, what the graph takes and gives.
struct InspectPage {
  private let inspected: InspectedStore

  init(_ inspected: InspectedStore) { self.inspected = inspected }

  private var store: VariableStore { inspected.store }

  var page: HTMLPage {
    var page = HTMLPage(title: Name(splitPath(inspected.found.path).last).description, isSortable: true)
    page.append(
      nil, [overview] + store.source.warnings.map { .paragraph(.badge("warning", .partial), .text(" " + $0)) })
    page.append("Sizes by scope", [.element("div", style: "tree", scopes(ScopeTree(store), depth: 0))])
    page.append("Variables", [variables])
    if inspected.roles.count > 1 || inspected.dtypes.count > 1 { page.append("Roles and dtypes", [totals]) }
    if let graph = inspected.graph { page.append("Graph", interface(of: graph)) }
    page.append("Files", [files])
    return page
  }

  private var overview: HTML {
    .figures([
      (Console.count(store.variables.count), "variables"), (Console.count(inspected.elements), "elements"),
      (Console.size(store.byteCount), "bytes"), (store.source.format, "format"),
    ])
  }

  // MARK: Scopes

  /// Levels that are open when the page is, and the most scopes that a level may have for that.
  private static let openDepth = 1
  private static let mostOpen = 12

  private func scopes(_ tree: ScopeTree, depth: Int) -> [HTML] {
    let whole = Double(max(1, store.byteCount))
    return tree.children.sorted { $0.bytes > $1.bytes }.map { child in
      let line: [HTML] = [
        .element("span", [.name(child.label)]), .bar(Double(child.bytes) / whole),
        .element("span", style: "number", [.text(Console.size(child.bytes))]),
      ]
      guard !child.children.isEmpty else { return .element("div", style: "leaf", line) }
      let isOpen = depth < InspectPage.openDepth && tree.children.count <= InspectPage.mostOpen
      return .element(
        "details", attributes: isOpen ? [("open", "")] : [],
        [.element("summary", line), .element("div", scopes(child, depth: depth + 1))])
    }
  }

  // MARK: Variables

  private var variables: HTML {
    let columns: [HTML.Column] = [
      .init("name"), .init("histogram"), .init("role"), .init("dtype"), .init("shape", .number),
      .init("bytes", .number), .init("min", .number), .init("max", .number), .init("mean", .number),
      .init("std", .number), .init("zeros", .number), .init("NaN", .number), .init("Inf", .number),
    ]
    return .table(columns, store.variables.indices.map(row), isSortable: true)
  }

  private func row(_ i: Int) -> [HTML] {
    let variable = store.variables[i]
    let tensor = variable.tensor
    let head: [HTML] = [
      .name(variable.name), histogram(i), .text(variable.role.rawValue), .text(tensor.dtype.rawValue),
      .number(Double(tensor.shape.elementCount), tensor.shape.description), count(tensor.byteCount),
    ]
    guard let statistics = inspected.statistics?[i] else { return head + [HTML](repeating: "", count: 7) }
    let values = [
      statistics.minimum, statistics.maximum, statistics.deviation.map { _ in statistics.mean }, statistics.deviation,
    ]
    return head + values.map { value in value.map { .number($0, ShortNumber.text($0)) } ?? "" }
      + [count(statistics.zeros), odd(statistics.nans), odd(statistics.infinities)]
  }

  private func histogram(_ i: Int) -> HTML {
    guard let histogram = inspected.histograms?[i], store.variables[i].tensor.shape.elementCount > 1 else { return "" }
    let (low, high) = (ShortNumber.text(histogram.range.lowerBound), ShortNumber.text(histogram.range.upperBound))
    return .histogram(histogram.counts, label: "from \(low) to \(high)")
  }

  private func count(_ number: Int) -> HTML { .number(Double(number), Console.count(number)) }

  /// Numbers that should not be there.
  private func odd(_ number: Int) -> HTML {
    number == 0 ? count(0) : .all([.number(Double(number), ""), .badge(Console.count(number), .bad)])
  }

  // MARK: The rest

  private var totals: HTML {
    let rows = (inspected.roles + inspected.dtypes).map { total -> [HTML] in
      [.text(total.kind), count(total.variables), .text(Console.size(total.bytes))]
    }
    return .table([.init("role or dtype"), .init("variables", .number), .init("size", .number)], rows)
  }

  private func interface(of graph: GraphSummary) -> [HTML] {
    var parts: [HTML] = [.paragraph(.code(graph.name))]
    for (title, tensors) in [("Inputs", graph.inputs), ("Outputs", graph.outputs)] where !tensors.isEmpty {
      parts += [.paragraph(.text(title)), .list(tensors.map { .code($0.text) })]
    }
    for signature in graph.signatures {
      let members = signature.inputs.map { ("in", $0) } + signature.outputs.map { ("out", $0) }
      parts += [
        .paragraph(.text("Signature "), .code(Name(signature.key).description)),
        .list(members.map { .all([.text("\($0) "), .code(GraphSummary.text([$1]))]) }),
      ]
    }
    return parts
  }

  private var files: HTML {
    .table(
      [.init("file"), .init("bytes", .number), .init("variables", .number)],
      inspected.files.map { [.name(Name($0.name)), count($0.bytes), count($0.variables)] })
  }
}
