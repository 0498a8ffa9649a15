internal import CKernels
import CheckpointCore

/// Where batch, channels and spatial dimensions stand: channels last (NHWC, NDHWC) or first (NCHW, NCDHW).
struct ImageLayout: Sendable, Equatable {
  let channelsFirst: Bool

  /// The attribute `data_format`.
  init(_ node: NodeContext) throws(CheckpointError) {
    switch try node.string("data_format", default: "NHWC") {
    case "NHWC", "NDHWC", "NWC": channelsFirst = false
    case "NCHW", "NCDHW", "NCW": channelsFirst = true
    case let other: throw CheckpointError(.unsupported, "data_format is '\(other)', not NHWC, NCHW, NDHWC or NCDHW")
    }
  }

  /// The number of the channel dimension.
  func channel(rank: Int) -> Int { channelsFirst ? 1 : rank - 1 }

  /// A list with one entry per dimension (sizes, strides) in the order batch, spatial, channels.
  func channelsLast<T>(_ list: [T]) -> [T] {
    guard channelsFirst, list.count > 2 else { return list }
    return [list[0]] + list[2...] + [list[1]]
  }

  /// The reverse.
  func fromChannelsLast<T>(_ list: [T]) -> [T] {
    guard channelsFirst, list.count > 2, let last = list.last else { return list }
    return [list[0], last] + list[1..<list.count - 1]
  }
}

extension KernelContext {
  /// The image with its channels last: a copy where they are first.
  func channelsLast(_ x: DenseTensor, _ layout: ImageLayout) throws(CheckpointError) -> DenseTensor {
    guard layout.channelsFirst, x.rank > 2 else { return x }
    return try transposed(x, [0] + Array(2..<x.rank) + [1])
  }

  /// An image with channels last in the layout of the op.
  func fromChannelsLast(_ x: DenseTensor, _ layout: ImageLayout) throws(CheckpointError) -> DenseTensor {
    guard layout.channelsFirst, x.rank > 2 else { return x }
    return try transposed(x, [0, x.rank - 1] + Array(1..<x.rank - 1))
  }

  /// Dimension i of the result is dimension `permutation[i]` of `x`.
  func transposed(_ x: DenseTensor, _ permutation: [Int]) throws(CheckpointError) -> DenseTensor {
    let from = x.dimensions
    let y = try allocate(x.dtype, permutation.map { from[$0] })
    let order = permutation.map { CInt($0) }
    // SAFETY: both tensors have the sizes given here, and the permutation is one.
    let status = unsafe x.withPointer(UInt8.self) { px in
      unsafe y.withMutablePointer(UInt8.self) { py in
        unsafe ck_transpose(pool, x.width, CInt(from.count), from, order, px, py)
      }
    }
    try check(status)
    return y
  }
}
