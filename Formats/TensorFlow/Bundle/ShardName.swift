import CheckpointCore

/// Names of a bundle's files. They are computed from the prefix and numbers, never taken from a file's content.
enum ShardName {
  static let index = ".index"

  /// `.data-00002-of-00005`
  static func suffix(_ shard: Int, of count: Int) -> String { ".data-\(fiveDigits(shard))-of-\(fiveDigits(count))" }

  /// The prefix of `model.data-00002-of-00005`, or nil where the name is no shard's.
  static func prefix(of path: String) -> (prefix: String, shard: Int, count: Int)? {
    guard let mark = path.utf8.lastRange(of: ".data-") else { return nil }
    let numbers = path[mark.upperBound...].split(separator: "-", omittingEmptySubsequences: false)
    guard numbers.count == 3, numbers[1] == "of", numbers[0].utf8.count >= 5, numbers[2].utf8.count >= 5,
      let shard = Int(numbers[0]), let count = Int(numbers[2]), shard >= 0, count > 0
    else { return nil }
    return (String(path[..<mark.lowerBound]), shard, count)
  }

  static func fiveDigits(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }
}

extension String.UTF8View {
  /// Where a text stands for the last time.
  func lastRange(of text: StaticString) -> Range<Index>? {
    let wanted = Array(text.description.utf8)
    guard count >= wanted.count else { return nil }
    var start = index(endIndex, offsetBy: -wanted.count)
    while true {
      if self[start...].starts(with: wanted) { return start..<index(start, offsetBy: wanted.count) }
      if start == startIndex { return nil }
      formIndex(before: &start)
    }
  }
}
