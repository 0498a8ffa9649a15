import CheckpointCore

/// RandomGamma: shape, alpha; output shape + alpha's shape: a gamma variate (beta 1) of every alpha for every place of
/// shape. Attributes T, seed, seed2. Each number has its own 256 draws, computed in float64 (Marsaglia and Tsang).
enum RandomGamma: RealKernel {
  static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let (seed, seed2) = try node.seeds()
    return { (context) throws(CheckpointError) in
      let samples = try context.shape(0)
      let alphas = try context.tensor(1, T.dtype)
      let y = try context.allocate(T.dtype, samples.dimensions + alphas.dimensions)
      let count = samples.elementCount
      let base = try context.reserve(y.elementCount, seed, seed2)
      let alpha = alphas.elements(T.self)
      var to = y.mutableElements(T.self)
      for a in alpha.indices {
        for i in 0..<count {
          var generator = base
          generator.skip(UInt64(256 &* (a * count + i)))
          to[i * alpha.count + a] = T(sample(Double(alpha[a]), &generator))
        }
      }
      context.emit(y)
    }
  }

  private static func sample(_ alpha: Double, _ generator: inout Philox) -> Double {
    guard alpha.isFinite, alpha > 0 else { return .nan }
    let isSmall = alpha < 1
    let d = alpha + (isSmall ? 2.0 / 3 : -1.0 / 3)
    let c = (1.0 / 3) / d.squareRoot()
    var normals: [Double] = []
    var uniforms = Uniforms()
    while true {
      if normals.isEmpty {
        let (a, b) = Philox.normal(generator.next())
        normals = [a, b]
      }
      let x = normals.removeLast()
      var v = 1 + c * x
      if v <= 0 { continue }
      v = v * v * v
      let u = uniforms.next(&generator)
      guard u < 1 - 0.0331 * (x * x) * (x * x) || logarithm(u) < 0.5 * x * x + d * (1 - v + logarithm(v)) else {
        continue
      }
      let result = d * v
      return isSmall ? result * Double.pow(uniforms.next(&generator), 1 / alpha) : result
    }
  }
}

/// Doubles in 0..<1, the second of each draw first.
private struct Uniforms {
  private var numbers: [Double] = []

  mutating func next(_ generator: inout Philox) -> Double {
    if numbers.isEmpty {
      let (a, b, _, _) = Double.uniform(generator.next())
      numbers = [a, b]
    }
    return numbers.removeLast()
  }
}

/// Multinomial: logits [batch, classes], num_samples; output [batch, num_samples], class numbers drawn with
/// probabilities softmax(logits). StatelessMultinomial has a seed [2] as third input. Attributes T, output_dtype, seed,
/// seed2.
///
/// TensorFlow begins the draws of a row where its threads happen to split the batch; here all rows draw one after the
/// other, as it does with one thread.
enum Multinomial: RealKernel {
  static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let isStateless = node.op == "StatelessMultinomial"
    let (seed, seed2) = isStateless ? (0, 0) : try node.seeds()
    let output = try node.dtype("output_dtype", default: .int64)
    return { (context) throws(CheckpointError) in
      let logits = try context.tensor(0, T.dtype)
      let count = try context.int(1)
      guard logits.rank == 2, count >= 0, logits.dimensions[1] > 0 else {
        throw CheckpointError(.corrupt, "\(count) samples of logits of shape \(logits.shape)")
      }
      let (batch, classes) = (logits.dimensions[0], logits.dimensions[1])
      let shape = try Shape([batch, count])
      // Charged before the list is made.
      let room = try context.allocate(.int64, shape)
      let reserved = batch &* ((count + 3) / 4 * 8)
      let generator = isStateless ? try context.seededGenerator(2) : try context.reserve(reserved, seed, seed2)
      var draws = SingleDraws(generator)
      let x = logits.elements(T.self)
      var numbers = room.mutableElements(Int64.self)
      for b in 0..<batch {
        var largest = -T.greatestFiniteMagnitude
        for c in 0..<classes where x[b * classes + c].isFinite { largest = max(largest, x[b * classes + c]) }
        var sums: [Double] = []
        var total = 0.0
        for c in 0..<classes {
          let value = x[b * classes + c]
          if value.isFinite { total += Double.exp(Double(value) - Double(largest)) }
          sums.append(total)
        }
        for i in 0..<count {
          let high = draws.next()
          let target = Philox.double(high, draws.next()) * total
          // The first sum above the target.
          var (low, end) = (0, classes)
          while low < end {
            let middle = (low + end) / 2
            if sums[middle] > target { end = middle } else { low = middle + 1 }
          }
          numbers[b * count + i] = Int64(low)
        }
      }
      if output == .int64 { return context.emit(room) }
      context.emit(try context.ints(room.map(Int64.self) { Int($0) }, as: output, shape))
    }
  }
}

/// RandomPoisson, RandomPoissonV2: shape, rate; output shape + rate's shape: a Poisson variate of every rate.
/// Attributes R or T, dtype, seed, seed2. By multiplication of uniform numbers below a rate of 10, by transformed
/// rejection (Hörmann) from there.
enum RandomPoisson {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let (seed, seed2) = try node.seeds()
    let output = try node.dtype("dtype", default: node.op == "RandomPoissonV2" ? .int64 : nil)
    return { (context) throws(CheckpointError) in
      let samples = try context.shape(0)
      let rates = try context.tensor(1)
      var list: [Double] = []
      switch rates.dtype {
      case .float64: list = rates.map(Double.self) { $0 }
      case .int32, .int64: list = try context.ints(1).map { Double($0) }
      default: list = try context.floats(1).map(Float.self) { Double($0) }
      }
      let shape = try Shape(samples.dimensions + rates.dimensions)
      let room = try context.allocate(.float64, shape)
      let base = try context.reserve(shape.elementCount, seed, seed2)
      var to = room.mutableElements(Double.self)
      for (r, rate) in list.enumerated() {
        for i in 0..<samples.elementCount {
          var generator = base
          generator.skip(UInt64(256 &* (r * samples.elementCount + i)))
          to[i * list.count + r] = sample(rate, &generator)
        }
      }
      switch output {
      case .float64: context.emit(room)
      case .float32, .float16:
        context.emit(try context.converted(try context.converted(room, to: .float32), to: output))
      default:
        let numbers = room.map(Double.self) { $0 >= 0x1p62 ? Int.max : $0.isFinite ? Int($0) : 0 }
        context.emit(try context.ints(numbers, as: output, shape))
      }
    }
  }

  private static func sample(_ rate: Double, _ generator: inout Philox) -> Double {
    guard rate.isFinite, rate >= 0 else { return .nan }
    if rate == 0 { return 0 }
    var uniforms = Uniforms()
    if rate < 10 {
      let end = Double.exp(-rate)
      var product = 1.0
      var x = 0.0
      while true {
        product *= uniforms.next(&generator)
        if product <= end { return x }
        x += 1
      }
    }
    let logRate = logarithm(rate)
    let b = 0.931 + 2.53 * rate.squareRoot()
    let a = -0.059 + 0.02483 * b
    let inverseAlpha = 1.1239 + 1.1328 / (b - 3.4)
    while true {
      let u = uniforms.next(&generator) - 0.5
      let v = uniforms.next(&generator)
      let us = 0.5 - abs(u)
      let k = ((2 * a / us + b) * u + rate + 0.43).rounded(.down)
      if us >= 0.07, v <= 0.9277 - 3.6224 / (b - 2) { return k }
      if k < 0 || us < 0.013 && v > us { continue }
      let s = logarithm(v * inverseAlpha / (a / (us * us) + b))
      if s <= -rate + k * logRate - logGamma(k + 1) { return k }
    }
  }
}
