import CheckpointCore

/// RandomUniform, RandomStandardNormal, TruncatedNormal: shape; output of dtype. Attributes dtype, seed, seed2. An
/// execution takes 256 draws per number from the node's generator, whatever it uses.
enum RandomTensor {
  static func build(
    _ node: inout NodeContext, _ distribution: RandomFill.Distribution
  ) throws(CheckpointError) -> Kernel {
    let fill = try RandomFill(distribution, try node.dtype("dtype"), node)
    let (seed, seed2) = try node.seeds()
    return { (context) throws(CheckpointError) in
      let y = try context.allocate(fill.dtype, try context.shape(0))
      fill.fill(try context.reserve(y.elementCount, seed, seed2), y)
      context.emit(y)
    }
  }

  /// StatelessRandomUniform, Normal, TruncatedNormal: shape, seed [2]. Their V2: shape, key [1], counter [2], alg.
  static func stateless(
    _ node: inout NodeContext, _ distribution: RandomFill.Distribution
  ) throws(CheckpointError) -> Kernel {
    let fill = try RandomFill(distribution, try node.dtype("dtype", default: .float32), node)
    let isSecond = node.op.hasSuffix("V2")
    return { (context) throws(CheckpointError) in
      let y = try context.allocate(fill.dtype, try context.shape(0))
      fill.fill(try isSecond ? context.keyedGenerator(1) : context.seededGenerator(1), y)
      context.emit(y)
    }
  }

  /// RandomUniformInt: shape, minval, maxval; StatelessRandomUniformInt: shape, seed, minval, maxval; V2: shape, key,
  /// counter, alg, minval, maxval. Whole numbers in minval..<maxval.
  static func whole(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let isStateful = node.op == "RandomUniformInt"
    let isSecond = node.op.hasSuffix("V2")
    let dtype = try node.dtype(isStateful ? "Tout" : "dtype")
    guard [.int32, .int64, .uint32, .uint64].contains(dtype) else { throw node.unsupported(dtype) }
    let (seed, seed2) = isStateful ? try node.seeds() : (0, 0)
    return { (context) throws(CheckpointError) in
      let y = try context.allocate(dtype, try context.shape(0))
      let first = isStateful ? 1 : isSecond ? 4 : 2
      let (low, high) = (try context.wideBits(first), try context.wideBits(first + 1))
      let isOrdered = dtype == .uint64 ? low < high : Int64(bitPattern: low) < Int64(bitPattern: high)
      guard isOrdered else { throw CheckpointError(.corrupt, "minval is not below maxval") }
      var generator =
        isStateful
        ? try context.reserve(y.elementCount, seed, seed2)
        : try isSecond ? context.keyedGenerator(1) : context.seededGenerator(1)
      if dtype == .int32 || dtype == .uint32 {
        let range = UInt32(truncatingIfNeeded: high &- low)
        writeWords(&generator, y) { UInt32(truncatingIfNeeded: low) &+ $0 % range }
      } else {
        writeDoubleWords(&generator, y) { low &+ $0 % (high &- low) }
      }
      context.emit(y)
    }
  }

  /// StatelessRandomUniformFullInt (V2): every whole number of the dtype.
  static func fullInt(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let isSecond = node.op.hasSuffix("V2")
    let dtype = try node.dtype("dtype", default: .uint64)
    guard [.int32, .int64, .uint32, .uint64].contains(dtype) else { throw node.unsupported(dtype) }
    return { (context) throws(CheckpointError) in
      let y = try context.allocate(dtype, try context.shape(0))
      var generator = try isSecond ? context.keyedGenerator(1) : context.seededGenerator(1)
      if y.width == 4 {
        writeWords(&generator, y) { $0 }
      } else {
        writeDoubleWords(&generator, y) { $0 }
      }
      context.emit(y)
    }
  }

  private static func writeWords(_ generator: inout Philox, _ y: DenseTensor, _ body: (UInt32) -> UInt32) {
    var draws = SingleDraws(generator)
    var to = y.mutableElements(UInt32.self)
    for i in to.indices { to[i] = body(draws.next()) }
  }

  private static func writeDoubleWords(_ generator: inout Philox, _ y: DenseTensor, _ body: (UInt64) -> UInt64) {
    var draws = SingleDraws(generator)
    var to = y.mutableElements(UInt64.self)
    for i in to.indices {
      let low = UInt64(draws.next())
      to[i] = body(low | UInt64(draws.next()) << 32)
    }
  }
}

/// RandomShuffle: value; the same rows in another order (Fisher and Yates from the front). Attributes T, seed, seed2.
enum RandomShuffle {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let (seed, seed2) = try node.seeds()
    return { (context) throws(CheckpointError) in
      let value = try context.read(0)
      let shape = try context.shape(of: 0)
      let rows = shape.rank == 0 ? 1 : shape.dimensions[0]
      if rows <= 1 || shape.elementCount <= 1 { return context.emit(value) }
      var order = Array(0..<rows)
      try context.withRandom(seed: seed, seed2: seed2) { (generator) throws(CheckpointError) in
        var draws = SingleDraws(generator)
        for i in 0..<rows - 1 { order.swapAt(i, i + Int(draws.next() % UInt32(clamping: rows - i))) }
        generator.skip(UInt64(rows + 2) / 4)
      }
      switch value {
      case .strings(let strings):
        let row = shape.elementCount / rows
        let moved = order.flatMap { strings.elements[$0 * row..<($0 + 1) * row] }
        context.emit(.strings(try context.strings(shape, moved)))
      case .dense(let x):
        let y = try context.allocate(x.dtype, shape)
        let from = try x.bitcast(.uint8, try Shape([x.byteCount]))
        let row = x.byteCount / rows
        for (i, k) in order.enumerated() {
          try y.copy(try from.elements(from: k * row, as: try Shape([row])), toByteOffset: i * row)
        }
        context.emit(y)
      case let other: throw CheckpointError(.corrupt, "input 0 is \(other.summary), not a tensor")
      }
    }
  }
}

extension NodeContext {
  /// The attributes seed and seed2.
  func seeds() throws(CheckpointError) -> (Int, Int) {
    (try int("seed", default: 0), try int("seed2", default: 0))
  }
}

extension KernelContext {
  /// The node's generator at its present place, which then moves on by what TensorFlow reserves for `count` numbers.
  func reserve(_ count: Int, _ seed: Int, _ seed2: Int) throws(CheckpointError) -> Philox {
    try withRandom(seed: seed, seed2: seed2) { (generator) throws(CheckpointError) in
      let present = generator
      generator.skip(UInt64(count) &* 256)
      return present
    }
  }

  /// The generator of a stateless op: the two seeds scrambled.
  func seededGenerator(_ i: Int) throws(CheckpointError) -> Philox {
    let seeds = try ints(i)
    guard seeds.count == 2 else { throw CheckpointError(.corrupt, "\(seeds.count) seeds, not 2") }
    let (a, b) = (UInt64(bitPattern: Int64(seeds[0])), UInt64(bitPattern: Int64(seeds[1])))
    return Philox(scrambling: a, b)
  }

  /// The generator of a stateless op of the second kind: key [1], counter [1 or 2] and the algorithm, 1 for Philox.
  func keyedGenerator(_ i: Int) throws(CheckpointError) -> Philox {
    let key = try tensor(i, .uint64)
    let counter = try tensor(i + 1, .uint64)
    let algorithm = try int(i + 2)
    guard algorithm == 1 || algorithm == 3 else {
      throw CheckpointError(.unsupported, "random numbers of algorithm \(algorithm); Philox is 1")
    }
    guard key.elementCount == 1, counter.rank == 1, counter.elementCount == 2 else {
      throw CheckpointError(.corrupt, "a key of shape \(key.shape) and a counter of \(counter.shape)")
    }
    let words = counter.elements(UInt64.self)
    return Philox(key: key.elements(UInt64.self)[0], counter: words[0], words[1])
  }

  /// A whole number of any width, sign extended.
  fileprivate func wideBits(_ i: Int) throws(CheckpointError) -> UInt64 {
    let tensor = try tensor(i)
    switch tensor.dtype {
    case .uint32: return UInt64(try scalar(i, UInt32.self))
    case .uint64: return try scalar(i, UInt64.self)
    default: return UInt64(bitPattern: Int64(try int(i)))
    }
  }
}
