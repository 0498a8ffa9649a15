public import CheckpointCore
import ProtoWire

/// The rows of TensorFlow's own formats.
public enum TensorFlowFormats {
  public static let bundle = CheckpointFormat(
    name: "tf-bundle", summary: "TensorFlow checkpoint (V2): PREFIX.index and PREFIX.data-?????-of-?????",
    suffixes: [".index"], cannotHold: nil,
    recognise: BundleReader.recognise, reader: BundleReader(), writer: BundleWriter())

  public static let v1 = CheckpointFormat(
    name: "tf-v1", summary: "TensorFlow checkpoint (V1): the one file PREFIX, or PREFIX-?????-of-?????", suffixes: [""],
    cannotHold: "bfloat16, uint32, uint64, float8, qint16, quint16, 4-bit integers, variants; 2 GiB",
    recognise: V1Files.recognise, reader: V1Reader(), writer: V1Writer())

  public static let savedModel = CheckpointFormat(
    name: "saved-model", summary: "TensorFlow SavedModel folder: the variables beside its saved_model.pb",
    suffixes: ["/" + SavedModel.file], cannotHold: nil, recognise: SavedModelReader.recognise,
    reader: SavedModelReader(), writer: nil)

  public static let frozenGraph = CheckpointFormat(
    name: "frozen-graph", summary: "TensorFlow graph with its weights inside: the constants of NAME.pb",
    suffixes: [".pb"], cannotHold: nil, recognise: FrozenGraphReader.recognise, reader: FrozenGraphReader(), writer: nil
  )

  /// The checkpoint that a state file, or a folder with one, calls the latest.
  /// - Returns: nil where the path is no such thing.
  /// - Throws: `notFound` where it names a checkpoint that is not there.
  public static func latestCheckpoint(_ path: String) throws(CheckpointError) -> (prefix: String, warnings: [String])? {
    let (folder, last) = splitPath(path)
    let isState = last == StateFile.name && Candidate.isFile(path)
    let inside = joinPath(path, StateFile.name)
    guard isState || Candidate.isFile(inside) else { return nil }
    let place = isState ? folder : path
    let state = try StateFile(contentsOf: isState ? path : inside)
    let tried = state.prefixes(in: place)
    for prefix in tried where isCheckpoint(prefix) {
      let moved = prefix != state.latest && prefix != joinPath(place, state.latest)
      return (
        prefix,
        state.warnings + (moved ? ["the state file names \(state.latest); taken from beside it: \(prefix)"] : [])
      )
    }
    let there = Candidate.names(in: place).filter { $0.hasSuffix(ShardName.index) }.map { String($0.dropLast(6)) }
    let isFromElsewhere = state.isAbsolute
    throw CheckpointError(
      .notFound,
      "the latest checkpoint '\(Name.printable(Array(state.latest.utf8)))' is not there"
        + (isFromElsewhere
          ? ": the path is of another machine or folder, and nothing of its name lies beside the state file" : ""),
      remedy: there.isEmpty
        ? isFromElsewhere ? "copy the checkpoint's own files here too" : "the folder has no other"
        : "the folder has: \(there.joined(separator: ", "))"
    ).at(file: isState ? path : inside).because(.stateFile)
  }

  private static func isCheckpoint(_ prefix: String) -> Bool {
    Candidate.exists(prefix + ShardName.index) || Candidate.isFile(prefix) || V1Files.isSet(prefix)
  }
}
