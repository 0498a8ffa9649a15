import CCore
import CDeflate
import CheckpointCore

/// The filters that a chunk went through, in the order in which they were applied. Those that are decoded here: deflate (1),
/// shuffle (2), fletcher32 (3) and h5py's LZF (32000).
struct FilterPipeline: Sendable {
  enum Stage: Sendable, Equatable { case deflate, shuffle, fletcher32, lzf }

  let stages: [Stage]
  /// Bytes of an element, for the shuffle.
  let width: Int

  /// Nil where the library must decode.
  init?(_ filters: [HDF5Dataset.Filter], width: Int) throws(CheckpointError) {
    var stages: [Stage] = []
    for filter in filters {
      switch filter.id {
      case 1: stages.append(.deflate)
      case 2: stages.append(.shuffle)
      case 3: stages.append(.fletcher32)
      case 32000: stages.append(.lzf)
      default: return nil
      }
    }
    // Sizes between two compressions would be known to nobody.
    guard stages.filter({ $0 == .deflate || $0 == .lzf }).count < 2 else { return nil }
    self.stages = stages
    self.width = width
  }

  /// The most bytes that a chunk may be stored in: incompressible data grow a little.
  func largestStored(_ chunkBytes: Int) -> Int { chunkBytes + chunkBytes / 8 + 1024 }

  /// - Parameters:
  ///   - stored: a mask of 32 bits, in which a set bit says that the filter of its number was left out; then the chunk.
  ///   - chunkBytes: what must come out.
  func decode(_ stored: [UInt8], chunkBytes: Int) throws(CheckpointError) -> [UInt8] {
    guard stored.count >= 4 else { throw HDF5Worker.nonsense() }
    let mask = UInt32(stored[0]) | UInt32(stored[1]) << 8 | UInt32(stored[2]) << 16 | UInt32(stored[3]) << 24
    var bytes = Array(stored[4...])
    // What goes into each stage, as long as no compression makes that unknown.
    var sizes = [chunkBytes]
    for (i, stage) in stages.enumerated() {
      let isLeftOut = i < 32 && mask >> UInt32(i) & 1 == 1
      sizes.append(sizes[i] + (stage == .fletcher32 && !isLeftOut ? 4 : 0))
    }
    for (i, stage) in stages.enumerated().reversed() where i >= 32 || mask >> UInt32(i) & 1 == 0 {
      switch stage {
      case .deflate: bytes = try Deflate.inflate(bytes, to: sizes[i])
      case .lzf: bytes = try LZF.decode(bytes, to: sizes[i])
      case .shuffle: bytes = try Shuffle.undo(bytes, width: width)
      case .fletcher32: bytes = try Fletcher32.check(bytes)
      }
    }
    guard bytes.count == chunkBytes else {
      throw CheckpointError(.corrupt, "a chunk has \(bytes.count) bytes where its shape asks for \(chunkBytes)")
    }
    return bytes
  }
}

/// RFC 1950 streams, as HDF5's filter 1 keeps them.
enum Deflate {
  /// A deflate stream cannot make more than this of one byte.
  private static let largestRatio = 1032

  static func inflate(_ bytes: [UInt8], to size: Int) throws(CheckpointError) -> [UInt8] {
    guard size / largestRatio <= bytes.count else {
      throw CheckpointError(.corrupt, "\(bytes.count) deflated bytes cannot become a chunk of \(size)")
    }
    try requireMemory(size)
    guard let decompressor = unsafe libdeflate_alloc_decompressor() else {
      throw CheckpointError(.io, "there is not enough memory to decompress")
    }
    // SAFETY: the decompressor is this call's own; the pointers are used inside the closures only, for the bytes that both
    // arrays have.
    defer { unsafe libdeflate_free_decompressor(decompressor) }
    var output = [UInt8](repeating: 0, count: size)
    let result = unsafe output.withUnsafeMutableBytes { target in
      unsafe bytes.withUnsafeBytes { source in
        unsafe libdeflate_zlib_decompress(
          decompressor, source.baseAddress, source.count, target.baseAddress, target.count, nil)
      }
    }
    guard result == LIBDEFLATE_SUCCESS else {
      throw CheckpointError(
        .corrupt,
        result == LIBDEFLATE_BAD_DATA
          ? "a chunk's deflate stream is damaged" : "a chunk does not inflate to the \(size) bytes of its shape")
    }
    return output
  }

  static func deflate(_ bytes: [UInt8], level: Int) throws(CheckpointError) -> [UInt8] {
    guard let compressor = unsafe libdeflate_alloc_compressor(CInt(level)) else {
      throw CheckpointError(.io, "there is not enough memory to compress")
    }
    // SAFETY: as above; the output has the room that the library asks for.
    defer { unsafe libdeflate_free_compressor(compressor) }
    var output = [UInt8](repeating: 0, count: unsafe libdeflate_zlib_compress_bound(compressor, bytes.count))
    let count = unsafe output.withUnsafeMutableBytes { target in
      unsafe bytes.withUnsafeBytes { source in
        unsafe libdeflate_zlib_compress(
          compressor, source.baseAddress, source.count, target.baseAddress, target.count)
      }
    }
    output.removeSubrange(count...)
    return output
  }
}

/// HDF5's filter 2: all first bytes of the elements, then all second ones, and so on. What is left over stands at the end.
enum Shuffle {
  static func apply(_ bytes: [UInt8], width: Int) -> [UInt8] {
    guard width > 1 else { return bytes }
    var output = bytes
    // SAFETY: both arrays have `bytes.count` bytes; whole elements of them are touched, inside the closures only.
    unsafe output.withUnsafeMutableBytes { target in
      unsafe bytes.withUnsafeBytes { source in
        unsafe ck_shuffle(source.baseAddress, target.baseAddress, width, bytes.count / width)
      }
    }
    return output
  }

  static func undo(_ bytes: [UInt8], width: Int) throws(CheckpointError) -> [UInt8] {
    guard width > 1 else { return bytes }
    var output = bytes
    // SAFETY: as above.
    unsafe output.withUnsafeMutableBytes { target in
      unsafe bytes.withUnsafeBytes { source in
        unsafe ck_unshuffle(source.baseAddress, target.baseAddress, width, bytes.count / width)
      }
    }
    return output
  }
}

/// HDF5's filter 3: a checksum of 32 bits after the bytes. Source: H5checksum.c, `H5_checksum_fletcher32`.
enum Fletcher32 {
  /// The bytes without the sum.
  static func check(_ bytes: [UInt8]) throws(CheckpointError) -> [UInt8] {
    guard bytes.count >= 4 else { throw CheckpointError(.corrupt, "a chunk is too short for its checksum") }
    let data = Array(bytes.dropLast(4))
    let tail = bytes.suffix(4)
    let recorded = tail.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    let found = sum(data)
    // HDF5 before 1.6.3 swapped the bytes of each half.
    let swapped = (found & 0x00ff_00ff) << 8 | (found & 0xff00_ff00) >> 8
    guard recorded == found || recorded == swapped else {
      throw CheckpointError(.corrupt, "a chunk's fletcher32 checksum differs: recorded \(recorded), found \(found)")
    }
    return data
  }

  static func sum(_ bytes: [UInt8]) -> UInt32 {
    var (a, b): (UInt32, UInt32) = (0, 0)
    var i = 0
    while i + 1 < bytes.count {
      // 360 sums stay below 2³².
      let end = min(bytes.count - 1, i + 720)
      while i < end {
        a &+= UInt32(bytes[i]) << 8 | UInt32(bytes[i + 1])
        b &+= a
        i += 2
      }
      a = (a & 0xffff) &+ (a >> 16)
      b = (b & 0xffff) &+ (b >> 16)
    }
    if bytes.count % 2 == 1 {
      a &+= UInt32(bytes[bytes.count - 1]) << 8
      b &+= a
      a = (a & 0xffff) &+ (a >> 16)
      b = (b & 0xffff) &+ (b >> 16)
    }
    a = (a & 0xffff) &+ (a >> 16)
    b = (b & 0xffff) &+ (b >> 16)
    return b << 16 | a
  }
}

/// LZF as h5py registers it (filter 32000): runs of literals, and copies of what came before.
enum LZF {
  static func decode(_ bytes: [UInt8], to size: Int) throws(CheckpointError) -> [UInt8] {
    // A copy of three bytes makes 264 at most.
    guard size / 264 <= bytes.count else {
      throw CheckpointError(.corrupt, "\(bytes.count) LZF bytes cannot become a chunk of \(size)")
    }
    try requireMemory(size)
    var output: [UInt8] = []
    output.reserveCapacity(size)
    var i = 0
    while i < bytes.count {
      let control = Int(bytes[i])
      i += 1
      if control < 32 {
        guard control + 1 <= bytes.count - i, control + 1 <= size - output.count else { throw damaged() }
        output.append(contentsOf: bytes[i..<i + control + 1])
        i += control + 1
      } else {
        var length = control >> 5
        if length == 7 {
          guard i < bytes.count else { throw damaged() }
          length += Int(bytes[i])
          i += 1
        }
        guard i < bytes.count else { throw damaged() }
        let distance = (control & 31) << 8 | Int(bytes[i])
        i += 1
        var from = output.count - distance - 1
        guard from >= 0, length + 2 <= size - output.count else { throw damaged() }
        for _ in 0..<length + 2 {
          output.append(output[from])
          from += 1
        }
      }
    }
    guard output.count == size else { throw damaged() }
    return output
  }

  private static func damaged() -> CheckpointError { CheckpointError(.corrupt, "a chunk's LZF stream is damaged") }
}
