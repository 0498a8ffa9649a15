import ArgumentParser
import CheckpointCore
import FormatRegistry

/// `ckpt-convert formats`
struct FormatsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "formats", abstract: "Lists the formats, what can be done with each, and what each cannot hold.")

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    if json {
      Console.print(text())
      return
    }
    var table = Table(["FORMAT", "READ", "WRITE", "SUFFIXES", "CANNOT HOLD", "WHAT IT IS"])
    for row in AllFormats.rows {
      table.append([
        row.name, row.reader == nil ? "-" : "yes", row.writer == nil ? "-" : "yes",
        row.suffixes == [""] ? "-" : row.suffixes.joined(separator: " "),
        row.cannotHold ?? "-", row.summary,
      ])
    }
    Console.print(table.text(columns: nil))
  }

  private func text() -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.array("formats") { json in
        for row in AllFormats.rows {
          json.object(inline: true) { json in
            json.value("name", row.name)
            json.value("summary", row.summary)
            json.value("read", row.reader != nil)
            json.value("write", row.writer != nil)
            json.array("suffixes") { json in for suffix in row.suffixes { json.value(nil, suffix) } }
            if let cannotHold = row.cannotHold {
              json.value("cannot_hold", cannotHold)
            } else {
              json.null("cannot_hold")
            }
          }
        }
      }
    }
    return json.finished()
  }
}
