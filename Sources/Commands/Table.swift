/// Text in columns. Where the terminal is narrow, cells are shortened in the middle, the widest columns first, so that no row is
/// ever wrapped.
struct Table {
  private var rows: [[String]]

  init(_ header: [String]) { rows = [header] }

  mutating func append(_ row: [String]) { rows.append(row) }

  private static let gap = 2
  /// What a shortened cell keeps at least.
  private static let narrowest = 5
  /// Without a terminal, no more columns than these are filled up for the sake of a longer cell in another row.
  private static let widest = 200

  /// - Parameters:
  ///   - columns: width of the terminal; nil for no limit.
  ///   - rightAligned: columns of numbers, which are shortened last.
  func text(columns: Int?, rightAligned: Set<Int> = []) -> String {
    guard let header = rows.first else { return "" }
    var widths = header.indices.map { column in rows.map { Table.width($0[column]) }.max() ?? 0 }
    if let columns {
      let room = columns - Table.gap * (widths.count - 1)
      Table.narrow(&widths, to: room, in: widths.indices.filter { !rightAligned.contains($0) })
      Table.narrow(&widths, to: room, in: Array(widths.indices))
    } else {
      widths = widths.map { min($0, Table.widest) }
    }
    var lines: [String] = []
    for row in rows {
      var line = ""
      for (column, cell) in row.enumerated() {
        let shown = columns == nil ? cell : Table.shortened(cell, to: widths[column])
        let space = String(repeating: " ", count: max(0, widths[column] - Table.width(shown)))
        let isLast = column == row.count - 1
        line += rightAligned.contains(column) ? space + shown : isLast ? shown : shown + space
        if !isLast { line += String(repeating: " ", count: Table.gap) }
      }
      let end = line.utf8.lastIndex { $0 != 0x20 }
      lines.append(end.map { String(decoding: line.utf8[...$0], as: UTF8.self) } ?? "")
    }
    return lines.joined(separator: "\n")
  }

  /// Takes from the widest of some columns until all fit, or none can give any more.
  private static func narrow(_ widths: inout [Int], to room: Int, in columns: [Int]) {
    while case let excess = widths.reduce(0, +) - room, excess > 0,
      let widest = columns.max(by: { widths[$0] < widths[$1] }), widths[widest] > narrowest
    {
      // Down to the next widest at once; one by one among those that are as wide.
      let next = columns.filter { $0 != widest }.map { widths[$0] }.max() ?? 0
      widths[widest] -= max(1, min(excess, widths[widest] - max(next, narrowest)))
    }
  }

  /// - Returns: at most `width` columns of text, the middle replaced by a sign where something is left out.
  static func shortened(_ text: String, to width: Int) -> String {
    guard Table.width(text) > width, width > 0 else { return text }
    let tail = (width - 1) * 2 / 3
    return fitting(text, width - 1 - tail) + "…" + String(fitting(String(text.reversed()), tail).reversed())
  }

  /// The characters from the start that fit into so many columns.
  private static func fitting(_ text: String, _ columns: Int) -> String {
    var left = columns
    return String(
      text.prefix { character in
        left -= width(character)
        return left >= 0
      })
  }

  /// Columns that a terminal shows a text in.
  private static func width(_ text: String) -> Int {
    text.utf8.count == text.count ? text.count : text.reduce(0) { $0 + width($1) }
  }

  /// East Asian characters and pictures take two columns. Source: Unicode Annex 11, the blocks that are wide throughout.
  private static func width(_ character: Character) -> Int {
    guard let first = character.unicodeScalars.first?.value else { return 0 }
    switch first {
    case 0x1100...0x115f, 0x2e80...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60,
      0xffe0...0xffe6, 0x1f300...0x1faff, 0x20000...0x3fffd:
      return 2
    default: return 1
    }
  }
}
