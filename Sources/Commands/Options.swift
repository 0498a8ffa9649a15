public import ArgumentParser
public import CheckpointCore
public import Conversion
import FormatRegistry

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How a checkpoint is read; the same for every command.
struct ReadingOptions: ParsableArguments {
  @Option(
    name: .customLong("from"),
    help: ArgumentHelp("The format of INPUT, instead of recognising it.", valueName: "format"),
    completion: .list(AllFormats.rows.map(\.name)))
  var from: String?

  @Option(
    help: ArgumentHelp(
      "What gives the numbers of a flat vector their names: a .meta graph, a manifest, or another checkpoint.",
      valueName: "file"), completion: .file())
  var layout: String?

  @Option(
    help: ArgumentHelp(
      "With --layout GRAPH: the collection whose variables the vector holds (default: variables).", valueName: "name"))
  var collection: String?

  @Option(
    help: ArgumentHelp(
      "With --layout GRAPH: only variables whose name matches this regular expression from its start, as tf.get_collection takes a scope.",
      valueName: "regex"))
  var scope: String?

  /// Opens a checkpoint as these options say.
  func open(_ path: String, allowLoss: Bool = false, listingOnly: Bool = false) throws(CheckpointError) -> (
    VariableStore, Opening.Found
  ) {
    var options = ReadOptions(collection: collection, scope: scope, allowLoss: allowLoss, listingOnly: listingOnly)
    if let layout {
      options.layout = try Opening.layout(layout, options: options)
    } else if collection != nil || scope != nil {
      throw CheckpointError(
        .usage, "--collection and --scope choose variables of a graph", remedy: "name the graph with --layout")
    }
    if layout != nil, from == nil, let found = try? Opening.find(path),
      !["npy", "npy-flat"].contains(found.format.name)
    {
      throw ReadingOptions.saysItself(found)
    }
    // A layout decides even where a manifest lies beside the vector.
    let (store, found) = try Opening.open(path, as: layout == nil ? from : from ?? "npy", options: options)
    if layout != nil, found.format.name != "npy" { throw ReadingOptions.saysItself(found) }
    return (store, found)
  }

  private static func saysItself(_ found: Opening.Found) -> CheckpointError {
    CheckpointError(
      .usage, "--layout is for bare vectors; \(found.path) is \(found.format.name) and says itself what it holds")
  }
}

/// A number of bytes such as `512`, `100MB`, `2GiB`.
struct ByteSize: ExpressibleByArgument {
  let bytes: Int

  init?(argument: String) {
    let units: [(String, Int)] = [
      ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("kB", 1000), ("KB", 1000),
      ("MB", 1_000_000),
      ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("B", 1),
    ]
    let unit = units.first { argument.hasSuffix($0.0) } ?? ("", 1)
    guard let number = Int(argument.dropLast(unit.0.count)), number > 0 else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: unit.1)
    guard !overflow else { return nil }
    self.bytes = bytes
  }
}

/// How `--compress` is written: `none`, `gzip`, or `gzip:6`.
struct Compression: ExpressibleByArgument {
  /// Level of deflate, nil for none.
  let level: Int?

  static let none = Compression(level: nil)
  /// What HDF5's own tools take where nobody says.
  private static let usual = 4

  private init(level: Int?) { self.level = level }

  init?(argument: String) {
    switch argument {
    case "none": level = nil
    case "gzip": level = Compression.usual
    default:
      guard argument.hasPrefix("gzip:"), let level = Int(argument.dropFirst(5)), (1...9).contains(level) else {
        return nil
      }
      self.level = level
    }
  }

  var defaultValueDescription: String { "none" }
}

extension DType: ExpressibleByArgument {
  public init?(argument: String) { self.init(rawValue: argument) }

  /// Those that numbers can be cast to.
  public static var allValueStrings: [String] { allCases.filter(\.isCastable).map(\.rawValue) }
}

extension ConversionRequest.Unmapped: ExpressibleByArgument {}

enum Machine {
  /// Cores that are there for this process.
  static var cores: Int { max(1, Int(sysconf(CInt(_SC_NPROCESSORS_ONLN)))) }
}
