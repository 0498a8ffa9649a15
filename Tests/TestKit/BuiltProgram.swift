import CheckpointCore

/// The program that was built beside the tests.
public enum BuiltProgram {
  /// The folder that it lies in, nil where it was not built.
  public static var folder: String? {
    for argument in CommandLine.arguments {
      var folder = splitPath(argument).folder
      for _ in 0..<5 {
        if Candidate.isFile(joinPath(folder, "ckpt-convert")) { return folder }
        folder = splitPath(folder).folder
      }
    }
    return nil
  }

  /// - Throws: `notFound` where it was not built.
  public static func path() throws -> String {
    guard let folder else {
      throw CheckpointError(.notFound, "ckpt-convert is not beside the tests; build it first")
    }
    return joinPath(folder, "ckpt-convert")
  }
}
