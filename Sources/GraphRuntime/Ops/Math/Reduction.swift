import CKernels
import CheckpointCore

extension Op {
  /// A reduction over the axes of input 1. Attributes T, Tidx, keep_dims.
  static func reduction(_ name: String, _ op: ck_reduction) -> Op {
    Op(name) { (node) throws(CheckpointError) in
      try node.arithmetic("T", Reduction(op: op), saturating: op == CK_REDUCE_MAX || op == CK_REDUCE_MIN)
    }
  }
}

/// What is left of a shape when axes are reduced, and how the elements must lie for it.
struct ReductionPlan {
  let shape: Shape
  /// Elements reduced into each one.
  let reduce: Int
  let outer: Int
  let inner: Int
  /// The dimensions in the order in which the reduced ones are neighbours; nil where they are already.
  let permutation: [Int]?

  /// - Throws: `corrupt` for an axis outside the shape or given twice.
  init(_ dimensions: [Int], axes: [Int], keepDimensions: Bool) throws(CheckpointError) {
    var isReduced = [Bool](repeating: false, count: dimensions.count)
    for axis in axes {
      guard !isReduced[axis] else { throw CheckpointError(.corrupt, "the axis \(axis) is given twice") }
      isReduced[axis] = true
    }
    var left: [Int] = []
    var (outer, reduce, inner) = (1, 1, 1)
    var hasBegun = false
    var hasEnded = false
    var isTogether = true
    for (i, size) in dimensions.enumerated() {
      if isReduced[i] {
        reduce *= size
        if keepDimensions { left.append(1) }
        if hasEnded, size != 1 { isTogether = false }
        if size != 1 { hasBegun = true }
      } else {
        left.append(size)
        if hasBegun { inner *= size } else { outer *= size }
        if hasBegun, size != 1 { hasEnded = true }
      }
    }
    shape = try Shape(left)
    self.reduce = reduce
    if isTogether {
      self.outer = outer
      self.inner = inner
      permutation = nil
    } else {
      self.outer = outer * inner
      self.inner = 1
      permutation = dimensions.indices.filter { !isReduced[$0] } + dimensions.indices.filter { isReduced[$0] }
    }
  }
}

extension KernelContext {
  /// The plan for input 0 and the axes of input 1, and input 0 with its elements as the plan wants them.
  func reduction(keepDimensions: Bool) throws(CheckpointError) -> (plan: ReductionPlan, x: DenseTensor) {
    var x = try tensor(0)
    let axes = try axes(1, rank: x.rank)
    let plan = try ReductionPlan(x.dimensions, axes: axes, keepDimensions: keepDimensions)
    if let permutation = plan.permutation { x = try permuted(x, permutation) }
    return (plan, x)
  }
}

/// Sum, Mean, Prod, Max, Min: over the given axes (negative ones from the end; none leaves the input as it is), in the
/// order of `ck_reduce`. Over no elements: 0, NaN, 1, the lowest and the highest value.
struct Reduction: ArithmeticKernel {
  let op: ck_reduction

  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let op = op
    let keeps = try node.bool("keep_dims", default: false)
    return { (context) throws(CheckpointError) in
      let (plan, x) = try context.reduction(keepDimensions: keeps)
      guard x.dtype == T.dtype else { throw CheckpointError(.corrupt, "input 0 is \(x.dtype.rawValue)") }
      if plan.reduce == 1 { return context.emit(try x.reshaped(plan.shape)) }
      let y = try context.allocate(T.self, plan.shape)
      // SAFETY: x has outer * reduce * inner elements and y outer * inner, by the plan.
      let status = unsafe x.withPointer(T.self) { from in
        unsafe y.withMutablePointer(T.self) { to in
          unsafe T.reduce(context.pool, op, plan.outer, plan.reduce, plan.inner, from, to)
        }
      }
      try context.check(status)
      context.emit(y)
    }
  }
}

/// Any, All: over truth values. Attributes Tidx, keep_dims.
enum LogicalReduction {
  static func op(_ name: String, isAll: Bool) -> Op {
    Op(name) { (node) throws(CheckpointError) in
      let keeps = try node.bool("keep_dims", default: false)
      return { (context) throws(CheckpointError) in
        let (plan, x) = try context.reduction(keepDimensions: keeps)
        guard x.dtype == .bool else { throw CheckpointError(.corrupt, "input 0 is \(x.dtype.rawValue), not bool") }
        let y = try context.allocate(.bool, plan.shape)
        // SAFETY: x has outer * reduce * inner elements and y outer * inner, by the plan.
        unsafe x.withPointer(UInt8.self) { from in
          unsafe y.withMutablePointer(UInt8.self) { to in
            if isAll {
              unsafe ck_reduce_all(context.pool, plan.outer, plan.reduce, plan.inner, from, to)
            } else {
              unsafe ck_reduce_any(context.pool, plan.outer, plan.reduce, plan.inner, from, to)
            }
          }
        }
        context.emit(y)
      }
    }
  }
}

/// EuclideanNorm: the root of the sum of squares. Attributes T, Tidx, keep_dims.
struct EuclideanNorm: ArithmeticKernel {
  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let keeps = try node.bool("keep_dims", default: false)
    return { (context) throws(CheckpointError) in
      let (plan, x) = try context.reduction(keepDimensions: keeps)
      guard x.dtype == T.dtype else { throw CheckpointError(.corrupt, "input 0 is \(x.dtype.rawValue)") }
      let y = try context.allocate(T.self, plan.shape)
      let from = x.elements(T.self)
      var to = y.mutableElements(T.self)
      for o in 0..<plan.outer {
        for i in 0..<plan.inner {
          var sum = 0.0
          for r in 0..<plan.reduce {
            let value = from[(o * plan.reduce + r) * plan.inner + i].asDouble
            sum += value * value
          }
          to[o * plan.inner + i] = T(cast: sum.squareRoot())
        }
      }
      context.emit(y)
    }
  }
}
