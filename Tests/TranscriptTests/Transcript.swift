import CheckpointCore
import Foundation

/// A Markdown file whose `console` blocks are a session in a shell: lines `$ command`, what the command prints on both streams,
/// and `[exit N]` where its status is not 0. A line `...` stands for any lines. Everything else in the file is for people.
struct Transcript {
  let path: String
  /// Lines of the file, and the steps among them.
  private(set) var lines: [String]
  private(set) var steps: [Step] = []

  struct Step {
    let command: String
    /// Lines of the file that hold the expected output.
    let output: Range<Int>
  }

  init(_ path: String) throws {
    self.path = path
    let text = try String(contentsOfFile: path, encoding: .utf8)
    lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var line = 0
    while line < lines.count {
      guard lines[line] == "```console" else {
        line += 1
        continue
      }
      line += 1
      while line < lines.count, lines[line] != "```" {
        guard lines[line].hasPrefix("$ ") else {
          throw CheckpointError(.usage, "a block must begin with a command, line \(line + 1)").at(file: path)
        }
        var command = String(lines[line].dropFirst(2))
        line += 1
        while command.hasSuffix("\\"), line < lines.count {
          command = command.dropLast() + lines[line]
          line += 1
        }
        let start = line
        while line < lines.count, lines[line] != "```", !lines[line].hasPrefix("$ ") { line += 1 }
        steps.append(Step(command: command, output: start..<line))
      }
    }
  }

  /// Whether lines match, `...` standing for any number of them.
  static func matches(_ found: ArraySlice<String>, _ expected: ArraySlice<String>) -> Bool {
    guard let first = expected.first else { return found.isEmpty }
    if first == "..." {
      let rest = expected.dropFirst()
      return (0...found.count).contains { matches(found.dropFirst($0), rest) }
    }
    return found.first == first && matches(found.dropFirst(), expected.dropFirst())
  }

  /// The file with other outputs, step by step. One that matches stays as it is, unless it is nothing but `...`.
  func rewritten(_ outputs: [[String]]) -> String {
    var out: [String] = []
    var position = 0
    for (step, found) in zip(steps, outputs) {
      let expected = lines[step.output]
      out += lines[position..<step.output.lowerBound]
      out += Transcript.matches(found[...], expected) && Array(expected) != ["..."] ? Array(expected) : found
      position = step.output.upperBound
    }
    return (out + lines[position...]).joined(separator: "\n")
  }
}

/// A shell with the built program in its path, in a folder of its own.
struct Shell {
  let folder: String
  /// Where the built program lies.
  let binaries: String

  /// Runs commands one after the other in one shell, so that what one sets the next can use.
  /// - Returns: for each the lines that it prints, with its status.
  func run(_ commands: [String]) throws -> [[String]] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", commands.map { "\($0)\nprintf '\\036%d\\036' $?\n" }.joined()]
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    var environment = ProcessInfo.processInfo.environment
    environment["PATH"] = binaries + ":" + (environment["PATH"] ?? "/usr/bin:/bin")
    environment["LC_ALL"] = "C"
    environment["COLUMNS"] = nil
    process.environment = environment
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    // Output, status, output, status, …
    let parts = String(decoding: data, as: UTF8.self)
      .split(separator: "\u{1e}", omittingEmptySubsequences: false).map(String.init)
    return commands.indices.map { i in
      guard 2 * i + 1 < parts.count else { return ["[the shell ended before]"] }
      var lines = parts[2 * i].split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      if lines.last == "" { lines.removeLast() }
      // A shell gives a signal as 128 and its number; no status of the contract but 130 is that high.
      let status = parts[2 * i + 1]
      return status == "0" ? lines : lines + ["[exit \(status)]"]
    }
  }
}
