#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

func logarithm(_ x: Float) -> Float { logf(x) }
func logarithm(_ x: Double) -> Double { log(x) }
func sineAndCosine(_ x: Float) -> (Float, Float) { (sinf(x), cosf(x)) }
func sineAndCosine(_ x: Double) -> (Double, Double) { (sin(x), cos(x)) }
func logGamma(_ x: Double) -> Double { lgamma(x) }
