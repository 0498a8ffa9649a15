/// What happened to a file that is not what it should be.
public enum DamageKind: String, Sendable, CaseIterable {
  case empty
  /// The end is missing.
  case truncated
  /// A part was never written: an unfinished download, or a crash.
  case zeroFilled = "zero-filled"
  case missingFile = "missing-file"
  /// Its index and its data are of different checkpoints.
  case otherCheckpoint = "other-checkpoint"
  /// The data file of another part.
  case exchangedShards = "exchanged-shards"
  /// A `checkpoint` state file that points nowhere.
  case stateFile = "state-file"
  case gitLFSPointer = "git-lfs-pointer"
  case webPage = "web-page"
  case json
  case text
  /// A stream that has to be unpacked first.
  case compressed
  case archive
  /// Bytes differ from what was recorded of them.
  case checksum
}

extension CheckpointError {
  /// - Parameter count: bytes that were summed, where they are all that there are.
  public static func checksum(
    recorded: UInt32, found: UInt32, of count: Int? = nil, file: String? = nil
  ) -> CheckpointError {
    // The sum alone tells that every byte is zero, and everybody who meets such a file meets the same number.
    if let count, count > 0, found == CRC32C.ofZeros(count) || found == CRC32.ofZeros(count) {
      return CheckpointError(
        .corrupt, "all \(count) bytes are zeros, which contradicts the checksum (recorded \(recorded), found \(found))",
        remedy: "not all of the file was written or downloaded: fetch or copy it again"
      ).at(file: file).because(.zeroFilled)
    }
    return CheckpointError(
      .corrupt, "the checksum differs: recorded \(recorded), found \(found)",
      remedy: "the file is damaged, or belongs to another checkpoint"
    ).at(file: file).because(.checksum)
  }

  /// A file that ends before what must be in it.
  /// - Parameter needed: its least size in bytes, as another part of the checkpoint says.
  public static func cutShort(_ file: InputFile, needed: Int) -> CheckpointError {
    let lack = needed - file.size
    return CheckpointError(
      .corrupt, "is cut short by \(lack) byte\(lack == 1 ? "" : "s"): it has \(file.size) and needs \(needed)",
      remedy: "fetch or copy the file again; --salvage keeps what is there"
    ).at(file: file.path).because(.truncated)
  }
}
