internal import CKernels
package import CheckpointCore

/// What a kernel works with: its inputs, the means to make outputs, and the run that it is part of.
package struct KernelContext {
  /// Data inputs in order. A value that was taken, or that is not there, is nil.
  var inputs: [Value?] = []
  /// Outputs emitted so far; nil is a dead one.
  var outputs: [Value?] = []
  /// The node's number in the program.
  var node = 0
  /// Nodes executed so far, in this function and those around it.
  var spent = 0
  /// Functions around this one.
  var depth = 0
  package let run: RunState

  init(run: RunState) { self.run = run }
}

// MARK: - Inputs

extension KernelContext {
  package var inputCount: Int { inputs.count }

  /// An input as it is; a reference to a variable stays one.
  package func value(_ i: Int) throws(CheckpointError) -> Value {
    guard i < inputs.count, let value = inputs[i] else { throw CheckpointError(.corrupt, "input \(i) is missing") }
    return value
  }

  /// An input as a kernel sees it: a reference to a variable is read.
  package func read(_ i: Int) throws(CheckpointError) -> Value {
    let value = try value(i)
    guard case .reference(let variable) = value else { return value }
    return try variable.read()
  }

  /// An input moved out of the context, so that what is made of it may overwrite it; a reference to a variable is read.
  package mutating func take(_ i: Int) throws(CheckpointError) -> Value {
    guard i < inputs.count, let value = inputs[i].take() else {
      throw CheckpointError(.corrupt, "input \(i) is missing")
    }
    guard case .reference(let variable) = value else { return value }
    return try variable.read()
  }

  /// A dense input; a reference to a variable is read.
  package func tensor(_ i: Int) throws(CheckpointError) -> DenseTensor {
    guard i < inputs.count, let value = inputs[i] else { throw CheckpointError(.corrupt, "input \(i) is missing") }
    if case .dense(let tensor) = value { return tensor }
    if case .dense(let tensor) = try read(i) { return tensor }
    throw CheckpointError(.corrupt, "input \(i) is \(value.summary), not numbers")
  }

  /// A dense input of the dtype.
  package func tensor(_ i: Int, _ dtype: DType) throws(CheckpointError) -> DenseTensor {
    let tensor = try tensor(i)
    guard tensor.dtype == dtype else {
      throw CheckpointError(.corrupt, "input \(i) is \(tensor.dtype.rawValue), not \(dtype.rawValue)")
    }
    return tensor
  }

  package func strings(_ i: Int) throws(CheckpointError) -> StringTensor {
    let value = try read(i)
    guard case .strings(let strings) = value else {
      throw CheckpointError(.corrupt, "input \(i) is \(value.summary), not strings")
    }
    return strings
  }

  package func list(_ i: Int) throws(CheckpointError) -> TensorList {
    let value = try value(i)
    guard case .list(let list) = value else {
      throw CheckpointError(.corrupt, "input \(i) is \(value.summary), not a tensor list")
    }
    return list
  }

  /// A handle to a resource of the class.
  package func resource<R: Resource>(_ i: Int, _ type: R.Type) throws(CheckpointError) -> R {
    switch try value(i) {
    case .resource(let resource):
      if let resource = resource as? R { return resource }
      throw CheckpointError(.corrupt, "input \(i) is a handle of \(resource.kind)")
    case .reference(let variable):
      if let variable = variable as? R { return variable }
      throw CheckpointError(.corrupt, "input \(i) is the variable '\(variable.name)'")
    case let other: throw CheckpointError(.corrupt, "input \(i) is \(other.summary), not a handle")
    }
  }

  /// The shape of a dense or string input.
  package func shape(of i: Int) throws(CheckpointError) -> Shape {
    switch try read(i) {
    case .dense(let tensor): return tensor.shape
    case .strings(let strings): return strings.shape
    case .list: return .scalar
    case let other: throw CheckpointError(.corrupt, "input \(i) is \(other.summary), not a tensor")
    }
  }

  /// The elements of an int32 or int64 input (smaller ones too), whatever its shape.
  package func ints(_ i: Int) throws(CheckpointError) -> [Int] {
    let tensor = try tensor(i)
    switch tensor.dtype {
    case .int32: return tensor.map(Int32.self) { Int($0) }
    case .int64: return tensor.map(Int64.self) { Int($0) }
    case .int16: return tensor.map(Int16.self) { Int($0) }
    case .int8: return tensor.map(Int8.self) { Int($0) }
    case .uint8: return tensor.map(UInt8.self) { Int($0) }
    default: throw CheckpointError(.corrupt, "input \(i) is \(tensor.dtype.rawValue), not int32 or int64")
    }
  }

  /// A whole number: an int32 or int64 input of one element.
  package func int(_ i: Int) throws(CheckpointError) -> Int {
    let tensor = try tensor(i)
    guard tensor.elementCount == 1 else {
      throw CheckpointError(.corrupt, "input \(i) has the shape \(tensor.shape), not that of one number")
    }
    switch tensor.dtype {
    case .int32: return Int(tensor.elements(Int32.self)[0])
    case .int64: return Int(tensor.elements(Int64.self)[0])
    default: return try ints(i)[0]
    }
  }

  /// A truth value: a bool input of one element.
  package func bool(_ i: Int) throws(CheckpointError) -> Bool {
    let tensor = try tensor(i, .bool)
    guard tensor.elementCount == 1 else {
      throw CheckpointError(.corrupt, "input \(i) has the shape \(tensor.shape), not that of one truth value")
    }
    return tensor.elements(UInt8.self)[0] != 0
  }

  /// The first element of an input of the type.
  package func scalar<T: Element>(_ i: Int, _ type: T.Type) throws(CheckpointError) -> T {
    let tensor = try tensor(i, T.dtype)
    guard tensor.elementCount == 1 else {
      throw CheckpointError(.corrupt, "input \(i) has the shape \(tensor.shape), not that of one number")
    }
    return tensor.elements(T.self)[0]
  }

  /// A shape given as a vector of whole numbers.
  package func shape(_ i: Int) throws(CheckpointError) -> Shape { try Shape(try ints(i)) }

  /// Axes given as a scalar or vector, negative ones counted from the end, in the order given.
  package func axes(_ i: Int, rank: Int) throws(CheckpointError) -> [Int] {
    var axes = try ints(i)
    for k in axes.indices { axes[k] = try normalized(axis: axes[k], rank: rank) }
    return axes
  }
}

/// The axis counted from the front.
/// - Throws: `corrupt` outside -rank..<rank.
package func normalized(axis: Int, rank: Int) throws(CheckpointError) -> Int {
  guard axis >= -rank, axis < rank else {
    throw CheckpointError(.corrupt, "the axis \(axis) lies outside a tensor of \(rank) dimensions")
  }
  return axis < 0 ? axis + rank : axis
}

extension DenseTensor {
  /// An array of the elements, each through `body`.
  package func map<T: Element, R>(_ type: T.Type, _ body: (T) -> R) -> [R] {
    let elements = elements(T.self)
    var list: [R] = []
    list.reserveCapacity(elements.count)
    for i in elements.indices { list.append(body(elements[i])) }
    return list
  }
}

extension DenseTensor {
  /// Whether `body` holds for every element.
  package func allSatisfy<T: Element>(_ type: T.Type, _ body: (T) -> Bool) -> Bool {
    let elements = elements(T.self)
    for i in elements.indices where !body(elements[i]) { return false }
    return true
  }

  /// Up to `count` elements from the front.
  package func first<T: Element>(_ count: Int, _ type: T.Type) -> [T] {
    let elements = elements(T.self)
    var list: [T] = []
    for i in 0..<min(max(count, 0), elements.count) { list.append(elements[i]) }
    return list
  }
}

// MARK: - Outputs

extension KernelContext {
  /// The next output, in the order of the op's definition.
  package mutating func emit(_ value: Value) { outputs.append(value) }
  package mutating func emit(_ tensor: DenseTensor) { outputs.append(.dense(tensor)) }

  /// The next output is dead: whatever it feeds does not execute.
  mutating func emitDead() { outputs.append(nil) }

  /// A tensor with undefined elements, charged to the run's memory.
  package func allocate(_ dtype: DType, _ shape: Shape) throws(CheckpointError) -> DenseTensor {
    try DenseTensor(dtype, shape, budget: run.budget)
  }

  package func allocate<T: Element>(_ type: T.Type, _ shape: Shape) throws(CheckpointError) -> DenseTensor {
    try DenseTensor(T.dtype, shape, budget: run.budget)
  }

  package func allocate(_ dtype: DType, _ dimensions: [Int]) throws(CheckpointError) -> DenseTensor {
    try DenseTensor(dtype, try Shape(dimensions), budget: run.budget)
  }

  /// Memory for an output: that of input `i` if nobody else has it and the size is right, else fresh. The elements are then
  /// still those of the input, and `tensor(i)` is the output itself. A tensor that the kernel got from `tensor(i)` before has
  /// two owners.
  package mutating func output(
    reusing i: Int, _ dtype: DType, _ shape: Shape
  ) throws(CheckpointError) -> DenseTensor {
    if let tensor = reusable(i, dtype, shape) { return tensor }
    return try DenseTensor(dtype, shape, budget: run.budget)
  }

  /// The same with two candidates.
  package mutating func output(
    reusing i: Int, or j: Int, _ dtype: DType, _ shape: Shape
  ) throws(CheckpointError) -> DenseTensor {
    if let tensor = reusable(i, dtype, shape) ?? reusable(j, dtype, shape) { return tensor }
    return try DenseTensor(dtype, shape, budget: run.budget)
  }

  private mutating func reusable(_ i: Int, _ dtype: DType, _ shape: Shape) -> DenseTensor? {
    guard i < inputs.count, inputs[i].isOnlyOwner(), case .dense(let tensor)? = inputs[i], tensor.dtype == dtype,
      tensor.shape == shape
    else { return nil }
    return tensor
  }

  /// Fails where the run may not hold `byteCount` bytes more: for what is built before it can be charged, such as strings.
  package func requireRoom(for byteCount: Int) throws(CheckpointError) {
    try run.budget.charge(byteCount)
    run.budget.refund(byteCount)
  }

  /// A tensor of strings.
  package func strings(_ shape: Shape, _ elements: [[UInt8]]) throws(CheckpointError) -> StringTensor {
    try StringTensor(shape, elements, budget: run.budget)
  }

  /// A tensor of one number.
  package func scalar<T: Element>(_ value: T) throws(CheckpointError) -> DenseTensor {
    let tensor = try allocate(T.self, .scalar)
    var elements = tensor.mutableElements(T.self)
    elements[0] = value
    return tensor
  }

  /// A tensor with the numbers of a list.
  package func tensor<T: Element>(_ list: [T], _ shape: Shape? = nil) throws(CheckpointError) -> DenseTensor {
    let shape = if let shape { shape } else { try Shape([list.count]) }
    guard shape.elementCount == list.count else {
      throw CheckpointError(.corrupt, "\(list.count) numbers cannot take the shape \(shape)")
    }
    let tensor = try allocate(T.self, shape)
    var elements = tensor.mutableElements(T.self)
    for i in list.indices { elements[i] = list[i] }
    return tensor
  }

  /// A vector (or another shape) of whole numbers as int32 or int64.
  /// - Throws: `corrupt` where a number does not fit.
  package func ints(_ list: [Int], as dtype: DType, _ shape: Shape? = nil) throws(CheckpointError) -> DenseTensor {
    if dtype == .int64 { return try tensor(list.map { Int64($0) }, shape) }
    guard dtype == .int32 else { throw CheckpointError(.unsupported, "whole numbers as \(dtype.rawValue)") }
    let shape = if let shape { shape } else { try Shape([list.count]) }
    let tensor = try allocate(Int32.self, shape)
    var elements = tensor.mutableElements(Int32.self)
    for i in list.indices {
      guard let small = Int32(exactly: list[i]) else {
        throw CheckpointError(.corrupt, "\(list[i]) does not fit int32")
      }
      elements[i] = small
    }
    return tensor
  }
}

// MARK: - The run

extension KernelContext {
  /// The pool for C kernels.
  package var pool: OpaquePointer? { unsafe run.workers.handle }
  package var workers: WorkerPool { run.workers }

  /// Turns a C kernel's answer into an error.
  package func check(_ status: CInt) throws(CheckpointError) {
    switch Int(status) {
    case Int(CK_OK): return
    case Int(CK_NO_MEMORY): throw CheckpointError(.io, "there is not enough memory")
    case Int(CK_BAD_INDEX): throw CheckpointError(.corrupt, "an index lies outside its range")
    case Int(CK_DIVISION_BY_ZERO): throw CheckpointError(.corrupt, "a whole number is divided by zero")
    default: throw CheckpointError(.unsupported, "the kernel cannot do this (element type or number of dimensions)")
    }
  }

  /// What was derived from a constant or variable on an earlier execution of this node, else what `make` derives now; nil
  /// where the tensor may change, or where `make` says so (no room, not worth it). One per node.
  package func cached<Derived: AnyObject & Sendable>(
    from tensor: DenseTensor, _ make: (DenseTensor) throws(CheckpointError) -> Derived?
  ) throws(CheckpointError) -> Derived? {
    guard tensor.isPinned else { return nil }
    return try run.caches.derived(node, tensor, make)
  }

  /// The node's random numbers: from the seeds of its attributes as TensorFlow derives them, or from fixed ones where both
  /// are zero. They continue from execution to execution of a run, and begin anew with each run.
  package func withRandom<R>(
    seed: Int, seed2: Int, _ body: (inout Philox) throws(CheckpointError) -> R
  ) throws(CheckpointError) -> R {
    var generator = run.random[node] ?? Philox(seed: seed, seed2: seed2)
    defer { run.random[node] = generator }
    return try body(&generator)
  }
}
