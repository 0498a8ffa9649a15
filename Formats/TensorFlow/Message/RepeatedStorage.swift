import CheckpointCore

/// A list of values that is shorter than its tensor: the last one stands for all that are missing, and none for zeros.
struct RepeatedStorage: TensorStorage {
  private let base: any TensorStorage
  private let last: [UInt8]
  let byteCount: Int

  /// - Parameters:
  ///   - width: bytes of an element; the storage has whole ones.
  ///   - byteCount: of the tensor, not less than the storage has.
  init(_ base: any TensorStorage, width: Int, byteCount: Int) throws(CheckpointError) {
    self.base = base
    self.byteCount = byteCount
    let end = base.byteCount
    last = end == 0 ? [UInt8](repeating: 0, count: width) : try base.bytes(end - width..<end)
  }

  func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    let count = span.byteCount
    guard offset >= 0, offset <= byteCount, count <= byteCount - offset else {
      throw CheckpointError(.corrupt, "bytes \(offset)+\(count) lie outside a tensor of \(byteCount) bytes")
    }
    let listed = max(0, min(count, base.byteCount - offset))
    if listed > 0 {
      var part = span._mutatingExtracting(0..<listed)
      try base.read(into: &part, at: offset)
    }
    for place in listed..<count {
      span.storeBytes(of: last[(offset + place) % last.count], toByteOffset: place, as: UInt8.self)
    }
  }
}
