public import CheckpointCore
import HDF5
import NumPy
import Safetensors
import TensorFlow

/// Every format there is, in the order in which they are listed and asked whether a file is theirs.
public enum AllFormats {
  public static let rows: [CheckpointFormat] = [
    TensorFlowFormats.bundle,
    TensorFlowFormats.v1,
    TensorFlowFormats.savedModel,
    TensorFlowFormats.frozenGraph,
    NumPyFormats.flat,
    NumPyFormats.pickle,
    NumPyFormats.npy,
    NumPyFormats.npz,
    HDF5Formats.kerasH5,
    HDF5Formats.kerasV3,
    HDF5Formats.tree,
    SafetensorsFormats.safetensors,
  ]

  public static func named(_ name: String) -> CheckpointFormat? { rows.first { $0.name == name } }
}
