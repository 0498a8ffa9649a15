import CheckpointCore
import Trial

/// The law `flat`: a made-up checkpoint of 4 MiB and one of 68 MiB are converted to a format and back, each time by a process of
/// its own. The peak of the larger may be at most 16 MiB above that of the smaller, a quarter of the difference. Peaks are
/// those that the system counts for the process and those that it starts: resident memory.
struct MemoryLaw {
  /// MiB
  private static let sizes = (small: 4, large: 68)
  private static let growth = 16.0

  let formats: [CheckpointFormat]
  /// The built program.
  let program: String
  /// An empty folder.
  let folder: String

  func examine(madeUpAs format: CheckpointFormat) throws(CheckpointError) -> SubjectReport {
    var report = SubjectReport(key: "\(MemoryLaw.sizes.small) and \(MemoryLaw.sizes.large) MiB")
    report.format = format.name
    report.byteCount = MemoryLaw.sizes.large << 20
    let (small, large) = (try MemoryLaw.store(MemoryLaw.sizes.small), try MemoryLaw.store(MemoryLaw.sizes.large))
    report.checks = try format.withOutput(of: small, in: folder, jobs: 1) { (small) throws(CheckpointError) in
      try format.withOutput(of: large, in: folder, jobs: 1) { (large) throws(CheckpointError) in
        try formats.map { (target) throws(CheckpointError) in
          try Check.of(.flat, target) { () throws(CheckpointError) in
            // The large one first: Linux counts what the starter had in memory as the started one's, and a starter only grows.
            let high = try peak(large, format, target)
            let low = try peak(small, format, target)
            let figures =
              "peak \(MemoryLaw.tenths(low)) MiB for the small one, \(MemoryLaw.tenths(high)) MiB for the large one"
            return high - low <= MemoryLaw.growth ? .holds(note: figures) : .fails(message: figures, tensor: nil)
          }
        }
      }
    }
    return report
  }

  /// The larger peak of the ways there and back, in MiB.
  private func peak(
    _ input: String, _ format: CheckpointFormat, _ target: CheckpointFormat
  ) throws(CheckpointError) -> Double {
    let output = try ScratchFolder(in: folder)
    let there = try convert(input, from: format, to: target, joinPath(output.path, "there"))
    return max(
      there, try convert(joinPath(output.path, "there"), from: target, to: format, joinPath(output.path, "back")))
  }

  /// An npy file has no place for the name, which is allowed.
  private func convert(
    _ input: String, from source: CheckpointFormat, to target: CheckpointFormat, _ output: String
  ) throws(CheckpointError) -> Double {
    try throwIfInterrupted()
    let arguments = [
      "--from", source.name, "--to", target.name, "-o", output, "--verify", "none", "--quiet", "--allow-loss",
    ]
    guard let trial = Trial.run([program, "convert", input] + arguments, memory: nil, seconds: 120) else {
      throw CheckpointError(.io, "cannot be started").at(file: program)
    }
    guard trial.ending == .status(0) else {
      throw CheckpointError(.different, "converting \(source.name) to \(target.name) ended with \(trial.ending)")
    }
    return trial.peak
  }

  private static func tenths(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }

  private static func store(_ mebibytes: Int) throws(CheckpointError) -> VariableStore {
    var store = VariableStore(source: .init(format: "made up", path: "made up"))
    let storage = CountingStorage(byteCount: mebibytes << 20)
    let tensor = try Tensor(dtype: .float32, shape: Shape([mebibytes, 1 << 18]), storage: storage)
    try store.append(Variable(name: "dense/kernel", tensor: tensor, role: .weight))
    return store
  }
}

/// Bytes that are made when they are asked for.
private struct CountingStorage: TensorStorage {
  let byteCount: Int

  func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    for i in 0..<span.byteCount {
      span.storeBytes(of: UInt8(truncatingIfNeeded: (offset &+ i) &* 31), toByteOffset: i, as: UInt8.self)
    }
  }
}
