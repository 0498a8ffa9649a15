public import CheckpointCore
import Dispatch
import Synchronization

/// Compares two stores variable by variable, byte for byte: what was meant to be written, and what a reader finds.
public struct ByteComparison: Sendable {
  private let jobs: Int
  private let progress: Progress?

  public init(jobs: Int, progress: Progress?) {
    self.jobs = max(1, jobs)
    self.progress = progress
  }

  /// - Throws: `different` with the first variable, in the order of `expected`, that is missing or differs.
  public func requireEqual(_ expected: VariableStore, _ found: VariableStore) throws(CheckpointError) {
    let names = Set(expected.variables.map(\.name))
    for variable in found.variables where !names.contains(variable.name) {
      throw CheckpointError(.different, "is in the output and not in the source").at(variable: variable.name)
    }
    let failures = Mutex<[Int: CheckpointError]>([:])
    let next = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: jobs) { _ in
      var buffer = ChunkBuffer()
      var other = [UInt8](repeating: 0, count: ChunkBuffer.capacity)
      while true {
        let i = next.add(1, ordering: .relaxed).oldValue
        guard i < expected.variables.count, failures.withLock({ $0.isEmpty }) else { return }
        do throws(CheckpointError) {
          try compare(expected.variables[i], found, &buffer, &other)
        } catch {
          failures.withLock { $0[i] = error }
        }
      }
    }
    if let first = failures.withLock({ $0.min { $0.key < $1.key } }) { throw first.value }
  }

  private func compare(
    _ variable: Variable, _ found: VariableStore, _ buffer: inout ChunkBuffer, _ other: inout [UInt8]
  ) throws(CheckpointError) {
    do throws(CheckpointError) {
      guard let copy = found[variable.name]?.tensor else {
        throw CheckpointError(.different, "is missing in the output")
      }
      let tensor = variable.tensor
      guard copy.dtype == tensor.dtype, copy.shape == tensor.shape, copy.byteCount == tensor.byteCount else {
        throw CheckpointError(
          .different,
          "was \(tensor.dtype.rawValue) \(tensor.shape), and reads back as \(copy.dtype.rawValue) \(copy.shape)")
      }
      var sums = Checksums(recordedBy: copy.storage)
      if !copy.storage.hasSum { try copy.storage.verify() }
      try tensor.forEachChunk(using: &buffer) { (chunk, offset) throws(CheckpointError) in
        try throwIfInterrupted()
        var part = other.mutableRawSpan(0..<chunk.byteCount)
        try copy.storage.read(into: &part, at: offset)
        let same = other.rawSpan.extracting(0..<chunk.byteCount).isEqual(to: chunk)
        guard same else { throw CheckpointError(.different, "the bytes read back differ").at(offset: offset) }
        sums.update(chunk)
        progress?.advance(chunk.byteCount)
      }
      do throws(CheckpointError) {
        try sums.require(recordedBy: copy.storage)
      } catch {
        throw CheckpointError(.different, "the bytes are equal, but \(error.message)")
      }
    } catch {
      throw error.at(variable: variable.name)
    }
  }
}
