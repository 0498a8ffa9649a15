package import CheckpointCore
import ProtoWire

/// Reads TensorFlow's V1 checkpoints: one table, or a set of them, with the graph of `PREFIX.meta` where it is there.
/// Format: V1/FORMAT.md.
package struct V1Reader: CheckpointReader {
  package init() {}

  package func open(_ path: String, options: ReadOptions) throws(CheckpointError) -> VariableStore {
    let files = try V1Files(path)
    var store = VariableStore(source: .init(format: "tf-v1", path: path))
    var checkpoint = V1Checkpoint()
    for file in try files.open() {
      let table = try TableReader(file)
      store.source.files.append(file)
      store.source.warnings += table.warnings
      try checkpoint.add(table, salvage: options.salvage)
    }
    store.source.checkedSum = "CRC-32C"
    for tensor in checkpoint.tensors {
      do throws(CheckpointError) {
        let reason = checkpoint.reasons[tensor.name]
        let whole = if let reason { try tensor.missing(reason) } else { try tensor.glued() }
        try store.append(Variable(name: tensor.name, tensor: whole, role: .weight))
      } catch {
        let failure = error.at(file: store.source.files.first?.path, variable: tensor.name)
        guard options.salvage else { throw failure }
        store.source.lost.append(failure)
      }
    }
    if store.variables.isEmpty { store.source.warnings.append("the checkpoint holds no tensors") }
    GraphFacts.add(to: &store, from: files.prefix + ".meta")
    store.inferRoles()
    return store
  }
}

/// The tensors of a checkpoint, from all its tables.
private struct V1Checkpoint {
  struct Whole {
    let name: Name
    let dtype: DType
    let shape: Shape
    var parts: [(box: Box, storage: any TensorStorage)] = []
  }

  /// In the order in which the files list them.
  private(set) var tensors: [Whole] = []
  private var positions: [Name: Int] = [:]
  /// Why the bytes of a tensor are not there, where that did not stop the reader.
  private(set) var reasons: [Name: CheckpointError] = [:]

  /// - Parameter salvage: whether a damaged block is left out.
  mutating func add(_ table: TableReader, salvage: Bool) throws(CheckpointError) {
    var damage: [CheckpointError] = []
    var isFirst = true
    // Slices that the table lists and that were not met yet, by their keys.
    var expected: [[UInt8]: (tensor: Int, box: Box)] = [:]
    try table.forEachBlock(damaged: salvage ? { damage.append($0) } : nil) { (block) throws(CheckpointError) in
      var records: [Record] = []
      for (key, range) in block.entries {
        if isFirst {
          guard key.isEmpty else {
            throw CheckpointError(
              .corrupt, "is a table but no checkpoint: its first record is not the list of its tensors")
          }
          let message = Message(try block.storage.bytes(range))
          try register(try SavedSliceMeta(message), &expected)
          isFirst = false
          continue
        }
        guard let (tensor, box) = expected.removeValue(forKey: key) else {
          throw CheckpointError(.corrupt, "has a record that its list of tensors does not name").at(
            variable: OrderedCode.sliceName(in: key) ?? Name(bytes: key))
        }
        let whole = tensors[tensor]
        records.append(
          try locating(variable: whole.name) { () throws(CheckpointError) in
            try Record(of: whole, tensor, box, in: block.storage, range)
          })
      }
      if !block.isChecked { try V1Checkpoint.check(block, &records) }
      for record in records { tensors[record.tensor].parts.append((record.box, record.storage)) }
    }
    guard !isFirst else {
      throw damage.first
        ?? CheckpointError(.corrupt, "is a table without a record, not a checkpoint").at(file: table.file.path)
    }
    if let first = damage.first {
      for (tensor, _) in expected.values { reasons[tensors[tensor].name] = first }
      return
    }
    if let (tensor, box) = expected.values.min(by: { $0.tensor < $1.tensor }) {
      throw CheckpointError(.corrupt, "the slice \(box) that is listed has no record").at(
        file: table.file.path, variable: tensors[tensor].name)
    }
  }

  /// Takes up what a table lists. The slices of one tensor may lie in several tables.
  private mutating func register(
    _ meta: SavedSliceMeta, _ expected: inout [[UInt8]: (tensor: Int, box: Box)]
  ) throws(CheckpointError) {
    for entry in meta.entries {
      let position: Int
      if let known = positions[entry.name] {
        position = known
        guard tensors[known].dtype == entry.dtype, tensors[known].shape == entry.shape else {
          throw CheckpointError(.corrupt, "two files list it with different shapes or dtypes").at(variable: entry.name)
        }
      } else {
        position = tensors.count
        positions[entry.name] = position
        tensors.append(Whole(name: entry.name, dtype: entry.dtype, shape: entry.shape))
      }
      for slice in entry.slices {
        let box = try locating(variable: entry.name) { () throws(CheckpointError) in try slice.box(in: entry.shape) }
        guard expected.updateValue((position, box), forKey: slice.key(for: entry.name)) == nil else {
          throw CheckpointError(.corrupt, "lists a slice twice").at(variable: entry.name)
        }
      }
    }
  }

  /// One slice's values.
  struct Record {
    let tensor: Int
    let box: Box
    var storage: any TensorStorage
    /// Where in the block the values lie as they are.
    let plain: Range<Int>?

    init(
      of whole: Whole, _ tensor: Int, _ box: Box, in storage: any TensorStorage, _ range: Range<Int>
    ) throws(CheckpointError) {
      let saved = try SavedSlice(try StoredMessage(storage, range))
      guard saved.name == whole.name else {
        throw CheckpointError(.corrupt, "the record of the slice \(box) holds one of '\(saved.name)'")
      }
      let held = try saved.slice.box(in: whole.shape)
      guard held == box else { throw CheckpointError(.corrupt, "the record of the slice \(box) holds \(held)") }
      self.tensor = tensor
      self.box = box
      let elements = try saved.data.elements(of: whole.dtype)
      (self.storage, plain) = (elements.storage, elements.plain)
      // Its own check of the size: a record never repeats values.
      _ = try Tensor(dtype: whole.dtype, shape: try Shape(box.dimensions), storage: elements.storage)
    }
  }

  /// Checks a large block: the largest values are given the sum that they must have, everything else is read.
  private static func check(_ block: TableBlock, _ records: inout [Record]) throws(CheckpointError) {
    let largest = records.indices.max { (records[$0].plain?.count ?? 0) < (records[$1].plain?.count ?? 0) }
    guard let largest, let range = records[largest].plain, let file = records[largest].storage as? FileStorage else {
      try block.requireSum()
      return
    }
    let sum = try block.sum(leftFor: range)
    records[largest].storage = try FileStorage(
      file.file, offset: file.offset, byteCount: file.byteCount, crc32c: sum.value)
  }
}

extension V1Checkpoint.Whole {
  /// The tensor without its bytes.
  fileprivate func missing(_ reason: CheckpointError) throws(CheckpointError) -> Tensor {
    let count = try dtype.width.map { (width) throws(CheckpointError) in try shape.byteCount(width: width) } ?? 0
    return try Tensor(dtype: dtype, shape: shape, storage: MissingStorage(byteCount: count, reason: reason))
  }

  /// The tensor, put together of its slices.
  fileprivate func glued() throws(CheckpointError) -> Tensor {
    if parts.count == 1, parts[0].box.dimensions == shape.dimensions {
      return try Tensor(dtype: dtype, shape: shape, storage: parts[0].storage)
    }
    let storage: any TensorStorage
    if let width = dtype.width {
      storage = try SlicedStorage(
        shape: shape, width: width, parts: parts.map { .init(box: $0.box, storage: $0.storage) })
    } else {
      storage = try SlicedStorage.glueStrings(
        shape: shape, parts: parts.compactMap { part in (part.storage as? StringStorage).map { (part.box, $0) } })
    }
    return try Tensor(dtype: dtype, shape: shape, storage: storage)
  }
}
