/// One format of checkpoints: the row that makes it known. Everything that lists, recognises, reads or writes formats works
/// from the rows.
public struct CheckpointFormat: Sendable {
  /// As on the command line.
  public let name: String
  /// One line for `formats`.
  public let summary: String
  /// Endings of its files, the one that names the whole first.
  public let suffixes: [String]
  /// What a checkpoint may hold and this format cannot, in words; nil where it holds everything.
  public let cannotHold: String?
  /// The path that the reader opens, where the candidate is of this format; nil where it is not.
  public let recognise: @Sendable (Candidate) -> String?
  public let reader: (any CheckpointReader)?
  public let writer: (any CheckpointWriter)?

  public init(
    name: String, summary: String, suffixes: [String], cannotHold: String?,
    recognise: @escaping @Sendable (Candidate) -> String?,
    reader: (any CheckpointReader)?, writer: (any CheckpointWriter)?
  ) {
    self.name = name
    self.summary = summary
    self.suffixes = suffixes
    self.cannotHold = cannotHold
    self.recognise = recognise
    self.reader = reader
    self.writer = writer
  }
}

/// Makes a store of files.
public protocol CheckpointReader: Sendable {
  /// Reads the index, checks it against the real sizes of the files, and loads nothing else.
  func open(_ path: String, options: ReadOptions) throws(CheckpointError) -> VariableStore

  /// The order in which a file that is not a checkpoint lists variables: a graph, a manifest. Nil where it is no such file.
  func layout(_ path: String, options: ReadOptions) throws(CheckpointError) -> Layout?

  /// All that such a file says about variables, for inference. Nil where it is no such file, or where it is a manifest, whose
  /// order is the only one.
  func layoutSource(_ path: String) throws(CheckpointError) -> LayoutSource?
}

extension CheckpointReader {
  public func layout(_ path: String, options: ReadOptions) throws(CheckpointError) -> Layout? { nil }
  public func layoutSource(_ path: String) throws(CheckpointError) -> LayoutSource? { nil }
}

/// A store as a format will hold it.
public struct PreparedStore: Sendable {
  public var store: VariableStore
  /// What became of names and order, for the person to check.
  public var notes: [String]
  /// What has no place in it.
  public var losses: [Loss]

  public init(_ store: VariableStore, notes: [String] = [], losses: [Loss] = []) {
    self.store = store
    self.notes = notes
    self.losses = losses
  }
}

/// Makes files of a store.
public protocol CheckpointWriter: Sendable {
  /// The store with the names and the order that the format, or a template, asks for; what `write` is given and what a
  /// reader finds in the output. Asked before a byte is written.
  func prepare(_ store: VariableStore, options: WriteOptions) throws(CheckpointError) -> PreparedStore

  /// What of the store would not be in the output, asked before a byte is written.
  func losses(writing store: VariableStore) -> [Loss]

  /// Streams the store into the staged files. An error leaves nothing, because nothing is committed.
  func write(_ store: VariableStore, to output: inout StagedOutput, options: WriteOptions) throws(CheckpointError)
}

extension CheckpointWriter {
  public func prepare(_ store: VariableStore, options: WriteOptions) throws(CheckpointError) -> PreparedStore {
    PreparedStore(store)
  }
}

/// Something that a target format cannot hold.
public struct Loss: Sendable {
  public let variable: Name
  public let reason: String

  public init(variable: Name, reason: String) {
    self.variable = variable
    self.reason = reason
  }
}

/// What the person said about the input.
public struct ReadOptions: Sendable {
  /// The order of a flat vector that has no manifest.
  public var layout: Layout?
  /// Members of a graph's collection to take, and those whose name a regular expression matches from the start.
  public var collection: String?
  public var scope: String?
  /// Narrow numbers even where a value changes.
  public var allowLoss: Bool
  /// Only names, dtypes and shapes are wanted, so that missing data need not stop anyone.
  public var listingOnly: Bool

  public init(
    layout: Layout? = nil, collection: String? = nil, scope: String? = nil, allowLoss: Bool = false,
    listingOnly: Bool = false
  ) {
    self.layout = layout
    self.collection = collection
    self.scope = scope
    self.allowLoss = allowLoss
    self.listingOnly = listingOnly
  }
}

/// What the person said about the output.
public struct WriteOptions: Sendable {
  /// Number of data files, or the most bytes that one may have.
  public var shards: Int?
  public var largestShard: Int?
  /// Level of deflate (1 to 9) for formats that compress; nil for none.
  public var compression: Int?
  /// A file of the target format whose names, order and attributes the output keeps.
  public var template: String?
  /// Whether the name of an only variable is to be found in the output again: nobody asked for this variable by name.
  public var keepsName: Bool
  /// Whether a SHA-256 per variable goes into a manifest.
  public var digests: Bool
  /// Whether a TensorFlow `checkpoint` state file is written.
  public var stateFile: Bool
  /// What the order of the variables is called, for a manifest.
  public var orderName: String
  /// The program and version, for a manifest.
  public var madeBy: String
  public var jobs: Int
  public var progress: Progress?

  public init(
    shards: Int? = nil, largestShard: Int? = nil, compression: Int? = nil, template: String? = nil,
    keepsName: Bool = false, digests: Bool = false, stateFile: Bool = false, orderName: String = "name",
    madeBy: String = "ckpt-convert", jobs: Int = 1, progress: Progress? = nil
  ) {
    self.shards = shards
    self.largestShard = largestShard
    self.compression = compression
    self.template = template
    self.keepsName = keepsName
    self.digests = digests
    self.stateFile = stateFile
    self.orderName = orderName
    self.madeBy = madeBy
    self.jobs = jobs
    self.progress = progress
  }
}

/// An order of variables and how many elements each has: what gives the numbers of a flat vector their names.
public struct Layout: Sendable {
  public struct Entry: Sendable {
    public let name: Name
    /// Nil where the source does not say; the vector's own is meant then.
    public let dtype: DType?
    public let shape: Shape
    /// In elements; nil where each begins at the end of the one before.
    public let offset: Int?

    public init(name: Name, dtype: DType?, shape: Shape, offset: Int? = nil) {
      self.name = name
      self.dtype = dtype
      self.shape = shape
      self.offset = offset
    }
  }

  public var entries: [Entry]
  /// Where it comes from, in words for a message.
  public let origin: String
  /// The graph's facts, when it comes from one.
  public var graph: VariableStore.GraphFacts?

  public init(entries: [Entry], origin: String, graph: VariableStore.GraphFacts? = nil) {
    self.entries = entries
    self.origin = origin
    self.graph = graph
  }
}
