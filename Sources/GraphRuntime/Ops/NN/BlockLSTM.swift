internal import CKernels
import CheckpointCore

/// LSTMBlockCell, BlockLSTM, BlockLSTMV2: an LSTM with its gates in one matrix w [inputs + cells, 4 * cells] and b [4 *
/// cells], in the order i, ci, f, o (V2: i, f, ci, o).
///
/// LSTMBlockCell: x [batch, inputs], cs_prev, h_prev [batch, cells], w, wci, wcf, wco, b. BlockLSTM: seq_len_max, x
/// [time, batch, inputs], then the same. Outputs i, cs, f, o, ci, co, h ([time,] batch, cells); zero after seq_len_max.
/// Attributes T, forget_bias (1; V2 has none), cell_clip (3; V2: 0), use_peephole.
enum BlockLSTM: RealKernel {
  static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 7
    let isCell = node.op == "LSTMBlockCell"
    let isSecond = node.op == "BlockLSTMV2"
    let forgetBias = T(isSecond ? 0 : try node.float("forget_bias", default: 1))
    let clip = T(try node.float("cell_clip", default: isSecond ? 0 : 3))
    let usesPeephole = try node.bool("use_peephole", default: false)
    return { (context) throws(CheckpointError) in
      let first = isCell ? 0 : 1
      let x = try context.tensor(first, T.dtype)
      let oldState = try context.tensor(first + 1, T.dtype)
      let oldOutput = try context.tensor(first + 2, T.dtype)
      let w = try context.tensor(first + 3, T.dtype)
      let b = try context.tensor(first + 7, T.dtype)
      guard x.rank == (isCell ? 2 : 3), oldState.rank == 2, oldOutput.shape == oldState.shape else {
        throw CheckpointError(.corrupt, "an input of shape \(x.shape) and a state of shape \(oldState.shape)")
      }
      let time = isCell ? 1 : x.dimensions[0]
      let (batch, inputs) = (x.dimensions[x.rank - 2], x.dimensions[x.rank - 1])
      let cells = oldState.dimensions[1]
      let (gates, overflow) = cells.multipliedReportingOverflow(by: 4)
      guard !overflow, oldState.dimensions[0] == batch, w.dimensions == [inputs + cells, gates], b.dimensions == [gates]
      else {
        throw CheckpointError(
          .corrupt, "weights of shape \(w.shape) and a bias of \(b.shape) for \(inputs) inputs and \(cells) cells")
      }
      var peepholes: [DenseTensor] = []
      if usesPeephole {
        for i in 4..<7 {
          let vector = try context.tensor(first + i, T.dtype)
          guard vector.dimensions == [cells] else {
            throw CheckpointError(.corrupt, "peephole weights of shape \(vector.shape), not [\(cells)]")
          }
          peepholes.append(vector)
        }
      }
      let length = isCell ? 1 : min(max(try context.int(0), 0), time)
      let shape = try Shape(isCell ? [batch, cells] : [time, batch, cells])
      var outputs: [DenseTensor] = []
      for _ in 0..<7 {
        let output = try context.allocate(T.self, shape)
        output.zero()
        outputs.append(output)
      }
      let joined = try context.allocate(T.dtype, [batch, inputs + cells])
      let sums = try context.allocate(T.dtype, [batch, gates])
      let step = Step<T>(
        batch: batch, inputs: inputs, cells: cells, order: isSecond ? (0, 2, 1, 3) : (0, 1, 2, 3),
        forgetBias: forgetBias, clip: clip, peepholes: peepholes, outputs: outputs)
      for t in 0..<length {
        let state = t == 0 ? oldState : outputs[1]
        let output = t == 0 ? oldOutput : outputs[6]
        step.join(x, t, output, max(t - 1, 0), joined)
        // SAFETY: `joined` is [batch, inputs + cells], w [inputs + cells, gates], b [gates], `sums` [batch, gates].
        let status = unsafe joined.withPointer(T.self) { pj in
          unsafe w.withPointer(T.self) { pw in
            unsafe b.withPointer(T.self) { pb in
              unsafe sums.withMutablePointer(T.self) { ps in
                unsafe T.product(
                  context.pool, false, false, batch, gates, inputs + cells, pj, inputs + cells, pw, gates, ps, gates,
                  pb, CK_LINEAR)
              }
            }
          }
        }
        try context.check(status)
        step.cell(sums, state, max(t - 1, 0), t)
      }
      for output in outputs { context.emit(output) }
    }
  }

  private struct Step<T: RealElement> {
    let batch: Int
    let inputs: Int
    let cells: Int
    /// Positions of i, ci, f, o among the gates.
    let order: (Int, Int, Int, Int)
    let forgetBias: T
    let clip: T
    let peepholes: [DenseTensor]
    let outputs: [DenseTensor]

    /// Rows [x, h].
    func join(_ x: DenseTensor, _ t: Int, _ h: DenseTensor, _ previous: Int, _ joined: DenseTensor) {
      let from = x.elements(T.self)
      let state = h.elements(T.self)
      var to = joined.mutableElements(T.self)
      for n in 0..<batch {
        for i in 0..<inputs { to[n * (inputs + cells) + i] = from[(t * batch + n) * inputs + i] }
        for c in 0..<cells { to[n * (inputs + cells) + inputs + c] = state[(previous * batch + n) * cells + c] }
      }
    }

    func cell(_ sums: DenseTensor, _ state: DenseTensor, _ previous: Int, _ t: Int) {
      let gate = sums.elements(T.self)
      let old = state.elements(T.self)
      for n in 0..<batch {
        for c in 0..<cells {
          let row = n * 4 * cells + c
          let before = old[(previous * batch + n) * cells + c]
          let i = sigmoid(gate[row + order.0 * cells] + peephole(0, c) * before)
          let ci = T.tanh(gate[row + order.1 * cells])
          let f = sigmoid(gate[row + order.2 * cells] + forgetBias + peephole(1, c) * before)
          var cs = ci * i + before * f
          if clip > 0 { cs = min(max(cs, -clip), clip) }
          let o = sigmoid(gate[row + order.3 * cells] + peephole(2, c) * cs)
          let co = T.tanh(cs)
          let place = (t * batch + n) * cells + c
          for (k, value) in [i, cs, f, o, ci, co, o * co].enumerated() { store(k, place, value) }
        }
      }
    }

    private func peephole(_ k: Int, _ c: Int) -> T {
      if peepholes.isEmpty { return 0 }
      let vector = peepholes[k]
      return vector.elements(T.self)[c]
    }

    private func store(_ k: Int, _ place: Int, _ value: T) {
      let output = outputs[k]
      var elements = output.mutableElements(T.self)
      elements[place] = value
    }
  }

  static func sigmoid<T: RealElement>(_ x: T) -> T { 1 / (1 + T.exp(-x)) }
}

/// GRUBlockCell: x [batch, inputs], h_prev [batch, cells], w_ru [inputs + cells, 2 * cells], w_c [inputs + cells,
/// cells], b_ru, b_c; outputs r, u, c, h: c = tanh([x, h_prev * r] · w_c + b_c), h = u * h_prev + (1 - u) * c.
/// Attribute T.
enum GRUBlockCell: RealKernel {
  static func kernel<T: RealElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 4
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0, T.dtype)
      let h = try context.tensor(1, T.dtype)
      var weights: [DenseTensor] = []
      for i in 2..<6 { weights.append(try context.tensor(i, T.dtype)) }
      guard x.rank == 2, h.rank == 2, x.dimensions[0] == h.dimensions[0] else {
        throw CheckpointError(.corrupt, "an input of shape \(x.shape) and a state of shape \(h.shape)")
      }
      let (batch, inputs, cells) = (x.dimensions[0], x.dimensions[1], h.dimensions[1])
      let rows = inputs + cells
      guard cells <= Window.largest, weights[0].dimensions == [rows, 2 * cells],
        weights[1].dimensions == [rows, cells],
        weights[2].dimensions == [2 * cells], weights[3].dimensions == [cells]
      else { throw CheckpointError(.corrupt, "the weights do not fit \(inputs) inputs and \(cells) cells") }
      let joined = try context.allocate(T.dtype, [batch, rows])
      let gates = try context.allocate(T.dtype, [batch, 2 * cells])
      let candidate = try context.allocate(T.dtype, [batch, cells])
      let reset = try context.allocate(T.self, h.shape)
      let update = try context.allocate(T.self, h.shape)
      let output = try context.allocate(T.self, h.shape)
      func multiply(_ w: DenseTensor, _ b: DenseTensor, _ n: Int, _ out: DenseTensor) -> CInt {
        // SAFETY: `joined` is [batch, rows], w [rows, n], b [n], out [batch, n].
        unsafe joined.withPointer(T.self) { pj in
          unsafe w.withPointer(T.self) { pw in
            unsafe b.withPointer(T.self) { pb in
              unsafe out.withMutablePointer(T.self) { po in
                unsafe T.product(context.pool, false, false, batch, n, rows, pj, rows, pw, n, po, n, pb, CK_LINEAR)
              }
            }
          }
        }
      }
      let from = x.elements(T.self)
      let old = h.elements(T.self)
      var joint = joined.mutableElements(T.self)
      for n in 0..<batch {
        for i in 0..<inputs { joint[n * rows + i] = from[n * inputs + i] }
        for c in 0..<cells { joint[n * rows + inputs + c] = old[n * cells + c] }
      }
      try context.check(multiply(weights[0], weights[2], 2 * cells, gates))
      let gate = gates.elements(T.self)
      var r = reset.mutableElements(T.self)
      var u = update.mutableElements(T.self)
      var new = output.mutableElements(T.self)
      for n in 0..<batch {
        for c in 0..<cells {
          r[n * cells + c] = BlockLSTM.sigmoid(gate[n * 2 * cells + c])
          u[n * cells + c] = BlockLSTM.sigmoid(gate[n * 2 * cells + cells + c])
          joint[n * rows + inputs + c] = old[n * cells + c] * r[n * cells + c]
        }
      }
      try context.check(multiply(weights[1], weights[3], cells, candidate))
      var c = candidate.mutableElements(T.self)
      for i in c.indices {
        c[i] = T.tanh(c[i])
        new[i] = u[i] * old[i] + (1 - u[i]) * c[i]
      }
      context.emit(reset)
      context.emit(update)
      context.emit(candidate)
      context.emit(output)
    }
  }
}
