import CheckpointCore
import TestKit

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Damages HDF5 files and gives each to the program as a person would. README.md says what is counted.
@main
struct Mutate {
  static func main() throws {
    let arguments = CommandLine.arguments
    let numbers = arguments.dropFirst(3).prefix(4).compactMap { Int($0) }
    guard arguments.count > 2, numbers.count == min(4, arguments.count - 3), let count = numbers.first else {
      print(
        "usage: mutate CKPT_CONVERT CASES COUNT [SEED [FIRST [JOBS [FILE]]]]   FILE takes the input FIRST, nothing is run"
      )
      exit(64)
    }
    let (seed, first) = (numbers.count > 1 ? numbers[1] : 1, numbers.count > 2 ? numbers[2] : 0)
    let mutator = Mutator(try Mutator.hdf5Seeds(below: arguments[2]), random: UInt64(seed))
    print("\(mutator.seeds.count) files: \(mutator.seeds.map(\.name).joined(separator: " "))")
    if arguments.count > 7 {
      let input = mutator.input(first)
      print("\(first): \(input.seed), \(input.edits.joined(separator: "; "))")
      try input.write(to: arguments[7])
      return
    }
    let range = first..<first + count
    let report = try Damage(program: arguments[1], mutator).run(range, jobs: numbers.count > 3 ? numbers[3] : 2) {
      done in
      print("\(done) …")
      fflush(nil)
    }
    for failure in report.failures { print("FAILED \(failure)") }
    for (ending, times) in report.endings.sorted(by: { $0.key < $1.key }) { print("\(ending): \(times)") }
    print("seed \(seed), inputs \(range.lowerBound) to \(range.upperBound - 1): \(report.failures.count) failures")
    print(
      "slowest \(report.slowest.seconds) s (input \(report.slowest.input)), mean \(report.seconds / Double(2 * max(1, count))) s"
    )
    print("largest \(report.largest.peak) MiB (input \(report.largest.input))")
    exit(report.failures.isEmpty ? 0 : 1)
  }
}
