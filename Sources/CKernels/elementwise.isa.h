/* Elementwise loops of one element type and one instruction set. Takes T, IS_FLOAT, NAME(x),
 * TYPED(x); for floats MATH(f), the library's f for T; for integers UNSIGNED, whose sums wrap.
 * Every loop may run in place; the pragma says that this is no dependence between its turns. */

#define ELEMENTS _Pragma("clang loop vectorize(assume_safety)") for (long i = 0; i < n; i++)

#if IS_FLOAT
#define WRAP(p, op, q) (p op q)
#define NEGATE(v) (-v)
#define ABSOLUTE(v) MATH(fabs)(v)
#else
#define WRAP(p, op, q) (T)((UNSIGNED)p op(UNSIGNED) q)
#define NEGATE(v) (T)(0 - (UNSIGNED)v)
#define ABSOLUTE(v) (v < 0 ? NEGATE(v) : v)
#endif

#define UNARY(name, expression) \
  static void NAME(name)(long n, const T *x, T *y, T alpha) { \
    (void)alpha; \
    ELEMENTS { \
      const T v = x[i]; \
      y[i] = expression; \
    } \
  }

UNARY(relu, v < 0 ? 0 : v)
UNARY(square, WRAP(v, *, v))
UNARY(neg, NEGATE(v))
UNARY(abs, ABSOLUTE(v))

#if IS_FLOAT
UNARY(sign, v > 0 ? 1 : v < 0 ? -1 : v)
UNARY(relu6, v < 0 ? 0 : v > 6 ? 6 : v)
UNARY(leaky_relu, v > 0 ? v : v * alpha)
UNARY(elu, v < 0 ? NAME(expm1)(v) : v)
UNARY(selu, (v < 0 ? (T)1.6732632423543772 * NAME(expm1)(v) : v) * (T)1.0507009873554805)
UNARY(tanh_all, NAME(tanh)(v))
UNARY(sigmoid_all, NAME(sigmoid)(v))
UNARY(exp_all, NAME(exp)(v))
UNARY(expm1_all, NAME(expm1)(v))
UNARY(log_all, NAME(log)(v))
UNARY(log1p_all, NAME(log1p)(v))
UNARY(sqrt_all, MATH(sqrt)(v))
UNARY(rsqrt_all, 1 / MATH(sqrt)(v))
UNARY(reciprocal, 1 / v)
UNARY(softplus_all, NAME(softplus)(v))
UNARY(softsign, v / (1 + (v < 0 ? -v : v)))
UNARY(erf_all, NAME(erf)(v))
UNARY(floor_all, MATH(floor)(v))
UNARY(ceil_all, MATH(ceil)(v))
UNARY(rint_all, MATH(rint)(v))
#else
UNARY(sign, (v > 0) - (v < 0))
#endif

#define BINARY(name, OUT, expression) \
  static void NAME(name)(long n, const T *a, int a_step, const T *b, int b_step, OUT *out) { \
    if (a_step && b_step) { \
      ELEMENTS { \
        const T p = a[i], q = b[i]; \
        out[i] = expression; \
      } \
    } else if (a_step) { \
      const T q = *b; \
      ELEMENTS { \
        const T p = a[i]; \
        out[i] = expression; \
      } \
    } else { \
      const T p = *a; \
      ELEMENTS { \
        const T q = b[i * b_step]; \
        out[i] = expression; \
      } \
    } \
  }

BINARY(add, T, WRAP(p, +, q))
BINARY(sub, T, WRAP(p, -, q))
BINARY(mul, T, WRAP(p, *, q))
BINARY(squared_difference, T, WRAP(WRAP(p, -, q), *, WRAP(p, -, q)))
#if IS_FLOAT
BINARY(div, T, p / q)
BINARY(max, T, p > q || p != p ? p : q)
BINARY(min, T, p < q || p != p ? p : q)
BINARY(div_no_nan, T, q == 0 ? 0 : p / q)
#else
BINARY(max, T, p > q ? p : q)
BINARY(min, T, p < q ? p : q)
#endif

BINARY(eq, uint8_t, p == q)
BINARY(ne, uint8_t, p != q)
BINARY(lt, uint8_t, p < q)
BINARY(le, uint8_t, p <= q)
BINARY(gt, uint8_t, p > q)
BINARY(ge, uint8_t, p >= q)

/* ---------------------------------------------------------------------------------------------------- reductions -- */

/* acc[j] = acc[j] op x[i*stride + j] for all i < rows in order, j < width; `shift` has `width` elements and belongs to
 * the squared deviations only. Four vectors at a time stay in registers. */
#define REDUCE(name, vector_expression, expression) \
  static void NAME(name)(long rows, long width, long stride, const T *x, const T *shift, T *acc) { \
    enum { lanes = VECTOR_BYTES / sizeof(T) }; \
    (void)shift; \
    long j = 0; \
    for (; j + 4 * lanes <= width; j += 4 * lanes) { \
      NAME(vector) sum[4], away[4]; \
      _Pragma("clang loop unroll(full)") for (int u = 0; u < 4; u++) { \
        sum[u] = NAME(load)(acc + j + u * lanes); \
        away[u] = shift ? NAME(load)(shift + j + u * lanes) : (NAME(vector)){}; \
      } \
      const T *row = x + j; \
      for (long i = 0; i < rows; i++, row += stride) { \
        _Pragma("clang loop unroll(full)") for (int u = 0; u < 4; u++) { \
          const NAME(vector) a = sum[u], v = NAME(load)(row + u * lanes), s = away[u]; \
          (void)s; \
          sum[u] = vector_expression; \
        } \
      } \
      _Pragma("clang loop unroll(full)") for (int u = 0; u < 4; u++) NAME(store)(acc + j + u * lanes, sum[u]); \
    } \
    const long rest = width - j; \
    if (rest == 0) return; \
    for (long i = 0; i < rows; i++) { \
      const T *row = x + i * stride + j; \
      _Pragma("clang loop vectorize(assume_safety)") for (long r = 0; r < rest; r++) { \
        const T a = acc[j + r], v = row[r], s = shift ? shift[j + r] : 0; \
        (void)s; \
        acc[j + r] = expression; \
      } \
    } \
  }

REDUCE(reduce_sum, a + v, WRAP(a, +, v))
REDUCE(reduce_prod, a *v, WRAP(a, *, v))
REDUCE(reduce_max, NAME(choose)((v > a) | (v != v), v, a), v > a || v != v ? v : a)
REDUCE(reduce_min, NAME(choose)((v < a) | (v != v), v, a), v < a || v != v ? v : a)
#if IS_FLOAT
REDUCE(reduce_squares, a + (v - s) * (v - s), a + (v - s) * (v - s))
#endif

#if IS_FLOAT
/* ------------------------------------------------------------------------------------------------ rows of floats -- */

INLINE T NAME(activated)(T v, ck_activation activation) {
  if (activation == CK_LINEAR) return v;
  v = v < 0 ? 0 : v;
  return activation == CK_RELU6 && v > 6 ? 6 : v;
}

/* y = activation((x - mean)*scale + offset), `n` elements; in place allowed. NULL mean: 0, NULL scale: 1. */
static void NAME(affine)(long n, const T *x, const T *mean, const T *scale, const T *offset, ck_activation activation,
                         T *y) {
  if (scale) {
    ELEMENTS { y[i] = (x[i] - mean[i]) * scale[i] + offset[i]; }
  } else {
    ELEMENTS { y[i] = x[i] + offset[i]; }
  }
  if (activation == CK_RELU) NAME(relu)(n, y, y, 0);
  if (activation == CK_RELU6) NAME(relu6)(n, y, y, 0);
}

/* The same with one mean, scale and offset for all. */
static void NAME(affine_scalar)(long n, const T *x, T mean, T scale, T offset, ck_activation activation, T *y) {
  ELEMENTS { y[i] = (x[i] - mean) * scale + offset; }
  if (activation == CK_RELU) NAME(relu)(n, y, y, 0);
  if (activation == CK_RELU6) NAME(relu6)(n, y, y, 0);
}

/* y = exp(x - shift) */
static void NAME(exp_shifted)(long n, const T *x, T shift, T *y) {
  ELEMENTS { y[i] = NAME(exp)(x[i] - shift); }
}

static void NAME(lstm)(long n, const T *gates, T forget_bias, const T *c, T *new_c, T *new_h) {
  const T *in = gates, *candidate = gates + n, *forget = gates + 2 * n, *out = gates + 3 * n;
  ELEMENTS {
    const T cell = NAME(sigmoid)(forget[i] + forget_bias) * c[i] + NAME(sigmoid)(in[i]) * NAME(tanh)(candidate[i]);
    new_c[i] = cell;
    new_h[i] = NAME(sigmoid)(out[i]) * NAME(tanh)(cell);
  }
}
#endif

static const TYPED(ck_arithmetic) NAME(arithmetic) = {
    .unary = {[CK_UNARY_RELU] = NAME(relu), [CK_UNARY_SQUARE] = NAME(square), [CK_UNARY_NEG] = NAME(neg),
              [CK_UNARY_ABS] = NAME(abs), [CK_UNARY_SIGN] = NAME(sign),
#if IS_FLOAT
              [CK_UNARY_RELU6] = NAME(relu6), [CK_UNARY_LEAKY_RELU] = NAME(leaky_relu), [CK_UNARY_ELU] = NAME(elu),
              [CK_UNARY_SELU] = NAME(selu), [CK_UNARY_TANH] = NAME(tanh_all), [CK_UNARY_SIGMOID] = NAME(sigmoid_all),
              [CK_UNARY_EXP] = NAME(exp_all), [CK_UNARY_EXPM1] = NAME(expm1_all), [CK_UNARY_LOG] = NAME(log_all),
              [CK_UNARY_LOG1P] = NAME(log1p_all), [CK_UNARY_SQRT] = NAME(sqrt_all),
              [CK_UNARY_RSQRT] = NAME(rsqrt_all), [CK_UNARY_RECIPROCAL] = NAME(reciprocal),
              [CK_UNARY_SOFTPLUS] = NAME(softplus_all), [CK_UNARY_SOFTSIGN] = NAME(softsign),
              [CK_UNARY_ERF] = NAME(erf_all), [CK_UNARY_FLOOR] = NAME(floor_all), [CK_UNARY_CEIL] = NAME(ceil_all),
              [CK_UNARY_RINT] = NAME(rint_all),
#endif
    },
    .binary = {[CK_BINARY_ADD] = NAME(add), [CK_BINARY_SUB] = NAME(sub), [CK_BINARY_MUL] = NAME(mul),
               [CK_BINARY_MAX] = NAME(max), [CK_BINARY_MIN] = NAME(min),
               [CK_BINARY_SQUARED_DIFFERENCE] = NAME(squared_difference),
#if IS_FLOAT
               [CK_BINARY_DIV] = NAME(div), [CK_BINARY_DIV_NO_NAN] = NAME(div_no_nan),
#endif
    },
    .compare = {[CK_COMPARE_EQ] = NAME(eq), [CK_COMPARE_NE] = NAME(ne), [CK_COMPARE_LT] = NAME(lt),
                [CK_COMPARE_LE] = NAME(le), [CK_COMPARE_GT] = NAME(gt), [CK_COMPARE_GE] = NAME(ge)},
    .reduce = {[CK_REDUCE_SUM] = NAME(reduce_sum), [CK_REDUCE_MEAN] = NAME(reduce_sum),
               [CK_REDUCE_MAX] = NAME(reduce_max), [CK_REDUCE_MIN] = NAME(reduce_min),
               [CK_REDUCE_PROD] = NAME(reduce_prod)},
#if IS_FLOAT
    .reduce_squares = NAME(reduce_squares),
    .affine = NAME(affine),
    .affine_scalar = NAME(affine_scalar),
    .exp_shifted = NAME(exp_shifted),
    .lstm = NAME(lstm),
#endif
};

#undef ELEMENTS
#undef WRAP
#undef NEGATE
#undef ABSOLUTE
#undef UNARY
#undef BINARY
#undef REDUCE
