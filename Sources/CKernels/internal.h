/* What the kernel sources share: threads, scratch memory, and the table of inner loops that exists once per
 * instruction set. */
#ifndef CK_INTERNAL_H
#define CK_INTERNAL_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "CKernels.h"

/* ------------------------------------------------------------------------------------------------------- threads -- */

/* Into how many pieces to cut `count` independent units of `cost` in all, when a piece should cost at least `least`
 * (both in simple operations, about 0.1 ns): at most four per thread, 1 without a pool. */
long ck_pieces(const ck_pool *pool, long count, double cost, double least);

static inline long ck_piece_begin(long count, long pieces, long index) {
  return count / pieces * index + (index < count % pieces ? index : count % pieces);
}

/* Calls fn on ranges that cover 0..<count. `cost` as above. The cuts depend on the pool, so fn must give each unit the
 * same result whatever range it is in. */
void ck_ranges(ck_pool *pool, long count, double cost, void (*fn)(void *context, long begin, long end), void *context);

/* The calling thread's scratch memory for one purpose, page aligned, valid until the next call with that slot on the
 * same thread. NULL when memory is lacking. */
enum {
  CK_SCRATCH_PACK,   /* the right matrix in panels */
  CK_SCRATCH_BLOCK,  /* a box of an image, or its combined rows */
  CK_SCRATCH_ROWS,   /* rows of the left matrix, spread */
  CK_SCRATCH_TAIL,   /* the last columns of a right matrix; variances */
  CK_SCRATCH_LAYOUT, /* an operand in another order */
  CK_SCRATCH_PARTS,  /* partial results, tables */
  CK_SCRATCH_SLOTS
};
void *ck_scratch(int slot, size_t bytes);

static inline long ck_min(long a, long b) { return a < b ? a : b; }
static inline long ck_max(long a, long b) { return a > b ? a : b; }
static inline long ck_ceil_div(long a, long b) { return (a + b - 1) / b; }

/* ----------------------------------------------------------------------------------------------- the inner loops -- */

/* One register tile of a matrix product: C[rows, columns] (+)= sum over segments s and k < length of
 * A[i*lda + segments[s] + k] * B[s*length + k, column]. B's rows are b_row apart and its panels of two vectors b_panel
 * apart. A plain product has one segment; a convolution has one per filter row. */
typedef struct {
  const long *segments;
  long segment_count, length;
  long lda, b_row, b_panel, ldc;
  int accumulate;           /* add to C instead of overwriting it */
  int finish;               /* last block of the sum: add the bias and apply the activation */
  ck_activation activation; /* floats only */
} ck_tile;

/* Tiles of one element type. Tiles are 8, 4, 2 or 1 vectors wide; `rows[v]` is how many rows a tile of 1 << v vectors
 * may have.
 * run: `columns` <= vectors * lanes of C; `bias` is NULL or has `columns` elements.
 * dots: y[rows] = B[rows,k] . x, the rows of B ldb apart.
 * gemv: sum[n] += x[k] . B[k,n], likewise.
 * pack: `columns` columns of op(B) from b, zero filled to `width`, in rows of `width`. */
#define CK_TILES(T) \
  struct { \
    int lanes; \
    int rows[4]; \
    void (*run)(const ck_tile *tile, int rows, int log_vectors, long columns, const T *a, const T *b, T *c, \
                const T *bias); \
    void (*dots)(long rows, long k, const T *b, long ldb, const T *x, T *y); \
    void (*gemv)(long n, long k, const T *x, const T *b, long ldb, T *sum); \
    void (*pack)(int transpose, long k, long columns, long width, const T *b, long ldb, T *panel); \
  }

typedef CK_TILES(float) ck_tiles_f32;
typedef CK_TILES(double) ck_tiles_f64;
typedef CK_TILES(uint32_t) ck_tiles_u32;

/* Loops over arrays of one element type; NULL where the type has no such operation or the loop is not worth having
 * once per instruction set.
 * binary, compare: an operand whose step is 0 is one value, at most one of them.
 * reduce: acc[j] = acc[j] op x[i*stride + j] for i < rows in order, j < width; `shift` is NULL.
 * reduce_squares: acc[j] += (x - shift[j])^2.
 * affine: activation((x - mean)*scale + offset), elementwise; scale NULL: activation(x + offset).
 * exp_shifted: exp(x - shift). lstm: see ck_lstm_gates_f32, one row. */
#define CK_ARITHMETIC(T) \
  struct { \
    void (*unary[CK_UNARY_COUNT])(long n, const T *x, T *y, T alpha); \
    void (*binary[CK_BINARY_COUNT])(long n, const T *a, int a_step, const T *b, int b_step, T *out); \
    void (*compare[CK_COMPARE_COUNT])(long n, const T *a, int a_step, const T *b, int b_step, uint8_t *out); \
    void (*reduce[CK_REDUCE_COUNT])(long rows, long width, long stride, const T *x, const T *shift, T *acc); \
    void (*reduce_squares)(long rows, long width, long stride, const T *x, const T *shift, T *acc); \
    void (*affine)(long n, const T *x, const T *mean, const T *scale, const T *offset, ck_activation activation, \
                   T *y); \
    void (*affine_scalar)(long n, const T *x, T mean, T scale, T offset, ck_activation activation, T *y); \
    void (*exp_shifted)(long n, const T *x, T shift, T *y); \
    void (*lstm)(long n, const T *gates, T forget_bias, const T *c, T *new_c, T *new_h); \
  }

typedef CK_ARITHMETIC(float) ck_arithmetic_f32;
typedef CK_ARITHMETIC(double) ck_arithmetic_f64;
typedef CK_ARITHMETIC(int32_t) ck_arithmetic_i32;
typedef CK_ARITHMETIC(int64_t) ck_arithmetic_i64;

/* The part of a filter that lies inside the input: h*w taps, x_h and x_w apart in the input, filter_h and filter_w in
 * the filter; x_pixel leads to the next output's window. */
typedef struct {
  long h, w, x_h, x_w, filter_h, filter_w, x_pixel;
} ck_window;

/* max_row, sum_row: acc = x for the first row (NaN: the lowest value), then acc = max(acc, x) or acc + x.
 * max_columns, mean_columns: y[pixels,channels], from `taps` neighbouring pixels each, x_pixel further for the next.
 * depthwise: `pixels` neighbouring outputs of `channels` each. */
#define CK_WINDOWS(T) \
  struct { \
    void (*max_row)(long n, const T *x, int first, T *acc); \
    void (*sum_row)(long n, const T *x, int first, T *acc); \
    void (*max_columns)(long pixels, long x_pixel, long taps, long channels, T divisor, const T *x, T *y); \
    void (*mean_columns)(long pixels, long x_pixel, long taps, long channels, T divisor, const T *x, T *y); \
    void (*depthwise)(const ck_window *window, long pixels, long channels, const T *x, const T *filter, \
                      const T *bias, ck_activation activation, T *y); \
  }

typedef CK_WINDOWS(float) ck_windows_f32;
typedef CK_WINDOWS(double) ck_windows_f64;

typedef struct {
  const ck_tiles_f32 *tiles_f32;
  const ck_tiles_f64 *tiles_f64;
  const ck_tiles_u32 *tiles_u32;
  const ck_arithmetic_f32 *arithmetic_f32;
  const ck_arithmetic_f64 *arithmetic_f64;
  const ck_arithmetic_i32 *arithmetic_i32;
  const ck_arithmetic_i64 *arithmetic_i64;
  const ck_windows_f32 *windows_f32;
  const ck_windows_f64 *windows_f64;
} ck_table;

/* The table in use. */
const ck_table *ck_kernels(void);

extern const ck_table ck_table_portable;
#if defined(__x86_64__)
extern const ck_table ck_table_avx2, ck_table_avx512;
#elif defined(__aarch64__)
extern const ck_table ck_table_neon;
#endif

/* -------------------------------------------------------------------------------------------- products of blocks -- */

/* The right-hand matrix of a product as the tiles read it. Packed: panels of two vectors, each k rows long, the last
 * one vector wide if that suffices. Plain (`direct`): the caller's row-major matrix, and in `tail` a packed copy of the
 * columns after the last whole vector. */
#define CK_RIGHT(T, type) \
  typedef struct { \
    const ck_tiles_##type *tiles; \
    long n, k; \
    const T *panels; \
    const T *direct, *tail; \
    long ldb; \
  } ck_right_##type; \
\
  /* Elements a packed k*n matrix takes. */ \
  long ck_packed_size_##type(const ck_tiles_##type *tiles, long n, long k); \
  void ck_pack_panels_##type(ck_pool *pool, const ck_tiles_##type *tiles, int transpose, long n, long k, const T *b, \
                             long ldb, T *panels); \
\
  /* C = activation(A * right + bias) for `groups` groups of `group_rows` rows: row r of group g is at \
   * a + g*a_group + r*lda and c + g*c_group + r*ldc, and its sum runs over `segment_count` segments of `length`, see \
   * ck_tile. Columns: the vectors first_vector ..< end_vector. */ \
  typedef struct { \
    ck_right_##type right; \
    const long *segments; \
    long segment_count, length; \
    long groups, group_rows, a_group, lda, c_group, ldc; \
    long first_vector, end_vector; \
    const T *bias; \
    ck_activation activation; \
  } ck_block_##type; \
  void ck_block_run_##type(const ck_block_##type *block, const T *a, T *c)

CK_RIGHT(float, f32);
CK_RIGHT(double, f64);
CK_RIGHT(uint32_t, u32);

/* Sum of (x - shift[inner])^2, in the order of the other reductions. */
int ck_squares_f32(ck_pool *pool, long outer, long reduce, long inner, const float *x, const float *shift, float *y);

const ck_right_f32 *ck_packed_right_f32(const ck_packed_f32 *packed);

/* y[columns,rows] = the transpose of x[rows,columns]; ldx and ldy are row lengths as stored. */
void ck_transpose_matrix(ck_pool *pool, long element_size, long rows, long columns, const void *x, long ldx, void *y,
                         long ldy);

#endif
