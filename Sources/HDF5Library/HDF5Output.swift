import CHDF5
package import CheckpointCore
import Dispatch
import Synchronization

/// An HDF5 file that is written: groups, datasets and attributes are made by the worker, plain elements go straight to the place
/// that it gave them, compressed ones through it chunk by chunk.
package struct HDF5Output: ~Copyable {
  private let worker: HDF5Worker
  private let file: OutputFile
  private let base: Int
  private let options: WriteOptions
  /// Datasets in the order in which they were made, and what each is written as.
  private var datasets: [Made] = []

  private enum Made {
    case plain(Variable)
    /// Already written.
    case done
  }

  /// HDF5's own limit.
  package static let largestRank = 32
  /// The longest attribute that an object header of the old form holds, with room for its own fields.
  private static let longestOldAttribute = 64_000

  /// - Parameter attributes: all that will be written; long ones need the newer form of object header.
  /// - Parameter base: where in the file the HDF5 data begin, when they are a member of an archive.
  package init(
    _ file: OutputFile, at base: Int = 0, options: WriteOptions, attributes: some Sequence<Attribute>
  ) throws(CheckpointError) {
    var needs18 = false
    for attribute in attributes {
      if case .tensor(let tensor) = attribute.value, HDF5Output.storedSize(tensor) > HDF5Output.longestOldAttribute {
        needs18 = true
      }
    }
    self.file = file
    self.options = options
    self.base = base
    worker = try HDF5Worker(.writing(file, base: base, needs18: needs18))
  }

  /// Bytes of an attribute's value as it is written: strings of an array take the width of the longest.
  private static func storedSize(_ tensor: Tensor) -> Int {
    guard let strings = tensor.storage as? StringStorage else { return tensor.byteCount }
    return tensor.shape.rank == 0 ? 16 : (strings.lengths.max() ?? 0) * strings.lengths.count
  }

  // ---- groups and attributes

  /// Makes a group; the ones above it must be there. The root is there from the start.
  package func group(_ path: Name, attributes: [Attribute]) throws(CheckpointError) {
    if !path.bytes.isEmpty {
      var request: [UInt8] = []
      request.append(text: path.bytes)
      try worker.tell(CK_HDF5_GROUP, request)
    }
    for attribute in attributes { try write(attribute) }
  }

  /// Gives an attribute to what was made last. Single strings are of variable length, several ones as wide as the longest, as
  /// Keras and h5py write them.
  private func write(_ attribute: Attribute) throws(CheckpointError) {
    var request: [UInt8] = []
    request.append(text: attribute.name.bytes)
    switch attribute.value {
    case .nothing(let dtype):
      dtype == .string ? request.append(type: .fixedString(width: 1, isText: false)) : request.append(type: .of(dtype))
      request += [2, 0, 0]
    case .tensor(let tensor):
      if let strings = attribute.strings {
        // Keras before 2.4 decodes what it reads, which h5py 2 leaves it to do for ASCII only.
        let isASCII = strings.allSatisfy { $0.allSatisfy { $0 < 0x80 } }
        let isText = !isASCII && strings.allSatisfy { String(validating: $0, as: UTF8.self) != nil }
        let hasNul = strings.contains { $0.contains(0) }
        let width = strings.map(\.count).max() ?? 0
        if tensor.shape.rank == 0, !hasNul {
          request.append(type: .variableString(isText: isText))
          request.append(space: tensor.shape)
          request.append(2)
          request.append(variable: strings)
        } else {
          request.append(type: .fixedString(width: max(1, width), isText: isText))
          request.append(space: tensor.shape)
          request.append(1)
          for string in strings { request += string + [UInt8](repeating: 0, count: max(1, width) - string.count) }
        }
      } else {
        request.append(type: .of(tensor.dtype))
        request.append(space: tensor.shape)
        request.append(1)
        request += try tensor.bytes()
      }
    }
    try worker.tell(CK_HDF5_ATTRIBUTE, request)
  }

  // ---- datasets

  /// Makes a dataset for a variable. Its elements are written by `finish`, or now where they go through the worker.
  /// - Parameter path: with slashes between groups, which must be there.
  package mutating func dataset(_ path: Name, _ variable: Variable) throws(CheckpointError) {
    let tensor = variable.tensor
    if let strings = tensor.storage as? StringStorage {
      try write(strings, of: tensor, to: path, variable.attributes)
      return
    }
    let chunk = options.compression == nil ? nil : HDF5Output.chunk(of: tensor)
    var request: [UInt8] = []
    request.append(text: path.bytes)
    request.append(type: .of(tensor.dtype))
    request.append(space: tensor.shape)
    let width = tensor.dtype.width ?? 1
    request += [chunk == nil ? 0 : 1, UInt8(options.compression ?? 0), width > 1 ? 1 : 0]
    for size in chunk ?? [] { request.append(little: UInt64(size)) }
    try worker.tell(CK_HDF5_DATASET, request)
    for attribute in variable.attributes + (try HDF5Output.mark(tensor.dtype)) { try write(attribute) }
    let index = datasets.count
    datasets.append(chunk == nil ? .plain(variable) : .done)
    if let chunk { try write(variable, to: index, in: chunk) }
  }

  /// The attribute that tells a dtype which HDF5 has no type for.
  private static func mark(_ dtype: DType) throws(CheckpointError) -> [Attribute] {
    switch HDF5WrittenType.of(dtype) {
    case .opaque: [try Attribute(name: "dtype", text: Array(dtype.rawValue.utf8))]
    default: dtype.isKeptAsInteger ? [try Attribute(name: "dtype", text: Array(dtype.rawValue.utf8))] : []
    }
  }

  /// Strings with a NUL in them cannot be strings of C; they become lists of bytes. What is not UTF-8 is not marked as that:
  /// h5py 2 would decode it.
  private mutating func write(
    _ strings: StringStorage, of tensor: Tensor, to path: Name, _ attributes: [Attribute]
  ) throws(CheckpointError) {
    try strings.verify()
    let characters = try Tensor(
      dtype: .uint8, shape: try Shape.vector(strings.characters.byteCount), storage: strings.characters
    ).bytes()
    let hasNul = characters.contains(0)
    var isText = false
    if !hasNul, characters.contains(where: { $0 > 0x7f }) {
      isText = true
      var start = 0
      for length in strings.lengths where isText {
        isText = String(validating: characters[start..<start + length], as: UTF8.self) != nil
        start += length
      }
    }
    var request: [UInt8] = []
    request.append(text: path.bytes)
    request.append(type: hasNul ? .variableBytes : .variableString(isText: isText))
    request.append(space: tensor.shape)
    request += [0, 0, 0]
    try worker.tell(CK_HDF5_DATASET, request)
    for attribute in attributes { try write(attribute) }
    if hasNul { try write(try Attribute(name: "dtype", text: Array("string".utf8))) }
    let index = UInt32(clamping: datasets.count)
    datasets.append(.done)
    guard !strings.lengths.isEmpty else { return }
    request = []
    request.append(little: index)
    request.append(little: UInt64(strings.lengths.count))
    for length in strings.lengths { request.append(little: UInt64(length)) }
    request += characters
    try worker.tell(CK_HDF5_WRITE_STRINGS, request)
    options.progress?.advance(tensor.byteCount)
  }

  // ---- compressed elements

  /// Bytes of a chunk, at most.
  private static let chunkSize = 1 << 20

  /// A chunk that is a contiguous piece of the row-major order: whole inner dimensions, as many as fit, and a part of the next.
  /// Nil where there is nothing to gain.
  static func chunk(of tensor: Tensor) -> [Int]? {
    guard let width = tensor.dtype.width, tensor.shape.rank > 0, tensor.byteCount >= 256 else { return nil }
    var chunk = tensor.shape.dimensions
    var size = tensor.byteCount
    for i in chunk.indices where size > chunkSize {
      let inner = size / chunk[i]
      chunk[i] = max(1, min(chunk[i], chunkSize / max(inner, width)))
      size = inner * chunk[i]
    }
    return chunk
  }

  /// Compresses a tensor's chunks on all cores and sends them in order, so that the file is the same for any number of cores.
  private func write(_ variable: Variable, to index: Int, in chunk: [Int]) throws(CheckpointError) {
    let tensor = variable.tensor
    let storage = tensor.storage
    let width = tensor.dtype.width ?? 1
    let full = try Shape(chunk).byteCount(width: width)
    let places = ChunkPlaces(tensor.shape.dimensions, chunk, width: width)
    let level = options.compression ?? 4
    let jobs = max(1, options.jobs)
    if storage.crc32c == nil {
      try locating(variable: variable.name) { () throws(CheckpointError) in try storage.verify() }
    }
    var sum = CRC32C()
    var next = 0
    while next < places.count {
      try throwIfInterrupted()
      let batch = next..<min(places.count, next + 4 * jobs)
      let results = Mutex<[Int: Result<(UInt32, [UInt8]), CheckpointError>]>([:])
      let turn = Atomic(batch.lowerBound)
      DispatchQueue.concurrentPerform(iterations: jobs) { _ in
        while true {
          let i = turn.add(1, ordering: .relaxed).oldValue
          guard i < batch.upperBound else { return }
          let result = Result { () throws(CheckpointError) in
            var bytes = [UInt8](repeating: 0, count: full)
            var part = bytes.mutableRawSpan(0..<places.byteCount(i))
            try storage.read(into: &part, at: places.start(i))
            var sum = CRC32C()
            sum.update(bytes.rawSpan.extracting(0..<places.byteCount(i)))
            return (sum.value, try Deflate.deflate(Shuffle.apply(bytes, width: width), level: level))
          }
          results.withLock { $0[i] = result }
        }
      }
      var found = results.withLock { $0 }
      for i in batch {
        guard let result = found.removeValue(forKey: i) else { continue }
        let (part, bytes) = try locating(variable: variable.name) { () throws(CheckpointError) in try result.get() }
        sum.append(part, count: places.byteCount(i))
        var request: [UInt8] = []
        request.reserveCapacity(bytes.count + 64)
        request.append(little: UInt32(clamping: index))
        request.append(little: UInt32(0))
        request.append(little: UInt32(chunk.count))
        for offset in places.offsets(i) { request.append(little: UInt64(offset)) }
        request += bytes
        try worker.tell(CK_HDF5_WRITE_CHUNK, request)
        options.progress?.advance(places.byteCount(i))
      }
      next = batch.upperBound
    }
    if let recorded = storage.crc32c, recorded != sum.value {
      throw CheckpointError.checksum(recorded: recorded, found: sum.value).at(
        file: tensor.file, variable: variable.name)
    }
  }

  // ---- the end

  /// Lets the worker close the file, then writes the plain elements to their places.
  /// - Returns: bytes of the HDF5 data.
  @discardableResult
  package consuming func finish() throws(CheckpointError) -> Int {
    var places: [Int] = []
    var size = 0
    try worker.ask(CK_HDF5_FINISH, [], limit: 24 + 8 * datasets.count) { (reply) throws(CheckpointError) in
      var fields = ByteCursor(reply.bytes)
      guard reply.kind == CK_HDF5_END, try fields.fixed64() == UInt64(datasets.count) else {
        throw HDF5Worker.nonsense()
      }
      size = Int(clamping: try fields.fixed64())
      for _ in datasets { places.append(Int(truncatingIfNeeded: try fields.fixed64())) }
      return true
    }
    var items: [TensorCopier.Item] = []
    for (made, place) in zip(datasets, places) {
      guard case .plain(let variable) = made, variable.tensor.byteCount > 0 else { continue }
      guard place >= 0 else { throw HDF5Worker.nonsense() }
      items.append(TensorCopier.Item(variable, to: file, at: base + place))
    }
    _ = try TensorCopier(jobs: options.jobs, progress: options.progress).copy(items)
    return size
  }
}

/// Where the chunks of a tensor lie: each is a contiguous piece of the row-major order.
private struct ChunkPlaces {
  private let sizes: [Int]
  private let chunk: [Int]
  private let width: Int
  /// Chunks along each dimension.
  private let grid: [Int]
  let count: Int

  init(_ sizes: [Int], _ chunk: [Int], width: Int) {
    (self.sizes, self.chunk, self.width) = (sizes, chunk, width)
    grid = zip(sizes, chunk).map { ($0 + $1 - 1) / $1 }
    count = grid.reduce(1, *)
  }

  func offsets(_ index: Int) -> [Int] {
    var rest = index
    var offsets = [Int](repeating: 0, count: sizes.count)
    for i in sizes.indices.reversed() {
      offsets[i] = rest % grid[i] * chunk[i]
      rest /= grid[i]
    }
    return offsets
  }

  func start(_ index: Int) -> Int {
    var start = 0
    for (offset, size) in zip(offsets(index), sizes) { start = start * size + offset }
    return start * width
  }

  /// Bytes of the tensor in a chunk; the last one along a dimension may be short.
  func byteCount(_ index: Int) -> Int {
    var count = width
    for (i, offset) in offsets(index).enumerated() { count *= min(chunk[i], sizes[i] - offset) }
    return count
  }
}

/// A type as the worker is asked to make it. Layout: README.md, "Types that are written".
enum HDF5WrittenType {
  case integer(width: Int, signed: Bool)
  case float(width: Int)
  case boolean
  case complex(width: Int)
  case opaque(width: Int)
  case fixedString(width: Int, isText: Bool)
  case variableString(isText: Bool)
  case variableBytes

  static func of(_ dtype: DType) -> HDF5WrittenType {
    switch dtype {
    case .bool: .boolean
    case .int8, .qint8, .int4, .int2: .integer(width: 1, signed: true)
    case .uint8, .quint8, .uint4, .uint2: .integer(width: 1, signed: false)
    case .int16, .qint16: .integer(width: 2, signed: true)
    case .uint16, .quint16: .integer(width: 2, signed: false)
    case .int32, .qint32: .integer(width: 4, signed: true)
    case .uint32: .integer(width: 4, signed: false)
    case .int64: .integer(width: 8, signed: true)
    case .uint64: .integer(width: 8, signed: false)
    case .float16: .float(width: 2)
    case .float32: .float(width: 4)
    case .float64: .float(width: 8)
    case .complex64: .complex(width: 4)
    case .complex128: .complex(width: 8)
    case .bfloat16: .opaque(width: 2)
    case .float8E5M2, .float8E4M3FN, .float8E4M3FNUZ, .float8E4M3B11FNUZ, .float8E5M2FNUZ: .opaque(width: 1)
    case .string, .variant: .variableBytes
    }
  }
}

extension [UInt8] {
  mutating func append(type: HDF5WrittenType) {
    let (kind, a, b): (UInt8, Int, Int) =
      switch type {
      case .integer(let width, let signed): (1, width, signed ? 1 : 0)
      case .float(let width): (2, width, 0)
      case .boolean: (3, 0, 0)
      case .complex(let width): (4, width, 0)
      case .opaque(let width): (5, width, 0)
      case .fixedString(let width, let isText): (6, width, isText ? 1 : 0)
      case .variableString(let isText): (7, 0, isText ? 1 : 0)
      case .variableBytes: (8, 0, 0)
      }
    append(kind)
    append(little: UInt32(clamping: a))
    append(little: UInt32(clamping: b))
  }

  mutating func append(space shape: Shape) {
    append(shape.rank == 0 ? 0 : 1)
    append(UInt8(clamping: shape.rank))
    for size in shape.dimensions { append(little: UInt64(size)) }
  }

  /// A count, the lengths, then the bytes.
  mutating func append(variable strings: [[UInt8]]) {
    append(little: UInt64(strings.count))
    for string in strings { append(little: UInt64(string.count)) }
    for string in strings { append(contentsOf: string) }
  }
}
