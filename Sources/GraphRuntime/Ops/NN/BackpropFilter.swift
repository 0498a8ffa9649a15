internal import CKernels
import CheckpointCore

/// Conv2DBackpropFilter: input [batch, h, w, in], filter_sizes [4], gradient [batch, h', w', out]; output of shape
/// filter_sizes. Attributes as Conv2D. Sums run over (image, row, column) in rising order.
enum BackpropFilter: RealKernel {
  static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let attributes = try ConvolutionAttributes(node, spatial: 2)
    return { (context) throws(CheckpointError) in
      let x = try context.channelsLast(try context.tensor(0, T.dtype), attributes.layout)
      let filter = try context.shape(1)
      let gradient = try context.channelsLast(try context.tensor(2, T.dtype), attributes.layout)
      let (shape, expected) = try attributes.plan(x.shape, filter)
      guard expected == gradient.shape, shape.groups == 1 else {
        throw CheckpointError(
          .corrupt, "the gradient's shape is \(gradient.shape), where a convolution of \(x.shape) gives \(expected)")
      }
      let out = try context.allocate(T.self, filter)
      let rowCount = shape.batch * shape.out_h * shape.out_w
      let rows = try context.allocate(T.dtype, [max(rowCount, 1), shape.in_c])
      // One tap at a time: gather what it reads, then a product over all positions.
      for tap in 0..<shape.filter_h * shape.filter_w {
        gather(T.self, shape, tap, x, rows)
        // SAFETY: `rows` is [rowCount, in], the gradient [rowCount, out], and the tap's block [in, out].
        let status = unsafe rows.withPointer(T.self) { pr in
          unsafe gradient.withPointer(T.self) { pg in
            unsafe out.withMutablePointer(T.self) { po in
              unsafe T.product(
                context.pool, true, false, shape.in_c, shape.out_c, rowCount, pr, shape.in_c, pg, shape.out_c,
                po + tap * shape.in_c * shape.out_c, shape.out_c, nil, CK_LINEAR)
            }
          }
        }
        try context.check(status)
      }
      context.emit(out)
    }
  }

  private static func gather<T: RealElement>(
    _: T.Type, _ s: ck_conv, _ tap: Int, _ x: DenseTensor, _ rows: DenseTensor
  ) {
    let input = x.elements(T.self)
    var output = rows.mutableElements(T.self)
    var o = 0
    for n in 0..<s.batch {
      for oy in 0..<s.out_h {
        let iy = oy * s.stride_h - s.pad_top + tap / s.filter_w * s.dilation_h
        for ox in 0..<s.out_w {
          let ix = ox * s.stride_w - s.pad_left + tap % s.filter_w * s.dilation_w
          let isInside = iy >= 0 && iy < s.in_h && ix >= 0 && ix < s.in_w
          let from = isInside ? ((n * s.in_h + iy) * s.in_w + ix) * s.in_c : 0
          for c in 0..<s.in_c { output[o + c] = isInside ? input[from + c] : 0 }
          o += s.in_c
        }
      }
    }
  }
}
