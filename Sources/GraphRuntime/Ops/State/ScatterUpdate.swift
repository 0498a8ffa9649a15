import CheckpointCore

/// ScatterUpdate, ScatterAdd, ScatterSub: rows of a variable replaced or changed by the rows of the updates, in the order of
/// the indices. Updates have the shape indices + variable[1:], or are scalar. Attributes T, Tindices, use_locking.
enum ScatterUpdate {
  static func build(_ node: inout NodeContext, _ update: Update) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let variable = try context.resource(0, VariableCell.self)
      try apply(update, variable, &context)
      context.emit(.reference(variable))
    }
  }

  static func buildResource(_ node: inout NodeContext, _ update: Update) throws(CheckpointError) -> Kernel {
    node.outputCount = 0
    return { (context) throws(CheckpointError) in
      try apply(update, try context.resource(0, VariableCell.self), &context)
    }
  }

  private static func apply(
    _ update: Update, _ variable: VariableCell, _ context: inout KernelContext
  ) throws(CheckpointError) {
    let indices = try context.ints(1)
    let updates = try context.tensor(2)
    let shape = try context.shape(of: 1)
    try variable.change { (target) throws(CheckpointError) in
      let row = try Shape(Array(target.dimensions.dropFirst()))
      guard let rows = target.dimensions.first, updates.dtype == target.dtype,
        updates.rank == 0 && row.elementCount == 1 || updates.dimensions == shape.dimensions + row.dimensions
      else {
        throw CheckpointError(
          .corrupt,
          "updates that are \(Value.dense(updates).summary) do not fit a variable that is "
            + Value.dense(target).summary)
      }
      let count = row.elementCount
      for (i, index) in indices.enumerated() {
        guard index >= 0, index < rows else {
          throw CheckpointError(.corrupt, "the index \(index) lies outside 0..<\(rows)")
        }
        try update.apply(to: target, at: index * count, updates, at: updates.rank == 0 ? 0 : i * count, count: count)
      }
    }
  }
}
