internal import CKernels
import CheckpointCore

/// DepthwiseConv2dNative: input [batch, h, w, c], filter [h, w, c, multiplier]; output [batch, h', w', c * multiplier],
/// channel c * multiplier + q. Attributes T, strides, padding, explicit_paddings, dilations, data_format.
enum Depthwise: RealKernel {
  static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let attributes = try ConvolutionAttributes(node, spatial: 2)
    return { (context) throws(CheckpointError) in
      let x = try context.channelsLast(try context.tensor(0, T.dtype), attributes.layout)
      let filter = try context.tensor(1, T.dtype)
      var (shape, output) = try plan(attributes, x.shape, filter.shape)
      let y = try context.allocate(T.self, output)
      // SAFETY: the shapes were checked against each other by `plan`.
      let status = unsafe x.withPointer(T.self) { px in
        unsafe filter.withPointer(T.self) { pf in
          unsafe y.withMutablePointer(T.self) { py in
            unsafe T.depthwise(context.pool, &shape, px, pf, nil, CK_LINEAR, py)
          }
        }
      }
      try context.check(status)
      context.emit(try context.fromChannelsLast(y, attributes.layout))
    }
  }

  static func plan(
    _ attributes: ConvolutionAttributes, _ input: Shape, _ filter: Shape
  ) throws(CheckpointError) -> (ck_conv, Shape) {
    guard input.rank == 4, filter.rank == 4, input.dimensions[3] == filter.dimensions[2] else {
      throw CheckpointError(.corrupt, "a depthwise filter of shape \(filter) does not fit an input of shape \(input)")
    }
    var shape = try attributes.geometry(input, filter)
    // The product is that of two sizes of one tensor, the filter.
    shape.out_c = filter.dimensions[2] * filter.dimensions[3]
    return (shape, try attributes.outputShape(shape))
  }
}

/// DepthwiseConv2dNativeBackpropInput: input_sizes [4], filter [h, w, c, multiplier], gradient; output of shape
/// input_sizes. Each sum runs over (output row, output column, q) in rising order.
enum DepthwiseBackpropInput: RealKernel {
  static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let attributes = try ConvolutionAttributes(node, spatial: 2)
    return { (context) throws(CheckpointError) in
      let filter = try context.tensor(1, T.dtype)
      let gradient = try context.channelsLast(try context.tensor(2, T.dtype), attributes.layout)
      let input = try BackpropInput.inputShape(try context.ints(0), gradient, filter, attributes.layout, 2)
      let (shape, expected) = try Depthwise.plan(attributes, input, filter.shape)
      guard expected == gradient.shape else {
        throw CheckpointError(
          .corrupt, "the gradient's shape is \(gradient.shape), where a convolution of \(input) gives \(expected)")
      }
      let x = try context.allocate(T.self, input)
      scatter(T.self, shape, filter, gradient, x)
      context.emit(try context.fromChannelsLast(x, attributes.layout))
    }
  }

  private static func scatter<T: RealElement>(
    _: T.Type, _ s: ck_conv, _ filter: DenseTensor, _ gradient: DenseTensor, _ x: DenseTensor
  ) {
    x.zero()
    let weights = filter.elements(T.self)
    let from = gradient.elements(T.self)
    var to = x.mutableElements(T.self)
    let multiplier = s.in_c == 0 ? 0 : s.out_c / s.in_c
    for n in 0..<s.batch {
      for oy in 0..<s.out_h {
        for ox in 0..<s.out_w {
          let g = ((n * s.out_h + oy) * s.out_w + ox) * s.out_c
          for ty in 0..<s.filter_h {
            let iy = oy * s.stride_h - s.pad_top + ty * s.dilation_h
            if iy < 0 || iy >= s.in_h { continue }
            for tx in 0..<s.filter_w {
              let ix = ox * s.stride_w - s.pad_left + tx * s.dilation_w
              if ix < 0 || ix >= s.in_w { continue }
              let i = ((n * s.in_h + iy) * s.in_w + ix) * s.in_c
              let w = (ty * s.filter_w + tx) * s.out_c
              for c in 0..<s.in_c {
                for q in 0..<multiplier {
                  to[i + c] += from[g + c * multiplier + q] * weights[w + c * multiplier + q]
                }
              }
            }
          }
        }
      }
    }
  }
}
