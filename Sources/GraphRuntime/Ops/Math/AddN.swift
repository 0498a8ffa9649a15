import CKernels
import CheckpointCore

/// AddN, AccumulateNV2: the sum of all inputs in their order; all of one shape. Attributes N, T.
struct AddN: ArithmeticKernel {
  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      guard context.inputCount > 1 else { return context.emit(try context.read(0)) }
      let shape = try context.tensor(0, T.dtype).shape
      let sum = try context.output(reusing: 0, T.dtype, shape)
      var count = shape.elementCount
      var step = 1
      for i in 1..<context.inputCount {
        let x = try context.tensor(i, T.dtype)
        guard x.shape == shape else {
          throw CheckpointError(.corrupt, "the inputs have the shapes \(shape) and \(x.shape)")
        }
        let first = i == 1 ? try context.tensor(0, T.dtype) : sum
        // SAFETY: all three have `count` elements; the sum may be its own first operand.
        let status = unsafe first.withPointer(T.self) { a in
          unsafe x.withPointer(T.self) { b in
            unsafe sum.withMutablePointer(T.self) { out in
              unsafe T.binary(context.pool, CK_BINARY_ADD, 1, &count, &step, &step, a, b, out)
            }
          }
        }
        try context.check(status)
      }
      context.emit(sum)
    }
  }
}
