import CCore
import Dispatch
import Synchronization

/// What a sweep makes of the bytes that it reads.
public protocol SweepVisitor: Sendable {
  /// What comes of a piece of a tensor and, put together, of the tensor.
  associatedtype Part: Sendable
  /// What a worker needs besides its buffer, made once for each.
  associatedtype Scratch

  func scratch() -> Scratch
  /// What stands for no bytes yet.
  func part(of tensor: Int) -> Part
  /// Takes canonical bytes of a tensor, in order inside a piece.
  func visit(
    _ chunk: RawSpan, of tensor: Int, at offset: Int, _ part: inout Part, _ scratch: inout Scratch
  ) throws(CheckpointError)
  /// Puts the bytes of `next` behind those of `part`.
  func append(_ next: Part, to part: inout Part)
}

/// Reads every byte of many tensors once, on all cores, and checks every sum that their source recorded. Tensors are cut as
/// `PiecePlan` says, and pieces are put together in their order, so that results do not depend on the number of workers.
public struct TensorSweep: Sendable {
  /// What became of one tensor.
  public struct Outcome<Part: Sendable>: Sendable {
    /// Of the bytes that could be read.
    public let part: Part
    /// Why its bytes are not to be believed.
    public let failure: CheckpointError?
  }

  private let jobs: Int
  private let progress: Progress?

  public init(jobs: Int, progress: Progress?) {
    self.jobs = max(1, jobs)
    self.progress = progress
  }

  private struct Done<Part: Sendable>: Sendable {
    let part: Part
    let sums: Checksums
    let failure: CheckpointError?
  }

  /// - Parameter isSequential: whether a tensor must be taken by one worker from end to end, besides those whose storage asks.
  /// - Returns: an outcome for each tensor, in their order.
  /// - Throws: `interrupted`, nothing else.
  public func run<Visitor: SweepVisitor>(
    _ tensors: [Tensor], _ visitor: Visitor, isSequential: (Int) -> Bool = { _ in false }
  ) throws(CheckpointError) -> [Outcome<Visitor.Part>] {
    let missing = tensors.map(\.storage.missing)
    let plan = PiecePlan(
      tensors.enumerated().map {
        (missing[$0] == nil ? $1.byteCount : 0, $1.storage.isSequential || isSequential($0))
      })
    let results = Mutex<[Int: Done<Visitor.Part>]>([:])
    let next = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: min(jobs, max(1, plan.batches.count))) { _ in
      var buffer = ChunkBuffer()
      var scratch = visitor.scratch()
      while true {
        let batch = next.add(1, ordering: .relaxed).oldValue
        guard batch < plan.batches.count, ck_interrupted() == 0 else { return }
        for index in plan.batches[batch] {
          let piece = plan.pieces[index]
          guard missing[piece.item] == nil else { continue }
          let done = read(piece, of: tensors[piece.item], visitor, &buffer, &scratch)
          results.withLock { $0[index] = done }
        }
      }
    }
    try throwIfInterrupted()
    return results.withLock { combine(plan, tensors, missing, visitor, $0) }
  }

  private func read<Visitor: SweepVisitor>(
    _ piece: PiecePlan.Piece, of tensor: Tensor, _ visitor: Visitor, _ buffer: inout ChunkBuffer,
    _ scratch: inout Visitor.Scratch
  ) -> Done<Visitor.Part> {
    var part = visitor.part(of: piece.item)
    var sums = Checksums(recordedBy: tensor.storage)
    do throws(CheckpointError) {
      if piece.range.lowerBound == 0, !tensor.storage.hasSum { try tensor.storage.verify() }
      try buffer.forEachChunk(of: tensor.storage, in: piece.range) { (chunk, offset) throws(CheckpointError) in
        try throwIfInterrupted()
        sums.update(chunk)
        try visitor.visit(chunk, of: piece.item, at: offset, &part, &scratch)
        progress?.advance(chunk.byteCount)
      }
      return Done(part: part, sums: sums, failure: nil)
    } catch {
      return Done(part: part, sums: sums, failure: error)
    }
  }

  private func combine<Visitor: SweepVisitor>(
    _ plan: PiecePlan, _ tensors: [Tensor], _ missing: [CheckpointError?], _ visitor: Visitor,
    _ done: [Int: Done<Visitor.Part>]
  ) -> [Outcome<Visitor.Part>] {
    var outcomes: [Outcome<Visitor.Part>] = []
    var index = 0
    for (item, tensor) in tensors.enumerated() {
      var part = visitor.part(of: item)
      var sums = Checksums(recordedBy: tensor.storage)
      var failure = missing[item]
      while index < plan.pieces.count, plan.pieces[index].item == item {
        if let piece = done[index] {
          visitor.append(piece.part, to: &part)
          sums.append(piece.sums, count: plan.pieces[index].range.count)
          failure = failure ?? piece.failure
        }
        index += 1
      }
      if failure == nil {
        do throws(CheckpointError) { try sums.require(recordedBy: tensor.storage) } catch { failure = error }
      }
      outcomes.append(Outcome(part: part, failure: failure?.at(file: tensor.file)))
    }
    return outcomes
  }
}
