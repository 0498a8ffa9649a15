public import CheckpointCore

/// The rows of numpy's formats.
public enum NumPyFormats {
  public static let flat = CheckpointFormat(
    name: "npy-flat", summary: "all variables in one flat vector: NAME.npy with NAME.index.json",
    suffixes: [".npy", ".index.json"],
    cannotHold: "variants", recognise: FlatReader.recognise, reader: FlatReader(), writer: FlatWriter())

  public static let pickle = CheckpointFormat(
    name: "pickle", summary: "lists and dictionaries of numpy arrays: NAME.pkl, or an object array in NAME.npy",
    suffixes: [".pkl", ".pickle", ".npy"], cannotHold: nil, recognise: PickleReader.recognise, reader: PickleReader(),
    writer: nil)

  public static let npy = CheckpointFormat(
    name: "npy",
    summary: "one numpy array: NAME.npy, or a pickle of one; with --layout the flat vector of many variables",
    suffixes: [".npy", ".pkl"],
    cannotHold: "names, more than one variable, strings and variants", recognise: NpyReader.recognise,
    reader: NpyReader(),
    writer: NpyWriter())

  public static let npz = CheckpointFormat(
    name: "npz", summary: "numpy archive: NAME.npz with one .npy per variable", suffixes: [".npz"],
    cannotHold: "variants", recognise: NpzReader.recognise, reader: NpzReader(), writer: NpzWriter())
}
