import CKernels
import CheckpointCore

/// ClipByValue: elements below input 1 become it, those above input 2 become that one; both broadcast to the shape of
/// input 0. NaN stays. Attribute T.
struct ClipByValue: ArithmeticKernel {
  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      var low = try context.tensor(1, T.dtype)
      var high = try context.tensor(2, T.dtype)
      if low.elementCount != 1 { low = try context.expanded(low, to: x.shape) }
      if high.elementCount != 1 { high = try context.expanded(high, to: x.shape) }
      let y = try context.allocate(T.self, x.shape)
      let from = x.elements(T.self)
      let lows = low.elements(T.self)
      let highs = high.elements(T.self)
      let lowStep = low.elementCount == 1 ? 0 : 1
      let highStep = high.elementCount == 1 ? 0 : 1
      var to = y.mutableElements(T.self)
      for i in from.indices {
        let (least, most) = (lows[i * lowStep], highs[i * highStep])
        let value = from[i] < least ? least : from[i]
        to[i] = most < value ? most : value
      }
      context.emit(y)
    }
  }
}

/// Cross: the cross product of three-element rows. Attribute T. Both shapes are equal.
struct Cross: ArithmeticKernel {
  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let a = try context.tensor(0, T.dtype)
      let b = try context.tensor(1, T.dtype)
      guard a.shape == b.shape, a.dimensions.last == 3 else {
        throw CheckpointError(.corrupt, "the shapes \(a.shape) and \(b.shape) are not two equal ones of rows of 3")
      }
      let c = try context.allocate(T.self, a.shape)
      let x = a.elements(T.self)
      let y = b.elements(T.self)
      var z = c.mutableElements(T.self)
      for row in stride(from: 0, to: a.elementCount, by: 3) {
        for i in 0..<3 {
          let (j, k) = (row + (i + 1) % 3, row + (i + 2) % 3)
          z[row + i] = x[j].multiplied(y[k]).subtracting(x[k].multiplied(y[j]))
        }
      }
      context.emit(c)
    }
  }
}

/// L2Loss: half the sum of squares, a single number. Attribute T.
struct L2Loss: FloatingKernel {
  func kernel<T: ArithmeticElement & RealElement>(
    _: T.Type, _ node: inout NodeContext
  ) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      let y = try context.allocate(T.self, .scalar)
      // SAFETY: x has `elementCount` elements, y one.
      let status: CInt =
        if T.dtype == .float32 {
          unsafe x.withPointer(Float.self) { from in
            unsafe y.withMutablePointer(Float.self) { unsafe ck_l2_loss_f32(context.pool, x.elementCount, from, $0) }
          }
        } else {
          unsafe x.withPointer(Double.self) { from in
            unsafe y.withMutablePointer(Double.self) { unsafe ck_l2_loss_f64(context.pool, x.elementCount, from, $0) }
          }
        }
      try context.check(status)
      context.emit(y)
    }
  }
}
