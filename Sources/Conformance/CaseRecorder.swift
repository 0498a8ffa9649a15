package import CheckpointCore
import FormatRegistry
import GraphRuntime
import ProtoWire
import Verifier

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Writes a case of checkpoints that are there: what a read gives today, and what their graph computes.
package struct CaseRecorder {
  /// The folder of the case; the checkpoints lie inside it.
  private let folder: String
  package var isReplacing = false
  package var jobs = 1
  package var madeBy = "ckpt-convert"
  /// The graph of the checkpoints, nil for the one beside each.
  package var graph: String?
  package var feeds: [(name: String, tensor: Tensor)] = []
  /// None means the graph's own outputs.
  package var fetches: [String] = []

  /// What was written, and what should be known of it.
  package struct Outcome: Sendable {
    package var files: [StagedOutput.Finished] = []
    package var notes: [String] = []
    package var tensors = 0
    package var runs = 0
  }

  /// - Throws: `notFound` where there is no such folder.
  package init(_ folder: String) throws(CheckpointError) { self.folder = try CaseRecorder.real(folder) }

  /// - Parameter scratch: a folder for what is thrown away.
  package func record(_ inputs: [String], scratch: String) throws(CheckpointError) -> Outcome {
    var outcome = Outcome()
    var subjects: [(key: String, store: VariableStore, digests: [String?])] = []
    for input in inputs {
      let (store, found) = try Opening.open(input)
      if let loss = store.source.unreadable.first {
        throw CheckpointError(.unsupported, "cannot be recorded whole: it \(loss.reason)").at(
          file: input, variable: loss.variable)
      }
      let path = try CaseRecorder.real(Candidate.exists(input) ? input : found.stem)
      let key = try relative(path == folder ? CaseRecorder.real(found.path) : path)
      let digests = try Digest.sha256(of: store.variables, jobs: jobs)
      subjects.append((key, store, digests))
      outcome.tensors += store.variables.count
    }
    var staged = try StagedOutput(
      prefix: joinPath(folder, "case"), replacing: isReplacing, protecting: subjects.flatMap(\.store.source.files))
    let arrays = try ScratchFolder(in: scratch)
    var runs: [JSONRun] = []
    for subject in subjects {
      do throws(CheckpointError) {
        guard let graph = graph ?? subject.store.graph?.path else { continue }
        runs.append(
          try JSONRun(
            subject.key, try relative(CaseRecorder.real(graph)), try outputs(of: graph, subject.store), at: runs.count,
            scratch: arrays.path, into: &staged))
      } catch {
        // Digests are worth having without outputs; what a person asked for must work.
        guard graph == nil, feeds.isEmpty, fetches.isEmpty, error.code != .interrupted, error.code != .cannotCreate
        else { throw error }
        outcome.notes.append("the graph of \(subject.key) is not recorded: \(error.message)")
      }
    }
    outcome.runs = runs.count
    try write(tensorsJSON(subjects), to: "tensors.json", .content, &staged)
    try write(caseJSON(subjects.map(\.key), runs), to: Case.file, .index, &staged)
    for subject in subjects { try subject.store.source.requireUnchanged() }
    outcome.files = try staged.commit()
    return outcome
  }

  // MARK: Paths

  private static func real(_ path: String) throws(CheckpointError) -> String {
    let (folder, last) = splitPath(path)
    // A prefix is no file: its folder is made real.
    let isThere = Candidate.exists(path)
    guard let buffer = unsafe realpath(isThere ? path : folder, nil) else {
      throw CheckpointError.system(.notFound, "cannot be found", errno).at(file: path)
    }
    // SAFETY: realpath returned a C string of our own, which is copied before it is given back.
    let found = unsafe String(cString: buffer)
    unsafe free(buffer)
    return isThere ? found : joinPath(found, last)
  }

  private func relative(_ path: String) throws(CheckpointError) -> String {
    let prefix = folder == "/" ? "/" : folder + "/"
    guard path.hasPrefix(prefix) else {
      throw CheckpointError(
        .usage, "does not lie in the folder of the case",
        remedy: "record into a folder that holds it, or copy it there: a case must be whole where it is copied"
      ).at(file: path)
    }
    return String(path.dropFirst(prefix.count))
  }

  // MARK: Outputs of the graph

  private struct Outputs {
    let request: GraphRequest
    let values: [Tensor]
  }

  private func outputs(of path: String, _ store: VariableStore) throws(CheckpointError) -> Outputs {
    let graph = try GraphLoader.load(path)
    let feeds = try feeds.map { (feed) throws(CheckpointError) in
      let dtype = try graph.placeholder(GraphRequest.tensorName(feed.name, of: graph))?.dtype
      return (
        feed.name, try dtype.map { (dtype) throws(CheckpointError) in try feed.tensor.asComputed(dtype) } ?? feed.tensor
      )
    }
    let request = try GraphRequest(graph, feeds: feeds, fetches: fetches, fillsPlaceholders: true)
    let values = try GraphRunner(graph, threads: 1).evaluate(request, store)
    return Outputs(request: request, values: values)
  }

  /// A run as the case has it, its arrays written beside it.
  private struct JSONRun {
    let checkpoint: String
    let graph: String
    let feeds: [(name: String, file: String)]
    let expectations: [(name: String, file: String, tensor: Tensor)]

    init(
      _ checkpoint: String, _ graph: String, _ outputs: Outputs, at position: Int, scratch: String,
      into staged: inout StagedOutput
    ) throws(CheckpointError) {
      (self.checkpoint, self.graph) = (checkpoint, graph)
      func save(_ tensor: Tensor, _ name: String) throws(CheckpointError) -> (name: String, bytes: [UInt8]) {
        ("run-\(position).\(name).npy", try NpyFile.bytes(of: tensor, scratch: scratch))
      }
      // All are encoded before the first is written, so that a run is there whole or not at all.
      var files: [(name: String, bytes: [UInt8])] = []
      for (i, feed) in outputs.request.feeds.enumerated() { files.append(try save(feed.tensor, "feed-\(i)")) }
      for (i, value) in outputs.values.enumerated() { files.append(try save(value, "output-\(i)")) }
      for file in files {
        try staged.create(name: file.name, size: file.bytes.count).write(file.bytes, at: 0)
      }
      feeds = outputs.request.feeds.enumerated().map { ($1.name.text, files[$0].name) }
      expectations = outputs.values.enumerated().map { i, value in
        (outputs.request.fetches[i].text, files[outputs.request.feeds.count + i].name, value)
      }
    }
  }

  // MARK: JSON

  private func write(
    _ bytes: [UInt8], to name: String, _ place: StagedOutput.Place, _ staged: inout StagedOutput
  ) throws(CheckpointError) {
    try staged.create(name: name, place: place, size: bytes.count).write(bytes, at: 0)
  }

  private func tensorsJSON(_ subjects: [(key: String, store: VariableStore, digests: [String?])]) -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      for subject in subjects {
        json.array(subject.key) { json in
          for (variable, digest) in zip(subject.store.variables, subject.digests) {
            json.object(inline: true) { json in
              json.value("name", variable.name)
              json.value("dtype", variable.tensor.dtype.rawValue)
              json.array("shape") { json in for size in variable.tensor.shape.dimensions { json.value(nil, size) } }
              if let digest { json.value("sha256", digest) } else { json.null("sha256") }
            }
          }
        }
      }
    }
    return json.finished()
  }

  private func caseJSON(_ checkpoints: [String], _ runs: [JSONRun]) -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.value("schema", 1)
      json.value("id", splitPath(folder).last)
      json.value("made_with", madeBy)
      json.array("checkpoints") { json in for checkpoint in checkpoints { json.value(nil, checkpoint) } }
      json.value("tensors", "tensors.json")
      json.array("runs") { json in
        for run in runs {
          json.object { json in
            json.value("name", run.checkpoint)
            json.value("checkpoint", run.checkpoint)
            json.value("meta", run.graph)
            json.object("feeds") { json in for feed in run.feeds { json.value(feed.name, feed.file) } }
            json.object("expects") { json in
              for expectation in run.expectations {
                json.object(expectation.name, inline: true) { json in
                  json.value("file", expectation.file)
                  json.value("dtype", expectation.tensor.dtype.rawValue)
                  json.array("shape") { json in
                    for size in expectation.tensor.shape.dimensions { json.value(nil, size) }
                  }
                  json.value("atol", Tolerance.program.absolute)
                  json.value("rtol", Tolerance.program.relative)
                }
              }
            }
          }
        }
      }
    }
    return json.finished()
  }
}

/// A tensor as the bytes of an `.npy` file.
private enum NpyFile {
  static func bytes(of tensor: Tensor, scratch: String) throws(CheckpointError) -> [UInt8] {
    guard let format = AllFormats.named("npy"), let writer = format.writer else { return [] }
    var store = VariableStore(source: .init(format: "run", path: scratch))
    try store.append(Variable(name: "array", tensor: tensor, role: .other))
    if let loss = writer.losses(writing: store).first {
      throw CheckpointError(.unsupported, "\(tensor.summary) cannot be an .npy file: \(loss.reason)")
    }
    return try format.withOutput(of: store, in: scratch, jobs: 1) { (prefix) throws(CheckpointError) in
      try InputFile(prefix + ".npy").contents(limit: 1 << 30)
    }
  }
}
