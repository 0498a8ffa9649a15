import CheckpointCore

/// What the kernels of one run share: memory, threads, variables and other resources. A new run begins with a new one.
package final class RunState: @unchecked Sendable {
  package let budget: MemoryBudget
  package let limits: RunLimits
  package let workers: WorkerPool
  let caches: KernelCaches
  /// Generators of the nodes that have drawn numbers.
  var random: [Int: Philox] = [:]
  /// Resources by kind, container and name.
  package var resources: [String: Resource] = [:]

  init(budget: MemoryBudget, limits: RunLimits, workers: WorkerPool, caches: KernelCaches) {
    self.budget = budget
    self.limits = limits
    self.workers = workers
    self.caches = caches
  }
}

/// What kernels derived from constants and variables, kept from run to run.
final class KernelCaches: @unchecked Sendable {
  private var entries: [Int: (source: DenseTensor, derived: any AnyObject & Sendable)] = [:]

  func derived<Derived: AnyObject & Sendable>(
    _ node: Int, _ tensor: DenseTensor, _ make: (DenseTensor) throws(CheckpointError) -> Derived?
  ) throws(CheckpointError) -> Derived? {
    if let entry = entries[node], entry.source.isSameMemory(as: tensor), let derived = entry.derived as? Derived {
      return derived
    }
    entries[node] = nil
    guard let derived = try make(tensor) else { return nil }
    entries[node] = (tensor, derived)
    return derived
  }
}
