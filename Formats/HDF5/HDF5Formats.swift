public import CheckpointCore

/// The rows of the formats that HDF5 files hold.
public enum HDF5Formats {
  public static let kerasH5 = CheckpointFormat(
    name: "keras-h5", summary: "Keras 1 and 2, tf-keras: weights and whole models in HDF5, layer by layer",
    suffixes: [".h5", ".hdf5"],
    cannotHold: "strings, variants, and more than 32 dimensions", recognise: KerasH5Reader.recognise,
    reader: KerasH5Reader(), writer: KerasH5Writer())

  public static let kerasV3 = CheckpointFormat(
    name: "keras-v3", summary: "Keras 3: .weights.h5, .keras, and sharded .weights.json",
    suffixes: [".weights.h5", ".keras", ".weights.json"],
    cannotHold: "strings, variants, and more than 32 dimensions", recognise: KerasV3Reader.recognise,
    reader: KerasV3Reader(), writer: KerasV3Writer())

  public static let tree = CheckpointFormat(
    name: "hdf5", summary: "a plain HDF5 tree: a dataset for every variable, groups for the slashes of its name",
    suffixes: [".h5", ".hdf5"],
    cannotHold: "variants, and more than 32 dimensions", recognise: TreeReader.recognise, reader: TreeReader(),
    writer: TreeWriter())
}
