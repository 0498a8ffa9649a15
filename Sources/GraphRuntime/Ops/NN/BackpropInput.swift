internal import CKernels
import CheckpointCore

/// Conv2DBackpropInput, Conv3DBackpropInputV2 (transposed convolution): input_sizes [rank], filter [spatial…, in, out],
/// gradient [batch, spatial…, out]; output of shape input_sizes. Attributes T, strides, padding, explicit_paddings,
/// dilations, data_format. input_sizes may also be just the spatial sizes of Conv2D; -1 as its batch is the gradient's.
enum BackpropInput {
  enum Conv2D: RealKernel {
    static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
      try BackpropInput.kernel(T.self, try ConvolutionAttributes(node, spatial: 2))
    }
  }

  enum Conv3D: RealKernel {
    static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
      try BackpropInput.kernel(T.self, try ConvolutionAttributes(node, spatial: 3))
    }
  }

  private static func kernel<T: RealElement>(
    _: T.Type, _ attributes: ConvolutionAttributes
  ) throws(CheckpointError) -> Kernel {
    let layout = attributes.layout
    let spatial = attributes.spatial
    return { (context) throws(CheckpointError) in
      let filter = try context.tensor(1, T.dtype)
      let gradient = try context.channelsLast(try context.tensor(2, T.dtype), layout)
      let input = try inputShape(try context.ints(0), gradient, filter, layout, spatial)
      guard filter.rank == spatial + 2, input.rank == spatial + 2, gradient.rank == spatial + 2 else {
        throw CheckpointError(.corrupt, "the shapes \(input), \(filter.shape), \(gradient.shape) have other ranks")
      }
      var (shape, expected) = try attributes.plan(input, filter.shape)
      guard expected == gradient.shape else {
        throw CheckpointError(
          .corrupt, "the gradient's shape is \(gradient.shape), where a convolution of \(input) gives \(expected)")
      }
      guard shape.groups == 1 else { throw CheckpointError(.unsupported, "the gradient of a grouped convolution") }
      let x = try context.allocate(T.self, input)
      // SAFETY: the shapes were checked against each other above.
      let status = unsafe filter.withPointer(T.self) { pf in
        unsafe gradient.withPointer(T.self) { pg in
          unsafe x.withMutablePointer(T.self) { px in unsafe T.backpropInput(context.pool, &shape, pf, pg, px) }
        }
      }
      try context.check(status)
      context.emit(try context.fromChannelsLast(x, layout))
    }
  }

  /// The sizes given, channels last.
  static func inputShape(
    _ sizes: [Int], _ gradient: DenseTensor, _ filter: DenseTensor, _ layout: ImageLayout, _ spatial: Int
  ) throws(CheckpointError) -> Shape {
    guard gradient.rank == spatial + 2, filter.rank == spatial + 2 else {
      throw CheckpointError(
        .corrupt, "the shapes \(filter.shape) and \(gradient.shape) have not \(spatial + 2) dimensions")
    }
    if sizes.count == spatial {
      return try Shape([gradient.dimensions[0]] + sizes + [filter.dimensions[spatial]])
    }
    guard sizes.count == spatial + 2 else {
      throw CheckpointError(.corrupt, "\(sizes.count) input sizes, not \(spatial + 2)")
    }
    var ordered = layout.channelsLast(sizes)
    if ordered[0] == -1 { ordered[0] = gradient.dimensions[0] }
    return try Shape(ordered)
  }
}
