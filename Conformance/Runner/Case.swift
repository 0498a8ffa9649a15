import CheckpointCore
import FormatRegistry
import Foundation
import Testing

/// A folder of `Cases` with its `case.json`; the schema is in README.md.
struct Case: Sendable {
  let id: String
  let folder: String
  let checkpoints: [String]
  /// What a damaged or unusual file deserves: `error`, `may refuse`, `ok-but-warn`, `ok`; nil for sound cases.
  let expected: String?
  let tensors: [String: [Recorded]]
  let vectors: [Vector]

  /// What the original library said of one tensor.
  struct Recorded: Sendable {
    let name: Name
    let dtype: String
    let shape: [Int]
    /// Nil where it hands out no plain tensor.
    let sha256: String?
  }

  /// A bare vector and what names its numbers.
  struct Vector: Sendable {
    let file: String
    let layout: String
    let collection: String?
    let scope: String?
  }

  static let root = splitPath(splitPath(#filePath).folder).folder

  static let all: [Case] = {
    do {
      return try find(in: root + "/Cases", id: "")
    } catch {
      Issue.record("the cases cannot be read: \(error)")
      return []
    }
  }()

  private static func find(in folder: String, id: String) throws -> [Case] {
    if Candidate.isFile(folder + "/case.json") { return [try Case(folder: folder, id: id)] }
    return try Candidate.names(in: folder).filter { Candidate.isFolder(folder + "/" + $0) }.flatMap {
      try find(in: folder + "/" + $0, id: id.isEmpty ? $0 : id + "/" + $0)
    }
  }

  private init(folder: String, id: String) throws {
    let json = try JSONReader.parse(InputFile(folder + "/case.json").contents(limit: 1 << 24))
    self.id = id
    self.folder = folder
    expected = json["expected"]?.text
    checkpoints = (json["checkpoints"]?.elements ?? []).compactMap(\.text)
    var tensors: [String: [Recorded]] = [:]
    if let file = json["tensors"]?.text {
      let recorded = try JSONReader.parse(InputFile(folder + "/" + file).contents(limit: 1 << 24))
      for (key, list) in recorded.members ?? [] {
        tensors[String(decoding: key, as: UTF8.self)] = (list.elements ?? []).compactMap { tensor in
          guard let name = tensor["name"]?.name, let dtype = tensor["dtype"]?.text,
            let shape = tensor["shape"]?.elements
          else { return nil }
          return Recorded(name: name, dtype: dtype, shape: shape.compactMap(\.integer), sha256: tensor["sha256"]?.text)
        }
      }
    }
    self.tensors = tensors
    let meta = json["meta"]?.text
    var vectors: [Vector] = []
    for run in json["runs"]?.elements ?? [] {
      guard let flat = run["flat"], let file = flat["file"]?.text, tensors[file] != nil,
        let layout = flat["index"]?.text ?? meta, !vectors.contains(where: { $0.file == file })
      else { continue }
      let scope = flat["scope"]?.text
      let byManifest = flat["index"] != nil
      vectors.append(
        Vector(
          file: file, layout: layout, collection: byManifest ? nil : flat["collection"]?.text,
          scope: byManifest || scope?.isEmpty != false ? nil : scope))
    }
    self.vectors = vectors
  }
}

/// One thing to open.
struct Input: Sendable, CustomTestStringConvertible {
  let of: Case
  /// The key of its tensors.
  let key: String
  let vector: Case.Vector?

  var testDescription: String { "\(of.id) \(key)" }

  /// Sound ones.
  static let all: [Input] = Case.all.filter { $0.expected == nil }.flatMap { one in
    one.checkpoints.map { Input(of: one, key: $0, vector: nil) }
      + one.vectors.map { Input(of: one, key: $0.file, vector: $0) }
  }

  func open(allowLoss: Bool = false) throws -> VariableStore {
    let path = of.folder + "/" + key
    guard let vector else { return try Opening.open(path).store }
    var options = ReadOptions(collection: vector.collection, scope: vector.scope, allowLoss: allowLoss)
    options.layout = try Opening.layout(of.folder + "/" + vector.layout, options: options)
    return try Opening.open(path, as: "npy", options: options).store
  }
}

/// `KNOWN_FAILURES.txt`: what does not hold yet. A listed failure that passes is a failure.
struct KnownFailures {
  private static let listed: Set<String> = {
    let text = (try? String(contentsOfFile: Case.root + "/KNOWN_FAILURES.txt", encoding: .utf8)) ?? ""
    let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    return Set(lines.map { $0.split(separator: "\t").prefix(3).joined(separator: "\t") })
  }()

  static func check(_ id: String, _ law: String, _ format: String = "-", _ body: () throws -> Void) throws {
    if listed.contains("\(id)\t\(law)\t\(format)") {
      withKnownIssue("listed in KNOWN_FAILURES.txt") { try body() }
    } else {
      try body()
    }
  }
}
