import CDeflate
import CHDF5

/// Versions of the libraries below this room, for `--version`.
package enum LibraryVersions {
  /// Of libhdf5, as it would be loaded now; nil where there is none.
  package static var hdf5: String? {
    // SAFETY: the text is static and ends with a NUL.
    unsafe ck_hdf5_version().map { unsafe String(cString: $0) }
  }

  /// Of libdeflate, as this program was built with it.
  package static var deflate: String { LIBDEFLATE_VERSION_STRING }
}
