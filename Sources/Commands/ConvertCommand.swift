import ArgumentParser
import CheckpointCore
import Conversion
import FormatRegistry
import GraphRuntime
import Verifier

/// `ckpt-convert INPUT --to FORMAT`
struct ConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Converts a checkpoint to another format. The default command.",
    usage: "ckpt-convert INPUT --to FORMAT [-o OUTPUT] [options]",
    discussion: """
      The output is written beside its target, read back, compared byte for byte, made durable, and only then moved into place. \
      What would be lost is listed before a byte is written, and stops the command unless --allow-loss accepts it.
      """)

  enum Check: String, ExpressibleByArgument, CaseIterable { case none, bytes, graph }

  enum Generation: String, ExpressibleByArgument, CaseIterable { case tf1, tf2 }

  @Argument(help: "A checkpoint: prefix, any of its files, folder, or file.", completion: .file())
  var input: String

  @Option(
    name: .customLong("to"),
    help: ArgumentHelp("The format to write; see 'ckpt-convert formats'.", valueName: "format"),
    completion: .list(AllFormats.rows.filter { $0.writer != nil }.map(\.name)))
  var target: String

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Prefix of the output; the format's suffix is added (default: beside the input).", valueName: "output"),
    completion: .file())
  var output: String?

  @OptionGroup(title: "Reading") var reading: ReadingOptions

  @Option(
    help: ArgumentHelp(
      "Convert only variables that match: a glob over the whole name, or role:NAME. Repeatable.", valueName: "pattern"))
  var only: [String] = []

  @Option(help: ArgumentHelp("Leave out variables that match. Repeatable.", valueName: "pattern"))
  var except: [String] = []

  @Option(
    help: ArgumentHelp(
      "Replace every match in a name: 'REGEX=>TEMPLATE', $1 for groups. Repeatable, in order.", valueName: "rule"))
  var rename: [String] = []

  @Option(
    help: ArgumentHelp("Names for names: a JSON object, a plan, or lines 'old<TAB>new'.", valueName: "file"),
    completion: .file())
  var map: String?

  @Option(help: "What happens to variables that --map does not name: refuse, keep or drop (default: refuse).")
  var unmapped: ConversionRequest.Unmapped?

  @Option(
    help:
      "Names of the other TensorFlow: tf1 gives an object checkpoint the names that tf.train.Saver knows; tf2 fills the object checkpoint or SavedModel that --template names."
  )
  var names: Generation?

  @Option(help: ArgumentHelp("Convert all plain numbers to one dtype; what that loses is listed.", valueName: "dtype"))
  var cast: DType?

  @Option(
    help: ArgumentHelp(
      "Moving averages: keep them beside their variables, only the averages, each under its variable's name, or drop them.",
      valueName: "which"))
  var ema = MovingAverages.keep

  @Option(
    help: ArgumentHelp(
      "Order of the variables: variables, trainable, name, or a file with names (default: the graph's, else name).",
      valueName: "order"))
  var order: String?

  @Option(help: ArgumentHelp("tf-bundle: number of data files.", valueName: "n"))
  var shards: Int?

  @Option(
    help: ArgumentHelp(
      "tf-bundle: begin another data file before one gets larger than this (such as 2GiB).", valueName: "size"))
  var maxShardSize: ByteSize?

  @Option(
    help: ArgumentHelp(
      "hdf5, keras: none, gzip, or gzip:LEVEL with a level from 1 to 9 (default: none).", valueName: "how"))
  var compress = Compression.none

  @Option(
    help: ArgumentHelp(
      "keras: a file of the target format whose names, order and attributes the output keeps. --names tf2: the object checkpoint or SavedModel to fill.",
      valueName: "file"),
    completion: .file())
  var template: String?

  @Flag(help: "tf-bundle: write a 'checkpoint' state file that names the output as the latest.")
  var stateFile = false

  @Flag(help: "npy-flat: put the SHA-256 of every variable into the manifest.")
  var digests = false

  @Flag(help: "Go on although something is lost; it is listed all the same.")
  var allowLoss = false

  @Flag(help: "Take what is sound of a damaged input and list what is lost; ends with status 1 where something is.")
  var salvage = false

  @Option(
    help: "Read the output back and compare: none, bytes, or graph, which also runs the network before and after.")
  var verify = Check.bytes

  @Option(
    help: ArgumentHelp("With --verify graph: the graph, where no .meta lies beside the input.", valueName: "graph"),
    completion: .file())
  var graph: String?

  @OptionGroup(title: "With --verify graph, and for a vector that nobody described") var running: GraphOptions

  @Flag(help: "Say what would be done and write nothing.")
  var dryRun = false

  @Option(
    help: ArgumentHelp("Write the list source, transform, target to a file; --map reads it.", valueName: "file"),
    completion: .file())
  var plan: String?

  @OptionGroup var console: ConsoleOptions

  @Flag(help: "Replace an output that is there.")
  var force = false

  @Flag(help: "Print nothing but errors.")
  var quiet = false

  @OptionGroup var workers: WorkerOptions

  func validate() throws {
    if let shards, shards < 1 || shards > 99_999 { throw ValidationError("--shards takes a number from 1 to 99999.") }
    if shards != nil, maxShardSize != nil { throw ValidationError("--shards and --max-shard-size exclude each other.") }
    if let cast, !cast.isCastable { throw ValidationError("Numbers cannot be cast to \(cast.rawValue).") }
  }

  func run() throws { try convert() }

  private func convert() throws(CheckpointError) {
    let format = try targetFormat()
    let (opened, found) = try reading.open(
      input, allowLoss: allowLoss, salvage: salvage, graph: graph, running: running, workers: workers.count)
    let rescue = try salvage ? Salvage(opened, jobs: workers.count) : nil
    let store = rescue?.store ?? opened
    if verify != .graph, !running.expect.isEmpty, !reading.isBareVector(store, found) {
      throw CheckpointError(
        .usage, "\(input) says itself what it holds, so that --expect decides nothing",
        remedy: "compare with --verify graph, or leave it out")
    }
    if !quiet { Report.opened(store, found, asJSON: console.json) }
    if let rescue { try rescue.report(quiet: quiet) }
    var plan = try ConversionPlan(store, try request())
    plan.losses = plan.unreadable(of: store) + plan.losses
    guard let writer = format.writer else {
      throw CheckpointError(.unsupported, "\(format.name) can be read, not written")
    }
    var result = try plan.store(from: store)
    let prepared = try writer.prepare(result, options: writeOptions(plan, nil))
    result = prepared.store
    plan.notes += prepared.notes
    plan.losses += prepared.losses
    let unheld = writer.losses(writing: result)
    plan.losses += unheld
    if let path = self.plan {
      var inputs = store.source.files
      if let graph = store.graph?.path { inputs.append(try InputFile(graph)) }
      try ReportFile.write(plan.json(), to: path, replacing: force, protecting: inputs)
    }
    if dryRun {
      Report.plan(plan, store, result, to: format.name, asJSON: console.json)
    } else if !quiet {
      Report.notes(of: plan, store, result)
    }
    guard plan.losses.isEmpty || allowLoss else {
      throw Report.refusal(plan.losses, format: format.name, fillsTemplate: names == .tf2)
    }
    guard !dryRun else { return }
    if !unheld.isEmpty {
      let dropped = Set(unheld.map(\.variable))
      result = try result.replacing(result.variables.filter { !dropped.contains($0.name) })
    }
    let written = result
    let files = try Diagnosing.explaining(store, jobs: workers.count) { () throws(CheckpointError) in
      try write(written, from: store, plan, as: format, using: writer, stem: found.stem)
    }
    if !quiet {
      Report.done(
        result, store, plan, format: format.name, files: files, verified: verify.rawValue, lost: rescue?.lost,
        asJSON: console.json)
    }
    if let rescue, !rescue.lost.isEmpty {
      throw CheckpointError(
        .different,
        "what was written is not the whole checkpoint: \(Console.plural(rescue.lost.count, "variable")) of \(input) \(rescue.lost.count == 1 ? "is" : "are") lost"
      )
    }
  }

  private func targetFormat() throws(CheckpointError) -> CheckpointFormat {
    if let row = AllFormats.named(target) { return row }
    let known = AllFormats.rows.filter { $0.writer != nil }.map(\.name)
    let near = NearestNames.to(target, in: known.map { Name($0) }).first
    throw CheckpointError(
      .usage, "there is no format '\(target)'",
      remedy: near.map { "did you mean \($0)?" } ?? "the formats are: \(known.joined(separator: ", "))")
  }

  private func request() throws(CheckpointError) -> ConversionRequest {
    var request = ConversionRequest()
    request.selection = Selection(
      only: try only.map { (text) throws(CheckpointError) in try VariablePattern(text) },
      except: try except.map { (text) throws(CheckpointError) in try VariablePattern(text) })
    request.rules = try rename.map { (rule) throws(CheckpointError) in try RenameRule(rule) }
    request.map = try map.map { (path) throws(CheckpointError) in try NameMap(contentsOf: path) }
    request.unmapped = unmapped
    request.names = try generation()
    request.cast = cast
    request.averages = ema
    switch order {
    case nil: request.ordering = .automatic
    case "variables"?: request.ordering = .variables
    case "trainable"?: request.ordering = .trainable
    case "name"?: request.ordering = .name
    case let path?: request.ordering = .list(try names(in: path), origin: splitPath(path).last)
    }
    return request
  }

  private func generation() throws(CheckpointError) -> NameGeneration? {
    switch names {
    case nil: return nil
    case .tf1?: return .tf1
    case .tf2?:
      guard let template else {
        throw CheckpointError(
          .usage, "names say nothing of the objects of a program",
          remedy: "save the new program's variables once with tf.train.Checkpoint and give that with --template")
      }
      return .tf2(template: try Opening.open(template).store)
    }
  }

  /// Names from a list, one a line, or in the order of a graph, manifest or checkpoint.
  private func names(in path: String) throws(CheckpointError) -> [Name] {
    if path.hasSuffix(".txt") {
      return try InputFile(path).contents(limit: 1 << 30).split(separator: 0x0a)
        .map { Name(bytes: $0.last == 0x0d ? $0.dropLast() : $0) }.filter { !$0.bytes.isEmpty }
    }
    return try Opening.layout(path, options: ReadOptions(collection: reading.collection)).entries.map(\.name)
  }

  private func writeOptions(_ plan: ConversionPlan, _ progress: Progress?) -> WriteOptions {
    WriteOptions(
      shards: shards, largestShard: maxShardSize?.bytes, compression: compress.level,
      template: names == .tf2 ? nil : template,
      keepsName: only.isEmpty, digests: digests, stateFile: stateFile, orderName: plan.orderName,
      madeBy: CkptConvert.madeBy,
      jobs: workers.count, progress: progress)
  }

  /// - Returns: the files that were written, with their sizes.
  private func write(
    _ result: VariableStore, from source: VariableStore, _ plan: ConversionPlan, as format: CheckpointFormat,
    using writer: any CheckpointWriter, stem: String
  ) throws(CheckpointError) -> [StagedOutput.Finished] {
    let prefix = output.map { format.stem(of: $0) } ?? stem
    let cores = workers.count
    let steps = verify != .none ? 2 : 1
    let line = quiet ? nil : ProgressLine("converting", total: result.byteCount, times: steps, console.progress)
    defer { line?.finish() }
    var staged = try StagedOutput(prefix: prefix, replacing: force, protecting: result.source.files)
    try writer.write(result, to: &staged, options: writeOptions(plan, line?.progress))
    if verify != .none, let reader = format.reader {
      let opened = try Opening.find(staged.stagedPrefix, as: format.name)
      let written = try reader.open(opened.path, options: ReadOptions())
      // What a format has no place for, such as the name of the one variable of an npy file, is not compared.
      let comparable = format.name == "npy" ? try written.renamed(as: result) : written
      do throws(CheckpointError) {
        try ByteComparison(jobs: cores, progress: line?.progress).requireEqual(result, comparable)
      } catch {
        // A source that changed meanwhile is the better explanation.
        try result.source.requireUnchanged()
        throw error
      }
      line?.finish()
      if verify == .graph { try verifyGraph(source, comparable, plan) }
    }
    try result.source.requireUnchanged()
    return try staged.commit()
  }

  /// Runs the graph with the source and with what was written, before that is moved into place.
  private func verifyGraph(
    _ source: VariableStore, _ written: VariableStore, _ plan: ConversionPlan
  ) throws(CheckpointError) {
    guard let path = graph ?? source.graph?.path else {
      throw CheckpointError(
        .usage, "there is no graph beside the input", remedy: "name it with --graph, or use --verify bytes")
    }
    let graph = try GraphLoader.load(path)
    let request = try running.request(graph, fetches: running.fetch, fillsPlaceholders: true)
    var verification = Verification()
    verification.expectations = try running.expectations()
    verification.threads = workers.count
    verification.limits = running.limit.limits
    for step in plan.steps where step.name != step.target { verification.names[step.name] = step.target }
    // Values that were changed on purpose are shown with their distance.
    if plan.steps.contains(where: { $0.cast != nil || $0.source.name != $0.name }) {
      verification.tolerance = Tolerance(absolute: .infinity, relative: 0)
    }
    var report = Verification.Report()
    try verification.compareGraph(graph, request, source, written, into: &report)
    report.variableCount = plan.steps.count
    if !quiet, !console.json { Console.print(VerifyReport.text(report)) }
    guard report.isSame else {
      throw CheckpointError(.different, "the graph does not compute the same with the output; nothing was written")
    }
  }
}
