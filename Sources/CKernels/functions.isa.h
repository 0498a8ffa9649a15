/* Scalar functions without branches, so that loops over them become vector code. Takes ISA(x), INLINE. */

INLINE uint32_t ISA(bits_of)(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

INLINE float ISA(float_of)(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* 2^n for -126 <= n <= 127 */
INLINE float ISA(power_of_two)(int32_t n) { return ISA(float_of)((uint32_t)(n + 127) << 23); }

/* n = round(x / ln 2) and e^r - 1 - r for r = x - n*ln 2, |x| < 200. NaN gives NaN and any n. */
INLINE float ISA(exp_parts)(float x, int32_t *n, float *r) {
  const float shift = 12582912.0f; /* 1.5 * 2^23: adding it leaves the rounded integer in the low bits */
  const float shifted = x * 1.44269504f + shift, whole = shifted - shift;
  *n = (int32_t)(ISA(bits_of)(shifted) - 0x4B400000u);
  const float t = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  *r = t;
  float p = 1.9875691500e-4f;
  p = p * t + 1.3981999507e-3f;
  p = p * t + 8.3334519073e-3f;
  p = p * t + 4.1665795894e-2f;
  p = p * t + 1.6666665459e-1f;
  p = p * t + 5.0000001201e-1f;
  return p * (t * t);
}

INLINE float ISA(exp_f32)(float x) {
  x = x > 89.0f ? 89.0f : x;
  x = x < -104.0f ? -104.0f : x;
  int32_t n;
  float r;
  const float tail = ISA(exp_parts)(x, &n, &r), y = (tail + r) + 1.0f;
  n = n < -160 ? -160 : n;
  n = n > 140 ? 140 : n;
  const int32_t half = n >> 1;
  return y * ISA(power_of_two)(half) * ISA(power_of_two)(n - half);
}

INLINE float ISA(expm1_f32)(float x) {
  const float y = x > 89.0f ? 89.0f : x < -18.0f ? -18.0f : x;
  int32_t n;
  float r;
  const float tail = ISA(exp_parts)(y, &n, &r), e = tail + r;
  n = n < -30 ? -30 : n;
  n = n > 129 ? 129 : n;
  const float half = ISA(power_of_two)(n - 2);
  const float z = (half * e + (half - 0.25f)) * 4.0f;
  return n == 0 ? (x == 0 ? x : e) : z;
}

INLINE float ISA(tanh_f32)(float x) {
  float a = x < 0 ? -x : x;
  a = a > 10.0f ? 10.0f : a;
  const float e = ISA(expm1_f32)(a + a), y = e / (e + 2.0f);
  return ISA(float_of)(ISA(bits_of)(y) | (ISA(bits_of)(x) & 0x80000000u));
}

INLINE float ISA(sigmoid_f32)(float x) { return 1.0f / (1.0f + ISA(exp_f32)(-x)); }

INLINE float ISA(log_f32)(float x) {
  const int tiny = x < 1.17549435e-38f;
  const uint32_t bits = ISA(bits_of)(tiny ? x * 8388608.0f : x);
  /* mantissa in sqrt(1/2)...sqrt(2) */
  const uint32_t offset = bits - 0x3F3504F3u;
  const int32_t exponent = (int32_t)offset >> 23;
  const float m = ISA(float_of)((offset & 0x007FFFFFu) + 0x3F3504F3u) - 1.0f;
  const float e = (float)(exponent - (tiny ? 23 : 0));
  float p = 7.0376836292e-2f;
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  const float square = m * m;
  float y = p * m * square + e * -2.12194440e-4f;
  y = y - 0.5f * square;
  y = (m + y) + e * 0.693359375f;
  y = x > 3.4028234e38f ? x : y;
  y = x == 0 ? -(float)INFINITY : y;
  return x < 0 || x != x ? (float)NAN : y;
}

INLINE float ISA(log1p_f32)(float x) {
  const float u = 1.0f + x, lost = x - (u - 1.0f);
  const float y = ISA(log_f32)(u) + lost / u;
  const float whole = u > 3.4028234e38f || u <= 0 ? ISA(log_f32)(u) : y;
  return u == 1.0f ? x : whole;
}

INLINE float ISA(softplus_f32)(float x) {
  const float a = x < 0 ? x : -x;
  return (x > 0 ? x : 0.0f) + ISA(log1p_f32)(ISA(exp_f32)(a));
}

/* Rational approximation on -4...4, the one TensorFlow uses. */
INLINE float ISA(erf_f32)(float x) {
  float t = x > 4.0f ? 4.0f : x;
  t = t < -4.0f ? -4.0f : t;
  const float s = t * t;
  float p = -2.72614225801306e-10f;
  p = p * s + 2.77068142495902e-08f;
  p = p * s - 2.10102402082508e-06f;
  p = p * s - 5.69250639462346e-05f;
  p = p * s - 7.34990630326855e-04f;
  p = p * s - 2.95459980854025e-03f;
  p = p * s - 1.60960333262415e-02f;
  float q = -1.45660718464996e-05f;
  q = q * s - 2.13374055278905e-04f;
  q = q * s - 1.68282697438203e-03f;
  q = q * s - 7.37332916720468e-03f;
  q = q * s - 1.42647390514189e-02f;
  return t * p / q;
}

/* Doubles take the library's functions. */
INLINE double ISA(exp_f64)(double x) { return exp(x); }
INLINE double ISA(expm1_f64)(double x) { return expm1(x); }
INLINE double ISA(tanh_f64)(double x) { return tanh(x); }
INLINE double ISA(sigmoid_f64)(double x) { return 1.0 / (1.0 + exp(-x)); }
INLINE double ISA(log_f64)(double x) { return log(x); }
INLINE double ISA(log1p_f64)(double x) { return log1p(x); }
INLINE double ISA(softplus_f64)(double x) { return (x > 0 ? x : 0) + log1p(exp(x < 0 ? x : -x)); }
INLINE double ISA(erf_f64)(double x) { return erf(x); }
