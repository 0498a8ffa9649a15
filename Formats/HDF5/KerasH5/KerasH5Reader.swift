package import CheckpointCore
import HDF5Library

/// Reads what Keras 1 and 2 save: layers and their weights in the order of the attributes. Format: KerasH5/FORMAT.md.
package struct KerasH5Reader: CheckpointReader {
  package init() {}

  static let suffixes = [".h5", ".hdf5", ".keras.h5"]

  package func open(_ path: String, options: ReadOptions) throws(CheckpointError) -> VariableStore {
    let hdf5 = try HDF5File(try InputFile(path))
    return try locating(file: path) { () throws(CheckpointError) in try KerasH5File(hdf5).store(path) }
  }

  package static func recognise(_ candidate: Candidate) -> String? {
    HDF5Kind.recognise(candidate, .kerasH5, suffixes: suffixes)
  }
}
