package import CheckpointCore
package import ProtoWire

/// What a builder knows of its node: name, attributes, number of inputs. Attributes that it does not ask for are ignored;
/// those that are not there have the default that the builder names, as in TensorFlow's op definition.
package struct NodeContext {
  package let name: String
  package let op: String
  /// Data inputs that are connected.
  package let inputCount: Int
  /// Outputs that the kernel emits each time. Set it where it is not 1.
  package var outputCount = 1
  /// The node's own number in the program, for state that a node has: random generators, caches.
  package let id: Int

  let node: NodeDef
  /// Values of the attributes that a function body leaves to its caller.
  let bindings: [String: AttrValue]
  /// What the node belongs to: knows functions and variables.
  let program: ProgramBuilder
}

/// The number of a function in its program.
package struct FunctionID: Sendable, Hashable {
  let index: Int
}

extension NodeContext {
  /// The attribute as it is, or nil where the node has none.
  package func attribute(_ key: String) throws(CheckpointError) -> AttrValue? {
    guard let value = try node.attribute(key) else { return nil }
    if case .placeholder(let name) = value { return bindings[name] }
    return value
  }

  /// - Parameter default: nil makes the attribute mandatory.
  package func int(_ key: String, default fallback: Int? = nil) throws(CheckpointError) -> Int {
    guard let value = try attribute(key) else { return try required(fallback, key) }
    guard case .integer(let number) = value else { throw wrong(key, "a whole number") }
    return number
  }

  package func bool(_ key: String, default fallback: Bool? = nil) throws(CheckpointError) -> Bool {
    guard let value = try attribute(key) else { return try required(fallback, key) }
    guard case .bool(let flag) = value else { throw wrong(key, "true or false") }
    return flag
  }

  package func float(_ key: String, default fallback: Float? = nil) throws(CheckpointError) -> Float {
    guard let value = try attribute(key) else { return try required(fallback, key) }
    guard case .float(let number) = value else { throw wrong(key, "a float") }
    return number
  }

  package func string(_ key: String, default fallback: String? = nil) throws(CheckpointError) -> String {
    guard let value = try attribute(key) else { return try required(fallback, key) }
    guard case .string(let bytes) = value else { throw wrong(key, "a string") }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// One of a few words.
  package func choice(
    _ key: String, _ allowed: [String], default fallback: String? = nil
  ) throws(CheckpointError) -> String {
    let word = try string(key, default: fallback)
    guard allowed.contains(word) else {
      throw CheckpointError(.unsupported, "\(key) is '\(word)', not one of \(allowed.joined(separator: ", "))")
    }
    return word
  }

  /// A dtype of data; a reference counts as the dtype that it refers to.
  package func dtype(_ key: String, default fallback: DType? = nil) throws(CheckpointError) -> DType {
    guard let value = try attribute(key) else { return try required(fallback, key) }
    guard case .type(let number) = value else { throw wrong(key, "a dtype") }
    guard let dtype = DataType.dtype(number > 100 ? number - 100 : number) else {
      throw CheckpointError(.unsupported, "\(key) is the dtype number \(number), which is not one of data")
    }
    return dtype
  }

  /// A list of dtypes, nil for those that are not data (handles).
  package func dtypes(_ key: String) throws(CheckpointError) -> [DType?] {
    switch try attribute(key) {
    case nil: throw CheckpointError(.corrupt, "the attribute \(key) is missing")
    case .list(let list): return list.types.map { DataType.dtype($0 > 100 ? $0 - 100 : $0) }
    default: throw wrong(key, "a list of dtypes")
    }
  }

  package func ints(_ key: String, default fallback: [Int]? = nil) throws(CheckpointError) -> [Int] {
    guard let value = try attribute(key) else { return try required(fallback, key) }
    guard case .list(let list) = value else { throw wrong(key, "a list of whole numbers") }
    return list.integers
  }

  package func floats(_ key: String, default fallback: [Float]? = nil) throws(CheckpointError) -> [Float] {
    guard let value = try attribute(key) else { return try required(fallback, key) }
    guard case .list(let list) = value else { throw wrong(key, "a list of floats") }
    return list.floats
  }

  package func strings(_ key: String, default fallback: [[UInt8]]? = nil) throws(CheckpointError) -> [[UInt8]] {
    guard let value = try attribute(key) else { return try required(fallback, key) }
    guard case .list(let list) = value else { throw wrong(key, "a list of strings") }
    return list.strings
  }

  /// A shape of which parts may be unknown: nil where not even the rank is known or the attribute is missing, -1 for a size.
  package func partialShape(_ key: String) throws(CheckpointError) -> [Int]? {
    guard let value = try attribute(key) else { return nil }
    guard case .shape(let shape) = value else { throw wrong(key, "a shape") }
    return shape.dimensions
  }

  /// A tensor, for constants.
  package func tensorProto(_ key: String) throws(CheckpointError) -> Message {
    guard let value = try attribute(key) else { throw CheckpointError(.corrupt, "the attribute \(key) is missing") }
    guard case .tensor(let message) = value else { throw wrong(key, "a tensor") }
    return message
  }

  /// A function that the node calls.
  /// - Parameter isConditional: whether some executions do not call it; only calls without a condition make a cycle that is
  ///   sure never to end.
  package func function(_ key: String, isConditional: Bool) throws(CheckpointError) -> FunctionID {
    guard case .function(let name, let attributes)? = try attribute(key) else { throw wrong(key, "a function") }
    var values: [String: AttrValue] = [:]
    for (key, message) in attributes { values[key] = try bound(AttrValue(message)) }
    return try program.function(name, values, isConditional: isConditional)
  }

  /// A list of functions that the node calls one of.
  package func functions(_ key: String) throws(CheckpointError) -> [FunctionID] {
    guard case .list(let list)? = try attribute(key) else { throw wrong(key, "a list of functions") }
    var ids: [FunctionID] = []
    for name in list.functions { ids.append(try program.function(name, [:], isConditional: true)) }
    return ids
  }

  /// The function that the node's op is the name of, and the number of its results.
  func functionOfOp() throws(CheckpointError) -> (FunctionID, Int) {
    guard let message = program.graph.functions[op] else { throw CheckpointError(.corrupt, "the function is missing") }
    let function = try FunctionDef(message)
    var values: [String: AttrValue] = [:]
    for name in function.attributes { values[name] = try attribute(name) }
    return (try program.function(op, values, isConditional: false), function.results.count)
  }

  func bound(_ value: AttrValue) -> AttrValue {
    if case .placeholder(let name) = value, let bound = bindings[name] { return bound }
    return value
  }

  /// Fails unless the node has as many data inputs.
  package func requireInputs(_ count: Int) throws(CheckpointError) {
    guard inputCount == count else {
      throw CheckpointError(.corrupt, "has \(inputCount) inputs, not \(count)")
    }
  }

  /// The error for a dtype that the op has no kernel for.
  package func unsupported(_ dtype: DType) -> CheckpointError {
    CheckpointError(.unsupported, "\(op) has no kernel for \(dtype.rawValue)")
  }

  private func required<T>(_ fallback: T?, _ key: String) throws(CheckpointError) -> T {
    guard let fallback else { throw CheckpointError(.corrupt, "the attribute \(key) is missing") }
    return fallback
  }

  private func wrong(_ key: String, _ wanted: String) -> CheckpointError {
    CheckpointError(.corrupt, "the attribute \(key) is not \(wanted)")
  }
}
