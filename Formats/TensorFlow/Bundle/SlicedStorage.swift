import CheckpointCore

/// A tensor glued from slices that lie in different places. Slices are boxes that cover the tensor exactly once.
struct SlicedStorage: TensorStorage {
  struct Part {
    let box: Box
    let storage: any TensorStorage
  }

  private let shape: Shape
  private let width: Int
  private let parts: [Part]
  let byteCount: Int

  /// - Throws: `corrupt` where the slices leave a gap or overlap.
  init(shape: Shape, width: Int, parts: [Part]) throws(CheckpointError) {
    self.shape = shape
    self.width = width
    byteCount = try shape.byteCount(width: width)
    try SlicedStorage.requireExactCover(of: shape, by: parts.map(\.box))
    self.parts = parts.filter { $0.storage.byteCount > 0 }
      .sorted { $0.box.ranges.map(\.lowerBound).lexicographicallyPrecedes($1.box.ranges.map(\.lowerBound)) }
  }

  static func requireExactCover(of shape: Shape, by boxes: [Box]) throws(CheckpointError) {
    let solid = boxes.filter { !$0.ranges.contains(where: \.isEmpty) }
    guard solid.count <= 8192 else {
      throw CheckpointError(.unsupported, "\(solid.count) slices of one tensor are more than the limit of 8192")
    }
    for (i, box) in solid.enumerated() {
      for other in solid[..<i] where box.intersects(other) {
        throw CheckpointError(.corrupt, "two slices overlap: \(other) and \(box)")
      }
    }
    // Boxes that do not overlap cannot add up to more than the shape, so that this cannot overflow.
    let covered = solid.reduce(0) { $0 + $1.dimensions.reduce(1, *) }
    guard covered == shape.elementCount else {
      throw CheckpointError(.corrupt, "the slices cover \(covered) of \(shape.elementCount) elements")
    }
  }

  var path: String? { parts.first?.storage.path }
  var missing: CheckpointError? { parts.lazy.compactMap(\.storage.missing).first }

  /// Nil where one of the slices has none.
  var recordedSum: String? {
    parts.contains { $0.storage.recordedSum == nil } ? nil : parts.first?.storage.recordedSum
  }

  func verify() throws(CheckpointError) {
    for part in parts { try part.storage.verifyWhole() }
  }

  func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    let first = offset / width
    let last = first + span.byteCount / width
    guard last > first else { return }
    for part in parts { try read(part, first..<last, into: &span) }
  }

  /// Copies what a part has of the elements in `wanted`, run by run: elements that lie side by side in both.
  private func read(_ part: Part, _ wanted: Range<Int>, into span: inout MutableRawSpan) throws(CheckpointError) {
    let dimensions = shape.dimensions
    // The innermost axes that the part has whole, and one more, make a run.
    var axis = dimensions.count - 1
    while axis > 0, part.box.ranges[axis].count == dimensions[axis] { axis -= 1 }
    var strides = [Int](repeating: 1, count: dimensions.count)
    for i in strides.indices.dropLast().reversed() { strides[i] = strides[i + 1] * dimensions[i + 1] }
    guard axis >= 0 else {
      try part.storage.read(into: &span, at: wanted.lowerBound * width)
      return
    }
    let run = part.box.ranges[axis].count * strides[axis]
    let runs = part.box.ranges[..<axis].reduce(1) { $0 * $1.count }
    /// Element of the tensor at which a run begins.
    func start(of index: Int) -> Int {
      var rest = index
      var element = part.box.ranges[axis].lowerBound * strides[axis]
      for i in (0..<axis).reversed() {
        let count = part.box.ranges[i].count
        element += (part.box.ranges[i].lowerBound + rest % count) * strides[i]
        rest /= count
      }
      return element
    }
    // Runs begin in ascending order: skip those that end before what is wanted.
    var low = 0
    var high = runs
    while low < high {
      let middle = (low + high) / 2
      if start(of: middle) + run <= wanted.lowerBound { low = middle + 1 } else { high = middle }
    }
    while low < runs {
      let begin = start(of: low)
      let overlap = max(begin, wanted.lowerBound)..<min(begin + run, max(begin, wanted.upperBound))
      guard begin < wanted.upperBound, !overlap.isEmpty else { break }
      let place = (overlap.lowerBound - wanted.lowerBound) * width
      var piece = span._mutatingExtracting(place..<place + overlap.count * width)
      try part.storage.read(into: &piece, at: (low * run + overlap.lowerBound - begin) * width)
      low += 1
    }
  }
}

extension SlicedStorage {
  /// The strings of slices, in the order of the whole tensor.
  static func glueStrings(shape: Shape, parts: [(box: Box, strings: StringStorage)]) throws(CheckpointError)
    -> StringStorage
  {
    try requireExactCover(of: shape, by: parts.map(\.box))
    // A string is a range of its part's characters; only the ranges are reordered.
    var places = [(part: Int, offset: Int, length: Int)](repeating: (0, 0, 0), count: shape.elementCount)
    for (p, part) in parts.enumerated() {
      var index = part.box.ranges.map(\.lowerBound)
      var offset = 0
      for length in part.strings.lengths {
        var element = 0
        for (i, size) in zip(index, shape.dimensions) { element = element * size + i }
        places[element] = (p, offset, length)
        offset += length
        var axis = index.count - 1
        while axis >= 0 {
          index[axis] += 1
          if index[axis] < part.box.ranges[axis].upperBound { break }
          index[axis] = part.box.ranges[axis].lowerBound
          axis -= 1
        }
      }
    }
    let characters = GatheredStorage(
      sources: parts.map(\.strings.characters),
      pieces: places.map { GatheredStorage.Piece(source: $0.part, offset: $0.offset, count: $0.length) })
    return try StringStorage(lengths: places.map(\.length), characters: characters)
  }
}
