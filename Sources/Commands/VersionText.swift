import HDF5Library
import ZipArchive

/// What `--version` prints: the program's first, then the libraries'. Snappy has no way to tell its own.
enum VersionText {
  static var text: String {
    let libraries = [
      "zlib \(Zlib.version)", "libdeflate \(LibraryVersions.deflate)",
      LibraryVersions.hdf5.map { "HDF5 \($0)" } ?? "no HDF5 library, so that HDF5 and Keras files cannot be read",
    ]
    return "\(CkptConvert.madeBy)\n\(libraries.joined(separator: ", "))"
  }
}
