import CheckpointCore

/// TopK, TopKV2: the k largest elements of each row, from the largest down, ties by their lower index; and their
/// indices. TopK has k as an attribute, TopKV2 as input 1. Attributes T, sorted, index_type. The last dimension becomes
/// k.
struct TopK: ArithmeticKernel {
  let hasInput: Bool

  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 2
    let fixed = hasInput ? nil : try node.int("k")
    let indexType = try node.dtype("index_type", default: .int32)
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      let k = if let fixed { fixed } else { try context.int(1) }
      guard let columns = x.dimensions.last else { throw CheckpointError(.corrupt, "input 0 has no rows") }
      guard k >= 0, k <= columns else {
        throw CheckpointError(.corrupt, "rows of \(columns) elements do not have the \(k) that are asked for")
      }
      let shape = try Shape(Array(x.dimensions.dropLast()) + [k])
      let values = try context.allocate(T.self, shape)
      let indices = try context.allocate(Int32.self, shape)
      let from = x.elements(T.self)
      var best = values.mutableElements(T.self)
      var places = indices.mutableElements(Int32.self)
      let rows = k > 0 ? shape.elementCount / k : 0
      for row in 0..<rows {
        let first = row * columns
        // NaN counts as the largest: `a` goes before `b`.
        func precedes(_ a: Int32, _ b: Int32) -> Bool {
          let (x, y) = (from[first + Int(a)], from[first + Int(b)])
          return x == y ? a < b : x > y
        }
        let chosen: [Int32]
        if k == 1 {
          var top: Int32 = 0
          for i in 1..<max(columns, 1) where precedes(Int32(truncatingIfNeeded: i), top) {
            top = Int32(truncatingIfNeeded: i)
          }
          chosen = [top]
        } else if k * 8 >= columns {
          chosen = Array((0..<Int32(clamping: columns)).sorted(by: precedes)[..<k])
        } else {
          chosen = smallest(k, of: Int32(clamping: columns), precedes)
        }
        for (i, index) in chosen.enumerated() {
          best[row * k + i] = from[first + Int(index)]
          places[row * k + i] = index
        }
      }
      context.emit(values)
      context.emit(try context.cast(indices, to: indexType))
    }
  }
}

/// The first `k` of 0..<count in the order, in order: a heap whose root is the last of them.
private func smallest(_ k: Int, of count: Int32, _ precedes: (Int32, Int32) -> Bool) -> [Int32] {
  var heap: [Int32] = []
  func sink(_ start: Int) {
    var i = start
    while true {
      var last = i
      for child in [2 * i + 1, 2 * i + 2] where child < heap.count && precedes(heap[last], heap[child]) { last = child }
      if last == i { return }
      heap.swapAt(i, last)
      i = last
    }
  }
  for index in 0..<count {
    if heap.count < k {
      heap.append(index)
      if heap.count == k { for i in (0..<k / 2).reversed() { sink(i) } }
    } else if precedes(index, heap[0]) {
      heap[0] = index
      sink(0)
    }
  }
  return heap.sorted(by: precedes)
}

/// NthElement: of each row, the element that has input 1 others before it in rising order. Attributes T, reverse
/// (falling order). The last dimension goes.
struct NthElement: ArithmeticKernel {
  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let reverse = try node.bool("reverse", default: false)
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      let n = try context.int(1)
      guard let columns = x.dimensions.last, n >= 0, n < columns else {
        throw CheckpointError(.corrupt, "element \(n) is not there in a tensor of shape \(x.shape)")
      }
      let y = try context.allocate(T.dtype, Array(x.dimensions.dropLast()))
      let from = x.elements(T.self)
      var to = y.mutableElements(T.self)
      for row in 0..<y.elementCount {
        var list: [T] = []
        for i in 0..<columns { list.append(from[row * columns + i]) }
        list.sort()
        to[row] = list[reverse ? columns - 1 - n : n]
      }
      context.emit(y)
    }
  }
}

/// InTopK, InTopKV2: whether each row's target is among its k largest predictions (ties are all in; a target or a row
/// that is out of range or not finite is not). k is an attribute, or input 2.
enum InTopK {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let fixed = try node.attribute("k") == nil ? nil : node.int("k")
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, .float32)
      let targets = try context.ints(1)
      let k = if let fixed { fixed } else { try context.int(2) }
      guard x.rank == 2, try context.shape(of: 1).rank == 1, targets.count == x.dimensions[0] else {
        throw CheckpointError(.corrupt, "\(targets.count) targets do not fit predictions of shape \(x.shape)")
      }
      let y = try context.allocate(.bool, [targets.count])
      let columns = x.dimensions[1]
      let from = x.elements(Float.self)
      var to = y.mutableElements(UInt8.self)
      for (row, target) in targets.enumerated() {
        var isIn = target >= 0 && target < columns && from[row * columns + target].isFinite
        if isIn {
          var larger = 0
          for i in 0..<columns {
            let value = from[row * columns + i]
            if !value.isFinite { isIn = false }
            if value > from[row * columns + target] { larger += 1 }
          }
          isIn = isIn && larger < k
        }
        to[row] = isIn ? 1 : 0
      }
      context.emit(y)
    }
  }
}
