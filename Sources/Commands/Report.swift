import CheckpointCore
import Conversion
import FormatRegistry

/// What `convert` says.
enum Report {
  /// What was found, in one line, and what the reader warns of.
  static func opened(_ store: VariableStore, _ found: Opening.Found, asJSON: Bool) {
    if !asJSON {
      let graph = store.graph?.path.map { " with its graph \(splitPath($0).last)" } ?? ""
      Console.say(
        "\(printable(found.path)): \(found.format.name), \(Console.plural(store.variables.count, "variable")), \(Console.size(store.byteCount))\(graph)"
      )
    }
    warn(store)
  }

  static func warn(_ store: VariableStore) {
    for note in store.source.notes { Console.say("note: \(note)") }
    say(store.source.warnings.lazy.map { "warning: \($0)" }, "warnings")
    say(
      store.source.unreadable.lazy.map { loss in
        let subject = ["its ", "the "].contains(where: loss.reason.hasPrefix) ? "" : "it "
        return "warning: '\(loss.variable)' cannot be read: \(subject)\(loss.reason)"
      }, "that cannot be read")
  }

  /// A file may give thousands of reasons for the same sentence; the first of them are enough for a person.
  private static func say(_ lines: some Collection<String>, _ what: String) {
    let most = 20
    for line in lines.prefix(most) { Console.say(line) }
    if lines.count > most { Console.say("… and \(lines.count - most) more \(what); 'inspect --json' lists all") }
  }

  /// - Parameter result: what is written of the store.
  static func notes(of plan: ConversionPlan, _ store: VariableStore, _ result: VariableStore) {
    for note in plan.notes { Console.say("note: \(note)") }
    if plan.isRenaming, store.graph?.path != nil, result.graph?.path == nil {
      Console.say("warning: names change, so the graph beside the source no longer fits and is not copied")
    }
    if !plan.leftOut.isEmpty {
      Console.say("left out: \(Console.plural(plan.leftOut.count, "variable")), \(Console.size(plan.leftOutBytes))")
    }
    for loss in plan.losses { Console.say("lost: '\(loss.variable)': \(loss.reason)") }
  }

  static func refusal(_ losses: [Loss], format: String, fillsTemplate: Bool = false) -> CheckpointError {
    CheckpointError(
      .unsupported,
      "\(Console.plural(losses.count, "variable")) would not be whole in the \(format) output: \(losses.prefix(3).map { "'\($0.variable)' (\($0.reason))" }.joined(separator: ", "))\(losses.count > 3 ? ", …" : "")",
      remedy:
        fillsTemplate
        ? "say with --map what belongs where, leave out with --except what has no place, or accept with --allow-loss that it is dropped and that the template keeps the rest; nothing was written"
        : "leave out with --except what the format cannot hold, or accept the loss with --allow-loss; nothing was written"
    )
  }

  static func plan(
    _ plan: ConversionPlan, _ store: VariableStore, _ result: VariableStore, to format: String, asJSON: Bool
  ) {
    if asJSON {
      Console.print(plan.json())
      return
    }
    var table = Table(["SOURCE", "DTYPE", "SHAPE", "TARGET"])
    for step in plan.steps {
      let dtype = step.source.tensor.dtype.rawValue + (step.cast.map { " → \($0.rawValue)" } ?? "")
      let target = step.target == step.source.name ? "=" : step.target.description
      table.append([step.source.name.description, dtype, step.source.tensor.shape.description, target])
    }
    Console.print(table.text(columns: Console.columns))
    notes(of: plan, store, result)
    Console.print(
      "\(Console.plural(plan.steps.count, "variable")) would be written as \(format), in the order '\(plan.orderName)'; nothing was."
    )
  }

  static func done(
    _ result: VariableStore, _ source: VariableStore, _ plan: ConversionPlan, format: String,
    files: [StagedOutput.Finished],
    verified: String, lost: [Salvage.Lost]? = nil, asJSON: Bool
  ) {
    guard asJSON else {
      let names = files.map { "\(printable($0.path)) (\(Console.size($0.bytes)))" }.joined(separator: ", ")
      let check = verified != "none" ? "; read back and equal, byte for byte" : ""
      Console.print("wrote \(names)\(check)")
      return
    }
    var json = JSONWriter()
    json.object { json in
      json.object("input") { json in
        json.value("format", source.source.format)
        json.value("path", source.source.path)
        json.value("variables", source.variables.count)
      }
      json.object("output") { json in
        json.value("format", format)
        json.array("files") { json in
          for file in files {
            json.object(inline: true) { json in
              json.value("path", file.path)
              json.value("bytes", file.bytes)
            }
          }
        }
        json.value("variables", result.variables.count)
        json.value("bytes", result.byteCount)
        json.value("order", plan.orderName)
      }
      json.value("verified", verified)
      if let lost { Salvage.write(lost, to: &json) }
      json.array("left_out") { json in for name in plan.leftOut { json.value(nil, name) } }
      json.value("left_out_bytes", plan.leftOutBytes)
      let averages = plan.steps.filter { $0.source.name != $0.name }
      if !averages.isEmpty {
        json.array("averages") { json in
          for step in averages {
            json.object(inline: true) { json in
              json.value("name", step.name)
              json.value("average", step.source.name)
            }
          }
        }
      }
      json.array("losses") { json in
        for loss in plan.losses {
          json.object(inline: true) { json in
            json.value("name", loss.variable)
            json.value("reason", loss.reason)
          }
        }
      }
      json.array("notes") { json in for note in source.source.notes + plan.notes { json.value(nil, note) } }
      json.array("warnings") { json in for warning in source.source.warnings { json.value(nil, warning) } }
    }
    Console.print(json.finished())
  }

  private static func printable(_ path: String) -> String { Name.printable(Array(path.utf8)) }
}
