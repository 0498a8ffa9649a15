/// Names that a misspelt one may have meant.
public enum NearestNames {
  /// - Returns: at most three names whose edit distance is below half of the text's length, nearest first.
  public static func to(_ text: String, in names: [Name]) -> [Name] {
    let wanted = Array(text.utf8.prefix(200))
    guard names.count <= 20_000 else { return [] }
    return names.map { (distance(wanted, Array($0.bytes.prefix(200))), $0) }
      .filter { $0.0 <= wanted.count / 2 }
      .sorted { ($0.0, $0.1) < ($1.0, $1.1) }
      .prefix(3).map(\.1)
  }

  /// Levenshtein's: insertions, deletions and replacements of bytes.
  private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var corner = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let replaced = corner + (x == y ? 0 : 1)
        corner = row[j + 1]
        row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[b.count]
  }
}
