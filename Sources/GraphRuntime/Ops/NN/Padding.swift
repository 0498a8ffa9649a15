import CheckpointCore

/// How a window that slides over an image treats the image's edge, one of TensorFlow's `padding` words.
enum Padding: Sendable {
  case same
  case valid
  /// Elements before and after, one pair per dimension of the tensor, in its own order.
  case explicit([(before: Int, after: Int)])

  /// The attributes `padding` and `explicit_paddings`.
  init(_ node: NodeContext, rank: Int, layout: ImageLayout) throws(CheckpointError) {
    switch try node.choice("padding", ["SAME", "VALID", "EXPLICIT"]) {
    case "SAME": self = .same
    case "VALID": self = .valid
    default:
      let list = try node.ints("explicit_paddings", default: [])
      guard list.count == 2 * rank, list.allSatisfy({ $0 >= 0 && $0 <= Window.largest }) else {
        throw CheckpointError(.corrupt, "explicit_paddings is \(list), not \(2 * rank) sizes")
      }
      let pairs = (0..<rank).map { (before: list[2 * $0], after: list[2 * $0 + 1]) }
      let channel = layout.channel(rank: rank)
      guard pairs[0] == (0, 0), pairs[channel] == (0, 0) else {
        throw CheckpointError(.corrupt, "explicit_paddings \(list) pads batch or channels")
      }
      self = .explicit(layout.channelsLast(pairs))
    }
  }
}

/// One spatial dimension of a window that slides: how far it goes and where it begins.
struct Window {
  /// Positions of the window, the size of the output.
  let output: Int
  /// Elements of padding before the first element of the input.
  let before: Int

  /// Largest stride, dilation or padding: TensorFlow's own, and no sum of their products overflows.
  static let largest = Int(Int32.max)

  /// - Parameter dimension: the number of the dimension with channels last.
  /// - Throws: `corrupt` where the window does not fit the input once.
  init(
    input: Int, filter: Int, stride: Int, dilation: Int = 1, _ padding: Padding, dimension: Int
  ) throws(CheckpointError) {
    guard filter >= 1, filter <= Window.largest, input <= 1 << 40 else {
      throw CheckpointError(.corrupt, "a window of \(filter) over \(input) elements")
    }
    let reach = (filter - 1) * dilation + 1
    switch padding {
    case .same:
      output = (input + stride - 1) / stride
      before = max(0, (output - 1) * stride + reach - input) / 2
    case .valid:
      output = (input - reach + stride) / stride
      before = 0
    case .explicit(let pairs):
      let pair = pairs[dimension]
      output = (input + pair.before + pair.after - reach + stride) / stride
      before = pair.before
    }
    guard output >= 0 else {
      throw CheckpointError(.corrupt, "a window of \(reach) does not fit \(input) elements")
    }
  }
}

extension NodeContext {
  /// A list with a positive number for every dimension (`strides`, `dilations`, `ksize`), channels last; 1 for batch,
  /// and for channels unless `allowsChannels`.
  func perDimension(
    _ key: String, rank: Int, _ layout: ImageLayout, default fallback: [Int]? = nil, allowsChannels: Bool = false
  ) throws(CheckpointError) -> [Int] {
    let list = try ints(key, default: fallback)
    guard list.count == rank, list.allSatisfy({ $0 >= 1 && $0 <= Window.largest }) else {
      throw CheckpointError(.corrupt, "\(key) is \(list), not \(rank) positive numbers")
    }
    let ordered = layout.channelsLast(list)
    guard ordered[0] == 1, allowsChannels || ordered[rank - 1] == 1 else {
      throw CheckpointError(.unsupported, "\(key) is \(list): batch and channels cannot be stepped over")
    }
    return ordered
  }
}
