import ArgumentParser
import CheckpointCore
import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// When progress is shown.
enum ProgressChoice: String, ExpressibleByArgument, CaseIterable {
  /// On a terminal, for work of more than half a second.
  case auto
  case always
  case never
}

/// One line on standard error that is written over and over: what is done, rate, time left.
final class ProgressLine: Sendable {
  /// What is counted.
  enum Unit {
    case bytes
    case checkpoints
  }

  let progress = Progress()
  private let title: String
  private let total: Int
  private let unit: Unit
  /// Dispatch sources may be used from any thread, which their protocol does not say.
  private nonisolated(unsafe) let timer: any DispatchSourceTimer
  private let start: DispatchTime
  private let shown = Atomic(false)

  /// - Parameter times: how often all of it is gone through.
  /// - Returns: nil where nothing is to be shown.
  init?(_ title: String, total: Int, times: Int = 1, _ choice: ProgressChoice, unit: Unit = .bytes) {
    guard choice == .always || (choice == .auto && Console.isErrorTerminal) else { return nil }
    self.title = title
    let (all, overflow) = total.multipliedReportingOverflow(by: times)
    self.total = overflow ? .max : all
    self.unit = unit
    start = .now()
    unsafe timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "progress"))
    unsafe timer.setEventHandler { [weak self] in self?.show() }
    unsafe timer.schedule(deadline: .now() + (choice == .always ? 0 : 0.5), repeating: 0.1)
    unsafe timer.resume()
  }

  private func show() {
    shown.store(true, ordering: .relaxed)
    let seconds = Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) / 1e9
    let done = progress.completed
    let rate = seconds > 0 ? Double(done) / seconds : 0
    // Sizes are what files claim; a number that no `Int` has would end the program.
    func whole(_ number: Double) -> Int { Int(min(max(number, 0), 1e18)) }
    let left = rate > 0 ? whole((Double(max(0, total - done)) / rate).rounded(.up)) : 0
    let percent = total > 0 ? whole(min(100, 100 * Double(done) / Double(total))) : 100
    let amount =
      switch unit {
      case .bytes: "\(Console.size(done)) of \(Console.size(total))  \(Console.size(whole(rate)))/s"
      case .checkpoints: "\(done) of \(Console.plural(total, "checkpoint"))"
      }
    let text = "\r\u{1b}[K\(title) \(percent) %  \(amount)  \(left) s left"
    Console.write(Array(text.utf8), to: STDERR_FILENO)
  }

  /// Ends the line and takes it away.
  func finish() {
    unsafe timer.cancel()
    // Done twice, it does nothing.
    if shown.exchange(false, ordering: .relaxed) { Console.write(Array("\r\u{1b}[K".utf8), to: STDERR_FILENO) }
  }
}
