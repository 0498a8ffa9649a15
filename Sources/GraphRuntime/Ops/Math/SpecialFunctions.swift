#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Functions of one or two doubles that the C library does not have.
enum SpecialFunctions {
  /// Where the normal distribution reaches 0.5 + q: Wichura, "The percentage points of the normal distribution" (AS
  /// 241).
  private static func normalQuantile(offset q: Double, lower p: Double, upper: Double) -> Double {
    if abs(q) <= 0.425 {
      let r = 0.180625 - q * q
      return q
        * (((((((2509.0809287301226727 * r + 33430.575583588128105) * r + 67265.770927008700853) * r
          + 45921.953931549871457) * r + 13731.693765509461125) * r + 1971.5909503065514427) * r
          + 133.14166789178437745) * r + 3.387132872796366608)
        / (((((((5226.495278852545925 * r + 28729.085735721942674) * r + 39307.89580009271061) * r
          + 21213.794301586595867) * r + 5394.1960214247511077) * r + 687.1870074920579083) * r
          + 42.313330701600911252) * r + 1)
    }
    let tail = q < 0 ? p : upper
    if tail.isNaN || tail < 0 { return .nan }
    if tail == 0 { return q < 0 ? -.infinity : .infinity }
    var r = (-log(tail)).squareRoot()
    let value: Double
    if r <= 5 {
      r -= 1.6
      value =
        (((((((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) * r
          + 1.27045825245236838258) * r + 3.64784832476320460504) * r + 5.7694972214606914055) * r
          + 4.6303378461565452959) * r + 1.42343711074968357734)
        / (((((((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r + 0.0151986665636164571966) * r
          + 0.14810397642748007459) * r + 0.68976733498510000455) * r + 1.6763848301838038494) * r
          + 2.05319162663775882187) * r + 1)
    } else {
      r -= 5
      value =
        (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 0.0012426609473880784386) * r
          + 0.026532189526576123093) * r + 0.29656057182850489123) * r + 1.7848265399172913358) * r
          + 5.4637849111641143699) * r + 6.6579046435011037772)
        / (((((((2.04426310338993978564e-15 * r + 1.4215117583164458887e-7) * r + 1.8463183175100546818e-5) * r
          + 7.868691311456132591e-4) * r + 0.0148753612908506148525) * r + 0.13692988092273580531) * r
          + 0.59983220655588793769) * r + 1)
    }
    return q < 0 ? -value : value
  }

  static func ndtri(_ p: Double) -> Double { normalQuantile(offset: p - 0.5, lower: p, upper: 1 - p) }

  static func erfinv(_ x: Double) -> Double {
    normalQuantile(offset: x / 2, lower: (1 + x) / 2, upper: (1 - x) / 2) * 0.5.squareRoot()
  }

  /// The logarithmic derivative of the gamma function; NaN at 0, -1, -2, ...
  static func digamma(_ x: Double) -> Double {
    if x <= 0 {
      if x == x.rounded(.down) { return .nan }
      return digamma(1 - x) - .pi / tan(.pi * x)
    }
    if x.isInfinite { return x }
    var (x, shift) = (x, 0.0)
    while x < 10 {
      shift -= 1 / x
      x += 1
    }
    let s = 1 / (x * x)
    let tail = s * (1 / 12.0 - s * (1 / 120.0 - s * (1 / 252.0 - s * (1 / 240.0 - s * (1 / 132.0 - s * 691 / 32760)))))
    return shift + log(x) - 0.5 / x - tail
  }

  static func xlog1py(_ x: Double, _ y: Double) -> Double { x == 0 ? 0 : x * log1p(y) }

  /// The lower incomplete gamma function of a at x over gamma(a): by its series below a + 1, else by the continued
  /// fraction of the upper one.
  static func igamma(_ a: Double, _ x: Double) -> Double {
    guard a > 0, x >= 0, !a.isNaN, !x.isNaN else { return .nan }
    if x == 0 { return 0 }
    if x.isInfinite { return a.isInfinite ? .nan : 1 }
    if a.isInfinite { return 0 }
    return x < a + 1 ? series(a, x) : 1 - fraction(a, x)
  }

  static func igammac(_ a: Double, _ x: Double) -> Double {
    guard a > 0, x >= 0, !a.isNaN, !x.isNaN else { return .nan }
    if x == 0 { return 1 }
    if x.isInfinite { return a.isInfinite ? .nan : 0 }
    if a.isInfinite { return 1 }
    return x < a + 1 ? 1 - series(a, x) : fraction(a, x)
  }

  private static func scale(_ a: Double, _ x: Double) -> Double { exp(a * log(x) - x - lgamma(a)) }

  private static func series(_ a: Double, _ x: Double) -> Double {
    var (term, sum, n) = (1 / a, 1 / a, a)
    for _ in 0..<10_000 {
      n += 1
      term *= x / n
      sum += term
      if term < sum * 1e-17 { break }
    }
    return sum * scale(a, x)
  }

  private static func fraction(_ a: Double, _ x: Double) -> Double {
    var b = x + 1 - a
    var c = 1e300
    var d = 1 / b
    var h = d
    for i in 1..<10_000 {
      let n = -Double(i) * (Double(i) - a)
      b += 2
      d = n * d + b
      if abs(d) < 1e-300 { d = 1e-300 }
      c = b + n / c
      if abs(c) < 1e-300 { c = 1e-300 }
      d = 1 / d
      h *= d * c
      if abs(d * c - 1) < 1e-16 { break }
    }
    return h * scale(a, x)
  }
}
