package import CheckpointCore
import ProtoWire

/// Reads the constants of a frozen graph as variables under the names of their nodes. Format: Frozen/FORMAT.md.
package struct FrozenGraphReader: CheckpointReader {
  /// Values of a list that is shorter than its tensor are repeated up to so many bytes, or up to a thousand times the file.
  private static let largestRepetition = 64 << 20
  private static let variableOps: Set<String> = ["Variable", "VariableV2", "VarHandleOp", "AutoReloadVariable"]

  package init() {}

  package func open(_ path: String, options: ReadOptions) throws(CheckpointError) -> VariableStore {
    let file = try InputFile(path)
    var store = VariableStore(source: .init(format: "frozen-graph", path: path, files: [file]))
    let graph = try StoredMessage(try FileStorage(file, offset: 0, byteCount: file.size), 0..<file.size)
    let (thousandfold, overflow) = file.size.multipliedReportingOverflow(by: 1000)
    let limit = overflow ? .max : max(FrozenGraphReader.largestRepetition, thousandfold)
    var variables = 0
    do throws(CheckpointError) {
      try graph.forEachField { (number, value) throws(CheckpointError) in
        guard number == 1 else { return }
        let node = try Node(try graph.nested(try value.range("GraphDef.node")))
        if FrozenGraphReader.variableOps.contains(node.op) { variables += 1 }
        guard node.op == "Const" else { return }
        do throws(CheckpointError) {
          if let tensor = try node.constant(limit: limit) {
            let isWeight = tensor.dtype.isFloat && tensor.shape.rank > 0
            try store.append(Variable(name: node.name, tensor: tensor, role: isWeight ? .weight : .other))
          } else {
            store.source.warnings.append("the constant '\(node.name)' is a handle or an opaque value and is left out")
          }
        } catch {
          throw error.at(variable: node.name)
        }
      }
    } catch {
      throw error.at(file: path)
    }
    if variables > 0 {
      store.source.warnings.append(
        "the graph has \(variables) variables whose values are not in it; they are in a checkpoint")
    }
    if store.variables.isEmpty { store.source.warnings.append("the graph holds no constants") }
    return store
  }

  /// A file whose first message is a node.
  package static func recognise(_ candidate: Candidate) -> String? {
    let path = candidate.path
    switch candidate.kind {
    case .folder: return nil
    case .missing: return Candidate.isFile(path + ".pb") && isGraph(path + ".pb") ? path + ".pb" : nil
    case .file: return candidate.head.first == 0x0a && isGraph(path) ? path : nil
    }
  }

  private static func isGraph(_ path: String) -> Bool {
    guard let file = try? InputFile(path), let all = try? FileStorage(file, offset: 0, byteCount: file.size) else {
      return false
    }
    var cursor = StorageCursor(all, 0..<file.size)
    guard (try? cursor.byte()) == 0x0a, let length = try? cursor.length(), let range = try? cursor.skip(length),
      let node = try? Node(try StoredMessage(all, range))
    else { return false }
    return !node.name.bytes.isEmpty && NodeDef.isOp(Array(node.op.utf8))
  }
}

/// `NodeDef` whose attributes stay where they are.
private struct Node {
  let name: Name
  let op: String
  private let message: StoredMessage
  private var attributes: [Range<Int>] = []

  init(_ message: StoredMessage) throws(CheckpointError) {
    var name = 0..<0
    var op = 0..<0
    var attributes: [Range<Int>] = []
    try message.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 1: name = try value.range("NodeDef.name")
      case 2: op = try value.range("NodeDef.op")
      case 5: attributes.append(try value.range("NodeDef.attr"))
      default: break
      }
    }
    guard name.count <= Node.longestName, op.count <= Node.longestName else {
      throw CheckpointError(.corrupt, "a node has a name of \(max(name.count, op.count)) bytes")
    }
    self.name = Name(bytes: try message.bytes(name))
    self.op = String(decoding: try message.bytes(op), as: UTF8.self)
    self.message = message
    self.attributes = attributes
  }

  private static let longestName = 1 << 20

  /// The tensor of a Const node.
  /// - Returns: nil for a dtype that is not data.
  func constant(limit: Int) throws(CheckpointError) -> Tensor? {
    var found: StoredMessage?
    for range in attributes {
      let attribute = try message.nested(range)
      var isValue = false
      var member: Range<Int>?
      try attribute.forEachField { (number, value) throws(CheckpointError) in
        switch number {
        case 1: isValue = try attribute.bytes(try value.range("NodeDef.attr.key")) == Array("value".utf8)
        case 2: member = try value.range("NodeDef.attr.value")
        default: break
        }
      }
      guard isValue, let member else { continue }
      let value = try attribute.nested(member)
      try value.forEachField { (number, field) throws(CheckpointError) in
        if number == 8 { found = try value.nested(try field.range("AttrValue.tensor")) }
      }
    }
    guard let found else { throw CheckpointError(.corrupt, "the constant has no value") }
    let stored = try StoredTensor(found)
    guard let dtype = DataType.dtype(stored.dtypeNumber ?? 0), dtype != .variant else {
      guard [20, 21].contains(stored.dtypeNumber) else {
        throw CheckpointError(.corrupt, "the dtype number \(stored.dtypeNumber ?? 0) is unknown")
      }
      return nil
    }
    return try stored.tensor(dtype, stored.shape ?? .scalar, repeatingUpTo: limit)
  }
}
