import CheckpointCore
import ProtoWire
import Testing

@testable import GraphRuntime

/// One op on given inputs, through a graph of placeholders and a single node.
struct OpRun {
  /// A tensor by its elements.
  struct Array: Equatable, CustomStringConvertible {
    let dtype: DType
    let shape: [Int]
    let values: [Double]
    var strings: [String] = []

    var description: String { "\(dtype) \(shape) \(strings.isEmpty ? "\(values)" : "\(strings)")" }

    /// NaN is itself.
    static func == (a: Array, b: Array) -> Bool {
      a.dtype == b.dtype && a.shape == b.shape && a.strings == b.strings
        && a.values.elementsEqual(b.values) { $0 == $1 || $0.isNaN && $1.isNaN }
    }
  }

  let outputs: [Array]

  /// - Throws: what loading or running the node throws.
  init(
    _ op: String, _ inputs: [Array], _ attributes: [(String, GraphWriter.Attribute)] = [], outputs count: Int = 1
  ) throws {
    var graph = GraphWriter()
    for (i, input) in inputs.enumerated() {
      graph.placeholder("x\(i)", DataType.number(input.dtype), input.shape)
    }
    graph.node("op", op, inputs.indices.map { "x\($0)" }, attributes)
    let runner = try GraphRunner(try graph.graph())
    var feeds: [(name: TensorName, value: Value)] = []
    for (i, input) in inputs.enumerated() { feeds.append((TensorName("x\(i)"), try input.value(runner.budget))) }
    let fetches = (0..<count).map { TensorName("op:\($0)") }
    outputs = try runner.run(feeds: feeds, fetches: fetches, weights: nil).map { try Array($0) }
  }

  /// The only output.
  static func one(
    _ op: String, _ inputs: [Array], _ attributes: [(String, GraphWriter.Attribute)] = []
  ) throws -> Array {
    try OpRun(op, inputs, attributes).outputs[0]
  }
}

/// A tensor of numbers; without a shape a vector.
func numbers(_ dtype: DType, _ values: [Double], _ shape: [Int]? = nil) -> OpRun.Array {
  OpRun.Array(dtype: dtype, shape: shape ?? [values.count], values: values)
}

func floats(_ values: [Double], _ shape: [Int]? = nil) -> OpRun.Array { numbers(.float32, values, shape) }
func ints(_ values: [Int], _ shape: [Int]? = nil) -> OpRun.Array { numbers(.int32, values.map { Double($0) }, shape) }
func scalar(_ value: Int) -> OpRun.Array { ints([value], []) }
func truths(_ values: [Bool], _ shape: [Int]? = nil) -> OpRun.Array {
  numbers(.bool, values.map { $0 ? 1 : 0 }, shape)
}
func strings(_ values: [String], _ shape: [Int]? = nil) -> OpRun.Array {
  OpRun.Array(dtype: .string, shape: shape ?? [values.count], values: [], strings: values)
}

extension GraphWriter.Attribute {
  static let float = GraphWriter.Attribute.type(1)
  static let int = GraphWriter.Attribute.type(3)
}

extension OpRun.Array {
  init(_ value: Value) throws {
    switch value {
    case .strings(let tensor):
      self.init(
        dtype: .string, shape: tensor.shape.dimensions, values: [],
        strings: tensor.elements.map { String(decoding: $0, as: UTF8.self) })
    case .dense(let tensor):
      let values: [Double] =
        switch tensor.dtype {
        case .bool, .uint8: tensor.map(UInt8.self) { Double($0) }
        case .int8: tensor.map(Int8.self) { Double($0) }
        case .int16: tensor.map(Int16.self) { Double($0) }
        case .int32: tensor.map(Int32.self) { Double($0) }
        case .int64: tensor.map(Int64.self) { Double($0) }
        case .uint64: tensor.map(UInt64.self) { Double($0) }
        case .float16: tensor.map(Float16.self) { Double($0) }
        case .float32: tensor.map(Float.self) { Double($0) }
        case .float64: tensor.map(Double.self) { $0 }
        default: throw CheckpointError(.unsupported, "\(tensor.dtype)")
        }
      self.init(dtype: tensor.dtype, shape: tensor.dimensions, values: values)
    default: throw CheckpointError(.unsupported, value.summary)
    }
  }

  func value(_ budget: MemoryBudget) throws -> Value {
    if dtype == .string {
      return .strings(try StringTensor(try Shape(shape), strings.map { Swift.Array($0.utf8) }, budget: budget))
    }
    let tensor = try DenseTensor(dtype, try Shape(shape), budget: budget)
    func fill<T: Element>(_: T.Type, _ convert: (Double) -> T) {
      var to = tensor.mutableElements(T.self)
      for (i, value) in values.enumerated() { to[i] = convert(value) }
    }
    switch dtype {
    case .bool, .uint8: fill(UInt8.self) { UInt8($0) }
    case .int8: fill(Int8.self) { Int8($0) }
    case .int32: fill(Int32.self) { Int32($0) }
    case .int64: fill(Int64.self) { Int64($0) }
    case .uint64: fill(UInt64.self) { UInt64($0) }
    case .float16: fill(Float16.self) { Float16($0) }
    case .float32: fill(Float.self) { Float($0) }
    case .float64: fill(Double.self) { $0 }
    default: throw CheckpointError(.unsupported, "\(dtype)")
    }
    return .dense(tensor)
  }
}
