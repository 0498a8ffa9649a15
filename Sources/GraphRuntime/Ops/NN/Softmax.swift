internal import CKernels
import CheckpointCore

/// Softmax, LogSoftmax: logits [batch…, classes], over the last dimension; output of the same shape. Attribute T.
enum Softmax {
  enum Plain: RealKernel {
    static func kernel<T: RealElement>(_: T.Type, _: inout NodeContext) throws(CheckpointError) -> Kernel {
      Softmax.kernel(T.self, logarithm: false)
    }
  }

  enum Logarithm: RealKernel {
    static func kernel<T: RealElement>(_: T.Type, _: inout NodeContext) throws(CheckpointError) -> Kernel {
      Softmax.kernel(T.self, logarithm: true)
    }
  }

  private static func kernel<T: RealElement>(_: T.Type, logarithm: Bool) -> Kernel {
    { (context) throws(CheckpointError) in
      let shape = try context.tensor(0, T.dtype).shape
      guard let columns = shape.dimensions.last else { throw CheckpointError(.corrupt, "a scalar has no classes") }
      let y = try context.output(reusing: 0, T.dtype, shape)
      let x = try context.tensor(0)
      let rows = columns == 0 ? 0 : shape.elementCount / columns
      // SAFETY: both have rows * columns elements; the kernel allows y to be x.
      unsafe x.withPointer(T.self) { px in
        unsafe y.withMutablePointer(T.self) { py in unsafe T.softmax(context.pool, rows, columns, logarithm, px, py) }
      }
      context.emit(y)
    }
  }
}
