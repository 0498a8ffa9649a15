import ArgumentParser
import CheckpointCore
import FormatRegistry
import Inspection

/// `ckpt-convert check INPUT`
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Says whether a checkpoint is whole, and what happened to it where it is not.",
    discussion: """
      Every byte is read and every checksum that the format has is compared. For each variable it is said whether a checksum proves \
      it, or only that all of its bytes are there. Ends with status 0 where everything is whole, else with that of the error that \
      reading would end with (65 for damage, 66 for a missing file, 69 for something else than a checkpoint).

      EXAMPLES
        ckpt-convert check model.ckpt
        ckpt-convert check weights.npz --json
      """)

  @Argument(help: "A checkpoint: prefix, any of its files, folder, or file.", completion: .file())
  var input: String

  @OptionGroup(title: "Reading") var reading: ReadingOptions

  @OptionGroup var console: ConsoleOptions

  @OptionGroup var workers: WorkerOptions

  func run() throws { try check() }

  private func check() throws(CheckpointError) {
    let opened = open()
    switch opened {
    case .failure(let error):
      if console.json { Console.print(CheckReport.json(of: error, input)) }
      throw error
    case .success(let (store, found)):
      if !console.json { Report.warn(store) }
      let line = ProgressLine("reading", total: store.byteCount, console.progress)
      defer { line?.finish() }
      let checkup = try Checkup(store, jobs: workers.count, progress: line?.progress)
      line?.finish()
      let report = CheckReport(store, found, checkup)
      if console.json { Console.print(report.json()) } else { Console.print(report.text(columns: Console.columns)) }
      try store.source.requireUnchanged()
      if let failure = report.failure { throw failure }
    }
  }

  private func open() -> Result<(VariableStore, Opening.Found), CheckpointError> {
    do throws(CheckpointError) {
      return .success(try reading.open(input, salvage: true, workers: workers.count))
    } catch {
      return .failure(error)
    }
  }
}
