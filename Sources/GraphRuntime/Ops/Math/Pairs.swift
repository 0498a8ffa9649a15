import CheckpointCore

extension KernelContext {
  /// Emits `body(a, b)` of inputs 0 and 1 element by element, broadcast, as elements of `R`. Equal shapes and single
  /// numbers are walked straight through.
  mutating func emitPairs<A: Element, R: Element>(
    _: A.Type, into _: R.Type, as dtype: DType? = nil, _ body: (A, A) -> R
  ) throws(CheckpointError) {
    emit(try pairs(try tensor(0), try tensor(1), A.self, R.self, dtype ?? R.dtype, body))
  }

  /// `body(a, b)` element by element, broadcast. The operands are read as elements of `A`, whatever their dtype's name.
  func pairs<A: Element, R: Element>(
    _ a: DenseTensor, _ b: DenseTensor, _: A.Type, _: R.Type, _ dtype: DType, _ body: (A, A) -> R
  ) throws(CheckpointError) -> DenseTensor {
    guard a.width == MemoryLayout<A>.size, b.dtype == a.dtype, dtype.width == MemoryLayout<R>.size else {
      throw CheckpointError(.corrupt, "the inputs are \(a.dtype.rawValue) and \(b.dtype.rawValue)")
    }
    let x = a.elements(A.self)
    let y = b.elements(A.self)
    if a.shape == b.shape || (b.elementCount == 1 && b.rank <= a.rank) {
      let out = try allocate(dtype, a.shape)
      var z = out.mutableElements(R.self)
      if a.shape == b.shape {
        for i in x.indices { z[i] = body(x[i], y[i]) }
      } else {
        let value = y[0]
        for i in x.indices { z[i] = body(x[i], value) }
      }
      return out
    }
    let plan = try Broadcast(a.shape, b.shape)
    let out = try allocate(dtype, plan.shape)
    var z = out.mutableElements(R.self)
    let xStep = plan.aStrides[plan.aStrides.count - 1]
    let yStep = plan.bStrides[plan.bStrides.count - 1]
    plan.forEachRun { first, i, j, count in
      for k in 0..<count { z[first + k] = body(x[i + k * xStep], y[j + k * yStep]) }
    }
    return out
  }

  /// The tensor repeated to the shape, as broadcasting does; itself where it has it.
  /// - Throws: `corrupt` where its sizes are neither 1 nor those of the shape.
  func expanded(_ x: DenseTensor, to shape: Shape) throws(CheckpointError) -> DenseTensor {
    if x.shape == shape { return x }
    let lead = shape.rank - x.rank
    guard lead >= 0 else { throw CheckpointError(.corrupt, "the shape \(x.shape) cannot be broadcast to \(shape)") }
    var strides = [Int](repeating: 0, count: shape.rank)
    let dense = denseStrides(x.dimensions)
    for i in x.dimensions.indices {
      guard x.dimensions[i] == shape.dimensions[lead + i] || x.dimensions[i] == 1 else {
        throw CheckpointError(.corrupt, "the shape \(x.shape) cannot be broadcast to \(shape)")
      }
      if x.dimensions[i] != 1 { strides[lead + i] = dense[i] }
    }
    return try box(shape, of: x, Walk(strides: strides))
  }
}

/// The shape that several broadcast to.
func broadcastShape(_ shapes: [Shape]) throws(CheckpointError) -> Shape {
  var result = shapes.first ?? .scalar
  for shape in shapes.dropFirst() where shape != result { result = try Broadcast(result, shape).shape }
  return result
}

/// `z = body(x, y)` on whole numbers of every width.
struct WholePairs: WholeKernel {
  enum Operation { case and, or, xor, leftShift, rightShift }
  let operation: Operation

  func kernel<T: IntegerElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    // A shift beyond the width, or below 0, is cut to what the width allows.
    @Sendable func amount(_ n: T) -> T { n < 0 ? 0 : n >= T(T.bitWidth - 1) ? T(T.bitWidth - 1) : n }
    switch operation {
    case .and: return { (context) throws(CheckpointError) in try context.emitPairs(T.self, into: T.self) { $0 & $1 } }
    case .or: return { (context) throws(CheckpointError) in try context.emitPairs(T.self, into: T.self) { $0 | $1 } }
    case .xor: return { (context) throws(CheckpointError) in try context.emitPairs(T.self, into: T.self) { $0 ^ $1 } }
    case .leftShift:
      return { (context) throws(CheckpointError) in try context.emitPairs(T.self, into: T.self) { $0 &<< amount($1) } }
    case .rightShift:
      return { (context) throws(CheckpointError) in try context.emitPairs(T.self, into: T.self) { $0 &>> amount($1) } }
    }
  }
}

/// Invert: all bits of a whole number turned over.
struct InvertBits: WholeKernel {
  func kernel<T: IntegerElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      let y = try context.allocate(T.self, x.shape)
      let from = x.elements(T.self)
      var to = y.mutableElements(T.self)
      for i in from.indices { to[i] = ~from[i] }
      context.emit(y)
    }
  }
}

/// PopulationCount: the number of ones among a whole number's bits, as uint8.
struct PopulationCount: WholeKernel {
  func kernel<T: IntegerElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      let y = try context.allocate(UInt8.self, x.shape)
      let from = x.elements(T.self)
      var to = y.mutableElements(UInt8.self)
      for i in from.indices { to[i] = UInt8(truncatingIfNeeded: from[i].nonzeroBitCount) }
      context.emit(y)
    }
  }
}

/// IsNan, IsInf, IsFinite: a question about each float.
struct FloatQuestion: FloatingKernel {
  enum Question { case isNaN, isInfinite, isFinite }
  let question: Question

  func kernel<T: ArithmeticElement & RealElement>(
    _: T.Type, _ node: inout NodeContext
  ) throws(CheckpointError) -> Kernel {
    let question = question
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      let y = try context.allocate(.bool, x.shape)
      let from = x.elements(T.self)
      var to = y.mutableElements(UInt8.self)
      for i in from.indices {
        let holds =
          switch question {
          case .isNaN: from[i].isNaN
          case .isInfinite: from[i].isInfinite
          case .isFinite: from[i].isFinite
          }
        to[i] = holds ? 1 : 0
      }
      context.emit(y)
    }
  }
}
