import CheckpointCore

/// Ops that pass values on, or only order others. Switch, Merge and the loop ops are the executor's own
/// (`Executor/FrameExecutor.swift`).
enum ControlOps {
  static let table: [Op] = [
    .plain("Identity") { context throws(CheckpointError) in context.emit(try context.read(0)) },
  ]
}
