import CheckpointCore

/// LRN: local response normalisation over channels. Input [batch, h, w, channels]; output = input / (bias + alpha * sum
/// of the squares of the channels at most depth_radius away) ^ beta. Attributes T, depth_radius (5), bias (1), alpha
/// (1), beta (0.5).
enum LRN: RealKernel {
  static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let radius = try node.int("depth_radius", default: 5)
    guard radius >= 0, radius <= Window.largest else {
      throw CheckpointError(.corrupt, "depth_radius is \(radius)")
    }
    let bias = T(try node.float("bias", default: 1))
    let alpha = T(try node.float("alpha", default: 1))
    let beta = T(try node.float("beta", default: 0.5))
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      guard x.rank == 4 else { throw CheckpointError(.corrupt, "an image of shape \(x.shape), not 4 dimensions") }
      let channels = x.dimensions[3]
      let y = try context.allocate(T.self, x.shape)
      let rows = channels == 0 ? 0 : x.elementCount / channels
      let blocks = min(rows, 64)
      context.workers.forEach(blocks) { block in
        let from = x.elements(T.self)
        // SAFETY: every block of rows is written by one call alone.
        unsafe y.withMutablePointer(T.self) { to in
          for row in rows * block / blocks..<rows * (block + 1) / blocks {
            for c in 0..<channels {
              var sum: T = 0
              for k in max(0, c - radius)...min(channels - 1, c + radius) {
                let value = from[row * channels + k]
                sum += value * value
              }
              let base = bias + alpha * sum
              let scale =
                beta == 0.5 ? 1 / base.squareRoot() : beta == 1 ? 1 / base : T.exp(T.log(base) * -beta)
              unsafe to[row * channels + c] = from[row * channels + c] * scale
            }
          }
        }
      }
      context.emit(y)
    }
  }
}
