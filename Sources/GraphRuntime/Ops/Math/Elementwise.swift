import CKernels
import CheckpointCore

extension Op {
  /// `z = op(x, y)` by the C kernel, with broadcasting. Attribute T.
  static func binary(_ name: String, _ op: ck_binary, _ complex: ComplexPairs? = nil) -> Op {
    Op(name) { (node) throws(CheckpointError) in
      let dtype = try node.dtype("T")
      if let complex, dtype == .complex64 || dtype == .complex128 { return complex.kernel(dtype) }
      return try node.arithmetic("T", Binary(op: op))
    }
  }

  /// `z = op(x, y)` on floats only.
  static func realBinary(_ name: String, _ op: ck_binary) -> Op {
    Op(name) { (node) throws(CheckpointError) in try node.floating("T", Binary(op: op)) }
  }

  /// `y = op(x)` by the C kernel, for floats and whole numbers. Attribute T.
  static func unary(_ name: String, _ op: ck_unary) -> Op {
    Op(name) { (node) throws(CheckpointError) in try node.arithmetic("T", Unary(op: op)) }
  }

  /// `y = op(x)` on floats only.
  static func realUnary(_ name: String, _ op: ck_unary) -> Op {
    Op(name) { (node) throws(CheckpointError) in try node.floating("T", Unary(op: op)) }
  }

  /// `y = body(x)` in double precision, on floats only.
  static func realFunction(_ name: String, _ body: @escaping @Sendable (Double) -> Double) -> Op {
    Op(name) { (node) throws(CheckpointError) in try node.floating("T", RealFunction(body: body)) }
  }

  /// `z = body(x, y)` in double precision with broadcasting, on floats only.
  static func realPairs(_ name: String, _ body: @escaping @Sendable (Double, Double) -> Double) -> Op {
    Op(name) { (node) throws(CheckpointError) in try node.floating("T", RealPairs(body: body)) }
  }
}

/// `y = op(x)`.
struct Unary: ArithmeticKernel, FloatingKernel {
  let op: ck_unary

  func kernel<T: ArithmeticElement & RealElement>(
    _: T.Type, _ node: inout NodeContext
  ) throws(CheckpointError) -> Kernel { kernel(T.self) }

  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    kernel(T.self)
  }

  private func kernel<T: ArithmeticElement>(_: T.Type) -> Kernel {
    let op = op
    return { (context) throws(CheckpointError) in
      let shape = try context.tensor(0, T.dtype).shape
      let y = try context.output(reusing: 0, T.dtype, shape)
      let x = try context.tensor(0, T.dtype)
      // SAFETY: both have as many elements; the kernel allows y to be x.
      let status = unsafe x.withPointer(T.self) { from in
        unsafe y.withMutablePointer(T.self) { to in unsafe T.unary(context.pool, op, shape.elementCount, from, to) }
      }
      try context.check(status)
      context.emit(y)
    }
  }
}

/// `y = body(x)`, computed as a double.
struct RealFunction: FloatingKernel {
  let body: @Sendable (Double) -> Double

  func kernel<T: ArithmeticElement & RealElement>(
    _: T.Type, _ node: inout NodeContext
  ) throws(CheckpointError) -> Kernel {
    let body = body
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      let y = try context.allocate(T.self, x.shape)
      let from = x.elements(T.self)
      var to = y.mutableElements(T.self)
      for i in from.indices { to[i] = T(body(from[i].asDouble)) }
      context.emit(y)
    }
  }
}

/// `z = body(x, y)`, computed as doubles.
struct RealPairs: FloatingKernel {
  let body: @Sendable (Double, Double) -> Double

  func kernel<T: ArithmeticElement & RealElement>(
    _: T.Type, _ node: inout NodeContext
  ) throws(CheckpointError) -> Kernel {
    let body = body
    return { (context) throws(CheckpointError) in
      let a = try context.tensor(0, T.dtype)
      let b = try context.tensor(1, T.dtype)
      context.emit(
        try context.broadcast(a, b, T.self, T.self, into: T.self) { T(body($0.asDouble, $1.asDouble)) })
    }
  }
}

/// `z = op(x, y)`.
struct Binary: ArithmeticKernel, FloatingKernel {
  let op: ck_binary

  func kernel<T: ArithmeticElement & RealElement>(
    _: T.Type, _ node: inout NodeContext
  ) throws(CheckpointError) -> Kernel { kernel(T.self) }

  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    kernel(T.self)
  }

  private func kernel<T: ArithmeticElement>(_: T.Type) -> Kernel {
    let op = op
    return { (context) throws(CheckpointError) in
      try unsafe context.emitPairs(T.self, result: T.dtype) { (pool, rank, sizes, aStrides, bStrides, a, b, out) in
        // SAFETY: passed on as `emitPairs` made them.
        unsafe T.binary(
          pool, op, rank, sizes, aStrides, bStrides, a, b, UnsafeMutableRawPointer(out).assumingMemoryBound(to: T.self))
      }
    }
  }
}

extension KernelContext {
  /// Emits what a C kernel makes of inputs 0 and 1, broadcast. Equal shapes and single numbers need no plan.
  mutating func emitPairs<T: ArithmeticElement>(
    _: T.Type, result: DType,
    _ body: (
      OpaquePointer?, Int, UnsafePointer<Int>, UnsafePointer<Int>, UnsafePointer<Int>, UnsafePointer<T>,
      UnsafePointer<T>, UnsafeMutablePointer<UInt8>
    ) -> CInt
  ) throws(CheckpointError) {
    let aShape = try tensor(0, T.dtype).shape
    let bShape = try tensor(1, T.dtype).shape
    let shape: Shape
    var (aStride, bStride) = (1, 1)
    var plan: Broadcast?
    if aShape == bShape {
      shape = aShape
    } else if aShape.elementCount == 1, aShape.rank <= bShape.rank {
      shape = bShape
      aStride = 0
    } else if bShape.elementCount == 1, bShape.rank <= aShape.rank {
      shape = aShape
      bStride = 0
    } else {
      let broadcast = try Broadcast(aShape, bShape)
      shape = broadcast.shape
      plan = broadcast
    }
    let z =
      result == T.dtype
      ? try output(reusing: 0, or: 1, result, shape) : try DenseTensor(result, shape, budget: run.budget)
    let a = try tensor(0, T.dtype)
    let b = try tensor(1, T.dtype)
    var count = shape.elementCount
    // SAFETY: the plan's strides stay inside both operands, and the result has its shape.
    let status = unsafe a.withPointer(T.self) { x in
      unsafe b.withPointer(T.self) { y in
        unsafe z.withMutablePointer(UInt8.self) { out in
          if let plan {
            unsafe body(pool, plan.dimensions.count, plan.dimensions, plan.aStrides, plan.bStrides, x, y, out)
          } else {
            unsafe body(pool, 1, &count, &aStride, &bStride, x, y, out)
          }
        }
      }
    }
    try check(status)
    emit(z)
  }
}
