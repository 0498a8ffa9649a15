import CZlib
import CheckpointCore

/// One way through a deflated member, forwards.
///
/// Sendable because `InflateStreams` gives it to one reader at a time.
@safe final class InflateStream: @unchecked Sendable {
  private static let inputSize = 64 << 10

  let member: ZipMember
  /// Bytes inflated so far.
  private(set) var position = 0

  private let file: InputFile
  /// On the heap, because zlib keeps its address.
  private let stream: UnsafeMutablePointer<z_stream>
  private var input: [UInt8]
  /// The part of `input` that zlib has not taken yet, and how many compressed bytes were read into it so far.
  private var pending = 0..<0
  private var taken = 0
  private var hasEnded = false

  init(_ member: ZipMember, of file: InputFile) throws(CheckpointError) {
    self.member = member
    self.file = file
    input = [UInt8](repeating: 0, count: max(1, min(InflateStream.inputSize, member.compressedSize)))
    unsafe stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    // SAFETY: the stream lives until deinit, which ends it. Negative window bits mean deflate without zlib's own header.
    let status = unsafe inflateInit2_(stream, -15, zlibVersion(), CInt(MemoryLayout<z_stream>.size))
    guard status == Z_OK else { throw CheckpointError(.io, "there is not enough memory to inflate") }
  }

  deinit {
    // SAFETY: nobody else has the pointer; ending a stream whose making failed does nothing.
    unsafe inflateEnd(stream)
    unsafe stream.deinitialize(count: 1)
    unsafe stream.deallocate()
  }

  /// Inflates and forgets what lies before `offset`.
  func skip(to offset: Int) throws(CheckpointError) {
    guard offset > position else { return }
    var scratch = [UInt8](repeating: 0, count: min(InflateStream.inputSize, offset - position))
    while position < offset {
      try throwIfInterrupted()
      var part = scratch.mutableRawSpan(0..<min(scratch.count, offset - position))
      try fill(&part)
    }
  }

  /// Inflates as many bytes as the span has.
  func fill(_ span: inout MutableRawSpan) throws(CheckpointError) {
    var done = 0
    while done < span.byteCount {
      guard !hasEnded else {
        throw CheckpointError(.corrupt, "the deflated member ends after \(position) of its \(member.size) bytes")
      }
      // SAFETY: the pointer is used inside the closure only, for the bytes that the span owns from `done` on.
      let (status, made) = try unsafe step { (stream) throws(CheckpointError) in
        unsafe span.withUnsafeMutableBytes { target in
          unsafe stream.pointee.next_out = target.bindMemory(to: UInt8.self).baseAddress.map { unsafe $0 + done }
          unsafe stream.pointee.avail_out = UInt32(clamping: target.count - done)
          let room = unsafe stream.pointee.avail_out
          let status = unsafe inflate(stream, Z_NO_FLUSH)
          return (status, Int(room - (unsafe stream.pointee.avail_out)))
        }
      }
      done += made
      position += made
      try accept(status, made)
    }
  }

  /// - Throws: `corrupt` where the stream goes on beyond the member's size, or ends before its compressed bytes do.
  func requireEnd() throws(CheckpointError) {
    var spare: UInt8 = 0
    while !hasEnded {
      // SAFETY: the pointer is used inside the closure only, for one byte.
      let (status, made) = try unsafe step { (stream) throws(CheckpointError) in
        unsafe withUnsafeMutablePointer(to: &spare) { target in
          unsafe stream.pointee.next_out = target
          unsafe stream.pointee.avail_out = 1
          let status = unsafe inflate(stream, Z_NO_FLUSH)
          return (status, Int(1 - (unsafe stream.pointee.avail_out)))
        }
      }
      guard made == 0 else {
        throw CheckpointError(.corrupt, "the deflated member goes on after its \(member.size) bytes")
      }
      try accept(status, made)
    }
    guard taken == member.compressedSize, pending.isEmpty else {
      throw CheckpointError(
        .corrupt, "\(member.compressedSize - taken + pending.count) bytes follow the end of the deflated member")
    }
  }

  /// Gives zlib the compressed bytes that it has not taken yet, and runs it once.
  private func step(
    _ body: (UnsafeMutablePointer<z_stream>) throws(CheckpointError) -> (CInt, Int)
  ) throws(CheckpointError) -> (status: CInt, made: Int) {
    if pending.isEmpty, taken < member.compressedSize {
      let count = min(input.count, member.compressedSize - taken)
      try refill(&input, count)
      pending = 0..<count
      taken += count
    }
    let waiting = pending
    // SAFETY: zlib reads the input inside the closure only, and keeps no pointer into it that it uses later.
    let result = unsafe input.withUnsafeMutableBufferPointer { input -> Result<(CInt, Int), CheckpointError> in
      unsafe stream.pointee.next_in = input.baseAddress.map { unsafe $0 + waiting.lowerBound }
      unsafe stream.pointee.avail_in = UInt32(waiting.count)
      do throws(CheckpointError) { return .success(try unsafe body(stream)) } catch { return .failure(error) }
    }
    pending = waiting.upperBound - Int(unsafe stream.pointee.avail_in)..<waiting.upperBound
    let (status, made) = try result.get()
    return (pending.count == waiting.count && made == 0 && status == Z_OK ? Z_BUF_ERROR : status, made)
  }

  private func refill(_ bytes: inout [UInt8], _ count: Int) throws(CheckpointError) {
    var part = bytes.mutableRawSpan(0..<count)
    try file.read(into: &part, at: member.dataOffset + taken)
  }

  private func accept(_ status: CInt, _ made: Int) throws(CheckpointError) {
    switch status {
    case Z_OK: return
    case Z_STREAM_END: hasEnded = true
    case Z_BUF_ERROR where made == 0 && pending.isEmpty && taken == member.compressedSize:
      throw CheckpointError(.corrupt, "the deflated member is cut short after \(position) of its \(member.size) bytes")
    case Z_BUF_ERROR: return
    case Z_MEM_ERROR: throw CheckpointError(.io, "there is not enough memory to inflate")
    default:
      throw CheckpointError(.corrupt, "the deflated member is damaged after \(position) of its \(member.size) bytes")
    }
  }
}
