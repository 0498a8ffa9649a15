import CheckpointCore

/// QuantizeAndDequantize, V2, V3, V4: floats rounded to the levels of a signed (or not) number of num_bits. V2:
/// input_min and input_max are inputs 1 and 2, used if range_given; V3: num_bits is input 3. Attributes signed_input
/// (true), num_bits (8), range_given, round_mode (HALF_TO_EVEN, HALF_UP), narrow_range, axis (-1: one range for all).
enum QuantizeAndDequantize: RealKernel {
  static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let isSigned = try node.bool("signed_input", default: true)
    let isFirst = node.op == "QuantizeAndDequantize"
    let bitsAreInput = node.op == "QuantizeAndDequantizeV3"
    let fixedBits = bitsAreInput ? 8 : try node.int("num_bits", default: 8)
    let isGiven = try node.bool("range_given", default: bitsAreInput)
    let mode = try node.choice("round_mode", ["HALF_TO_EVEN", "HALF_UP"], default: "HALF_TO_EVEN")
    let isNarrow = try node.bool("narrow_range", default: false)
    let axis = try node.int("axis", default: -1)
    let ends = isFirst ? (try node.float("input_min", default: 0), try node.float("input_max", default: 0)) : (0, 0)
    return { (context) throws(CheckpointError) in
      let bits = bitsAreInput ? try context.int(3) : fixedBits
      guard bits > 0, bits < (isSigned ? 62 : 63) else { throw CheckpointError(.corrupt, "num_bits is \(bits)") }
      let x = try context.tensor(0, T.dtype)
      guard axis >= -1, axis < x.rank else {
        throw CheckpointError(.corrupt, "the axis \(axis) lies outside a tensor of shape \(x.shape)")
      }
      let depth = axis < 0 ? 1 : x.dimensions[axis]
      let inner = axis < 0 || x.elementCount == 0 ? 1 : x.dimensions[(axis + 1)...].reduce(1, *)
      let from = x.elements(T.self)
      var lows = [T](repeating: .infinity, count: depth)
      var highs = [T](repeating: -.infinity, count: depth)
      if !isGiven {
        for i in from.indices {
          let c = i / inner % depth
          lows[c] = min(lows[c], from[i])
          highs[c] = max(highs[c], from[i])
        }
      } else if isFirst {
        (lows, highs) = ([T(ends.0)], [T(ends.1)])
      } else {
        let low = try context.tensor(1, T.dtype)
        let high = try context.tensor(2, T.dtype)
        guard low.elementCount == depth, high.elementCount == depth else {
          throw CheckpointError(.corrupt, "ranges of shapes \(low.shape) and \(high.shape), not \(depth) numbers")
        }
        lows = low.map(T.self) { $0 }
        highs = high.map(T.self) { $0 }
      }
      let scales = (0..<depth).map { Scale<T>(lows[$0], highs[$0], isSigned, bits, isNarrow) }
      let y = try context.allocate(T.self, x.shape)
      var to = y.mutableElements(T.self)
      for i in from.indices {
        let scale = scales[i / inner % depth]
        let clamped = isGiven ? max(min(from[i], scale.high), scale.low) : from[i]
        let scaled = clamped * scale.scale
        let level = mode == "HALF_UP" ? (scaled + 0.5).rounded(.down) : scaled.rounded(.toNearestOrEven)
        to[i] = level * scale.inverse
      }
      context.emit(y)
    }
  }

  private struct Scale<T: RealElement> {
    var low: T
    var high: T
    let scale: T
    let inverse: T

    init(_ min: T, _ max: T, _ isSigned: Bool, _ bits: Int, _ isNarrow: Bool) {
      let lowest = isSigned ? T(isNarrow ? -(1 << (bits - 1)) + 1 : -(1 << (bits - 1))) : 0
      let highest = T(isSigned ? (1 << (bits - 1)) - 1 : (1 << bits) - 1)
      (low, high) = (min, max)
      let fromLow = lowest * min > 0 ? lowest / min : T.greatestFiniteMagnitude
      let fromHigh = highest * max > 0 ? highest / max : T.greatestFiniteMagnitude
      if fromLow < fromHigh {
        scale = fromLow
        inverse = min / lowest
        high = highest * inverse
      } else {
        scale = fromHigh
        inverse = max / highest
        low = lowest * inverse
      }
    }
  }
}

/// The integers behind a quantised dtype.
struct QuantizedRange {
  let lowest: Int
  let highest: Int
  var isSigned: Bool { lowest < 0 }

  init?(_ dtype: DType) {
    switch dtype {
    case .qint8, .int8: (lowest, highest) = (-128, 127)
    case .quint8, .uint8: (lowest, highest) = (0, 255)
    case .qint16, .int16: (lowest, highest) = (-32768, 32767)
    case .quint16, .uint16: (lowest, highest) = (0, 65535)
    case .qint32, .int32: (lowest, highest) = (Int(Int32.min), Int(Int32.max))
    default: return nil
    }
  }
}

/// QuantizeV2: float32 to a quantised dtype, with the range that it came to cover as outputs 1 and 2. Attributes T,
/// mode (MIN_COMBINED, MIN_FIRST, SCALED), round_mode (HALF_AWAY_FROM_ZERO, HALF_TO_EVEN), narrow_range, axis (-1),
/// ensure_minimum_range (0.01).
enum Quantize {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 3
    let dtype = try node.dtype("T")
    guard let range = QuantizedRange(dtype) else { throw node.unsupported(dtype) }
    let mode = try node.choice("mode", ["MIN_COMBINED", "MIN_FIRST", "SCALED"], default: "MIN_COMBINED")
    let rounding = try node.choice(
      "round_mode", ["HALF_AWAY_FROM_ZERO", "HALF_TO_EVEN"], default: "HALF_AWAY_FROM_ZERO")
    let isNarrow = try node.bool("narrow_range", default: false)
    let axis = try node.int("axis", default: -1)
    let minimum = try node.float("ensure_minimum_range", default: 0.01)
    let rule: FloatingPointRoundingRule = rounding == "HALF_TO_EVEN" ? .toNearestOrEven : .toNearestOrAwayFromZero
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, .float32)
      let low = try context.tensor(1, .float32)
      let high = try context.tensor(2, .float32)
      guard axis >= -1, axis < x.rank else {
        throw CheckpointError(.corrupt, "the axis \(axis) lies outside a tensor of shape \(x.shape)")
      }
      let depth = axis < 0 ? 1 : x.dimensions[axis]
      let inner = axis < 0 || x.elementCount == 0 ? 1 : x.dimensions[(axis + 1)...].reduce(1, *)
      guard low.elementCount == depth, high.elementCount == depth else {
        throw CheckpointError(.corrupt, "ranges of shapes \(low.shape) and \(high.shape), not \(depth) numbers")
      }
      let lows = low.map(Float.self) { $0 }
      let highs = high.map(Float.self) { $0 }
      var parts: [Part] = []
      for c in 0..<depth {
        guard lows[c] <= highs[c] else { throw CheckpointError(.corrupt, "the range ends before it begins") }
        parts.append(Part(lows[c], highs[c], range, mode, isNarrow, minimum))
      }
      let y = try context.allocate(dtype, x.shape)
      func write<I: FixedWidthInteger & Element>(_: I.Type) {
        let from = x.elements(Float.self)
        var to = y.mutableElements(I.self)
        for i in from.indices {
          let level = parts[i / inner % depth].level(from[i], range, mode, rule)
          to[i] = level.isNaN ? I(truncatingIfNeeded: range.lowest) : I(clamping: Int(clamping: level))
        }
      }
      switch dtype {
      case .qint8, .int8: write(Int8.self)
      case .quint8, .uint8: write(UInt8.self)
      case .qint16, .int16: write(Int16.self)
      case .quint16, .uint16: write(UInt16.self)
      default: write(Int32.self)
      }
      context.emit(y)
      let shape = axis < 0 ? Shape.scalar : try Shape([depth])
      context.emit(try context.tensor(parts.map(\.low), shape))
      context.emit(try context.tensor(parts.map(\.high), shape))
    }
  }

  private struct Part {
    var low: Float
    var high: Float
    var scale: Float
    /// MIN_FIRST: the level of the low end.
    var first: Float = 0

    init(_ a: Float, _ b: Float, _ range: QuantizedRange, _ mode: String, _ isNarrow: Bool, _ minimum: Float) {
      let epsilon = max(1, max(abs(a), abs(b))) * minimum
      low = min(0, a)
      high = max(0, max(b, low + epsilon))
      let span = Float(range.highest) - Float(range.lowest)
      switch mode {
      case "MIN_COMBINED":
        scale = span / (high - low)
      case "MIN_FIRST":
        scale = Float(high == low ? 0 : Double(range.highest - range.lowest) / Double(high - low))
        first = (low * scale).rounded(.toNearestOrAwayFromZero)
      default:
        let lowest = Float(range.lowest + (isNarrow ? 1 : 0))
        let highest = Float(range.highest)
        let fromLow = lowest * low > 0 ? lowest / low : Float.greatestFiniteMagnitude
        let fromHigh = highest * high > 0 ? highest / high : Float.greatestFiniteMagnitude
        scale = min(fromLow, fromHigh)
        low = lowest / scale
        high = highest / scale
      }
    }

    func level(_ x: Float, _ range: QuantizedRange, _ mode: String, _ rule: FloatingPointRoundingRule) -> Float {
      let clamped = max(min(x, high), low)
      switch mode {
      case "MIN_COMBINED":
        let half = range.isSigned ? (Float(range.highest) - Float(range.lowest) + 1) / 2 : 0
        return range.isSigned
          ? ((clamped - low) * scale - half).rounded(.toNearestOrAwayFromZero)
          : ((clamped - low) * scale + 0.5).rounded(.towardZero)
      case "MIN_FIRST":
        let level = (x * scale).rounded(.toNearestOrAwayFromZero) - (first - Float(range.lowest))
        return min(max(level, max(Float(range.lowest), -2.147483648e+09)), min(Float(range.highest), 2.147483520e+09))
      default: return (clamped * scale).rounded(rule)
      }
    }
  }
}

extension Int {
  /// The number without its fraction, the nearest end for what is beyond.
  fileprivate init(clamping x: Float) {
    self = x <= -0x1p62 ? .min : x >= 0x1p62 ? .max : Int(x)
  }
}

/// Dequantize: a quantised dtype to float32 (or bfloat16). Inputs input, min_range, max_range (scalars, or one number
/// per entry of the axis). Attributes T, mode (MIN_COMBINED, MIN_FIRST, SCALED), narrow_range, axis (-1), dtype.
enum Dequantize {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let dtype = try node.dtype("T")
    guard let range = QuantizedRange(dtype) else { throw node.unsupported(dtype) }
    let mode = try node.choice("mode", ["MIN_COMBINED", "MIN_FIRST", "SCALED"], default: "MIN_COMBINED")
    let isNarrow = try node.bool("narrow_range", default: false)
    let axis = try node.int("axis", default: -1)
    let output = try node.dtype("dtype", default: .float32)
    guard output == .float32 || output == .bfloat16 else { throw node.unsupported(output) }
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, dtype)
      let lows = try context.tensor(1, .float32).map(Float.self) { $0 }
      let highs = try context.tensor(2, .float32).map(Float.self) { $0 }
      guard axis >= -1, axis < x.rank else {
        throw CheckpointError(.corrupt, "the axis \(axis) lies outside a tensor of shape \(x.shape)")
      }
      let depth = axis < 0 ? 1 : x.dimensions[axis]
      let inner = axis < 0 || x.elementCount == 0 ? 1 : x.dimensions[(axis + 1)...].reduce(1, *)
      guard lows.count == depth, highs.count == depth else {
        throw CheckpointError(.corrupt, "ranges of \(lows.count) and \(highs.count) numbers, not \(depth)")
      }
      let maps = (0..<depth).map { Line(lows[$0], highs[$0], range, mode, isNarrow) }
      let y = try context.allocate(.float32, x.shape)
      func read<I: FixedWidthInteger & Element>(_: I.Type) {
        let from = x.elements(I.self)
        var to = y.mutableElements(Float.self)
        for i in from.indices {
          let line = maps[i / inner % depth]
          to[i] = (Float(from[i]) + line.before) * line.scale + line.after
        }
      }
      switch dtype {
      case .qint8, .int8: read(Int8.self)
      case .quint8, .uint8: read(UInt8.self)
      case .qint16, .int16: read(Int16.self)
      case .quint16, .uint16: read(UInt16.self)
      default: read(Int32.self)
      }
      context.emit(try context.converted(y, to: output))
    }
  }

  /// (x + before) * scale + after.
  private struct Line {
    var before: Float = 0
    var scale: Float
    var after: Float = 0

    init(_ low: Float, _ high: Float, _ range: QuantizedRange, _ mode: String, _ isNarrow: Bool) {
      let span = Float(range.highest) - Float(range.lowest)
      switch mode {
      case "MIN_COMBINED":
        before = range.isSigned ? (span + 1) / 2 : 0
        scale = (high - low) / span
        after = low
      case "MIN_FIRST":
        scale = Float(Double(high - low) / Double(range.highest - range.lowest))
        let first = high == low ? low : (low / scale).rounded(.toNearestOrAwayFromZero) * scale
        after = first - Float(range.lowest) * scale
      default:
        let lowest = Float(range.lowest + (isNarrow ? 1 : 0))
        let highest = Float(range.highest)
        scale = range.lowest == 0 ? high / highest : max(low / lowest, high / highest)
      }
    }
  }
}
