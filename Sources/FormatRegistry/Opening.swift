public import CheckpointCore
import Inspection
import TensorFlow

/// Finds out what a path is and opens it. A path may be a prefix, any file of a checkpoint, a folder with a state file, a
/// SavedModel folder, or one file; the kind is told by content.
public enum Opening {
  /// What a path turned out to be.
  public struct Found: Sendable {
    public let format: CheckpointFormat
    /// What the format's reader opens.
    public let path: String
    /// The checkpoint's own name: the path without the format's suffix.
    public let stem: String
    public let warnings: [String]
  }

  /// - Parameters:
  ///   - path: as the person gave it.
  ///   - format: name of the format that it must be, or nil to recognise it.
  /// - Throws: `notFound` where nothing is there, `usage` where several kinds of checkpoints share the prefix, `unsupported`
  ///   where no format knows the file.
  public static func find(_ path: String, as format: String? = nil) throws(CheckpointError) -> Found {
    let rows = try format.map { (name) throws(CheckpointError) in [try row(named: name)] } ?? AllFormats.rows
    let trimmed = path.count > 1 && path.hasSuffix("/") && Candidate.isFolder(path) ? String(path.dropLast()) : path
    if let latest = try TensorFlowFormats.latestCheckpoint(trimmed) {
      let found = try find(latest.prefix, as: format)
      return Found(format: found.format, path: found.path, stem: found.stem, warnings: latest.warnings + found.warnings)
    }
    let candidate = try Candidate(trimmed)
    var matches: [Found] = []
    for row in rows where row.reader != nil {
      if let opened = row.recognise(candidate) {
        let stem = candidate.kind == .folder ? trimmed : row.stem(of: opened)
        matches.append(Found(format: row, path: opened, stem: stem, warnings: []))
      }
    }
    if candidate.kind == .file, let first = matches.first { return first }
    // A vector and its manifest are one checkpoint, not two.
    if matches.contains(where: { $0.format.name == "npy-flat" }) { matches.removeAll { $0.format.name == "npy" } }
    // One file is of one kind: the first that knows it.
    var files: Set<String> = []
    matches.removeAll { !files.insert($0.path).inserted }
    if matches.count > 1 {
      let kinds = matches.map { "\($0.path) (\($0.format.name))" }.joined(separator: ", ")
      throw CheckpointError(
        .usage, "several checkpoints have this prefix: \(kinds)", remedy: "choose one with --from, or name a file"
      )
      .at(file: path)
    }
    if let match = matches.first { return match }
    if let format, let other = AllFormats.rows.first(where: { $0.reader != nil && $0.recognise(candidate) != nil }) {
      throw CheckpointError(
        .unsupported, "is no \(format) checkpoint, but one of the format \(other.name)", remedy: "leave out --from"
      ).at(file: path)
    }
    throw unknown(candidate)
  }

  /// Opens a checkpoint. Where one of its files is something else, the error says what.
  public static func open(
    _ path: String, as format: String? = nil, options: ReadOptions = ReadOptions()
  ) throws(CheckpointError) -> (store: VariableStore, found: Found) {
    let found = try find(path, as: format)
    guard let reader = found.format.reader else {
      throw CheckpointError(.unsupported, "\(found.format.name) can be written, not read").at(file: path)
    }
    do throws(CheckpointError) {
      var store = try reader.open(found.path, options: options)
      store.source.warnings = found.warnings + store.source.warnings
      return (store, found)
    } catch {
      throw error.explained
    }
  }

  /// The order of variables that a file gives: a graph, a manifest, or another checkpoint of any format.
  public static func layout(_ path: String, options: ReadOptions) throws(CheckpointError) -> Layout {
    for row in AllFormats.rows {
      if Candidate.isFile(path), let layout = try row.reader?.layout(path, options: options) { return layout }
    }
    let (store, _) = try open(path, options: ReadOptions(listingOnly: true))
    let order = store.graph.map { graph in graph.variables.compactMap { store[$0] } } ?? []
    let rest = order.isEmpty ? store.variables : order
    return Layout(
      entries: rest.map { Layout.Entry(name: $0.name, dtype: $0.tensor.dtype, shape: $0.tensor.shape) },
      origin: "the checkpoint \(path)\(order.isEmpty ? ", in the order of its names" : "")", graph: store.graph)
  }

  /// What a graph or another checkpoint says about the variables that a vector may hold.
  /// - Returns: nil for a manifest, which leaves nothing to find out.
  public static func layoutSource(_ path: String) throws(CheckpointError) -> LayoutSource? {
    for row in AllFormats.rows {
      if Candidate.isFile(path), let source = try row.reader?.layoutSource(path) { return source }
    }
    if path.hasSuffix(".json") { return nil }
    let found = try find(path)
    guard let reader = found.format.reader else { return nil }
    do throws(CheckpointError) {
      return LayoutSource(try reader.open(found.path, options: ReadOptions()), origin: "the checkpoint \(path)")
    } catch {
      // Names and shapes are known although the data are not there.
      var source = LayoutSource(
        try reader.open(found.path, options: ReadOptions(listingOnly: true)), origin: "the checkpoint \(path)")
      source.sibling = nil
      return source
    }
  }

  private static func row(named name: String) throws(CheckpointError) -> CheckpointFormat {
    if let row = AllFormats.named(name) { return row }
    let known = AllFormats.rows.map(\.name).joined(separator: ", ")
    throw CheckpointError(.usage, "there is no format '\(name)'", remedy: "the formats are: \(known)")
  }

  /// What to say of a path that is no checkpoint.
  private static func unknown(_ candidate: Candidate) -> CheckpointError {
    switch candidate.kind {
    case .missing:
      return CheckpointError(.notFound, "there is no checkpoint of this name", remedy: nearby(candidate.path)).at(
        file: candidate.path)
    case .folder:
      return CheckpointError(
        .notFound, "the folder has no checkpoint state file and no saved_model.pb",
        remedy: nearby(joinPath(candidate.path, ""))
      ).at(file: candidate.path)
    case .file:
      if let foreign = ForeignContent.describe(candidate.path) { return foreign.at(file: candidate.path) }
      let isHDF5 = candidate.head.starts(with: [0x89] + Array("HDF".utf8))
      return CheckpointError(
        .unsupported,
        isHDF5
          ? "begins like an HDF5 file, but its signature is damaged"
          : "is no checkpoint of a kind that this version knows"
      ).at(file: candidate.path)
    }
  }

  /// Checkpoints in the folder of a path, for a hint.
  private static func nearby(_ path: String) -> String {
    let folder = splitPath(path).folder
    let there = Candidate.names(in: folder).filter { $0.hasSuffix(".index") || $0.hasSuffix(".index.json") }.prefix(5)
    return there.isEmpty
      ? "look for the .index file of a checkpoint"
      : "in \(Name(folder)) there are: \(there.map { Name($0).description }.joined(separator: ", "))"
  }
}

extension CheckpointFormat {
  /// A path without this format's suffix, where it has one.
  public func stem(of path: String) -> String {
    // The longest first: `.index.json` before `.json`.
    for suffix in suffixes.sorted(by: { $0.utf8.count > $1.utf8.count }) where path.hasSuffix(suffix) {
      return String(path.dropLast(suffix.count))
    }
    return path
  }
}
