import CheckpointCore

/// Random numbers. With seeds the bits are those of TensorFlow's CPU kernels; without, fixed ones.
enum RandomOps {
  static let table: [Op] = [
    Op("RandomUniform") { (node) throws(CheckpointError) in try RandomTensor.build(&node, .uniform) },
    Op("RandomStandardNormal") { (node) throws(CheckpointError) in try RandomTensor.build(&node, .normal) },
    Op("TruncatedNormal") { (node) throws(CheckpointError) in try RandomTensor.build(&node, .truncatedNormal) },
    Op("RandomUniformInt", RandomTensor.whole),
    Op("RandomShuffle", RandomShuffle.build),
    Op("RandomGamma") { (node) throws(CheckpointError) in
      try node.real("T", RandomGamma.self)
    },
    Op("RandomPoisson", RandomPoisson.build),
    Op("RandomPoissonV2", RandomPoisson.build),
    Op("Multinomial") { (node) throws(CheckpointError) in try node.real("T", Multinomial.self) },
    Op("StatelessMultinomial") { (node) throws(CheckpointError) in try node.real("T", Multinomial.self) },
    Op("StatelessRandomUniform") { (node) throws(CheckpointError) in try RandomTensor.stateless(&node, .uniform) },
    Op("StatelessRandomNormal") { (node) throws(CheckpointError) in try RandomTensor.stateless(&node, .normal) },
    Op("StatelessTruncatedNormal") { (node) throws(CheckpointError) in
      try RandomTensor.stateless(&node, .truncatedNormal)
    },
    Op("StatelessRandomUniformV2") { (node) throws(CheckpointError) in try RandomTensor.stateless(&node, .uniform) },
    Op("StatelessRandomNormalV2") { (node) throws(CheckpointError) in try RandomTensor.stateless(&node, .normal) },
    Op("StatelessTruncatedNormalV2") { (node) throws(CheckpointError) in
      try RandomTensor.stateless(&node, .truncatedNormal)
    },
    Op("StatelessRandomUniformInt", RandomTensor.whole),
    Op("StatelessRandomUniformIntV2", RandomTensor.whole),
    Op("StatelessRandomUniformFullInt", RandomTensor.fullInt),
    Op("StatelessRandomUniformFullIntV2", RandomTensor.fullInt),
    .plain("StatelessRandomGetAlg") { (context) throws(CheckpointError) in context.emit(try context.scalar(Int32(1))) },
    Op("StatelessRandomGetKeyCounter") { (node) throws(CheckpointError) in
      node.outputCount = 2
      return { (context) throws(CheckpointError) in try keyAndCounter(&context) }
    },
    Op("StatelessRandomGetKeyCounterAlg") { (node) throws(CheckpointError) in
      node.outputCount = 3
      return { (context) throws(CheckpointError) in
        try keyAndCounter(&context)
        context.emit(try context.scalar(Int32(1)))
      }
    },
  ]

  private static func keyAndCounter(_ context: inout KernelContext) throws(CheckpointError) {
    let (key, low, high) = try context.seededGenerator(0).keyAndCounter
    context.emit(try context.tensor([key]))
    context.emit(try context.tensor([low, high]))
  }
}
