package import CheckpointCore
package import GraphRuntime
package import ProtoWire

/// What a graph is fed and asked for, resolved against the graph: names, values, and what was chosen for the person.
package struct GraphRequest: Sendable {
  /// In the order in which they were given, automatic ones last.
  package var feeds: [(name: TensorName, tensor: Tensor)]
  package var fetches: [TensorName]
  /// Feeds and fetches that nobody named.
  package private(set) var isFeedAutomatic = false
  package private(set) var isFetchAutomatic = false

  /// - Parameters:
  ///   - feeds: by name; a name of a signature's input stands for its tensor.
  ///   - fetches: by name; none means the graph's own outputs: those of its signature, or tensors that nothing reads.
  ///   - fillsPlaceholders: whether placeholders that are not fed get values from a fixed seed.
  package init(
    _ graph: Graph, feeds: [(name: String, tensor: Tensor)], fetches: [String], fillsPlaceholders: Bool
  ) throws(CheckpointError) {
    let signature = graph.signatures.first { $0.key == "serving_default" } ?? graph.signatures.first
    self.feeds = feeds.map { feed in
      (TensorName(GraphRequest.tensor(feed.name, in: signature?.inputs ?? [], of: graph)), feed.tensor)
    }
    self.fetches = fetches.map { TensorName(GraphRequest.tensor($0, in: signature?.outputs ?? [], of: graph)) }
    if self.fetches.isEmpty {
      isFetchAutomatic = true
      let signed = signature?.outputs.filter { !$0.tensor.isEmpty }.map { TensorName($0.tensor) } ?? []
      self.fetches = signed.isEmpty ? try graph.outputs() : signed
      guard !self.fetches.isEmpty else {
        throw CheckpointError(
          .usage, "the graph has no outputs of its own", remedy: "name what to compute with --fetch")
      }
    }
    guard fillsPlaceholders else { return }
    var fed = Set(self.feeds.map(\.name.node))
    var left = AutomaticFeed.mostElements
    for placeholder in try graph.placeholders() where !placeholder.hasDefault && fed.insert(placeholder.name).inserted {
      guard let tensor = try AutomaticFeed.tensor(for: placeholder, most: left) else { continue }
      left -= tensor.shape.elementCount
      self.feeds.append((TensorName(placeholder.name + ":0"), tensor))
      isFeedAutomatic = true
    }
  }

  /// The tensor that a feed's name stands for.
  package static func tensorName(_ name: String, of graph: Graph) -> TensorName {
    let signature = graph.signatures.first { $0.key == "serving_default" } ?? graph.signatures.first
    return TensorName(tensor(name, in: signature?.inputs ?? [], of: graph))
  }

  /// The tensor that a name of a signature stands for; any other name stays.
  private static func tensor(_ name: String, in members: [Signature.Member], of graph: Graph) -> String {
    if graph.contains(TensorName(name).node) { return name }
    return members.first { $0.name == name && !$0.tensor.isEmpty }?.tensor ?? name
  }
}

/// Values for placeholders that nobody feeds: the same in every run.
enum AutomaticFeed {
  /// Of all placeholders of a graph together.
  static let mostElements = 1 << 25

  /// Sizes that are not known are 2. Numbers lie in [-1, 1), a lone number is 1 (it is a rate or a flag more often than
  /// data), whole numbers are 0 and 1, so that they are sound as indexes.
  /// - Returns: nil for a dtype that cannot be made up, and where more than `most` elements would be needed.
  static func tensor(for placeholder: Placeholder, most: Int) throws(CheckpointError) -> Tensor? {
    guard let dtype = placeholder.dtype else { return nil }
    let shape = try Shape((placeholder.shape ?? []).map { $0 < 0 ? 2 : $0 })
    guard shape.elementCount <= most else { return nil }
    if dtype == .string {
      return try Tensor(
        dtype: dtype, shape: shape, storage: StringStorage([[UInt8]](repeating: [], count: shape.elementCount)))
    }
    guard dtype.isCastable else { return nil }
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    for byte in placeholder.name.utf8 { state = (state ^ UInt64(byte)) &* 0x1_0000_01B3 }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(8 * shape.elementCount)
    for _ in 0..<shape.elementCount {
      // SplitMix64.
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
      z ^= z >> 31
      let isWhole = ![DType.float16, .bfloat16, .float32, .float64, .float8E5M2, .float8E4M3FN].contains(dtype)
      let value = isWhole ? Double(z & 1) : shape.rank == 0 ? 1 : Double(Int64(bitPattern: z) >> 40) / 0x1p23
      bytes.appendLittleEndian(value.bitPattern, count: 8)
    }
    let wide = try Tensor(dtype: .float64, shape: shape, storage: MemoryStorage(bytes))
    let cast = try wide.cast(to: dtype)
    return try Tensor(dtype: dtype, shape: shape, storage: MemoryStorage(try cast.bytes()))
  }
}

extension Value {
  /// The value as a tensor in memory.
  /// - Throws: `unsupported` for handles and lists.
  package func tensor() throws(CheckpointError) -> Tensor {
    switch self {
    case .dense(let dense):
      // SAFETY: the bytes are copied inside the closure.
      let bytes = unsafe dense.bytes.withUnsafeBytes { unsafe [UInt8]($0) }
      return try Tensor(dtype: dense.dtype, shape: dense.shape, storage: MemoryStorage(bytes))
    case .strings(let strings):
      return try Tensor(dtype: .string, shape: strings.shape, storage: StringStorage(strings.elements))
    default: throw CheckpointError(.unsupported, "\(summary) has no value outside its graph")
    }
  }
}
