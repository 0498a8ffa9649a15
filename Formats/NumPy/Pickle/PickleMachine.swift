import CheckpointCore

/// The stack machine for one array: a fixed list of instructions over values that are all our own. Format: Pickle/FORMAT.md.
struct PickleMachine {
  private enum Value {
    case mark
    case none
    case flag(Bool)
    case integer(Int)
    case bytes(PickledBytes)
    /// Members, and how deep tuples are nested in them.
    case tuple([Value], depth: Int)
    case name(Known)
    case type(PickledType)
    case array(PickledArrayState)
  }

  /// The names that a pickled array may use.
  private enum Known {
    case reconstruct, ndarray, dtype, encode, fromBuffer

    init(module: String, name: String) throws(CheckpointError) {
      switch (module, name) {
      case ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"): self = .reconstruct
      case ("numpy.core.numeric", "_frombuffer"), ("numpy._core.numeric", "_frombuffer"): self = .fromBuffer
      case ("numpy", "ndarray"): self = .ndarray
      case ("numpy", "dtype"): self = .dtype
      case ("_codecs", "encode"): self = .encode
      default:
        let shown = Name.printable(Array("\(module).\(name)".utf8.prefix(120)))
        throw CheckpointError(.unsupported, "the pickle asks for \(shown), which is never imported or called")
      }
    }
  }

  private var cursor: FileCursor
  private var stack: [Value] = []
  private var memo: [Int: Value] = [:]

  init(_ file: InputFile) { cursor = FileCursor(file) }

  /// - Returns: the one array, and how many bytes follow the program.
  mutating func run() throws(CheckpointError) -> (PickledArrayState, Int) {
    while true {
      let place = cursor.position
      do throws(CheckpointError) {
        if try step() { break }
        guard stack.count <= PickleMachine.largestStack, memo.count <= PickleMachine.largestMemo else {
          throw CheckpointError(.unsupported, "the pickle is not one numpy array")
        }
      } catch {
        throw error.at(offset: place)
      }
    }
    guard stack.count == 1, case .array(let array)? = stack.first else {
      throw CheckpointError(.unsupported, "the pickle is not one numpy array")
    }
    return (array, cursor.file.size - cursor.position)
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
    case 0x8a: stack.append(try long())
    case UInt8(ascii: "S"): stack.append(.bytes(.decoded(try quoted())))
    case UInt8(ascii: "U"), UInt8(ascii: "C"): try push(lengthOf: 1)
    case UInt8(ascii: "T"), UInt8(ascii: "B"): try push(lengthOf: 4)
    case 0x8e, 0x96: try push(lengthOf: 8)
    case UInt8(ascii: "X"): try push(lengthOf: 4, isText: true)
    case 0x8c: try push(lengthOf: 1, isText: true)
    case 0x8d: try push(lengthOf: 8, isText: true)
    case UInt8(ascii: "c"):
      let module = String(decoding: try cursor.line(), as: UTF8.self)
      stack.append(.name(try Known(module: module, name: String(decoding: try cursor.line(), as: UTF8.self))))
    case 0x93:
      let name = try popName()
      stack.append(.name(try Known(module: try popName(), name: name)))
    case UInt8(ascii: ")"): stack.append(.tuple([], depth: 0))
    case 0x85, 0x86, 0x87:
      let count = Int(instruction - 0x84)
      guard stack.count >= count else { throw PickleMachine.bad }
      let members = Array(stack.suffix(count))
      stack.removeLast(count)
      stack.append(try tuple(members))
    case UInt8(ascii: "t"): stack.append(try tuple(try popToMark()))
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
        "the pickle has the instruction 0x\(String(instruction, radix: 16)), which one array of numbers never needs")
    }
    return false
  }

  /// One array needs a stack of a dozen values, twenty memos, and tuples in a tuple.
  private static let deepest = 8
  private static let largestStack = 1000
  private static let largestMemo = 10_000

  private static let bad = CheckpointError(.corrupt, "the pickle is not the one of a numpy array")

  private func tuple(_ members: [Value]) throws(CheckpointError) -> Value {
    var depth = 0
    for case .tuple(_, let inner) in members { depth = max(depth, inner + 1) }
    guard depth <= PickleMachine.deepest else { throw CheckpointError(.corrupt, "the pickle is nested too deep") }
    return .tuple(members, depth: depth)
  }

  private mutating func pop() throws(CheckpointError) -> Value {
    guard let value = stack.popLast() else { throw PickleMachine.bad }
    return value
  }

  private mutating func popName() throws(CheckpointError) -> String {
    guard case .bytes(let bytes) = try pop() else { throw PickleMachine.bad }
    return try bytes.name(in: cursor.file)
  }

  private mutating func popToMark() throws(CheckpointError) -> [Value] {
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
  private mutating func decimal() throws(CheckpointError) -> Value {
    let text = String(decoding: try cursor.line(), as: UTF8.self)
    if text == "01" || text == "00" { return .flag(text == "01") }
    guard let value = Int(text.last == "L" ? String(text.dropLast()) : text) else { throw PickleMachine.bad }
    return .integer(value)
  }

  /// Two's complement of up to 8 bytes.
  private mutating func long() throws(CheckpointError) -> Value {
    let count = Int(try cursor.byte())
    guard count <= 8 else { throw CheckpointError(.corrupt, "a number in the pickle does not fit 64 bits") }
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
      stack.append(.bytes(try text.latin1(in: cursor.file)))
    case .fromBuffer:
      guard arguments.count == 4, case .bytes(let bytes) = arguments[0], case .type(let type) = arguments[1],
        case .tuple(let sizes, _) = arguments[2], case .bytes(let order) = arguments[3]
      else { throw PickleMachine.bad }
      let array = PickledArrayState()
      array.made = .init(
        shape: try shape(sizes), type: type, isFortran: try order.name(in: cursor.file) == "F", bytes: bytes)
      stack.append(.array(array))
    case .ndarray: throw PickleMachine.bad
    }
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
      guard array.made == nil, state.count == 5, case .tuple(let sizes, _) = state[1], case .type(let type) = state[2],
        case .bytes(let bytes) = state[4]
      else {
        throw CheckpointError(.unsupported, "the pickled array does not hold plain numbers")
      }
      let isFortran: Bool
      switch state[3] {
      case .flag(let flag): isFortran = flag
      case .integer(let number): isFortran = number != 0
      default: throw PickleMachine.bad
      }
      array.made = .init(shape: try shape(sizes), type: type, isFortran: isFortran, bytes: bytes)
    default: throw PickleMachine.bad
    }
  }

  private func shape(_ values: [Value]) throws(CheckpointError) -> [Int] {
    try values.map { (value) throws(CheckpointError) in
      guard case .integer(let size) = value else { throw PickleMachine.bad }
      return size
    }
  }
}
