import CheckpointCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Ops between complex numbers and their parts. Attributes T (complex) and Tout (its parts), complex64 unless said.
enum ComplexParts {
  static func of(_ name: String, _ part: @escaping @Sendable (Double, Double) -> Double) -> Op {
    .plain(name) { context throws(CheckpointError) in
      let x = try context.tensor(0)
      if x.dtype == .complex64 {
        let y = try context.allocate(Float.self, x.shape)
        let from = x.elements(Complex64.self)
        var to = y.mutableElements(Float.self)
        for i in from.indices { to[i] = Float(part(Double(from[i].real), Double(from[i].imaginary))) }
        context.emit(y)
      } else if x.dtype == .complex128 {
        let y = try context.allocate(Double.self, x.shape)
        let from = x.elements(Complex128.self)
        var to = y.mutableElements(Double.self)
        for i in from.indices { to[i] = part(from[i].real, from[i].imaginary) }
        context.emit(y)
      } else {
        throw CheckpointError(.unsupported, "\(name) has no kernel for \(x.dtype.rawValue)")
      }
    }
  }

  /// Complex: a number from its parts, broadcast.
  static let complex: Kernel = { (context) throws(CheckpointError) in
    let real = try context.tensor(0)
    let imaginary = try context.tensor(1)
    if real.dtype == .float32 {
      try context.emitPairs(Float.self, into: Complex64.self) { Complex64(real: $0, imaginary: $1) }
    } else if real.dtype == .float64, imaginary.dtype == .float64 {
      try context.emitPairs(Double.self, into: Complex128.self) { Complex128(real: $0, imaginary: $1) }
    } else {
      throw CheckpointError(.unsupported, "Complex has no kernel for \(real.dtype.rawValue)")
    }
  }

  /// Conj: the imaginary part's sign turned; anything but complex numbers as it is.
  static let conjugate: Kernel = { (context) throws(CheckpointError) in
    context.emit(try context.conjugated(try context.tensor(0)))
  }
}

extension KernelContext {
  func conjugated(_ x: DenseTensor) throws(CheckpointError) -> DenseTensor {
    guard x.dtype == .complex64 || x.dtype == .complex128 else { return x }
    let y = try allocate(x.dtype, x.shape)
    if x.dtype == .complex64 {
      let from = x.elements(Complex64.self)
      var to = y.mutableElements(Complex64.self)
      for i in from.indices { to[i] = Complex64(real: from[i].real, imaginary: -from[i].imaginary) }
    } else {
      let from = x.elements(Complex128.self)
      var to = y.mutableElements(Complex128.self)
      for i in from.indices { to[i] = Complex128(real: from[i].real, imaginary: -from[i].imaginary) }
    }
    return y
  }
}

/// Add, Sub, Mul, Div of complex numbers, as doubles.
struct ComplexPairs {
  let body: @Sendable (Complex128, Complex128) -> Complex128

  func kernel(_ dtype: DType) -> Kernel {
    let body = body
    if dtype == .complex128 {
      return { (context) throws(CheckpointError) in
        try context.emitPairs(Complex128.self, into: Complex128.self) { body($0, $1) }
      }
    }
    @Sendable func wide(_ z: Complex64) -> Complex128 {
      Complex128(real: Double(z.real), imaginary: Double(z.imaginary))
    }
    return { (context) throws(CheckpointError) in
      try context.emitPairs(Complex64.self, into: Complex64.self) {
        let z = body(wide($0), wide($1))
        return Complex64(real: Float(z.real), imaginary: Float(z.imaginary))
      }
    }
  }

  static let add = ComplexPairs { Complex128(real: $0.real + $1.real, imaginary: $0.imaginary + $1.imaginary) }
  static let subtract = ComplexPairs { Complex128(real: $0.real - $1.real, imaginary: $0.imaginary - $1.imaginary) }
  static let multiply = ComplexPairs {
    Complex128(
      real: $0.real * $1.real - $0.imaginary * $1.imaginary, imaginary: $0.real * $1.imaginary + $0.imaginary * $1.real)
  }
  static let divide = ComplexPairs {
    let square = $1.real * $1.real + $1.imaginary * $1.imaginary
    return Complex128(
      real: ($0.real * $1.real + $0.imaginary * $1.imaginary) / square,
      imaginary: ($0.imaginary * $1.real - $0.real * $1.imaginary) / square)
  }
}
