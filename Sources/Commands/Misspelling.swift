import ArgumentParser
import CheckpointCore

/// What a command line that cannot be parsed meant. The parser takes an unknown command for an INPUT, and says what is missing
/// before it says what is not known.
enum Misspelling {
  /// - Parameters:
  ///   - error: what the parser said.
  ///   - arguments: without the program's name.
  /// - Returns: the error that helps more.
  static func explain(_ error: any Error, _ arguments: [String]) -> any Error {
    let commands = CkptConvert.configuration.subcommands.compactMap { $0.configuration.commandName }
    // A wish for help is an error to the parser as well.
    guard CkptConvert.exitCode(for: error) == .validationFailure else { return error }
    guard let first = arguments.first, !commands.contains(first) || first == "convert", !arguments.contains("--to")
    else { return error }
    if !first.hasPrefix("-"), first != "convert", !Candidate.exists(first),
      let near = NearestNames.to(first, in: commands.map { Name($0) }).first
    {
      return CheckpointError(.usage, "there is no command '\(first)'", remedy: "did you mean '\(near)'?")
    }
    let again = Result { try CkptConvert.parseAsRoot(arguments + ["--to", "npy"]) }
    if case .failure(let sharper) = again { return sharper }
    return error
  }
}
