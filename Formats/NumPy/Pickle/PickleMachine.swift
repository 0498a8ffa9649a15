import CheckpointCore

/// A value that a pickle can make. Lists and dictionaries are numbers of the pickle's, so that one that holds itself, or is nested
/// without end, is a number too.
enum PickledValue {
  case mark
  case none
  case flag(Bool)
  case integer(Int)
  case float(Double)
  case bytes(PickledBytes)
  /// Members, and how deep tuples are nested in them.
  case tuple([PickledValue], depth: Int)
  case list(Int)
  case dictionary(Int)
  case name(KnownName)
  case type(PickledType)
  case array(PickledArrayState)
}

/// The names that a pickle may use.
enum KnownName {
  case reconstruct, ndarray, dtype, scalar, encode, fromBuffer, orderedDictionary, bytes

  init(module: String, name: String) throws(CheckpointError) {
    switch (module, name) {
    case ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"): self = .reconstruct
    case ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"): self = .scalar
    case ("numpy.core.numeric", "_frombuffer"), ("numpy._core.numeric", "_frombuffer"): self = .fromBuffer
    case ("numpy", "ndarray"): self = .ndarray
    case ("numpy", "dtype"): self = .dtype
    case ("_codecs", "encode"): self = .encode
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("__builtin__", "bytes"), ("builtins", "bytes"): self = .bytes
    default:
      let shown = Name.printable(Array("\(module).\(name)".utf8.prefix(120)))
      throw CheckpointError(.unsupported, "the pickle asks for \(shown), which is never imported or called")
    }
  }
}

/// What a pickle made.
struct Pickle {
  let root: PickledValue
  let lists: [[PickledValue]]
  let dictionaries: [[(key: PickledValue, value: PickledValue)]]
  /// Bytes that follow the program.
  let rest: Int
  let file: InputFile
}

/// The stack machine: a fixed list of instructions over values that are all our own. Format: Pickle/FORMAT.md.
struct PickleMachine {
  private var cursor: FileCursor
  private var stack: [PickledValue] = []
  private var memo: [Int: PickledValue] = [:]
  private var lists: [[PickledValue]] = []
  private var dictionaries: [[(key: PickledValue, value: PickledValue)]] = []
  /// Values that may still be made, and bytes that may still be decoded into memory.
  private var valuesLeft = 1 << 20
  private var decodedLeft: Int

  /// - Parameter start: where in the file the program begins.
  init(_ file: InputFile, from start: Int = 0) {
    cursor = FileCursor(file, from: start)
    // Every text is decoded once; what is decoded again and again is an attack.
    decodedLeft = file.size
  }

  mutating func run() throws(CheckpointError) -> Pickle {
    while true {
      let place = cursor.position
      do throws(CheckpointError) {
        if try step() { break }
        valuesLeft -= 1
        guard valuesLeft >= 0 else {
          throw CheckpointError(.unsupported, "the pickle has more than \(1 << 20) instructions")
        }
      } catch {
        throw error.at(offset: place)
      }
    }
    guard stack.count == 1, let root = stack.first else {
      throw CheckpointError(.corrupt, "the pickle ends with \(stack.count) values")
    }
    return Pickle(
      root: root, lists: lists, dictionaries: dictionaries, rest: cursor.file.size - cursor.position, file: cursor.file)
  }

  /// One instruction, by its letter in Python's `pickle.py`.
  /// - Returns: whether it was the last.
  private mutating func step() throws(CheckpointError) -> Bool {
    let instruction = try cursor.byte()
    switch instruction {
    case 0x80:  // PROTO
      guard try cursor.byte() <= 5 else { throw CheckpointError(.unsupported, "the pickle's protocol is unknown") }
    case 0x95: _ = try cursor.little(8)  // FRAME
    case UInt8(ascii: "."): return true
    case UInt8(ascii: "("): stack.append(.mark)
    case UInt8(ascii: "N"): stack.append(.none)
    case 0x88: stack.append(.flag(true))
    case 0x89: stack.append(.flag(false))
    case UInt8(ascii: "I"), UInt8(ascii: "L"): stack.append(try decimal())
    case UInt8(ascii: "K"): stack.append(.integer(Int(try cursor.byte())))
    case UInt8(ascii: "M"): stack.append(.integer(Int(try cursor.little(2))))
    case UInt8(ascii: "J"): stack.append(.integer(Int(Int32(truncatingIfNeeded: try cursor.little(4)))))
    case 0x8a: stack.append(try long(bytes: UInt64(try cursor.byte())))
    case 0x8b: stack.append(try long(bytes: try cursor.little(4)))
    case UInt8(ascii: "F"): stack.append(try decimalFloat())
    case UInt8(ascii: "G"): stack.append(.float(Double(bitPattern: try cursor.little(8).byteSwapped)))
    case UInt8(ascii: "S"): stack.append(.bytes(.decoded(try quoted())))
    case UInt8(ascii: "V"): stack.append(.bytes(.decodedText(PickledBytes.rawUnicode(try cursor.line()))))
    case UInt8(ascii: "U"), UInt8(ascii: "C"): try push(lengthOf: 1)
    case UInt8(ascii: "T"), UInt8(ascii: "B"): try push(lengthOf: 4)
    case 0x8e, 0x96: try push(lengthOf: 8)
    case UInt8(ascii: "X"): try push(lengthOf: 4, isText: true)
    case 0x8c: try push(lengthOf: 1, isText: true)
    case 0x8d: try push(lengthOf: 8, isText: true)
    case UInt8(ascii: "c"):
      let module = String(decoding: try cursor.line(), as: UTF8.self)
      stack.append(.name(try KnownName(module: module, name: String(decoding: try cursor.line(), as: UTF8.self))))
    case 0x93:
      let name = try popName()
      stack.append(.name(try KnownName(module: try popName(), name: name)))
    case UInt8(ascii: ")"): stack.append(.tuple([], depth: 0))
    case 0x85, 0x86, 0x87:
      let count = Int(instruction - 0x84)
      guard stack.count >= count else { throw PickleMachine.bad }
      let members = Array(stack.suffix(count))
      stack.removeLast(count)
      stack.append(try tuple(members))
    case UInt8(ascii: "t"): stack.append(try tuple(try popToMark()))
    case UInt8(ascii: "]"): pushList([])
    case UInt8(ascii: "l"): pushList(try popToMark())
    case UInt8(ascii: "a"): try extendList([try pop()])
    case UInt8(ascii: "e"): try extendList(try popToMark())
    case UInt8(ascii: "}"): try pushDictionary([])
    case UInt8(ascii: "d"): try pushDictionary(try popToMark())
    case UInt8(ascii: "s"):
      let value = try pop()
      try extendDictionary([try pop(), value])
    case UInt8(ascii: "u"): try extendDictionary(try popToMark())
    case UInt8(ascii: "p"): try remember(try index())
    case UInt8(ascii: "q"): try remember(Int(try cursor.byte()))
    case UInt8(ascii: "r"): try remember(Int(try cursor.little(4)))
    case 0x94: try remember(memo.count)
    case UInt8(ascii: "g"): try recall(try index())
    case UInt8(ascii: "h"): try recall(Int(try cursor.byte()))
    case UInt8(ascii: "j"): try recall(Int(try cursor.little(4)))
    case UInt8(ascii: "R"): try reduce()
    case UInt8(ascii: "b"): try build()
    default:
      throw CheckpointError(
        .unsupported,
        "the pickle has the instruction 0x\(String(instruction, radix: 16)), which arrays, numbers, strings, lists and dictionaries never need"
      )
    }
    return false
  }

  /// Tuples in tuples.
  private static let deepest = 32

  private static let bad = CheckpointError(
    .corrupt, "the pickle is not one of numpy arrays, numbers, strings, lists and dictionaries")

  private mutating func pushList(_ members: [PickledValue]) {
    stack.append(.list(lists.count))
    lists.append(members)
  }

  private mutating func extendList(_ members: [PickledValue]) throws(CheckpointError) {
    guard case .list(let index)? = stack.last else { throw PickleMachine.bad }
    lists[index] += members
  }

  /// - Parameter members: keys and values in turn.
  private mutating func pushDictionary(_ members: [PickledValue]) throws(CheckpointError) {
    stack.append(.dictionary(dictionaries.count))
    dictionaries.append([])
    try extendDictionary(members)
  }

  private mutating func extendDictionary(_ members: [PickledValue]) throws(CheckpointError) {
    guard case .dictionary(let index)? = stack.last, members.count % 2 == 0 else { throw PickleMachine.bad }
    for i in stride(from: 0, to: members.count, by: 2) {
      dictionaries[index].append((members[i], members[i + 1]))
    }
  }

  private func tuple(_ members: [PickledValue]) throws(CheckpointError) -> PickledValue {
    var depth = 0
    for case .tuple(_, let inner) in members { depth = max(depth, inner + 1) }
    guard depth <= PickleMachine.deepest else { throw CheckpointError(.corrupt, "the pickle is nested too deep") }
    return .tuple(members, depth: depth)
  }

  private mutating func pop() throws(CheckpointError) -> PickledValue {
    guard let value = stack.popLast() else { throw PickleMachine.bad }
    return value
  }

  private mutating func popName() throws(CheckpointError) -> String {
    guard case .bytes(let bytes) = try pop() else { throw PickleMachine.bad }
    return try bytes.name(in: cursor.file)
  }

  private mutating func popToMark() throws(CheckpointError) -> [PickledValue] {
    guard let mark = stack.lastIndex(where: { if case .mark = $0 { true } else { false } }) else {
      throw PickleMachine.bad
    }
    let members = Array(stack[(mark + 1)...])
    stack.removeSubrange(mark...)
    return members
  }

  private mutating func push(lengthOf width: Int, isText: Bool = false) throws(CheckpointError) {
    let range = try cursor.skip(try cursor.little(width))
    stack.append(.bytes(isText ? .text(range) : .inFile(range)))
  }

  private mutating func remember(_ index: Int) throws(CheckpointError) {
    guard let top = stack.last else { throw PickleMachine.bad }
    memo[index] = top
  }

  private mutating func recall(_ index: Int) throws(CheckpointError) {
    guard let value = memo[index] else { throw PickleMachine.bad }
    stack.append(value)
  }

  private mutating func index() throws(CheckpointError) -> Int {
    guard case .integer(let value) = try decimal(), value >= 0 else { throw PickleMachine.bad }
    return value
  }

  /// `I01` and `I00` are True and False; Python 2 ends long integers with L.
  private mutating func decimal() throws(CheckpointError) -> PickledValue {
    let text = String(decoding: try cursor.line(), as: UTF8.self)
    if text == "01" || text == "00" { return .flag(text == "01") }
    guard let value = Int(text.last == "L" ? String(text.dropLast()) : text) else { throw PickleMachine.bad }
    return .integer(value)
  }

  private mutating func decimalFloat() throws(CheckpointError) -> PickledValue {
    guard let value = Double(String(decoding: try cursor.line(), as: UTF8.self)) else { throw PickleMachine.bad }
    return .float(value)
  }

  /// Two's complement of up to 8 bytes.
  private mutating func long(bytes: UInt64) throws(CheckpointError) -> PickledValue {
    guard let count = Int(exactly: bytes), count <= 8 else {
      throw CheckpointError(.corrupt, "a number in the pickle does not fit 64 bits")
    }
    guard count > 0 else { return .integer(0) }
    let shift = 64 - 8 * UInt64(count)
    return .integer(Int(Int64(bitPattern: try cursor.little(count) << shift) >> Int64(shift)))
  }

  /// A Python 2 string literal with its escapes.
  private mutating func quoted() throws(CheckpointError) -> [UInt8] {
    let line = try cursor.line()
    guard line.count >= 2, let quote = line.first, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\""),
      line.last == quote
    else { throw PickleMachine.bad }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(line.count)
    var i = 1
    while i < line.count - 1 {
      guard line[i] == UInt8(ascii: "\\") else {
        bytes.append(line[i])
        i += 1
        continue
      }
      guard i + 1 < line.count - 1 else { throw PickleMachine.bad }
      let escape = line[i + 1]
      i += 2
      switch escape {
      case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): bytes.append(escape)
      case UInt8(ascii: "n"): bytes.append(0x0a)
      case UInt8(ascii: "r"): bytes.append(0x0d)
      case UInt8(ascii: "t"): bytes.append(0x09)
      case UInt8(ascii: "x"):
        guard i + 2 < line.count,
          let high = Character(Unicode.Scalar(line[i])).hexDigitValue,
          let low = Character(Unicode.Scalar(line[i + 1])).hexDigitValue
        else { throw PickleMachine.bad }
        bytes.append(UInt8(high << 4 | low))
        i += 2
      default: throw PickleMachine.bad
      }
    }
    return bytes
  }

  private mutating func reduce() throws(CheckpointError) {
    guard case .tuple(let arguments, _) = try pop(), case .name(let known) = try pop() else { throw PickleMachine.bad }
    switch known {
    case .reconstruct:
      guard arguments.count == 3, case .name(.ndarray) = arguments[0] else { throw PickleMachine.bad }
      stack.append(.array(PickledArrayState()))
    case .dtype:
      guard case .bytes(let code)? = arguments.first else { throw PickleMachine.bad }
      stack.append(.type(PickledType(try code.name(in: cursor.file))))
    case .encode:
      guard arguments.count == 2, case .bytes(let text) = arguments[0], case .bytes(let codec) = arguments[1],
        ["latin1", "latin-1"].contains(try codec.name(in: cursor.file))
      else { throw PickleMachine.bad }
      let bytes = try text.latin1(in: cursor.file, limit: decodedLeft)
      decodedLeft -= bytes.count
      stack.append(.bytes(.decoded(bytes)))
    case .scalar:
      guard arguments.count == 2, case .type(let type) = arguments[0], case .bytes(let bytes) = arguments[1] else {
        throw CheckpointError(.unsupported, "a pickled numpy scalar is not a plain number")
      }
      let array = PickledArrayState()
      array.made = .init(shape: [], type: type, isFortran: false, content: .bytes(bytes))
      stack.append(.array(array))
    case .orderedDictionary: try makeOrderedDictionary(arguments)
    case .bytes:
      // Python 3 writes empty bytes so for Python 2 to read.
      guard arguments.isEmpty else { throw PickleMachine.bad }
      stack.append(.bytes(.decoded([])))
    case .fromBuffer:
      guard arguments.count == 4, case .bytes(let bytes) = arguments[0], case .type(let type) = arguments[1],
        case .tuple(let sizes, _) = arguments[2], case .bytes(let order) = arguments[3]
      else { throw PickleMachine.bad }
      let array = PickledArrayState()
      array.made = .init(
        shape: try shape(sizes), type: type, isFortran: try order.name(in: cursor.file) == "F",
        content: .bytes(bytes))
      stack.append(.array(array))
    case .ndarray: throw PickleMachine.bad
    }
  }

  /// Python 2 gives a list of pairs, Python 3 nothing and the entries later.
  private mutating func makeOrderedDictionary(_ arguments: [PickledValue]) throws(CheckpointError) {
    var members: [PickledValue] = []
    if let first = arguments.first {
      guard arguments.count == 1, case .list(let index) = first else { throw PickleMachine.bad }
      for pair in lists[index] {
        switch pair {
        case .list(let index) where lists[index].count == 2: members += lists[index]
        case .tuple(let pair, _) where pair.count == 2: members += pair
        default: throw PickleMachine.bad
        }
      }
    }
    valuesLeft -= members.count
    try pushDictionary(members)
  }

  private mutating func build() throws(CheckpointError) {
    guard case .tuple(let state, _) = try pop(), let target = stack.last else { throw PickleMachine.bad }
    switch target {
    case .type(let type):
      // (version, byte order, subarray, names, fields, size, alignment, flags); 3 or 4 is the version of plain numbers.
      guard state.count >= 5, case .bytes(let order) = state[1], case .none = state[2], case .none = state[3],
        case .none = state[4]
      else { throw CheckpointError(.unsupported, "structured element types are not plain numbers") }
      let sign = try order.name(in: cursor.file)
      guard ["<", ">", "|", "="].contains(sign) else { throw PickleMachine.bad }
      type.order = sign == "=" ? "<" : sign
    case .array(let array):
      guard array.made == nil, state.count == 5, case .tuple(let sizes, _) = state[1], case .type(let type) = state[2]
      else { throw PickleMachine.bad }
      let content: PickledArrayState.Content
      switch state[4] {
      case .bytes(let bytes): content = .bytes(bytes)
      case .list(let list): content = .objects(list)
      default: throw CheckpointError(.unsupported, "the pickled array holds neither plain numbers nor objects")
      }
      let isFortran: Bool
      switch state[3] {
      case .flag(let flag): isFortran = flag
      case .integer(let number): isFortran = number != 0
      default: throw PickleMachine.bad
      }
      array.made = .init(shape: try shape(sizes), type: type, isFortran: isFortran, content: content)
    default: throw PickleMachine.bad
    }
  }

  private func shape(_ values: [PickledValue]) throws(CheckpointError) -> [Int] {
    try values.map { (value) throws(CheckpointError) in
      guard case .integer(let size) = value else { throw PickleMachine.bad }
      return size
    }
  }
}
