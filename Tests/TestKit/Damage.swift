import CheckpointCore
import Dispatch
import Foundation
import Synchronization
import Trial

/// Gives damaged files to the program, one after the other, and counts what becomes of it.
public struct Damage: Sendable {
  public struct Report: Sendable {
    public var inputs = 0
    /// What each command ended with.
    public var endings: [String: Int] = [:]
    /// Inputs with an ending that is no documented one, with files or processes left behind: number, file, edits, what it was.
    public var failures: [String] = []
    public var slowest = (seconds: 0.0, input: 0)
    public var largest = (peak: 0.0, input: 0)
    public var seconds = 0.0
  }

  /// Damaged or unusual input: read all the same, refused, or not supported; no memory for it within the limit. Damaged szip and
  /// scale-offset data decode to something else each time, which a conversion finds when it reads back: 1.
  private static let allowed: Set<Int> = [0, 1, 65, 69, 74]

  private let program: String
  private let mutator: Mutator

  public init(program: String, _ mutator: Mutator) { (self.program, self.mutator) = (program, mutator) }

  /// - Parameter progress: is told what was found so far, now and then.
  public func run(_ range: Range<Int>, jobs: Int, progress: @Sendable (Report) -> Void = { _ in }) throws -> Report {
    let state = Mutex((next: range.lowerBound, report: Report()))
    let folders = try (0..<jobs).map { _ in try TemporaryFolder() }
    DispatchQueue.concurrentPerform(iterations: jobs) { job in
      while true {
        let index = state.withLock { state in
          defer { state.next += 1 }
          return state.next
        }
        guard index < range.upperBound else { return }
        let found = outcome(index, in: folders[job])
        let report = state.withLock { state in
          state.report.add(found, index)
          return state.report
        }
        if report.inputs % 500 == 0 || !found.problems.isEmpty { progress(report) }
      }
    }
    return state.withLock { $0.report }
  }

  fileprivate struct Found {
    var endings: [String] = []
    var problems: [String] = []
    var seconds = 0.0
    var total = 0.0
    var peak = 0.0
  }

  private func outcome(_ index: Int, in folder: TemporaryFolder) -> Found {
    var found = Found()
    let input = mutator.input(index)
    let about = "\(index): \(input.seed), \(input.edits.joined(separator: "; "))"
    do {
      let path = try folder.write(input.bytes, to: "in.h5")
      for command in [
        ["inspect", "--digests", "--json", path], ["convert", path, "--to", "npy-flat", "-o", folder("out")],
      ] {
        guard let trial = Trial.run([program] + command) else {
          found.problems.append("\(program) cannot be started")
          continue
        }
        found.endings.append("\(command[0]) \(trial.ending)")
        found.seconds = max(found.seconds, trial.seconds)
        found.total += trial.seconds
        found.peak = max(found.peak, trial.peak)
        if case .status(let status) = trial.ending, Damage.allowed.contains(status) {
        } else {
          found.problems.append("\(about): \(command[0]): \(trial.ending)")
        }
        if trial.leftProcesses { found.problems.append("\(about): \(command[0]): a process lived on") }
        let made = folder.names.filter { $0 != "in.h5" }
        if !made.isEmpty, command[0] == "inspect" || trial.ending != .status(0) {
          found.problems.append("\(about): \(command[0]): left \(made)")
        }
        for name in made { try folder.remove(name) }
      }
    } catch {
      found.problems.append("\(about): \(error)")
    }
    return found
  }
}

extension Mutator.Input {
  public func write(to path: String) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }
}

extension Damage.Report {
  fileprivate mutating func add(_ found: Damage.Found, _ index: Int) {
    inputs += 1
    for ending in found.endings { endings[ending, default: 0] += 1 }
    failures += found.problems
    if found.seconds > slowest.seconds { slowest = (found.seconds, index) }
    if found.peak > largest.peak { largest = (found.peak, index) }
    seconds += found.total
  }
}
