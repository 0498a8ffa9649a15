import CheckpointCore

/// Ops on diagonals of the matrices in a tensor's last two dimensions. The diagonals k.0...k.1 (0 is the main one,
/// those above are positive) are stored as rows, the highest first, each at the row's left or right end.
enum Diagonals {
  /// Where the diagonals of a matrix lie.
  struct Band {
    let low: Int
    let high: Int
    let rows: Int
    let columns: Int
    /// Elements of the longest diagonal.
    let longest: Int
    let rightAbove: Bool
    let rightBelow: Bool

    var count: Int { high - low + 1 }

    /// - Parameter mayLeave: whether diagonals may lie outside the matrix.
    init(
      _ low: Int, _ high: Int, rows: Int, columns: Int, align: String, mayLeave: Bool = false
    ) throws(CheckpointError) {
      // A matrix without rows or columns has the main diagonal, of no elements.
      let lowest = min(-rows + 1, 0)
      let highest = max(columns - 1, 0)
      guard low <= high, mayLeave || low >= lowest && high <= highest else {
        throw CheckpointError(.corrupt, "the diagonals \(low)...\(high) lie outside a matrix of [\(rows), \(columns)]")
      }
      self.low = low
      self.high = high
      self.rows = rows
      self.columns = columns
      longest = max(min(rows + min(high, 0), columns - max(low, 0)), 0)
      rightAbove = align.hasPrefix("RIGHT")
      rightBelow = align.hasSuffix("RIGHT")
    }

    /// The elements of diagonal `d`: how many, and where the first one is in its stored row.
    func place(_ d: Int) -> (length: Int, offset: Int) {
      let length = max(min(rows + min(d, 0), columns - max(d, 0)), 0)
      let isRight = d >= 0 ? rightAbove : rightBelow
      return (length, isRight ? longest - length : 0)
    }
  }

  private static let alignments = ["LEFT_LEFT", "RIGHT_LEFT", "LEFT_RIGHT", "RIGHT_RIGHT"]

  /// The align attribute; V2 ops store at the left.
  private static func align(_ node: NodeContext, _ version: Int) throws(CheckpointError) -> String {
    version < 3 ? "LEFT_LEFT" : try node.choice("align", alignments, default: "RIGHT_LEFT")
  }

  /// MatrixDiag: [..., n] to [..., n, n]. V2, V3: inputs diagonals, k, rows, columns, padding. Attributes T, align.
  static func buildDiag(_ node: inout NodeContext, version: Int) throws(CheckpointError) -> Kernel {
    let align = try align(node, version)
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      guard let length = x.dimensions.last else { throw CheckpointError(.corrupt, "input 0 is a single number") }
      var (low, high, rows, columns) = (0, 0, length, length)
      if version > 1 {
        (low, high) = try context.diagonals(1)
        let least = { (n: Int) in length.addingReportingOverflow(n) }
        let (leastRows, overflow) = least(max(-high, 0))
        let (leastColumns, beyond) = least(max(low, 0))
        guard !overflow, !beyond else { throw CheckpointError(.corrupt, "the matrix does not fit 64 bits") }
        (rows, columns) = (try context.int(2), try context.int(3))
        if rows == -1 && columns == -1 {
          rows = max(leastRows, leastColumns)
          columns = rows
        } else if rows == -1 {
          rows = leastRows
        } else if columns == -1 {
          columns = leastColumns
        }
        guard rows >= leastRows, columns >= leastColumns, rows == leastRows || columns == leastColumns else {
          throw CheckpointError(.corrupt, "a matrix of [\(rows), \(columns)] does not fit diagonals of \(length)")
        }
      }
      let band = try Band(low, high, rows: rows, columns: columns, align: align, mayLeave: true)
      let isMany = band.count > 1
      guard !isMany || x.rank >= 2 && x.dimensions[x.rank - 2] == band.count, band.longest == length else {
        throw CheckpointError(.corrupt, "the shape \(x.shape) does not fit the diagonals \(low)...\(high)")
      }
      let leading = try Shape(Array(x.dimensions.dropLast(isMany ? 2 : 1)))
      let y = try context.allocate(x.dtype, leading.dimensions + [rows, columns])
      if version > 1 {
        let padding = try context.tensor(4, x.dtype)
        guard padding.elementCount == 1 else { throw CheckpointError(.corrupt, "the padding is not a single number") }
        try context.fill(y, with: padding)
      } else {
        y.zero()
      }
      try context.copyDiagonals(band, leading.elementCount, matrices: y, stored: x, intoMatrices: true)
      context.emit(y)
    }
  }

  /// MatrixDiagPart: [..., m, n] to [..., min(m, n)]. V2, V3: inputs x, k, padding. Attributes T, align.
  static func buildPart(_ node: inout NodeContext, version: Int) throws(CheckpointError) -> Kernel {
    let align = try align(node, version)
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      guard x.rank >= 2 else { throw CheckpointError(.corrupt, "the shape \(x.shape) is not one of matrices") }
      let (low, high) = version > 1 ? try context.diagonals(1) : (0, 0)
      let band = try Band(
        low, high, rows: x.dimensions[x.rank - 2], columns: x.dimensions[x.rank - 1], align: align)
      let leading = try Shape(Array(x.dimensions.dropLast(2)))
      let rows = band.count > 1 ? [band.count] : []
      let y = try context.allocate(x.dtype, leading.dimensions + rows + [band.longest])
      if version > 1 {
        let padding = try context.tensor(2, x.dtype)
        guard padding.elementCount == 1 else { throw CheckpointError(.corrupt, "the padding is not a single number") }
        try context.fill(y, with: padding)
      }
      try context.copyDiagonals(band, leading.elementCount, matrices: x, stored: y, intoMatrices: false)
      context.emit(y)
    }
  }

  /// MatrixSetDiag: inputs x, diagonal; V2, V3: and k. Attributes T, align.
  static func buildSet(_ node: inout NodeContext, version: Int) throws(CheckpointError) -> Kernel {
    let align = try align(node, version)
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      let diagonals = try context.tensor(1, x.dtype)
      guard x.rank >= 2 else { throw CheckpointError(.corrupt, "the shape \(x.shape) is not one of matrices") }
      let (low, high) = version > 1 ? try context.diagonals(2) : (0, 0)
      let band = try Band(
        low, high, rows: x.dimensions[x.rank - 2], columns: x.dimensions[x.rank - 1], align: align)
      let leading = try Shape(Array(x.dimensions.dropLast(2)))
      guard diagonals.dimensions == leading.dimensions + (band.count > 1 ? [band.count] : []) + [band.longest] else {
        throw CheckpointError(.corrupt, "diagonals of shape \(diagonals.shape) do not fit the shape \(x.shape)")
      }
      let y = try context.allocate(x.dtype, x.shape)
      try y.copy(x)
      try context.copyDiagonals(band, leading.elementCount, matrices: y, stored: diagonals, intoMatrices: true)
      context.emit(y)
    }
  }

  /// MatrixBandPart: zeros more than input 1 below and input 2 above the main diagonal; a negative number keeps all.
  /// Attributes T, Tindex.
  static let bandPart: Kernel = { (context) throws(CheckpointError) in
    let x = try context.tensor(0)
    let (below, above) = (try context.int(1), try context.int(2))
    guard x.rank >= 2 else { throw CheckpointError(.corrupt, "the shape \(x.shape) is not one of matrices") }
    let (rows, columns) = (x.dimensions[x.rank - 2], x.dimensions[x.rank - 1])
    guard below <= rows, above <= columns else {
      throw CheckpointError(.corrupt, "\(below) and \(above) diagonals are not there in the shape \(x.shape)")
    }
    let y = try context.allocate(x.dtype, x.shape)
    y.zero()
    if y.elementCount > 0 {
      let count = y.elementCount / (rows * columns)
      for row in 0..<rows {
        let first = below < 0 ? 0 : min(max(row - below, 0), columns)
        let end = above < 0 ? columns : min(row + above + 1, columns)
        guard first < end else { continue }
        let walk = Walk(first: row * columns + first, strides: [rows * columns, 1])
        try context.copy([count, end - first], from: x, walk, to: y, walk)
      }
    }
    context.emit(y)
  }

  /// Diag: a tensor put on the diagonal of one of twice its dimensions. Attribute T.
  static let diag: Kernel = { (context) throws(CheckpointError) in
    let x = try context.tensor(0)
    let y = try context.allocate(x.dtype, x.dimensions + x.dimensions)
    y.zero()
    let n = x.elementCount
    try context.copy([n], from: x, Walk(strides: [1]), to: y, Walk(strides: [n + 1]))
    context.emit(y)
  }

  /// DiagPart: the diagonal of a tensor whose dimensions are twice the same. Attribute T.
  static let diagPart: Kernel = { (context) throws(CheckpointError) in
    let x = try context.tensor(0)
    let half = Array(x.dimensions.prefix(x.rank / 2))
    guard x.rank % 2 == 0, x.rank > 0, half + half == x.dimensions else {
      throw CheckpointError(.corrupt, "the shape \(x.shape) is not twice the same")
    }
    let shape = try Shape(half)
    let y = try context.allocate(x.dtype, shape)
    let n = shape.elementCount
    try context.copy([n], from: x, Walk(strides: [n + 1]), to: y, Walk(strides: [1]))
    context.emit(y)
  }
}

extension KernelContext {
  /// The lowest and highest diagonal: one number, or two.
  fileprivate func diagonals(_ i: Int) throws(CheckpointError) -> (Int, Int) {
    let list = try ints(i)
    guard let low = list.first, let high = list.last, list.count <= 2, low <= high, low >= Int(Int32.min),
      high <= Int(Int32.max)
    else {
      throw CheckpointError(.corrupt, "k is \(list), not one or two rising numbers")
    }
    return (low, high)
  }

  /// Copies each diagonal between the matrices and the rows in which they are stored.
  fileprivate func copyDiagonals(
    _ band: Diagonals.Band, _ count: Int, matrices: DenseTensor, stored: DenseTensor, intoMatrices: Bool
  ) throws(CheckpointError) {
    for d in band.low...band.high {
      let (length, offset) = band.place(d)
      guard length > 0, count > 0 else { continue }
      let matrix = Walk(
        first: max(-d, 0) * band.columns + max(d, 0), strides: [band.rows * band.columns, band.columns + 1])
      let row = Walk(
        first: (band.high - d) * band.longest + offset, strides: [band.count * band.longest, 1])
      if intoMatrices {
        try copy([count, length], from: stored, row, to: matrices, matrix)
      } else {
        try copy([count, length], from: matrices, matrix, to: stored, row)
      }
    }
  }
}
