internal import CKernels
import CheckpointCore

/// FusedBatchNorm, V2, V3: x [batch, …, channels] (NHWC, NCHW, 5-D too), scale, offset, mean, variance [channels];
/// outputs y, batch mean, batch variance, and reserve spaces 1, 2 (V3: 3). In training mean and variance are the
/// batch's, else the inputs 3 and 4. Attributes T (float32, float16, bfloat16), U (float32), epsilon (1e-4),
/// exponential_avg_factor (1), data_format, is_training (true).
///
/// In training the variance that comes out is the sample's (times n / (n - 1)), reserve space 2 the population's. With
/// an exponential_avg_factor other than 1 both outputs move from the inputs 3 and 4 by that factor.
enum FusedBatchNorm {
  static func build(_ node: inout NodeContext, reserveSpaces: Int) throws(CheckpointError) -> Kernel {
    node.outputCount = 3 + reserveSpaces
    let layout = try ImageLayout(node)
    let epsilon = try node.float("epsilon", default: 1e-4)
    let factor = try node.float("exponential_avg_factor", default: 1)
    let isTraining = try node.bool("is_training", default: true)
    let dtype = try node.dtype("T", default: .float32)
    let kernel: Kernel = { (context) throws(CheckpointError) in
      let shape = try context.tensor(0, .float32).shape
      guard shape.rank == 4 || shape.rank == 5 else {
        throw CheckpointError(.corrupt, "an image of shape \(shape), not 4 or 5 dimensions")
      }
      let axis = layout.channel(rank: shape.rank)
      let channels = shape.dimensions[axis]
      var vectors: [DenseTensor] = []
      for i in 1..<5 { vectors.append(try context.tensor(i, .float32)) }
      let wantsMoments = !isTraining || factor != 1
      for (i, vector) in vectors.enumerated() {
        guard vector.dimensions == [channels] || i >= 2 && !wantsMoments else {
          throw CheckpointError(.corrupt, "input \(i + 1) has the shape \(vector.shape), not [\(channels)]")
        }
      }
      let parts = split(shape, axis)
      let y = try context.output(reusing: 0, .float32, shape)
      let x = try context.tensor(0)
      let job = Job(context: context, parts: parts, x: x, scale: vectors[0], offset: vectors[1], epsilon: epsilon, y: y)
      var mean = vectors[2]
      var variance = vectors[3]
      var reserve = (mean, variance)
      if isTraining {
        (mean, variance, reserve) = try job.train(oldMean: mean, oldVariance: variance, factor: factor)
      } else {
        try job.infer(mean: mean, variance: variance)
      }
      context.emit(y)
      context.emit(mean)
      context.emit(variance)
      context.emit(reserve.0)
      context.emit(reserve.1)
      if reserveSpaces == 3 { context.emit(try context.scalar(Float(0))) }
    }
    switch dtype {
    case .float32: return kernel
    case .float16, .bfloat16: return rounded(kernel, dtype, [0])
    default: throw node.unsupported(dtype)
    }
  }

  /// A tensor as [outer, channels, inner].
  static func split(_ shape: Shape, _ axis: Int) -> (outer: Int, channels: Int, inner: Int) {
    let channels = shape.dimensions[axis]
    if shape.elementCount == 0 { return (0, channels, 1) }
    let inner = shape.dimensions[(axis + 1)...].reduce(1, *)
    return (shape.elementCount / channels / inner, channels, inner)
  }

  private struct Job {
    let context: KernelContext
    let parts: (outer: Int, channels: Int, inner: Int)
    let x: DenseTensor
    let scale: DenseTensor
    let offset: DenseTensor
    let epsilon: Float
    let y: DenseTensor

    func infer(mean: DenseTensor, variance: DenseTensor) throws(CheckpointError) {
      // SAFETY: x and y have outer * channels * inner elements, the vectors `channels`; y may be x.
      let status = unsafe x.withPointer(Float.self) { x in
        unsafe scale.withPointer(Float.self) { s in
          unsafe offset.withPointer(Float.self) { o in
            unsafe mean.withPointer(Float.self) { m in
              unsafe variance.withPointer(Float.self) { v in
                unsafe y.withMutablePointer(Float.self) { y in
                  unsafe ck_batch_norm_f32(
                    context.pool, parts.outer, parts.channels, parts.inner, x, s, o, m, v, epsilon, CK_LINEAR, y)
                }
              }
            }
          }
        }
      }
      try context.check(status)
    }

    func train(
      oldMean: DenseTensor, oldVariance: DenseTensor, factor: Float
    ) throws(CheckpointError) -> (DenseTensor, DenseTensor, (DenseTensor, DenseTensor)) {
      let mean = try context.allocate(.float32, [parts.channels])
      let biased = try context.allocate(.float32, [parts.channels])
      let sample = try context.allocate(.float32, [parts.channels])
      if parts.outer == 0 {
        // TensorFlow gives NaN for the moments of nothing.
        for vector in [mean, biased, sample] {
          var elements = vector.mutableElements(Float.self)
          for i in elements.indices { elements[i] = .nan }
        }
      } else {
        // SAFETY: as above; the three new vectors have `channels` elements.
        let status = unsafe x.withPointer(Float.self) { x in
          unsafe scale.withPointer(Float.self) { s in
            unsafe offset.withPointer(Float.self) { o in
              unsafe y.withMutablePointer(Float.self) { y in
                unsafe mean.withMutablePointer(Float.self) { m in
                  unsafe biased.withMutablePointer(Float.self) { b in
                    unsafe sample.withMutablePointer(Float.self) { v in
                      unsafe ck_batch_norm_training_f32(
                        context.pool, parts.outer, parts.channels, parts.inner, x, s, o, epsilon, CK_LINEAR, y, m, b, v)
                    }
                  }
                }
              }
            }
          }
        }
        try context.check(status)
      }
      if factor == 1 { return (mean, sample, (mean, biased)) }
      let newMean = try moved(oldMean, mean, factor)
      let newVariance = try moved(oldVariance, sample, factor)
      return (newMean, newVariance, (mean, biased))
    }

    private func moved(
      _ old: DenseTensor, _ new: DenseTensor, _ factor: Float
    ) throws(CheckpointError) -> DenseTensor {
      let out = try context.allocate(.float32, [parts.channels])
      let a = old.elements(Float.self)
      let b = new.elements(Float.self)
      var c = out.mutableElements(Float.self)
      for i in c.indices { c[i] = (1 - factor) * a[i] + factor * b[i] }
      return out
    }
  }
}

/// BatchNormWithGlobalNormalization: t [batch, h, w, channels], m, v, beta, gamma [channels]; output (t - m) / sqrt(v +
/// variance_epsilon) [* gamma] + beta. Attributes T, variance_epsilon, scale_after_normalization.
enum GlobalNormalization: RealKernel {
  static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let epsilon = T(try node.float("variance_epsilon"))
    let scales = try node.bool("scale_after_normalization")
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      guard let channels = x.dimensions.last, x.rank == 4 else {
        throw CheckpointError(.corrupt, "an image of shape \(x.shape), not 4 dimensions")
      }
      var vectors: [DenseTensor] = []
      for i in 1..<5 {
        let vector = try context.tensor(i, T.dtype)
        guard vector.dimensions == [channels] else {
          throw CheckpointError(.corrupt, "input \(i) has the shape \(vector.shape), not [\(channels)]")
        }
        vectors.append(vector)
      }
      let scale = scales ? vectors[3] : nil
      let y = try context.allocate(T.self, x.shape)
      // SAFETY: x and y have rows * channels elements, the vectors `channels`.
      let status = unsafe x.withPointer(T.self) { px in
        unsafe vectors[0].withPointer(T.self) { m in
          unsafe vectors[1].withPointer(T.self) { v in
            unsafe vectors[2].withPointer(T.self) { o in
              unsafe scale.withPointer(T.self) { s in
                unsafe y.withMutablePointer(T.self) { py in
                  unsafe T.batchNorm(
                    context.pool, x.elementCount / max(channels, 1), channels, 1, px, s, o, m, v, epsilon, CK_LINEAR, py
                  )
                }
              }
            }
          }
        }
      }
      try context.check(status)
      context.emit(y)
    }
  }
}
