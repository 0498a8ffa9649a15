import ArgumentParser
import CheckpointCore

/// `ckpt-convert clean [FOLDER…]`
struct CleanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clean",
    abstract: "Removes what conversions that were killed left behind in a folder.",
    discussion: """
      A conversion writes into a folder .NAME.N.ckpt-convert-tmp beside its output. Only such folders are removed, and only those \
      that no running conversion has locked.
      """)

  @Argument(help: "Folders to look into, not below (default: this one).", completion: .directory)
  var folders: [String] = ["."]

  @Flag(help: "Print nothing but errors.")
  var quiet = false

  func run() throws {
    var kept: CheckpointError?
    for folder in folders {
      guard Candidate.isFolder(folder) else {
        throw CheckpointError(.notFound, "there is no folder of this name").at(file: folder)
      }
      for left in LeftOver.all(in: folder) {
        switch left.remove() {
        case .removed(let files, let bytes):
          if !quiet { Console.print("removed \(left.path) (\(Console.plural(files, "file")), \(Console.size(bytes)))") }
        case .inUse:
          if !quiet { Console.print("kept \(left.path): a conversion is at work in it") }
        case .kept(let reason):
          kept = CheckpointError(.cannotCreate, "is kept: \(reason)", remedy: "remove it by hand").at(file: left.path)
          if let kept { Console.say("ckpt-convert: \(kept)") }
        }
      }
    }
    if kept != nil { throw ExitCode(CheckpointError.Code.cannotCreate.rawValue) }
  }
}
