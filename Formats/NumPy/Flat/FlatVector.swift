import CheckpointCore

/// One vector of numbers that a layout cuts into variables.
struct FlatVector {
  let array: NumericArray

  /// - Throws: `unsupported` where the array is not a vector.
  init(_ array: NumericArray) throws(CheckpointError) {
    guard array.shape.rank == 1 else {
      throw CheckpointError(
        .unsupported, "has the shape \(array.shape); a flat dump of variables is a vector of one axis"
      ).at(file: array.file.path)
    }
    self.array = array
  }

  private var count: Int { array.shape.elementCount }

  /// The variables that a layout gives the numbers their names by. Numbers are cast to the layout's dtypes where every value
  /// of the variable survives exactly, or where loss is allowed.
  func store(_ layout: Layout, allowLoss: Bool) throws(CheckpointError) -> VariableStore {
    let starts = try offsets(of: layout)
    var store = VariableStore(
      source: .init(format: "npy-flat", path: array.file.path, files: [array.file], warnings: array.warnings))
    store.graph = layout.graph
    var parts: [(entry: Layout.Entry, tensor: Tensor)] = []
    for (entry, start) in zip(layout.entries, starts) {
      let tensor = try locating(file: array.file.path, variable: entry.name) { () throws(CheckpointError) in
        try part(at: start, shape: entry.shape)
      }
      parts.append((entry, tensor))
    }
    var narrowing = Narrowing()
    for (entry, tensor) in try fitted(parts, allowLoss: allowLoss, &narrowing) {
      try locating(file: array.file.path) { () throws(CheckpointError) in
        try store.append(Variable(name: entry.name, tensor: tensor, role: .weight))
      }
    }
    store.source.warnings += narrowing.warning(allowLoss: allowLoss)
    store.inferRoles()
    return store
  }

  /// The tensors in the dtypes that their variables have. Where a value would change, the floats of the whole vector stay as
  /// they are, and a warning says so: a wider number can be narrowed later, a narrowed one is gone.
  func fitted(
    _ parts: [(entry: Layout.Entry, tensor: Tensor)], allowLoss: Bool, _ narrowing: inout Narrowing
  ) throws(CheckpointError) -> [(entry: Layout.Entry, tensor: Tensor)] {
    var fitted = parts
    var isExact: [Bool] = []
    for (i, part) in parts.enumerated() {
      let (entry, tensor) = part
      isExact.append(true)
      guard let dtype = entry.dtype, dtype != tensor.dtype else { continue }
      try locating(file: array.file.path, variable: entry.name) { () throws(CheckpointError) in
        fitted[i].tensor = try tensor.cast(to: dtype)
        guard let loss = try (fitted[i].tensor.storage as? CastStorage)?.loss(), !loss.isNone else { return }
        isExact[i] = false
        narrowing.add(loss, from: tensor.dtype, to: dtype)
      }
    }
    guard !allowLoss, isExact.contains(false) else { return fitted }
    for (i, part) in parts.enumerated() where !isExact[i] || part.entry.dtype?.isFloat == true {
      fitted[i].tensor = part.tensor
    }
    return fitted
  }

  /// What casting a vector to the dtypes of its variables would lose, or has lost.
  struct Narrowing {
    private var variables = 0
    private var values = 0
    private var largestError = 0.0
    private var dtypes = (from: "", to: "")

    mutating func add(_ loss: CastStorage.Loss, from: DType, to: DType) {
      variables += 1
      values += loss.rounded + loss.overflowed
      largestError = max(largestError, loss.largestError)
      dtypes = (from.rawValue, to.rawValue)
    }

    func warning(allowLoss: Bool) -> [String] {
      guard variables > 0 else { return [] }
      let what = "\(values) values of \(variables) variables"
      return [
        allowLoss
          ? "\(what) changed when \(dtypes.from) became \(dtypes.to); the largest error is \(largestError)"
          : "\(what) do not survive as \(dtypes.to), which the layout says; they stay \(dtypes.from) (narrow them with --allow-loss)"
      ]
    }
  }

  /// The elements of one variable.
  func part(at start: Int, shape: Shape) throws(CheckpointError) -> Tensor {
    let width = array.dtype.width ?? 1
    let range = try StorageRange(
      array.tensor.storage, offset: start * width, byteCount: try shape.byteCount(width: width), crc32c: nil)
    return try Tensor(dtype: array.dtype, shape: shape, storage: range.simplified())
  }

  /// Where every variable begins, in elements; together they must be exactly the vector.
  private func offsets(of layout: Layout) throws(CheckpointError) -> [Int] {
    var starts: [Int] = []
    var position = 0
    var largestEnd = 0
    var total = 0
    var endsIn: Layout.Entry?
    for entry in layout.entries {
      let start = entry.offset ?? position
      let (end, overflow) = start.addingReportingOverflow(entry.shape.elementCount)
      guard !overflow else {
        throw CheckpointError(.corrupt, "the layout puts it beyond any vector").at(variable: entry.name)
      }
      if endsIn == nil, end > count { endsIn = entry }
      starts.append(start)
      position = end
      largestEnd = max(largestEnd, end)
      total = total.addingReportingOverflow(entry.shape.elementCount).partialValue
    }
    guard total == count, largestEnd <= count else {
      let place =
        endsIn.map { "the vector ends in '\($0.name)' \($0.shape)" }
        ?? layout.entries.last.map { "\(count - largestEnd) elements are left after '\($0.name)', the last variable" }
        ?? "the layout is empty"
      throw CheckpointError(
        .corrupt,
        "the layout takes \(total) elements, but the vector has \(count): \(place) (layout: \(layout.origin))",
        remedy: "choose other variables with --collection or --scope, or another --layout"
      ).at(file: array.file.path)
    }
    var covered = 0
    for (start, entry) in zip(starts, layout.entries).sorted(by: {
      ($0.0, $0.1.shape.elementCount) < ($1.0, $1.1.shape.elementCount)
    }) {
      guard start == covered else {
        throw CheckpointError(.corrupt, "the layout leaves a gap or overlaps before it, at element \(covered)").at(
          variable: entry.name)
      }
      covered = start + entry.shape.elementCount
    }
    return starts
  }
}

/// A range of another storage's bytes.
struct StorageRange: TensorStorage {
  private let base: any TensorStorage
  private let offset: Int
  let byteCount: Int
  let crc32c: UInt32?

  init(_ base: any TensorStorage, offset: Int, byteCount: Int, crc32c: UInt32?) throws(CheckpointError) {
    let (end, overflow) = offset.addingReportingOverflow(byteCount)
    guard offset >= 0, byteCount >= 0, !overflow, end <= base.byteCount else {
      throw CheckpointError(.corrupt, "bytes \(offset)+\(byteCount) lie outside a vector of \(base.byteCount) bytes")
    }
    self.base = base
    self.offset = offset
    self.byteCount = byteCount
    self.crc32c = crc32c
  }

  var path: String? { base.path }
  var missing: CheckpointError? {
    guard let cut = base as? CutStorage else { return base.missing }
    return offset + byteCount <= cut.available ? nil : cut.missing
  }

  func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    try base.read(into: &span, at: self.offset + offset)
  }

  /// The same bytes without a detour, where they lie in a file as they are.
  func simplified() throws(CheckpointError) -> any TensorStorage {
    guard let plain = base as? FileStorage else { return self }
    return try FileStorage(plain.file, offset: plain.offset + offset, byteCount: byteCount, crc32c: crc32c)
  }
}
