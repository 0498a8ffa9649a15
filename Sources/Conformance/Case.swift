package import CheckpointCore
import FormatRegistry

/// A folder with a `case.json`: checkpoints, and what is known of them. The schema is in `Conformance/README.md`.
package struct Case: Sendable {
  /// The path of its folder below the one that was searched; the folder's own name where that is the same.
  package let id: String
  package let folder: String
  package let description: String
  /// What a damaged or unusual file deserves; nil for sound ones.
  package let deserves: Deserts?
  /// The exit status that refusing it should end with, where the case says one.
  package let status: CheckpointError.Code?
  package let subjects: [Subject]
  let runs: [RecordedRun]

  package enum Deserts: String, Sendable {
    case error
    case mayRefuse = "may refuse"
    /// Read, with something said.
    case warning = "ok-but-warn"
    case reading = "ok"
  }

  package static let file = "case.json"

  /// All cases in a folder and below it, in the order of their names; the folder may be a case itself.
  /// - Parameter prefix: what their names begin with, where there are several folders.
  package static func find(in folder: String, prefix: String = "") throws(CheckpointError) -> [Case] {
    let found = try find(in: folder, id: prefix)
    guard !found.isEmpty else {
      throw CheckpointError(
        .notFound, "there is no case.json in it or below it", remedy: "write one with conformance --record"
      ).at(file: folder)
    }
    return found
  }

  private static func find(in folder: String, id: String) throws(CheckpointError) -> [Case] {
    try throwIfInterrupted()
    if Candidate.isFile(joinPath(folder, file)) {
      return [try Case(folder: folder, id: id.isEmpty ? splitPath(folder).last : id)]
    }
    var cases: [Case] = []
    for name in Candidate.names(in: folder) {
      let path = joinPath(folder, name)
      guard Candidate.isFolder(path), !Candidate.isLink(path) else { continue }
      cases += try find(in: path, id: id.isEmpty ? name : id + "/" + name)
    }
    return cases
  }

  private init(folder: String, id: String) throws(CheckpointError) {
    self.id = id
    self.folder = folder
    let path = joinPath(folder, Case.file)
    let json = try locating(file: path) { () throws(CheckpointError) in
      try JSONReader.parse(InputFile(path).contents(limit: 1 << 24))
    }
    let parser = CaseParser(folder: folder, file: path, json)
    description = json["description"]?.text ?? ""
    deserves = try parser.choice("expected")
    status = try parser.status()
    runs = try parser.runs()
    subjects = try parser.subjects(runs)
  }
}

/// One checkpoint of a case.
package struct Subject: Sendable {
  /// As the case names it; the key of its tensors.
  package let key: String
  package let path: String
  /// Where it is a bare vector: what names its numbers.
  package let vector: BareVector?
  /// What the original library said of it, nil where nothing is recorded.
  package let recorded: [RecordedTensor]?

  package struct BareVector: Sendable {
    let layout: String
    let collection: String?
    let scope: String?
  }

  /// - Parameter allowLoss: narrow numbers even where a value changes.
  package func open(allowLoss: Bool = false) throws(CheckpointError) -> VariableStore {
    guard let vector else { return try Opening.open(path).store }
    var options = ReadOptions(collection: vector.collection, scope: vector.scope, allowLoss: allowLoss)
    options.layout = try Opening.layout(vector.layout, options: options)
    return try Opening.open(path, as: "npy", options: options).store
  }
}

/// What the original library said of one tensor.
package struct RecordedTensor: Sendable {
  package let name: Name
  package let dtype: String
  package let shape: [Int]
  /// Of the canonical bytes; nil where the library hands out no plain tensor.
  package let sha256: String?
}
