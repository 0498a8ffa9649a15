internal import CKernels
import CheckpointCore

/// BiasAdd, BiasAddV1: value [batch, …, channels] + bias [channels]; data_format NCHW has the channels second (third
/// from the end for unbatched values has no meaning: rank 2 at least). Attributes T (any number), data_format.
enum BiasAdd {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    switch try node.dtype("T") {
    case .float32, .float64, .float16, .bfloat16: try node.real("T", Real.self)
    default: try node.numeric("T", Whole.self)
    }
  }

  enum Real: RealKernel {
    static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
      let layout = try ImageLayout(node)
      return { (context) throws(CheckpointError) in
        let bias = try context.tensor(1, T.dtype)
        let shape = try context.tensor(0, T.dtype).shape
        let (outer, channels, inner) = try split(shape, bias.shape, layout)
        let y = try context.output(reusing: 0, T.dtype, shape)
        let x = try context.tensor(0)
        if inner > 1 {
          add(T.self, outer, channels, inner, x, bias, y)
        } else {
          // SAFETY: x and y have outer * channels elements, the bias has `channels`.
          unsafe x.withPointer(T.self) { px in
            unsafe bias.withPointer(T.self) { pb in
              unsafe y.withMutablePointer(T.self) { py in unsafe T.biasAdd(context.pool, outer, channels, px, pb, py) }
            }
          }
        }
        context.emit(y)
      }
    }
  }

  enum Whole: NumericKernel {
    static func kernel<T: NumericElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
      let layout = try ImageLayout(node)
      return { (context) throws(CheckpointError) in
        let x = try context.tensor(0, T.dtype)
        let bias = try context.tensor(1, T.dtype)
        let (outer, channels, inner) = try split(x.shape, bias.shape, layout)
        let y = try context.allocate(T.self, x.shape)
        add(T.self, outer, channels, inner, x, bias, y)
        context.emit(y)
      }
    }
  }

  /// The value as [outer, channels, inner].
  private static func split(
    _ value: Shape, _ bias: Shape, _ layout: ImageLayout
  ) throws(CheckpointError) -> (outer: Int, channels: Int, inner: Int) {
    guard value.rank >= 2, bias.rank == 1 else {
      throw CheckpointError(.corrupt, "a bias of shape \(bias) for a value of shape \(value)")
    }
    let axis = layout.channel(rank: value.rank)
    guard value.dimensions[axis] == bias.dimensions[0] else {
      throw CheckpointError(.corrupt, "a bias of shape \(bias) for \(value.dimensions[axis]) channels")
    }
    if value.elementCount == 0 { return (0, bias.dimensions[0], 1) }
    let inner = value.dimensions[(axis + 1)...].reduce(1, *)
    return (value.elementCount / bias.dimensions[0] / inner, bias.dimensions[0], inner)
  }

  private static func add<T: NumericElement>(
    _: T.Type, _ outer: Int, _ channels: Int, _ inner: Int, _ x: DenseTensor, _ bias: DenseTensor, _ y: DenseTensor
  ) {
    // SAFETY: both values have outer * channels * inner elements; y may be x, and each element is read before it is
    // written.
    unsafe x.withPointer(T.self) { px in
      unsafe y.withMutablePointer(T.self) { py in
        let offsets = bias.elements(T.self)
        for row in 0..<outer * channels {
          let offset = offsets[row % channels]
          for i in row * inner..<(row + 1) * inner { unsafe py[i] = px[i].adding(offset) }
        }
      }
    }
  }
}

/// BiasAddGrad: the sums over all dimensions but the channels. Attributes T, data_format.
enum BiasAddGrad: NumericKernel {
  static func kernel<T: NumericElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let layout = try ImageLayout(node)
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      guard x.rank >= 2 else { throw CheckpointError(.corrupt, "a gradient of shape \(x.shape) has no channels") }
      let axis = layout.channel(rank: x.rank)
      let channels = x.dimensions[axis]
      let y = try context.allocate(T.dtype, [channels])
      y.zero()
      let inner = x.elementCount == 0 ? 1 : x.dimensions[(axis + 1)...].reduce(1, *)
      let from = x.elements(T.self)
      var sums = y.mutableElements(T.self)
      for i in from.indices { sums[i / inner % channels] = sums[i / inner % channels].adding(from[i]) }
      context.emit(y)
    }
  }
}
