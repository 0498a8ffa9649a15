import CheckpointCore
import FormatRegistry
import TestKit
import Testing
import Verifier

/// What holds for every case and every format of the registry.
@Suite struct Laws {
  private static let writable = AllFormats.rows.filter { $0.writer != nil }
  private static let refusals: Set<CheckpointError.Code> = [.corrupt, .notFound, .unsupported]

  @Test func thereAreCases() {
    #expect(Input.all.count > 60)
    #expect(Case.all.count { $0.expected == "error" } > 40)
  }

  /// Names, dtypes, shapes and digests are those that the original library gave.
  @Test(arguments: Input.all) func reads(input: Input) throws {
    try KnownFailures.check(input.of.id, "reads") {
      let store = try input.open()
      let recorded = try #require(input.of.tensors[input.key])
      if input.of.id.hasPrefix("npy/") {
        // One array; its name is the file's.
        #expect(store.variables.count == 1)
        let (variable, tensor) = (store.variables[0], recorded[0])
        #expect(try describe(variable, hashed: tensor.sha256 != nil) == describe(tensor, named: variable.name))
        return
      }
      #expect(Set(store.variables.map(\.name)) == Set(recorded.map(\.name)))
      for tensor in recorded {
        let variable = try #require(store[tensor.name], "\(tensor.name) is missing")
        #expect(try describe(variable, hashed: tensor.sha256 != nil) == describe(tensor, named: tensor.name))
      }
    }
  }

  private func describe(_ variable: Variable, hashed: Bool) throws -> String {
    "\(variable.name) \(variable.tensor.dtype.rawValue) \(variable.tensor.shape) \(hashed ? try Digest.sha256(of: variable) : "-")"
  }

  private func describe(_ tensor: Case.Recorded, named name: Name) -> String {
    "\(name) \(tensor.dtype) [\(tensor.shape.map(String.init).joined(separator: ", "))] \(tensor.sha256 ?? "-")"
  }

  /// A float64 vector of a float32 network is the float32 one where its loss is accepted.
  @Test func narrowsALegacyVectorAsNumpyDoes() throws {
    let wide = try #require(Input.all.first { $0.testDescription == "legacy-flat/es-agent weights_f64.npy" })
    let recorded = try #require(wide.of.tensors["weights.npy"])
    let store = try wide.open(allowLoss: true)
    #expect(try store.variables.map { try describe($0, hashed: true) } == recorded.map { describe($0, named: $0.name) })
  }

  /// There and back every bit is the same; what a format cannot hold is named before a byte is written.
  @Test(arguments: Input.all) func returns(input: Input) throws {
    for format in Self.writable {
      try KnownFailures.check(input.of.id, "returns", format.name) {
        let store = try input.open()
        guard let held = try holdable(store, in: format) else { return }
        let folder = try TemporaryFolder()
        try format.save(held, to: folder("there"))
        let there = try format.load(folder("there"))
        #expect(there.source.warnings == [] || held.variables.isEmpty, "\(format.name)")
        try requireEqual(held, there, format)
        guard let home = AllFormats.named(store.source.format), home.writer != nil,
          try holdable(held, in: home)?.variables.count == held.variables.count
        else { return }
        try home.save(there, to: folder("back"))
        try requireEqual(held, home.load(folder("back")), format.name == "npy" ? format : home)
      }
    }
  }

  private func requireEqual(_ expected: VariableStore, _ found: VariableStore, _ format: CheckpointFormat) throws {
    // An npy file has no place for the name of its variable.
    let found = format.name == "npy" ? try found.renamed(as: expected) : found
    try ByteComparison(jobs: 2, progress: nil).requireEqual(expected, found)
  }

  /// The part of a store that a format can hold, nil for nothing.
  private func holdable(_ store: VariableStore, in format: CheckpointFormat) throws -> VariableStore? {
    guard let writer = format.writer else { return nil }
    let attempt = Result { () throws(CheckpointError) in try writer.prepare(store, options: WriteOptions()) }
    if case .failure(let error) = attempt, error.code == .unsupported { return nil }
    let prepared = try attempt.get()
    let store = prepared.store
    let losses = Set((prepared.losses + writer.losses(writing: store)).map(\.variable))
    #expect(
      losses.isEmpty || format.cannotHold != nil || store.source.format != format.name,
      "\(format.name) says that it holds everything")
    let held = store.variables.filter { !losses.contains($0.name) }
    return held.isEmpty && !store.variables.isEmpty ? nil : try store.replacing(held)
  }

  /// The same bytes every time, with one worker or two.
  @Test(arguments: Input.all) func stable(input: Input) throws {
    for format in Self.writable {
      try KnownFailures.check(input.of.id, "stable", format.name) {
        let store = try input.open()
        guard let held = try holdable(store, in: format) else { return }
        var outputs: [[String: [UInt8]]] = []
        for jobs in [1, 2] {
          let folder = try TemporaryFolder()
          try format.save(held, to: folder("out"), options: WriteOptions(jobs: jobs))
          outputs.append(Dictionary(uniqueKeysWithValues: try folder.names.map { ($0, try folder.read($0)) }))
        }
        #expect(outputs[0] == outputs[1], "\(format.name)")
      }
    }
  }

  /// Opens and reads everything, as an inspection with digests does.
  private func read(_ path: String) throws -> VariableStore {
    let store = try Opening.open(path).store
    for variable in store.variables {
      if variable.tensor.dtype == .variant {
        try variable.tensor.storage.verify()
      } else {
        _ = try Digest.sha256(of: variable)
      }
    }
    return store
  }

  @Test(arguments: Case.all.filter { $0.expected == "error" }) func refuses(damaged: Case) throws {
    let before = tree(damaged.folder)
    for checkpoint in damaged.checkpoints {
      try KnownFailures.check(damaged.id, "refuses") {
        let path = damaged.folder + "/" + checkpoint
        let error = failure { try requireWhole(try read(path)) }
        #expect(error.map { Self.refusals.contains($0.code) } == true, "\(String(describing: error))")
        for format in Self.writable {
          let folder = try TemporaryFolder()
          let error = failure {
            let store = try Opening.open(path).store
            try requireWhole(store)
            guard let held = try holdable(store, in: format) else {
              throw CheckpointError(.unsupported, "nothing can be held")
            }
            try format.save(held, to: folder("out"))
          }
          #expect(
            error.map { Self.refusals.contains($0.code) } == true, "to \(format.name): \(String(describing: error))")
          #expect(folder.names == [], "to \(format.name)")
        }
      }
    }
    #expect(tree(damaged.folder) == before)
  }

  /// What a file holds and nobody can read stops a conversion, unless a person allows the loss.
  private func requireWhole(_ store: VariableStore) throws {
    if let first = store.source.unreadable.first { throw CheckpointError(.unsupported, first.reason) }
  }

  /// A file may be unusual and still be read; where something is odd about the file itself, it is said.
  @Test(arguments: Case.all.filter { $0.expected?.hasPrefix("ok") == true }) func accepts(unusual: Case) throws {
    // Names are data, and a length may be spelt with more bytes than it needs.
    let isSilent = unusual.id.contains("/name-") || unusual.id.hasSuffix("-names") || unusual.id.hasSuffix("nonminimal")
    for checkpoint in unusual.checkpoints {
      try KnownFailures.check(unusual.id, "accepts") {
        let path = unusual.folder + "/" + checkpoint
        let store = try read(path)
        let said = try Opening.find(path).warnings + store.source.warnings + store.source.unreadable.map(\.reason)
        #expect(!said.isEmpty || unusual.expected == "ok" || isSilent, "nothing is said")
      }
    }
  }

  @Test(arguments: Case.all.filter { $0.expected == "may refuse" }) func mayRefuse(unusual: Case) throws {
    for checkpoint in unusual.checkpoints {
      let error = failure { _ = try read(unusual.folder + "/" + checkpoint) }
      #expect(error.map { Self.refusals.contains($0.code) } != false, "\(String(describing: error))")
    }
  }

  /// Names and sizes of everything below a folder.
  private func tree(_ folder: String) -> [String] {
    Candidate.names(in: folder).flatMap { name in
      let path = folder + "/" + name
      return Candidate.isFolder(path) ? tree(path) : ["\(path) \((try? InputFile(path))?.size ?? -1)"]
    }
  }
}

extension Case: CustomTestStringConvertible {
  var testDescription: String { id }
}
