import CKernels
import CheckpointCore

/// ArgMax, ArgMin: the index of the first largest (smallest) element along the axis of input 1, a single number. NaN
/// never wins. Attributes T, Tidx, output_type (int32, int64, int16, uint16). The axis goes from the shape.
enum ArgExtreme {
  static func op(_ name: String, smallest: Bool) -> Op {
    Op(name) { (node) throws(CheckpointError) in
      let output = try node.dtype("output_type", default: .int64)
      return { (context) throws(CheckpointError) in
        var x = try context.tensor(0)
        guard x.rank > 0 else { throw CheckpointError(.corrupt, "input 0 has no dimension to search along") }
        let axis = try normalized(axis: try context.int(1), rank: x.rank)
        let reduce = x.dimensions[axis]
        var left = x.dimensions
        left.remove(at: axis)
        let shape = try Shape(left)
        guard reduce > 0 else { throw CheckpointError(.corrupt, "the dimension \(axis) of \(x.shape) has no elements") }
        let outer = x.dimensions[..<axis].reduce(1, *)
        let inner = x.dimensions[(axis + 1)...].reduce(1, *)
        switch x.dtype {
        case .float32, .float64, .int32, .int64, .uint64: break
        case .float16, .bfloat16: x = try context.cast(x, to: .float32)
        case .uint32: x = try context.cast(x, to: .int64)
        case .int8, .int16, .uint8, .uint16, .bool: x = try context.cast(x, to: .int32)
        default: throw CheckpointError(.unsupported, "\(name) has no kernel for \(x.dtype.rawValue)")
        }
        let y = try context.allocate(Int64.self, shape)
        context.searchExtremes(x, smallest, outer, reduce, inner, y)
        context.emit(try context.cast(y, to: output))
      }
    }
  }
}

extension KernelContext {
  fileprivate func searchExtremes(
    _ x: DenseTensor, _ smallest: Bool, _ outer: Int, _ reduce: Int, _ inner: Int, _ y: DenseTensor
  ) {
    let least: CInt = smallest ? 1 : 0
    // SAFETY: x has outer * reduce * inner elements of its dtype, y outer * inner.
    unsafe y.withMutablePointer(Int64.self) { to in
      switch x.dtype {
      case .float32:
        unsafe x.withPointer(Float.self) { unsafe ck_argmax_f32(pool, least, outer, reduce, inner, $0, to) }
      case .float64:
        unsafe x.withPointer(Double.self) { unsafe ck_argmax_f64(pool, least, outer, reduce, inner, $0, to) }
      case .int32:
        unsafe x.withPointer(Int32.self) { unsafe ck_argmax_i32(pool, least, outer, reduce, inner, $0, to) }
      case .int64:
        unsafe x.withPointer(Int64.self) { unsafe ck_argmax_i64(pool, least, outer, reduce, inner, $0, to) }
      default:
        let from = x.elements(UInt64.self)
        for o in 0..<outer {
          for i in 0..<inner {
            var best = 0
            for r in 1..<max(reduce, 1) {
              let (value, held) = (from[(o * reduce + r) * inner + i], from[(o * reduce + best) * inner + i])
              if smallest ? value < held : value > held { best = r }
            }
            unsafe to[o * inner + i] = Int64(best)
          }
        }
      }
    }
  }
}
