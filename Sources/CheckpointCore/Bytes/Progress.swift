import Synchronization

/// How many bytes of a long task are done. Workers add to it; whoever shows it looks from time to time.
public final class Progress: Sendable {
  private let bytes = Atomic(0)

  public init() {}

  public func advance(_ count: Int) { bytes.add(count, ordering: .relaxed) }
  public var completed: Int { bytes.load(ordering: .relaxed) }
}
