import ArgumentParser
import CheckpointCore
import Dispatch
import FormatRegistry
import Synchronization

/// `ckpt-convert inspect INPUT`
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Lists the variables of a checkpoint.",
    discussion: """
      Without --digests only names, dtypes and shapes are read. With it every byte is read, every checksum that the file has is \
      checked, and the SHA-256 of the canonical bytes (row-major, little-endian) is listed.

      EXAMPLES
        ckpt-convert inspect epoch-9
        ckpt-convert inspect model.ckpt.index --json --digests
      """)

  @Argument(help: "A checkpoint: prefix, any of its files, folder, or file.", completion: .file())
  var input: String

  @OptionGroup(title: "Reading") var reading: ReadingOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  @Flag(help: "Read everything and list SHA-256 digests.")
  var digests = false

  @Option(help: ArgumentHelp("Workers at once (default: one a core).", valueName: "n"))
  var jobs: Int?

  func run() throws { try inspect() }

  private func inspect() throws(CheckpointError) {
    let (store, found) = try reading.open(input, listingOnly: !digests)
    Report.warn(store)
    let sums = digests ? try Digests.of(store, jobs: jobs ?? Machine.cores) : []
    if json {
      Console.print(text(store, found, sums))
    } else {
      Console.print(table(store, sums))
    }
  }

  private func table(_ store: VariableStore, _ sums: [String?]) -> String {
    var table = Table(["NAME", "DTYPE", "SHAPE", "BYTES", "ROLE"] + (sums.isEmpty ? [] : ["SHA-256"]))
    for (i, variable) in store.variables.enumerated() {
      let tensor = variable.tensor
      let row = [
        variable.name.description, tensor.dtype.rawValue, tensor.shape.description, Console.count(tensor.byteCount),
        variable.role.rawValue,
      ]
      table.append(row + (sums.isEmpty ? [] : [sums[i] ?? "-"]))
    }
    let elements = store.variables.reduce(0) { $0.addingReportingOverflow($1.tensor.shape.elementCount).partialValue }
    return table.text(columns: sums.isEmpty ? Console.columns : nil, rightAligned: [3])
      + "\n\(Console.plural(store.variables.count, "variable")), \(Console.plural(elements, "element")), \(Console.size(store.byteCount)) (\(store.source.format))"
  }

  private func text(_ store: VariableStore, _ found: Opening.Found, _ sums: [String?]) -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.value("format", store.source.format)
      json.value("path", found.path)
      json.array("files") { json in
        for file in store.source.files {
          json.object(inline: true) { json in
            json.value("name", splitPath(file.path).last)
            json.value("bytes", file.size)
          }
        }
      }
      if let graph = store.graph?.path { json.value("graph", splitPath(graph).last) }
      json.array("variables") { json in
        for (i, variable) in store.variables.enumerated() {
          json.object(inline: true) { json in
            json.value("name", variable.name)
            json.value("dtype", variable.tensor.dtype.rawValue)
            json.array("shape") { json in for size in variable.tensor.shape.dimensions { json.value(nil, size) } }
            json.value("bytes", variable.tensor.byteCount)
            json.value("role", variable.role.rawValue)
            if !sums.isEmpty, let sum = sums[i] { json.value("sha256", sum) }
          }
        }
      }
      if !store.source.unreadable.isEmpty {
        json.array("unreadable") { json in
          for loss in store.source.unreadable {
            json.object(inline: true) { json in
              json.value("name", loss.variable)
              json.value("reason", loss.reason)
            }
          }
        }
      }
      json.array("warnings") { json in for warning in store.source.warnings { json.value(nil, warning) } }
    }
    return json.finished()
  }
}

/// SHA-256 of all variables, on all cores.
enum Digests {
  /// - Returns: in the order of the store; nil for variants, whose bytes mean nothing outside their bundle.
  static func of(_ store: VariableStore, jobs: Int) throws(CheckpointError) -> [String?] {
    let results = Mutex<[Int: String]>([:])
    let failures = Mutex<[Int: CheckpointError]>([:])
    let next = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: max(1, jobs)) { _ in
      while true {
        let i = next.add(1, ordering: .relaxed).oldValue
        guard i < store.variables.count, failures.withLock({ $0.isEmpty }) else { return }
        do throws(CheckpointError) {
          try throwIfInterrupted()
          if store.variables[i].tensor.dtype == .variant {
            try store.variables[i].tensor.storage.verify()
          } else {
            let sum = try Digest.sha256(of: store.variables[i])
            results.withLock { $0[i] = sum }
          }
        } catch {
          failures.withLock { $0[i] = error }
        }
      }
    }
    if let first = failures.withLock({ $0.min { $0.key < $1.key } }) { throw first.value }
    return results.withLock { found in store.variables.indices.map { found[$0] } }
  }
}
