package import CheckpointCore

/// A tensor whose elements have one width: dtype, shape, and dense row-major memory that it owns, or shares with the
/// tensor that it is a view of.
///
/// The elements are written by the kernel that allocates it and never again once it has been handed on, except by a kernel
/// that found itself the only owner (`KernelContext.output(reusing:)`).
@safe package final class DenseTensor: @unchecked Sendable {
  package let dtype: DType
  package let shape: Shape
  package let byteCount: Int
  /// Set for constants and variables: the bytes stay the same as long as the runner lives, so that a kernel may keep what
  /// it derived from them (`KernelContext.cached`).
  package let isPinned: Bool

  // SAFETY: valid for `byteCount` bytes as long as self lives: either owned and released in deinit, or inside `base`.
  private let address: UnsafeMutableRawPointer
  private var base: DenseTensor?
  private let budget: MemoryBudget

  /// A tensor with undefined elements.
  /// - Throws: `unsupported` for a dtype without a width, or beyond the budget.
  package init(_ dtype: DType, _ shape: Shape, budget: MemoryBudget, isPinned: Bool = false) throws(CheckpointError) {
    guard let width = dtype.width else {
      throw CheckpointError(.unsupported, "\(dtype.rawValue) has no plain elements")
    }
    byteCount = try shape.byteCount(width: width)
    unsafe address = try budget.allocate(byteCount)
    self.dtype = dtype
    self.shape = shape
    self.budget = budget
    self.isPinned = isPinned
  }

  /// A view: the bytes of `base` from `byteOffset` on, as another shape or dtype.
  private init(viewing base: DenseTensor, at byteOffset: Int, byteCount: Int, _ dtype: DType, _ shape: Shape) {
    self.dtype = dtype
    self.shape = shape
    self.byteCount = byteCount
    isPinned = base.isPinned
    budget = base.budget
    // SAFETY: the callers check that the range lies inside `base`, which lives as long as self.
    unsafe address = base.address + byteOffset
    self.base = base.base ?? base
  }

  deinit {
    // SAFETY: owned memory, and nobody can reach it any more.
    if base == nil { unsafe budget.release(address, byteCount) }
  }

  package var elementCount: Int { shape.elementCount }
  package var rank: Int { shape.rank }
  package var dimensions: [Int] { shape.dimensions }

  /// Bytes of one element.
  package var width: Int { dtype.width ?? 1 }

  /// The same elements in another shape, without copying.
  /// - Throws: `corrupt` where the number of elements differs.
  package func reshaped(_ shape: Shape) throws(CheckpointError) -> DenseTensor {
    guard shape.elementCount == elementCount else {
      throw CheckpointError(.corrupt, "\(elementCount) elements cannot take the shape \(shape)")
    }
    return DenseTensor(viewing: self, at: 0, byteCount: byteCount, dtype, shape)
  }

  /// The same bytes as another dtype and shape, without copying.
  /// - Throws: `corrupt` where the number of bytes differs.
  package func bitcast(_ dtype: DType, _ shape: Shape) throws(CheckpointError) -> DenseTensor {
    guard let width = dtype.width, try shape.byteCount(width: width) == byteCount else {
      throw CheckpointError(.corrupt, "\(byteCount) bytes cannot be read as \(dtype.rawValue) of shape \(shape)")
    }
    return DenseTensor(viewing: self, at: 0, byteCount: byteCount, dtype, shape)
  }

  /// Elements `first`..., as many as the shape asks for, without copying: a row or a run of rows.
  /// - Throws: `corrupt` where they are not all there.
  package func elements(from first: Int, as shape: Shape) throws(CheckpointError) -> DenseTensor {
    guard first >= 0, first <= elementCount, shape.elementCount <= elementCount - first else {
      throw CheckpointError(.corrupt, "elements \(first)+\(shape.elementCount) lie outside a tensor of \(elementCount)")
    }
    return DenseTensor(
      viewing: self, at: first * width, byteCount: shape.elementCount * width, dtype, shape)
  }

  /// Whether both are the same bytes in the same shape.
  func isSameMemory(as other: DenseTensor) -> Bool {
    unsafe self === other || address == other.address && dtype == other.dtype && shape == other.shape
  }

  /// Whether the memory has no second owner, given that the reference in hand is the only one to self.
  var ownsItsMemoryAlone: Bool { isPinned ? false : base == nil || isKnownUniquelyReferenced(&base) }
}

extension DenseTensor {
  /// The elements, lent to be read: of the dtype's own type, or of any type of the same width to move bytes.
  @_lifetime(borrow self)
  package func elements<T: Element>(_ type: T.Type) -> Span<T> {
    // SAFETY: the memory lives as long as self, which the span borrows; the count stays inside its bytes.
    let span = unsafe Span(
      _unsafeStart: UnsafePointer(address.assumingMemoryBound(to: T.self)), count: byteCount / MemoryLayout<T>.size)
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// The elements, lent to be written. Only for the kernel that allocated the tensor, before it hands it on.
  @_lifetime(borrow self)
  package func mutableElements<T: Element>(_ type: T.Type) -> MutableSpan<T> {
    // SAFETY: as above; the kernel that allocated the tensor is the only one that has it.
    let span = unsafe MutableSpan(
      _unsafeStart: address.assumingMemoryBound(to: T.self), count: byteCount / MemoryLayout<T>.size)
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// The address of the elements, for C kernels; not to be kept beyond the closure. Never null.
  package func withPointer<T: Element, R, E: Error>(
    _ type: T.Type = T.self, _ body: (UnsafePointer<T>) throws(E) -> R
  ) throws(E) -> R {
    defer { withExtendedLifetime(self) {} }
    return try unsafe body(UnsafePointer(address.assumingMemoryBound(to: T.self)))
  }

  /// The address of the elements to be written, under the same rule as `mutableElements`.
  package func withMutablePointer<T: Element, R, E: Error>(
    _ type: T.Type = T.self, _ body: (UnsafeMutablePointer<T>) throws(E) -> R
  ) throws(E) -> R {
    defer { withExtendedLifetime(self) {} }
    return try unsafe body(address.assumingMemoryBound(to: T.self))
  }

  /// All bytes, lent to be read.
  package var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      // SAFETY: as in `elements`.
      let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(address), byteCount: byteCount)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// All bytes, lent to be written, under the same rule as `mutableElements`.
  package var mutableBytes: MutableRawSpan {
    @_lifetime(borrow self)
    get {
      // SAFETY: as in `mutableElements`.
      let span = unsafe MutableRawSpan(_unsafeStart: address, byteCount: byteCount)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Copies all bytes of `source` to `byteOffset`; both ends must lie inside.
  package func copy(_ source: DenseTensor, toByteOffset byteOffset: Int = 0) throws(CheckpointError) {
    guard byteOffset >= 0, byteOffset <= byteCount, source.byteCount <= byteCount - byteOffset else {
      throw CheckpointError(
        .corrupt, "bytes \(byteOffset)+\(source.byteCount) lie outside a tensor of \(byteCount) bytes")
    }
    // SAFETY: the range was checked, and both owners live through the call.
    unsafe (address + byteOffset).copyMemory(from: source.address, byteCount: source.byteCount)
    withExtendedLifetime(source) {}
  }

  /// Sets every byte to zero.
  package func zero() {
    // SAFETY: the memory has `byteCount` bytes.
    unsafe address.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
  }
}
