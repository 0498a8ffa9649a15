import CheckpointCore

/// DynamicPartition: the rows of input 0 dealt out to `num_partitions` outputs by the numbers of input 1, whose shape
/// is the beginning of that of input 0. Attributes num_partitions, T.
enum DynamicPartition {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let count = try node.int("num_partitions")
    guard count > 0, count <= mostOutputs else { throw CheckpointError(.corrupt, "num_partitions is \(count)") }
    node.outputCount = count
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      let numbers = try context.ints(1)
      let shape = try context.shape(of: 1)
      guard shape.rank <= x.rank, Array(x.dimensions[..<shape.rank]) == shape.dimensions else {
        throw CheckpointError(.corrupt, "numbers of shape \(shape) do not fit the shape \(x.shape)")
      }
      let rest = Array(x.dimensions[shape.rank...])
      let row = try Shape(rest).elementCount
      var rows = [[Int64]](repeating: [], count: count)
      for (i, number) in numbers.enumerated() {
        guard number >= 0, number < count else {
          throw CheckpointError(.corrupt, "the number \(number) lies outside 0..<\(count)")
        }
        rows[number].append(Int64(i))
      }
      for part in rows {
        let y = try context.allocate(x.dtype, [part.count] + rest)
        try context.gather(x, outer: 1, rows: numbers.count, row: row, try context.tensor(part), into: y)
        context.emit(y)
      }
    }
  }
}

/// DynamicStitch, ParallelDynamicStitch: rows of the data (inputs N...) put where the indices (inputs 0..<N) say; of
/// several for one place the last stays, a place without one is zero. Attributes N, T. The first dimension is the
/// largest index + 1.
enum DynamicStitch {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let count = try node.int("N")
    guard count >= 1, count <= mostOutputs, node.inputCount == 2 * count else {
      throw CheckpointError(.corrupt, "has \(node.inputCount) inputs, not twice \(count)")
    }
    return { (context) throws(CheckpointError) in
      var rows = 0
      var rest: [Int]?
      let dtype = try context.tensor(count).dtype
      for i in 0..<count {
        for index in try context.ints(i) {
          guard index >= 0, index < .max else { throw CheckpointError(.corrupt, "the index \(index) is out of range") }
          rows = max(rows, index + 1)
        }
        let shape = try context.shape(of: i)
        let data = try context.tensor(count + i, dtype)
        guard shape.rank <= data.rank, Array(data.dimensions[..<shape.rank]) == shape.dimensions,
          rest ?? Array(data.dimensions[shape.rank...]) == Array(data.dimensions[shape.rank...])
        else {
          throw CheckpointError(.corrupt, "indices of shape \(shape) do not fit data of shape \(data.shape)")
        }
        rest = Array(data.dimensions[shape.rank...])
      }
      let y = try context.allocate(dtype, [rows] + (rest ?? []))
      y.zero()
      let row = try Shape(rest ?? []).elementCount
      if row > 0 {
        for i in 0..<count {
          let data = try context.tensor(count + i)
          for (k, index) in try context.ints(i).enumerated() {
            try context.copy(
              [row], from: data, Walk(first: k * row, strides: [1]), to: y, Walk(first: index * row, strides: [1]))
          }
        }
      }
      context.emit(y)
    }
  }
}
