import CheckpointCore

/// A TensorArray: elements that are written once each and read once each unless they are kept.
final class TensorArray: Resource, @unchecked Sendable {
  let dtype: DType
  var elementShape: [Int]?
  var elements: [Value?]
  let isDynamic: Bool
  let clearsAfterRead: Bool
  private var charge: Charge

  init(
    name: String, dtype: DType, elementShape: [Int]?, size: Int, isDynamic: Bool, clearsAfterRead: Bool,
    budget: MemoryBudget
  ) throws(CheckpointError) {
    guard size >= 0 else { throw CheckpointError(.corrupt, "the size of a TensorArray is \(size)") }
    charge = try TensorArray.charge(size, budget)
    self.dtype = dtype
    self.elementShape = elementShape
    self.isDynamic = isDynamic
    self.clearsAfterRead = clearsAfterRead
    elements = [Value?](repeating: nil, count: size)
    super.init(name: name)
  }

  override var kind: StaticString { "TensorArray" }

  private static func charge(_ size: Int, _ budget: MemoryBudget) throws(CheckpointError) -> Charge {
    let (bytes, overflow) = size.multipliedReportingOverflow(by: MemoryLayout<Value?>.stride)
    return try Charge(overflow ? .max : bytes, budget)
  }

  /// Makes room for an index if the array may grow.
  func require(_ index: Int, _ budget: MemoryBudget) throws(CheckpointError) {
    guard index >= 0, index < elements.count || isDynamic else {
      throw CheckpointError(.corrupt, "the index \(index) lies outside a TensorArray of \(elements.count)")
    }
    guard index >= elements.count else { return }
    let size = index < Int.max ? index + 1 : index
    if size > elements.capacity {
      let room = max(size, min(2 * elements.count, 1 << 32))
      charge = try TensorArray.charge(room, budget)
      elements.reserveCapacity(room)
    }
    elements += [Value?](repeating: nil, count: size - elements.count)
  }

  func write(_ value: Value, at index: Int, _ budget: MemoryBudget) throws(CheckpointError) {
    try require(index, budget)
    elements[index] = value
    if case .dense(let tensor) = value, elementShape == nil { elementShape = tensor.dimensions }
  }

  /// The element; taken out where it may be read only once.
  func read(_ index: Int, _ context: KernelContext, as known: [Int]? = nil) throws(CheckpointError) -> Value {
    guard index >= 0, index < elements.count else {
      throw CheckpointError(.corrupt, "the index \(index) lies outside a TensorArray of \(elements.count)")
    }
    if let value = elements[index] {
      if clearsAfterRead { elements[index] = nil }
      return value
    }
    // What was never written reads as zeros where the shape is known.
    let shape = (known?.allSatisfy { $0 >= 0 } ?? false) ? known : elementShape
    guard let shape, shape.allSatisfy({ $0 >= 0 }) else {
      throw CheckpointError(.corrupt, "element \(index) of the TensorArray was not written, or was read already")
    }
    return .dense(try context.zeros(dtype, shape))
  }

  func tensor(_ index: Int, _ context: KernelContext, as known: [Int]?) throws(CheckpointError) -> DenseTensor {
    let value = try read(index, context, as: known)
    guard case .dense(let tensor) = value else { throw CheckpointError(.unsupported, "stacking \(value.summary)") }
    return tensor
  }
}

/// Ops on TensorArrays. The flow, a float that goes in and out, carries the order of writes and reads.
enum TensorArrays {
  /// A row for each name that TensorFlow has given the op.
  static func versions(_ name: String, _ build: @escaping KernelBuilder) -> [Op] {
    [Op(name, build), Op(name + "V2", build), Op(name + "V3", build)]
  }

  /// TensorArray(size): handle and flow (the first version: handle). Attributes dtype, element_shape, dynamic_size,
  /// clear_after_read, tensor_array_name.
  static func make(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let dtype = try node.dtype("dtype")
    let shape = try node.partialShape("element_shape")
    let isDynamic = try node.bool("dynamic_size", default: false)
    let clears = try node.bool("clear_after_read", default: true)
    let hasFlow = node.op == "TensorArrayV3"
    node.outputCount = hasFlow ? 2 : 1
    let name = node.name
    return { (context) throws(CheckpointError) in
      let array = try TensorArray(
        name: name, dtype: dtype, elementShape: shape, size: try context.int(0), isDynamic: isDynamic,
        clearsAfterRead: clears, budget: context.run.budget)
      context.emit(.resource(array))
      if hasFlow { context.emit(try context.scalar(Float(0))) }
    }
  }

  /// TensorArrayWrite(handle, index, value, flow): flow.
  static func write(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    try node.requireInputs(4)
    return { (context) throws(CheckpointError) in
      let array = try context.resource(0, TensorArray.self)
      try array.write(try context.take(2), at: try context.int(1), context.run.budget)
      context.emit(try context.take(3))
    }
  }

  /// TensorArrayRead(handle, index, flow): value.
  static func read(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    try node.requireInputs(3)
    return { (context) throws(CheckpointError) in
      context.emit(try context.resource(0, TensorArray.self).read(try context.int(1), context))
    }
  }

  /// TensorArrayGather(handle, indices, flow): the elements stacked. Attributes dtype, element_shape.
  static func gather(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    try node.requireInputs(3)
    let shape = try node.partialShape("element_shape")
    return { (context) throws(CheckpointError) in
      let array = try context.resource(0, TensorArray.self)
      try gather(array, try context.ints(1), shape, &context)
    }
  }

  /// TensorArrayPack(handle, flow): all elements stacked.
  static func pack(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let shape = try node.partialShape("element_shape")
    return { (context) throws(CheckpointError) in
      let array = try context.resource(0, TensorArray.self)
      try gather(array, Array(array.elements.indices), shape, &context)
    }
  }

  private static func gather(
    _ array: TensorArray, _ indices: [Int], _ shape: [Int]?, _ context: inout KernelContext
  ) throws(CheckpointError) {
    var elements: [DenseTensor] = []
    elements.reserveCapacity(indices.count)
    for index in indices { elements.append(try array.tensor(index, context, as: shape)) }
    let known = try merged(shape, array.elementShape)
    context.emit(try context.stack(elements, elementShape: known, dtype: array.dtype))
  }

  /// TensorArrayScatter(handle, indices, value, flow): the rows of the value become elements; flow.
  static func scatter(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    try node.requireInputs(4)
    return { (context) throws(CheckpointError) in
      let array = try context.resource(0, TensorArray.self)
      let value = try context.tensor(2)
      let indices = try context.ints(1)
      guard value.dimensions.first == indices.count else {
        throw CheckpointError(.corrupt, "\(indices.count) indices are given for a value of shape \(value.shape)")
      }
      for (i, index) in indices.enumerated() {
        try array.write(.dense(try value.row(i)), at: index, context.run.budget)
      }
      context.emit(try context.take(3))
    }
  }

  /// TensorArrayUnpack(handle, value, flow): flow.
  static func unpack(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let array = try context.resource(0, TensorArray.self)
      let value = try context.tensor(1)
      for i in 0..<(value.dimensions.first ?? 0) {
        try array.write(.dense(try value.row(i)), at: i, context.run.budget)
      }
      context.emit(try context.take(2))
    }
  }

  /// TensorArraySize(handle, flow): int32.
  static func size(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      context.emit(try context.scalar(Int32(clamping: try context.resource(0, TensorArray.self).elements.count)))
    }
  }

  /// TensorArrayConcat(handle, flow): the elements joined along their first dimension, and their lengths.
  static func concat(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let shape = try node.partialShape("element_shape_except0")
    node.outputCount = 2
    return { (context) throws(CheckpointError) in
      let array = try context.resource(0, TensorArray.self)
      var elements: [DenseTensor] = []
      for index in array.elements.indices { elements.append(try array.tensor(index, context, as: nil)) }
      let (value, lengths) = try context.joinRows(elements, elementShape: shape, dtype: array.dtype)
      context.emit(value)
      context.emit(lengths)
    }
  }

  /// TensorArraySplit(handle, value, lengths, flow): runs of rows become elements; flow.
  static func split(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    try node.requireInputs(4)
    return { (context) throws(CheckpointError) in
      let array = try context.resource(0, TensorArray.self)
      for (i, part) in try context.tensor(1).split(rows: try context.ints(2)).enumerated() {
        try array.write(.dense(part), at: i, context.run.budget)
      }
      context.emit(try context.take(3))
    }
  }

  /// TensorArrayClose(handle).
  static func close(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 0
    return { (context) throws(CheckpointError) in
      try context.resource(0, TensorArray.self).elements.removeAll()
    }
  }
}

extension DenseTensor {
  /// Runs of rows, without copying.
  func split(rows lengths: [Int]) throws(CheckpointError) -> [DenseTensor] {
    guard let rows = dimensions.first else { throw CheckpointError(.corrupt, "a scalar has no rows to split") }
    let inner = Array(dimensions.dropFirst())
    let rowCount = try Shape(inner).elementCount
    var parts: [DenseTensor] = []
    var first = 0
    for length in lengths {
      guard length >= 0, length <= rows - first else {
        throw CheckpointError(.corrupt, "the lengths \(lengths.prefix(8)) do not add up to \(rows) rows")
      }
      parts.append(try elements(from: first * rowCount, as: try Shape([length] + inner)))
      first += length
    }
    guard first == rows else {
      throw CheckpointError(.corrupt, "the lengths \(lengths.prefix(8)) do not add up to \(rows) rows")
    }
    return parts
  }
}
