package import CheckpointCore
import ProtoWire

/// `SignatureDef` (meta_graph.proto): inputs and outputs of a use of the graph, by names of their own.
package struct Signature: Sendable {
  package let key: String
  /// Sorted by name.
  package let inputs: [Member]
  package let outputs: [Member]

  /// `TensorInfo`: the tensor that a name of the signature stands for.
  package struct Member: Sendable {
    package let name: String
    /// Such as `x:0`; empty for what is not one dense tensor.
    package let tensor: String
    package let dtype: DType?
    /// Nil where not even the rank is known, -1 for an unknown size.
    package let shape: [Int]?
  }

  init(key: String, _ message: Message) throws(CheckpointError) {
    var inputs: [Member] = []
    var outputs: [Member] = []
    try message.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 1: inputs.append(try Signature.member(message.nested(try value.range("SignatureDef.inputs"))))
      case 2: outputs.append(try Signature.member(message.nested(try value.range("SignatureDef.outputs"))))
      default: break
      }
    }
    self.key = key
    self.inputs = inputs.sorted { $0.name < $1.name }
    self.outputs = outputs.sorted { $0.name < $1.name }
  }

  private static func member(_ message: Message) throws(CheckpointError) -> Member {
    var name = ""
    var tensor = ""
    var dtype: DType?
    var shape: [Int]?
    try message.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 1: name = message.text(try value.range("map key"))
      case 2:
        let info = message.nested(try value.range("map value"))
        try info.forEachField { (number, value) throws(CheckpointError) in
          switch number {
          case 1: tensor = info.text(try value.range("TensorInfo.name"))
          case 2: dtype = DataType.dtype(try value.integer("TensorInfo.dtype"))
          case 3: shape = try TensorShape(info.nested(try value.range("TensorInfo.tensor_shape"))).dimensions
          default: break
          }
        }
      default: break
      }
    }
    return Member(name: name, tensor: tensor, dtype: dtype, shape: shape)
  }
}
