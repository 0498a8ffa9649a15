import CheckpointCore
import Verifier

/// Makes a case of the JSON that describes it. Its paths must stay inside its folder.
struct CaseParser {
  private let folder: String
  private let file: String
  private let json: JSONValue

  init(folder: String, file: String, _ json: JSONValue) { (self.folder, self.file, self.json) = (folder, file, json) }

  private func wrong(_ message: String) -> CheckpointError { CheckpointError(.corrupt, message).at(file: file) }

  /// A path of the case as one of the machine.
  private func path(_ text: String) throws(CheckpointError) -> String {
    guard !text.isEmpty, !text.hasPrefix("/"),
      !text.utf8.split(separator: UInt8(ascii: "/")).contains(where: { $0.elementsEqual("..".utf8) })
    else { throw wrong("the path '\(Name(text))' leads out of the folder of the case") }
    return joinPath(folder, text)
  }

  private func optionalPath(_ json: JSONValue?) throws(CheckpointError) -> String? {
    guard let text = json?.text else { return nil }
    return try path(text)
  }

  func choice(_ key: String) throws(CheckpointError) -> Case.Deserts? {
    guard let text = json[key]?.text else { return nil }
    guard let choice = Case.Deserts(rawValue: text) else {
      throw wrong("'\(key)' is '\(Name(text))', which means nothing here")
    }
    return choice
  }

  func status() throws(CheckpointError) -> CheckpointError.Code? {
    guard let number = json["status"]?.integer else { return nil }
    guard let code = Int32(exactly: number).flatMap(CheckpointError.Code.init(rawValue:)) else {
      throw wrong("'status' is \(number), which is no exit status of an error")
    }
    return code
  }

  // MARK: Checkpoints

  /// What the case lists, and what its runs read besides.
  func subjects(_ runs: [RecordedRun]) throws(CheckpointError) -> [Subject] {
    var keys = (json["checkpoints"]?.elements ?? []).compactMap(\.text)
    for key in ["checkpoint", "saved_model", "frozen"] {
      if let text = json[key]?.text { keys.append(text) }
    }
    let vectors = try bareVectors()
    let vectorOf = Dictionary(vectors.map { ($0.key, $0.vector) }) { first, _ in first }
    keys += vectors.map(\.key) + runs.map(\.weights)
    let recorded = try tensors()
    var seen: Set<String> = []
    var subjects: [Subject] = []
    for key in keys where seen.insert(key).inserted {
      subjects.append(
        Subject(
          key: key, path: try path(key), vector: vectorOf[key], recorded: recorded[key]))
    }
    guard !subjects.isEmpty else { throw wrong("names no checkpoint") }
    return subjects
  }

  /// Vectors that runs read, by their file.
  private func bareVectors() throws(CheckpointError) -> [(key: String, vector: Subject.BareVector)] {
    var vectors: [(key: String, vector: Subject.BareVector)] = []
    for run in json["runs"]?.elements ?? [] {
      guard let flat = run["flat"], let key = flat["file"]?.text else { continue }
      let index = flat["index"]?.text
      guard let layout = index ?? run["meta"]?.text ?? json["meta"]?.text else {
        throw wrong("nothing names the numbers of the vector '\(Name(key))'")
      }
      let scope = flat["scope"]?.text
      vectors.append(
        (
          key,
          Subject.BareVector(
            layout: try path(layout), collection: index == nil ? flat["collection"]?.text : nil,
            scope: index != nil || scope?.isEmpty != false ? nil : scope)
        ))
    }
    return vectors
  }

  private func tensors() throws(CheckpointError) -> [String: [RecordedTensor]] {
    guard let file = try optionalPath(json["tensors"]) else { return [:] }
    let all = try locating(file: file) { () throws(CheckpointError) in
      try JSONReader.parse(InputFile(file).contents(limit: 1 << 28))
    }
    var tensors: [String: [RecordedTensor]] = [:]
    for (key, list) in all.members ?? [] {
      tensors[String(decoding: key, as: UTF8.self)] = try (list.elements ?? []).map { (json) throws(CheckpointError) in
        guard let name = json["name"]?.name, let dtype = json["dtype"]?.text, let shape = json["shape"]?.elements else {
          throw CheckpointError(.corrupt, "a tensor lacks its name, dtype or shape").at(file: file)
        }
        let sizes = shape.compactMap(\.integer)
        guard sizes.count == shape.count else {
          throw CheckpointError(.corrupt, "a size is no whole number").at(file: file, variable: name)
        }
        return RecordedTensor(name: name, dtype: dtype, shape: sizes, sha256: json["sha256"]?.text)
      }
    }
    return tensors
  }

  // MARK: Runs

  func runs() throws(CheckpointError) -> [RecordedRun] {
    var runs: [RecordedRun] = []
    for (i, run) in (json["runs"]?.elements ?? []).enumerated() { runs.append(try self.run(run, i)) }
    return runs
  }

  private func run(_ run: JSONValue, _ position: Int) throws(CheckpointError) -> RecordedRun {
    let name = run["name"]?.text ?? "run \(position)"
    let own = json["saved_model"]?.text ?? json["frozen"]?.text
    guard let graph = run["meta"]?.text ?? own ?? json["meta"]?.text else {
      throw wrong("'\(Name(name))' has no graph")
    }
    let named = run["checkpoint"]?.text ?? run["flat"]?["file"]?.text ?? run["keras_h5"]?["file"]?.text
    guard let weights = named ?? own ?? json["checkpoint"]?.text ?? json["checkpoints"]?.elements?.first?.text else {
      throw wrong("'\(Name(name))' says nothing of its weights")
    }
    let steps = run["steps"]?.integer
    guard run["steps"] == nil || (1...1_000_000).contains(steps ?? 0) else {
      throw wrong("'steps' of '\(Name(name))' is no number from 1 to 1,000,000")
    }
    return RecordedRun(
      name: name, graph: try path(graph), weights: weights,
      feeds: try (run["feeds"]?.members ?? []).map { (member) throws(CheckpointError) in
        (String(decoding: member.key, as: UTF8.self), try value(member.value))
      },
      expectations: try (run["expects"]?.members ?? []).map { (member) throws(CheckpointError) in
        try expectation(String(decoding: member.key, as: UTF8.self), member.value)
      },
      steps: steps)
  }

  private func expectation(_ name: String, _ json: JSONValue) throws(CheckpointError) -> RecordedRun.Expectation {
    var isExact = false
    if case .bool(true)? = json["exact"] { isExact = true }
    return RecordedRun.Expectation(
      name: name, value: try value(json), isExact: isExact,
      tolerance: Tolerance(absolute: json["atol"]?.number ?? 0, relative: json["rtol"]?.number ?? 0))
  }

  private func value(_ json: JSONValue) throws(CheckpointError) -> RecordedValue {
    let dtype = json["dtype"]?.text.flatMap(DType.init(rawValue:))
    if let file = json.text ?? json["file"]?.text {
      var rows: Range<Int>?
      if let bounds = json["rows"]?.elements?.compactMap(\.integer) {
        guard bounds.count == 2, bounds[0] <= bounds[1] else { throw wrong("'rows' takes a first and a last") }
        rows = bounds[0]..<bounds[1]
      }
      return RecordedValue(source: .file(try path(file), rows: rows), dtype: dtype)
    }
    guard let literal = json["value"] else { throw wrong("a recorded tensor has neither a file nor a value") }
    return RecordedValue(source: .literal(literal), dtype: dtype)
  }
}

extension JSONValue {
  fileprivate var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let text): Double(text)
    default: nil
    }
  }
}
