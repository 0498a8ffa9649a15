public import CheckpointCore

/// The rows of the formats that HDF5 files hold.
public enum HDF5Formats {
  public static let tree = CheckpointFormat(
    name: "hdf5", summary: "a plain HDF5 tree: a dataset for every variable, groups for the slashes of its name",
    suffixes: [".h5", ".hdf5"],
    cannotHold: "variants, and more than 32 dimensions", recognise: TreeReader.recognise, reader: TreeReader(),
    writer: TreeWriter())
}
