import CCore
package import CheckpointCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A private folder that goes away with the value, whatever is in it.
package final class ScratchFolder: Sendable {
  package let path: String

  /// - Parameter base: the folder to make it in, such as `/tmp`.
  package init(in base: String) throws(CheckpointError) {
    var attempt = 0
    while true {
      let path = joinPath(base, "ckpt-convert-\(getpid())-\(attempt)")
      if unsafe mkdir(path, 0o700) == 0 {
        unsafe ck_remove_if_interrupted(path)
        self.path = path
        return
      }
      attempt += 1
      guard errno == EEXIST, attempt < 10_000 else {
        throw CheckpointError.system(.cannotCreate, "cannot be written to", errno).at(file: base)
      }
    }
  }

  deinit { ScratchFolder.remove(path) }

  private static func remove(_ path: String) {
    if Candidate.isFolder(path), !Candidate.isLink(path) {
      for name in Candidate.names(in: path) { remove(joinPath(path, name)) }
      unsafe rmdir(path)
    } else {
      unsafe unlink(path)
    }
  }
}
