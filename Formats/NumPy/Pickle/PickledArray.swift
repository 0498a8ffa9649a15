import CheckpointCore

/// One numpy array in a pickle, read by a machine that can make nothing else. Format: Pickle/FORMAT.md.
struct PickledArray {
  let dtype: DType
  let shape: Shape
  let tensor: Tensor
  let warnings: [String]

  /// Whether a file may be a pickle: it begins with a protocol from 2 to 5, or with protocol 0's name of the array's maker.
  static func recognises(_ head: [UInt8]) -> Bool {
    guard head.count >= 2 else { return false }
    return head[0] == 0x80 && (2...5).contains(head[1]) || head.starts(with: Array("cnumpy".utf8))
  }

  init(_ file: InputFile) throws(CheckpointError) {
    do throws(CheckpointError) {
      var machine = PickleMachine(file)
      let (array, rest) = try machine.run()
      guard let array = array.made, let code = array.type.code else {
        throw CheckpointError(.corrupt, "the pickled array has no content")
      }
      let type = try NpyType(array.type.order + code)
      dtype = type.dtype
      shape = try Shape(array.shape)
      guard let width = type.dtype.width, let word = type.dtype.wordWidth else {
        throw CheckpointError(.unsupported, "\(type.dtype.rawValue) has no fixed width")
      }
      var storage = try array.bytes.storage(in: file)
      guard storage.byteCount == (try shape.byteCount(width: width)) else {
        throw CheckpointError(
          .corrupt,
          "the pickled array of shape \(shape) has \(storage.byteCount) bytes, not \(try shape.byteCount(width: width))"
        )
      }
      if type.isBigEndian, word > 1 { storage = ByteSwappedStorage(storage, wordWidth: word) }
      if array.isFortran, shape.rank > 1, storage.byteCount > 0 {
        storage = FortranStorage(storage, shape: shape, width: width)
      }
      tensor = try Tensor(dtype: type.dtype, shape: shape, storage: storage)
      warnings = rest > 0 ? ["\(rest) bytes follow the pickle"] : []
    } catch {
      throw error.at(file: file.path)
    }
  }
}

/// Bytes that an instruction carries: where they stand in the file, or decoded.
enum PickledBytes {
  case inFile(Range<Int>)
  /// UTF-8 text in the file.
  case text(Range<Int>)
  case decoded([UInt8])

  static let largestName = 4096

  /// A short name or code.
  func name(in file: InputFile) throws(CheckpointError) -> String {
    let bytes: [UInt8]
    switch self {
    case .decoded(let decoded): bytes = decoded
    case .inFile(let range), .text(let range):
      guard range.count <= PickledBytes.largestName else {
        throw CheckpointError(.corrupt, "a name in the pickle is too long")
      }
      bytes = try file.bytes(at: range.lowerBound, count: range.count)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  func storage(in file: InputFile) throws(CheckpointError) -> any TensorStorage {
    switch self {
    case .decoded(let bytes): return MemoryStorage(bytes)
    case .inFile(let range): return try FileStorage(file, offset: range.lowerBound, byteCount: range.count)
    case .text: throw CheckpointError(.corrupt, "the content of the pickled array is text")
    }
  }

  /// The bytes that a text stands for in Latin-1: one for each character.
  func latin1(in file: InputFile) throws(CheckpointError) -> PickledBytes {
    guard case .text(let range) = self else { throw CheckpointError(.corrupt, "_codecs.encode takes a text") }
    let utf8 = try file.bytes(at: range.lowerBound, count: range.count)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(utf8.count)
    var i = 0
    while i < utf8.count {
      if utf8[i] < 0x80 {
        bytes.append(utf8[i])
        i += 1
      } else {
        // Characters up to U+00FF take two bytes that begin with C2 or C3.
        guard utf8[i] == 0xc2 || utf8[i] == 0xc3, i + 1 < utf8.count, utf8[i + 1] & 0xc0 == 0x80 else {
          throw CheckpointError(.corrupt, "a pickled text is not Latin-1").at(offset: range.lowerBound + i)
        }
        bytes.append(utf8[i] << 6 | utf8[i + 1] & 0x3f)
        i += 2
      }
    }
    return .decoded(bytes)
  }
}

/// An array between `_reconstruct` and the BUILD that fills it. A class, because the memo refers to it.
final class PickledArrayState {
  struct Made {
    let shape: [Int]
    let type: PickledType
    let isFortran: Bool
    let bytes: PickledBytes
  }

  var made: Made?
}

/// A numpy dtype: `f8` and a byte order that BUILD adds.
final class PickledType {
  let code: String?
  var order = ""

  init(_ code: String) { self.code = code }
}
