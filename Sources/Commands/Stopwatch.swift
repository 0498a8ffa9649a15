#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Time between laps, by the clock and by the processor.
struct Stopwatch {
  /// Milliseconds.
  struct Lap {
    let clock: Double
    /// Processor time of all threads.
    let process: Double
  }

  private var last = Stopwatch.now()

  /// The time since the lap before, or since the beginning.
  mutating func lap() -> Lap {
    let now = Stopwatch.now()
    defer { last = now }
    return Lap(clock: now.clock - last.clock, process: now.process - last.process)
  }

  static func median(_ list: [Double]) -> Double {
    let sorted = list.sorted()
    guard !sorted.isEmpty else { return 0 }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }

  private static func now() -> Lap {
    var clock = timespec()
    var process = timespec()
    // SAFETY: each call fills the structure that it is given.
    unsafe clock_gettime(CLOCK_MONOTONIC, &clock)
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &process)
    func milliseconds(_ time: timespec) -> Double { Double(time.tv_sec) * 1000 + Double(time.tv_nsec) / 1e6 }
    return Lap(clock: milliseconds(clock), process: milliseconds(process))
  }
}
