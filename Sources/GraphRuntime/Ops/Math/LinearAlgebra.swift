import CheckpointCore

/// Ops on the matrices in a tensor's last two dimensions, computed as doubles. Attribute T (float32, float64).
struct LinearAlgebra: FloatingKernel {
  enum Operation { case inverse, determinant, logDeterminant, cholesky, solve, triangularSolve }
  let operation: Operation

  func kernel<T: ArithmeticElement & RealElement>(
    _: T.Type, _ node: inout NodeContext
  ) throws(CheckpointError) -> Kernel {
    let adjoint = try node.bool("adjoint", default: false)
    let lower = try node.bool("lower", default: true)
    switch operation {
    case .inverse:
      return { (context) throws(CheckpointError) in
        let a = try Matrices(try context.tensor(0, T.dtype), T.self)
        try a.requireSquare()
        let y = try context.allocate(T.self, a.shape)
        for i in 0..<a.count {
          var unit = Matrix(a.rows, a.rows)
          for k in 0..<a.rows { unit[k, k] = 1 }
          a.store(try a.matrix(i, transposed: adjoint).solved(unit), to: y, i, T.self)
        }
        context.emit(y)
      }
    case .determinant, .logDeterminant:
      let isLogarithm = operation == .logDeterminant
      if isLogarithm { node.outputCount = 2 }
      return { (context) throws(CheckpointError) in
        let a = try Matrices(try context.tensor(0, T.dtype), T.self)
        try a.requireSquare()
        let shape = try Shape(Array(a.shape.dimensions.dropLast(2)))
        let signs = try context.allocate(T.self, shape)
        let values = try context.allocate(T.self, shape)
        var sign = signs.mutableElements(T.self)
        var value = values.mutableElements(T.self)
        for i in 0..<a.count {
          let (determinantSign, logarithm, product) = a.matrix(i).determinant()
          sign[i] = T(determinantSign)
          value[i] = T(isLogarithm ? logarithm : product)
        }
        if isLogarithm { context.emit(signs) }
        context.emit(values)
      }
    case .cholesky:
      return { (context) throws(CheckpointError) in
        let a = try Matrices(try context.tensor(0, T.dtype), T.self)
        try a.requireSquare()
        let y = try context.allocate(T.self, a.shape)
        for i in 0..<a.count { a.store(try a.matrix(i).cholesky(), to: y, i, T.self) }
        context.emit(y)
      }
    case .solve, .triangularSolve:
      let isTriangular = operation == .triangularSolve
      return { (context) throws(CheckpointError) in
        var left = try context.tensor(0, T.dtype)
        var right = try context.tensor(1, T.dtype)
        guard left.rank >= 2, right.rank >= 2 else {
          throw CheckpointError(.corrupt, "the inputs have the shapes \(left.shape) and \(right.shape)")
        }
        let leading = try broadcastShape(
          [try Shape(Array(left.dimensions.dropLast(2))), try Shape(Array(right.dimensions.dropLast(2)))])
        left = try context.expanded(left, to: try Shape(leading.dimensions + left.dimensions.suffix(2)))
        right = try context.expanded(right, to: try Shape(leading.dimensions + right.dimensions.suffix(2)))
        let a = try Matrices(left, T.self)
        let b = try Matrices(right, T.self)
        try a.requireSquare()
        guard a.rows == b.rows else {
          throw CheckpointError(.corrupt, "the shapes \(left.shape) and \(right.shape) do not fit")
        }
        let y = try context.allocate(T.self, right.shape)
        for i in 0..<b.count {
          let matrix = a.matrix(i, transposed: adjoint)
          let solution =
            isTriangular
            ? try matrix.substituted(b.matrix(i), lower: lower != adjoint) : try matrix.solved(b.matrix(i))
          b.store(solution, to: y, i, T.self)
        }
        context.emit(y)
      }
    }
  }
}

/// The matrices of a tensor.
private struct Matrices {
  let shape: Shape
  let rows: Int
  let columns: Int
  let count: Int
  private let elements: [Double]

  init<T: RealElement>(_ tensor: DenseTensor, _: T.Type) throws(CheckpointError) {
    guard tensor.rank >= 2 else { throw CheckpointError(.corrupt, "the shape \(tensor.shape) is not one of matrices") }
    shape = tensor.shape
    rows = tensor.dimensions[tensor.rank - 2]
    columns = tensor.dimensions[tensor.rank - 1]
    count = try Shape(Array(tensor.dimensions.dropLast(2))).elementCount
    elements = tensor.map(T.self) { $0.asDouble }
  }

  func requireSquare() throws(CheckpointError) {
    guard rows == columns else { throw CheckpointError(.corrupt, "the shape \(shape) is not one of square matrices") }
  }

  func matrix(_ i: Int, transposed: Bool = false) -> Matrix {
    var matrix = transposed ? Matrix(columns, rows) : Matrix(rows, columns)
    for r in 0..<rows {
      for c in 0..<columns {
        let value = elements[(i * rows + r) * columns + c]
        if transposed { matrix[c, r] = value } else { matrix[r, c] = value }
      }
    }
    return matrix
  }

  func store<T: RealElement>(_ matrix: Matrix, to tensor: DenseTensor, _ i: Int, _: T.Type) {
    var to = tensor.mutableElements(T.self)
    for k in matrix.elements.indices { to[i * matrix.elements.count + k] = T(matrix.elements[k]) }
  }
}

private struct Matrix {
  let rows: Int
  let columns: Int
  var elements: [Double]

  init(_ rows: Int, _ columns: Int) {
    self.rows = rows
    self.columns = columns
    elements = [Double](repeating: 0, count: rows * columns)
  }

  subscript(r: Int, c: Int) -> Double {
    get { elements[r * columns + c] }
    set { elements[r * columns + c] = newValue }
  }

  /// The factors of the matrix with its rows exchanged, in one matrix; the order of the rows; whether it is an odd one.
  private func factored() -> (factors: Matrix, order: [Int], isOdd: Bool) {
    var lu = self
    var order = Array(0..<rows)
    var isOdd = false
    for k in 0..<rows {
      var pivot = k
      for r in k..<rows where abs(lu[r, k]) > abs(lu[pivot, k]) { pivot = r }
      if pivot != k {
        for c in 0..<columns { lu.elements.swapAt(k * columns + c, pivot * columns + c) }
        order.swapAt(k, pivot)
        isOdd.toggle()
      }
      guard lu[k, k] != 0 else { continue }
      for r in k + 1..<max(rows, k + 1) {
        lu[r, k] /= lu[k, k]
        for c in k + 1..<columns { lu[r, c] -= lu[r, k] * lu[k, c] }
      }
    }
    return (lu, order, isOdd)
  }

  func determinant() -> (sign: Double, logarithm: Double, product: Double) {
    let (lu, _, isOdd) = factored()
    var (sign, logarithm, product) = (isOdd ? -1.0 : 1.0, 0.0, isOdd ? -1.0 : 1.0)
    for k in 0..<rows {
      let pivot = lu[k, k]
      sign *= pivot == 0 ? 0 : pivot < 0 ? -1 : 1
      logarithm += logarithmOf(abs(pivot))
      product *= pivot
    }
    return (sign, logarithm, product)
  }

  func solved(_ b: Matrix) throws(CheckpointError) -> Matrix {
    let (lu, order, _) = factored()
    for k in 0..<rows where lu[k, k] == 0 { throw CheckpointError(.corrupt, "the matrix cannot be inverted") }
    var x = Matrix(rows, b.columns)
    for column in 0..<b.columns {
      for r in 0..<rows {
        var sum = b[order[r], column]
        for k in 0..<r { sum -= lu[r, k] * x[k, column] }
        x[r, column] = sum
      }
      for r in (0..<rows).reversed() {
        var sum = x[r, column]
        for k in r + 1..<max(rows, r + 1) { sum -= lu[r, k] * x[k, column] }
        x[r, column] = sum / lu[r, r]
      }
    }
    return x
  }

  func substituted(_ b: Matrix, lower: Bool) throws(CheckpointError) -> Matrix {
    for k in 0..<rows where self[k, k] == 0 { throw CheckpointError(.corrupt, "the matrix cannot be inverted") }
    var x = Matrix(rows, b.columns)
    for column in 0..<b.columns {
      for step in 0..<rows {
        let r = lower ? step : rows - 1 - step
        var sum = b[r, column]
        for k in lower ? 0..<r : r + 1..<max(rows, r + 1) { sum -= self[r, k] * x[k, column] }
        x[r, column] = sum / self[r, r]
      }
    }
    return x
  }

  func cholesky() throws(CheckpointError) -> Matrix {
    var l = Matrix(rows, rows)
    for r in 0..<rows {
      for c in 0...r {
        var sum = self[r, c]
        for k in 0..<c { sum -= l[r, k] * l[c, k] }
        if r == c {
          guard sum > 0 else { throw CheckpointError(.corrupt, "the matrix is not positive definite") }
          l[r, r] = sum.squareRoot()
        } else {
          l[r, c] = sum / l[c, c]
        }
      }
    }
    return l
  }
}

private func logarithmOf(_ x: Double) -> Double { logarithm(x) }
