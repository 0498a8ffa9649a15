import CheckpointCore
import ProtoWire

/// `SavedTensorSliceMeta` (saved_tensor_slice.proto): which tensors a file has, and in which slices.
/// Layout: FORMAT.md, "Meta".
struct SavedSliceMeta {
  /// The version that TensorFlow's writers name as producer, and the newest that is understood.
  static let version = 1

  struct Entry {
    let name: Name
    let shape: Shape
    let dtype: DType
    let slices: [TensorSlice]
  }

  private(set) var entries: [Entry] = []

  /// - Parameter message: the value of the empty key, a `SavedTensorSlices` with the field 1 only.
  init(_ message: Message) throws(CheckpointError) {
    var metas: [Message] = []
    try message.forEachField { (number, value) throws(CheckpointError) in
      if number == 1 { metas.append(message.nested(try value.range("SavedTensorSlices.meta"))) }
      if number == 2 { throw CheckpointError(.corrupt, "the record of the empty key holds values") }
    }
    guard !metas.isEmpty else { throw CheckpointError(.corrupt, "the record of the empty key lists no tensors") }
    for meta in metas {
      try meta.forEachField { (number, value) throws(CheckpointError) in
        switch number {
        case 1: entries.append(try Entry(meta.nested(try value.range("SavedTensorSliceMeta.tensor"))))
        case 2:
          let version = meta.nested(try value.range("SavedTensorSliceMeta.versions"))
          try VersionDef.require(SavedSliceMeta.version, by: version, of: "checkpoint")
        default: break
        }
      }
    }
  }

  /// The value of the empty key, for tensors that are stored whole.
  static func encode(_ tensors: [(name: Name, tensor: Tensor)]) -> [UInt8] {
    var record = WireWriter()
    record.message(1) { meta in
      for (name, tensor) in tensors {
        meta.message(1) { entry in
          entry.bytes(1, name.bytes)
          TensorShape.write(tensor.shape, to: &entry, field: 2)
          entry.integer(3, DataType.number(tensor.dtype))
          TensorSlice(whole: tensor.shape).write(to: &entry, field: 4)
        }
      }
      meta.message(2) { $0.integer(1, version) }
    }
    return record.bytes
  }
}

extension SavedSliceMeta.Entry {
  fileprivate init(_ message: Message) throws(CheckpointError) {
    var name = Name("")
    var shapes: [Range<Int>] = []
    var type = 0
    var slices: [TensorSlice] = []
    do throws(CheckpointError) {
      try message.forEachField { (number, value) throws(CheckpointError) in
        switch number {
        case 1: name = Name(bytes: message.bytes[try value.range("SavedSliceMeta.name")])
        case 2: shapes.append(try value.range("SavedSliceMeta.shape"))
        case 3: type = try value.integer("SavedSliceMeta.type")
        case 4: slices.append(try TensorSlice(message.nested(try value.range("SavedSliceMeta.slice"))))
        default: break
        }
      }
      guard let dtype = DataType.dtype(type) else {
        throw CheckpointError(.corrupt, "the dtype number \(type) is not one of data")
      }
      let shape = try TensorShape(message.nested(shapes)).known()
      self.init(name: name, shape: shape, dtype: dtype, slices: slices)
    } catch {
      throw error.at(variable: name)
    }
  }
}

/// `SavedSlice`: one record of a file, the values of one slice. Layout: FORMAT.md, "Record".
struct SavedSlice {
  let name: Name
  let slice: TensorSlice
  let data: StoredTensor

  /// - Parameter message: the value of a key that is not empty, a `SavedTensorSlices` with the field 2 only.
  init(_ message: StoredMessage) throws(CheckpointError) {
    var record: StoredMessage?
    try message.forEachField { (number, value) throws(CheckpointError) in
      guard number == 2 else { return }
      guard record == nil else { throw CheckpointError(.corrupt, "a record holds two slices") }
      record = try message.nested(try value.range("SavedTensorSlices.data"))
    }
    guard let record else { throw CheckpointError(.corrupt, "a record holds no slice") }
    var name = Name("")
    var slice: TensorSlice?
    var data: StoredMessage?
    try record.forEachField { (number, value) throws(CheckpointError) in
      switch number {
      case 1: name = Name(bytes: try record.bytes(try value.range("SavedSlice.name")))
      case 2 where slice == nil:
        slice = try TensorSlice(try record.nested(try value.range("SavedSlice.slice")).loaded())
      case 3 where data == nil: data = try record.nested(try value.range("SavedSlice.data"))
      // Other readers would make one of two, which no writer has in mind.
      case 2, 3: throw CheckpointError(.corrupt, "a record has its slice or its values twice")
      default: break
      }
    }
    guard let data else { throw CheckpointError(.corrupt, "a record holds a slice without values") }
    self.name = name
    self.slice = slice ?? TensorSlice(extents: [])
    self.data = try StoredTensor(data)
  }

  /// What comes before the values of a tensor that is stored whole.
  /// - Parameters:
  ///   - field: of TensorProto, for a list of numbers; nil where the values have fields of their own.
  ///   - size: bytes of the values.
  static func head(_ name: Name, _ shape: Shape, field: Int?, size: Int) -> [UInt8] {
    var values: [UInt8] = []
    if let field, size > 0 {
      values.appendVarint(UInt64(field << 3 | 2))
      values.appendVarint(UInt64(size))
    }
    var slice = WireWriter()
    slice.bytes(1, name.bytes)
    TensorSlice(whole: shape).write(to: &slice, field: 2)
    var head = slice.bytes
    head.appendVarint(3 << 3 | 2)
    head.appendVarint(UInt64(values.count + size))
    head += values
    var record: [UInt8] = []
    record.appendVarint(2 << 3 | 2)
    record.appendVarint(UInt64(head.count + size))
    return record + head
  }
}

extension TensorSlice {
  /// All of a tensor.
  init(whole shape: Shape) {
    self.init(extents: shape.dimensions.map { _ in Extent(start: 0, length: nil) })
  }

  func write(to writer: inout WireWriter, field: Int) {
    writer.message(field) { writer in
      for extent in extents {
        writer.message(1) { extentWriter in
          extentWriter.integer(1, extent.start)
          if let length = extent.length { extentWriter.integer(2, length) }
        }
      }
    }
  }
}
