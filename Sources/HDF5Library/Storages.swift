import CHDF5
import CheckpointCore

/// Elements that only the library can decode: szip, n-bit, scale-offset, numbers of unusual layout, compact and virtual data.
struct DecodedStorage: TensorStorage {
  let worker: HDF5Worker
  let dataset: HDF5Dataset
  /// `native` in walk.c, 0 for elements as they are stored.
  let code: UInt32
  let width: Int
  let byteCount: Int

  init(_ worker: HDF5Worker, _ dataset: HDF5Dataset, code: UInt32, width: Int, byteCount: Int) {
    (self.worker, self.dataset, self.code, self.width, self.byteCount) = (worker, dataset, code, width, byteCount)
  }

  func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    let count = span.byteCount
    guard count > 0 else { return }
    var request: [UInt8] = []
    request.append(little: dataset.address)
    request.append(little: code)
    request.append(little: UInt64(offset / width))
    request.append(little: UInt64(count / width))
    let bytes = try locating(variable: dataset.path) { () throws(CheckpointError) in
      try worker.data(CK_HDF5_ELEMENTS, request, of: dataset.path, limit: count)
    }
    guard bytes.count == count else { throw HDF5Worker.nonsense() }
    try MemoryStorage(bytes).read(into: &span, at: 0)
  }
}

/// Elements that were never stored: one value, over and over.
struct FillStorage: TensorStorage {
  /// Whole elements, some KiB of them.
  private let pattern: MemoryStorage
  let byteCount: Int

  /// - Parameter element: one element, or nothing for zeros.
  init(_ element: [UInt8], width: Int, byteCount: Int) {
    var pattern = element
    if element.count != width || element.allSatisfy({ $0 == 0 }) {
      pattern = [UInt8](repeating: 0, count: 1 << 14)
    } else {
      while pattern.count < 1 << 14 { pattern += pattern }
    }
    self.pattern = MemoryStorage(pattern)
    self.byteCount = byteCount
  }

  func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    var done = 0
    while done < span.byteCount {
      let place = (offset + done) % pattern.byteCount
      let count = min(pattern.byteCount - place, span.byteCount - done)
      var part = span._mutatingExtracting(done..<done + count)
      try pattern.read(into: &part, at: place)
      done += count
    }
  }
}

/// Bytes that lie in other files (external raw storage). A file may name members only in its own folder, by a plain name.
enum ExternalFiles {
  /// The files that a dataset names.
  static func open(_ dataset: HDF5Dataset, beside file: InputFile) throws(CheckpointError) -> [Name: InputFile] {
    var members: [Name: InputFile] = [:]
    for (name, _, _) in dataset.externals where members[name] == nil {
      members[name] = try InputFile(try sibling(name, of: file, what: "its bytes lie in"))
    }
    return members
  }

  static func storage(
    _ dataset: HDF5Dataset, in members: [Name: InputFile], _ size: Int
  ) throws(CheckpointError) -> any TensorStorage {
    var parts: [FileStorage] = []
    var left = size
    for (name, offset, extent) in dataset.externals where left > 0 {
      guard let member = members[name] else { break }
      // An extent of 2⁶⁴-1 has no end of its own.
      let count = min(left, extent)
      parts.append(try FileStorage(member, offset: offset, byteCount: count))
      left -= count
    }
    guard left == 0 else {
      throw CheckpointError(.corrupt, "\(left) of its \(size) bytes lie in no file")
    }
    return JoinedStorage(parts)
  }

  /// The path of a file in the same folder.
  /// - Throws: `unsupported` for any other: what is opened is never a file's choice.
  static func sibling(_ name: Name, of file: InputFile, what: String) throws(CheckpointError) -> String {
    guard let text = name.text, !text.isEmpty, !text.utf8.contains(UInt8(ascii: "/")), !text.hasPrefix("."),
      !name.bytes.contains(0)
    else {
      throw CheckpointError(
        .unsupported, "\(what) '\(name)', outside the folder of the file, which is not followed")
    }
    let path = joinPath(splitPath(file.path).folder, text)
    guard Candidate.isFile(path), !Candidate.isLink(path) else {
      throw CheckpointError(.unsupported, "\(what) '\(name)', which is no file beside it")
    }
    return path
  }
}

/// Parts of files, one after the other.
struct JoinedStorage: TensorStorage {
  let parts: [FileStorage]
  let byteCount: Int

  init(_ parts: [FileStorage]) {
    self.parts = parts
    byteCount = parts.reduce(0) { $0 + $1.byteCount }
  }

  func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    var start = 0
    var done = 0
    for part in parts where done < span.byteCount {
      let position = offset + done - start
      if position < part.byteCount {
        let count = min(span.byteCount - done, part.byteCount - position)
        var piece = span._mutatingExtracting(done..<done + count)
        try part.read(into: &piece, at: position)
        done += count
      }
      start += part.byteCount
    }
  }
}
