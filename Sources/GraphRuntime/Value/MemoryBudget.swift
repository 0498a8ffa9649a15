package import CheckpointCore
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The memory that a run may hold: every tensor's bytes are charged here before they are allocated.
///
/// Large blocks that are given back are kept for the next tensor of about their size, because a fresh one costs a page
/// fault per 4 KiB. Kept blocks count as held, and go first when there is not enough left.
package final class MemoryBudget: Sendable {
  /// Most bytes that may be held at once.
  package let limit: Int

  private let held = Atomic<Int>(0)
  private let kept = Mutex<[Block]>([])

  /// A block that nobody uses now.
  @safe private struct Block: @unchecked Sendable {
    // SAFETY: the block belongs to nobody but the list that holds it.
    let address: UnsafeMutableRawPointer
    let byteCount: Int
  }

  /// Blocks from this size on are kept; smaller ones cost `malloc` nothing.
  private static let smallestKept = 128 << 10
  /// Most blocks that are kept.
  private static let mostKept = 32

  package init(limit: Int) { self.limit = limit }

  deinit {
    // SAFETY: each block came from malloc and belongs to this list alone.
    kept.withLock { blocks in for block in blocks { unsafe free(block.address) } }
  }

  /// Bytes that are charged now, kept blocks included.
  package var heldBytes: Int { held.load(ordering: .relaxed) }

  /// Charges `byteCount` bytes that are allocated elsewhere (packed weights, lists of values).
  /// - Throws: `unsupported` beyond the limit.
  package func charge(_ byteCount: Int) throws(CheckpointError) {
    guard tryCharge(byteCount) else { throw exceeded(byteCount) }
  }

  /// Charges `byteCount` bytes if there is room for them; for what is only worth having, such as packed weights.
  package func tryCharge(_ byteCount: Int) -> Bool {
    guard byteCount >= 0, byteCount <= limit else { return false }
    if held.add(byteCount, ordering: .relaxed).newValue <= limit { return true }
    held.subtract(byteCount, ordering: .relaxed)
    dropKept()
    if held.add(byteCount, ordering: .relaxed).newValue <= limit { return true }
    held.subtract(byteCount, ordering: .relaxed)
    return false
  }

  /// Gives back what `charge` took.
  package func refund(_ byteCount: Int) { held.subtract(byteCount, ordering: .relaxed) }

  /// Memory for `byteCount` bytes, undefined content, aligned to 64 bytes from 4 KiB on.
  func allocate(_ byteCount: Int) throws(CheckpointError) -> UnsafeMutableRawPointer {
    if byteCount >= MemoryBudget.smallestKept, let block = unsafe reuse(byteCount) { return unsafe block }
    try charge(byteCount)
    var address: UnsafeMutableRawPointer?
    // SAFETY: plain allocation; the caller owns the block and gives it back to `release`.
    if byteCount >= 4096 {
      if unsafe posix_memalign(&address, 64, byteCount) != 0 { unsafe address = nil }
    } else {
      unsafe address = malloc(max(byteCount, 1))
    }
    guard let address = unsafe address else {
      refund(byteCount)
      throw CheckpointError(.io, "there is not enough memory for \(byteCount) bytes")
    }
    return unsafe address
  }

  /// Takes back a block of `allocate`.
  func release(_ address: UnsafeMutableRawPointer, _ byteCount: Int) {
    if byteCount >= MemoryBudget.smallestKept {
      // SAFETY: the caller gives up the block; the list owns it from here on.
      let block = unsafe Block(address: address, byteCount: byteCount)
      let isKept = kept.withLock { blocks in
        guard blocks.count < MemoryBudget.mostKept else { return false }
        blocks.append(block)
        return true
      }
      if isKept { return }
    }
    // SAFETY: the block came from malloc and nobody else has it.
    unsafe free(address)
    refund(byteCount)
  }

  /// A kept block of exactly the size: a graph that runs again asks for the same ones.
  private func reuse(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    // SAFETY: the block leaves the list; the caller owns it.
    unsafe kept.withLock { blocks in
      guard let i = blocks.lastIndex(where: { $0.byteCount == byteCount }) else { return nil }
      return unsafe blocks.remove(at: i).address
    }
  }

  private func dropKept() {
    let dropped = kept.withLock { blocks in
      let all = blocks
      blocks = []
      return all
    }
    for block in dropped {
      // SAFETY: the block was taken off the list, so that nobody else has it.
      unsafe free(block.address)
      refund(block.byteCount)
    }
  }

  private func exceeded(_ byteCount: Int) -> CheckpointError {
    CheckpointError(
      .unsupported, "limit reached: \(byteCount) more bytes do not fit the \(limit) that a run may hold",
      remedy: RunLimits.larger)
  }
}
