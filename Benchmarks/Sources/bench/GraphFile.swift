#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Graphs written byte by byte, as TensorFlow serialises them.
enum GraphFile {
  /// `c = a · b`, both fed.
  static func product(_ path: String, _ size: Int) {
    var graph = Message()
    for name in ["a", "b"] { graph.message(1, placeholder(name, [size, size])) }
    graph.message(1, node("c", "MatMul", ["a", "b"], [("T", type)]))
    _ = save(graph, path)
  }

  /// `y = conv(x, filter)`, 3×3, stride 1, SAME, the filter a constant.
  static func convolution(_ path: String, channels: Int) {
    var graph = Message()
    graph.message(1, placeholder("x", [-1, 56, 56, channels]))
    var tensor = Message()
    tensor.number(1, 1)
    tensor.message(2, shape([3, 3, channels, channels]))
    tensor.message(4, Message(NumPyFile.noise(9 * channels * channels).withUnsafeBytes { Array($0) }))
    graph.message(1, node("filter", "Const", [], [("dtype", type), ("value", Message { $0.message(8, tensor) })]))
    let ones = Message { list in for _ in 0..<4 { list.number(3, 1) } }
    let attributes = [("T", type), ("strides", Message { $0.message(1, ones) }), ("padding", text("SAME"))]
    graph.message(1, node("y", "Conv2D", ["x", "filter"], attributes))
    _ = save(graph, path)
  }

  /// A training graph as slim exports them: per block a convolution with its initialiser, gradient and optimiser.
  /// - Returns: its size.
  static func training(_ path: String, blocks: Int) -> Int {
    var graph = Message()
    graph.message(1, placeholder("images", [-1, 224, 224, 64]))
    var last = "images"
    let scalar = Message { $0.message(8, Message { $0.number(1, 1) }) }
    for b in 1...blocks {
      let block = "block_\(b)"
      let weights = block + "/weights"
      func add(_ name: String, _ op: String, _ inputs: [String], _ more: [(String, Message)] = []) {
        let members: [(String, Message)] = [
          ("T", type), ("_class", Message { $0.message(1, Message { $0.text(2, "loc:@\(weights)") }) }),
          ("_output_shapes", Message { $0.message(1, Message { $0.message(7, shape([3, 3, 64, 64])) }) }),
        ]
        graph.message(1, node(name, op, inputs, members + more))
      }
      let sizes = Message {
        $0.message(
          8,
          Message { tensor in
            tensor.number(1, 3)
            tensor.message(2, shape([4]))
            tensor.message(4, Message([3, 3, 64, 64].flatMap { [UInt8($0), 0, 0, 0] }))
          })
      }
      add(weights + "/Initializer/shape", "Const", [], [("dtype", Message { $0.number(6, 3) }), ("value", sizes)])
      for part in ["mean", "stddev"] {
        add(weights + "/Initializer/truncated_normal/" + part, "Const", [], [("dtype", type), ("value", scalar)])
      }
      add(
        weights + "/Initializer/truncated_normal/TruncatedNormal", "TruncatedNormal", [weights + "/Initializer/shape"])
      add(
        weights + "/Initializer/truncated_normal/mul", "Mul",
        [weights + "/Initializer/truncated_normal/TruncatedNormal", weights + "/Initializer/truncated_normal/stddev"])
      for variable in [weights, weights + "/Adam", weights + "/Adam_1"] {
        let sizes = Message { $0.message(7, shape([3, 3, 64, 64])) }
        add(variable, "VariableV2", [], [("dtype", type), ("shape", sizes)])
        add(variable + "/Assign", "Assign", [variable, weights + "/Initializer/truncated_normal/mul"])
        add(variable + "/read", "Identity", [variable])
      }
      add(block + "/Conv2D", "Conv2D", [last, weights + "/read"], [("padding", text("SAME"))])
      add(block + "/Relu", "Relu", [block + "/Conv2D"])
      last = block + "/Relu"
      let gradient = "gradients/\(block)/Conv2D_grad/"
      add(gradient + "ShapeN", "ShapeN", [last, weights + "/read"])
      for part in ["Conv2DBackpropInput", "Conv2DBackpropFilter"] {
        add(gradient + part, part, [gradient + "ShapeN", weights + "/read", "gradients/\(block)/Relu_grad/ReluGrad"])
      }
      add("gradients/\(block)/Relu_grad/ReluGrad", "ReluGrad", [last, last])
      add(
        gradient + "tuple/group_deps", "NoOp",
        ["^" + gradient + "Conv2DBackpropInput", "^" + gradient + "Conv2DBackpropFilter"])
      for part in ["", "_1"] {
        add(
          gradient + "tuple/control_dependency" + part, "Identity",
          [gradient + "Conv2DBackpropInput", "^" + gradient + "tuple/group_deps"])
      }
      add(
        "Adam/update_\(weights)/ApplyAdam", "ApplyAdam",
        [weights, weights + "/Adam", weights + "/Adam_1", gradient + "tuple/control_dependency_1"])
      for part in 0..<8 {
        let name = "gradients/\(block)/Relu_grad/AddN_\(part)/reduction_indices"
        add(name, "Const", [], [("dtype", type), ("value", scalar)])
      }
    }
    var meta = Message()
    meta.message(1, Message { $0.text(5, "1.15.5") })
    meta.message(2, graph)
    return save(meta, path)
  }

  // MARK: Parts

  /// The attribute `float32`.
  private static let type = Message { $0.number(6, 1) }

  private static func text(_ text: String) -> Message { Message { $0.text(2, text) } }

  private static func shape(_ sizes: [Int]) -> Message {
    Message { shape in for size in sizes { shape.message(2, Message { $0.number(1, size) }) } }
  }

  private static func placeholder(_ name: String, _ sizes: [Int]) -> Message {
    node(name, "Placeholder", [], [("dtype", type), ("shape", Message { $0.message(7, shape(sizes)) })])
  }

  private static func node(_ name: String, _ op: String, _ inputs: [String], _ attributes: [(String, Message)])
    -> Message
  {
    Message { node in
      node.text(1, name)
      node.text(2, op)
      for input in inputs { node.text(3, input) }
      for (key, value) in attributes {
        node.message(
          5,
          Message {
            $0.text(1, key)
            $0.message(2, value)
          })
      }
    }
  }

  private static func save(_ message: Message, _ path: String) -> Int {
    guard let file = fopen(path, "w") else { return 0 }
    defer { fclose(file) }
    return fwrite(message.bytes, 1, message.bytes.count, file)
  }

  /// A protocol buffer message, field by field.
  private struct Message {
    var bytes: [UInt8]

    init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    init(_ body: (inout Message) -> Void) {
      bytes = []
      body(&self)
    }

    mutating func number(_ field: Int, _ value: Int) {
      varint(UInt64(field) << 3)
      varint(UInt64(bitPattern: Int64(value)))
    }

    mutating func text(_ field: Int, _ text: String) { message(field, Message(Array(text.utf8))) }

    mutating func message(_ field: Int, _ inner: Message) {
      varint(UInt64(field) << 3 | 2)
      varint(UInt64(inner.bytes.count))
      bytes += inner.bytes
    }

    private mutating func varint(_ value: UInt64) {
      var rest = value
      while rest >= 0x80 {
        bytes.append(UInt8(rest & 0x7f) | 0x80)
        rest >>= 7
      }
      bytes.append(UInt8(rest))
    }
  }
}
