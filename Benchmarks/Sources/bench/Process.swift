#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What a finished process cost.
struct Cost {
  /// Seconds of user and system time, and of the clock.
  let cpu: Double
  let wall: Double
  /// Largest resident memory, MiB.
  let peak: Double
}

/// Starts a program.
/// - Parameters:
///   - input: where it reads from; nil is what the benchmark itself has.
///   - output: where it writes to; nil is nowhere.
private func spawn(_ arguments: [String], input: CInt? = nil, output: CInt? = nil) -> pid_t? {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  if let input { posix_spawn_file_actions_adddup2(&actions, input, 0) }
  if let output {
    posix_spawn_file_actions_adddup2(&actions, output, 1)
  } else {
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
  }
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
  var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
  defer { for pointer in argv { free(pointer) } }
  argv.append(nil)
  var pid: pid_t = 0
  return posix_spawnp(&pid, arguments[0], &actions, nil, argv, environ) == 0 ? pid : nil
}

/// A pipe whose ends no other program inherits.
private func makePipe() -> (read: CInt, write: CInt)? {
  var ends: [CInt] = [0, 0]
  guard pipe(&ends) == 0 else { return nil }
  for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
  return (ends[0], ends[1])
}

/// Runs a program to its end, its output thrown away.
/// - Returns: nil where it could not be started or failed.
func run(_ arguments: [String]) -> Cost? {
  let start = now()
  guard let pid = spawn(arguments) else { return nil }
  var status: CInt = 0
  var usage = rusage()
  guard wait4(pid, &status, 0, &usage) == pid, status == 0 else { return nil }
  func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
  return Cost(
    cpu: seconds(usage.ru_utime) + seconds(usage.ru_stime), wall: now() - start, peak: Double(usage.ru_maxrss) / 1024)
}

/// Runs a program to its end.
/// - Returns: what it wrote, or nil where it could not be started or failed.
func output(_ arguments: [String]) -> String? {
  guard let ends = makePipe() else { return nil }
  defer { close(ends.read) }
  let pid = spawn(arguments, output: ends.write)
  close(ends.write)
  guard let pid else { return nil }
  var text: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while case let count = read(ends.read, &buffer, buffer.count), count > 0 { text += buffer[..<count] }
  var status: CInt = 0
  guard waitpid(pid, &status, 0) == pid, status == 0 else { return nil }
  return String(decoding: text, as: UTF8.self)
}

/// A program that answers each line with a line, until it is let go.
final class Worker {
  private let pid: pid_t
  private let requests: CInt
  private let answers: CInt
  private var rest: [UInt8] = []

  init?(_ arguments: [String]) {
    guard let input = makePipe(), let output = makePipe(),
      let pid = spawn(arguments, input: input.read, output: output.write)
    else { return nil }
    close(input.read)
    close(output.write)
    self.pid = pid
    requests = input.write
    answers = output.read
  }

  deinit {
    close(requests)
    close(answers)
    waitpid(pid, nil, 0)
  }

  func ask(_ line: String) -> String? {
    let bytes = Array((line + "\n").utf8)
    guard write(requests, bytes, bytes.count) == bytes.count else { return nil }
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      if let end = rest.firstIndex(of: 0x0a) {
        defer { rest.removeSubrange(...end) }
        return String(decoding: rest[..<end], as: UTF8.self)
      }
      let count = read(answers, &buffer, buffer.count)
      guard count > 0 else { return nil }
      rest += buffer[..<count]
    }
  }
}

/// Prints a line at once, into a file too.
func say(_ text: String) {
  print(text)
  fflush(nil)
}

/// A number with two decimals, or as many as are asked for.
func fixed(_ value: Double, _ decimals: Int = 2) -> String {
  guard value.isFinite else { return "\(value)" }
  var scale = 1
  for _ in 0..<decimals { scale *= 10 }
  let whole = Int((value * Double(scale)).rounded())
  if decimals == 0 { return "\(whole)" }
  let digits = "\(whole % scale)"
  return "\(whole / scale)." + String(repeating: "0", count: decimals - digits.utf8.count) + digits
}

/// Seconds of the monotonic clock.
func now() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  guard !sorted.isEmpty else { return .nan }
  return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}
