internal import CKernels
import CheckpointCore

/// What was joined to a product or convolution: BiasAdd, with its bias as input 2, and an activation.
struct FusedTail: Sendable {
  let biasNode: String
  let activation: ck_activation

  /// - Parameter activation: Relu, Relu6 or nil.
  init(biasNode: String, activation: String?) {
    self.biasNode = biasNode
    self.activation =
      switch activation {
      case "Relu": CK_RELU
      case "Relu6": CK_RELU6
      default: CK_LINEAR
      }
  }

  /// The bias, checked as BiasAdd checks it, under its node's name.
  func bias(_ context: KernelContext, channels: Int) throws(CheckpointError) -> DenseTensor {
    do throws(CheckpointError) {
      let bias = try context.tensor(2, .float32)
      guard bias.dimensions == [channels] else {
        throw CheckpointError(.corrupt, "a bias of shape \(bias.shape) for \(channels) channels")
      }
      return bias
    } catch {
      throw error.in(node: biasNode, op: "BiasAdd")
    }
  }
}
