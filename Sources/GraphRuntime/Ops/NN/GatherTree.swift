import CheckpointCore

/// GatherTree, Addons>GatherTree: the full beams behind the last step of a beam search. step_ids and parent_ids [time,
/// batch, beam], max_sequence_lengths [batch], end_token scalar, all int32; output [time, batch, beam]: each beam's ids
/// followed through its parents, end_token after the first end_token and beyond the length.
enum GatherTree {
  static func run(_ context: inout KernelContext) throws(CheckpointError) {
    let steps = try context.tensor(0, .int32)
    let parents = try context.tensor(1, .int32)
    let lengths = try context.ints(2)
    let end = try context.scalar(3, Int32.self)
    guard steps.rank == 3, parents.shape == steps.shape, lengths.count == steps.dimensions[1] else {
      throw CheckpointError(
        .corrupt, "steps of shape \(steps.shape), parents of \(parents.shape) and \(lengths.count) lengths")
    }
    let (time, batch, width) = (steps.dimensions[0], steps.dimensions[1], steps.dimensions[2])
    let out = try context.allocate(.int32, steps.shape)
    let ids = steps.elements(Int32.self)
    let from = parents.elements(Int32.self)
    var beams = out.mutableElements(Int32.self)
    for i in beams.indices { beams[i] = end }
    for b in 0..<batch {
      let length = min(time, lengths[b])
      if length <= 0 { continue }
      for w in 0..<width {
        var beam = w
        for level in (0..<length).reversed() {
          guard beam >= 0, beam < width else {
            throw CheckpointError(.corrupt, "the parent \(beam) lies outside 0..<\(width)")
          }
          let i = (level * batch + b) * width
          beams[i + w] = ids[i + beam]
          beam = Int(from[i + beam])
        }
        var isFinished = false
        for level in 0..<length {
          let i = (level * batch + b) * width + w
          if isFinished { beams[i] = end } else if beams[i] == end { isFinished = true }
        }
      }
    }
    context.emit(out)
  }
}
