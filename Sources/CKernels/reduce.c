/* Reductions. A sum over `reduce` rows of `inner` elements is cut into blocks; within a block several rows side by side
 * fill the vectors and are folded at the end; the blocks' results are then combined pairwise. All cuts follow from
 * (reduce, inner) alone. */
#include "internal.h"

/* Rows per block, and rows side by side. */
static long block_rows(long inner) { return ck_max(64, 16384 / ck_max(1, inner)); }
static long side_by_side(long inner) { return ck_max(1, 64 / ck_max(1, inner)); }

#define IS_FLOAT 1
#define T float
#define X(name) name##_f32
#define HIGHEST INFINITY
#define LOWEST (-INFINITY)
#define TABLE arithmetic_f32
#include "reduce.type.h"
#undef T
#undef X
#undef TABLE

#define T double
#define X(name) name##_f64
#define TABLE arithmetic_f64
#include "reduce.type.h"
#undef T
#undef X
#undef TABLE
#undef HIGHEST
#undef LOWEST
#undef IS_FLOAT

#define IS_FLOAT 0
#define T int32_t
#define X(name) name##_i32
#define HIGHEST INT32_MAX
#define LOWEST INT32_MIN
#define TABLE arithmetic_i32
#include "reduce.type.h"
#undef T
#undef X
#undef TABLE
#undef HIGHEST
#undef LOWEST

#define T int64_t
#define X(name) name##_i64
#define HIGHEST INT64_MAX
#define LOWEST INT64_MIN
#define TABLE arithmetic_i64
#include "reduce.type.h"

int ck_reduce_i32(ck_pool *pool, ck_reduction op, long outer, long reduce, long inner, const int32_t *x, int32_t *y) {
  return reduce_i32(pool, op, outer, reduce, inner, x, NULL, y);
}

int ck_reduce_i64(ck_pool *pool, ck_reduction op, long outer, long reduce, long inner, const int64_t *x, int64_t *y) {
  return reduce_i64(pool, op, outer, reduce, inner, x, NULL, y);
}

int ck_reduce_f32(ck_pool *pool, ck_reduction op, long outer, long reduce, long inner, const float *x, float *y) {
  return reduce_f32(pool, op, outer, reduce, inner, x, NULL, y);
}

int ck_reduce_f64(ck_pool *pool, ck_reduction op, long outer, long reduce, long inner, const double *x, double *y) {
  return reduce_f64(pool, op, outer, reduce, inner, x, NULL, y);
}

int ck_squares_f32(ck_pool *pool, long outer, long reduce, long inner, const float *x, const float *shift, float *y) {
  return reduce_f32(pool, CK_REDUCE_COUNT, outer, reduce, inner, x, shift, y);
}

int ck_l2_loss_f32(ck_pool *pool, long n, const float *x, float *out) {
  const float zero = 0;
  const int status = reduce_f32(pool, CK_REDUCE_COUNT, 1, n, 1, x, &zero, out);
  *out /= 2;
  return status;
}

int ck_l2_loss_f64(ck_pool *pool, long n, const double *x, double *out) {
  const double zero = 0;
  const int status = reduce_f64(pool, CK_REDUCE_COUNT, 1, n, 1, x, &zero, out);
  *out /= 2;
  return status;
}

/* ------------------------------------------------------------------------------------------------------ booleans -- */

struct bool_job {
  int all;
  long reduce, inner;
  const uint8_t *x;
  uint8_t *y;
};

static void bool_range(void *context, long begin, long end) {
  const struct bool_job *job = context;
  for (long o = begin; o < end; o++) {
    uint8_t *y = job->y + o * job->inner;
    memset(y, job->all, job->inner);
    for (long r = 0; r < job->reduce; r++) {
      const uint8_t *x = job->x + (o * job->reduce + r) * job->inner;
      if (job->all)
        for (long i = 0; i < job->inner; i++) y[i] &= x[i] != 0;
      else
        for (long i = 0; i < job->inner; i++) y[i] |= x[i] != 0;
    }
  }
}

static void reduce_bool(ck_pool *pool, int all, long outer, long reduce, long inner, const uint8_t *x, uint8_t *y) {
  struct bool_job job = {all, reduce, inner, x, y};
  if (inner > 0) ck_ranges(pool, outer, (double)outer * reduce * inner * 4, bool_range, &job);
}

void ck_reduce_any(ck_pool *pool, long outer, long reduce, long inner, const uint8_t *x, uint8_t *y) {
  reduce_bool(pool, 0, outer, reduce, inner, x, y);
}

void ck_reduce_all(ck_pool *pool, long outer, long reduce, long inner, const uint8_t *x, uint8_t *y) {
  reduce_bool(pool, 1, outer, reduce, inner, x, y);
}
