package import CheckpointCore

extension Value {
  /// A checkpoint's tensor, or a feed, read into memory and checked.
  /// - Parameter isPinned: whether the bytes stay as they are for as long as kernels may keep what they derive from them.
  package init(_ tensor: Tensor, budget: MemoryBudget, isPinned: Bool = false) throws(CheckpointError) {
    if tensor.dtype == .string {
      self = .strings(try StringTensor(tensor, budget: budget))
      return
    }
    let dense = try DenseTensor(tensor.dtype, tensor.shape, budget: budget, isPinned: isPinned)
    var buffer = ChunkBuffer()
    try tensor.forEachChunk(using: &buffer) { chunk, offset throws(CheckpointError) in dense.fill(chunk, at: offset) }
    dense.normalizeTruth()
    self = .dense(dense)
  }

  /// The value as a tensor that a writer or a report can take.
  /// - Throws: `unsupported` for handles and lists.
  package func tensor() throws(CheckpointError) -> Tensor {
    switch self {
    case .dense(let dense):
      try requireMemory(dense.byteCount)
      // SAFETY: the pointer is used inside the closure only.
      let bytes = unsafe dense.bytes.withUnsafeBytes { unsafe Array($0) }
      return try Tensor(dtype: dense.dtype, shape: dense.shape, storage: MemoryStorage(bytes))
    case .strings(let strings):
      return try Tensor(dtype: .string, shape: strings.shape, storage: StringStorage(strings.elements))
    case .reference(let variable): return try variable.read().tensor()
    case .resource, .list:
      throw CheckpointError(.unsupported, "\(summary) is not a tensor that can be written")
    }
  }
}

extension DenseTensor {
  /// Copies bytes to an offset; what would lie outside is left out.
  func fill(_ chunk: RawSpan, at offset: Int) {
    var target = mutableBytes
    guard offset >= 0, offset <= byteCount, chunk.byteCount <= byteCount - offset else { return }
    // SAFETY: both pointers are used inside the closures only, and the range was checked.
    unsafe target.withUnsafeMutableBytes { target in
      unsafe chunk.withUnsafeBytes { source in
        unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset..<offset + source.count]).copyMemory(from: source)
      }
    }
  }

  /// A file may hold any byte where a truth value is meant; here they are 0 and 1.
  func normalizeTruth() {
    guard dtype == .bool else { return }
    var bytes = mutableElements(UInt8.self)
    for i in bytes.indices where bytes[i] > 1 { bytes[i] = 1 }
  }
}

extension StringTensor {
  convenience init(_ tensor: Tensor, budget: MemoryBudget) throws(CheckpointError) {
    guard let storage = tensor.storage as? StringStorage else {
      throw CheckpointError(.corrupt, "strings of an unknown kind")
    }
    let bytes = try tensor.bytes()
    var elements: [[UInt8]] = []
    elements.reserveCapacity(storage.lengths.count)
    var position = 0
    for length in storage.lengths {
      // Canonical strings have their length in front.
      position += 8
      guard length <= bytes.count - position else { throw CheckpointError(.corrupt, "a string runs past the end") }
      elements.append(Array(bytes[position..<position + length]))
      position += length
    }
    try self.init(tensor.shape, elements, budget: budget)
  }
}
