import CheckpointCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// NonMaxSuppression, V2, V3, V4, V5, WithOverlaps: boxes [n, 4] (y1, x1, y2, x2; any two opposite corners) or overlaps
/// [n, n], scores [n], max_output_size; then iou_threshold (V1: an attribute), score_threshold (from V3 on),
/// soft_nms_sigma (V5). Outputs the chosen boxes, best score first, ties by number; V5: their scores; V4, V5: how many
/// are valid. Attribute pad_to_max_output_size (V4, V5).
enum NonMaxSuppression {
  static func build(_ node: inout NodeContext, version: Int) throws(CheckpointError) -> Kernel {
    node.outputCount = version == 5 ? 3 : version == 4 ? 2 : 1
    let pads = version >= 4 ? try node.bool("pad_to_max_output_size", default: false) : false
    let fixed = version == 1 ? try node.float("iou_threshold", default: 0.5) : 0
    return { (context) throws(CheckpointError) in
      let boxes = try context.floats(0)
      let scores = try context.floats(1)
      let most = try context.int(2)
      let threshold = version == 1 ? fixed : try context.number(3)
      let least = version >= 3 ? try context.number(4) : -Float.greatestFiniteMagnitude
      let sigma = version == 5 ? try context.number(5) : 0
      guard boxes.rank == 2, boxes.dimensions[1] == 4, scores.dimensions == [boxes.dimensions[0]], most >= 0 else {
        throw CheckpointError(.corrupt, "boxes of shape \(boxes.shape) and scores of \(scores.shape)")
      }
      guard threshold >= 0, threshold <= 1 else {
        throw CheckpointError(.corrupt, "iou_threshold \(threshold) lies outside 0...1")
      }
      let corners = boxes.map(Float.self) { $0 }
      var (chosen, left) = choose(
        scores.map(Float.self) { $0 }, most, least, threshold, sigma, { Box(corners, $0).overlap(Box(corners, $1)) })
      let valid = chosen.count
      if pads {
        // The size is the graph's: it must fit the memory that a run may hold before lists of it are made.
        let padding = try context.allocate(.int32, [most])
        _ = padding
        chosen += [Int](repeating: 0, count: most - valid)
        left += [Float](repeating: 0, count: most - valid)
      }
      context.emit(try context.ints(chosen, as: .int32))
      if version == 5 {
        let dtype = try context.tensor(1).dtype
        context.emit(try context.converted(try context.tensor(left), to: dtype))
      }
      if version >= 4 { context.emit(try context.scalar(Int32(clamping: valid))) }
    }
  }

  /// NonMaxSuppressionWithOverlaps: overlaps [n, n], scores [n], max_output_size, overlap_threshold, score_threshold.
  static func withOverlaps(_ context: inout KernelContext) throws(CheckpointError) {
    let overlaps = try context.tensor(0, .float32)
    let scores = try context.tensor(1, .float32)
    let most = try context.int(2)
    let threshold = try context.number(3)
    let least = try context.number(4)
    let count = scores.elementCount
    guard scores.rank == 1, overlaps.dimensions == [count, count], most >= 0 else {
      throw CheckpointError(.corrupt, "overlaps of shape \(overlaps.shape) and scores of \(scores.shape)")
    }
    let table = overlaps.map(Float.self) { $0 }
    let (chosen, _) = choose(
      scores.map(Float.self) { $0 }, most, least, threshold, 0, { table[$0 * count + $1] })
    context.emit(try context.ints(chosen, as: .int32))
  }

  /// A box with its corners in order.
  struct Box {
    let top: Float
    let left: Float
    let bottom: Float
    let right: Float

    init(_ corners: [Float], _ i: Int) {
      let (a, b, c, d) = (corners[i * 4], corners[i * 4 + 1], corners[i * 4 + 2], corners[i * 4 + 3])
      (top, left, bottom, right) = (min(a, c), min(b, d), max(a, c), max(b, d))
    }

    /// Intersection over union.
    func overlap(_ other: Box) -> Float {
      let area = (bottom - top) * (right - left)
      let otherArea = (other.bottom - other.top) * (other.right - other.left)
      if area <= 0 || otherArea <= 0 { return 0 }
      let height = max(min(bottom, other.bottom) - max(top, other.top), 0)
      let width = max(min(right, other.right) - max(left, other.left), 0)
      return height * width / (area + otherArea - height * width)
    }
  }

  private struct Candidate {
    let box: Int
    var score: Float
    /// Chosen boxes before this one have weakened it already.
    var next = 0

    func isBehind(_ other: Candidate) -> Bool { score < other.score || score == other.score && box > other.box }
  }

  /// The numbers of the chosen boxes and the scores that they had left.
  static func choose(
    _ scores: [Float], _ most: Int, _ least: Float, _ threshold: Float, _ sigma: Float,
    _ overlap: (Int, Int) -> Float
  ) -> (boxes: [Int], scores: [Float]) {
    var queue = Heap<Candidate> { $1.isBehind($0) }
    for (i, score) in scores.enumerated() where score > least { queue.push(Candidate(box: i, score: score)) }
    let isSoft = sigma > 0
    let scale = isSoft ? -0.5 / sigma : 0
    var chosen: [Int] = []
    var left: [Float] = []
    while chosen.count < most, var candidate = queue.pop() {
      let before = candidate.score
      var isSuppressed = false
      var j = chosen.count - 1
      while j >= candidate.next {
        let similarity = overlap(candidate.box, chosen[j])
        let weight = isSoft || similarity <= threshold ? expf(scale * similarity * similarity) : 0
        candidate.score *= weight
        if !isSoft, similarity > threshold {
          isSuppressed = true
          break
        }
        if candidate.score <= least { break }
        j -= 1
      }
      candidate.next = chosen.count
      if isSuppressed { continue }
      if candidate.score == before {
        chosen.append(candidate.box)
        left.append(candidate.score)
      } else if candidate.score > least {
        queue.push(candidate)
      }
    }
    return (chosen, left)
  }
}

/// A queue whose first element is the one that goes before all others.
struct Heap<T> {
  private var items: [T] = []
  private let goesBefore: (T, T) -> Bool

  init(_ goesBefore: @escaping (T, T) -> Bool) { self.goesBefore = goesBefore }

  mutating func push(_ item: T) {
    items.append(item)
    var i = items.count - 1
    while i > 0, goesBefore(items[i], items[(i - 1) / 2]) {
      items.swapAt(i, (i - 1) / 2)
      i = (i - 1) / 2
    }
  }

  mutating func pop() -> T? {
    guard !items.isEmpty else { return nil }
    items.swapAt(0, items.count - 1)
    let first = items.removeLast()
    var i = 0
    while true {
      var best = i
      for child in [2 * i + 1, 2 * i + 2] where child < items.count && goesBefore(items[child], items[best]) {
        best = child
      }
      if best == i { return first }
      items.swapAt(i, best)
      i = best
    }
  }
}

/// CombinedNonMaxSuppression: boxes [batch, n, q, 4] (q 1, or the number of classes), scores [batch, n, classes],
/// max_output_size_per_class, max_total_size, iou_threshold, score_threshold; outputs boxes [batch, m, 4], scores and
/// classes [batch, m] and how many are valid [batch]. Attributes pad_per_class (false), clip_boxes (true).
enum CombinedNonMaxSuppression {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 4
    let padsPerClass = try node.bool("pad_per_class", default: false)
    let clips = try node.bool("clip_boxes", default: true)
    return { (context) throws(CheckpointError) in
      let boxes = try context.tensor(0, .float32)
      let scores = try context.tensor(1, .float32)
      let perClass = try context.int(2)
      let total = try context.int(3)
      let threshold = try context.number(4)
      let least = try context.number(5)
      guard boxes.rank == 4, scores.rank == 3, boxes.dimensions[3] == 4,
        Array(boxes.dimensions[..<2]) == Array(scores.dimensions[..<2]), perClass > 0, total > 0,
        threshold >= 0, threshold <= 1
      else {
        throw CheckpointError(.corrupt, "boxes of shape \(boxes.shape) and scores of \(scores.shape)")
      }
      let (batch, n, q, classes) = (boxes.dimensions[0], boxes.dimensions[1], boxes.dimensions[2], scores.dimensions[2])
      guard q == 1 || q == classes else { throw CheckpointError(.corrupt, "\(q) boxes for \(classes) classes") }
      let (all, overflow) = perClass.multipliedReportingOverflow(by: classes)
      let size = padsPerClass && !overflow ? min(total, all) : total
      let outBoxes = try context.allocate(.float32, [batch, size, 4])
      let outScores = try context.allocate(.float32, [batch, size])
      let outClasses = try context.allocate(.float32, [batch, size])
      for tensor in [outBoxes, outScores, outClasses] { tensor.zero() }
      let from = boxes.elements(Float.self)
      let score = scores.elements(Float.self)
      var toBoxes = outBoxes.mutableElements(Float.self)
      var toScores = outScores.mutableElements(Float.self)
      var toClasses = outClasses.mutableElements(Float.self)
      var valid: [Int] = []
      for b in 0..<batch {
        var found: [(box: Int, score: Float, label: Int)] = []
        for label in 0..<classes {
          let own = (0..<n).map { score[(b * n + $0) * classes + label] }
          func box(_ i: Int) -> Int { (b * n + i) * q + (q > 1 ? label : 0) }
          let corners = (0..<n).flatMap { i in (0..<4).map { from[box(i) * 4 + $0] } }
          let (chosen, left) = NonMaxSuppression.choose(
            own, min(perClass, n), least, threshold, 0,
            { NonMaxSuppression.Box(corners, $0).overlap(NonMaxSuppression.Box(corners, $1)) })
          for (i, value) in zip(chosen, left) { found.append((box(i), value, label)) }
        }
        let order = found.indices.sorted {
          found[$0].score != found[$1].score ? found[$0].score > found[$1].score : $0 < $1
        }
        valid.append(min(size, found.count))
        for (o, k) in order.prefix(size).enumerated() {
          for c in 0..<4 {
            let value = from[found[k].box * 4 + c]
            toBoxes[(b * size + o) * 4 + c] = clips ? max(min(value, 1), 0) : value
          }
          toScores[b * size + o] = found[k].score
          toClasses[b * size + o] = Float(found[k].label)
        }
      }
      context.emit(outBoxes)
      context.emit(outScores)
      context.emit(outClasses)
      context.emit(try context.ints(valid, as: .int32))
    }
  }
}

extension KernelContext {
  /// A scalar of any floating dtype.
  func number(_ i: Int) throws(CheckpointError) -> Float {
    let tensor = try floats(i)
    guard tensor.elementCount == 1 else {
      throw CheckpointError(.corrupt, "input \(i) has the shape \(tensor.shape), not that of one number")
    }
    return tensor.elements(Float.self)[0]
  }
}
