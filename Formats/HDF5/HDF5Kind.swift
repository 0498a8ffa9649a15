import CheckpointCore
import HDF5Library
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Which of the formats an HDF5 file is, by what its root holds.
enum HDF5Kind {
  /// Keras 1 and 2: layers listed in attributes.
  case kerasH5
  /// Keras 3: groups of numbered variables.
  case kerasV3
  case tree

  /// The root's attribute in a file that this program wrote as a plain tree.
  static let mark: Name = "ckpt_convert_format"

  /// Nil where the file is no HDF5, or not sound enough to tell: its reader says why.
  static func of(_ path: String) -> HDF5Kind? {
    guard let version = Version(path) else { return nil }
    if let known = last.withLock({ $0?.version == version ? $0 : nil }) { return known.kind }
    let kind = look(path)
    last.withLock { $0 = (version, kind) }
    return kind
  }

  private static func look(_ path: String) -> HDF5Kind? {
    do throws(CheckpointError) {
      let root = try HDF5File.root(of: try InputFile(path))
      if root.attributes.contains(mark) { return .tree }
      if root.links.contains("model_weights") || root.attributes.contains(where: { NameList.begins($0, "layer_names") })
      {
        return .kerasH5
      }
      let marks: Set<Name> = ["vars", "layers", "_layer_checkpoint_dependencies"]
      return root.links.contains(where: marks.contains) ? .kerasV3 : .tree
    } catch {
      return nil
    }
  }

  /// A file as it is now.
  private struct Version: Equatable {
    let path: String
    let size: Int
    let seconds: Int
    let nanoseconds: Int

    init?(_ path: String) {
      var status = stat()
      guard unsafe stat(path, &status) == 0 else { return nil }
      #if canImport(Glibc)
        let modified = status.st_mtim
      #else
        let modified = status.st_mtimespec
      #endif
      (self.path, size, seconds, nanoseconds) = (path, Int(status.st_size), modified.tv_sec, modified.tv_nsec)
    }
  }

  /// The last answer. Each of the three formats asks, and an answer costs a process.
  private static let last = Mutex<(version: Version, kind: HDF5Kind?)?>(nil)

  /// The candidate itself, or the file that it is the prefix of, where that file is of the kind.
  static func recognise(_ candidate: Candidate, _ kind: HDF5Kind, suffixes: [String]) -> String? {
    switch candidate.kind {
    case .file: HDF5File.isHDF5(candidate.path) && of(candidate.path) == kind ? candidate.path : nil
    case .missing: suffixes.map { candidate.path + $0 }.first { Candidate.isFile($0) && of($0) == kind }
    case .folder: nil
    }
  }
}
