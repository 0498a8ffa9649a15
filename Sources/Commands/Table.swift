/// Text in columns, the last of which gives way where the terminal is narrow.
struct Table {
  private var rows: [[String]]

  init(_ header: [String]) { rows = [header] }

  mutating func append(_ row: [String]) { rows.append(row) }

  /// - Parameter columns: width of the terminal; nil for no limit.
  func text(columns: Int?, rightAligned: Set<Int> = []) -> String {
    guard let header = rows.first else { return "" }
    var widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    if let columns {
      // The first column, usually the names, is cut in the middle where the row is too wide.
      let others = widths.dropFirst().reduce(0) { $0 + $1 + 2 }
      widths[0] = max(min(widths[0], columns - others), min(widths[0], 20))
    }
    var lines: [String] = []
    for row in rows {
      var line = ""
      for (column, cell) in row.enumerated() {
        let shown = cell.count > widths[column] ? shortened(cell, to: widths[column]) : cell
        let space = String(repeating: " ", count: max(0, widths[column] - shown.count))
        let isLast = column == row.count - 1
        line += rightAligned.contains(column) ? space + shown : isLast ? shown : shown + space
        if !isLast { line += "  " }
      }
      lines.append(line)
    }
    return lines.joined(separator: "\n")
  }

  private func shortened(_ text: String, to width: Int) -> String {
    let tail = (width - 1) * 2 / 3
    return String(text.prefix(width - 1 - tail)) + "…" + String(text.suffix(tail))
  }
}
