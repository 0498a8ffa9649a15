import CheckpointCore

/// Sets along the last dimension. DenseToDenseSetOperation: set1, set2; DenseToSparse: set1, then indices, values,
/// shape; SparseToSparse: both as three inputs. Outputs a sparse tensor [group…, largest set], sorted. SetSize:
/// indices, values, shape; output [group…] int32. Attributes T (whole numbers, strings), set_operation (a-b, b-a,
/// intersection, union).
enum SetOperations {
  static let table: [Op] = [
    Op("DenseToDenseSetOperation") { (node) throws(CheckpointError) in
      try build(&node) { (context) throws(CheckpointError) in (try Sets(dense: 0, context), try Sets(dense: 1, context))
      }
    },
    Op("DenseToSparseSetOperation") { (node) throws(CheckpointError) in
      try build(&node) { (context) throws(CheckpointError) in
        (try Sets(dense: 0, context), try Sets(sparse: 1, context))
      }
    },
    Op("SparseToSparseSetOperation") { (node) throws(CheckpointError) in
      try build(&node) { (context) throws(CheckpointError) in
        (try Sets(sparse: 0, context), try Sets(sparse: 3, context))
      }
    },
    .plain("SetSize") { (context) throws(CheckpointError) in
      let sets = try Sets(sparse: 0, context)
      let y = try context.allocate(Int32.self, sets.group)
      y.zero()
      let strides = denseStrides(sets.group.dimensions)
      var to = y.mutableElements(Int32.self)
      for (group, set) in sets.sets {
        var position = 0
        for (d, index) in group.enumerated() { position += index * strides[d] }
        to[position] = Int32(clamping: set.count)
      }
      context.emit(y)
    },
  ]

  /// What a set holds; whole numbers or strings, ordered.
  enum Item: Hashable, Comparable {
    case number(Int)
    case string([UInt8])

    static func < (a: Item, b: Item) -> Bool {
      switch (a, b) {
      case (.number(let x), .number(let y)): x < y
      case (.string(let x), .string(let y)): x.lexicographicallyPrecedes(y)
      case (.number, .string): true
      case (.string, .number): false
      }
    }
  }

  /// The sets of one operand, by the index of their group.
  struct Sets {
    let group: Shape
    var sets: [[Int]: Set<Item>] = [:]

    init(dense i: Int, _ context: KernelContext) throws(CheckpointError) {
      let shape = try context.shape(of: i)
      guard let last = shape.dimensions.last, shape.rank >= 2 else {
        throw CheckpointError(.corrupt, "the shape \(shape) has no groups of sets")
      }
      group = try Shape(shape.dimensions.dropLast())
      let items = try SetOperations.items(i, context)
      let strides = denseStrides(group.dimensions)
      // A group without elements is like one that is not there.
      for g in 0..<(last == 0 ? 0 : group.elementCount) {
        let index = group.dimensions.indices.map { g / strides[$0] % group.dimensions[$0] }
        sets[index] = Set(items[g * last..<(g + 1) * last])
      }
    }

    init(sparse i: Int, _ context: KernelContext) throws(CheckpointError) {
      let shape = try context.shape(i + 2)
      let given = try context.shape(of: i)
      let items = try SetOperations.items(i + 1, context)
      guard shape.rank >= 2, given.dimensions == [items.count, shape.rank] else {
        throw CheckpointError(.corrupt, "indices of shape \(given) for \(items.count) values in the shape \(shape)")
      }
      group = try Shape(shape.dimensions.dropLast())
      let indices = try context.ints(i)
      for (k, item) in items.enumerated() {
        let row = Array(indices[k * shape.rank..<(k + 1) * shape.rank])
        guard zip(row, shape.dimensions).allSatisfy({ $0 >= 0 && $0 < $1 }) else {
          throw CheckpointError(.corrupt, "the index \(row) lies outside the shape \(shape)")
        }
        sets[Array(row.dropLast()), default: []].insert(item)
      }
    }
  }

  private static func items(_ i: Int, _ context: KernelContext) throws(CheckpointError) -> [Item] {
    if case .strings(let strings) = try context.read(i) { return strings.elements.map { .string($0) } }
    let tensor = try context.tensor(i)
    if tensor.dtype == .uint16 { return tensor.map(UInt16.self) { .number(Int($0)) } }
    return try context.ints(i).map { .number($0) }
  }

  private static func build(
    _ node: inout NodeContext, _ operands: @escaping @Sendable (KernelContext) throws(CheckpointError) -> (Sets, Sets)
  ) throws(CheckpointError) -> Kernel {
    node.outputCount = 3
    let word = try node.string("set_operation").lowercased()
    guard ["a-b", "b-a", "intersection", "union"].contains(word) else {
      throw CheckpointError(.corrupt, "set_operation is '\(word)'")
    }
    let dtype = try node.dtype("T")
    return { (context) throws(CheckpointError) in
      let (a, b) = try operands(context)
      guard a.group == b.group else { throw CheckpointError(.corrupt, "groups of \(a.group) and \(b.group) sets") }
      var indices: [Int] = []
      var items: [Item] = []
      var longest = 0
      for group in Set(a.sets.keys).union(b.sets.keys).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
        let (x, y) = (a.sets[group] ?? [], b.sets[group] ?? [])
        let set =
          switch word {
          case "a-b": x.subtracting(y)
          case "b-a": y.subtracting(x)
          case "intersection": x.intersection(y)
          default: x.union(y)
          }
        longest = max(longest, set.count)
        for (k, item) in set.sorted().enumerated() {
          indices += group + [k]
          items.append(item)
        }
      }
      context.emit(try context.indices(indices, rank: a.group.rank + 1))
      context.emit(try value(items, dtype, context))
      context.emit(try context.ints(a.group.dimensions + [longest], as: .int64))
    }
  }

  private static func value(
    _ items: [Item], _ dtype: DType, _ context: KernelContext
  ) throws(CheckpointError) -> Value {
    var numbers: [Int] = []
    var strings: [[UInt8]] = []
    for item in items {
      switch item {
      case .number(let number): numbers.append(number)
      case .string(let string): strings.append(string)
      }
    }
    switch dtype {
    case .string: return .strings(try context.strings(try Shape([strings.count]), strings))
    case .int8: return .dense(try context.tensor(numbers.map { Int8(truncatingIfNeeded: $0) }))
    case .int16: return .dense(try context.tensor(numbers.map { Int16(truncatingIfNeeded: $0) }))
    case .uint8: return .dense(try context.tensor(numbers.map { UInt8(truncatingIfNeeded: $0) }))
    case .uint16: return .dense(try context.tensor(numbers.map { UInt16(truncatingIfNeeded: $0) }))
    default: return .dense(try context.ints(numbers, as: dtype))
    }
  }
}
