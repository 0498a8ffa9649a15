import CCore
import Dispatch
import Synchronization

/// Moves the canonical bytes of many tensors to their places in output files, on all cores, checking every checksum that the
/// sources recorded and taking one of what it wrote. All writers of plain bytes share it.
///
/// Tensors are cut into pieces that several workers take in turn; each worker has one buffer of 256 KiB, so that memory does
/// not grow with the checkpoint, and sums a piece while it is in the cache.
public struct TensorCopier: Sendable {
  /// One tensor and where its bytes go.
  public struct Item: Sendable {
    public let variable: Variable
    public let file: OutputFile
    public let offset: Int

    public init(_ variable: Variable, to file: OutputFile, at offset: Int) {
      self.variable = variable
      self.file = file
      self.offset = offset
    }
  }

  /// Workers at once.
  let jobs: Int
  let progress: Progress?

  public init(jobs: Int, progress: Progress?) {
    self.jobs = max(1, jobs)
    self.progress = progress
  }

  /// - Parameter kind: the sum that the output records, or nil for none.
  /// - Returns: for each item that sum of its canonical bytes; empty for none.
  /// - Throws: the first error that a worker meets; `corrupt` names the variable whose checksum differs.
  @discardableResult
  public func copy(_ items: [Item], summing kind: ChecksumKind? = .crc32c) throws(CheckpointError) -> [UInt32] {
    let plan = PiecePlan(
      items.map { ($0.variable.tensor.byteCount, $0.variable.tensor.storage.isSequential) })
    let (pieces, batches) = (plan.pieces, plan.batches)
    let sums = Mutex(pieces.map { Checksums(recordedBy: items[$0.item].variable.tensor.storage, and: kind) })
    let failure = Mutex<CheckpointError?>(nil)
    let next = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: min(jobs, max(1, batches.count))) { _ in
      var buffer = [UInt8](repeating: 0, count: ChunkBuffer.capacity)
      var found: [(Int, Checksums)] = []
      while true {
        let batch = next.add(1, ordering: .relaxed).oldValue
        guard batch < batches.count, failure.withLock({ $0 == nil }) else { break }
        do throws(CheckpointError) {
          try copy(pieces, batches[batch], of: items, summing: kind, using: &buffer, sums: &found)
        } catch {
          failure.withLock { $0 = $0 ?? error }
        }
      }
      sums.withLock { all in for (piece, sum) in found { all[piece] = sum } }
    }
    if let error = failure.withLock({ $0 }) { throw error }
    return try combine(pieces, sums.withLock { $0 }, of: items, summing: kind)
  }

  /// Copies one batch. Small neighbours are gathered in the buffer and written together.
  private func copy(
    _ pieces: [PiecePlan.Piece], _ batch: Range<Int>, of items: [Item], summing kind: ChecksumKind?,
    using buffer: inout [UInt8], sums: inout [(Int, Checksums)]
  ) throws(CheckpointError) {
    var gathered = Gathered()
    for index in batch {
      let piece = pieces[index]
      let item = items[piece.item]
      let storage = item.variable.tensor.storage
      var sum = Checksums(recordedBy: storage, and: kind)
      do throws(CheckpointError) {
        if piece.range.lowerBound == 0, !storage.hasSum { try storage.verify() }
        var position = piece.range.lowerBound
        while position < piece.range.upperBound {
          try throwIfInterrupted()
          let target = item.offset + position
          let left = piece.range.upperBound - position
          // Pieces of a tensor end between elements: no element is wider than 16 bytes.
          var count = min(left, buffer.count - gathered.count)
          if count < left { count &= ~15 }
          if count == 0 || !gathered.isContinued(by: item.file, at: target) {
            try gathered.flush(buffer)
            count = min(left, buffer.count)
          }
          let place = gathered.count
          var part = buffer.mutableRawSpan(place..<place + count)
          try storage.read(into: &part, at: position)
          sum.update(buffer.rawSpan.extracting(place..<place + count))
          gathered.add(count, to: item.file, at: target)
          progress?.advance(count)
          position += count
        }
      } catch {
        throw error.at(variable: item.variable.name)
      }
      sums.append((index, sum))
    }
    try gathered.flush(buffer)
  }

  private func combine(
    _ pieces: [PiecePlan.Piece], _ sums: [Checksums], of items: [Item], summing kind: ChecksumKind?
  ) throws(CheckpointError) -> [UInt32] {
    // Every item has a first piece, and pieces are in order.
    var whole: [Checksums] = []
    for (piece, sum) in zip(pieces, sums) {
      if piece.range.lowerBound == 0 {
        whole.append(sum)
      } else {
        whole[piece.item].append(sum, count: piece.range.count)
      }
    }
    for (item, sum) in zip(items, whole) {
      try locating(file: item.variable.tensor.file, variable: item.variable.name) { () throws(CheckpointError) in
        try sum.require(recordedBy: item.variable.tensor.storage)
      }
    }
    guard let kind else { return [] }
    return whole.compactMap { $0.value(kind) }
  }

  /// Bytes at the front of the buffer that wait to be written in one call.
  private struct Gathered {
    var file: OutputFile?
    var offset = 0
    var count = 0

    func isContinued(by file: OutputFile, at offset: Int) -> Bool {
      count == 0 || (self.file === file && self.offset + count == offset)
    }

    mutating func add(_ bytes: Int, to file: OutputFile, at offset: Int) {
      if count == 0 { (self.file, self.offset) = (file, offset) }
      count += bytes
    }

    mutating func flush(_ buffer: [UInt8]) throws(CheckpointError) {
      if count > 0, let file { try file.write(buffer.rawSpan.extracting(0..<count), at: offset) }
      count = 0
    }
  }
}

extension Tensor {
  /// The one file that holds the bytes, where there is one.
  public var file: String? { storage.path }
}
