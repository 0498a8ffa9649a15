package import CheckpointCore
import ProtoWire

/// Reads TensorFlow's checkpoint bundles (V2): `PREFIX.index` and `PREFIX.data-?????-of-?????`, with the graph of
/// `PREFIX.meta` where it is there. Format: Bundle/FORMAT.md.
package struct BundleReader: CheckpointReader {
  package init() {}

  /// - Parameter path: the prefix.
  package func open(_ path: String, options: ReadOptions) throws(CheckpointError) -> VariableStore {
    var bundle = try Bundle(prefix: path, options)
    var store = VariableStore(source: .init(format: "tf-bundle", path: path))
    for entry in bundle.index.entries where !bundle.index.isSlice(entry.key) {
      let name = Name(bytes: entry.key)
      do throws(CheckpointError) {
        let tensor = try bundle.tensor(of: entry.value, named: name)
        try store.append(Variable(name: name, tensor: tensor, role: .weight))
      } catch {
        guard options.salvage, error.code != .io else { throw error.at(variable: name) }
        store.source.lost.append(error.at(variable: name))
      }
    }
    store.source.lost += bundle.index.lost
    bundle.noteUnownedBytes()
    store.source.files = bundle.files
    store.source.warnings = bundle.warnings
    GraphFacts.add(to: &store, from: path + ".meta")
    store.inferRoles()
    return store
  }

  /// - Parameter path: a `.meta` file.
  package func layout(_ path: String, options: ReadOptions) throws(CheckpointError) -> Layout? {
    guard path.hasSuffix(".meta") else { return nil }
    return try GraphFacts.layout(of: path, options: options)
  }

  /// - Parameter path: a `.meta` file.
  package func layoutSource(_ path: String) throws(CheckpointError) -> LayoutSource? {
    guard path.hasSuffix(".meta") else { return nil }
    return try GraphFacts.layoutSource(of: path)
  }

  /// The prefix of a bundle, where a path leads to one.
  package static func recognise(_ candidate: Candidate) -> String? {
    let path = candidate.path
    switch candidate.kind {
    case .folder: return nil
    case .file:
      if path.hasSuffix(ShardName.index), Footer.hasMagic(candidate.tail) || candidate.tail.count < Footer.encodedSize {
        return String(path.dropLast(ShardName.index.utf8.count))
      }
      if path.hasSuffix(".meta"), Candidate.exists(String(path.dropLast(5)) + ShardName.index) {
        return String(path.dropLast(5))
      }
      if let shard = ShardName.prefix(of: path) { return shard.prefix }
      // A file that is a prefix too: a V1 checkpoint has no index beside it.
      return Candidate.exists(path + ShardName.index) && !Footer.hasMagic(candidate.tail) ? path : nil
    case .missing:
      let (folder, stem) = splitPath(path)
      if Candidate.exists(path + ShardName.index) { return path }
      // Data without an index, or an index that was named and is gone: the reader says what is missing.
      let prefix = path.hasSuffix(ShardName.index) ? String(path.dropLast(ShardName.index.utf8.count)) : path
      let stemOfPrefix = splitPath(prefix).last
      let hasShards = Candidate.names(in: folder).contains { ShardName.prefix(of: $0)?.prefix == stemOfPrefix }
      return hasShards || (path.hasSuffix(".meta") && stem.isEmpty) ? prefix : nil
    }
  }
}

/// The index of a bundle, read and checked: every key with its entry.
struct BundleIndex {
  let header: BundleHeader
  private(set) var entries: [(key: [UInt8], value: BundleEntry)] = []
  /// Entries of slices by their keys.
  private(set) var slices: [[UInt8]: BundleEntry] = [:]
  private(set) var warnings: [String] = []
  /// Entries that say nothing sensible, where they do not stop the reader.
  private(set) var lost: [CheckpointError] = []
  let file: InputFile

  init(prefix: String, salvage: Bool = false) throws(CheckpointError) {
    let path = prefix + ShardName.index
    do throws(CheckpointError) {
      file = try InputFile(path)
    } catch {
      throw error.code == .notFound ? error.advising("a bundle needs its index; look for PREFIX.index") : error
    }
    let table = try TableReader(file)
    warnings = table.warnings
    var header: BundleHeader?
    var entries: [(key: [UInt8], value: BundleEntry)] = []
    var lost: [CheckpointError] = []
    try table.forEachEntry { (key, bytes, range) throws(CheckpointError) in
      let message = Message(bytes, range)
      if key.isEmpty {
        header = try BundleHeader(message)
        return
      }
      guard header != nil else {
        throw CheckpointError(
          .corrupt, "is a table but no bundle index: its first key is not the empty one of a header")
      }
      do throws(CheckpointError) {
        entries.append((key, try BundleEntry(message)))
      } catch {
        guard salvage else { throw error.at(variable: Name(bytes: key)) }
        lost.append(error.at(file: path, variable: Name(bytes: key)))
      }
    }
    guard let header else {
      throw CheckpointError(.corrupt, "is a table but no bundle index: it has no header").at(file: path)
    }
    self.header = header
    if !header.hasVersion { warnings.append("the header of the index names no version") }
    if header.isBigEndian { warnings.append("the bundle was written on a big-endian machine; its numbers are swapped") }
    if entries.isEmpty { warnings.append("the checkpoint holds no tensors") }
    self.lost = lost
    try claimSlices(of: entries)
    self.entries = entries
  }

  /// Finds the entries that hold the slices of cut tensors. What looks like a slice's key and is listed by no tensor would be
  /// lost in silence, so it is refused.
  private mutating func claimSlices(of entries: [(key: [UInt8], value: BundleEntry)]) throws(CheckpointError) {
    var candidates: [[UInt8]: BundleEntry] = [:]
    for (key, entry) in entries where key.first == 0 { candidates[key] = entry }
    guard !candidates.isEmpty || entries.contains(where: { !$0.value.slices.isEmpty }) else { return }
    for (key, entry) in entries {
      for slice in entry.slices {
        let sliceKey = slice.key(for: Name(bytes: key))
        guard let found = candidates[sliceKey] else {
          throw CheckpointError(.corrupt, "a slice that it lists has no entry").at(
            file: file.path, variable: Name(bytes: key))
        }
        slices[sliceKey] = found
      }
    }
    for key in candidates.keys where slices[key] == nil {
      guard let name = OrderedCode.sliceName(in: key) else { continue }
      throw CheckpointError(.corrupt, "has an entry for a slice that it does not list").at(
        file: file.path, variable: name)
    }
  }

  func isSlice(_ key: [UInt8]) -> Bool { key.first == 0 && slices[key] != nil }
}

/// An open bundle: index and the shards that entries have asked for so far.
private struct Bundle {
  let prefix: String
  let index: BundleIndex
  private let options: ReadOptions
  private(set) var warnings: [String]
  private var missing: Set<Int> = []
  private var shards: [Int: InputFile] = [:]
  /// Bytes of shards that entries own.
  private var owned: [Int: [Range<Int>]] = [:]

  /// Least sizes of the shards, as their entries say.
  private let needed: [Int: Int]

  /// - Parameter options: where only names are wanted, a missing shard is a warning; where damage must not stop the reader,
  ///   tensors say that their bytes are not there when they are read.
  init(prefix: String, _ options: ReadOptions) throws(CheckpointError) {
    self.prefix = prefix
    self.options = options
    index = try BundleIndex(prefix: prefix, salvage: options.salvage)
    warnings = index.warnings
    var needed: [Int: Int] = [:]
    for entry in index.entries.map(\.value) {
      let (end, overflow) = entry.offset.addingReportingOverflow(entry.size)
      // An entry that is not plausible says nothing of the shard.
      if !overflow, entry.slices.isEmpty, entry.isPlausible {
        needed[entry.shard] = max(needed[entry.shard] ?? 0, end)
      }
    }
    self.needed = needed
  }

  var files: [InputFile] { [index.file] + shards.sorted { $0.key < $1.key }.map(\.value) }

  mutating func tensor(of entry: BundleEntry, named name: Name) throws(CheckpointError) -> Tensor {
    guard !entry.slices.isEmpty else { return try plainTensor(of: entry) }
    var parts: [(box: Box, tensor: Tensor)] = []
    for slice in entry.slices {
      // Found before: `claimSlices` refuses an index where one is missing.
      guard let part = index.slices[slice.key(for: name)] else { continue }
      let box = try slice.box(in: entry.shape)
      guard part.dtype == entry.dtype, part.shape.dimensions == box.dimensions, part.slices.isEmpty else {
        throw CheckpointError(
          .corrupt, "the slice \(box) is stored as \(part.dtype.rawValue) of shape \(part.shape)")
      }
      parts.append((box, try plainTensor(of: part)))
    }
    let storage: any TensorStorage
    if let width = entry.dtype.width {
      storage = try SlicedStorage(
        shape: entry.shape, width: width, parts: parts.map { .init(box: $0.box, storage: $0.tensor.storage) })
    } else if entry.dtype == .string {
      storage = try SlicedStorage.glueStrings(
        shape: entry.shape,
        parts: parts.compactMap { part in (part.tensor.storage as? StringStorage).map { (part.box, $0) } })
    } else {
      throw CheckpointError(.unsupported, "\(entry.dtype.rawValue) cannot be glued from slices")
    }
    return try Tensor(dtype: entry.dtype, shape: entry.shape, storage: storage)
  }

  private mutating func plainTensor(of entry: BundleEntry) throws(CheckpointError) -> Tensor {
    guard let file = try shard(entry.shard) else { return try tensor(of: entry, without: missingShard(entry.shard)) }
    let (end, overflow) = entry.offset.addingReportingOverflow(entry.size)
    guard !overflow, end <= file.size else {
      let failure = outside(entry, file)
      guard options.salvage else { throw failure }
      owned[entry.shard, default: []].append(min(entry.offset, file.size)..<file.size)
      return try tensor(of: entry, without: failure)
    }
    owned[entry.shard, default: []].append(entry.offset..<end)
    if entry.dtype == .string {
      let strings = try locating(file: file.path) { () throws(CheckpointError) in
        try StringPayload.storage(of: entry, in: file, isBigEndian: index.header.isBigEndian)
      }
      return try Tensor(dtype: .string, shape: entry.shape, storage: strings)
    }
    let bytes = try FileStorage(file, offset: entry.offset, byteCount: entry.size, crc32c: entry.crc32c)
    guard let width = entry.dtype.width, let word = entry.dtype.wordWidth else {
      let plain = try FileStorage(file, offset: entry.offset, byteCount: entry.size)
      guard entry.shape.elementCount <= entry.size else {
        throw CheckpointError(.corrupt, "\(entry.shape.elementCount) variants cannot be in \(entry.size) bytes")
      }
      let variant = VariantStorage(base: plain, elementCount: entry.shape.elementCount, entrySum: entry.crc32c)
      return try Tensor(dtype: entry.dtype, shape: entry.shape, storage: variant)
    }
    guard try entry.shape.byteCount(width: width) == entry.size else {
      throw CheckpointError(
        .corrupt, "\(entry.dtype.rawValue) of shape \(entry.shape) does not take \(entry.size) bytes")
    }
    let isSwapped = index.header.isBigEndian && word > 1
    return try Tensor(
      dtype: entry.dtype, shape: entry.shape, storage: isSwapped ? ByteSwappedStorage(bytes, wordWidth: word) : bytes)
  }

  /// A tensor whose bytes are not there.
  private func tensor(of entry: BundleEntry, without reason: CheckpointError) throws(CheckpointError) -> Tensor {
    try Tensor(
      dtype: entry.dtype, shape: entry.shape, storage: MissingStorage(byteCount: entry.size, reason: reason))
  }

  /// An entry that points behind the end of its shard.
  private func outside(_ entry: BundleEntry, _ file: InputFile) -> CheckpointError {
    if entry.isPlausible, let needed = needed[entry.shard], needed > file.size {
      return .cutShort(file, needed: needed)
    }
    return CheckpointError(
      .corrupt, "bytes \(entry.offset)+\(entry.size) lie outside the \(file.size) bytes of the shard",
      remedy: "the file is cut short, or belongs to another checkpoint"
    ).at(file: file.path)
  }

  private func missingShard(_ number: Int) -> CheckpointError {
    let path = prefix + ShardName.suffix(number, of: index.header.shardCount)
    let (folder, stem) = splitPath(prefix)
    let others = Candidate.names(in: folder).filter {
      guard let shard = ShardName.prefix(of: $0), shard.prefix == stem else { return false }
      return shard.count != index.header.shardCount
    }
    let beside = others.isEmpty ? "" : "; beside it lies \(others[0]), of a checkpoint that was cut otherwise"
    return CheckpointError(
      .notFound, "this shard is missing; the index says that there are \(index.header.shardCount)\(beside)",
      remedy: "copy all files of the checkpoint together"
    ).at(file: path).because(.missingFile)
  }

  /// - Returns: nil for a missing shard where its bytes are not wanted, or where that must not stop anyone.
  private mutating func shard(_ number: Int) throws(CheckpointError) -> InputFile? {
    guard number >= 0, number < index.header.shardCount else {
      throw CheckpointError(.corrupt, "the entry names shard \(number) of \(index.header.shardCount)").at(
        file: index.file.path)
    }
    if let file = shards[number] { return file }
    let path = prefix + ShardName.suffix(number, of: index.header.shardCount)
    do throws(CheckpointError) {
      let file = try InputFile(path)
      shards[number] = file
      return file
    } catch {
      guard error.code == .notFound else { throw error }
      if options.listingOnly {
        if missing.insert(number).inserted {
          warnings.append("the shard \(path) is missing; its tensors can be listed, not read")
        }
        return nil
      }
      if options.salvage { return nil }
      throw missingShard(number)
    }
  }

  /// Warns of bytes that belong to no tensor, or to two.
  mutating func noteUnownedBytes() {
    for (number, file) in shards.sorted(by: { $0.key < $1.key }) {
      var position = 0
      var unowned = 0
      var overlaps = false
      for range in (owned[number] ?? []).filter({ !$0.isEmpty }).sorted(by: {
        ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound)
      }) {
        if range.lowerBound < position { overlaps = true }
        unowned += max(0, range.lowerBound - position)
        position = max(position, range.upperBound)
      }
      unowned += file.size - position
      if overlaps { warnings.append("two tensors own the same bytes of \(file.path)") }
      if unowned > 0 { warnings.append("\(unowned) bytes of \(file.path) belong to no tensor") }
    }
  }
}

extension OrderedCode {
  /// The name inside a slice's key, or nil where the bytes are no such key.
  static func sliceName(in key: [UInt8]) -> Name? {
    guard key.first == 0 else { return nil }
    var name: [UInt8] = []
    var i = 1
    while i + 1 < key.count {
      switch (key[i], key[i + 1]) {
      case (0, 1):
        // After the name: a rank and two numbers an axis. A short look is enough to tell it from a name of a variable.
        let rest = key.count - i - 2
        return rest >= 1 && key[i + 2] <= 1 ? Name(bytes: name) : nil
      case (0, 0xff), (0xff, 0):
        name.append(key[i])
        i += 2
      case (0, _), (0xff, _): return nil
      default:
        name.append(key[i])
        i += 1
      }
    }
    return nil
  }
}
