internal import CKernels
import CheckpointCore

/// SoftmaxCrossEntropyWithLogits: logits and labels [batch, classes], broadcast to each other; outputs loss [batch] =
/// -sum(labels * log_softmax(logits)) and its gradient [batch, classes] = softmax(logits) - labels. Attribute T.
enum CrossEntropy: RealKernel {
  static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 2
    return { (context) throws(CheckpointError) in
      var logits = try context.tensor(0, T.dtype)
      var labels = try context.tensor(1, T.dtype)
      let plan = try Broadcast(logits.shape, labels.shape)
      guard plan.shape.rank == 2 else {
        throw CheckpointError(
          .corrupt, "logits of shape \(logits.shape) and labels of \(labels.shape) are not matrices")
      }
      logits = try repeated(T.self, logits, plan, plan.aStrides, &context)
      labels = try repeated(T.self, labels, plan, plan.bStrides, &context)
      let rows = plan.shape.dimensions[0]
      let columns = plan.shape.dimensions[1]
      let loss = try context.allocate(T.dtype, [rows])
      let gradient = try context.allocate(T.self, plan.shape)
      if columns == 0 { loss.zero() }
      // SAFETY: all matrices have rows * columns elements, the loss has `rows`.
      unsafe logits.withPointer(T.self) { x in
        unsafe labels.withPointer(T.self) { y in
          unsafe loss.withMutablePointer(T.self) { l in
            unsafe gradient.withMutablePointer(T.self) { g in
              if columns > 0 { unsafe T.crossEntropy(context.pool, rows, columns, x, y, l, g) }
            }
          }
        }
      }
      context.emit(loss)
      context.emit(gradient)
    }
  }

  /// The tensor broadcast to the shape of the plan.
  private static func repeated<T: RealElement>(
    _: T.Type, _ tensor: DenseTensor, _ plan: Broadcast, _ strides: [Int], _ context: inout KernelContext
  ) throws(CheckpointError) -> DenseTensor {
    if tensor.shape == plan.shape { return tensor }
    let out = try context.allocate(T.self, plan.shape)
    // SAFETY: the plan's strides stay inside the tensor, and the result is dense.
    let status = unsafe tensor.withPointer(UInt8.self) { x in
      unsafe out.withMutablePointer(UInt8.self) { y in
        unsafe ck_copy_strided(
          context.pool, out.width, CInt(plan.dimensions.count), plan.dimensions, x, strides, y,
          denseStrides(plan.dimensions))
      }
    }
    try context.check(status)
    return out
  }
}

/// SparseSoftmaxCrossEntropyWithLogits: logits [batch, classes], labels [batch] class numbers (int32, int64); outputs
/// loss [batch] and its gradient [batch, classes]. A label outside the classes is refused. Attributes T, Tlabels.
enum SparseCrossEntropy: RealKernel {
  static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 2
    return { (context) throws(CheckpointError) in
      let logits = try context.tensor(0, T.dtype)
      let labels = try context.tensor(1)
      guard logits.rank == 2, labels.shape == (try Shape([logits.dimensions[0]])) else {
        throw CheckpointError(.corrupt, "labels of shape \(labels.shape) for logits of shape \(logits.shape)")
      }
      let numbers = try context.ints(1)
      let rows = logits.dimensions[0]
      let columns = logits.dimensions[1]
      guard columns > 0 || rows == 0 else { throw CheckpointError(.corrupt, "there are no classes") }
      let wanted = try context.allocate(T.self, logits.shape)
      wanted.zero()
      var ones = wanted.mutableElements(T.self)
      for row in 0..<rows {
        guard numbers[row] >= 0, numbers[row] < columns else {
          throw CheckpointError(.corrupt, "the label \(numbers[row]) lies outside 0..<\(columns)")
        }
        ones[row * columns + numbers[row]] = 1
      }
      let loss = try context.allocate(T.dtype, [rows])
      let gradient = try context.allocate(T.self, logits.shape)
      // SAFETY: all matrices have rows * columns elements, the loss has `rows`.
      unsafe logits.withPointer(T.self) { x in
        unsafe wanted.withPointer(T.self) { y in
          unsafe loss.withMutablePointer(T.self) { l in
            unsafe gradient.withMutablePointer(T.self) { g in
              unsafe T.crossEntropy(context.pool, rows, columns, x, y, l, g)
            }
          }
        }
      }
      context.emit(loss)
      context.emit(gradient)
    }
  }
}
