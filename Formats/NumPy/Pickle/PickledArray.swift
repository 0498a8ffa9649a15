import CheckpointCore

/// One numpy array of plain numbers in a pickle. Format: Pickle/FORMAT.md.
struct PickledArray {
  let dtype: DType
  let shape: Shape
  let tensor: Tensor
  let warnings: [String]

  /// Whether a file may be a pickle of an array: it begins with a protocol from 2 to 5, or with protocol 0's name of the array's
  /// maker.
  static func recognises(_ head: [UInt8]) -> Bool {
    guard head.count >= 2 else { return false }
    return head[0] == 0x80 && (2...5).contains(head[1]) || head.starts(with: Array("cnumpy".utf8))
  }

  /// - Throws: `unsupported` where the pickle holds anything but one array.
  init(_ file: InputFile) throws(CheckpointError) {
    do throws(CheckpointError) {
      var machine = PickleMachine(file)
      let pickle = try machine.run()
      guard case .array(let array) = pickle.root else {
        throw CheckpointError(.unsupported, "the pickle is not one numpy array", remedy: "read it with --from pickle")
      }
      guard case .bytes? = array.made?.content else {
        throw CheckpointError(.unsupported, "the pickled array does not hold plain numbers")
      }
      tensor = try array.tensor(in: file)
      (dtype, shape) = (tensor.dtype, tensor.shape)
      warnings = pickle.rest > 0 ? ["\(pickle.rest) bytes follow the pickle"] : []
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
  /// UTF-8 text in memory.
  case decodedText([UInt8])

  static let largestName = 4096

  /// A short name or code.
  func name(in file: InputFile) throws(CheckpointError) -> String {
    let bytes: [UInt8]
    switch self {
    case .decoded(let decoded), .decodedText(let decoded): bytes = decoded
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
    case .text, .decodedText: throw CheckpointError(.corrupt, "the content of the pickled array is text")
    }
  }

  /// A string as the one element of a tensor.
  func string(in file: InputFile) throws(CheckpointError) -> StringStorage {
    switch self {
    case .decoded(let bytes), .decodedText(let bytes): return try StringStorage([bytes])
    case .inFile(let range), .text(let range):
      let characters = try FileStorage(file, offset: range.lowerBound, byteCount: range.count)
      return try StringStorage(lengths: [range.count], characters: characters)
    }
  }

  /// The bytes that a text stands for in Latin-1: one for each character.
  /// - Parameter limit: most bytes that may be decoded.
  func latin1(in file: InputFile, limit: Int) throws(CheckpointError) -> [UInt8] {
    let utf8: [UInt8]
    switch self {
    case .decodedText(let text): utf8 = text
    case .text(let range):
      guard range.count <= limit else {
        throw CheckpointError(.unsupported, "the pickle decodes more bytes than its file has")
      }
      utf8 = try file.bytes(at: range.lowerBound, count: range.count)
    case .decoded, .inFile: throw CheckpointError(.corrupt, "_codecs.encode takes a text")
    }
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
          throw CheckpointError(.corrupt, "a pickled text is not Latin-1, from its byte \(i) on")
        }
        bytes.append(utf8[i] << 6 | utf8[i + 1] & 0x3f)
        i += 2
      }
    }
    guard bytes.count <= limit else {
      throw CheckpointError(.unsupported, "the pickle decodes more bytes than its file has")
    }
    return bytes
  }

  /// A text as protocol 0 writes it: Latin-1 with `\uXXXX` and `\UXXXXXXXX` for what is not, and for what would end a line.
  /// - Returns: UTF-8.
  static func rawUnicode(_ line: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(line.count)
    var i = 0
    while i < line.count {
      if line[i] == UInt8(ascii: "\\"), i + 1 < line.count, let digits = [0x75: 4, 0x55: 8][line[i + 1]],
        i + 2 + digits <= line.count,
        let number = UInt32(String(decoding: line[i + 2..<i + 2 + digits], as: UTF8.self), radix: 16),
        let scalar = Unicode.Scalar(number)
      {
        text += Array(String(Character(scalar)).utf8)
        i += 2 + digits
      } else {
        if line[i] < 0x80 { text.append(line[i]) } else { text += [0xc0 | line[i] >> 6, 0x80 | line[i] & 0x3f] }
        i += 1
      }
    }
    return text
  }
}

/// An array between `_reconstruct` and the BUILD that fills it. A class, because the memo refers to it.
final class PickledArrayState {
  enum Content {
    case bytes(PickledBytes)
    /// An object array: number of the list with its members, in C order.
    case objects(Int)
  }

  struct Made {
    let shape: [Int]
    let type: PickledType
    let isFortran: Bool
    let content: Content
  }

  var made: Made?
}

extension PickledArrayState {
  /// The array of plain numbers.
  func tensor(in file: InputFile) throws(CheckpointError) -> Tensor {
    guard let made, let code = made.type.code, case .bytes(let bytes) = made.content else {
      throw CheckpointError(.corrupt, "the pickled array has no content")
    }
    let type = try NpyType(made.type.order + code)
    let shape = try Shape(made.shape)
    guard let width = type.dtype.width, let word = type.dtype.wordWidth else {
      throw CheckpointError(.unsupported, "\(type.dtype.rawValue) has no fixed width")
    }
    var storage = try bytes.storage(in: file)
    let size = try shape.byteCount(width: width)
    guard storage.byteCount == size else {
      throw CheckpointError(
        .corrupt, "the pickled array of shape \(shape) has \(storage.byteCount) bytes, not \(size)")
    }
    if type.isBigEndian, word > 1 { storage = ByteSwappedStorage(storage, wordWidth: word) }
    if made.isFortran, shape.rank > 1, size > 0 { storage = FortranStorage(storage, shape: shape, width: width) }
    return try Tensor(dtype: type.dtype, shape: shape, storage: storage)
  }
}

/// A numpy dtype: `f8` and a byte order that BUILD adds.
final class PickledType {
  let code: String?
  var order = ""

  init(_ code: String) { self.code = code }
}
