package import CheckpointCore

/// Values of a tensor as text: the shortest decimal that reads back to the same number.
package struct TensorText {
  package let tensor: Tensor
  private let bytes: [UInt8]
  private let strings: [[UInt8]]

  package init(_ tensor: Tensor) throws(CheckpointError) {
    self.tensor = tensor
    bytes = tensor.dtype == .string ? [] : try tensor.bytes()
    strings = tensor.dtype == .string ? try TensorText.strings(of: tensor) : []
  }

  private static func strings(of tensor: Tensor) throws(CheckpointError) -> [[UInt8]] {
    var cursor = ByteCursor(try tensor.bytes())
    var list: [[UInt8]] = []
    for _ in 0..<tensor.shape.elementCount {
      let length = Int(truncatingIfNeeded: try cursor.fixed64())
      list.append(Array(cursor.bytes[try cursor.skip(length)]))
    }
    return list
  }

  /// A few values in brackets, the rest as dots.
  package func brief(_ most: Int = 6) -> String {
    let count = tensor.shape.elementCount
    if tensor.shape.rank == 0 { return element(0) }
    let shown = (0..<min(count, most)).map(element).joined(separator: ", ")
    return "[" + shown + (count > most ? ", …" : "") + "]"
  }

  /// All values as JSON, nested by the shape. Where there is no value, a shape of any sizes may stand around a zero: more than
  /// some thousand empty lists are one.
  package func write(_ key: String?, to json: inout JSONWriter) {
    let lists = tensor.shape.dimensions.prefix { $0 > 0 }.reduce(1) { min(1 << 17, $0 * min(1 << 17, $1)) }
    guard tensor.shape.elementCount > 0 || lists <= 1 << 16 else {
      json.array(key, inline: true) { _ in }
      return
    }
    var position = 0
    write(key, axis: 0, &position, to: &json)
  }

  private func write(_ key: String?, axis: Int, _ position: inout Int, to json: inout JSONWriter) {
    guard axis < tensor.shape.rank else {
      if tensor.dtype == .string {
        json.value(key, Name(bytes: strings[position]))
      } else if tensor.dtype == .bool {
        json.value(key, bytes[position] != 0)
      } else {
        json.number(key, element(position))
      }
      position += 1
      return
    }
    var place = position
    json.array(key, inline: true) { json in
      for _ in 0..<tensor.shape.dimensions[axis] { write(nil, axis: axis + 1, &place, to: &json) }
    }
    position = place
  }

  /// One value.
  package func element(_ i: Int) -> String {
    guard let width = tensor.dtype.width, !bytes.isEmpty else {
      return i < strings.count ? "\"\(Name.printable(strings[i]))\"" : ""
    }
    let bits = word(i * width, min(width, 8))
    switch tensor.dtype {
    case .bool: return bits != 0 ? "true" : "false"
    case .float32: return Float(bitPattern: UInt32(truncatingIfNeeded: bits)).description
    case .float64: return Double(bitPattern: bits).description
    case .bfloat16: return Float(bitPattern: UInt32(truncatingIfNeeded: bits) << 16).description
    case .float16: return half(bits).description
    case .int8, .qint8, .int4, .int2: return Int8(truncatingIfNeeded: bits).description
    case .int16, .qint16: return Int16(truncatingIfNeeded: bits).description
    case .int32, .qint32: return Int32(truncatingIfNeeded: bits).description
    case .int64: return Int64(bitPattern: bits).description
    case .complex64:
      let real = Float(bitPattern: UInt32(truncatingIfNeeded: bits))
      return "\(real)+\(Float(bitPattern: UInt32(truncatingIfNeeded: bits >> 32)))j"
    case .complex128: return "\(Double(bitPattern: bits))+\(Double(bitPattern: word(i * width + 8, 8)))j"
    default: return bits.description
    }
  }

  private func word(_ offset: Int, _ count: Int) -> UInt64 {
    var bits: UInt64 = 0
    for k in (0..<count).reversed() { bits = bits << 8 | UInt64(bytes[offset + k]) }
    return bits
  }

  private func half(_ bits: UInt64) -> Float {
    let exponent = Int(bits >> 10 & 31)
    let mantissa = Float(bits & 1023)
    let magnitude: Float =
      exponent == 31
      ? (mantissa == 0 ? .infinity : .nan)
      : exponent == 0
        ? mantissa * 0x1p-24 : (1 + mantissa / 1024) * Float(sign: .plus, exponent: exponent - 15, significand: 1)
    return bits >> 15 & 1 == 1 ? -magnitude : magnitude
  }
}
