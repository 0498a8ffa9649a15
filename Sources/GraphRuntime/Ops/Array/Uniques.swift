import CheckpointCore

/// Unique, UniqueWithCounts: the different numbers of a vector in the order of their first place, for each element
/// which of them it is, and how often each is there. V2: the slices along the axis of input 1 (none: of a vector).
/// Attributes T, Taxis, out_idx.
enum Unique {
  static func build(_ node: inout NodeContext, hasAxis: Bool, hasCounts: Bool) throws(CheckpointError) -> Kernel {
    let output = try node.dtype("out_idx", default: .int32)
    node.outputCount = hasCounts ? 3 : 2
    return { (context) throws(CheckpointError) in
      var x = try context.tensor(0)
      var axis = 0
      if hasAxis, let given = try context.ints(1).first {
        axis = try normalized(axis: given, rank: x.rank)
      } else if x.rank != 1 {
        throw CheckpointError(.corrupt, "the shape \(x.shape) is not that of a vector")
      }
      let count = x.dimensions[axis]
      let order = [axis] + (0..<x.rank).filter { $0 != axis }
      let original = x
      x = try context.permuted(x, order)
      let width = try Shape(Array(x.dimensions.dropFirst())).elementCount
      guard width > 0 || count < 1 << 24 else { throw CheckpointError(.unsupported, "\(count) empty rows") }
      var numbers = RowNumbers(x, width: width)
      var indices: [Int] = []
      var counts: [Int] = []
      var firsts: [Int64] = []
      indices.reserveCapacity(min(count, x.elementCount))
      for row in 0..<count {
        let number = numbers.number(of: row, adding: true) ?? 0
        if number == firsts.count {
          firsts.append(Int64(row))
          counts.append(0)
        }
        counts[number] += 1
        indices.append(number)
      }
      let places = try context.tensor(firsts)
      context.emit(try context.gathered(original, places, axis: axis, batchDimensions: 0))
      context.emit(try context.ints(indices, as: output))
      if hasCounts { context.emit(try context.ints(counts, as: output)) }
    }
  }

  /// ListDiff: the numbers of vector 0 that are not in vector 1, and their places. Attributes T, out_idx.
  static func buildListDiff(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let output = try node.dtype("out_idx", default: .int32)
    node.outputCount = 2
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      let y = try context.tensor(1, x.dtype)
      guard x.rank == 1, y.rank == 1 else {
        throw CheckpointError(.corrupt, "the shapes \(x.shape) and \(y.shape) are not those of vectors")
      }
      var known: Set<RowNumbers.Key> = []
      let others = RowNumbers(y, width: 1)
      for row in 0..<y.elementCount { if let key = others.key(of: row) { known.insert(key) } }
      let own = RowNumbers(x, width: 1)
      var places: [Int] = []
      for row in 0..<x.elementCount {
        if let key = own.key(of: row), known.contains(key) { continue }
        places.append(row)
      }
      let rows = try context.tensor(places.map { Int64($0) })
      context.emit(try context.gathered(x, rows, axis: 0, batchDimensions: 0))
      context.emit(try context.ints(places, as: output))
    }
  }
}

/// Numbers the different rows of a tensor. Rows are equal where all elements are: -0 is 0, and NaN equals nothing.
private struct RowNumbers {
  enum Key: Hashable {
    case one(UInt64)
    case bytes([UInt8])
  }

  private let tensor: DenseTensor
  private let width: Int
  private var numbers: [Key: Int] = [:]
  private var count = 0

  init(_ tensor: DenseTensor, width: Int) {
    self.tensor = tensor
    self.width = width
  }

  /// What rows are compared by; nil for a row with a NaN.
  func key(of row: Int) -> Key? {
    if width == 1, tensor.width <= 8 {
      return element(row).map { .one($0) }
    }
    var bytes: [UInt8] = []
    let isFloat = [.float16, .bfloat16, .float32, .float64].contains(tensor.dtype)
    if isFloat {
      for i in row * width..<(row + 1) * width {
        guard let value = element(i) else { return nil }
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift))) }
      }
    } else {
      let all = tensor.elements(UInt8.self)
      let size = width * tensor.width
      for i in row * size..<(row + 1) * size { bytes.append(all[i]) }
    }
    return .bytes(bytes)
  }

  private func element(_ i: Int) -> UInt64? {
    switch tensor.dtype {
    case .float32:
      let value = tensor.elements(Float.self)[i]
      return value.isNaN ? nil : value == 0 ? 0 : UInt64(value.bitPattern)
    case .float64:
      let value = tensor.elements(Double.self)[i]
      return value.isNaN ? nil : value == 0 ? 0 : value.bitPattern
    case .float16:
      let value = tensor.elements(Float16.self)[i]
      return value.isNaN ? nil : value == 0 ? 0 : UInt64(value.bitPattern)
    case .bfloat16:
      let value = tensor.elements(BFloat16.self)[i]
      return value.float.isNaN ? nil : value.float == 0 ? 0 : UInt64(value.bits)
    default:
      switch tensor.width {
      case 1: return UInt64(tensor.elements(UInt8.self)[i])
      case 2: return UInt64(tensor.elements(UInt16.self)[i])
      case 4: return UInt64(tensor.elements(UInt32.self)[i])
      default: return tensor.elements(UInt64.self)[i]
      }
    }
  }

  /// The row's number; a new row has the next one.
  mutating func number(of row: Int, adding: Bool) -> Int? {
    guard let key = key(of: row) else {
      count += 1
      return count - 1
    }
    if let number = numbers[key] { return number }
    numbers[key] = count
    count += 1
    return count - 1
  }
}
