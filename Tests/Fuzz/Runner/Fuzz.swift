import CheckpointCore
import FuzzTargets

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Gives damaged inputs to one parser. README.md says what is counted.
@main
struct Fuzz {
  static func main() throws {
    #if LIBFUZZER
      LibFuzzer.run(try FuzzTarget.all(cases: "Conformance/Cases"))
    #else
      let arguments = CommandLine.arguments
      let numbers = arguments.dropFirst(3).compactMap { Int($0) }
      let targets =
        try arguments.count > 1 ? FuzzTarget.all(cases: arguments[1]) + FuzzTarget.slow(cases: arguments[1]) : []
      guard arguments.count > 2, let target = targets.first(where: { $0.name == arguments[2] }) else {
        print("usage: fuzz CASES TARGET [COUNT [SEED [FIRST [FILE]]]]   FILE takes the input FIRST, nothing is parsed")
        print(
          "       fuzz CASES TARGET flips                            every bit of every sound file, one after the other"
        )
        print("targets: \(targets.map(\.name).joined(separator: " "))")
        exit(64)
      }
      if arguments.dropFirst(3).first == "flips" { return try flip(target, only: numbers.first) }
      let (count, seed) = (numbers.first ?? 1_000_000, numbers.count > 1 ? numbers[1] : 1)
      let first = numbers.count > 2 ? numbers[2] : 0
      let mutator = FuzzMutator(target, random: UInt64(seed))
      if arguments.count > 6 {
        return try mutator.write(first, to: arguments[6])
      }
      try run(target, mutator, first..<first + count, seed: seed)
    #endif
  }

  #if !LIBFUZZER
    private static func run(_ target: FuzzTarget, _ mutator: FuzzMutator, _ range: Range<Int>, seed: Int) throws {
      limitMemory()
      // Where it stood when a signal ended it.
      let current = unsafe open("/tmp/ckpt-convert-fuzz-\(target.name)", O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
      let session = try FuzzSession(target)
      var failures = 0
      var slowest = (seconds: 0.0, input: 0)
      let start = now(CLOCK_MONOTONIC)
      for index in range {
        var number = index
        unsafe pwrite(current, &number, 8, 0)
        let input = mutator.input(index)
        limitTime(target)
        let begin = now(CLOCK_PROCESS_CPUTIME_ID)
        let problem = session.feed(input.bytes, seed: input.seed, isRepaired: input.isRepaired)
        let seconds = now(CLOCK_PROCESS_CPUTIME_ID) - begin
        if seconds > slowest.seconds { slowest = (seconds, index) }
        if let problem = problem ?? (seconds > target.patience ? "took \(seconds) s" : nil) {
          failures += 1
          print("FAILED \(target.name), seed \(seed), input \(index): \(problem)")
        }
      }
      alarm(0)
      print(
        "\(target.name), seed \(seed), inputs \(range.lowerBound) to \(range.upperBound - 1): \(failures) failures; "
          + "\(session.accepted) accepted, \(session.refused) refused; \(Int(now(CLOCK_MONOTONIC) - start)) s, slowest "
          + "\(Int(slowest.seconds * 1000)) ms (input \(slowest.input)), largest \(peak() >> 10) MiB")
      if failures > 0 { exit(1) }
    }

    /// Each bit of each sound file flipped: refused, without effect, or other content.
    private static func flip(_ target: FuzzTarget, only: Int?) throws {
      limitMemory()
      for (index, seed) in target.seeds.enumerated() where only == nil || index == only {
        let session = try FuzzSession(target)
        var failures = 0
        // Bytes in which a bit makes other content.
        var silent: [Int] = []
        for bit in 0..<8 * seed.bytes.count {
          var bytes = seed.bytes
          bytes[bit / 8] ^= 1 << UInt8(bit % 8)
          let before = session.accepted - session.unchanged
          limitTime(target)
          if let problem = session.feed(bytes, seed: index, isRepaired: false) {
            failures += 1
            print("FAILED \(target.name), file \(index), bit \(bit): \(problem)")
          }
          if session.accepted - session.unchanged > before, silent.last != bit / 8 { silent.append(bit / 8) }
        }
        alarm(0)
        print(
          "\(target.name), file \(index), \(8 * seed.bytes.count) bits: \(failures) failures; \(session.refused) refused, "
            + "\(session.unchanged) without effect, \(session.accepted - session.unchanged) other content, in \(silent.count) bytes"
        )
        print("  \(ranges(silent))")
        if failures > 0 { exit(1) }
      }
    }

    /// `3, 7-9` for 3, 7, 8, 9.
    private static func ranges(_ numbers: [Int]) -> String {
      var found: [ClosedRange<Int>] = []
      for number in numbers {
        if let last = found.last, last.upperBound == number - 1 {
          found[found.count - 1] = last.lowerBound...number
        } else {
          found.append(number...number)
        }
      }
      return found.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(
        separator: ", ")
    }

    /// 2 GiB of addresses: what wants more fails.
    private static func limitMemory() {
      #if canImport(Glibc)
        var limit = rlimit(rlim_cur: 2 << 30, rlim_max: 2 << 30)
        unsafe setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
      #endif
    }

    /// Largest resident memory so far, in the machine's unit: KiB on Linux.
    private static func peak() -> Int {
      var usage = rusage()
      #if canImport(Glibc)
        unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      #else
        unsafe getrusage(RUSAGE_SELF, &usage)
      #endif
      return usage.ru_maxrss
    }

    /// Ends the process where an input hangs: by processor time, as others use the machine, and a minute later by the clock.
    private static func limitTime(_ target: FuzzTarget) {
      var timer = itimerval()
      timer.it_value.tv_sec = Int(2 * target.patience)
      #if canImport(Glibc)
        unsafe setitimer(__itimer_which_t(ITIMER_PROF.rawValue), &timer, nil)
      #else
        unsafe setitimer(CInt(ITIMER_PROF), &timer, nil)
      #endif
      alarm(UInt32(2 * target.patience) + 60)
    }

    /// Seconds of a clock.
    private static func now(_ clock: clockid_t) -> Double {
      var time = timespec()
      unsafe clock_gettime(clock, &time)
      return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
  #endif
}
