/* Elementwise functions: which loop runs on which piece of the arrays. */
#include "internal.h"

extern double lgamma_r(double x, int *sign);

/* --------------------------------------------------------------------------------------------- library functions -- */

static const double pi = 3.14159265358979323846;

static double digamma(double x) {
  if (x == 0) return copysign(INFINITY, -x);
  if (x < 0) {
    if (x == floor(x)) return NAN;
    return digamma(1 - x) - pi / tan(pi * (x - rint(x)));
  }
  double shifted = 0;
  for (; x < 10; x++) shifted -= 1 / x;
  const double s = 1 / (x * x);
  return shifted + log(x) - 0.5 / x -
         s * (1.0 / 12 - s * (1.0 / 120 - s * (1.0 / 252 - s * (1.0 / 240 - s * (1.0 / 132 - s * 691.0 / 32760)))));
}

static double log_gamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}

#define LIBRARY(name, T, expression) \
  static void name(long n, const T *x, T *y) { \
    for (long i = 0; i < n; i++) { \
      const T v = x[i]; \
      y[i] = expression; \
    } \
  }
#define LIBRARY_BOTH(name) LIBRARY(name##_f32, float, name##f(v)) LIBRARY(name##_f64, double, name(v))

LIBRARY_BOTH(sin)
LIBRARY_BOTH(cos)
LIBRARY_BOTH(tan)
LIBRARY_BOTH(asin)
LIBRARY_BOTH(acos)
LIBRARY_BOTH(atan)
LIBRARY_BOTH(sinh)
LIBRARY_BOTH(cosh)
LIBRARY_BOTH(asinh)
LIBRARY_BOTH(acosh)
LIBRARY_BOTH(atanh)
LIBRARY_BOTH(erfc)
LIBRARY(lgamma_f32, float, (float)log_gamma(v))
LIBRARY(lgamma_f64, double, log_gamma(v))
LIBRARY(digamma_f32, float, (float)digamma(v))
LIBRARY(digamma_f64, double, digamma(v))

#define LIBRARY_TABLE(type) \
  { \
    [CK_UNARY_SIN] = sin_##type, [CK_UNARY_COS] = cos_##type, [CK_UNARY_TAN] = tan_##type, \
    [CK_UNARY_ASIN] = asin_##type, [CK_UNARY_ACOS] = acos_##type, [CK_UNARY_ATAN] = atan_##type, \
    [CK_UNARY_SINH] = sinh_##type, [CK_UNARY_COSH] = cosh_##type, [CK_UNARY_ASINH] = asinh_##type, \
    [CK_UNARY_ACOSH] = acosh_##type, [CK_UNARY_ATANH] = atanh_##type, [CK_UNARY_ERFC] = erfc_##type, \
    [CK_UNARY_LGAMMA] = lgamma_##type, [CK_UNARY_DIGAMMA] = digamma_##type, \
  }

static void (*const library_f32[CK_UNARY_COUNT])(long, const float *, float *) = LIBRARY_TABLE(f32);
static void (*const library_f64[CK_UNARY_COUNT])(long, const double *, double *) = LIBRARY_TABLE(f64);
static void (*const library_i32[CK_UNARY_COUNT])(long, const int32_t *, int32_t *);
static void (*const library_i64[CK_UNARY_COUNT])(long, const int64_t *, int64_t *);

#define STEPS \
  for (long i = 0; i < n; i++, a += a_step, b += b_step)

#define LIBRARY_BINARY(name, T, expression) \
  static int name(long n, const T *a, int a_step, const T *b, int b_step, T *out) { \
    STEPS { \
      const T p = *a, q = *b; \
      out[i] = expression; \
    } \
    return CK_OK; \
  }

static inline double floor_mod(double p, double q) {
  const double r = fmod(p, q);
  return r != 0 && (r < 0) != (q < 0) ? r + q : r;
}

static inline float floor_mod_f(float p, float q) {
  const float r = fmodf(p, q);
  return r != 0 && (r < 0) != (q < 0) ? r + q : r;
}

LIBRARY_BINARY(floor_div_f32, float, floorf(p / q))
LIBRARY_BINARY(floor_div_f64, double, floor(p / q))
LIBRARY_BINARY(floor_mod_f32, float, floor_mod_f(p, q))
LIBRARY_BINARY(floor_mod_f64, double, floor_mod(p, q))
LIBRARY_BINARY(truncate_mod_f32, float, fmodf(p, q))
LIBRARY_BINARY(truncate_mod_f64, double, fmod(p, q))
LIBRARY_BINARY(pow_f32, float, powf(p, q))
LIBRARY_BINARY(pow_f64, double, pow(p, q))
LIBRARY_BINARY(atan2_f32, float, atan2f(p, q))
LIBRARY_BINARY(atan2_f64, double, atan2(p, q))
LIBRARY_BINARY(xlogy_f32, float, p == 0 ? 0 : p * logf(q))
LIBRARY_BINARY(xlogy_f64, double, p == 0 ? 0 : p * log(q))
LIBRARY_BINARY(xdivy_f32, float, p == 0 ? 0 : p / q)
LIBRARY_BINARY(xdivy_f64, double, p == 0 ? 0 : p / q)

/* Integers divide without trapping: by zero is an error, the least value by -1 wraps. */
#define INTEGER_DIVISION(name, T, U, expression) \
  static int name(long n, const T *a, int a_step, const T *b, int b_step, T *out) { \
    int status = CK_OK; \
    STEPS { \
      const T p = *a, q = *b; \
      if (q == 0) { \
        status = CK_DIVISION_BY_ZERO; \
        out[i] = 0; \
        continue; \
      } \
      const T quotient = q == -1 ? (T)(0 - (U)p) : p / q, rest = q == -1 ? 0 : p % q; \
      (void)quotient, (void)rest; \
      out[i] = expression; \
    } \
    return status; \
  }

#define INTEGER_POWER(name, T, U) \
  static int name(long n, const T *a, int a_step, const T *b, int b_step, T *out) { \
    int status = CK_OK; \
    STEPS { \
      U base = (U)*a, power = 1; \
      if (*b < 0) status = CK_UNSUPPORTED; \
      for (T q = *b; q > 0; q >>= 1, base *= base) \
        if (q & 1) power *= base; \
      out[i] = (T)power; \
    } \
    return status; \
  }

INTEGER_DIVISION(div_i32, int32_t, uint32_t, quotient)
INTEGER_DIVISION(div_i64, int64_t, uint64_t, quotient)
INTEGER_DIVISION(floor_div_i32, int32_t, uint32_t, rest != 0 && (rest < 0) != (q < 0) ? quotient - 1 : quotient)
INTEGER_DIVISION(floor_div_i64, int64_t, uint64_t, rest != 0 && (rest < 0) != (q < 0) ? quotient - 1 : quotient)
INTEGER_DIVISION(floor_mod_i32, int32_t, uint32_t, rest != 0 && (rest < 0) != (q < 0) ? rest + q : rest)
INTEGER_DIVISION(floor_mod_i64, int64_t, uint64_t, rest != 0 && (rest < 0) != (q < 0) ? rest + q : rest)
INTEGER_DIVISION(truncate_mod_i32, int32_t, uint32_t, rest)
INTEGER_DIVISION(truncate_mod_i64, int64_t, uint64_t, rest)
INTEGER_POWER(pow_i32, int32_t, uint32_t)
INTEGER_POWER(pow_i64, int64_t, uint64_t)

#define FLOAT_BINARY_TABLE(type) \
  { \
    [CK_BINARY_FLOOR_DIV] = floor_div_##type, [CK_BINARY_FLOOR_MOD] = floor_mod_##type, \
    [CK_BINARY_TRUNCATE_MOD] = truncate_mod_##type, [CK_BINARY_POW] = pow_##type, \
    [CK_BINARY_ATAN2] = atan2_##type, [CK_BINARY_XLOGY] = xlogy_##type, [CK_BINARY_XDIVY] = xdivy_##type, \
  }
#define INTEGER_BINARY_TABLE(type) \
  { \
    [CK_BINARY_DIV] = div_##type, [CK_BINARY_FLOOR_DIV] = floor_div_##type, \
    [CK_BINARY_FLOOR_MOD] = floor_mod_##type, [CK_BINARY_TRUNCATE_MOD] = truncate_mod_##type, \
    [CK_BINARY_POW] = pow_##type, \
  }

typedef int library_binary_f32(long, const float *, int, const float *, int, float *);
typedef int library_binary_f64(long, const double *, int, const double *, int, double *);
typedef int library_binary_i32(long, const int32_t *, int, const int32_t *, int, int32_t *);
typedef int library_binary_i64(long, const int64_t *, int, const int64_t *, int, int64_t *);
static library_binary_f32 *const binary_f32[CK_BINARY_COUNT] = FLOAT_BINARY_TABLE(f32);
static library_binary_f64 *const binary_f64[CK_BINARY_COUNT] = FLOAT_BINARY_TABLE(f64);
static library_binary_i32 *const binary_i32[CK_BINARY_COUNT] = INTEGER_BINARY_TABLE(i32);
static library_binary_i64 *const binary_i64[CK_BINARY_COUNT] = INTEGER_BINARY_TABLE(i64);

/* ----------------------------------------------------------------------------------------------------- broadcast -- */

/* Dimensions of a broadcast with those of size 1 dropped and neighbours joined where both operands allow it. The last
 * one is the row that the loops run along. */
struct broadcast {
  int rank;
  long size[CK_MAX_RANK], a_stride[CK_MAX_RANK], b_stride[CK_MAX_RANK];
  long total;
};

static int collapse(int rank, const long *dims, const long *a_strides, const long *b_strides, struct broadcast *out) {
  if (rank < 0 || rank > CK_MAX_RANK) return CK_UNSUPPORTED;
  out->rank = 0;
  out->total = 1;
  for (int i = 0; i < rank; i++) {
    out->total *= dims[i] > 0 ? dims[i] : 0;
    if (dims[i] == 1) continue;
    const int last = out->rank - 1;
    if (last >= 0 && out->a_stride[last] == a_strides[i] * dims[i] && out->b_stride[last] == b_strides[i] * dims[i]) {
      out->size[last] *= dims[i];
      out->a_stride[last] = a_strides[i];
      out->b_stride[last] = b_strides[i];
      continue;
    }
    out->size[out->rank] = dims[i];
    out->a_stride[out->rank] = a_strides[i];
    out->b_stride[out->rank++] = b_strides[i];
  }
  if (out->rank == 0) {
    out->size[0] = 1;
    out->a_stride[0] = out->b_stride[0] = 1;
    out->rank = 1;
  }
  return CK_OK;
}

/* Where row `row` (all dimensions but the last) starts in both operands. */
static void row_offsets(const struct broadcast *shape, long row, long *a, long *b) {
  *a = *b = 0;
  for (int i = shape->rank - 2; i >= 0; i--) {
    const long index = row % shape->size[i];
    row /= shape->size[i];
    *a += index * shape->a_stride[i];
    *b += index * shape->b_stride[i];
  }
}

#define T float
#define X(name) name##_f32
#define TABLE arithmetic_f32
#include "elementwise.type.h"
#undef T
#undef X
#undef TABLE

#define T double
#define X(name) name##_f64
#define TABLE arithmetic_f64
#include "elementwise.type.h"
#undef T
#undef X
#undef TABLE

#define T int32_t
#define X(name) name##_i32
#define TABLE arithmetic_i32
#include "elementwise.type.h"
#undef T
#undef X
#undef TABLE

#define T int64_t
#define X(name) name##_i64
#define TABLE arithmetic_i64
#include "elementwise.type.h"
#undef T
#undef X
#undef TABLE

int ck_unary_i32(ck_pool *pool, ck_unary op, long n, const int32_t *x, int32_t *y) {
  return unary_i32(pool, op, n, x, y, 0);
}

int ck_unary_i64(ck_pool *pool, ck_unary op, long n, const int64_t *x, int64_t *y) {
  return unary_i64(pool, op, n, x, y, 0);
}

int ck_unary_f32(ck_pool *pool, ck_unary op, long n, const float *x, float *y, float alpha) {
  return unary_f32(pool, op, n, x, y, alpha);
}

int ck_unary_f64(ck_pool *pool, ck_unary op, long n, const double *x, double *y, double alpha) {
  return unary_f64(pool, op, n, x, y, alpha);
}

/* ------------------------------------------------------------------------------------------------- the LSTM cell -- */

struct lstm_job {
  long hidden;
  const float *gates, *c;
  float forget_bias, *new_c, *new_h;
};

static void lstm_rows(void *context, long begin, long end) {
  const struct lstm_job *job = context;
  for (long i = begin; i < end; i++)
    ck_kernels()->arithmetic_f32->lstm(job->hidden, job->gates + i * 4 * job->hidden, job->forget_bias,
                                       job->c + i * job->hidden, job->new_c + i * job->hidden,
                                       job->new_h + i * job->hidden);
}

void ck_lstm_gates_f32(ck_pool *pool, long batch, long hidden, const float *gates, float forget_bias, const float *c,
                       float *new_c, float *new_h) {
  struct lstm_job job = {hidden, gates, c, forget_bias, new_c, new_h};
  ck_ranges(pool, batch, (double)batch * hidden * 50, lstm_rows, &job);
}
