internal import CKernels
import CheckpointCore

/// MaxPool, MaxPoolV2 (ksize and strides as inputs 1 and 2), AvgPool, MaxPool3D, AvgPool3D: input [batch, spatial…,
/// channels]; output of the window's positions. Attributes T, ksize, strides, padding, explicit_paddings (MaxPool),
/// data_format. The mean is that of the elements inside the input. A window over channels is MaxPool's only: it
/// must divide them and be its own stride.
enum Pooling {
  static let table: [Op] = [
    Op("MaxPool") { (node) throws(CheckpointError) in try build(&node, spatial: 2, mean: false) },
    Op("MaxPoolV2") { (node) throws(CheckpointError) in try build(&node, spatial: 2, mean: false, sizesAreInputs: true)
    },
    Op("AvgPool") { (node) throws(CheckpointError) in try build(&node, spatial: 2, mean: true) },
    Op("MaxPool3D") { (node) throws(CheckpointError) in try build(&node, spatial: 3, mean: false) },
    Op("AvgPool3D") { (node) throws(CheckpointError) in try build(&node, spatial: 3, mean: true) },
    Op("MaxPoolWithArgmax", MaxPoolWithArgmax.build),
  ]

  private static func build(
    _ node: inout NodeContext, spatial: Int, mean: Bool, sizesAreInputs: Bool = false
  ) throws(CheckpointError) -> Kernel {
    let layout = try ImageLayout(node)
    let rank = spatial + 2
    let padding = try Padding(node, rank: rank, layout: layout)
    var fixed: (window: [Int], strides: [Int])?
    if !sizesAreInputs {
      fixed = (
        try node.perDimension("ksize", rank: rank, layout, allowsChannels: !mean && spatial == 2),
        try node.perDimension("strides", rank: rank, layout, allowsChannels: !mean && spatial == 2)
      )
    }
    let sizes = fixed
    let dtype = try node.dtype("T", default: .float32)
    func typed<T: NumericElement>(_: T.Type, _ pool: @escaping Body) -> Kernel {
      { (context) throws(CheckpointError) in
        let x = try context.channelsLast(try context.tensor(0, T.dtype), layout)
        let window = if let sizes { sizes.window } else { try context.sizes(1, rank, layout) }
        let strides = if let sizes { sizes.strides } else { try context.sizes(2, rank, layout) }
        guard x.rank == rank else {
          throw CheckpointError(.corrupt, "an image of shape \(x.shape), not \(rank) dimensions")
        }
        let y: DenseTensor
        if window[rank - 1] != 1 || strides[rank - 1] != 1 {
          y = try overChannels(T.self, x, window, strides, &context)
        } else {
          let (shape, output) = try plan(x.shape, window, strides, padding)
          y = try context.allocate(T.self, output)
          try context.check(pool(context, shape, x, y))
        }
        context.emit(try context.fromChannelsLast(y, layout))
      }
    }
    func real<T: RealElement>(_: T.Type) -> Kernel {
      typed(T.self) { (context, shape, x, y) in
        var shape = shape
        // SAFETY: the plan's sizes are those of the tensors.
        return unsafe x.withPointer(T.self) { px in
          unsafe y.withMutablePointer(T.self) { py in
            unsafe mean ? T.averagePool(context.pool, &shape, px, py) : T.maxPool(context.pool, &shape, px, py)
          }
        }
      }
    }
    func whole<T: NumericElement>(_: T.Type) throws(CheckpointError) -> Kernel {
      guard !mean else { throw node.unsupported(dtype) }
      return typed(T.self) { (_, shape, x, y) in
        largest(T.self, shape, x, y)
        return CInt(CK_OK)
      }
    }
    switch dtype {
    case .float32: return real(Float.self)
    case .float64: return real(Double.self)
    case .float16, .bfloat16: return rounded(real(Float.self), dtype)
    case .int8, .qint8: return try whole(Int8.self)
    case .int16: return try whole(Int16.self)
    case .int32: return try whole(Int32.self)
    case .int64: return try whole(Int64.self)
    case .uint8: return try whole(UInt8.self)
    case .uint16: return try whole(UInt16.self)
    default: throw node.unsupported(dtype)
    }
  }

  private typealias Body = @Sendable (KernelContext, ck_pooling, DenseTensor, DenseTensor) -> CInt

  /// A pooling of an image (channels last) and the shape of its result.
  static func plan(
    _ input: Shape, _ window: [Int], _ strides: [Int], _ padding: Padding
  ) throws(CheckpointError) -> (ck_pooling, Shape) {
    let x = input.dimensions
    let spatial = input.rank - 2
    var windows: [Window] = []
    for i in 1...spatial {
      windows.append(try Window(input: x[i], filter: window[i], stride: strides[i], padding, dimension: i))
    }
    let (h, w) = (spatial - 1, spatial)
    var shape = ck_pooling()
    shape.batch = x[0]
    shape.channels = x[spatial + 1]
    shape.in_d = spatial == 3 ? x[1] : 1
    shape.in_h = x[h]
    shape.in_w = x[w]
    shape.window_d = spatial == 3 ? window[1] : 1
    shape.window_h = window[h]
    shape.window_w = window[w]
    shape.out_d = spatial == 3 ? windows[0].output : 1
    shape.out_h = windows[h - 1].output
    shape.out_w = windows[w - 1].output
    shape.stride_d = spatial == 3 ? strides[1] : 1
    shape.stride_h = strides[h]
    shape.stride_w = strides[w]
    shape.pad_front = spatial == 3 ? windows[0].before : 0
    shape.pad_top = windows[h - 1].before
    shape.pad_left = windows[w - 1].before
    return (shape, try Shape([x[0]] + windows.map(\.output) + [x[spatial + 1]]))
  }

  /// Windows over groups of channels.
  private static func overChannels<T: NumericElement>(
    _: T.Type, _ x: DenseTensor, _ window: [Int], _ strides: [Int], _ context: inout KernelContext
  ) throws(CheckpointError) -> DenseTensor {
    let last = x.rank - 1
    let depth = window[last]
    guard window[..<last].allSatisfy({ $0 == 1 }), strides[..<last].allSatisfy({ $0 == 1 }), strides[last] == depth,
      x.dimensions[last] % depth == 0
    else {
      throw CheckpointError(.unsupported, "a window of \(window) with strides \(strides) over channels")
    }
    let y = try context.allocate(T.dtype, Array(x.dimensions[..<last]) + [x.dimensions[last] / depth])
    let from = x.elements(T.self)
    var to = y.mutableElements(T.self)
    for i in to.indices {
      var best = from[i * depth]
      for k in 1..<max(depth, 1) where from[i * depth + k] > best { best = from[i * depth + k] }
      to[i] = best
    }
    return y
  }

  /// The largest of each window, for whole numbers.
  private static func largest<T: NumericElement>(_: T.Type, _ s: ck_pooling, _ x: DenseTensor, _ y: DenseTensor) {
    let from = x.elements(T.self)
    var to = y.mutableElements(T.self)
    for o in to.indices {
      let c = o % s.channels
      let ox = o / s.channels % s.out_w
      let oy = o / s.channels / s.out_w % s.out_h
      let oz = o / s.channels / s.out_w / s.out_h % s.out_d
      let n = o / s.channels / s.out_w / s.out_h / s.out_d
      var best = T.lowest
      for z in inside(oz * s.stride_d - s.pad_front, s.window_d, s.in_d) {
        for row in inside(oy * s.stride_h - s.pad_top, s.window_h, s.in_h) {
          for column in inside(ox * s.stride_w - s.pad_left, s.window_w, s.in_w) {
            best = max(best, from[(((n * s.in_d + z) * s.in_h + row) * s.in_w + column) * s.channels + c])
          }
        }
      }
      to[o] = best
    }
  }

  /// The part of a window that lies inside the input.
  static func inside(_ first: Int, _ size: Int, _ limit: Int) -> Range<Int> {
    let low = min(max(first, 0), limit)
    return low..<max(low, min(first + size, limit))
  }
}

extension KernelContext {
  /// A size for every dimension, given as an input, channels last.
  fileprivate func sizes(_ i: Int, _ rank: Int, _ layout: ImageLayout) throws(CheckpointError) -> [Int] {
    let list = try ints(i)
    guard list.count == rank, list.allSatisfy({ $0 >= 1 && $0 <= Window.largest }), list[0] == 1 else {
      throw CheckpointError(.corrupt, "the window sizes or strides are \(list), not \(rank) positive numbers")
    }
    return layout.channelsLast(list)
  }
}

/// MaxPoolWithArgmax: input [batch, h, w, channels]; outputs the largest of each window and where it is, ((y * w) + x)
/// * channels + c, plus that of the image with include_batch_in_index. Attributes T (any real), Targmax (int32, int64),
/// ksize, strides, padding, include_batch_in_index.
enum MaxPoolWithArgmax {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 2
    switch try node.dtype("T") {
    case .bfloat16: return rounded(try Typed.kernel(Float.self, &node), .bfloat16, [0])
    default: return try node.numeric("T", Typed.self)
    }
  }

  enum Typed: NumericKernel {
    static func kernel<T: NumericElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
      let layout = try ImageLayout(node)
      let window = try node.perDimension("ksize", rank: 4, layout)
      let strides = try node.perDimension("strides", rank: 4, layout)
      let padding = try Padding(node, rank: 4, layout: layout)
      let includesBatch = try node.bool("include_batch_in_index", default: false)
      let indexType = try node.dtype("Targmax", default: .int64)
      guard indexType == .int64 || indexType == .int32 else { throw node.unsupported(indexType) }
      return { (context) throws(CheckpointError) in
        let x = try context.tensor(0, T.dtype)
        guard x.rank == 4 else { throw CheckpointError(.corrupt, "an image of shape \(x.shape), not 4 dimensions") }
        let (s, output) = try Pooling.plan(x.shape, window, strides, padding)
        let y = try context.allocate(T.self, output)
        let from = x.elements(T.self)
        var to = y.mutableElements(T.self)
        var places: [Int] = []
        places.reserveCapacity(output.elementCount)
        let imageSize = s.in_h * s.in_w * s.channels
        for o in to.indices {
          let c = o % s.channels
          let ox = o / s.channels % s.out_w
          let oy = o / s.channels / s.out_w % s.out_h
          let n = o / s.channels / s.out_w / s.out_h
          var best = T.lowestFinite
          var place = -1
          for row in Pooling.inside(oy * s.stride_h - s.pad_top, s.window_h, s.in_h) {
            for column in Pooling.inside(ox * s.stride_w - s.pad_left, s.window_w, s.in_w) {
              let i = (row * s.in_w + column) * s.channels + c
              let value = from[n * imageSize + i]
              if place < 0 || value > best { (best, place) = (value, i) }
            }
          }
          to[o] = best
          places.append(includesBatch && place >= 0 ? place + n * imageSize : place)
        }
        context.emit(y)
        context.emit(try context.ints(places, as: indexType, output))
      }
    }
  }
}
