import ArgumentParser
import CheckpointCore
import Conversion
import FormatRegistry
import Verifier

/// `ckpt-convert diff A B`
struct DiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Says where two checkpoints differ: names, dtypes, shapes, values.",
    discussion: """
      A and B may be of any two formats. Values are the same where every bit is; with --atol or --rtol where \
      |B - A| ≤ atol + rtol · |A|. For names that only one has, names of the other are suggested, the surest first: those of one dtype \
      and shape whose bytes are equal, or whose names differ in what libraries add or call otherwise. --write-map writes the \
      suggestions as a file for --map, here and of convert.

      With --names GRAPH there is no B: the names, dtypes and shapes of A are compared with those that the savers of the graph (a \
      .meta file), or the variables of any other checkpoint, have. What only the graph has, restoring A would miss.

      Roles are shown where they differ, and count for nothing: they are concluded from names and graphs. Ends with status 1 where \
      anything else differs.

      EXAMPLES
        ckpt-convert diff epoch-8 epoch-9
        ckpt-convert diff model.ckpt model.h5 --atol 1e-6 --json
        ckpt-convert diff old.ckpt --names new.meta --write-map names.txt
      """)

  @Argument(help: "A checkpoint.", completion: .file())
  var first: String

  @Argument(help: "The checkpoint that it is compared with.", completion: .file())
  var second: String?

  @Option(
    help: ArgumentHelp(
      "Instead of B: a graph, or another checkpoint, whose names A should have.", valueName: "graph"),
    completion: .file())
  var names: String?

  @Option(help: ArgumentHelp("Absolute tolerance (default: every bit must be equal).", valueName: "x"))
  var atol: Double = 0

  @Option(help: ArgumentHelp("Relative tolerance.", valueName: "x"))
  var rtol: Double = 0

  @Option(
    help: ArgumentHelp("Names in B for names in A, as for convert.", valueName: "file"), completion: .file())
  var map: String?

  @Option(
    help: ArgumentHelp("Write the suggested names to a file that --map reads.", valueName: "file"), completion: .file())
  var writeMap: String?

  @Option(help: ArgumentHelp("Most lines of each kind (default: 20; 0 for all).", valueName: "n"))
  var limit = 20

  @OptionGroup(title: "Reading A and B") var reading: ReadingOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  @Option(help: "Show progress: auto, always or never.")
  var progress = ProgressChoice.auto

  @Option(help: ArgumentHelp("Workers at once (default: one a core).", valueName: "n"))
  var jobs: Int?

  func validate() throws {
    if atol < 0 || rtol < 0 || atol.isNaN || rtol.isNaN { throw ValidationError("Tolerances are not negative.") }
    if limit < 0 { throw ValidationError("--limit takes a number from 0 on.") }
    if (second == nil) == (names == nil) { throw ValidationError("Give another checkpoint, or a graph with --names.") }
  }

  func run() throws { try diff() }

  private func diff() throws(CheckpointError) {
    let a = try reading.side(first, listingOnly: names != nil)
    let b: VariableStore
    if let names { b = try GraphNames.store(names) } else { b = try reading.side(second ?? "") }
    var request = StoreDifference.Request()
    request.tolerance = Tolerance(absolute: atol, relative: rtol)
    request.comparesValues = names == nil
    request.jobs = jobs ?? Machine.cores
    if let map { request.names = try NameMap(contentsOf: map).targets }
    let line = ProgressLine("comparing", total: names == nil ? a.byteCount : 0, progress)
    defer { line?.finish() }
    request.progress = line?.progress
    let difference = try StoreDifference(a, b, request)
    line?.finish()
    let report = DiffReport(
      difference, first: first, second: second ?? names ?? "", isGraph: names != nil, limit: limit == 0 ? .max : limit)
    Console.print(json ? report.json() : Array((report.text(columns: Console.columns) + "\n").utf8))
    if let writeMap {
      try ReportFile.write(report.map(), to: writeMap, replacing: true, protecting: a.source.files + b.source.files)
    }
    for store in [a, b] { try store.source.requireUnchanged() }
    if let failure = difference.common.lazy.compactMap(\.failure).first { throw failure }
    guard difference.isSame else {
      throw CheckpointError(
        .different,
        names == nil ? "\(report.second) differs from \(first)" : "\(first) is not what \(report.second) would restore")
    }
  }
}

/// The names, dtypes and shapes that a graph restores, as a store whose values nobody has.
enum GraphNames {
  static func store(_ path: String) throws(CheckpointError) -> VariableStore {
    guard path.hasSuffix(".meta"), let source = try Opening.layoutSource(path) else {
      let (store, _) = try Opening.open(path, options: ReadOptions(listingOnly: true))
      Report.warn(store)
      return store
    }
    var store = VariableStore(source: .init(format: "graph", path: path))
    for member in source.groups.first?.members ?? [] {
      let dtype = member.entry.dtype ?? .float32
      let bytes = try member.entry.shape.byteCount(width: dtype.width ?? 1)
      let reason = CheckpointError(.unsupported, "a graph has names and no values").at(file: path)
      let tensor = try Tensor(
        dtype: dtype, shape: member.entry.shape, storage: MissingStorage(byteCount: bytes, reason: reason))
      if !store.contains(member.entry.name) {
        try store.append(Variable(name: member.entry.name, tensor: tensor, role: member.role))
      }
    }
    return store
  }
}
