#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Array where Element == UInt8 {
  /// The bytes, lent to be read.
  public var rawSpan: RawSpan {
    @_lifetime(borrow self)
    get {
      // SAFETY: a byte has no padding and every value of it is valid.
      unsafe span.bytes
    }
  }

  /// A range of the bytes, lent to be filled. It must lie inside the array.
  @_lifetime(&self)
  public mutating func mutableRawSpan(_ range: Range<Int>) -> MutableRawSpan {
    // SAFETY: the array is borrowed for writing as long as the span lives, so that its storage can neither move nor go.
    let all = unsafe withUnsafeMutableBytes { unsafe $0 }
    let part = unsafe MutableRawSpan(_unsafeBytes: UnsafeMutableRawBufferPointer(rebasing: all[range]))
    return unsafe _overrideLifetime(part, mutating: &self)
  }
}

extension RawSpan {
  /// Whether two spans hold the same bytes.
  public func isEqual(to other: RawSpan) -> Bool {
    guard byteCount == other.byteCount else { return false }
    return unsafe withUnsafeBytes { a in
      unsafe other.withUnsafeBytes { b in
        // SAFETY: both pointers have the same number of bytes and are used inside the closures only.
        if let a = a.baseAddress, let b = b.baseAddress { unsafe memcmp(a, b, byteCount) == 0 } else { true }
      }
    }
  }
}
