import CheckpointCore
import FormatRegistry
import Inspection

/// What `check` shows.
struct CheckReport {
  private let store: VariableStore
  private let found: Opening.Found
  private let checkup: Checkup

  init(_ store: VariableStore, _ found: Opening.Found, _ checkup: Checkup) {
    (self.store, self.found, self.checkup) = (store, found, checkup)
  }

  private var damagedCount: Int { checkup.verdicts.count { !$0.isSound } + checkup.lost.count { $0.variable != nil } }

  /// The error to end with; nil where everything is whole.
  var failure: CheckpointError? {
    guard !checkup.isWhole else { return nil }
    let cause = checkup.causes.first
    let count =
      damagedCount == 0
      ? "it is damaged"
      : "\(Console.plural(damagedCount, "variable")) \(damagedCount == 1 ? "is" : "are") damaged or lost"
    return CheckpointError(
      cause?.code ?? .corrupt, "is not whole: \(count)",
      remedy: checkup.verdicts.contains(where: \.isSound) ? "'convert --salvage' keeps the others" : nil
    ).at(file: found.path)
  }

  func text(columns: Int?) -> String {
    var table = Table(["NAME", "BYTES", "VERDICT"])
    for (variable, verdict) in zip(store.variables, checkup.verdicts) {
      let about =
        switch verdict {
        case .proven(let sum): "proven by \(sum)"
        case .readable: "all bytes are there"
        case .damaged(let error): "\(CheckReport.isGone(error) ? "LOST" : "DAMAGED"): \(error.verdict)"
        }
      table.append([variable.name.description, Console.count(variable.tensor.byteCount), about])
    }
    for error in checkup.lost where error.variable != nil {
      table.append([error.variable?.description ?? "", "?", "LOST: \(error.message)"])
    }
    var lines = [table.text(columns: columns, rightAligned: [1])]
    for cause in checkup.causes { lines.append("cause: \(cause)") }
    for suspicion in checkup.suspicions { lines.append("suspicious: \(suspicion)") }
    return (lines + [summary]).joined(separator: "\n")
  }

  /// Whether the bytes are not there at all.
  private static func isGone(_ error: CheckpointError) -> Bool {
    error.damage == .truncated || error.damage == .missingFile
  }

  private var summary: String {
    let size = Console.size(store.source.files.reduce(0) { $0.addingReportingOverflow($1.size).partialValue })
    let place = "\(Console.plural(store.source.files.count, "file")), \(size) (\(store.source.format))"
    guard checkup.isWhole else {
      let total = store.variables.count + checkup.lost.count { $0.variable != nil }
      return "not whole: \(Console.count(damagedCount)) of \(Console.plural(total, "variable")) in \(place)"
    }
    var proven: [String: Int] = [:]
    var readable = 0
    for verdict in checkup.verdicts {
      if case .proven(let sum) = verdict { proven[sum, default: 0] += 1 } else { readable += 1 }
    }
    let sums = proven.sorted { $0.key < $1.key }.map { "\(Console.count($0.value)) proven by \($0.key)" }
    let rest = readable > 0 ? ["\(Console.count(readable)) without a checksum, whose bytes are all there"] : []
    return "whole: \(Console.plural(store.variables.count, "variable")) in \(place): "
      + ((sums + rest).isEmpty ? "nothing to prove" : (sums + rest).joined(separator: ", "))
  }

  func json() -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.value("format", store.source.format)
      json.value("path", found.path)
      json.value("whole", checkup.isWhole)
      json.array("files") { json in
        for file in store.source.files {
          json.object(inline: true) { json in
            json.value("name", splitPath(file.path).last)
            json.value("bytes", file.size)
          }
        }
      }
      json.array("variables") { json in
        for (variable, verdict) in zip(store.variables, checkup.verdicts) {
          json.object(inline: true) { json in
            json.value("name", variable.name)
            json.value("bytes", variable.tensor.byteCount)
            switch verdict {
            case .proven(let sum):
              json.value("verdict", "proven")
              json.value("checksum", sum)
            case .readable: json.value("verdict", "readable")
            case .damaged(let error):
              json.value("verdict", "damaged")
              json.value("reason", error.message)
            }
          }
        }
        for error in checkup.lost {
          json.object(inline: true) { json in
            if let name = error.variable { json.value("name", name) } else { json.null("name") }
            json.value("verdict", "lost")
            json.value("reason", error.message)
          }
        }
      }
      json.array("causes") { json in for cause in checkup.causes { CheckReport.write(cause, to: &json) } }
      json.array("suspicions") { json in for one in checkup.suspicions { CheckReport.write(one, to: &json) } }
      json.array("warnings") { json in for warning in store.source.warnings { json.value(nil, warning) } }
    }
    return json.finished()
  }

  /// What is said of an input that cannot even be opened.
  static func json(of error: CheckpointError, _ input: String) -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.null("format")
      json.value("path", input)
      json.value("whole", false)
      json.array("files") { _ in }
      json.array("variables") { _ in }
      json.array("causes") { json in write(error, to: &json) }
      json.array("suspicions") { _ in }
      json.array("warnings") { _ in }
    }
    return json.finished()
  }

  private static func write(_ cause: CheckpointError, to json: inout JSONWriter) {
    json.object(inline: true) { json in
      json.value("kind", cause.damage?.rawValue ?? "damaged")
      if let file = cause.file { json.value("file", file) } else { json.null("file") }
      if let name = cause.variable { json.value("name", name) }
      json.value("message", cause.message)
      if let remedy = cause.remedy { json.value("remedy", remedy) } else { json.null("remedy") }
    }
  }
}
