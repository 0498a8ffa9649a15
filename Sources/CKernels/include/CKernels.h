/* CKernels: the arithmetic of the graph runtime.
 *
 * Conventions, for every function here:
 * - Tensors are dense and row-major unless a stride parameter says otherwise; strides and leading dimensions count
 *   elements, never bytes. Images are NHWC (NDHWC), filters HWIO (DHWIO), unless the name says otherwise.
 * - Sizes are `long` (Swift `Int`). A size of 0 is legal everywhere and then pointers may be NULL.
 * - Nothing traps, aborts or reads the environment. Functions that allocate or that check values return an `int`:
 *   CK_OK or one of the codes below; after an error the output is unspecified.
 * - `pool` may be NULL: then the call runs on the calling thread alone. The bits of the result never depend on the
 *   pool: threads get whole independent outputs, and every sum has one order, a function of the shape (and of the
 *   instruction set in use).
 * - An output may be the same array as an input only where the comment says "in place"; it may never overlap partly.
 * - Floats follow IEEE: no fast-math, NaN and infinities go through as in TensorFlow.
 */
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  CK_OK = 0,
  CK_NO_MEMORY = 1,        /* an allocation failed */
  CK_BAD_INDEX = 2,        /* an index or label lies outside its range */
  CK_DIVISION_BY_ZERO = 3, /* integer division or remainder by zero */
  CK_UNSUPPORTED = 4,      /* an operation that this element type does not have, or a rank above CK_MAX_RANK */
};

/* The most dimensions any strided function takes. */
#define CK_MAX_RANK 16

/* ----------------------------------------------------------------------------------------------- instruction set -- */

typedef enum { CK_ISA_PORTABLE = 0, CK_ISA_NEON = 1, CK_ISA_AVX2 = 2, CK_ISA_AVX512 = 3 } ck_isa;

/* The instruction set in use: the best one this CPU has, unless forced. */
ck_isa ck_current_isa(void);

/* For tests: use `isa` from now on. Returns 0 and changes nothing if this CPU or build lacks it. Packed matrices made
 * earlier stay valid: they remember their instruction set. Not to be called while kernels run. */
int ck_force_isa(ck_isa isa);

/* ------------------------------------------------------------------------------------------------------- threads -- */

/* A set of persistent worker threads. The caller of a kernel takes part in the work, so `threads` = 2 starts one. */
typedef struct ck_pool ck_pool;

/* NULL when memory or threads are lacking, and for threads <= 1 (NULL is the serial pool). */
ck_pool *ck_pool_create(int threads);
void ck_pool_destroy(ck_pool *pool);

/* 1 for NULL. */
int ck_pool_threads(const ck_pool *pool);

/* Calls fn(context, i) once for each 0 <= i < count, on any threads in any order, and returns when all are done.
 * Calls from inside `fn`, and calls that find the pool busy, run serially on the calling thread. */
void ck_parallel(ck_pool *pool, long count, void (*fn)(void *context, long index), void *context);

/* -------------------------------------------------------------------------------------------------------- matmul -- */

/* What happens to a finished sum before it is stored. NaN passes through both. */
typedef enum { CK_LINEAR = 0, CK_RELU = 1, CK_RELU6 = 2 } ck_activation;

/* C[m,n] = activation(op(A)[m,k] * op(B)[k,n] + bias[n]).
 * op(A) is A[m,k] or, with transpose_a, the transpose of A[k,m]; likewise B[k,n] or B[n,k]. lda, ldb, ldc: row lengths
 * as stored. bias NULL: none. k = 0 gives activation(bias). Each sum runs over k in rising order within blocks whose
 * size is a constant, the blocks in rising order; one row against a transposed B sums in interleaved lanes instead. */
int ck_gemm_f32(ck_pool *pool, int transpose_a, int transpose_b, long m, long n, long k, const float *a, long lda,
                const float *b, long ldb, float *c, long ldc, const float *bias, ck_activation activation);
int ck_gemm_f64(ck_pool *pool, int transpose_a, int transpose_b, long m, long n, long k, const double *a, long lda,
                const double *b, long ldb, double *c, long ldc, const double *bias, ck_activation activation);
/* Sums wrap as TensorFlow's do. */
int ck_gemm_i32(ck_pool *pool, int transpose_a, int transpose_b, long m, long n, long k, const int32_t *a, long lda,
                const int32_t *b, long ldb, int32_t *c, long ldc);

/* `batch` products of one shape: C_i = op(A_i) * op(B_i), with A_i at a + a_offsets[i], B_i at b + b_offsets[i] (equal
 * offsets broadcast), all matrices dense, C_i at c + i*m*n. */
int ck_gemm_batched_f32(ck_pool *pool, int transpose_a, int transpose_b, long batch, long m, long n, long k,
                        const float *a, const long *a_offsets, const float *b, const long *b_offsets, float *c);
int ck_gemm_batched_f64(ck_pool *pool, int transpose_a, int transpose_b, long batch, long m, long n, long k,
                        const double *a, const long *a_offsets, const double *b, const long *b_offsets, double *c);
int ck_gemm_batched_i32(ck_pool *pool, int transpose_a, int transpose_b, long batch, long m, long n, long k,
                        const int32_t *a, const long *a_offsets, const int32_t *b, const long *b_offsets, int32_t *c);

/* A right-hand matrix op(B)[k,n] copied into the order the kernels read it: worth making once for constant weights.
 * Convolution weights are the matrix k = filter_d*filter_h*filter_w*in_c/groups, n = out_c, ldb = out_c (groups = 1).
 * NULL when memory is lacking. The original matrix may be freed. */
typedef struct ck_packed_f32 ck_packed_f32;
ck_packed_f32 *ck_pack_f32(ck_pool *pool, int transpose_b, long n, long k, const float *b, long ldb);
void ck_packed_free_f32(ck_packed_f32 *packed);

/* As ck_gemm_f32, with n, k and B given by `packed`. Same bits as without packing, except that one row against a packed
 * transposed B sums like any other shape. */
int ck_gemm_packed_f32(ck_pool *pool, int transpose_a, long m, const float *a, long lda, const ck_packed_f32 *packed,
                       float *c, long ldc, const float *bias, ck_activation activation);

/* --------------------------------------------------------------------------------------------------- convolution -- */

/* A convolution over depth, height and width. For a 2-D one every *_d is 1 and pad_front is 0.
 * Output position o reads input positions o*stride - pad + tap*dilation; those outside the input count as zero, so the
 * padding after the end is implied by out_*. */
typedef struct {
  long batch;
  long in_d, in_h, in_w, in_c;
  long filter_d, filter_h, filter_w;
  long out_d, out_h, out_w, out_c;
  long stride_d, stride_h, stride_w;
  long dilation_d, dilation_h, dilation_w;
  long pad_front, pad_top, pad_left;
  long groups; /* 1, or a divisor of in_c and out_c: filter is then [d,h,w,in_c/groups,out_c] */
} ck_conv;

/* TensorFlow's output size and padding before the first element along one axis. Sizes must be positive. */
long ck_same_size(long in, long stride);
long ck_same_pad(long in, long filter, long stride, long dilation);
long ck_valid_size(long in, long filter, long stride, long dilation); /* never below 0 */
long ck_explicit_size(long in, long filter, long stride, long dilation, long pad_before, long pad_after);

/* output[batch,out_d,out_h,out_w,out_c] = activation(conv(input, filter) + bias[out_c]).
 * packed: the filter as ck_pack_f32 made it, or NULL; ignored when groups > 1. `filter` may be NULL if it is used.
 * Each sum runs over (tap d, tap h, tap w, channel) in rising order, in blocks as in ck_gemm. */
int ck_conv_f32(ck_pool *pool, const ck_conv *shape, const float *input, const float *filter,
                const ck_packed_f32 *packed, const float *bias, ck_activation activation, float *output);
int ck_conv_f64(ck_pool *pool, const ck_conv *shape, const double *input, const double *filter, const double *bias,
                ck_activation activation, double *output);

/* The same with input and output in NCHW (NCDHW): transposes into scratch memory, convolves, transposes back. */
int ck_conv_nchw_f32(ck_pool *pool, const ck_conv *shape, const float *input, const float *filter,
                     const ck_packed_f32 *packed, const float *bias, ck_activation activation, float *output);

/* Depthwise: out_c = in_c * multiplier, filter [filter_h,filter_w,in_c,multiplier], output channel c*multiplier + q.
 * 2-D only; `groups` is ignored. Sums run over (tap h, tap w) in rising order. */
int ck_depthwise_f32(ck_pool *pool, const ck_conv *shape, const float *input, const float *filter, const float *bias,
                     ck_activation activation, float *output);
int ck_depthwise_f64(ck_pool *pool, const ck_conv *shape, const double *input, const double *filter,
                     const double *bias, ck_activation activation, double *output);

/* The gradient of the convolution `shape` with respect to its input (transposed convolution, "deconv"):
 * input_gradient[batch,in_d,in_h,in_w,in_c] from output_gradient[batch,out_d,out_h,out_w,out_c]. groups must be 1. */
int ck_conv_backprop_input_f32(ck_pool *pool, const ck_conv *shape, const float *filter, const float *output_gradient,
                               float *input_gradient);
int ck_conv_backprop_input_f64(ck_pool *pool, const ck_conv *shape, const double *filter,
                               const double *output_gradient, double *input_gradient);

/* ------------------------------------------------------------------------------------------------------- pooling -- */

/* A pooling window over depth, height and width of [batch,in_d,in_h,in_w,channels]. For 2-D every *_d is 1 and
 * pad_front is 0. */
typedef struct {
  long batch, channels;
  long in_d, in_h, in_w;
  long window_d, window_h, window_w;
  long out_d, out_h, out_w;
  long stride_d, stride_h, stride_w;
  long pad_front, pad_top, pad_left;
} ck_pooling;

/* Largest value of each window, starting from the lowest finite value: as in TensorFlow a NaN is passed over, and -inf
 * or a window wholly in the padding gives the lowest finite value. */
int ck_max_pool_f32(ck_pool *pool, const ck_pooling *shape, const float *input, float *output);
int ck_max_pool_f64(ck_pool *pool, const ck_pooling *shape, const double *input, double *output);

/* Also the position of the first largest value, ((y*in_w + x)*channels + c), plus image*in_h*in_w*channels when
 * include_batch. 2-D only. Starts from the first element, so here a NaN stays when it comes first, as in TensorFlow. */
void ck_max_pool_argmax_f32(ck_pool *pool, const ck_pooling *shape, int include_batch, const float *input,
                            float *output, int64_t *argmax);

/* Mean of the window's elements inside the input (padding does not count). Each sum takes the rows first, in
 * rising (d,h) order, then the columns. */
int ck_avg_pool_f32(ck_pool *pool, const ck_pooling *shape, const float *input, float *output);
int ck_avg_pool_f64(ck_pool *pool, const ck_pooling *shape, const double *input, double *output);

/* --------------------------------------------------------------------------------------------------- elementwise -- */

typedef enum {
  CK_UNARY_RELU, CK_UNARY_RELU6, CK_UNARY_LEAKY_RELU, CK_UNARY_ELU, CK_UNARY_SELU, CK_UNARY_TANH, CK_UNARY_SIGMOID,
  CK_UNARY_EXP, CK_UNARY_EXPM1, CK_UNARY_LOG, CK_UNARY_LOG1P, CK_UNARY_SQRT, CK_UNARY_RSQRT, CK_UNARY_SQUARE,
  CK_UNARY_NEG, CK_UNARY_ABS, CK_UNARY_RECIPROCAL, CK_UNARY_SOFTPLUS, CK_UNARY_SOFTSIGN, CK_UNARY_SIN, CK_UNARY_COS,
  CK_UNARY_TAN, CK_UNARY_ASIN, CK_UNARY_ACOS, CK_UNARY_ATAN, CK_UNARY_SINH, CK_UNARY_COSH, CK_UNARY_ASINH,
  CK_UNARY_ACOSH, CK_UNARY_ATANH, CK_UNARY_ERF, CK_UNARY_ERFC, CK_UNARY_LGAMMA, CK_UNARY_DIGAMMA, CK_UNARY_FLOOR,
  CK_UNARY_CEIL, CK_UNARY_RINT, /* also ROUND: halves go to even */
  CK_UNARY_SIGN,                /* of NaN: NaN */
  CK_UNARY_COUNT
} ck_unary;

/* y[i] = op(x[i]), 0 <= i < n; in place allowed. alpha: the slope of LEAKY_RELU below zero; else ignored.
 * f32 exp, expm1, tanh, sigmoid, log, log1p, elu, selu, softplus are vectorised polynomials; the bits of an element do
 * not depend on n or on its position. Integers have NEG, ABS, SIGN, SQUARE, RELU; else CK_UNSUPPORTED. */
int ck_unary_f32(ck_pool *pool, ck_unary op, long n, const float *x, float *y, float alpha);
int ck_unary_f64(ck_pool *pool, ck_unary op, long n, const double *x, double *y, double alpha);
int ck_unary_i32(ck_pool *pool, ck_unary op, long n, const int32_t *x, int32_t *y);
int ck_unary_i64(ck_pool *pool, ck_unary op, long n, const int64_t *x, int64_t *y);

typedef enum {
  CK_BINARY_ADD, CK_BINARY_SUB, CK_BINARY_MUL,
  CK_BINARY_DIV,               /* integers: toward zero (TruncateDiv, Div) */
  CK_BINARY_MAX, CK_BINARY_MIN, /* NaN in either operand gives NaN */
  CK_BINARY_SQUARED_DIFFERENCE,
  CK_BINARY_FLOOR_DIV, CK_BINARY_FLOOR_MOD, CK_BINARY_TRUNCATE_MOD,
  CK_BINARY_POW,               /* integers: a negative exponent gives CK_UNSUPPORTED, as TensorFlow refuses it */
  CK_BINARY_DIV_NO_NAN, CK_BINARY_ATAN2, CK_BINARY_XLOGY, CK_BINARY_XDIVY, /* floats only */
  CK_BINARY_COUNT
} ck_binary;

typedef enum {
  CK_COMPARE_EQ, CK_COMPARE_NE, CK_COMPARE_LT, CK_COMPARE_LE, CK_COMPARE_GT, CK_COMPARE_GE, CK_COMPARE_COUNT
} ck_compare;

/* out[dims] = op(a, b), out dense row-major. a_strides and b_strides have `rank` entries, in elements; 0 broadcasts
 * along that dimension. Dimensions that collapse are collapsed inside, so equal shapes, scalars, row vectors and
 * columns all run as plain loops. In place (out == a or out == b) allowed where that operand is dense. */
int ck_binary_f32(ck_pool *pool, ck_binary op, int rank, const long *dims, const long *a_strides,
                  const long *b_strides, const float *a, const float *b, float *out);
int ck_binary_f64(ck_pool *pool, ck_binary op, int rank, const long *dims, const long *a_strides,
                  const long *b_strides, const double *a, const double *b, double *out);
int ck_binary_i32(ck_pool *pool, ck_binary op, int rank, const long *dims, const long *a_strides,
                  const long *b_strides, const int32_t *a, const int32_t *b, int32_t *out);
int ck_binary_i64(ck_pool *pool, ck_binary op, int rank, const long *dims, const long *a_strides,
                  const long *b_strides, const int64_t *a, const int64_t *b, int64_t *out);

/* The same for comparisons; out holds 0 or 1. */
int ck_compare_f32(ck_pool *pool, ck_compare op, int rank, const long *dims, const long *a_strides,
                   const long *b_strides, const float *a, const float *b, uint8_t *out);
int ck_compare_f64(ck_pool *pool, ck_compare op, int rank, const long *dims, const long *a_strides,
                   const long *b_strides, const double *a, const double *b, uint8_t *out);
int ck_compare_i32(ck_pool *pool, ck_compare op, int rank, const long *dims, const long *a_strides,
                   const long *b_strides, const int32_t *a, const int32_t *b, uint8_t *out);
int ck_compare_i64(ck_pool *pool, ck_compare op, int rank, const long *dims, const long *a_strides,
                   const long *b_strides, const int64_t *a, const int64_t *b, uint8_t *out);

/* y[rows,channels] = activation(x[rows,channels] + bias[channels]); in place allowed. */
void ck_bias_add_f32(ck_pool *pool, long rows, long channels, const float *x, const float *bias,
                     ck_activation activation, float *y);
void ck_bias_add_f64(ck_pool *pool, long rows, long channels, const double *x, const double *bias,
                     ck_activation activation, double *y);
/* y[batch,channels,inner] = activation(x + bias[channels]) (NCHW); in place allowed. */
void ck_bias_add_nchw_f32(ck_pool *pool, long batch, long channels, long inner, const float *x, const float *bias,
                          ck_activation activation, float *y);

/* The LSTM cell after its matrix product. gates[batch,4*hidden] holds the blocks i, j, f, o (BasicLSTMCell's order):
 * c' = sigmoid(f + forget_bias)*c + sigmoid(i)*tanh(j), h' = sigmoid(o)*tanh(c'). In place (new_c == c) allowed. */
void ck_lstm_gates_f32(ck_pool *pool, long batch, long hidden, const float *gates, float forget_bias, const float *c,
                       float *new_c, float *new_h);

/* -------------------------------------------------------------------------------------------- softmax and losses -- */

/* y = softmax or, with `logarithm`, log softmax of each row of x[rows,columns]; in place allowed. */
void ck_softmax_f32(ck_pool *pool, long rows, long columns, int logarithm, const float *x, float *y);
void ck_softmax_f64(ck_pool *pool, long rows, long columns, int logarithm, const double *x, double *y);

/* Per row: loss[rows] = -sum(labels * log_softmax(logits)), backprop[rows,columns] = softmax(logits) - labels.
 * backprop may be NULL. Nothing is broadcast. */
void ck_softmax_xent_f32(ck_pool *pool, long rows, long columns, const float *logits, const float *labels, float *loss,
                         float *backprop);
void ck_softmax_xent_f64(ck_pool *pool, long rows, long columns, const double *logits, const double *labels,
                         double *loss, double *backprop);
/* labels[rows] are class numbers; one outside 0..<columns gives CK_BAD_INDEX. */
int ck_sparse_softmax_xent_f32(ck_pool *pool, long rows, long columns, const float *logits, const int64_t *labels,
                               float *loss, float *backprop);
int ck_sparse_softmax_xent_f64(ck_pool *pool, long rows, long columns, const double *logits, const int64_t *labels,
                               double *loss, double *backprop);

/* sum(x*x)/2, in the order of a CK_REDUCE_SUM over everything. */
int ck_l2_loss_f32(ck_pool *pool, long n, const float *x, float *out);
int ck_l2_loss_f64(ck_pool *pool, long n, const double *x, double *out);

/* ------------------------------------------------------------------------------------------- batch normalisation -- */

/* y = (x - mean)*scale/sqrt(variance + epsilon) + offset over x[outer,channels,inner]: NHWC has inner = 1 and
 * outer = N*H*W, NCHW has outer = N and inner = H*W. scale NULL: 1; offset NULL: 0. In place allowed. */
int ck_batch_norm_f32(ck_pool *pool, long outer, long channels, long inner, const float *x, const float *scale,
                      const float *offset, const float *mean, const float *variance, float epsilon,
                      ck_activation activation, float *y);
int ck_batch_norm_f64(ck_pool *pool, long outer, long channels, long inner, const double *x, const double *scale,
                      const double *offset, const double *mean, const double *variance, double epsilon,
                      ck_activation activation, double *y);

/* As in training: mean and variance are those of x. Writes mean[channels], the biased variance it normalised with
 * (reserve_space_2; may be NULL) and the sample variance, times n/(n-1) (batch_variance; may be NULL). */
int ck_batch_norm_training_f32(ck_pool *pool, long outer, long channels, long inner, const float *x,
                               const float *scale, const float *offset, float epsilon, ck_activation activation,
                               float *y, float *mean, float *biased_variance, float *sample_variance);

/* Layer normalisation of each row of x[rows,columns] with scale[columns] and offset[columns] (NULL: 1, 0). In place
 * allowed. */
void ck_layer_norm_f32(ck_pool *pool, long rows, long columns, const float *x, const float *scale,
                       const float *offset, float epsilon, float *y);

/* ---------------------------------------------------------------------------------------------------- reductions -- */

typedef enum {
  CK_REDUCE_SUM, CK_REDUCE_MEAN, /* integers: toward zero */
  CK_REDUCE_MAX, CK_REDUCE_MIN,  /* NaN gives NaN; empty gives the lowest / highest value, -inf / +inf for floats */
  CK_REDUCE_PROD, CK_REDUCE_COUNT
} ck_reduction;

/* y[outer,inner] = op over the middle of x[outer,reduce,inner]. Sums and products: blocks whose size is a function of
 * (reduce, inner), each in interleaved lanes, then combined pairwise. An empty mean is NaN (integers: 0). */
int ck_reduce_f32(ck_pool *pool, ck_reduction op, long outer, long reduce, long inner, const float *x, float *y);
int ck_reduce_f64(ck_pool *pool, ck_reduction op, long outer, long reduce, long inner, const double *x, double *y);
int ck_reduce_i32(ck_pool *pool, ck_reduction op, long outer, long reduce, long inner, const int32_t *x, int32_t *y);
int ck_reduce_i64(ck_pool *pool, ck_reduction op, long outer, long reduce, long inner, const int64_t *x, int64_t *y);

/* Bytes are 0 or nonzero; the result is 0 or 1. Over nothing: any = 0, all = 1. */
void ck_reduce_any(ck_pool *pool, long outer, long reduce, long inner, const uint8_t *x, uint8_t *y);
void ck_reduce_all(ck_pool *pool, long outer, long reduce, long inner, const uint8_t *x, uint8_t *y);

/* Index in 0..<reduce of the first largest (`smallest`: least) element. NaN never wins. reduce = 0 gives 0. */
void ck_argmax_f32(ck_pool *pool, int smallest, long outer, long reduce, long inner, const float *x, int64_t *y);
void ck_argmax_f64(ck_pool *pool, int smallest, long outer, long reduce, long inner, const double *x, int64_t *y);
void ck_argmax_i32(ck_pool *pool, int smallest, long outer, long reduce, long inner, const int32_t *x, int64_t *y);
void ck_argmax_i64(ck_pool *pool, int smallest, long outer, long reduce, long inner, const int64_t *x, int64_t *y);

/* -------------------------------------------------------------------------------------------------- moving bytes -- */

/* y's dimension i is x's dimension permutation[i]; x has `dims`. element_size is 1, 2, 4, 8 or 16 bytes. */
int ck_transpose(ck_pool *pool, long element_size, int rank, const long *dims, const int *permutation, const void *x,
                 void *y);

/* Copies `dims` elements from x with x_strides to y with y_strides (in elements; any sign, 0 broadcasts in x). Slices,
 * pads, concatenations, tiles and reversals are this with the right first element and strides. */
int ck_copy_strided(ck_pool *pool, long element_size, int rank, const long *dims, const void *x, const long *x_strides,
                    void *y, const long *y_strides);

/* y[outer,count,row_bytes] = x[outer,rows,row_bytes] at indices[count]; index_size is 4 or 8 bytes, signed. An index
 * outside 0..<rows gives CK_BAD_INDEX. */
int ck_gather(ck_pool *pool, long outer, long rows, long row_bytes, long count, const void *indices, long index_size,
              const void *x, void *y);

#ifdef __cplusplus
}
#endif

#endif
