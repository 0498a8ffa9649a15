import CCore

/// Another tensor's numbers in another dtype, rounded to nearest even.
public struct CastStorage: TensorStorage {
  let base: Tensor
  let fromKind: CInt
  let toKind: CInt
  let fromWidth: Int
  let toWidth: Int
  public let byteCount: Int

  /// What a cast does not keep.
  public struct Loss: Sendable {
    /// Elements whose value changed by rounding.
    public var rounded = 0
    /// Elements beyond the range of the target, NaN made into an integer included.
    public var overflowed = 0
    /// Largest |result - value| among the rounded.
    public var largestError = 0.0

    public var isNone: Bool { rounded == 0 && overflowed == 0 }
  }

  /// - Throws: `unsupported` where one of the dtypes is not a plain number.
  public init(_ base: Tensor, to dtype: DType) throws(CheckpointError) {
    guard let from = base.dtype.castKind, let to = dtype.castKind, let fromWidth = base.dtype.width,
      let toWidth = dtype.width
    else {
      throw CheckpointError(.unsupported, "\(base.dtype.rawValue) cannot be cast to \(dtype.rawValue)")
    }
    self.base = base
    (fromKind, toKind, self.fromWidth, self.toWidth) = (from, to, fromWidth, toWidth)
    byteCount = try base.shape.byteCount(width: toWidth)
  }

  public func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    var report = ck_cast_report()
    let count = span.byteCount / toWidth
    let first = offset / toWidth
    let piece = max(1, ChunkBuffer.capacity / max(fromWidth, toWidth))
    var source = [UInt8](repeating: 0, count: min(count, piece) * fromWidth)
    var done = 0
    while done < count {
      let some = min(piece, count - done)
      var part = source.mutableRawSpan(0..<some * fromWidth)
      try base.storage.read(into: &part, at: (first + done) * fromWidth)
      // SAFETY: both pointers are used inside the closures only, for `some` elements that each of them holds.
      unsafe span.withUnsafeMutableBytes { target in
        unsafe source.withUnsafeBytes { bytes in
          unsafe ck_cast(
            fromKind, bytes.baseAddress, toKind, target.baseAddress.map { unsafe $0 + done * toWidth }, some, &report)
        }
      }
      done += some
    }
  }

  public var isSequential: Bool { base.storage.isSequential }
  public var recordedSum: String? { base.storage.recordedSum }
  public var missing: CheckpointError? { base.storage.missing }
  public var path: String? { base.storage.path }

  public func verify() throws(CheckpointError) { try base.storage.verifyWhole() }

  /// Reads everything once and counts what the cast would not keep.
  public func loss() throws(CheckpointError) -> Loss {
    var report = ck_cast_report()
    var buffer = ChunkBuffer()
    try base.forEachChunk(using: &buffer) { chunk, _ throws(CheckpointError) in
      // SAFETY: the pointer is used inside the closure only; a null target asks for the count alone.
      unsafe chunk.withUnsafeBytes {
        unsafe ck_cast(fromKind, $0.baseAddress, toKind, nil, $0.count / fromWidth, &report)
      }
    }
    return Loss(
      rounded: Int(clamping: report.rounded), overflowed: Int(clamping: report.overflowed),
      largestError: report.largest_error)
  }
}

extension Tensor {
  /// The same values in another dtype. Nothing is checked: ask the storage for its `loss` first.
  public func cast(to dtype: DType) throws(CheckpointError) -> Tensor {
    if dtype == self.dtype { return self }
    return try Tensor(dtype: dtype, shape: shape, storage: CastStorage(self, to: dtype))
  }
}

extension DType {
  /// The number that the C conversion knows a plain number by.
  var castKind: CInt? {
    switch self {
    case .bool: CInt(CK_BOOL)
    case .int8: CInt(CK_INT8)
    case .uint8: CInt(CK_UINT8)
    case .int16: CInt(CK_INT16)
    case .uint16: CInt(CK_UINT16)
    case .int32: CInt(CK_INT32)
    case .uint32: CInt(CK_UINT32)
    case .int64: CInt(CK_INT64)
    case .uint64: CInt(CK_UINT64)
    case .float16: CInt(CK_FLOAT16)
    case .bfloat16: CInt(CK_BFLOAT16)
    case .float32: CInt(CK_FLOAT32)
    case .float64: CInt(CK_FLOAT64)
    case .float8E5M2: CInt(CK_FLOAT8_E5M2)
    case .float8E4M3FN: CInt(CK_FLOAT8_E4M3FN)
    default: nil
    }
  }

  /// Whether `cast` takes and gives this dtype.
  public var isCastable: Bool { castKind != nil }
}
