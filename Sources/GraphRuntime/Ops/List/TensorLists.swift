import CheckpointCore
import ProtoWire

/// Ops on TensorLists. A list is a value: each change makes a new one, in the old one's memory where nobody else has it.
enum TensorLists {
  // MARK: Making lists

  /// EmptyTensorList(element_shape, max_num_elements). Attribute element_dtype.
  static func empty(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let dtype = try node.elementDType()
    return { (context) throws(CheckpointError) in
      let limit = try context.int(1)
      context.emit(
        .list(
          try TensorList(
            dtype: dtype, elementShape: try context.elementShape(0), elements: [], limit: limit < 0 ? nil : limit,
            budget: context.run.budget)))
    }
  }

  /// TensorListReserve(element_shape, num_elements): elements that are not set. Attribute element_dtype.
  static func reserve(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let dtype = try node.elementDType()
    return { (context) throws(CheckpointError) in
      let count = try context.int(1)
      guard count >= 0 else { throw CheckpointError(.corrupt, "a list of \(count) elements is asked for") }
      let shape = try context.elementShape(0)
      context.emit(.list(try TensorList(dtype: dtype, elementShape: shape, count: count, budget: context.run.budget)))
    }
  }

  /// TensorListFromTensor(tensor, element_shape): the rows as elements.
  static func fromTensor(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let tensor = try context.tensor(0)
      guard let rows = tensor.dimensions.first else { throw CheckpointError(.corrupt, "a scalar has no rows") }
      let list = try TensorList(
        dtype: tensor.dtype, elementShape: try merged(context.elementShape(1), Array(tensor.dimensions.dropFirst())),
        count: rows, budget: context.run.budget)
      for i in 0..<rows { list.elements[i] = .dense(try tensor.row(i)) }
      context.emit(.list(list))
    }
  }

  /// TensorListScatter(tensor, indices, element_shape), V2 with num_elements: the rows at the indices.
  static func scatter(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let hasCount = node.op == "TensorListScatterV2"
    return { (context) throws(CheckpointError) in
      let tensor = try context.tensor(0)
      let indices = try context.ints(1)
      let wanted = hasCount ? try context.int(3) : -1
      let highest = indices.max() ?? -1
      let count = wanted >= 0 ? wanted : highest < .max ? highest + 1 : highest
      let list = try TensorList(
        dtype: tensor.dtype, elementShape: try context.elementShape(2), count: count, budget: context.run.budget)
      try put(tensor, indices, list)
      context.emit(.list(list))
    }
  }

  /// TensorListScatterIntoExistingList(list, tensor, indices).
  static func scatterIntoExisting(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let tensor = try context.tensor(1)
      let indices = try context.ints(2)
      let list = try context.writableList(0)
      let highest = indices.max() ?? -1
      if highest >= list.elements.count { try list.resize(highest < .max ? highest + 1 : highest, context.run.budget) }
      try put(tensor, indices, list)
      context.emit(.list(list))
    }
  }

  private static func put(_ tensor: DenseTensor, _ indices: [Int], _ list: TensorList) throws(CheckpointError) {
    guard tensor.dimensions.first == indices.count else {
      throw CheckpointError(.corrupt, "\(indices.count) indices are given for a tensor of shape \(tensor.shape)")
    }
    for (i, index) in indices.enumerated() {
      guard list.elements.indices.contains(index) else { throw list.outside(index) }
      list.elements[index] = .dense(try tensor.row(i))
    }
  }

  /// TensorListSplit(tensor, element_shape, lengths): runs of rows.
  static func split(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let tensor = try context.tensor(0)
      let parts = try tensor.split(rows: try context.ints(2))
      context.emit(
        .list(
          try TensorList(
            dtype: tensor.dtype, elementShape: try context.elementShape(1), elements: parts.map { .dense($0) },
            budget: context.run.budget)))
    }
  }

  // MARK: Changing lists

  /// TensorListSetItem(list, index, item). Attribute resize_if_index_out_of_bounds.
  static func setItem(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let grows = try node.bool("resize_if_index_out_of_bounds", default: false)
    return { (context) throws(CheckpointError) in
      let index = try context.int(1)
      let item = try context.take(2)
      let list = try context.writableList(0)
      if grows, index >= list.elements.count { try list.resize(index < .max ? index + 1 : index, context.run.budget) }
      guard list.elements.indices.contains(index) else { throw list.outside(index) }
      list.elements[index] = item
      context.emit(.list(list))
    }
  }

  /// TensorListPushBack(list, item).
  static func pushBack(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let item = try context.take(1)
      let list = try context.writableList(0)
      if let limit = list.limit, list.elements.count >= limit {
        throw CheckpointError(.corrupt, "the list may have no more than \(limit) elements")
      }
      try list.resize(list.elements.count + 1, context.run.budget)
      list.elements[list.elements.count - 1] = item
      context.emit(.list(list))
    }
  }

  /// TensorListPopBack(list, element_shape): list, element.
  static func popBack(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    node.outputCount = 2
    return { (context) throws(CheckpointError) in
      let known = try context.elementShape(1)
      let list = try context.writableList(0)
      guard let last = list.elements.popLast() else { throw CheckpointError(.corrupt, "the list is empty") }
      let value = if let last { last } else { Value.dense(try list.unset(known, context)) }
      context.emit(.list(list))
      context.emit(value)
    }
  }

  /// TensorListResize(list, size).
  static func resize(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let size = try context.int(1)
      guard size >= 0 else { throw CheckpointError(.corrupt, "a list of \(size) elements is asked for") }
      let list = try context.writableList(0)
      try list.resize(size, context.run.budget)
      context.emit(.list(list))
    }
  }

  /// TensorListConcatLists(a, b).
  static func concatLists(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let (a, b) = (try context.list(0), try context.list(1))
      context.emit(
        .list(
          try TensorList(
            dtype: a.dtype, elementShape: try merged(a.elementShape, b.elementShape), elements: a.elements + b.elements,
            budget: context.run.budget)))
    }
  }

  // MARK: Reading lists

  /// TensorListGetItem(list, index, element_shape).
  static func getItem(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      let list = try context.list(0)
      let index = try context.int(1)
      guard list.elements.indices.contains(index) else { throw list.outside(index) }
      if let value = list.elements[index] { return context.emit(value) }
      context.emit(try list.unset(context.inputCount > 2 ? try context.elementShape(2) : nil, context))
    }
  }

  /// TensorListStack(list, element_shape). Attributes element_dtype, num_elements (checked where it is not -1).
  static func stack(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let wanted = try node.int("num_elements", default: -1)
    let dtype = try node.elementDType()
    return { (context) throws(CheckpointError) in
      let list = try context.list(0)
      guard wanted < 0 || wanted == list.elements.count else {
        throw CheckpointError(.corrupt, "the list has \(list.elements.count) elements, not \(wanted)")
      }
      let shape = try merged(context.elementShape(1), list.elementShape)
      let elements = try list.tensors(Array(list.elements.indices), shape, context)
      context.emit(try context.stack(elements, elementShape: shape, dtype: dtype ?? .float32))
    }
  }

  /// TensorListGather(list, indices, element_shape).
  static func gather(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let dtype = try node.elementDType()
    return { (context) throws(CheckpointError) in
      let list = try context.list(0)
      let shape = try merged(context.elementShape(2), list.elementShape)
      let elements = try list.tensors(try context.ints(1), shape, context)
      context.emit(try context.stack(elements, elementShape: shape, dtype: dtype ?? .float32))
    }
  }

  /// TensorListConcat(list), V2(list, element_shape, leading_dims): rows joined, and their numbers. An element that is not
  /// set has the number of rows that leading_dims names.
  static func concat(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let isSecond = node.op == "TensorListConcatV2"
    let attribute = try node.partialShape("element_shape")
    let dtype = try node.elementDType()
    node.outputCount = 2
    return { (context) throws(CheckpointError) in
      let list = try context.list(0)
      let shape = isSecond ? try context.elementShape(1) : attribute
      let leading = isSecond ? try context.ints(2) : []
      var elements: [DenseTensor] = []
      for (i, element) in list.elements.enumerated() {
        if case .dense(let tensor)? = element {
          elements.append(tensor)
        } else {
          guard let inner = shape?.dropFirst(), inner.allSatisfy({ $0 >= 0 }), i < leading.count else {
            throw CheckpointError(.corrupt, "element \(i) of the list is not set")
          }
          elements.append(try context.zeros(dtype ?? .float32, [leading[i]] + inner))
        }
      }
      let inner = shape.map { Array($0.dropFirst()) }
      let (value, lengths) = try context.joinRows(elements, elementShape: inner, dtype: dtype ?? .float32)
      context.emit(value)
      context.emit(lengths)
    }
  }

  /// TensorListLength(list): int32.
  static func length(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    { (context) throws(CheckpointError) in
      context.emit(try context.scalar(Int32(clamping: try context.list(0).elements.count)))
    }
  }

  /// TensorListElementShape(list): sizes, -1 where unknown; the scalar -1 where not even the rank is known.
  static func elementShape(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let dtype = try node.dtype("shape_type")
    return { (context) throws(CheckpointError) in
      let shape = try context.list(0).elementShape
      context.emit(try context.ints(shape ?? [-1], as: dtype, shape == nil ? .scalar : nil))
    }
  }
}

extension NodeContext {
  /// The attribute element_dtype; nil for handles and lists.
  fileprivate func elementDType() throws(CheckpointError) -> DType? {
    guard case .type(let number)? = try attribute("element_dtype") else { return nil }
    let dtype = DataType.dtype(number)
    return dtype == .variant ? nil : dtype
  }
}

extension KernelContext {
  /// The shape of elements as the ops of lists take it: a vector of sizes, or a scalar -1 where nothing is known.
  func elementShape(_ i: Int) throws(CheckpointError) -> [Int]? {
    let sizes = try ints(i)
    return try shape(of: i).rank == 0 ? nil : sizes
  }

  /// A list that may be changed: the input itself where nobody else has it, else a copy.
  mutating func writableList(_ i: Int) throws(CheckpointError) -> TensorList {
    guard case .list(var list) = try take(i) else { throw CheckpointError(.corrupt, "input \(i) is not a tensor list") }
    if isKnownUniquelyReferenced(&list) { return list }
    return try TensorList(
      dtype: list.dtype, elementShape: list.elementShape, elements: list.elements, limit: list.limit, budget: run.budget
    )
  }
}

extension TensorList {
  /// An element that was never set.
  func unset(_ known: [Int]?, _ context: KernelContext) throws(CheckpointError) -> DenseTensor {
    var shape = try merged(known, elementShape)
    // Another element of the list shows the shape.
    if shape == nil || shape?.contains(where: { $0 < 0 }) == true {
      for case .dense(let tensor)? in elements {
        shape = tensor.dimensions
        break
      }
    }
    guard let shape, shape.allSatisfy({ $0 >= 0 }), let dtype else {
      throw CheckpointError(.corrupt, "an element of the list is not set, and its shape is not known")
    }
    return try context.zeros(dtype, shape)
  }

  func tensors(_ indices: [Int], _ shape: [Int]?, _ context: KernelContext) throws(CheckpointError) -> [DenseTensor] {
    var list: [DenseTensor] = []
    list.reserveCapacity(indices.count)
    for index in indices {
      guard elements.indices.contains(index) else { throw outside(index) }
      switch elements[index] {
      case .dense(let tensor)?: list.append(tensor)
      case nil: list.append(try unset(shape, context))
      case let other?: throw CheckpointError(.unsupported, "stacking \(other.summary)")
      }
    }
    return list
  }

  func outside(_ index: Int) -> CheckpointError {
    CheckpointError(.corrupt, "the index \(index) lies outside a list of \(elements.count)")
  }
}
