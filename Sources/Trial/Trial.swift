import CheckpointCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A program run to its end as a person would run it, within limits of address space and time, and what became of it.
package struct Trial: Sendable {
  package enum Ending: Sendable, Hashable {
    case status(Int)
    case signal(Int)
    case hang
  }

  package let ending: Ending
  package let seconds: Double
  /// Largest resident memory of it and of the processes that it started, in MiB.
  package let peak: Double
  /// Whether a process that it started lived on.
  package let leftProcesses: Bool

  /// - Parameters:
  ///   - memory: address space in MiB, nil for any.
  ///   - seconds: of processor time, after which it counts as hanging; a machine that others use takes longer by the clock, at
  ///     most six times.
  /// - Returns: nil where it cannot be started.
  package static func run(_ arguments: [String], memory: Int? = 1024, seconds: Int = 10) -> Trial? {
    let limits = "ulimit -c 0; ulimit -t \(seconds); " + (memory.map { "ulimit -v \($0 * 1024); " } ?? "")
    let start = now()
    guard let process = spawn(["/bin/sh", "-c", limits + "exec \"$@\"", "sh"] + arguments) else { return nil }
    var status: CInt = 0
    var usage = rusage()
    var isHanging = false
    // SAFETY: both pointers are used inside the call only.
    while unsafe wait4(process, &status, WNOHANG, &usage) == 0 {
      let isInterrupted = (try? throwIfInterrupted()) == nil
      if isInterrupted || now() - start > Double(6 * seconds), !isHanging {
        isHanging = true
        kill(-process, SIGKILL)
      }
      usleep(500)
    }
    let time = now() - start
    // A worker ends by itself when its socket closes.
    let end = now()
    var left = lives(group: process)
    while left, now() - end < 10 {
      usleep(1000)
      left = lives(group: process)
    }
    if left { kill(-process, SIGKILL) }
    let signal = Int(status & 0x7f)
    return Trial(
      ending: isHanging || signal == SIGXCPU ? .hang : signal == 0 ? .status(Int(status >> 8 & 0xff)) : .signal(signal),
      seconds: time,
      peak: Double(usage.ru_maxrss) / 1024, leftProcesses: left)
  }

  /// Whether a process of a group runs. Those that have ended and wait for the system to notice do not count.
  private static func lives(group: pid_t) -> Bool {
    guard kill(-group, 0) == 0 else { return false }
    #if canImport(Glibc)
      return Candidate.names(in: "/proc").contains { name in
        guard Int(name) != nil, let line = beginning(of: "/proc/\(name)/stat")
        else { return false }
        // The program's name is in parentheses and may hold any; then come the state, the parent, the group.
        let fields = line.split(separator: ")").last?.split(separator: " ") ?? []
        return fields.count > 2 && fields[0] != "Z" && fields[2] == "\(group)"
      }
    #else
      return true
    #endif
  }

  /// The first line, more or less, of a file whose size the system does not say.
  private static func beginning(of path: String) -> String? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1024)
    // SAFETY: the pointer is used inside the call only, for the bytes that the array has.
    let count = unsafe read(descriptor, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }

  /// In a process group of its own, with nothing to read and nowhere to write.
  private static func spawn(_ arguments: [String]) -> pid_t? {
    // SAFETY: actions, attributes and the copied arguments live to the end of this call, and are given back there.
    #if canImport(Glibc)
      var actions = unsafe posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
    #else
      var actions: posix_spawn_file_actions_t?
      var attributes: posix_spawnattr_t?
    #endif
    unsafe posix_spawn_file_actions_init(&actions)
    unsafe posix_spawnattr_init(&attributes)
    defer {
      unsafe posix_spawn_file_actions_destroy(&actions)
      unsafe posix_spawnattr_destroy(&attributes)
    }
    for descriptor: CInt in 0...2 {
      unsafe posix_spawn_file_actions_addopen(
        &actions, descriptor, "/dev/null", descriptor == 0 ? O_RDONLY : O_WRONLY, 0)
    }
    unsafe posix_spawnattr_setpgroup(&attributes, 0)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    var copies: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) }
    defer { unsafe copies.forEach { unsafe free($0) } }
    unsafe copies.append(nil)
    var process: pid_t = 0
    return unsafe posix_spawn(&process, arguments[0], &actions, &attributes, copies, environ) == 0 ? process : nil
  }

  /// Seconds of the monotonic clock.
  private static func now() -> Double {
    var time = timespec()
    // SAFETY: the pointer is used inside the call only.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
