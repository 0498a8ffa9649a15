import CheckpointCore
import Synchronization

/// A tensor whose file has the first axis innermost (Fortran order), handed out row by row.
///
/// Elements of one strip, a range of the first axis, lie in runs in the file, one run for every combination of the other
/// axes. A strip of up to 16 MiB is turned over in memory and kept until another is asked for.
final class FortranStorage: TensorStorage {
  private static let stripSize = 16 << 20

  private let base: any TensorStorage
  private let shape: Shape
  private let width: Int
  private let rowsPerStrip: Int
  let byteCount: Int
  private let strip = Mutex<(first: Int, bytes: [UInt8])?>(nil)

  init(_ base: any TensorStorage, shape: Shape, width: Int) {
    self.base = base
    self.shape = shape
    self.width = width
    byteCount = base.byteCount
    let rowSize = shape.dimensions.first.map { $0 > 0 ? base.byteCount / $0 : 1 } ?? 1
    rowsPerStrip = max(1, FortranStorage.stripSize / max(1, rowSize))
  }

  func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    guard span.byteCount > 0, let rows = shape.dimensions.first, rows > 0 else { return }
    let rowSize = byteCount / rows
    let stripBytes = rowsPerStrip * rowSize
    var done = 0
    while done < span.byteCount {
      let position = offset + done
      let index = position / stripBytes
      let inside = position - index * stripBytes
      let count = min(span.byteCount - done, min(stripBytes, byteCount - index * stripBytes) - inside)
      var part = span._mutatingExtracting(done..<done + count)
      let bytes = try self.bytes(ofStrip: index)
      try MemoryStorage(bytes).read(into: &part, at: inside)
      done += count
    }
  }

  private func bytes(ofStrip index: Int) throws(CheckpointError) -> [UInt8] {
    try strip.withLock { (kept) throws(CheckpointError) -> [UInt8] in
      let first = index * rowsPerStrip
      if let kept, kept.first == first { return kept.bytes }
      let made = try turnOver(first: first)
      kept = (first, made)
      return made
    }
  }

  /// Rows `first` and on, as many as a strip has, in row-major order.
  private func turnOver(first: Int) throws(CheckpointError) -> [UInt8] {
    let dimensions = shape.dimensions
    let rows = min(rowsPerStrip, dimensions[0] - first)
    let columns = byteCount / width / dimensions[0]
    try requireMemory(2 * rows * columns * width)
    var out = [UInt8](repeating: 0, count: rows * columns * width)
    var run = [UInt8](repeating: 0, count: rows * width)
    // The index over all axes but the first, counted in the file's order: the second axis runs fastest.
    var index = [Int](repeating: 0, count: max(0, dimensions.count - 1))
    var strides = [Int](repeating: 1, count: index.count)
    for i in strides.indices.dropLast().reversed() { strides[i] = strides[i + 1] * dimensions[i + 2] }
    for column in 0..<columns {
      var part = run.mutableRawSpan(0..<run.count)
      try base.read(into: &part, at: (column * dimensions[0] + first) * width)
      var target = 0
      for (i, stride) in zip(index, strides) { target += i * stride }
      for row in 0..<rows {
        let place = (row * columns + target) * width
        for byte in 0..<width { out[place + byte] = run[row * width + byte] }
      }
      for axis in index.indices {
        index[axis] += 1
        if index[axis] < dimensions[axis + 1] { break }
        index[axis] = 0
      }
    }
    return out
  }

  var recordedSum: String? { base.recordedSum }
  var path: String? { base.path }
  var missing: CheckpointError? { base.missing }

  func verify() throws(CheckpointError) { try base.verifyWhole() }
}
