import CheckpointCore

/// The variables of a pickle that holds lists, tuples and dictionaries: arrays, numbers and strings, each named by the way to it.
/// Names: FORMAT.md, "Names".
struct PickledTree {
  private static let deepest = 64
  /// Values that are visited; a few bytes can nest one list in itself, over and over.
  private static let mostValues = 1 << 20
  /// Bytes of all variables, per byte of the file; one array may stand under several names.
  private static let largestRepetition = 16

  private let pickle: Pickle
  private(set) var store: VariableStore
  private var visited = 0
  private var bytes = 0
  private let byteLimit: Int

  init(_ pickle: Pickle, into store: VariableStore) throws(CheckpointError) {
    self.pickle = pickle
    self.store = store
    byteLimit = pickle.file.size * PickledTree.largestRepetition + (1 << 20)
    if case .array(let array) = pickle.root, case .bytes? = array.made?.content {
      throw CheckpointError(.unsupported, "the pickle is one array", remedy: "read it with --from npy")
    }
    switch pickle.root {
    case .list, .tuple, .dictionary, .array: try add(pickle.root, [], depth: 0)
    default: throw CheckpointError(.unsupported, "the pickle holds no arrays but \(PickledTree.describe(pickle.root))")
    }
    if pickle.rest > 0 { self.store.source.warnings.append("\(pickle.rest) bytes follow the pickle") }
    if self.store.variables.isEmpty { self.store.source.warnings.append("the pickle holds no arrays") }
  }

  /// - Parameter path: the way from the root.
  private mutating func add(_ value: PickledValue, _ path: [UInt8], depth: Int) throws(CheckpointError) {
    visited += 1
    guard visited <= PickledTree.mostValues else {
      throw CheckpointError(.unsupported, "the pickle names more than \(PickledTree.mostValues) values")
    }
    guard depth <= PickledTree.deepest else {
      throw CheckpointError(.unsupported, "the pickle is nested deeper than \(PickledTree.deepest), or holds itself")
    }
    switch value {
    case .list(let index): try add(pickle.lists[index], path, depth: depth)
    case .tuple(let members, _): try add(members, path, depth: depth)
    case .dictionary(let index):
      if pickle.dictionaries[index].isEmpty { noteEmpty("dictionary", path) }
      for (key, value) in pickle.dictionaries[index] {
        try add(value, PickledTree.join(path, try component(key, at: path)), depth: depth + 1)
      }
    case .array(let array):
      if case .objects(let list)? = array.made?.content {
        try addObjects(of: array, pickle.lists[list], path, depth: depth)
      } else {
        try append(
          try locating(variable: PickledTree.name(path)) { () throws(CheckpointError) in
            try array.tensor(in: pickle.file)
          }, path)
      }
    case .integer(let number): try append(scalar(.int64, UInt64(bitPattern: Int64(number)), width: 8), path)
    case .float(let number): try append(scalar(.float64, number.bitPattern, width: 8), path)
    case .flag(let flag): try append(scalar(.bool, flag ? 1 : 0, width: 1), path)
    case .bytes(let string):
      try append(try Tensor(dtype: .string, shape: .scalar, storage: try string.string(in: pickle.file)), path)
    case .none, .mark, .name, .type:
      throw CheckpointError(
        .unsupported, "is \(PickledTree.describe(value)), neither an array nor a number nor a string"
      ).at(variable: PickledTree.name(path))
    }
  }

  private mutating func add(_ members: [PickledValue], _ path: [UInt8], depth: Int) throws(CheckpointError) {
    if members.isEmpty { noteEmpty("list", path) }
    for (i, member) in members.enumerated() {
      try add(member, PickledTree.join(path, Array(String(i).utf8)), depth: depth + 1)
    }
  }

  /// Members of an object array: a number for each axis. An array without axes is the one object in it.
  private mutating func addObjects(
    of array: PickledArrayState, _ members: [PickledValue], _ path: [UInt8], depth: Int
  ) throws(CheckpointError) {
    let shape = try Shape(array.made?.shape ?? [])
    guard shape.elementCount == members.count else {
      throw CheckpointError(.corrupt, "an object array of shape \(shape) has \(members.count) members").at(
        variable: PickledTree.name(path))
    }
    for (i, member) in members.enumerated() {
      var rest = i
      var index: [String] = []
      for size in shape.dimensions.reversed() {
        index.insert(String(rest % size), at: 0)
        rest /= size
      }
      let name = index.isEmpty ? path : PickledTree.join(path, Array(index.joined(separator: "/").utf8))
      try add(member, name, depth: depth + 1)
    }
  }

  private mutating func append(_ tensor: Tensor, _ path: [UInt8]) throws(CheckpointError) {
    let name = Name(bytes: path)
    bytes += tensor.byteCount
    guard bytes <= byteLimit else {
      throw CheckpointError(
        .unsupported, "the pickle names its arrays so often that they take more than \(byteLimit) bytes")
    }
    guard !store.contains(name) else {
      throw CheckpointError(.unsupported, "two values of the pickle have this name").at(variable: name)
    }
    try store.append(Variable(name: name, tensor: tensor, role: .weight))
  }

  private func scalar(_ dtype: DType, _ bits: UInt64, width: Int) throws(CheckpointError) -> Tensor {
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(bits, count: width)
    return try Tensor(dtype: dtype, shape: .scalar, storage: MemoryStorage(bytes))
  }

  private func component(_ key: PickledValue, at path: [UInt8]) throws(CheckpointError) -> [UInt8] {
    switch key {
    case .bytes(let text): return Array(try text.name(in: pickle.file).utf8)
    case .integer(let number): return Array(String(number).utf8)
    default:
      throw CheckpointError(
        .unsupported, "has \(PickledTree.describe(key)) as a key, neither a string nor a whole number"
      ).at(variable: PickledTree.name(path))
    }
  }

  private mutating func noteEmpty(_ kind: String, _ path: [UInt8]) {
    guard !path.isEmpty else { return }
    store.source.warnings.append("'\(Name(bytes: path))' is an empty \(kind) and is left out")
  }

  /// The name to put into a message; the root has none.
  private static func name(_ path: [UInt8]) -> Name? { path.isEmpty ? nil : Name(bytes: path) }

  private static func join(_ path: [UInt8], _ component: [UInt8]) -> [UInt8] {
    path.isEmpty ? component : path + [UInt8(ascii: "/")] + component
  }

  private static func describe(_ value: PickledValue) -> String {
    switch value {
    case .mark: "a mark"
    case .none: "None"
    case .flag: "a truth value"
    case .integer: "a whole number"
    case .float: "a number"
    case .bytes: "a string"
    case .tuple: "a tuple"
    case .list: "a list"
    case .dictionary: "a dictionary"
    case .name: "a function or class"
    case .type: "a dtype"
    case .array: "an array"
    }
  }
}
