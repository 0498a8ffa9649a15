import CheckpointCore
import ProtoWire
import Testing

@testable import GraphRuntime

/// Random inputs and attributes for every op of the array, math and logic families: an answer or an error, never a trap.
@Suite struct OpFuzzTests {
  /// SplitMix64.
  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
  }

  private static let rounds = 60
  private static let dtypes: [DType] = [
    .float32, .int32, .int64, .bool, .float64, .uint8, .int8, .float16, .uint64, .string,
  ]
  private static let wholes: [Double] = [-2, -1, 0, 0, 1, 1, 2, 3, 7, 2_147_483_647, -2_147_483_648]
  private static let flags = [
    "keep_dims", "exclusive", "reverse", "transpose_a", "transpose_b", "adj_x", "adj_y", "adjoint", "lower",
    "binary_output", "incompatible_shape_error", "Truncate", "sorted",
  ]
  private static let counts = [
    "axis", "N", "num", "num_split", "begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask",
    "seq_dim", "batch_dim", "batch_dims", "block_size", "num_partitions", "k",
  ]
  private static let types = [
    "out_type", "output_type", "out_idx", "type", "dtype", "SrcT", "DstT", "Tidx", "Tout", "index_type",
  ]
  private static let texts: [(String, [String])] = [
    ("mode", ["REFLECT", "SYMMETRIC"]), ("padding", ["SAME", "VALID"]), ("data_format", ["NHWC", "NCHW"]),
    ("align", ["LEFT_LEFT", "RIGHT_LEFT", "LEFT_RIGHT", "RIGHT_RIGHT"]),
    ("equation", ["ab,bc->ac", "aa->a", "...a,a...->...", "a->aa", "ab->", "->"]),
  ]

  private static func input(_ like: OpRun.Array?, _ generator: inout Generator) -> OpRun.Array {
    if let like, Bool.random(using: &generator) { return like }
    let isIndex = Int.random(in: 0..<3, using: &generator) == 0
    let dtype =
      isIndex
      ? [.int32, .int64].randomElement(using: &generator) ?? .int32 : dtypes.randomElement(using: &generator) ?? .int32
    let rank = isIndex ? Int.random(in: 0...2, using: &generator) : Int.random(in: 0...4, using: &generator)
    var shape: [Int] = []
    for _ in 0..<rank { shape.append(Int.random(in: 0...3, using: &generator)) }
    let count = shape.reduce(1, *)
    if dtype == .string {
      return strings((0..<count).map { _ in ["", "a", "b"].randomElement(using: &generator) ?? "" }, shape)
    }
    var values: [Double] = []
    for _ in 0..<count {
      var value = wholes.randomElement(using: &generator) ?? 0
      switch dtype {
      case .bool: value = value > 1 ? 1 : 0
      case .uint8, .uint64: value = abs(value).truncatingRemainder(dividingBy: 256)
      case .int8: value = value.truncatingRemainder(dividingBy: 128)
      case .int32: value = min(max(value, -2_147_483_648), 2_147_483_647)
      case .int64 where abs(value) > 9: value = value < 0 ? -0x1p63 : 0x1p62
      case .float16, .float32,
        .float64 where value == 7:
        value = .nan
      default: break
      }
      values.append(value)
    }
    return numbers(dtype, values, shape)
  }

  @Test(arguments: (ArrayOps.table + MathOps.table + LogicOps.table).map(\.name))
  func anyInputGivesAnAnswerOrAnError(op: String) throws {
    var generator = Generator(
      state: op.utf8.reduce(14_695_981_039_346_656_037) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 })
    for _ in 0..<OpFuzzTests.rounds {
      var inputs: [OpRun.Array] = []
      for _ in 0..<Int.random(in: 1...5, using: &generator) {
        inputs.append(OpFuzzTests.input(inputs.first, &generator))
      }
      let first = inputs[0].dtype
      let main = Int.random(in: 0..<4, using: &generator) == 0 ? inputs.last?.dtype ?? first : first
      var attributes: [(String, GraphWriter.Attribute)] = [("T", .type(DataType.number(main)))]
      for name in OpFuzzTests.flags where Bool.random(using: &generator) { attributes.append((name, .bool(true))) }
      for name in OpFuzzTests.counts {
        // A missing attribute is refused at once, most of the time.
        if Int.random(in: 0..<8, using: &generator) == 0 { continue }
        let isWild = Int.random(in: 0..<10, using: &generator) == 0
        let value =
          isWild
          ? [-5, .max, .min, 1 << 40].randomElement(using: &generator) ?? 0 : Int.random(in: -1...3, using: &generator)
        attributes.append((name, .integer(value)))
      }
      for name in OpFuzzTests.types {
        let type = [DType.int32, .int64, .float32, .uint8, first].randomElement(using: &generator) ?? .int32
        attributes.append((name, .type(DataType.number(type))))
      }
      for (name, words) in OpFuzzTests.texts {
        attributes.append((name, .text(words.randomElement(using: &generator) ?? "")))
      }
      do { _ = try OpRun(op, inputs, attributes) } catch let error as CheckpointError {
        #expect(!error.message.isEmpty)
      }
    }
  }
}
