import CKernels
import CheckpointCore

/// Einsum: a sum of products named by the dimensions' labels. Attributes T, N, equation (`ab,bc->ac`; `...` stands for
/// dimensions that broadcast; a label twice in one operand takes its diagonal, twice in the result puts it there). One
/// or two operands.
struct Einsum: ArithmeticKernel {
  /// A dimension: a letter, or the n-th of the ellipsis counted from its last.
  enum Label: Hashable {
    case letter(UInt8)
    case ellipsis(Int)
  }

  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let equation = try node.string("equation")
    let (operands, result) = try Einsum.parse(equation)
    guard operands.count == node.inputCount, operands.count == 1 || operands.count == 2 else {
      throw CheckpointError(.unsupported, "the equation '\(equation)' has \(operands.count) operands")
    }
    return { (context) throws(CheckpointError) in
      var operand: [LabelledTensor] = []
      for (i, labels) in operands.enumerated() {
        operand.append(try LabelledTensor(try context.tensor(i, T.dtype), labels, equation))
      }
      let ellipsis = operand.map(\.ellipsisRank).max() ?? 0
      let wanted = Einsum.labels(result, ellipsisRank: ellipsis)
      var distinct: [Label] = []
      for label in wanted where !distinct.contains(label) { distinct.append(label) }
      try Einsum.check(operand, distinct, equation)
      let product: LabelledTensor
      if operand.count == 1 {
        product = try operand[0].taken(Set(distinct), T.self, context)
      } else {
        product = try Einsum.product(operand[0], operand[1], Set(distinct), T.self, context)
      }
      let ordered = try product.ordered(distinct, context)
      context.emit(try Einsum.inflated(ordered, wanted, context))
    }
  }

  private static func parse(_ equation: String) throws(CheckpointError) -> ([[UInt8]], [UInt8]) {
    let text = equation.utf8.filter { $0 != UInt8(ascii: " ") }
    guard let arrow = text.indices.first(where: { text[$0] == UInt8(ascii: "-") }), arrow + 1 < text.count,
      text[arrow + 1] == UInt8(ascii: ">")
    else { throw CheckpointError(.corrupt, "the equation '\(equation)' has no '->'") }
    let operands = text[..<arrow].split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map(Array.init)
    let result = Array(text[(arrow + 2)...])
    for part in operands + [result] {
      let dots = part.filter { $0 == UInt8(ascii: ".") }.count
      let letters = part.filter { ($0 | 0x20) >= UInt8(ascii: "a") && ($0 | 0x20) <= UInt8(ascii: "z") }.count
      let first = part.firstIndex(of: UInt8(ascii: "."))
      let isOneEllipsis = first.map {
        dots == 3 && $0 + 2 < part.count && part[$0 + 1] == part[$0] && part[$0 + 2] == part[$0]
      }
      guard dots + letters == part.count, isOneEllipsis ?? true else {
        throw CheckpointError(.corrupt, "the equation '\(equation)' is not one of letters, commas and '...'")
      }
    }
    return (operands, result)
  }

  /// The labels with the ellipsis written out.
  fileprivate static func labels(_ part: [UInt8], ellipsisRank: Int) -> [Label] {
    var list: [Label] = []
    var isIn = false
    for byte in part {
      if byte == UInt8(ascii: ".") {
        if !isIn { for n in (0..<ellipsisRank).reversed() { list.append(.ellipsis(n)) } }
        isIn = true
      } else {
        list.append(.letter(byte))
      }
    }
    return list
  }

  private static func check(_ operands: [LabelledTensor], _ result: [Label], _ equation: String) throws(CheckpointError)
  {
    var sizes: [Label: Int] = [:]
    for operand in operands {
      for (label, size) in zip(operand.labels, operand.tensor.dimensions) {
        let other = sizes[label] ?? size
        var isFine = size == other
        if case .ellipsis = label { isFine = isFine || size == 1 || other == 1 }
        guard isFine else {
          throw CheckpointError(.corrupt, "a label of '\(equation)' has the sizes \(other) and \(size)")
        }
        sizes[label] = other == 1 ? size : other
      }
    }
    for label in result where sizes[label] == nil {
      throw CheckpointError(.corrupt, "the result of '\(equation)' has a label that no operand has")
    }
  }

  /// The product of two operands, summed over what the result does not want.
  private static func product<T: ArithmeticElement>(
    _ first: LabelledTensor, _ second: LabelledTensor, _ wanted: Set<Label>, _: T.Type, _ context: KernelContext
  ) throws(CheckpointError) -> LabelledTensor {
    // What only one operand has and nobody wants is summed beforehand.
    let a = try first.taken(wanted.union(second.labels), T.self, context)
    let b = try second.taken(wanted.union(first.labels), T.self, context)
    let inA = Set(a.labels)
    let inB = Set(b.labels)
    let batch = a.labels.filter { inB.contains($0) && wanted.contains($0) }
    let summed = a.labels.filter { inB.contains($0) && !wanted.contains($0) }
    let aFree = a.labels.filter { !inB.contains($0) }
    let bFree = b.labels.filter { !inA.contains($0) }
    var x = try a.ordered(batch + aFree + summed, context)
    var y = try b.ordered(batch + summed + bFree, context)
    // A label of the ellipsis that is summed may be 1 on one side.
    for (i, label) in summed.enumerated() {
      let (p, q) = (batch.count + aFree.count + i, batch.count + i)
      let size = max(x.dimensions[p], y.dimensions[q])
      if x.dimensions[p] == y.dimensions[q] { continue }
      _ = label
      x = try context.repeated(x, p, size)
      y = try context.repeated(y, q, size)
    }
    let aBatch = Array(x.dimensions[..<batch.count])
    let bBatch = Array(y.dimensions[..<batch.count])
    let aSizes = Array(x.dimensions[batch.count..<(batch.count + aFree.count)])
    let bSizes = Array(y.dimensions[(batch.count + summed.count)...])
    let m = try Shape(aSizes).elementCount
    let n = try Shape(bSizes).elementCount
    let k = try Shape(Array(y.dimensions[batch.count..<(batch.count + summed.count)])).elementCount
    let c = try context.batchProduct(
      T.self, try x.reshaped(try Shape(aBatch + [m, k])), false, try y.reshaped(try Shape(bBatch + [k, n])), false)
    let shape = try Shape(Array(c.dimensions[..<batch.count]) + aSizes + bSizes)
    return LabelledTensor(tensor: try c.reshaped(shape), labels: batch + aFree + bFree)
  }

  /// The tensor with labels that are there twice put onto their diagonals.
  private static func inflated(
    _ x: DenseTensor, _ wanted: [Label], _ context: KernelContext
  ) throws(CheckpointError) -> DenseTensor {
    var distinct: [Label] = []
    for label in wanted where !distinct.contains(label) { distinct.append(label) }
    if distinct.count == wanted.count { return x }
    var sizes: [Label: Int] = [:]
    for (label, size) in zip(distinct, x.dimensions) { sizes[label] = size }
    let y = try context.allocate(x.dtype, wanted.map { sizes[$0] ?? 0 })
    y.zero()
    let dense = denseStrides(y.dimensions)
    var strides = [Int](repeating: 0, count: distinct.count)
    for (i, label) in wanted.enumerated() {
      if let at = distinct.firstIndex(of: label) { strides[at] += dense[i] }
    }
    try context.copy(x.dimensions, from: x, Walk(x.dimensions), to: y, Walk(strides: strides))
    return y
  }
}

/// A tensor whose dimensions have labels, each once.
private struct LabelledTensor {
  var tensor: DenseTensor
  var labels: [Einsum.Label]
  var ellipsisRank = 0

  init(tensor: DenseTensor, labels: [Einsum.Label]) {
    self.tensor = tensor
    self.labels = labels
  }

  init(_ tensor: DenseTensor, _ part: [UInt8], _ equation: String) throws(CheckpointError) {
    let hasEllipsis = part.contains(UInt8(ascii: "."))
    let letters = part.count - (hasEllipsis ? 3 : 0)
    guard hasEllipsis ? tensor.rank >= letters : tensor.rank == letters else {
      throw CheckpointError(.corrupt, "an operand of '\(equation)' has the shape \(tensor.shape)")
    }
    ellipsisRank = tensor.rank - letters
    self.tensor = tensor
    labels = Einsum.labels(part, ellipsisRank: ellipsisRank)
  }

  /// The diagonals of labels that are there twice, and the sum over every label that is not kept.
  func taken<T: ArithmeticElement>(
    _ kept: Set<Einsum.Label>, _: T.Type, _ context: KernelContext
  ) throws(CheckpointError) -> LabelledTensor {
    var distinct: [Einsum.Label] = []
    for label in labels where !distinct.contains(label) { distinct.append(label) }
    var x = tensor
    if distinct.count != labels.count {
      let dense = denseStrides(x.dimensions)
      var sizes = [Int](repeating: 0, count: distinct.count)
      var strides = [Int](repeating: 0, count: distinct.count)
      for (i, label) in labels.enumerated() {
        guard let at = distinct.firstIndex(of: label) else { continue }
        guard sizes[at] == 0 || sizes[at] == x.dimensions[i] else {
          throw CheckpointError(.corrupt, "a label has the sizes \(sizes[at]) and \(x.dimensions[i])")
        }
        sizes[at] = x.dimensions[i]
        strides[at] += dense[i]
      }
      x = try context.box(try Shape(sizes), of: x, Walk(strides: strides))
    }
    let left = distinct.filter { kept.contains($0) }
    if left.count == distinct.count { return LabelledTensor(tensor: x, labels: distinct) }
    let axes = distinct.indices.filter { !kept.contains(distinct[$0]) }
    let plan = try ReductionPlan(x.dimensions, axes: axes, keepDimensions: false)
    if let permutation = plan.permutation { x = try context.permuted(x, permutation) }
    let y = try context.allocate(T.dtype, plan.shape)
    // SAFETY: x has outer * reduce * inner elements and y outer * inner, by the plan.
    let status = unsafe x.withPointer(T.self) { from in
      unsafe y.withMutablePointer(T.self) { to in
        unsafe T.reduce(context.pool, CK_REDUCE_SUM, plan.outer, plan.reduce, plan.inner, from, to)
      }
    }
    try context.check(status)
    return LabelledTensor(tensor: y, labels: left)
  }

  /// The tensor with its dimensions in the order of the labels.
  func ordered(_ order: [Einsum.Label], _ context: KernelContext) throws(CheckpointError) -> DenseTensor {
    try context.permuted(tensor, order.compactMap { labels.firstIndex(of: $0) })
  }
}

extension KernelContext {
  /// The tensor with a dimension of 1 repeated to the size.
  fileprivate func repeated(_ x: DenseTensor, _ axis: Int, _ size: Int) throws(CheckpointError) -> DenseTensor {
    var sizes = x.dimensions
    sizes[axis] = size
    return try expanded(x, to: try Shape(sizes))
  }
}
