import CheckpointCore

/// How like two names are once what libraries add, number and call otherwise is taken off: `:0`, the attribute of object
/// checkpoints, `_1` behind a part, a scope in front, `weights` for `kernel`.
struct NameLikeness {
  private let first: NameParts
  private let second: NameParts
  /// Parts at the end that are equal, or have the same meaning.
  private let common: Int

  init(_ first: NameParts, _ second: NameParts) {
    (self.first, self.second) = (first, second)
    common = zip(self.first.plain.reversed(), self.second.plain.reversed()).prefix { $0 == $1 }.count
  }

  private var isWhole: Bool { common == first.plain.count && common == second.plain.count }
  /// Whether one name is the other below a scope.
  private var isScoped: Bool { common > 0 && !isWhole && common == min(first.plain.count, second.plain.count) }

  /// Whether the names alone make it worth a look: nothing but numbers, words and scopes differ, or all but one part is the same.
  var isLikely: Bool {
    isWhole || isScoped && (common > 1 || min(first.plain.count, second.plain.count) > 1)
      || (common > 0 && 2 * common >= max(first.plain.count, second.plain.count))
  }

  /// More for likelier names.
  var score: Int {
    var score = 10 * common - abs(first.plain.count - second.plain.count)
    if isWhole { score += 200 } else if isScoped { score += 100 }
    // Of several that are alike but for their numbers, those whose numbers are equal belong together.
    score += zip(first.numbers.reversed(), second.numbers.reversed()).count { $0 == $1 }
    return score
  }

  /// What differs and is explained, in words.
  func reasons(alone: Bool) -> [String] {
    var reasons: [String] = []
    if isWhole || isScoped || isLikely {
      for (a, b) in [(first, second), (second, first)] {
        if !a.removed.isEmpty, a.removed != b.removed { reasons.append("'\(a.removed)' at the end") }
      }
      let pairs = zip(first.words.reversed(), second.words.reversed()).prefix(common)
      for (a, b) in pairs where a != b { reasons.append("\(a) → \(b)") }
      let numbers = zip(first.numbers.reversed(), second.numbers.reversed()).prefix(common)
      if numbers.contains(where: { $0 != $1 }) { reasons.append("numbered otherwise") }
      if isScoped {
        let (longer, other) = first.plain.count > second.plain.count ? (first, second) : (second, first)
        let scope = longer.original.dropLast(other.plain.count).joined(separator: "/")
        reasons.append("scope '\(scope)/'")
      } else if !isWhole {
        reasons.append("'\(first.original.suffix(common).joined(separator: "/"))' at the end of both")
      }
    }
    if alone { reasons.append("the only ones of this dtype and shape") }
    return reasons
  }
}

/// A name taken apart.
struct NameParts {
  /// As the name has them, without what was removed from its end.
  let original: [String]
  /// Without numbers.
  let words: [String]
  /// The number behind each part, 0 for none.
  let numbers: [Int]
  /// What can be compared: one word for every meaning.
  let plain: [String]
  let removed: String

  init(_ name: Name) {
    var text = name.description
    var removed = ""
    for ending in ["/.ATTRIBUTES/VARIABLE_VALUE", ":0"] where text.hasSuffix(ending) {
      text = String(text.dropLast(ending.count))
      removed = ending
    }
    let separator: Character = text.contains("/") ? "/" : "."
    original = text.split(separator: separator).map(String.init)
    let split = original.map(NameParts.split)
    words = split.map(\.word)
    numbers = split.map(\.number)
    plain = words.map { NameParts.meanings[$0.lowercased()] ?? $0 }
    self.removed = removed
  }

  /// `dense_3` is `dense` and 3.
  private static func split(_ part: String) -> (word: String, number: Int) {
    guard let mark = part.lastIndex(of: "_"), mark > part.startIndex,
      let number = Int(part[part.index(after: mark)...]), number >= 0
    else { return (part, 0) }
    return (String(part[..<mark]), number)
  }

  /// What libraries call the parts of a layer, each by the name that Keras has for it.
  private static let meanings: [String: String] = {
    var meanings: [String: String] = [:]
    let words: [(String, [String])] = [
      ("kernel", ["kernel", "weights", "weight", "w"]), ("bias", ["bias", "biases", "b"]),
      ("gamma", ["gamma", "scale"]), ("beta", ["beta", "offset", "shift"]),
      ("moving_mean", ["moving_mean", "running_mean", "mean", "moving_avg"]),
      ("moving_variance", ["moving_variance", "running_var", "running_variance", "moving_var", "variance"]),
      ("embeddings", ["embeddings", "embedding", "embedding_matrix"]),
    ]
    for (meaning, list) in words { for word in list { meanings[word] = meaning } }
    return meanings
  }()
}
