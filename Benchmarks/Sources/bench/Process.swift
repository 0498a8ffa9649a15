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

/// Runs a program to its end, its output thrown away.
/// - Returns: nil where it could not be started or failed.
func run(_ arguments: [String]) -> Cost? {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  for descriptor: CInt in [1, 2] { posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0) }
  var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
  defer { for pointer in argv { free(pointer) } }
  argv.append(nil)
  let start = now()
  var pid: pid_t = 0
  guard posix_spawnp(&pid, arguments[0], &actions, nil, argv, environ) == 0 else { return nil }
  var status: CInt = 0
  var usage = rusage()
  guard wait4(pid, &status, 0, &usage) == pid, status == 0 else { return nil }
  func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
  return Cost(
    cpu: seconds(usage.ru_utime) + seconds(usage.ru_stime), wall: now() - start, peak: Double(usage.ru_maxrss) / 1024)
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
