#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A path that might be a checkpoint, examined just far enough for a format to recognise its own.
public struct Candidate: Sendable {
  public enum Kind: Sendable { case file, folder, missing }

  /// As the person gave it, without a final slash unless that is all.
  public let path: String
  public let kind: Kind
  /// Bytes of a file.
  public let size: Int
  /// The first 64 and the last 64 bytes of a file, fewer where it is shorter.
  public let head: [UInt8]
  public let tail: [UInt8]

  /// - Throws: `io` where a file is there and cannot be read.
  public init(_ path: String) throws(CheckpointError) {
    self.path = path
    var status = stat()
    guard unsafe stat(path, &status) == 0 else {
      (kind, size, head, tail) = (.missing, 0, [], [])
      return
    }
    if status.st_mode & S_IFMT == S_IFDIR {
      (kind, size, head, tail) = (.folder, 0, [], [])
      return
    }
    let file = try InputFile(path)
    (kind, size) = (.file, file.size)
    head = try file.bytes(at: 0, count: min(64, file.size))
    tail = try file.bytes(at: max(0, file.size - 64), count: min(64, file.size))
  }

  public static func isFile(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  public static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Whether the path itself is a symbolic link.
  public static func isLink(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
  }

  public static func exists(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0
  }

  /// Names in a folder, sorted, or none where it cannot be read.
  public static func names(in folder: String) -> [String] {
    guard let handle = unsafe opendir(folder) else { return [] }
    defer { unsafe closedir(handle) }
    var names: [String] = []
    while let entry = unsafe readdir(handle) {
      // SAFETY: d_name is a C string inside the record that readdir keeps until its next call; it is copied at once.
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
