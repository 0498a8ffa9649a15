import CheckpointCore

/// FakeQuantWithMinMaxArgs (min, max are attributes), FakeQuantWithMinMaxVars (scalar inputs), ...VarsPerChannel
/// (vectors, one number per last dimension): float32 rounded to 2^num_bits levels between min and max, nudged so that 0
/// is a level. Attributes num_bits (2...16, default 8), narrow_range (false).
enum FakeQuantization {
  static let table: [Op] = [
    Op("FakeQuantWithMinMaxArgs") { (node) throws(CheckpointError) in
      let steps = try Steps(node)
      let low = try node.float("min", default: -6)
      let high = try node.float("max", default: 6)
      guard low < high else { throw CheckpointError(.corrupt, "min \(low) is not below max \(high)") }
      let levels = Levels(low, high, steps)
      return { (context) throws(CheckpointError) in
        context.emit(try context.mapped(Float.self) { levels.roundedByReciprocal($0) })
      }
    },
    Op("FakeQuantWithMinMaxVars") { (node) throws(CheckpointError) in
      let steps = try Steps(node)
      return { (context) throws(CheckpointError) in
        let levels = Levels(try context.scalar(1, Float.self), try context.scalar(2, Float.self), steps)
        context.emit(try context.mapped(Float.self) { levels.rounded($0) })
      }
    },
    Op("FakeQuantWithMinMaxVarsPerChannel") { (node) throws(CheckpointError) in
      let steps = try Steps(node)
      return { (context) throws(CheckpointError) in
        let x = try context.tensor(0, .float32)
        let lows = try context.tensor(1, .float32)
        let highs = try context.tensor(2, .float32)
        guard let depth = x.dimensions.last, lows.dimensions == [depth], highs.dimensions == [depth] else {
          throw CheckpointError(
            .corrupt, "min and max of shapes \(lows.shape) and \(highs.shape) for an input of shape \(x.shape)")
        }
        let low = lows.elements(Float.self)
        let high = highs.elements(Float.self)
        var levels: [Levels] = []
        for c in 0..<depth { levels.append(Levels(low[c], high[c], steps)) }
        let y = try context.allocate(.float32, x.shape)
        let from = x.elements(Float.self)
        var to = y.mutableElements(Float.self)
        for i in from.indices { to[i] = levels[i % depth].rounded(from[i]) }
        context.emit(y)
      }
    },
  ]

  struct Steps {
    let low: Float
    let high: Float

    init(_ node: NodeContext) throws(CheckpointError) {
      let bits = try node.int("num_bits", default: 8)
      guard bits >= 2, bits <= 16 else { throw CheckpointError(.corrupt, "num_bits is \(bits), not in 2...16") }
      low = try node.bool("narrow_range", default: false) ? 1 : 0
      high = Float((1 << bits) - 1)
    }
  }

  /// The levels between two ends.
  struct Levels {
    let low: Float
    let high: Float
    let scale: Float
    /// Both ends are zero: everything becomes zero.
    let isNothing: Bool

    init(_ min: Float, _ max: Float, _ steps: Steps) {
      isNothing = min == 0 && max == 0
      scale = (max - min) / (steps.high - steps.low)
      let zero = steps.low - min / scale
      let nudged =
        zero < steps.low ? steps.low : zero > steps.high ? steps.high : zero.rounded(.toNearestOrAwayFromZero)
      low = (steps.low - nudged) * scale
      high = (steps.high - nudged) * scale
    }

    func rounded(_ x: Float) -> Float {
      if isNothing { return 0 }
      return ((clamped(x) - low) / scale + 0.5).rounded(.down) * scale + low
    }

    func roundedByReciprocal(_ x: Float) -> Float {
      ((clamped(x) - low) * (1 / scale) + 0.5).rounded(.down) * scale + low
    }

    private func clamped(_ x: Float) -> Float { Swift.max(Swift.min(x, high), low) }
  }
}
