internal import CKernels
import CheckpointCore

/// Conv2D, Conv3D: input [batch, spatial…, in], filter [spatial…, in / groups, out]; output [batch, spatial…, out].
/// Attributes T, strides, padding, explicit_paddings (Conv2D), dilations, data_format. No broadcasting. The filter's
/// third size may be a divisor of the input's channels: a grouped convolution.
enum Convolution {
  /// The builder for `spatial` dimensions.
  static func build(_ node: inout NodeContext, spatial: Int) throws(CheckpointError) -> Kernel {
    spatial == 2 ? try node.real("T", Conv2D.self, or: Conv2DInt32.self) : try node.real("T", Conv3D.self)
  }

  enum Conv2D: RealKernel {
    static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
      try Convolution.kernel(T.self, try ConvolutionAttributes(node, spatial: 2))
    }
  }

  enum Conv3D: RealKernel {
    static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
      try Convolution.kernel(T.self, try ConvolutionAttributes(node, spatial: 3))
    }
  }

  /// Conv2D of whole numbers, sums wrapping.
  enum Conv2DInt32: Int32Kernel {
    static func kernel(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
      let attributes = try ConvolutionAttributes(node, spatial: 2)
      return { (context) throws(CheckpointError) in
        let x = try context.channelsLast(try context.tensor(0, .int32), attributes.layout)
        let filter = try context.tensor(1, .int32)
        let plan = try attributes.plan(x.shape, filter.shape)
        let y = try context.allocate(.int32, plan.output)
        convolve(plan.shape, x, filter, y)
        context.emit(try context.fromChannelsLast(y, attributes.layout))
      }
    }

    private static func convolve(_ s: ck_conv, _ x: DenseTensor, _ filter: DenseTensor, _ y: DenseTensor) {
      let input = x.elements(Int32.self)
      let weights = filter.elements(Int32.self)
      var output = y.mutableElements(Int32.self)
      let perGroup = s.in_c / max(s.groups, 1)
      var o = 0
      for n in 0..<s.batch {
        for oy in 0..<s.out_h {
          for ox in 0..<s.out_w {
            for c in 0..<s.out_c {
              let first = c / max(s.out_c / s.groups, 1) * perGroup
              var sum: Int32 = 0
              for ty in 0..<s.filter_h {
                let iy = oy * s.stride_h - s.pad_top + ty * s.dilation_h
                if iy < 0 || iy >= s.in_h { continue }
                for tx in 0..<s.filter_w {
                  let ix = ox * s.stride_w - s.pad_left + tx * s.dilation_w
                  if ix < 0 || ix >= s.in_w { continue }
                  let from = ((n * s.in_h + iy) * s.in_w + ix) * s.in_c + first
                  let tap = (ty * s.filter_w + tx) * perGroup
                  for q in 0..<perGroup { sum &+= input[from + q] &* weights[(tap + q) * s.out_c + c] }
                }
              }
              output[o] = sum
              o += 1
            }
          }
        }
      }
    }
  }

  /// Conv2D of float32, channels last, with what was joined to it.
  static func kernel(_ node: NodeContext, _ tail: FusedTail) throws(CheckpointError) -> Kernel {
    try kernel(Float.self, try ConvolutionAttributes(node, spatial: 2), tail)
  }

  /// - Parameter tail: float32 only.
  static func kernel<T: RealElement>(
    _: T.Type, _ attributes: ConvolutionAttributes, _ tail: FusedTail? = nil
  ) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let x = try context.channelsLast(try context.tensor(0, T.dtype), attributes.layout)
      let filter = try context.tensor(1, T.dtype)
      let plan = try attributes.plan(x.shape, filter.shape)
      var shape = plan.shape
      let offsets = try tail?.bias(context, channels: shape.out_c)
      let activation = tail?.activation ?? CK_LINEAR
      // A single image of few pixels is not worth a packed copy of a large filter; all else is.
      let packed = shape.groups == 1 && T.dtype == .float32 ? try context.packed(filter, columns: shape.out_c) : nil
      let y = try context.allocate(T.dtype, plan.output)
      // SAFETY: the shapes were checked against each other by `plan`.
      let status = unsafe x.withPointer(T.self) { px in
        unsafe filter.withPointer(T.self) { pf in
          unsafe offsets.withPointer(T.self) { pb in
            unsafe y.withMutablePointer(T.self) { py in
              unsafe T.convolve(context.pool, &shape, px, pf, packed?.handle, pb, activation, py)
            }
          }
        }
      }
      try context.check(status)
      context.emit(try context.fromChannelsLast(y, attributes.layout))
    }
  }
}

/// The attributes of the convolutions, channels last.
struct ConvolutionAttributes: Sendable {
  let spatial: Int
  let layout: ImageLayout
  let strides: [Int]
  let dilations: [Int]
  let padding: Padding

  init(_ node: NodeContext, spatial: Int, hasDilations: Bool = true) throws(CheckpointError) {
    let rank = spatial + 2
    self.spatial = spatial
    layout = try ImageLayout(node)
    strides = try node.perDimension("strides", rank: rank, layout)
    let ones = [Int](repeating: 1, count: rank)
    dilations = hasDilations ? try node.perDimension("dilations", rank: rank, layout, default: ones) : ones
    padding = try Padding(node, rank: rank, layout: layout)
  }

  /// A convolution of `input` (channels last) with `filter`, and the shape of its result.
  func plan(_ input: Shape, _ filter: Shape) throws(CheckpointError) -> (shape: ck_conv, output: Shape) {
    guard input.rank == spatial + 2, filter.rank == spatial + 2 else {
      throw CheckpointError(
        .corrupt, "an input of shape \(input) and a filter of shape \(filter), not \(spatial + 2) dimensions each")
    }
    let channels = input.dimensions[spatial + 1]
    let perGroup = filter.dimensions[spatial]
    let out = filter.dimensions[spatial + 1]
    guard perGroup > 0, channels % perGroup == 0, channels > 0, out % (channels / perGroup) == 0 else {
      throw CheckpointError(.corrupt, "a filter of shape \(filter) does not fit an input of \(channels) channels")
    }
    var shape = try geometry(input, filter)
    shape.out_c = out
    shape.groups = channels / perGroup
    return (shape, try outputShape(shape))
  }

  /// Everything but the output channels and groups.
  func geometry(_ input: Shape, _ filter: Shape) throws(CheckpointError) -> ck_conv {
    let x = input.dimensions
    let f = filter.dimensions
    var windows: [Window] = []
    for i in 0..<spatial {
      windows.append(
        try Window(
          input: x[i + 1], filter: f[i], stride: strides[i + 1], dilation: dilations[i + 1], padding, dimension: i + 1))
    }
    let (h, w) = (spatial - 1, spatial)
    var shape = ck_conv()
    shape.batch = x[0]
    shape.in_d = spatial == 3 ? x[1] : 1
    shape.in_h = x[h]
    shape.in_w = x[w]
    shape.in_c = x[spatial + 1]
    shape.filter_d = spatial == 3 ? f[0] : 1
    shape.filter_h = f[h - 1]
    shape.filter_w = f[w - 1]
    shape.out_d = spatial == 3 ? windows[0].output : 1
    shape.out_h = windows[h - 1].output
    shape.out_w = windows[w - 1].output
    shape.stride_d = spatial == 3 ? strides[1] : 1
    shape.stride_h = strides[h]
    shape.stride_w = strides[w]
    shape.dilation_d = spatial == 3 ? dilations[1] : 1
    shape.dilation_h = dilations[h]
    shape.dilation_w = dilations[w]
    shape.pad_front = spatial == 3 ? windows[0].before : 0
    shape.pad_top = windows[h - 1].before
    shape.pad_left = windows[w - 1].before
    shape.groups = 1
    return shape
  }

  /// The shape of the output, channels last.
  func outputShape(_ s: ck_conv) throws(CheckpointError) -> Shape {
    let inner = spatial == 3 ? [s.out_d, s.out_h, s.out_w] : [s.out_h, s.out_w]
    return try Shape([s.batch] + inner + [s.out_c])
  }
}

/// A kernel for int32 only.
protocol Int32Kernel {
  static func kernel(_ node: inout NodeContext) throws(CheckpointError) -> Kernel
}

extension NodeContext {
  /// As `real`, with another kernel for int32.
  mutating func real<K: RealKernel, I: Int32Kernel>(
    _ key: String, _ kernel: K.Type, or integer: I.Type
  ) throws(CheckpointError) -> Kernel {
    try dtype(key) == .int32 ? try I.kernel(&self) : try real(key, K.self)
  }
}
