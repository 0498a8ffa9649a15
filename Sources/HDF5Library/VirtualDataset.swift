package import CheckpointCore

/// Virtual datasets in the form that HDF5 1.12 and later write, which libhdf5 1.10 cannot open: their elements are those of other
/// datasets of the same file. Source: HDF5 File Format Specification 3.0, IV.A.2.i (layout version 4, class 3), VIII (selections).
extension HDF5File {
  /// - Throws: `unsupported` for anything but a virtual dataset over this file alone, `corrupt` where it is damaged.
  package func virtualDataset(
    _ path: Name, headerAt address: UInt64
  ) throws(CheckpointError) -> (tensor: Tensor, members: [InputFile]) {
    try locating(file: file.path, variable: path) { () throws(CheckpointError) in
      let header = try ObjectHeader(file, base: base, address: address)
      guard let layout = header.virtualLayout, let shape = header.shape, let type = header.type,
        case .stored(let dtype, let swapped) = type.element(marked: nil), let width = dtype.width, !swapped
      else {
        throw CheckpointError(.unsupported, "is of a form that only a newer HDF5 library can read")
      }
      var runs: [VirtualStorage.Run] = []
      var members: [InputFile] = []
      for mapping in try VirtualMapping.list(file, base: base, heap: layout.heap, index: layout.index) {
        guard mapping.file == "." else {
          throw CheckpointError(
            .unsupported, "is a virtual dataset over another file, '\(mapping.file)', which is not followed")
        }
        guard let dataset = dataset(mapping.dataset) else {
          throw CheckpointError(.unsupported, "is made of '\(mapping.dataset)', which is not in the file")
        }
        let (source, files) = try tensor(dataset)
        members += files
        guard source.dtype == dtype else {
          throw CheckpointError(.unsupported, "is made of '\(mapping.dataset)', which has another dtype")
        }
        try VirtualStorage.pair(
          mapping.target.runs(in: shape), mapping.source.runs(in: source.shape), source.storage, into: &runs)
      }
      let size = try plausible(shape, width: width, stored: file.size)
      let storage = try VirtualStorage(runs, width: width, byteCount: size)
      return (try Tensor(dtype: dtype, shape: shape, storage: storage), members)
    }
  }
}

/// Runs of elements that lie in other tensors; what no run covers is zero.
struct VirtualStorage: TensorStorage {
  struct Run: Sendable {
    /// In elements.
    let start: Int
    let count: Int
    let source: any TensorStorage
    let sourceStart: Int
  }

  /// More than this many are not worth their memory.
  static let mostRuns = 1 << 20

  private let runs: [Run]
  private let width: Int
  let byteCount: Int

  init(_ runs: [Run], width: Int, byteCount: Int) throws(CheckpointError) {
    let sorted = runs.sorted { $0.start < $1.start }
    for (a, b) in zip(sorted, sorted.dropFirst()) where a.start + a.count > b.start {
      throw CheckpointError(.corrupt, "is a virtual dataset whose parts overlap")
    }
    (self.runs, self.width, self.byteCount) = (sorted, width, byteCount)
  }

  /// Cuts two selections of equally many elements into runs that lie in one piece on both sides.
  static func pair(
    _ targets: [Range<Int>], _ sources: [Range<Int>], _ storage: any TensorStorage, into runs: inout [Run]
  ) throws(CheckpointError) {
    var (i, j) = (0, 0)
    var (target, source) = (0, 0)
    while i < targets.count, j < sources.count {
      let count = min(targets[i].count - target, sources[j].count - source)
      runs.append(
        Run(
          start: targets[i].lowerBound + target, count: count, source: storage,
          sourceStart: sources[j].lowerBound + source))
      guard runs.count <= mostRuns else {
        throw CheckpointError(.unsupported, "is a virtual dataset of more than \(mostRuns) pieces")
      }
      (target, source) = (target + count, source + count)
      if target == targets[i].count { (i, target) = (i + 1, 0) }
      if source == sources[j].count { (j, source) = (j + 1, 0) }
    }
    guard i == targets.count, j == sources.count else {
      throw CheckpointError(.corrupt, "is a virtual dataset whose parts do not fit their sources")
    }
  }

  func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    let end = offset + span.byteCount
    for i in 0..<span.byteCount { span.storeBytes(of: 0, toByteOffset: i, as: UInt8.self) }
    for run in runs where run.start * width < end && (run.start + run.count) * width > offset {
      let from = max(offset, run.start * width)
      let to = min(end, (run.start + run.count) * width)
      var part = span._mutatingExtracting(from - offset..<to - offset)
      try run.source.read(into: &part, at: run.sourceStart * width + from - run.start * width)
    }
  }
}

/// The messages of an object header (version 2) that a virtual dataset needs.
private struct ObjectHeader {
  private(set) var shape: Shape?
  private(set) var type: HDF5Type?
  private(set) var virtualLayout: (heap: UInt64, index: Int)?

  init(_ file: InputFile, base: Int, address: UInt64) throws(CheckpointError) {
    let start = try file.place(address, from: base)
    let head = try file.bytes(at: start, count: min(64, max(0, file.size - start)))
    guard head.starts(with: "OHDR".utf8), head.count > 40, head[4] == 2 else {
      throw CheckpointError(.unsupported, "is of a form that only a newer HDF5 library can read")
    }
    let flags = head[5]
    let sizeOffset = 6 + (flags & 0x20 != 0 ? 16 : 0) + (flags & 0x10 != 0 ? 4 : 0)
    let sizeWidth = 1 << Int(flags & 3)
    var size = 0
    for i in (0..<sizeWidth).reversed() { size = size << 8 | Int(head[sizeOffset + i]) }
    let dataOffset = sizeOffset + sizeWidth
    guard size >= 0, size <= 1 << 20 else { throw CheckpointError(.corrupt, "its object header is too long") }
    let bytes = try file.bytes(at: start, count: dataOffset + size + 4)
    try Lookup3.check(bytes)
    var blocks: [(bytes: [UInt8], range: Range<Int>)] = [(bytes, dataOffset..<dataOffset + size)]
    var next = 0
    while next < blocks.count {
      guard next < 64 else { throw CheckpointError(.corrupt, "its object header has no end") }
      var fields = ByteCursor(blocks[next].bytes, blocks[next].range)
      next += 1
      while fields.remaining >= 4 {
        let kind = try fields.byte()
        let count = Int(try fields.byte()) | Int(try fields.byte()) << 8
        _ = try fields.byte()
        if flags & 0x04 != 0 { _ = try fields.skip(2) }
        let range = try fields.skip(count)
        var message = ByteCursor(fields.bytes, range)
        switch kind {
        case 0x01: shape = try ObjectHeader.space(&message)
        case 0x03: type = try ObjectHeader.type(&message)
        case 0x08:
          if try message.byte() >= 4, try message.byte() == 3 {
            virtualLayout = (try message.fixed64(), Int(try message.fixed32()))
          }
        case 0x10:
          let offset = try file.place(try message.fixed64(), from: base)
          let length = Int(clamping: try message.fixed64())
          guard length >= 8, length <= 1 << 20 else { throw CheckpointError(.corrupt, "its object header is damaged") }
          let more = try file.bytes(at: offset, count: length)
          try Lookup3.check(more)
          blocks.append((more, 4..<length - 4))
        default: break
        }
      }
    }
  }

  private static func space(_ fields: inout ByteCursor) throws(CheckpointError) -> Shape? {
    guard try fields.byte() == 2 else { return nil }
    let rank = Int(try fields.byte())
    _ = try fields.byte()
    guard try fields.byte() == 1 else { return nil }
    var sizes: [Int] = []
    for _ in 0..<rank { sizes.append(Int(clamping: try fields.fixed64())) }
    return try Shape(sizes)
  }

  private static func type(_ fields: inout ByteCursor) throws(CheckpointError) -> HDF5Type? {
    let kind = try fields.byte() & 0x0f
    let bits = (try fields.byte(), try fields.byte(), try fields.byte())
    let width = Int(try fields.fixed32())
    guard kind < 2 else { return nil }
    let offset = Int(try fields.byte()) | Int(try fields.byte()) << 8
    let precision = Int(try fields.byte()) | Int(try fields.byte()) << 8
    let isBig = bits.0 & 1 == 1
    if kind == 0 {
      return .integer(
        .init(width: width, bigEndian: isBig, signed: bits.0 & 8 != 0, precision: precision, offset: offset))
    }
    var places = [Int(bits.1)]
    for _ in 0..<4 { places.append(Int(try fields.byte())) }
    let bias = UInt64(try fields.fixed32())
    // Normalisation 2 is the implied first bit, which the library calls 0.
    return .float(
      .init(
        width: width, bigEndian: isBig, precision: precision, offset: offset, fields: places, bias: bias,
        normalisation: bits.0 >> 4 & 3 == 2 ? 0 : 1))
  }
}

/// One part of a virtual dataset: a selection of another one, and where it goes.
private struct VirtualMapping {
  let file: Name
  let dataset: Name
  let source: Selection
  let target: Selection

  /// Decodes a block in the global heap.
  static func list(
    _ file: InputFile, base: Int, heap: UInt64, index: Int
  ) throws(CheckpointError) -> [VirtualMapping] {
    let bytes = try object(file, at: try file.place(heap, from: base), index: index)
    guard bytes.count > 13 else { throw CheckpointError(.corrupt, "its list of sources is too short") }
    try Lookup3.check(bytes)
    var fields = ByteCursor(bytes, 0..<bytes.count - 4)
    guard try fields.byte() == 0 else {
      throw CheckpointError(.unsupported, "is of a form that only a newer HDF5 library can read")
    }
    let count = Int(clamping: try fields.fixed64())
    guard count <= bytes.count / 8 else { throw CheckpointError(.corrupt, "its list of sources is too short") }
    var mappings: [VirtualMapping] = []
    for _ in 0..<count {
      let file = try fields.terminated()
      let dataset = try fields.terminated()
      let source = try Selection(&fields)
      mappings.append(VirtualMapping(file: file, dataset: dataset, source: source, target: try Selection(&fields)))
    }
    return mappings
  }

  private static func object(_ file: InputFile, at start: Int, index: Int) throws(CheckpointError) -> [UInt8] {
    var head = ByteCursor(try file.bytes(at: start, count: 16))
    guard head.bytes.starts(with: "GCOL".utf8), head.bytes[4] == 1 else {
      throw CheckpointError(.corrupt, "its list of sources is not in a global heap")
    }
    try head.skip(8)
    let size = Int(clamping: try head.fixed64())
    guard size >= 16, size <= 1 << 24 else { throw CheckpointError(.corrupt, "a global heap has \(size) bytes") }
    var fields = ByteCursor(try file.bytes(at: start, count: size))
    try fields.skip(16)
    while fields.remaining >= 16 {
      let found = Int(try fields.byte()) | Int(try fields.byte()) << 8
      try fields.skip(6)
      let length = Int(clamping: try fields.fixed64())
      if found == 0 { break }
      let range = try fields.skip(length)
      if found == index { return Array(fields.bytes[range]) }
      try fields.skip(min(fields.remaining, (8 - length % 8) % 8))
    }
    throw CheckpointError(.corrupt, "its list of sources is not in the global heap")
  }
}

/// A selection of elements: all of them, or a regular hyperslab.
private enum Selection {
  case all
  case hyperslab([(start: Int, stride: Int, count: Int, block: Int)])

  init(_ fields: inout ByteCursor) throws(CheckpointError) {
    let kind = try fields.fixed32()
    let version = try fields.fixed32()
    switch (kind, version) {
    case (3, 1):
      try fields.skip(8)
      self = .all
    case (2, 2), (2, 3):
      let isRegular = try fields.byte() & 1 == 1
      let width = version == 3 ? Int(try fields.byte()) : 8
      if version == 2 { try fields.skip(4) }
      let rank = Int(try fields.fixed32())
      guard isRegular, rank <= 32, [2, 4, 8].contains(width) else { throw Selection.unknown }
      var slab: [(start: Int, stride: Int, count: Int, block: Int)] = []
      for _ in 0..<rank {
        var numbers: [Int] = []
        for _ in 0..<4 {
          let range = try fields.skip(width)
          numbers.append(Int(clamping: range.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64(fields.bytes[$1]) }))
        }
        slab.append((numbers[0], numbers[1], numbers[2], numbers[3]))
      }
      self = .hyperslab(slab)
    default: throw Selection.unknown
    }
  }

  private static var unknown: CheckpointError {
    CheckpointError(.unsupported, "is a virtual dataset over a selection of a kind that is not supported")
  }

  /// Ranges of the row-major order, in order.
  func runs(in shape: Shape) throws(CheckpointError) -> [Range<Int>] {
    guard case .hyperslab(let slab) = self else { return shape.elementCount == 0 ? [] : [0..<shape.elementCount] }
    guard slab.count == shape.rank else {
      throw CheckpointError(.corrupt, "is a virtual dataset over a selection of another rank")
    }
    // Positions along each dimension, outermost first; the last dimension gives runs.
    var starts = [0]
    var length = 1
    for (i, (dimension, size)) in zip(slab, shape.dimensions).enumerated() {
      let isLast = i == slab.count - 1
      // Every one of these becomes a range below.
      let (positions, many) = dimension.count.multipliedReportingOverflow(by: isLast ? 1 : dimension.block)
      guard !many, positions <= VirtualStorage.mostRuns else {
        throw CheckpointError(.unsupported, "is a virtual dataset of more than \(VirtualStorage.mostRuns) pieces")
      }
      var ranges: [Range<Int>] = []
      guard dimension.count <= size, dimension.block <= size,
        dimension.count == 1 || dimension.stride >= dimension.block
      else { throw CheckpointError(.corrupt, "is a virtual dataset over a selection outside of its source") }
      for k in 0..<dimension.count {
        let (step, overflow) = k.multipliedReportingOverflow(by: dimension.stride)
        let (from, overflow2) = dimension.start.addingReportingOverflow(step)
        guard !overflow, !overflow2, from <= size, dimension.block <= size - from else {
          throw CheckpointError(.corrupt, "is a virtual dataset over a selection outside of its source")
        }
        ranges.append(from..<from + dimension.block)
      }
      let pieces = isLast ? ranges : ranges.flatMap { range in range.map { $0..<$0 + 1 } }
      guard starts.count * pieces.count <= VirtualStorage.mostRuns else {
        throw CheckpointError(.unsupported, "is a virtual dataset of more than \(VirtualStorage.mostRuns) pieces")
      }
      if isLast {
        return starts.flatMap { start in pieces.map { start * size + $0.lowerBound..<start * size + $0.upperBound } }
      }
      starts = starts.flatMap { start in pieces.map { start * size + $0.lowerBound } }
      length = 1
    }
    return [0..<length]
  }
}

extension InputFile {
  /// Where an address lies that counts from `base`.
  fileprivate func place(_ address: UInt64, from base: Int) throws(CheckpointError) -> Int {
    guard let address = Int(exactly: address), address <= size - base else {
      throw CheckpointError(.corrupt, "the address \(address) lies outside the file")
    }
    return base + address
  }
}

/// Bob Jenkins' lookup3 (hashlittle, initial value 0), the checksum of HDF5's newer metadata.
enum Lookup3 {
  /// The last four bytes are the sum of those before.
  static func check(_ bytes: [UInt8]) throws(CheckpointError) {
    let end = bytes.count - 4
    guard end >= 0 else { throw CheckpointError(.corrupt, "its metadata are too short for a checksum") }
    let recorded = bytes[end...].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    let found = hash(bytes[..<end])
    guard recorded == found else {
      throw CheckpointError(.corrupt, "the checksum of its metadata differs: recorded \(recorded), found \(found)")
    }
  }

  static func hash(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    func rotate(_ x: UInt32, _ k: UInt32) -> UInt32 { x << k | x >> (32 - k) }
    func word(_ at: Int, _ end: Int) -> UInt32 {
      (0..<4).reduce(UInt32(0)) { at + $1 < end ? $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) : $0 }
    }
    var a = 0xdead_beef &+ UInt32(truncatingIfNeeded: bytes.count)
    var (b, c) = (a, a)
    var i = bytes.startIndex
    while bytes.endIndex - i > 12 {
      a &+= word(i, bytes.endIndex)
      b &+= word(i + 4, bytes.endIndex)
      c &+= word(i + 8, bytes.endIndex)
      a = (a &- c) ^ rotate(c, 4)
      c = c &+ b
      b = (b &- a) ^ rotate(a, 6)
      a = a &+ c
      c = (c &- b) ^ rotate(b, 8)
      b = b &+ a
      a = (a &- c) ^ rotate(c, 16)
      c = c &+ b
      b = (b &- a) ^ rotate(a, 19)
      a = a &+ c
      c = (c &- b) ^ rotate(b, 4)
      b = b &+ a
      i += 12
    }
    guard i < bytes.endIndex else { return c }
    a &+= word(i, bytes.endIndex)
    b &+= word(i + 4, bytes.endIndex)
    c &+= word(i + 8, bytes.endIndex)
    c = (c ^ b) &- rotate(b, 14)
    a = (a ^ c) &- rotate(c, 11)
    b = (b ^ a) &- rotate(a, 25)
    c = (c ^ b) &- rotate(b, 16)
    a = (a ^ c) &- rotate(c, 4)
    b = (b ^ a) &- rotate(a, 14)
    c = (c ^ b) &- rotate(b, 24)
    return c
  }
}

extension ByteCursor {
  /// Bytes up to a NUL, which is stepped over.
  fileprivate mutating func terminated() throws(CheckpointError) -> Name {
    var found: [UInt8] = []
    while true {
      let byte = try byte()
      if byte == 0 { return Name(bytes: found) }
      found.append(byte)
    }
  }
}
