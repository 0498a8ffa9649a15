public import CheckpointCore
import HDF5
import NumPy
import TensorFlow

/// Every format there is, in the order in which they are listed and asked whether a file is theirs.
public enum AllFormats {
  public static let rows: [CheckpointFormat] = [
    TensorFlowFormats.bundle,
    NumPyFormats.flat,
    NumPyFormats.npy,
    HDF5Formats.tree,
  ]

  public static func named(_ name: String) -> CheckpointFormat? { rows.first { $0.name == name } }
}
