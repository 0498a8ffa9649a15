public import CheckpointCore

extension Tensor {
  /// A tensor in memory.
  public init(_ dtype: DType, _ dimensions: [Int], _ bytes: [UInt8]) throws {
    try self.init(dtype: dtype, shape: Shape(dimensions), storage: MemoryStorage(bytes))
  }

  public static func floats(_ dimensions: [Int], _ values: [Float]) throws -> Tensor {
    var bytes: [UInt8] = []
    for value in values { bytes.appendLittleEndian(UInt64(value.bitPattern), count: 4) }
    return try Tensor(.float32, dimensions, bytes)
  }

  public static func strings(_ dimensions: [Int], _ elements: [[UInt8]]) throws -> Tensor {
    try Tensor(dtype: .string, shape: Shape(dimensions), storage: StringStorage(elements))
  }

  /// The values of a float32 tensor.
  public func floatValues() throws -> [Float] {
    let all = try bytes()
    return stride(from: 0, to: all.count, by: 4).map { i in
      Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(all[i + $1]) << UInt32(8 * $1) })
    }
  }
}

extension VariableStore {
  /// A store in memory, with the roles that its names speak for.
  public init(_ variables: KeyValuePairs<Name, Tensor>) throws {
    self.init(source: .init(format: "memory", path: "memory"))
    for (name, tensor) in variables { try append(Variable(name: name, tensor: tensor, role: .weight)) }
    inferRoles()
  }
}

/// All that a conversion must keep of one variable.
public struct Content: Equatable, CustomStringConvertible {
  public let name: Name
  public let dtype: DType
  public let shape: Shape
  public let bytes: [UInt8]

  public var description: String {
    "\(name) \(dtype.rawValue) \(shape) \(bytes.count) bytes, sum \(CRC32C(of: bytes).value)"
  }
}

extension VariableStore {
  /// Everything in it, read and checked, by name.
  public func contents() throws -> [Content] {
    try variables.sorted { $0.name < $1.name }.map {
      Content(name: $0.name, dtype: $0.tensor.dtype, shape: $0.tensor.shape, bytes: try $0.tensor.bytes())
    }
  }
}

extension CheckpointFormat {
  /// Writes and commits a store; the format must have a writer.
  @discardableResult
  public func save(
    _ store: VariableStore, to prefix: String, options: WriteOptions = WriteOptions(), replacing: Bool = false
  ) throws -> [StagedOutput.Finished] {
    guard let writer else { throw CheckpointError(.unsupported, "\(name) has no writer") }
    let store = try writer.prepare(store, options: options).store
    var output = try StagedOutput(prefix: prefix, replacing: replacing, protecting: store.source.files)
    try writer.write(store, to: &output, options: options)
    return try output.commit()
  }

  /// Opens what the format recognises at a path.
  public func load(_ path: String, options: ReadOptions = ReadOptions()) throws -> VariableStore {
    guard let reader, let opened = recognise(try Candidate(path)) else {
      throw CheckpointError(.notFound, "\(name) does not know \(path)")
    }
    return try reader.open(opened, options: options)
  }
}
