import CZlib

/// The library that inflates.
package enum Zlib {
  /// The version that is loaded, for `--version`.
  package static var version: String {
    // SAFETY: the text is static and ends with a NUL.
    unsafe String(cString: zlibVersion())
  }
}
