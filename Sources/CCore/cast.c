// Number conversion with a count of what it loses. Every value goes through one of two exact carriers, a 128-bit
// integer or a double, so that a pair of kinds needs no code of its own; the common float pairs have a short cut.
#include "CCore.h"

#include <math.h>
#include <string.h>

// A binary float of up to 16 bits: width of exponent and mantissa, and whether it has infinities (e4m3fn has none:
// its largest code is NaN).
typedef struct {
  int exponent_bits, mantissa_bits, has_infinity;
} small_float;

static const small_float half = {5, 10, 1}, bfloat = {8, 7, 1}, e5m2 = {5, 2, 1}, e4m3fn = {4, 3, 0};

static double decode_small(unsigned bits, small_float f) {
  int bias = (1 << (f.exponent_bits - 1)) - 1, top = (1 << f.exponent_bits) - 1;
  unsigned mantissa = bits & ((1u << f.mantissa_bits) - 1), sign = bits >> (f.exponent_bits + f.mantissa_bits) & 1;
  int exponent = (int)(bits >> f.mantissa_bits) & top;
  double value;
  if (exponent == top && f.has_infinity)
    value = mantissa ? NAN : INFINITY;
  else if (exponent == top && mantissa == (1u << f.mantissa_bits) - 1)
    value = NAN;
  else if (exponent == 0)
    value = ldexp(mantissa, 1 - bias - f.mantissa_bits);
  else
    value = ldexp(mantissa + (1u << f.mantissa_bits), exponent - bias - f.mantissa_bits);
  return sign ? -value : value;
}

// Rounds to nearest even in one step, so that nothing is rounded twice.
static unsigned encode_small(double value, small_float f) {
  int bias = (1 << (f.exponent_bits - 1)) - 1, top = (1 << f.exponent_bits) - 1;
  unsigned sign = signbit(value) ? 1u << (f.exponent_bits + f.mantissa_bits) : 0;
  unsigned all_ones = (unsigned)top << f.mantissa_bits | ((1u << f.mantissa_bits) - 1);
  unsigned infinity = f.has_infinity ? (unsigned)top << f.mantissa_bits : all_ones;
  if (isnan(value)) return sign | (f.has_infinity ? infinity | 1u << (f.mantissa_bits - 1) : all_ones);
  value = fabs(value);
  if (isinf(value)) return sign | infinity;
  if (value == 0) return sign;
  int exponent;
  frexp(value, &exponent);  // value in [2^(exponent-1), 2^exponent)
  exponent--;
  if (exponent < 1 - bias) exponent = 1 - bias;
  double scaled = nearbyint(ldexp(value, f.mantissa_bits - exponent));  // exact scaling, one rounding
  // The mantissa may have rounded up to the next power of two: adding lets the carry run into the exponent.
  double code = scaled + ldexp(exponent + bias - 1, f.mantissa_bits);
  return code >= infinity ? sign | infinity : sign | (unsigned)code;
}

static inline uint64_t load(const uint8_t *p, size_t width) {
  uint64_t bits = 0;
  memcpy(&bits, p, width);
  return bits;
}

static size_t width_of(int kind) {
  switch (kind) {
    case CK_INT16: case CK_UINT16: case CK_FLOAT16: case CK_BFLOAT16: return 2;
    case CK_INT32: case CK_UINT32: case CK_FLOAT32: return 4;
    case CK_INT64: case CK_UINT64: case CK_FLOAT64: return 8;
    default: return 1;
  }
}

static int is_integer(int kind) { return kind <= CK_UINT64; }

static __int128 load_integer(int kind, const uint8_t *p) {
  uint64_t bits = load(p, width_of(kind));
  switch (kind) {
    case CK_BOOL: return bits != 0;
    case CK_INT8: return (int8_t)bits;
    case CK_INT16: return (int16_t)bits;
    case CK_INT32: return (int32_t)bits;
    case CK_INT64: return (int64_t)bits;
    default: return bits;
  }
}

static double load_float(int kind, const uint8_t *p) {
  uint64_t bits = load(p, width_of(kind));
  float single;
  double value;
  switch (kind) {
    case CK_FLOAT16: return decode_small((unsigned)bits, half);
    case CK_BFLOAT16: return decode_small((unsigned)bits, bfloat);
    case CK_FLOAT8_E5M2: return decode_small((unsigned)bits, e5m2);
    case CK_FLOAT8_E4M3FN: return decode_small((unsigned)bits, e4m3fn);
    case CK_FLOAT32: memcpy(&single, p, 4); return single;
    default: memcpy(&value, p, 8); return value;
  }
}

static double encode_float(int kind, double value, uint64_t *bits) {
  float single;
  switch (kind) {
    case CK_FLOAT16: *bits = encode_small(value, half); return decode_small((unsigned)*bits, half);
    case CK_BFLOAT16: *bits = encode_small(value, bfloat); return decode_small((unsigned)*bits, bfloat);
    case CK_FLOAT8_E5M2: *bits = encode_small(value, e5m2); return decode_small((unsigned)*bits, e5m2);
    case CK_FLOAT8_E4M3FN: *bits = encode_small(value, e4m3fn); return decode_small((unsigned)*bits, e4m3fn);
    case CK_FLOAT32:
      single = (float)value;
      *bits = 0;
      memcpy(bits, &single, 4);
      return single;
    default: memcpy(bits, &value, 8); return value;
  }
}

static __int128 lowest(int kind) {
  switch (kind) {
    case CK_INT8: return INT8_MIN;
    case CK_INT16: return INT16_MIN;
    case CK_INT32: return INT32_MIN;
    case CK_INT64: return INT64_MIN;
    default: return 0;
  }
}

static __int128 highest(int kind) {
  switch (kind) {
    case CK_BOOL: return 1;
    case CK_INT8: return INT8_MAX;
    case CK_UINT8: return UINT8_MAX;
    case CK_INT16: return INT16_MAX;
    case CK_UINT16: return UINT16_MAX;
    case CK_INT32: return INT32_MAX;
    case CK_UINT32: return UINT32_MAX;
    case CK_INT64: return INT64_MAX;
    default: return UINT64_MAX;
  }
}

static void note_rounding(ck_cast_report *report, double error) {
  report->rounded++;
  if (error > report->largest_error) report->largest_error = error;
}

static uint64_t to_integer(int kind, __int128 value, ck_cast_report *report) {
  __int128 low = lowest(kind), high = highest(kind);
  if (value < low || value > high) {
    report->overflowed++;
    value = value < low ? low : high;
  }
  return (uint64_t)value;
}

static uint64_t float_to_integer(int kind, double value, ck_cast_report *report) {
  if (isnan(value)) {
    report->overflowed++;
    return 0;
  }
  double whole = trunc(value);
  if (fabs(whole) >= 0x1p64) {
    report->overflowed++;
    return (uint64_t)(whole < 0 ? lowest(kind) : highest(kind));
  }
  uint64_t overflowed = report->overflowed;
  uint64_t bits = to_integer(kind, (__int128)whole, report);
  if (whole != value && report->overflowed == overflowed) note_rounding(report, fabs(value - whole));
  return bits;
}

static uint64_t integer_to_float(int kind, __int128 value, ck_cast_report *report) {
  uint64_t bits;
  // Integers of up to 64 bits: the nearest double may already differ, so the comparison is made on integers. Narrow
  // floats round a double that is itself odd-rounded, which keeps a single rounding.
  double carrier = (double)value;
  if ((__int128)carrier != value) {
    double toward = nextafter(carrier, (__int128)carrier < value ? INFINITY : -INFINITY);
    uint64_t a, b;
    memcpy(&a, &carrier, 8), memcpy(&b, &toward, 8);
    if (kind != CK_FLOAT64) memcpy(&carrier, a & 1 ? &a : &b, 8);
  }
  double result = encode_float(kind, carrier, &bits);
  if (isinf(result) || isnan(result))
    report->overflowed++;
  else if ((__int128)result != value)
    note_rounding(report, fabs((double)((__int128)result - value)));
  return bits;
}

static uint64_t float_to_float(int kind, double value, ck_cast_report *report) {
  uint64_t bits;
  double result = encode_float(kind, value, &bits);
  if (isnan(value) || result == value) return bits;
  if (isinf(result) || isnan(result))
    report->overflowed++;
  else
    note_rounding(report, fabs(result - value));
  return bits;
}

static void widen_single(const uint8_t *from, uint8_t *to, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float single;
    memcpy(&single, from + 4 * i, 4);
    double value = single;
    memcpy(to + 8 * i, &value, 8);
  }
}

// Whether every double survives as a float; the loop has no branches, so that it runs at the memory's speed.
static int narrow_exactly(const uint8_t *from, uint8_t *to, size_t count) {
  unsigned differs = 0;
  for (size_t i = 0; i < count; i++) {
    double value;
    memcpy(&value, from + 8 * i, 8);
    float single = (float)value;
    differs |= ((double)single != value) & (value == value);
    if (to) memcpy(to + 4 * i, &single, 4);
  }
  return !differs;
}

void ck_cast(int from_kind, const void *from_bytes, int to_kind, void *to_bytes, size_t count,
             ck_cast_report *report) {
  const uint8_t *from = from_bytes;
  uint8_t *to = to_bytes;
  size_t from_width = width_of(from_kind), to_width = width_of(to_kind);
  if (from_kind == CK_FLOAT32 && to_kind == CK_FLOAT64) {
    if (to) widen_single(from, to, count);
    return;
  }
  if (from_kind == CK_FLOAT64 && to_kind == CK_FLOAT32 && narrow_exactly(from, to, count)) return;
  for (size_t i = 0; i < count; i++, from += from_width) {
    uint64_t bits;
    if (is_integer(from_kind)) {
      __int128 value = load_integer(from_kind, from);
      bits = is_integer(to_kind) ? to_integer(to_kind, value, report) : integer_to_float(to_kind, value, report);
    } else {
      double value = load_float(from_kind, from);
      bits = is_integer(to_kind) ? float_to_integer(to_kind, value, report) : float_to_float(to_kind, value, report);
    }
    if (to) memcpy(to + i * to_width, &bits, to_width);
  }
}

void ck_swap_bytes(void *bytes, size_t width, size_t count) {
  uint8_t *p = bytes;
  for (size_t i = 0; i < count; i++, p += width) {
    uint64_t a, b;
    switch (width) {
      case 2: a = load(p, 2), a = __builtin_bswap16((uint16_t)a), memcpy(p, &a, 2); break;
      case 4: a = load(p, 4), a = __builtin_bswap32((uint32_t)a), memcpy(p, &a, 4); break;
      case 8: a = __builtin_bswap64(load(p, 8)), memcpy(p, &a, 8); break;
      case 16:
        a = __builtin_bswap64(load(p, 8)), b = __builtin_bswap64(load(p + 8, 8));
        memcpy(p, &b, 8), memcpy(p + 8, &a, 8);
        break;
      default: return;
    }
  }
}
