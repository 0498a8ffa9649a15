#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Where what is written and thrown away goes.
public enum Scratch {
  /// The folder of `TMPDIR`, or `/tmp`.
  public static var folder: String {
    // SAFETY: nothing changes the environment while the program runs.
    unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
  }
}
