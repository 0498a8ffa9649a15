import CheckpointCore

extension NodeContext {
  /// The kernel for the dtype of an attribute: float32, float64, int32, int64 and uint64 as they are, float16 and
  /// bfloat16 computed as float32 and rounded, smaller whole numbers computed as int32 or int64 and cut off.
  /// - Parameters:
  ///   - outputs: how many of the first outputs have the dtype; nil is all.
  ///   - saturating: what leaves the narrow type's range becomes its end instead of wrapping; the largest finite
  ///     float32 becomes the narrow float's.
  mutating func arithmetic(
    _ key: String, _ kernel: some ArithmeticKernel, outputs: Int? = nil, saturating: Bool = false,
    default fallback: DType? = nil
  ) throws(CheckpointError) -> Kernel {
    let dtype = try dtype(key, default: fallback)
    switch dtype {
    case .float32: return try kernel.kernel(Float.self, &self)
    case .float64: return try kernel.kernel(Double.self, &self)
    case .int32: return try kernel.kernel(Int32.self, &self)
    case .int64: return try kernel.kernel(Int64.self, &self)
    case .uint64: return try kernel.kernel(UInt64.self, &self)
    case .float16, .bfloat16:
      let wide = try kernel.kernel(Float.self, &self)
      return widened(dtype, to: .float32, outputs: outputs, saturating: saturating, wide)
    case .int8, .int16, .uint8, .uint16:
      let wide = try kernel.kernel(Int32.self, &self)
      return widened(dtype, to: .int32, outputs: outputs, saturating: saturating, wide)
    case .uint32:
      let wide = try kernel.kernel(Int64.self, &self)
      return widened(dtype, to: .int64, outputs: outputs, saturating: saturating, wide)
    default: throw unsupported(dtype)
    }
  }

  /// The same for ops that only floats have.
  mutating func floating(
    _ key: String, _ kernel: some FloatingKernel, outputs: Int? = nil, saturating: Bool = false,
    default fallback: DType? = nil
  ) throws(CheckpointError) -> Kernel {
    let dtype = try dtype(key, default: fallback)
    switch dtype {
    case .float32: return try kernel.kernel(Float.self, &self)
    case .float64: return try kernel.kernel(Double.self, &self)
    case .float16, .bfloat16:
      let wide = try kernel.kernel(Float.self, &self)
      return widened(dtype, to: .float32, outputs: outputs, saturating: saturating, wide)
    default: throw unsupported(dtype)
    }
  }

  /// The kernel for the dtype of an attribute: whole numbers of every width, as they are.
  mutating func whole(
    _ key: String, _ kernel: some WholeKernel, default fallback: DType? = nil
  ) throws(CheckpointError) -> Kernel {
    let dtype = try dtype(key, default: fallback)
    switch dtype {
    case .int8: return try kernel.kernel(Int8.self, &self)
    case .int16: return try kernel.kernel(Int16.self, &self)
    case .int32: return try kernel.kernel(Int32.self, &self)
    case .int64: return try kernel.kernel(Int64.self, &self)
    case .uint8: return try kernel.kernel(UInt8.self, &self)
    case .uint16: return try kernel.kernel(UInt16.self, &self)
    case .uint32: return try kernel.kernel(UInt32.self, &self)
    case .uint64: return try kernel.kernel(UInt64.self, &self)
    default: throw unsupported(dtype)
    }
  }
}

/// The kernel with its narrow inputs made wide before and its wide outputs made narrow after.
func widened(
  _ narrow: DType, to wide: DType, outputs: Int? = nil, saturating: Bool = false, _ kernel: @escaping Kernel
) -> Kernel {
  { (context) throws(CheckpointError) in
    for i in context.inputs.indices {
      guard let value = context.inputs[i], value.dtype == narrow else { continue }
      context.inputs[i] = .dense(try context.cast(try context.tensor(i), to: wide))
    }
    let first = context.outputs.count
    try kernel(&context)
    let end = outputs.map { min(first + $0, context.outputs.count) } ?? context.outputs.count
    for i in first..<end {
      guard case .dense(let tensor)? = context.outputs[i], tensor.dtype == wide else { continue }
      context.outputs[i] = .dense(try context.cast(tensor, to: narrow, saturating: saturating))
    }
  }
}

extension Op {
  /// An op that moves elements without looking at more than whether they are equal. Its kernel is written for dense
  /// tensors; strings go through it as numbers: 0 is the empty string, equal strings have equal numbers.
  /// - Parameter outputs: how many of the first outputs have the input's dtype; nil is all.
  static func moving(_ name: String, outputs: Int? = nil, _ build: @escaping KernelBuilder) -> Op {
    Op(name) { (node) throws(CheckpointError) in
      let kernel = try build(&node)
      return { (context) throws(CheckpointError) in
        for i in context.inputs.indices {
          guard let value = context.inputs[i], case .strings = value else { continue }
          return try context.moveStrings(outputs, kernel)
        }
        try kernel(&context)
      }
    }
  }

  /// The same where the kernel has no attributes to read.
  static func moves(_ name: String, outputs: Int? = nil, _ kernel: @escaping Kernel) -> Op {
    moving(name, outputs: outputs) { _ in kernel }
  }
}

extension KernelContext {
  /// Calls the kernel with numbers in place of strings, and puts the strings back into its outputs.
  fileprivate mutating func moveStrings(_ outputs: Int?, _ kernel: Kernel) throws(CheckpointError) {
    var numbers: [[UInt8]: Int64] = [[]: 0]
    var strings: [[UInt8]] = [[]]
    for i in inputs.indices {
      guard let value = inputs[i], case .strings(let tensor) = value else { continue }
      let dense = try allocate(Int64.self, tensor.shape)
      var elements = dense.mutableElements(Int64.self)
      for (k, string) in tensor.elements.enumerated() {
        if let number = numbers[string] {
          elements[k] = number
        } else {
          elements[k] = Int64(strings.count)
          numbers[string] = Int64(strings.count)
          strings.append(string)
        }
      }
      inputs[i] = .dense(dense)
    }
    let first = self.outputs.count
    try kernel(&self)
    let end = outputs.map { min(first + $0, self.outputs.count) } ?? self.outputs.count
    for i in first..<end {
      guard case .dense(let tensor)? = self.outputs[i], tensor.dtype == .int64 else { continue }
      let moved = tensor.map(Int64.self) { strings.indices.contains(Int($0)) ? strings[Int($0)] : [] }
      self.outputs[i] = .strings(try StringTensor(tensor.shape, moved, budget: run.budget))
    }
  }
}
