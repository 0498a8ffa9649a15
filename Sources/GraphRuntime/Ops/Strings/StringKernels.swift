import CheckpointCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension KernelContext {
  /// `body` of every string of input 0.
  func mapStrings(_ body: ([UInt8]) throws(CheckpointError) -> [UInt8]) throws(CheckpointError) -> Value {
    let input = try strings(0)
    var list: [[UInt8]] = []
    for string in input.elements { list.append(try body(string)) }
    return .strings(try strings(input.shape, list))
  }

  /// A number for every string of input 0.
  func numbersOfStrings<T: Element>(
    _: T.Type, _ body: ([UInt8]) throws(CheckpointError) -> T
  ) throws(CheckpointError) -> DenseTensor {
    let input = try strings(0)
    var list: [T] = []
    for string in input.elements { list.append(try body(string)) }
    return try tensor(list, input.shape)
  }
}

/// StringToHashBucketFast, StringToHashBucketStrong, StringToHashBucket: strings; output int64 in 0..<num_buckets.
/// Attributes num_buckets, key (Strong: two words).
enum HashBuckets {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let count = try node.int("num_buckets")
    guard count >= 1 else { throw CheckpointError(.corrupt, "num_buckets is \(count)") }
    let hash: @Sendable ([UInt8]) -> UInt64
    switch node.op {
    case "StringToHashBucketFast": hash = { Fingerprint.farm($0) }
    case "StringToHashBucketStrong":
      let key = try node.ints("key")
      guard key.count == 2 else { throw CheckpointError(.corrupt, "the key has \(key.count) words, not 2") }
      let words = (UInt64(bitPattern: Int64(key[0])), UInt64(bitPattern: Int64(key[1])))
      hash = { Fingerprint.sip($0, words) }
    default: hash = { Fingerprint.murmur($0) }
    }
    return { (context) throws(CheckpointError) in
      context.emit(
        try context.numbersOfStrings(Int64.self) { (s) throws(CheckpointError) in Int64(hash(s) % UInt64(count)) })
    }
  }
}

/// StringToNumber: strings; output float32, float64, int32 or int64. Attribute out_type.
enum StringToNumber {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let dtype = try node.dtype("out_type", default: .float32)
    switch dtype {
    // SAFETY: strtof and strtod read a string that Swift ends with a zero.
    case .float32: return kernel { (text) -> Float? in floating(text).map { unsafe strtof($0, nil) } }
    case .float64: return kernel { (text) -> Double? in floating(text).map { unsafe strtod($0, nil) } }
    case .int32: return kernel { Int32($0) }
    case .int64: return kernel { Int64($0) }
    default: throw node.unsupported(dtype)
    }
  }

  /// The text, if all of it is a number as C reads one.
  private static func floating(_ text: String) -> String? {
    guard !text.isEmpty, !text.utf8.contains(0) else { return nil }
    return Double(text) != nil ? text : nil
  }

  private static func kernel<T: Element>(_ parse: @escaping @Sendable (String) -> T?) -> Kernel {
    { (context) throws(CheckpointError) in
      context.emit(
        try context.numbersOfStrings(T.self) { (bytes) throws(CheckpointError) in
          let text = String(decoding: trimmed(bytes), as: UTF8.self)
          guard let number = parse(text) else {
            throw CheckpointError(.corrupt, "'\(text.prefix(40))' is not a number of \(T.dtype.rawValue)")
          }
          return number
        })
    }
  }

  private static func trimmed(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte >= 0x09 && byte <= 0x0d }
    let tail = bytes.drop(while: isSpace)
    guard let end = tail.lastIndex(where: { !isSpace($0) }) else { return [] }
    return tail[...end]
  }
}

/// AsString: numbers and truth values as text. Attributes T, precision (-1), scientific, shortest, width (-1), fill.
enum AsString {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let dtype = try node.dtype("T")
    let precision = try node.int("precision", default: -1)
    let isScientific = try node.bool("scientific", default: false)
    let isShortest = try node.bool("shortest", default: false)
    let width = try node.int("width", default: -1)
    let fill = try node.string("fill", default: "")
    guard ["", " ", "-", "0", "+"].contains(fill), width <= 1024, precision <= 1024,
      !(isScientific && isShortest)
    else { throw CheckpointError(.corrupt, "the fill '\(fill)', width \(width) or precision \(precision) is not one") }
    var format = "%"
    if width > -1 { format += "\(fill)\(width)" }
    if precision > -1 { format += ".\(precision)" }
    let isFloat = [.float32, .float64, .float16, .bfloat16, .complex64, .complex128].contains(dtype)
    if !isFloat, precision > -1 || isScientific || isShortest {
      throw CheckpointError(.corrupt, "\(dtype.rawValue) has no precision")
    }
    format += isFloat ? isShortest ? "g" : isScientific ? "e" : "f" : dtype == .uint64 ? "llu" : "lld"
    let pattern = format
    return { (context) throws(CheckpointError) in
      if case .strings = try context.read(0) { return context.emit(try context.read(0)) }
      let x = try context.tensor(0)
      var list: [[UInt8]] = []
      func add(_ value: any CVarArg) { list.append(printed(pattern, value)) }
      switch x.dtype {
      case .float32: for value in x.map(Float.self, { Double($0) }) { add(value) }
      case .float64: for value in x.map(Double.self, { $0 }) { add(value) }
      case .float16: for value in x.map(Float16.self, { Double($0) }) { add(value) }
      case .bfloat16: for value in x.map(BFloat16.self, { Double($0.float) }) { add(value) }
      case .bool: list = x.map(UInt8.self) { Array(($0 != 0 ? "true" : "false").utf8) }
      case .uint16: for value in x.map(UInt16.self, { Int64($0) }) { add(value) }
      case .uint32: for value in x.map(UInt32.self, { Int64($0) }) { add(value) }
      case .uint64: for value in x.map(UInt64.self, { $0 }) { add(value) }
      case .complex64:
        for value in x.map(Complex64.self, { (Double($0.real), Double($0.imaginary)) }) {
          list.append(Array("(".utf8) + printed(pattern, value.0) + [0x2c] + printed(pattern, value.1) + [0x29])
        }
      case .complex128:
        for value in x.map(Complex128.self, { ($0.real, $0.imaginary) }) {
          list.append(Array("(".utf8) + printed(pattern, value.0) + [0x2c] + printed(pattern, value.1) + [0x29])
        }
      default: for value in try context.ints(0) { add(Int64(value)) }
      }
      context.emit(.strings(try context.strings(x.shape, list)))
    }
  }

  /// C's printf of one number.
  private static func printed(_ format: String, _ value: any CVarArg) -> [UInt8] {
    // SAFETY: the format asks for one number of the value's kind, and vsnprintf writes at most `count` bytes.
    unsafe withVaList([value]) { arguments in
      var buffer = [CChar](repeating: 0, count: 2048)
      let length = unsafe buffer.withUnsafeMutableBufferPointer { buffer in
        unsafe vsnprintf(buffer.baseAddress, buffer.count, format, arguments)
      }
      return buffer.prefix(min(Int(max(length, 0)), 2047)).map { UInt8(bitPattern: $0) }
    }
  }
}

/// StringJoin: N strings of one shape, or scalars; joined with separator. Attributes N, separator.
enum StringJoin {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let separator = Array(try node.string("separator", default: "").utf8)
    let count = node.inputCount
    return { (context) throws(CheckpointError) in
      var inputs: [StringTensor] = []
      var shape = Shape.scalar
      for i in 0..<count {
        let input = try context.strings(i)
        inputs.append(input)
        guard input.shape.rank > 0 else { continue }
        guard shape.rank == 0 || shape == input.shape else {
          throw CheckpointError(.corrupt, "strings of shapes \(shape) and \(input.shape) cannot be joined")
        }
        shape = input.shape
      }
      var list: [[UInt8]] = []
      for i in 0..<shape.elementCount {
        list.append(try context.joined(inputs.map { $0.elements[$0.shape.rank == 0 ? 0 : i] }, separator))
      }
      context.emit(.strings(try context.strings(shape, list)))
    }
  }
}

extension KernelContext {
  /// The parts one after the other, if the run may hold so many bytes.
  fileprivate func joined(_ parts: [[UInt8]], _ separator: [UInt8]) throws(CheckpointError) -> [UInt8] {
    let count = parts.reduce(separator.count * max(parts.count - 1, 0)) { $0 + $1.count }
    try requireRoom(for: count)
    var whole: [UInt8] = []
    whole.reserveCapacity(count)
    for (i, part) in parts.enumerated() {
      if i > 0 { whole += separator }
      whole += part
    }
    return whole
  }
}

/// ReduceJoin: strings, reduction_indices; joined along them, the first one given first. Attributes keep_dims,
/// separator.
enum ReduceJoin {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let separator = Array(try node.string("separator", default: "").utf8)
    let keeps = try node.bool("keep_dims", default: false)
    return { (context) throws(CheckpointError) in
      let input = try context.strings(0)
      let rank = input.shape.rank
      var axes: [Int] = []
      if rank > 0 { axes = try context.axes(1, rank: rank) }
      guard Set(axes).count == axes.count else { throw CheckpointError(.corrupt, "an axis is given twice") }
      let sizes = input.shape.dimensions
      let strides = denseStrides(sizes)
      let kept = (0..<rank).filter { !axes.contains($0) }
      let shape = try Shape(keeps ? (0..<rank).map { axes.contains($0) ? 1 : sizes[$0] } : kept.map { sizes[$0] })
      let outer = kept.map { sizes[$0] }
      let outerStrides = denseStrides(outer)
      // The first axis given goes fastest.
      axes.reverse()
      let inner = axes.map { sizes[$0] }
      let innerStrides = denseStrides(inner)
      let joined = inner.reduce(1, *)
      var list: [[UInt8]] = []
      for o in 0..<shape.elementCount {
        var start = 0
        for (k, d) in kept.enumerated() { start += o / outerStrides[k] % outer[k] * strides[d] }
        let parts = (0..<joined).map { i in
          var position = start
          for (k, d) in axes.enumerated() { position += i / innerStrides[k] % inner[k] * strides[d] }
          return input.elements[position]
        }
        list.append(try context.joined(parts, separator))
      }
      context.emit(.strings(try context.strings(shape, list)))
    }
  }
}

/// StringSplit: input [batch], delimiter (each of its bytes splits; empty: every byte); StringSplitV2: input [batch],
/// sep (a whole word; empty: white space). Outputs a sparse tensor [batch, longest]. Attributes skip_empty (true),
/// maxsplit (-1).
enum StringSplit {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 3
    let isSecond = node.op == "StringSplitV2"
    let skipsEmpty = try node.bool("skip_empty", default: true)
    let most = try node.int("maxsplit", default: -1)
    return { (context) throws(CheckpointError) in
      let input = try context.strings(0)
      let delimiter = try context.strings(1)
      guard input.shape.rank == 1, delimiter.elements.count == 1 else {
        throw CheckpointError(.corrupt, "strings of shape \(input.shape) and a delimiter of \(delimiter.shape)")
      }
      var indices: [Int] = []
      var list: [[UInt8]] = []
      var longest = 0
      for (b, string) in input.elements.enumerated() {
        let parts =
          isSecond
          ? words(string, delimiter.elements[0], most) : pieces(string, delimiter.elements[0], skipsEmpty)
        longest = max(longest, parts.count)
        for (k, part) in parts.enumerated() {
          indices += [b, k]
          list.append(part)
        }
      }
      context.emit(try context.indices(indices, rank: 2))
      context.emit(.strings(try context.strings(try Shape([list.count]), list)))
      context.emit(try context.ints([input.elements.count, longest], as: .int64))
    }
  }

  private static func pieces(_ string: [UInt8], _ delimiter: [UInt8], _ skipsEmpty: Bool) -> [[UInt8]] {
    if delimiter.isEmpty { return string.map { [$0] } }
    if string.isEmpty { return [] }
    return string.split(omittingEmptySubsequences: skipsEmpty, whereSeparator: delimiter.contains).map { Array($0) }
  }

  private static func words(_ string: [UInt8], _ separator: [UInt8], _ most: Int) -> [[UInt8]] {
    if most == 0 { return [string] }
    var parts: [[UInt8]] = []
    var rest = string[...]
    if separator.isEmpty {
      func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte >= 0x09 && byte <= 0x0d }
      rest = rest.drop(while: isSpace)
      while !rest.isEmpty {
        let end = rest.firstIndex(where: isSpace) ?? rest.endIndex
        parts.append(Array(rest[..<end]))
        rest = rest[end...].drop(while: isSpace)
        if parts.count == most {
          parts.append(Array(rest))
          return parts
        }
      }
      return parts
    }
    while most < 0 || parts.count < most {
      guard let found = rest.firstRange(of: separator) else { break }
      parts.append(Array(rest[..<found.lowerBound]))
      rest = rest[found.upperBound...]
    }
    parts.append(Array(rest))
    return parts
  }
}

/// Substr: input, pos, len (scalars or of the input's shape, broadcast); attribute unit (BYTE, UTF8_CHAR).
enum Substr {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let isBytes = try node.choice("unit", ["BYTE", "UTF8_CHAR"], default: "BYTE") == "BYTE"
    return { (context) throws(CheckpointError) in
      let input = try context.strings(0)
      let (positions, lengths) = (try context.ints(1), try context.ints(2))
      let other = try context.shape(of: 1)
      guard other == (try context.shape(of: 2)) else { throw CheckpointError(.corrupt, "pos and len differ in shape") }
      let plan = try Broadcast(input.shape, other)
      var list: [[UInt8]] = []
      var failure: CheckpointError?
      plan.forEachRun { _, a, b, count in
        for k in 0..<count {
          let string = input.elements[a + k * plan.aStrides[plan.aStrides.count - 1]]
          let p = b + k * plan.bStrides[plan.bStrides.count - 1]
          if let part = part(string, positions[p], lengths[p], isBytes) {
            list.append(part)
          } else {
            failure = CheckpointError(.corrupt, "the position \(positions[p]) lies outside a string")
            list.append([])
          }
        }
      }
      if let failure { throw failure }
      context.emit(.strings(try context.strings(plan.shape, list)))
    }
  }

  private static func part(_ string: [UInt8], _ position: Int, _ length: Int, _ isBytes: Bool) -> [UInt8]? {
    guard length >= 0 else { return nil }
    let starts = isBytes ? Array(string.indices) : string.indices.filter { string[$0] & 0xc0 != 0x80 }
    guard position >= -starts.count, position <= starts.count else { return nil }
    let first = position < 0 ? position + starts.count : position
    let end = first + min(length, starts.count - first)
    let from = first < starts.count ? starts[first] : string.count
    return Array(string[from..<(end < starts.count ? starts[end] : string.count)])
  }
}

/// EncodeBase64, DecodeBase64: the web-safe alphabet. Attribute pad (encoding).
enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

  static func encode(_ bytes: [UInt8], pads: Bool) -> [UInt8] {
    var out: [UInt8] = []
    for i in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[i..<min(i + 3, bytes.count)]
      var bits = group.reduce(0) { $0 << 8 | UInt32($1) }
      bits <<= UInt32(8 * (3 - group.count))
      for k in 0...group.count { out.append(alphabet[Int(bits >> UInt32(18 - 6 * k) & 63)]) }
      if pads { out += [UInt8](repeating: 0x3d, count: 3 - group.count) }
    }
    return out
  }

  static func decode(_ text: [UInt8]) throws(CheckpointError) -> [UInt8] {
    var text = text[...]
    for _ in 0..<2 where text.count % 4 == 0 && text.last == 0x3d { text = text.dropLast() }
    if text.last == 0x3d { text = text.dropLast() }
    guard text.count % 4 != 1 else { throw CheckpointError(.corrupt, "\(text.count) characters are not base64") }
    var out: [UInt8] = []
    var bits: UInt32 = 0
    var count = 0
    for byte in text {
      guard let value = alphabet.firstIndex(of: byte) else {
        throw CheckpointError(.corrupt, "the byte \(byte) is not of web-safe base64")
      }
      bits = bits << 6 | UInt32(value)
      count += 6
      if count >= 8 {
        count -= 8
        out.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
        bits &= (1 << UInt32(count)) - 1
      }
    }
    return out
  }
}

/// DecodeRaw: strings of one length; output [shape…, numbers]. Attributes out_type, little_endian (true).
enum DecodeRaw {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let dtype = try node.dtype("out_type")
    let isLittle = try node.bool("little_endian", default: true)
    guard let width = dtype.width, let word = dtype.wordWidth else { throw node.unsupported(dtype) }
    return { (context) throws(CheckpointError) in
      let input = try context.strings(0)
      let length = input.elements.first?.count ?? 0
      guard length % width == 0, input.elements.allSatisfy({ $0.count == length }) else {
        throw CheckpointError(.corrupt, "the strings are not of one length that \(dtype.rawValue) divides")
      }
      let y = try context.allocate(dtype, input.shape.dimensions + [length / width])
      var to = y.mutableElements(UInt8.self)
      for (k, string) in input.elements.enumerated() {
        for (i, byte) in string.enumerated() {
          let place = isLittle ? i : i / word * word + word - 1 - i % word
          to[k * length + place] = dtype == .bool ? min(byte, 1) : byte
        }
      }
      context.emit(y)
    }
  }
}
