import CheckpointCore

/// What the CTC decoders share: inputs [time, batch, classes], sequence_length [batch]; outputs, for each path, indices
/// [n, 2], values [n] and shape [2] of a sparse tensor [batch, longest], then a score [batch, paths].
struct CTCInput<T: RealElement> {
  let logits: DenseTensor
  let lengths: [Int]
  let time: Int
  let batch: Int
  let classes: Int

  init(_ context: KernelContext) throws(CheckpointError) {
    logits = try context.tensor(0, T.dtype)
    lengths = try context.ints(1)
    guard logits.rank == 3, logits.elementCount > 0, lengths.count == logits.dimensions[1] else {
      throw CheckpointError(.corrupt, "inputs of shape \(logits.shape) and \(lengths.count) sequence lengths")
    }
    (time, batch, classes) = (logits.dimensions[0], logits.dimensions[1], logits.dimensions[2])
    for length in lengths where length > time {
      throw CheckpointError(.corrupt, "a sequence length of \(length) for \(time) steps")
    }
  }

  /// Emits the decoded paths: all indices, all values, all shapes.
  /// - Parameter paths: for each path the sequence of each batch entry.
  func emit(_ paths: [[[Int]]], _ context: inout KernelContext) throws(CheckpointError) {
    for path in paths {
      var indices: [Int] = []
      for (b, sequence) in path.enumerated() {
        for t in sequence.indices { indices += [b, t] }
      }
      context.emit(try context.ints(indices, as: .int64, try Shape([indices.count / 2, 2])))
    }
    for path in paths { context.emit(try context.ints(path.flatMap { $0 }, as: .int64)) }
    for path in paths { context.emit(try context.ints([batch, path.map(\.count).max() ?? 0], as: .int64)) }
  }
}

/// CTCGreedyDecoder: the most probable class of each step; blanks and, with merge_repeated, repetitions dropped. The
/// score is the negative sum of the largest logits. Attributes T, merge_repeated, blank_index (-1: the last class).
enum CTCGreedyDecoder: RealKernel {
  static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 4
    let merges = try node.bool("merge_repeated", default: false)
    let blankIndex = try node.int("blank_index", default: -1)
    return { (context) throws(CheckpointError) in
      let input = try CTCInput<T>(context)
      let blank = blankIndex < 0 ? blankIndex &+ input.classes : blankIndex
      guard blank >= 0, blank < input.classes else {
        throw CheckpointError(.corrupt, "blank_index \(blankIndex) lies outside \(input.classes) classes")
      }
      let scores = try context.allocate(T.dtype, [input.batch, 1])
      let x = input.logits.elements(T.self)
      var score = scores.mutableElements(T.self)
      var sequences: [[Int]] = []
      for b in 0..<input.batch {
        var sequence: [Int] = []
        var previous = -1
        var sum: T = 0
        for t in 0..<max(input.lengths[b], 0) {
          let row = (t * input.batch + b) * input.classes
          var best = 0
          for c in 1..<max(input.classes, 1) where x[row + c] > x[row + best] { best = c }
          sum += -x[row + best]
          if best != blank, !(merges && best == previous) { sequence.append(best) }
          previous = best
        }
        score[b] = sum
        sequences.append(sequence)
      }
      try input.emit([sequences], &context)
      context.emit(scores)
    }
  }
}

/// CTCBeamSearchDecoder: the top_paths best label sequences that a search with beam_width candidates finds; the last
/// class is the blank. The score is the log probability. Attributes T, beam_width, top_paths, merge_repeated.
enum CTCBeamSearch: RealKernel {
  static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let width = try node.int("beam_width")
    let count = try node.int("top_paths")
    let merges = try node.bool("merge_repeated", default: true)
    guard width >= 1, width <= 1 << 24, count >= 1, count <= width, count <= 1 << 16 else {
      throw CheckpointError(.corrupt, "a beam of \(width) gives no \(count) paths")
    }
    node.outputCount = 3 * count + 1
    return { (context) throws(CheckpointError) in
      let input = try CTCInput<T>(context)
      let scores = try context.allocate(T.dtype, [input.batch, count])
      var score = scores.mutableElements(T.self)
      var paths = [[[Int]]](repeating: [], count: count)
      let x = input.logits.elements(T.self)
      for b in 0..<input.batch {
        var search = CTCBeam<T>(width: width, classes: input.classes)
        for t in 0..<max(input.lengths[b], 0) {
          let row = (t * input.batch + b) * input.classes
          search.step((0..<input.classes).map { x[row + $0] })
        }
        let best = search.best(count)
        guard best.count == count else {
          throw CheckpointError(.corrupt, "the beam holds \(best.count) paths, not the \(count) that are asked for")
        }
        for (p, entry) in best.enumerated() {
          paths[p].append(search.labels(entry, merging: merges))
          score[b * count + p] = search.entries[entry].new.total
        }
      }
      try input.emit(paths, &context)
      context.emit(scores)
    }
  }
}

/// The candidates of one sequence: a tree of label sequences, of which the `width` most probable are leaves.
private struct CTCBeam<T: RealElement> {
  /// Log probabilities of ending in a blank, in the label, and both.
  struct Probability {
    var blank = -T.infinity
    var label = -T.infinity
    var total = -T.infinity
  }

  struct Entry {
    let parent: Int
    let label: Int
    var old = Probability()
    var new = Probability()
    var isActive: Bool { new.total != -.infinity }
  }

  struct Child: Hashable {
    let parent: Int
    let label: Int
  }

  let width: Int
  let classes: Int
  var entries: [Entry]
  private var children: [Child: Int] = [:]
  /// Numbers of the entries in the beam, as a heap with the least probable first.
  private var leaves: [Int] = []

  init(width: Int, classes: Int) {
    self.width = width
    self.classes = classes
    var root = Entry(parent: -1, label: -1)
    root.new.blank = 0
    root.new.total = 0
    entries = [root]
    leaves = [0]
  }

  /// The next step's logits.
  mutating func step(_ logits: [T]) {
    let blank = classes - 1
    var largest = logits[0]
    for value in logits where value > largest { largest = value }
    var sum: T = 0
    for value in logits { sum += T.exp(value - largest) }
    let norm = largest + T.log(sum)

    let branches = best(leaves.count)
    leaves = []
    for i in branches { entries[i].old = entries[i].new }
    for i in branches {
      let entry = entries[i]
      if entry.parent >= 0 {
        let parent = entries[entry.parent]
        if parent.isActive {
          let previous = entry.label == parent.label ? parent.old.blank : parent.old.total
          entries[i].new.label = logSum(entries[i].new.label, previous)
        }
        entries[i].new.label += logits[entry.label] - norm
      }
      entries[i].new.blank = entry.old.total + logits[blank] - norm
      entries[i].new.total = logSum(entries[i].new.blank, entries[i].new.label)
      push(i)
    }
    for i in branches {
      let entry = entries[i]
      guard isCandidate(entry.old.total) else { continue }
      for label in 0..<blank {
        let key = Child(parent: i, label: label)
        let known = children[key]
        if let known, entries[known].isActive { continue }
        let previous = label == entry.label ? entry.old.blank : entry.old.total
        let probability = logits[label] - norm + previous
        guard isCandidate(probability) else {
          // It may be a branch itself, not grown yet: as in TensorFlow it then does not grow any more.
          if let known { entries[known].old = Probability() }
          continue
        }
        let child = known ?? entries.count
        if known == nil {
          entries.append(Entry(parent: i, label: label))
          children[key] = child
        }
        entries[child].new = Probability(blank: -.infinity, label: probability, total: probability)
        if leaves.count == width { entries[popLeast()].new = Probability() }
        push(child)
      }
    }
  }

  /// The most probable entries, best first.
  func best(_ count: Int) -> [Int] {
    // Entries of equal probability stay in the order in which they came.
    Array(leaves.sorted { (entries[$0].new.total, $1) > (entries[$1].new.total, $0) }.prefix(count))
  }

  func labels(_ entry: Int, merging: Bool) -> [Int] {
    var labels: [Int] = []
    var previous = -1
    var i = entry
    while i > 0 {
      if !merging || entries[i].label != previous { labels.append(entries[i].label) }
      previous = entries[i].label
      i = entries[i].parent
    }
    return labels.reversed()
  }

  private func isCandidate(_ total: T) -> Bool {
    total > -.infinity && (leaves.count < width || total > entries[leaves[0]].new.total)
  }

  private func logSum(_ a: T, _ b: T) -> T {
    if a == -.infinity { return b }
    if b == -.infinity { return a }
    return a > b ? a + T.log1p(T.exp(b - a)) : b + T.log1p(T.exp(a - b))
  }

  private mutating func push(_ entry: Int) {
    leaves.append(entry)
    var i = leaves.count - 1
    while i > 0, entries[leaves[i]].new.total < entries[leaves[(i - 1) / 2]].new.total {
      leaves.swapAt(i, (i - 1) / 2)
      i = (i - 1) / 2
    }
  }

  private mutating func popLeast() -> Int {
    let least = leaves[0]
    leaves.swapAt(0, leaves.count - 1)
    leaves.removeLast()
    var i = 0
    while true {
      var smallest = i
      for child in [2 * i + 1, 2 * i + 2] where child < leaves.count {
        if entries[leaves[child]].new.total < entries[leaves[smallest]].new.total { smallest = child }
      }
      if smallest == i { return least }
      leaves.swapAt(i, smallest)
      i = smallest
    }
  }
}
