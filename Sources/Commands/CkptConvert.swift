public import ArgumentParser
import CCore
import CheckpointCore
import HDF5Library

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The program: its commands, and what becomes of their errors.
public struct CkptConvert: ParsableCommand {
  static let version = "0.1.0"
  static let madeBy = "ckpt-convert \(version)"

  public static let configuration = CommandConfiguration(
    commandName: "ckpt-convert",
    abstract: "Converts model weights between formats, losslessly, with no TensorFlow and no Python.",
    usage: """
      ckpt-convert INPUT --to FORMAT [-o OUTPUT] [options]
      ckpt-convert inspect INPUT [--tree] [--stats] [--digests] [--json] [--html FILE]
      ckpt-convert diff A B [--atol X] [--rtol X] [--map FILE] [--json]
      ckpt-convert check INPUT [--json]
      ckpt-convert run GRAPH [--weights CKPT] --feed NAME=FILE|VALUE --fetch NAME[=FILE.npy]
      ckpt-convert verify BEFORE AFTER [--graph GRAPH] [--atol X] [--rtol X]
      ckpt-convert conformance [DIR…] [--junit FILE] [--html FILE]
      ckpt-convert formats [--json]
      ckpt-convert clean [FOLDER]
      """,
    discussion: """
      INPUT is a checkpoint's prefix, any one of its files, a folder with a 'checkpoint' state file, a SavedModel folder, or one \
      file. Its kind is recognised by content.

      EXAMPLES
        ckpt-convert epoch-9 --to npy-flat
        ckpt-convert old.npy --to tf-bundle --layout graph.meta -o model
        ckpt-convert model --to tf-bundle -o new --rename '^conv=>block'
        ckpt-convert inspect model.ckpt.index --digests
        ckpt-convert check download.h5

      EXIT STATUS
        0    done
        1    verified or compared, and different; salvaged, and something lost
        64   the command line does not make sense
        65   the input is damaged
        66   a file, or a name in it, is not there
        69   not supported, or the target cannot hold it
        73   the output cannot be made, or is there already
        74   reading or writing failed
        130  interrupted (129 by SIGHUP, 143 by SIGTERM)
      """,
    version: version,
    subcommands: [
      ConvertCommand.self, InspectCommand.self, DiffCommand.self, CheckCommand.self, RunCommand.self,
      VerifyCommand.self, ConformanceCommand.self, FormatsCommand.self, CleanCommand.self,
    ],
    defaultSubcommand: ConvertCommand.self)

  public init() {}

  /// Parses the command line, runs the command, and ends the process with the status of the contract.
  public static func start() -> Never {
    // SAFETY: these are the arguments that the process was started with.
    unsafe WorkerExecutable.runIfAsked(CommandLine.unsafeArgv)
    ck_watch_interrupts()
    Console.ignoreBrokenPipes()
    Console.ignoreFileSizeLimits()
    let arguments = Array(CommandLine.arguments.dropFirst())
    if arguments == ["--version"] {
      Console.print(VersionText.text)
      Glibc.exit(0)
    }
    do {
      var command = try parse(arguments)
      try command.run()
    } catch let error as CheckpointError {
      Console.say("ckpt-convert: \(error)")
      let interrupt = ck_interrupted()
      Glibc.exit(error.code == .interrupted && interrupt != 0 ? 128 + interrupt : error.code.rawValue)
    } catch {
      exit(withError: error)
    }
    Glibc.exit(0)
  }

  private static func parse(_ arguments: [String]) throws -> any ParsableCommand {
    do {
      return try parseAsRoot(arguments)
    } catch {
      throw Misspelling.explain(error, arguments)
    }
  }
}
