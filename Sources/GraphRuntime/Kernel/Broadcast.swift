package import CheckpointCore

/// Two shapes made one, as numpy does: aligned at their last dimension, a size of 1 repeated.
package struct Broadcast: Sendable {
  /// Shape of the result.
  package let shape: Shape
  /// The result's dimensions and both operands' strides in elements (0 where it repeats), neighbours merged where that
  /// changes nothing; as the C kernels take them. At least one dimension.
  package let dimensions: [Int]
  package let aStrides: [Int]
  package let bStrides: [Int]
  /// Neither operand is repeated, so that both can be walked straight through.
  package let isDense: Bool

  /// - Throws: `corrupt` where two sizes differ and neither is 1.
  package init(_ a: Shape, _ b: Shape) throws(CheckpointError) {
    if a == b {
      shape = a
      dimensions = [a.elementCount]
      aStrides = [1]
      bStrides = [1]
      isDense = true
      return
    }
    let rank = max(a.rank, b.rank)
    var sizes: [Int] = []
    var pairs: [(Int, Int)] = []
    for i in 0..<rank {
      let m = i < rank - a.rank ? 1 : a.dimensions[i - (rank - a.rank)]
      let n = i < rank - b.rank ? 1 : b.dimensions[i - (rank - b.rank)]
      guard m == n || m == 1 || n == 1 else {
        throw CheckpointError(.corrupt, "the shapes \(a) and \(b) cannot be broadcast to one")
      }
      sizes.append(m == 1 ? n : m)
      pairs.append((m, n))
    }
    shape = try Shape(sizes)
    // From the last dimension to the first: strides, and a merge where the walk simply goes on.
    var merged: [(size: Int, a: Int, b: Int)] = []
    var aStep = 1
    var bStep = 1
    for i in sizes.indices.reversed() {
      let (m, n) = pairs[i]
      let step = (size: sizes[i], a: m == 1 ? 0 : aStep, b: n == 1 ? 0 : bStep)
      aStep *= m
      bStep *= n
      if step.size == 1 { continue }
      if let inner = merged.last, step.a == inner.a * inner.size, step.b == inner.b * inner.size {
        merged[merged.count - 1].size *= step.size
      } else {
        merged.append(step)
      }
    }
    if merged.isEmpty { merged = [(1, 1, 1)] }
    merged.reverse()
    dimensions = merged.map(\.size)
    aStrides = merged.map(\.a)
    bStrides = merged.map(\.b)
    isDense = false
  }

  /// Calls `body` for each run of the innermost dimension with the first elements (result, a, b) and the run's length; the
  /// strides inside it are `aStrides.last` and `bStrides.last`.
  package func forEachRun(_ body: (_ out: Int, _ a: Int, _ b: Int, _ count: Int) -> Void) {
    guard shape.elementCount > 0, let count = dimensions.last else { return }
    let outer = dimensions.count - 1
    var index = [Int](repeating: 0, count: outer)
    var (out, a, b) = (0, 0, 0)
    while true {
      body(out, a, b, count)
      out += count
      var d = outer - 1
      while d >= 0 {
        index[d] += 1
        a += aStrides[d]
        b += bStrides[d]
        if index[d] < dimensions[d] { break }
        a -= aStrides[d] * dimensions[d]
        b -= bStrides[d] * dimensions[d]
        index[d] = 0
        d -= 1
      }
      if d < 0 { return }
    }
  }
}

extension KernelContext {
  /// `out[i] = body(a[i], b[i])` with broadcasting, for element types that the C kernels do not have.
  package func broadcast<A: Element, B: Element, R: Element>(
    _ a: DenseTensor, _ b: DenseTensor, _ first: A.Type, _ second: B.Type, into result: R.Type, _ body: (A, B) -> R
  ) throws(CheckpointError) -> DenseTensor {
    let plan = try Broadcast(a.shape, b.shape)
    let out = try allocate(R.self, plan.shape)
    let x = a.elements(A.self)
    let y = b.elements(B.self)
    var z = out.mutableElements(R.self)
    let xStep = plan.aStrides[plan.aStrides.count - 1]
    let yStep = plan.bStrides[plan.bStrides.count - 1]
    plan.forEachRun { first, i, j, count in
      for k in 0..<count { z[first + k] = body(x[i + k * xStep], y[j + k * yStep]) }
    }
    return out
  }
}

/// Row-major strides of a dense tensor, in elements.
package func denseStrides(_ dimensions: [Int]) -> [Int] {
  var strides = [Int](repeating: 1, count: dimensions.count)
  var step = 1
  for i in dimensions.indices.reversed() {
    strides[i] = step
    step *= max(dimensions[i], 1)
  }
  return strides
}
