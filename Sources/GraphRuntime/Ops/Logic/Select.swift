import CheckpointCore

/// Select, SelectV2: elements of input 1 where input 0 is true, of input 2 elsewhere. Attribute T.
enum Select {
  /// Select: inputs 1 and 2 have one shape; input 0 has it too, or is a single truth value, or one for each row.
  static let select: Kernel = { (context) throws(CheckpointError) in
    let choice = try context.tensor(0, .bool)
    let shape = try context.shape(of: 1)
    guard try context.shape(of: 2) == shape else {
      throw CheckpointError(.corrupt, "the shapes \(shape) and \(try context.shape(of: 2)) differ")
    }
    if choice.rank == 0 { return context.emit(try context.read(try context.bool(0) ? 1 : 2)) }
    var wide = choice
    if choice.shape != shape {
      guard choice.rank == 1, shape.rank > 0, choice.elementCount == shape.dimensions[0] else {
        throw CheckpointError(.corrupt, "the choice of shape \(choice.shape) does not fit \(shape)")
      }
      let column = try choice.reshaped(try Shape(choice.dimensions + [Int](repeating: 1, count: shape.rank - 1)))
      wide = try context.expanded(column, to: shape)
    }
    context.emit(try context.chosen(wide, try context.tensor(1), try context.tensor(2), shape))
  }

  /// SelectV2: all three broadcast.
  static let selectV2: Kernel = { (context) throws(CheckpointError) in
    let choice = try context.tensor(0, .bool)
    let (a, b) = (try context.tensor(1), try context.tensor(2))
    if choice.elementCount == 1, a.shape == b.shape, choice.rank <= a.rank {
      return context.emit(try context.read(try context.bool(0) ? 1 : 2))
    }
    let shape = try broadcastShape([choice.shape, a.shape, b.shape])
    context.emit(try context.chosen(choice, a, b, shape))
  }
}

extension KernelContext {
  fileprivate func chosen(
    _ choice: DenseTensor, _ a: DenseTensor, _ b: DenseTensor, _ shape: Shape
  ) throws(CheckpointError) -> DenseTensor {
    guard a.dtype == b.dtype else {
      throw CheckpointError(.corrupt, "the inputs are \(a.dtype.rawValue) and \(b.dtype.rawValue)")
    }
    let y = try allocate(a.dtype, shape)
    if y.elementCount == 0 { return y }
    let c = choice.elementCount == 1 ? choice : try expanded(choice, to: shape)
    let p = a.elementCount == 1 ? a : try expanded(a, to: shape)
    let q = b.elementCount == 1 ? b : try expanded(b, to: shape)
    switch y.width {
    case 1: choose(UInt8.self, c, p, q, y)
    case 2: choose(UInt16.self, c, p, q, y)
    case 4: choose(UInt32.self, c, p, q, y)
    case 8: choose(UInt64.self, c, p, q, y)
    default: choose(Complex128.self, c, p, q, y)
    }
    return y
  }

  private func choose<T: Element>(_: T.Type, _ c: DenseTensor, _ p: DenseTensor, _ q: DenseTensor, _ y: DenseTensor) {
    let count = y.elementCount
    let (aStep, bStep) = (p.elementCount == 1 ? 0 : 1, q.elementCount == 1 ? 0 : 1)
    // SAFETY: y has `count` elements, and so have the others unless they have a single one, which is then taken each time.
    unsafe c.withPointer(UInt8.self) { choice in
      unsafe p.withPointer(T.self) { a in
        unsafe q.withPointer(T.self) { b in
          unsafe y.withMutablePointer(T.self) { to in
            if c.elementCount == 1 {
              let isFirst = unsafe choice[0] != 0
              for i in 0..<count { unsafe to[i] = isFirst ? a[i * aStep] : b[i * bStep] }
            } else if aStep & bStep == 1 {
              for i in 0..<count {
                let (x, y) = unsafe (a[i], b[i])
                unsafe to[i] = choice[i] != 0 ? x : y
              }
            } else {
              for i in 0..<count {
                let (x, y) = unsafe (a[i * aStep], b[i * bStep])
                unsafe to[i] = choice[i] != 0 ? x : y
              }
            }
          }
        }
      }
    }
  }
}
