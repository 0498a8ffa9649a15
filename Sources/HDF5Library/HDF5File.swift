import CHDF5
package import CheckpointCore
import Synchronization

/// An HDF5 file that is read: what is in it, listed once, and the storage of each dataset.
package struct HDF5File: Sendable {
  package let file: InputFile
  package let objects: [HDF5Object]
  package let warnings: [String]
  /// What kept the list of objects from being whole, where that was not to stop the reader.
  package let lost: [CheckpointError]
  /// Where the HDF5 data begin: behind a user block, or a member of an archive.
  let base: Int
  /// Where they should end.
  let end: Int
  private let worker: HDF5Worker
  private let cache = ChunkCache()
  private let places = Places()

  /// Where each dataset is in the list of objects, for files that are asked by name.
  private final class Places: Sendable {
    private let found = Mutex<[Name: Int]?>(nil)

    func of(_ path: Name, in objects: [HDF5Object]) -> Int? {
      found.withLock { found in
        if let found { return found[path] }
        var places: [Name: Int] = [:]
        for (i, object) in objects.enumerated() {
          if case .dataset(let dataset) = object { places[dataset.path] = places[dataset.path] ?? i }
        }
        found = places
        return places[path]
      }
    }
  }

  /// Whether the file ends before its HDF5 data do.
  var isCut: Bool { end > file.size }

  package static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]

  /// - Parameters:
  ///   - member: where the file's HDF5 data lie inside of it, when they are a part.
  ///   - size: bytes of that part; nil for all that follow.
  ///   - salvage: whether the objects that can be reached in a damaged or short file are enough.
  /// - Throws: `corrupt` where the file is not sound; the error names the object at which that was seen.
  package init(
    _ file: InputFile, from member: Int = 0, size: Int? = nil, salvage: Bool = false
  ) throws(CheckpointError) {
    self.file = file
    var end = min(file.size, size.map { member + $0 } ?? file.size)
    let base = try HDF5File.superblock(file, from: member)
    self.base = base
    if let needed = HDF5File.endOfFile(file, base), needed > end {
      // The library would open no file that is shorter than it says; told that it is whole, it fails where bytes are missing.
      guard salvage else { throw .cutShort(file, needed: needed) }
      end = needed
    }
    self.end = end
    worker = try HDF5Worker(.reading(file, base: base, end: end))
    var objects: [HDF5Object] = []
    // A name takes some bytes of the file; a hundred of them are what the smallest object takes.
    let most = 64 + file.size / 8
    var reply: CheckpointError?
    let failure: CheckpointError?
    do throws(CheckpointError) {
      try worker.ask(CK_HDF5_WALK, [0, 0, 0, 0], limit: 256 << 20) { (found) throws(CheckpointError) in
        switch found.kind {
        case CK_HDF5_BEGIN: break
        case CK_HDF5_OBJECT:
          guard objects.count < most else {
            throw CheckpointError(.corrupt, "lists more objects than \(file.size) bytes can hold")
          }
          do throws(CheckpointError) {
            objects.append(try HDF5Object(found.bytes))
          } catch {
            reply = reply ?? error
          }
        case CK_HDF5_END: return true
        default: throw HDF5Worker.nonsense()
        }
        return false
      }
      failure = reply?.at(file: file.path)
    } catch {
      failure = error
    }
    if let failure {
      guard salvage, failure.code == .corrupt else { throw failure }
      lost = [HDF5File.unlisted(failure, file, end)]
    } else {
      lost = []
    }
    self.objects = objects
    let trailing = end - base - worker.end
    warnings =
      trailing > 0
      ? ["\(splitPath(file.path).last): \(trailing) bytes after the end of the HDF5 data belong to nothing"] : []
  }

  /// What the root holds, for recognition: the names of its attributes and of its links.
  package static func root(
    of file: InputFile, from member: Int = 0
  ) throws(CheckpointError) -> (attributes: [Name], links: [Name]) {
    // No second more than the least: a file that takes longer is opened once more, and said to be what it is then.
    let worker = try HDF5Worker(.reading(file, base: try superblock(file, from: member), end: file.size), seconds: 0)
    var attributes: [Name] = []
    var links: [Name] = []
    try worker.ask(CK_HDF5_WALK, [1, 0, 0, 0], limit: 256 << 20) { (found) throws(CheckpointError) in
      if found.kind == CK_HDF5_BEGIN, !found.bytes.isEmpty { links.append(Name(bytes: found.bytes)) }
      if found.kind == CK_HDF5_OBJECT, case .group(_, let list) = try HDF5Object(found.bytes) {
        attributes = list.map(\.name)
      }
      return found.kind == CK_HDF5_END
    }
    return (attributes, links)
  }

  /// Whether a file begins as HDF5, at once or behind a user block.
  package static func isHDF5(_ path: String) -> Bool {
    do throws(CheckpointError) {
      _ = try superblock(try InputFile(path), from: 0)
      return true
    } catch {
      return false
    }
  }

  /// The offset of the superblock: 0, or 512 and its doublings behind a user block.
  private static func superblock(_ file: InputFile, from start: Int) throws(CheckpointError) -> Int {
    var offset = 0
    while file.size - start - offset >= signature.count {
      if try file.bytes(at: start + offset, count: signature.count) == signature { return start + offset }
      offset = offset == 0 ? 512 : 2 * offset
    }
    throw CheckpointError(.corrupt, "is not an HDF5 file: its signature is not there").at(file: file.path)
  }

  /// Why the list of objects is not whole: what comes after the one that fails has not even a name.
  private static func unlisted(_ failure: CheckpointError, _ file: InputFile, _ end: Int) -> CheckpointError {
    let message = "cannot be listed, and neither can what comes after it"
    guard end > file.size else {
      return CheckpointError(.corrupt, "\(message): \(failure.message)").at(file: file.path, variable: failure.variable)
    }
    return CheckpointError(
      .corrupt, "\(message): the file has \(file.size) bytes and needs \(end)", remedy: "fetch or copy the file again"
    ).at(file: file.path, variable: failure.variable).because(.truncated)
  }

  /// Where the superblock says that the file ends; nil where it says nothing that can be used. Source: the HDF5 file format
  /// specification, II.A: a base address, one of an index or extension, and the end of the file, which counts from where the base
  /// does.
  private static func endOfFile(_ file: InputFile, _ base: Int) -> Int? {
    guard let head = try? file.bytes(at: base, count: min(64, file.size - base)), head.count == 64 else { return nil }
    let version = head[8]
    let place: Int
    switch version {
    case 0, 1:
      guard head[13] == 8 else { return nil }
      place = version == 0 ? 24 : 28
    case 2, 3:
      guard head[9] == 8 else { return nil }
      place = 12
    default: return nil
    }
    var cursor = ByteCursor(head, place..<place + 24)
    guard let start = try? cursor.fixed64(), (try? cursor.skip(8)) != nil, let end = try? cursor.fixed64(),
      end >= start, let count = Int(exactly: end - start), count < 1 << 60
    else { return nil }
    return base + count
  }

  /// The file in the same folder that another one names.
  /// - Throws: `unsupported` for a name that leads elsewhere.
  package static func sibling(_ name: Name, of file: InputFile) throws(CheckpointError) -> HDF5File {
    let path = try ExternalFiles.sibling(name, of: file, what: "links into")
    return try HDF5File(try InputFile(path))
  }

  /// The dataset at a path, which may begin with a slash.
  package func dataset(_ path: Name) -> HDF5Dataset? {
    let wanted = Name(bytes: path.bytes.drop { $0 == UInt8(ascii: "/") })
    guard let place = places.of(wanted, in: objects), case .dataset(let dataset) = objects[place] else { return nil }
    return dataset
  }

  /// A dataset as a tensor, and the files beside this one that hold its bytes (external raw storage).
  /// - Throws: `unsupported` where no store can hold it, with the reason.
  package func tensor(_ dataset: HDF5Dataset) throws(CheckpointError) -> (tensor: Tensor, members: [InputFile]) {
    try locating(file: file.path, variable: dataset.path) { () throws(CheckpointError) in
      let members = try ExternalFiles.open(dataset, beside: file)
      let tensor = try TensorOfDataset(self, worker, cache, dataset, members).make()
      return (tensor, members.values.sorted { $0.path < $1.path })
    }
  }
}

extension HDF5File {
  /// Bytes of the elements, where what is stored makes them believable: a declared size alone is worth nothing.
  func plausible(_ shape: Shape, width: Int, stored: Int) throws(CheckpointError) -> Int {
    let size = try shape.byteCount(width: width)
    if size > 1 << 28, size / 1000 > stored {
      throw CheckpointError(
        .unsupported, "claims \(size) bytes where the file holds \(stored) for it, which is not believed")
    }
    return size
  }

}

/// Finds the storage that gives a dataset's canonical bytes.
private struct TensorOfDataset {
  let file: HDF5File
  let worker: HDF5Worker
  let cache: ChunkCache
  let dataset: HDF5Dataset
  let members: [Name: InputFile]

  init(
    _ file: HDF5File, _ worker: HDF5Worker, _ cache: ChunkCache, _ dataset: HDF5Dataset, _ members: [Name: InputFile]
  ) {
    (self.file, self.worker, self.cache, self.dataset, self.members) = (file, worker, cache, dataset, members)
  }

  func make() throws(CheckpointError) -> Tensor {
    guard let shape = dataset.shape else {
      throw CheckpointError(.unsupported, "has a null dataspace, which holds no value")
    }
    if case .virtual = dataset.layout, let source = dataset.virtualSource {
      throw CheckpointError(
        .unsupported, "is a virtual dataset over another file, '\(source)', which is not followed",
        remedy: "h5repack makes one file of them")
    }
    if case .contiguous(_?) = dataset.layout, dataset.externals.isEmpty, let width = dataset.type.width {
      let size = try shape.byteCount(width: width)
      guard dataset.storedBytes == size else {
        throw CheckpointError(.corrupt, "its shape has \(size) bytes, and the file has \(dataset.storedBytes) for it")
      }
    }
    switch dataset.type.element(marked: dataset.marked) {
    case .stored(let dtype, let swapped):
      let size = try plausible(shape, width: dtype.width ?? 1)
      let raw = try storage(size, width: dtype.width ?? 1)
      return try Tensor(
        dtype: dtype, shape: shape,
        storage: swapped ? ByteSwappedStorage(raw, wordWidth: dtype.wordWidth ?? 1) : raw)
    case .converted(let dtype, let code):
      let size = try plausible(shape, width: dtype.width ?? 1)
      try requireLibraryFilters()
      return try Tensor(
        dtype: dtype, shape: shape,
        storage: DecodedStorage(worker, dataset, code: code, width: dtype.width ?? 1, byteCount: size))
    case .fixedStrings(let width, let padding):
      let size = try plausible(shape, width: width)
      // Strings are kept in memory, so that a size that the file does not bear out is believed sooner than it is kept.
      guard shape.elementCount <= mostStrings, size <= 1 << 26 + 16 * file.file.size else {
        throw CheckpointError(
          .corrupt, "\(size) bytes of strings are more than a file of \(file.file.size) bytes can hold")
      }
      let bytes = try storage(size, width: width).allBytes()
      let strings = try FixedStrings.cut(bytes, width: width, padding: padding)
      return try Tensor(dtype: .string, shape: shape, storage: StringStorage(strings))
    case .variableStrings:
      _ = try plausible(shape, width: 16)
      return try Tensor(dtype: .string, shape: shape, storage: StringStorage(try variableStrings(shape.elementCount)))
    case .unreadable(let what):
      throw CheckpointError(.unsupported, "holds \(what), which no tensor has")
    }
  }

  private func plausible(_ shape: Shape, width: Int) throws(CheckpointError) -> Int {
    guard dataset.externals.isEmpty else { return try shape.byteCount(width: width) }
    // What a virtual dataset is made of is anywhere in the file.
    let stored = dataset.layout == .virtual ? file.file.size : dataset.storedBytes
    return try file.plausible(shape, width: width, stored: stored)
  }

  private func storage(_ size: Int, width: Int) throws(CheckpointError) -> any TensorStorage {
    guard size > 0 else { return MemoryStorage([]) }
    guard dataset.externals.isEmpty else { return try ExternalFiles.storage(dataset, in: members, size) }
    switch dataset.layout {
    case .contiguous(let offset):
      guard let offset else { return FillStorage(dataset.fill, width: width, byteCount: size) }
      let (start, overflow) = file.base.addingReportingOverflow(offset)
      guard !overflow else { throw CheckpointError(.corrupt, "its bytes lie outside the file, at \(offset)") }
      if file.isCut, start.addingReportingOverflow(size).overflow || start + size > file.file.size {
        return MissingStorage(byteCount: size, reason: .cutShort(file.file, needed: file.end))
      }
      return try FileStorage(file.file, offset: start, byteCount: size)
    case .chunked(let chunk):
      if let pipeline = try FilterPipeline(dataset.filters, width: width), let shape = dataset.shape {
        return try ChunkedStorage(
          worker, cache, dataset, shape: shape, chunk: chunk, width: width, pipeline: pipeline, fileSize: file.file.size
        )
      }
      try requireLibraryFilters()
      return DecodedStorage(worker, dataset, code: 0, width: width, byteCount: size)
    case .compact, .virtual:
      return DecodedStorage(worker, dataset, code: 0, width: width, byteCount: size)
    }
  }

  /// - Throws: `unsupported` for a filter that is not part of the library: plug-ins are never loaded.
  private func requireLibraryFilters() throws(CheckpointError) {
    if let unknown = dataset.filters.first(where: { $0.id > 6 }) {
      throw CheckpointError(
        .unsupported,
        "is compressed with filter \(unknown.id)\(unknown.name.isEmpty ? "" : " (\(Name.printable(unknown.name)))"), which is not supported",
        remedy: "h5repack -f GZIP=4 writes it again with a common one")
    }
  }

  /// What a file of this size may have of strings, and of characters in those of variable length: many elements may name the
  /// same ones.
  private var mostStrings: Int { 1 << 20 + 16 * file.file.size }

  private func variableStrings(_ count: Int) throws(CheckpointError) -> [[UInt8]] {
    try requireLibraryFilters()
    let most = mostStrings
    guard count <= most else {
      throw CheckpointError(.corrupt, "\(count) strings are more than a file of \(file.file.size) bytes can hold")
    }
    var strings: [[UInt8]] = []
    var total = 0
    while strings.count < count {
      let part = min(4096, count - strings.count)
      var request: [UInt8] = []
      request.append(little: dataset.address)
      request.append(little: UInt64(strings.count))
      request.append(little: UInt64(part))
      var fields = ByteCursor(try worker.data(CK_HDF5_STRINGS, request, of: dataset.path, limit: 256 << 20))
      for string in try VariableStrings.decode(&fields, count: part) {
        total += string.count
        strings.append(string)
      }
      guard total <= most else {
        throw CheckpointError(.corrupt, "its strings come to more than a file of \(file.file.size) bytes can hold")
      }
    }
    return strings
  }
}

extension [UInt8] {
  mutating func append<T: FixedWidthInteger>(little value: T) {
    for i in 0..<(T.bitWidth / 8) { append(UInt8(truncatingIfNeeded: value >> (8 * T(i)))) }
  }

  /// A length of 32 bits, then bytes.
  mutating func append(text: some Collection<UInt8>) {
    append(little: UInt32(clamping: text.count))
    append(contentsOf: text)
  }
}
