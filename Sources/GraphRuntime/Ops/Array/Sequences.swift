import CheckpointCore

/// Range: from input 0 up to (not) input 1 by input 2. Attribute Tidx.
struct RangeKernel: ArithmeticKernel {
  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let start = try context.scalar(0, T.self)
      let limit = try context.scalar(1, T.self)
      let delta = try context.scalar(2, T.self)
      guard delta != 0, delta > 0 ? start <= limit : start >= limit else {
        throw CheckpointError(.corrupt, "there is no range from \(start) to \(limit) by \(delta)")
      }
      let count: Int
      if T.dtype == .float32 || T.dtype == .float64 {
        let quotient = abs((limit.asDouble - start.asDouble) / delta.asDouble).rounded(.up)
        guard quotient < 0x1p62 else { throw CheckpointError(.corrupt, "the range has \(quotient) numbers") }
        count = Int(quotient)
      } else {
        let (first, last, step) = (start.wholeValue, limit.wholeValue, delta.wholeValue)
        let length = UInt(bitPattern: last) &- UInt(bitPattern: first)
        let extent = last >= first ? length : 0 &- length
        let size = step.magnitude
        count = extent == 0 ? 0 : Int(clamping: (extent - 1) / UInt(clamping: size) + 1)
      }
      let y = try context.allocate(T.self, try Shape([count]))
      var to = y.mutableElements(T.self)
      var value = start
      for i in 0..<count {
        to[i] = value
        value = value.adding(delta)
      }
      context.emit(y)
    }
  }
}

/// LinSpace: input 2 numbers from input 0 to input 1, both included. Attributes T, Tidx.
struct LinSpace: FloatingKernel {
  func kernel<T: ArithmeticElement & RealElement>(
    _: T.Type, _ node: inout NodeContext
  ) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let start = try context.scalar(0, T.self)
      let stop = try context.scalar(1, T.self)
      let count = try context.int(2)
      guard count > 0 else { throw CheckpointError(.corrupt, "\(count) numbers cannot be spread") }
      let y = try context.allocate(T.self, try Shape([count]))
      var to = y.mutableElements(T.self)
      let step = count > 1 ? (stop - start) / T(count - 1) : 0
      for i in 0..<count { to[i] = start + step * T(i) }
      if count > 1 { to[count - 1] = stop }
      context.emit(y)
    }
  }
}

/// OneHot: input 2 at the index of each element of input 0 along a new dimension of size input 1, input 3 elsewhere; an
/// index outside has none. Attributes T, TI, axis (-1: last).
enum OneHot {
  static func build(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let axis = try node.int("axis", default: -1)
    return { (context) throws(CheckpointError) in
      let indices = try context.ints(0)
      let shape = try context.shape(of: 0)
      let depth = try context.int(1)
      let (on, off) = (try context.tensor(2), try context.tensor(3))
      let place = axis == -1 ? shape.rank : axis
      guard place >= 0, place <= shape.rank, depth >= 0, on.elementCount == 1, off.elementCount == 1,
        on.dtype == off.dtype
      else { throw CheckpointError(.corrupt, "no one-hot of depth \(depth) along \(axis) for the shape \(shape)") }
      var dimensions = shape.dimensions
      dimensions.insert(depth, at: place)
      let y = try context.allocate(on.dtype, dimensions)
      try context.fill(y, with: off)
      let inner = shape.dimensions[place...].reduce(1, *)
      switch y.width {
      case 1: set(UInt8.self, on, indices, depth, inner, y)
      case 2: set(UInt16.self, on, indices, depth, inner, y)
      case 4: set(UInt32.self, on, indices, depth, inner, y)
      case 8: set(UInt64.self, on, indices, depth, inner, y)
      default: set(Complex128.self, on, indices, depth, inner, y)
      }
      context.emit(y)
    }
  }

  private static func set<T: Element>(
    _: T.Type, _ on: DenseTensor, _ indices: [Int], _ depth: Int, _ inner: Int, _ y: DenseTensor
  ) {
    let value = on.elements(T.self)[0]
    var to = y.mutableElements(T.self)
    for (i, index) in indices.enumerated() where index >= 0 && index < depth {
      to[(i / inner * depth + index) * inner + i % inner] = value
    }
  }
}

/// Where: the indices of all elements that are not zero, in order, as int64 [count, rank]. Attribute T.
enum Where {
  static let kernel: Kernel = { (context) throws(CheckpointError) in
    var x = try context.tensor(0)
    if x.dtype == .complex64 {
      x = try context.pairs(x, x, Complex64.self, UInt8.self, .bool) { (z, _) in z.real != 0 || z.imaginary != 0 ? 1 : 0
      }
    } else if x.dtype == .complex128 {
      x = try context.pairs(x, x, Complex128.self, UInt8.self, .bool) { (z, _) in
        z.real != 0 || z.imaginary != 0 ? 1 : 0
      }
    } else if x.dtype != .bool {
      x = try context.cast(x, to: .bool)
    }
    let flags = x.elements(UInt8.self)
    var count = 0
    for i in flags.indices where flags[i] != 0 { count += 1 }
    let y = try context.allocate(.int64, [count, x.rank])
    var to = y.mutableElements(Int64.self)
    var row = 0
    let dense = denseStrides(x.dimensions)
    for i in flags.indices where flags[i] != 0 {
      for d in 0..<x.rank { to[row * x.rank + d] = Int64(i / dense[d] % x.dimensions[d]) }
      row += 1
    }
    context.emit(y)
  }
}

/// LowerBound, UpperBound: for each number of input 1 the place in the rising row of input 0 before which it belongs:
/// before equal ones or after them. Attributes T, out_type. [rows, n] and [rows, m] to [rows, m].
struct SortedSearch: ArithmeticKernel {
  let isUpper: Bool

  func kernel<T: ArithmeticElement>(_: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let output = try node.dtype("out_type", default: .int32)
    let isUpper = isUpper
    return { (context) throws(CheckpointError) in
      let sorted = try context.tensor(0, T.dtype)
      let values = try context.tensor(1, T.dtype)
      guard sorted.rank == 2, values.rank == 2, sorted.dimensions[0] == values.dimensions[0] else {
        throw CheckpointError(.corrupt, "the shapes \(sorted.shape) and \(values.shape) are not two of as many rows")
      }
      let (n, m) = (sorted.dimensions[1], values.dimensions[1])
      let (row, value) = (sorted.elements(T.self), values.elements(T.self))
      let y = try context.allocate(Int64.self, values.shape)
      var to = y.mutableElements(Int64.self)
      for i in to.indices {
        let first = i / m * n
        var (low, high) = (0, n)
        while low < high {
          let middle = (low + high) / 2
          let element = row[first + middle]
          if isUpper ? !(value[i] < element) : element < value[i] { low = middle + 1 } else { high = middle }
        }
        to[i] = Int64(low)
      }
      context.emit(try context.cast(y, to: output))
    }
  }
}
