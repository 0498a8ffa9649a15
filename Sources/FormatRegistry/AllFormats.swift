public import CheckpointCore
import NumPy
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
  ]

  public static func named(_ name: String) -> CheckpointFormat? { rows.first { $0.name == name } }
}
