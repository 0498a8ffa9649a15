import ArgumentParser
import CheckpointCore
import Conformance
import Conversion
import HDF5Library

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// `ckpt-convert conformance [DIR…]`
struct ConformanceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "conformance", abstract: "Holds checkpoints and every format to the laws, for continuous integration.",
    discussion: """
      A case is a folder with a case.json: checkpoints, the digests of their tensors, and what their graphs compute. Every case is \
      read and compared with what is recorded; converted to every format and back, bit for bit; written twice, with equal bytes; its \
      graph is run before and after. Damaged files must be refused. Without DIR the project's own cases are taken, and the memory of \
      conversions is measured too. Ends with status 1 when anything fails.

      With --record the arguments are checkpoints inside FOLDER, and their case is written there.

      EXAMPLES
        ckpt-convert conformance
        ckpt-convert conformance checkpoints --junit conformance.xml --html conformance.html
        ckpt-convert conformance --record checkpoints checkpoints/epoch-9
      """)

  @Argument(
    help: ArgumentHelp("Folders with cases; with --record, checkpoints.", valueName: "dir"), completion: .file())
  var inputs: [String] = []

  @Option(help: ArgumentHelp("Write the results as JUnit XML.", valueName: "file"), completion: .file())
  var junit: String?

  @Option(help: ArgumentHelp("Write the results as one HTML page.", valueName: "file"), completion: .file())
  var html: String?

  @Option(
    help: ArgumentHelp(
      "Only cases whose name matches: * stands for anything, ? for one character. Repeatable.", valueName: "pattern"))
  var only: [String] = []

  @OptionGroup var console: ConsoleOptions

  @OptionGroup var workers: WorkerOptions

  @OptionGroup(title: "Recording") var recording: RecordingOptions

  func validate() throws {
    if recording.record != nil, junit != nil || html != nil || !only.isEmpty {
      throw ValidationError("--record writes a case and runs none; leave out --junit, --html and --only")
    }
    try recording.validate(hasInputs: !inputs.isEmpty)
  }

  func run() throws {
    if let folder = recording.record {
      try recording.write(inputs, to: folder, scratch: Scratch.folder, jobs: workers.count, asJSON: console.json)
    } else {
      try examine()
    }
  }

  private func examine() throws(CheckpointError) {
    var conformance = Conformance(scratch: Scratch.folder)
    conformance.jobs = workers.count
    var cases: [Case] = []
    for input in inputs.isEmpty ? [try OwnCases.folder()] : inputs {
      let folder = input.count > 1 && input.hasSuffix("/") ? String(input.dropLast()) : input
      cases += try Case.find(in: folder, prefix: inputs.count > 1 ? splitPath(folder).last : "")
      try conformance.known.read(folder)
    }
    let patterns = try only.map { (text) throws(CheckpointError) in try VariablePattern(text) }
    func isChosen(_ id: String) -> Bool { patterns.isEmpty || patterns.contains { $0.matches(Name(id)) } }
    if inputs.isEmpty, isChosen("memory") { conformance.program = WorkerExecutable.path() }
    cases = cases.filter { isChosen($0.id) }
    guard !cases.isEmpty || conformance.program != nil else {
      throw CheckpointError(.notFound, "no case has a name that matches --only")
    }
    let line = ProgressLine("conformance", total: conformance.itemCount(cases), console.progress, unit: .checkpoints)
    let start = ContinuousClock.now
    let outcome = Result { () throws(CheckpointError) in try conformance.run(cases, progress: line?.progress) }
    line?.finish()
    let summary = ConformanceSummary(try outcome.get(), seconds: start.duration(to: .now) / .seconds(1))
    if let junit { try ReportFile.write(summary.suites, to: junit) }
    if let html { try ReportFile.write(try summary.page(), to: html) }
    Console.print(console.json ? summary.json() : Array((summary.text(hasColor: Console.hasColor) + "\n").utf8))
    guard summary.failures.isEmpty else {
      throw CheckpointError(
        .different, "\(Console.plural(summary.failures.count, "check")) of \(Console.count(summary.checkCount)) failed")
    }
  }
}

/// The project's own cases.
enum OwnCases {
  /// In the current folder, in one above the program (a build folder lies inside the project), or where they are installed.
  static func folder() throws(CheckpointError) -> String {
    var candidates = ["Conformance/Cases"]
    var folder = splitPath(WorkerExecutable.path()).folder
    candidates.append(joinPath(folder, "../share/ckpt-convert/Conformance/Cases"))
    for _ in 0..<5 where folder != "/" {
      candidates.append(joinPath(folder, "Conformance/Cases"))
      folder = splitPath(folder).folder
    }
    if let found = candidates.first(where: Candidate.isFolder) { return found }
    throw CheckpointError(
      .notFound, "the project's own cases are neither in Conformance/Cases nor beside the program",
      remedy: "name a folder with cases, or run it in a copy of the project")
  }
}
