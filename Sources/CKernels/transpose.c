/* Moving bytes: transposes, strided copies, gathers. */
#include "internal.h"

/* Elements of the sizes that tensors have; 16 bytes for complex128. */
typedef struct {
  uint64_t half[2];
} element16;

typedef uint32_t vector4 __attribute__((vector_size(16), aligned(4)));

/* Four rows of x become four columns of y. */
static inline void transpose_4x4(const uint32_t *x, long ldx, uint32_t *y, long ldy) {
  vector4 a = *(const vector4 *)x, b = *(const vector4 *)(x + ldx), c = *(const vector4 *)(x + 2 * ldx),
          d = *(const vector4 *)(x + 3 * ldx);
  vector4 ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  vector4 cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  *(vector4 *)y = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
  *(vector4 *)(y + ldy) = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  *(vector4 *)(y + 2 * ldy) = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  *(vector4 *)(y + 3 * ldy) = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

static void transpose_tile_4(long rows, long columns, const uint32_t *x, long ldx, uint32_t *y, long ldy) {
  long i = 0;
  for (; i + 4 <= rows; i += 4) {
    long j = 0;
    for (; j + 4 <= columns; j += 4) transpose_4x4(x + i * ldx + j, ldx, y + j * ldy + i, ldy);
    for (; j < columns; j++)
      for (long r = i; r < i + 4; r++) y[j * ldy + r] = x[r * ldx + j];
  }
  for (; i < rows; i++)
    for (long j = 0; j < columns; j++) y[j * ldy + i] = x[i * ldx + j];
}

#define TRANSPOSE_TILE(name, T) \
  static void name(long rows, long columns, const T *x, long ldx, T *y, long ldy) { \
    for (long j = 0; j < columns; j++) \
      for (long i = 0; i < rows; i++) y[j * ldy + i] = x[i * ldx + j]; \
  }
TRANSPOSE_TILE(transpose_tile_1, uint8_t)
TRANSPOSE_TILE(transpose_tile_2, uint16_t)
TRANSPOSE_TILE(transpose_tile_8, uint64_t)
TRANSPOSE_TILE(transpose_tile_16, element16)

struct transpose_job {
  long size, rows, columns, ldx, ldy;
  const char *x;
  char *y;
};

/* Bands of columns, that is of rows of y; tiles of 32 by 32 so that both sides stay in the cache. */
static void transpose_bands(void *context, long begin, long end) {
  enum { side = 32 };
  const struct transpose_job *t = context;
  for (long band = begin; band < end; band++) {
    const long j = band * side, columns = ck_min(side, t->columns - j);
    for (long i = 0; i < t->rows; i += side) {
      const long rows = ck_min(side, t->rows - i);
      const void *x = t->x + (i * t->ldx + j) * t->size;
      void *y = t->y + (j * t->ldy + i) * t->size;
      switch (t->size) {
        case 1: transpose_tile_1(rows, columns, x, t->ldx, y, t->ldy); break;
        case 2: transpose_tile_2(rows, columns, x, t->ldx, y, t->ldy); break;
        case 4: transpose_tile_4(rows, columns, x, t->ldx, y, t->ldy); break;
        case 8: transpose_tile_8(rows, columns, x, t->ldx, y, t->ldy); break;
        case 16: transpose_tile_16(rows, columns, x, t->ldx, y, t->ldy); break;
      }
    }
  }
}

void ck_transpose_matrix(ck_pool *pool, long element_size, long rows, long columns, const void *x, long ldx, void *y,
                         long ldy) {
  struct transpose_job job = {element_size, rows, columns, ldx, ldy, x, y};
  ck_ranges(pool, ck_ceil_div(columns, 32), (double)rows * columns * 4, transpose_bands, &job);
}

/* ------------------------------------------------------------------------------------------------ strided copies -- */

/* Dimensions with those of size 1 dropped and neighbours joined where both sides allow it, last one innermost. */
struct copy_job {
  int rank;
  long element, size[CK_MAX_RANK], x_stride[CK_MAX_RANK], y_stride[CK_MAX_RANK];
  const char *x;
  char *y;
};

static void copy_row(const struct copy_job *job, long n, const char *x, char *y) {
  const long xs = job->x_stride[job->rank - 1], ys = job->y_stride[job->rank - 1];
  if (xs == 1 && ys == 1) {
    memcpy(y, x, n * job->element);
    return;
  }
#define COPY(T) \
  { \
    const T *from = (const T *)x; \
    T *to = (T *)y; \
    if (ys == 1 && xs == 0) \
      for (long i = 0; i < n; i++) to[i] = *from; \
    else \
      for (long i = 0; i < n; i++) to[i * ys] = from[i * xs]; \
  } \
  break
  switch (job->element) {
    case 1: COPY(uint8_t);
    case 2: COPY(uint16_t);
    case 4: COPY(uint32_t);
    case 8: COPY(uint64_t);
    case 16: COPY(element16);
  }
#undef COPY
}

/* Rows: all combinations of the dimensions but the last. */
static void copy_rows(void *context, long begin, long end) {
  const struct copy_job *job = context;
  const int last = job->rank - 1;
  long index[CK_MAX_RANK], x = 0, y = 0;
  long rest = begin;
  for (int i = last - 1; i >= 0; i--) {
    index[i] = rest % job->size[i];
    rest /= job->size[i];
    x += index[i] * job->x_stride[i];
    y += index[i] * job->y_stride[i];
  }
  for (long row = begin; row < end; row++) {
    copy_row(job, job->size[last], job->x + x * job->element, job->y + y * job->element);
    for (int i = last - 1; i >= 0; i--) {
      x += job->x_stride[i];
      y += job->y_stride[i];
      if (++index[i] < job->size[i]) break;
      x -= job->size[i] * job->x_stride[i];
      y -= job->size[i] * job->y_stride[i];
      index[i] = 0;
    }
  }
}

/* A single long row is cut as well. */
static void copy_columns(void *context, long begin, long end) {
  const struct copy_job *job = context;
  copy_row(job, end - begin, job->x + begin * job->x_stride[0] * job->element,
           job->y + begin * job->y_stride[0] * job->element);
}

/* The two innermost dimensions are a matrix to transpose, the others say which. */
struct plane_job {
  struct copy_job copy;
  ck_pool *pool;
};

static void transpose_planes(void *context, long begin, long end) {
  const struct plane_job *job = context;
  const struct copy_job *c = &job->copy;
  const int last = c->rank - 1;
  for (long plane = begin; plane < end; plane++) {
    long x = 0, y = 0, rest = plane;
    for (int i = last - 2; i >= 0; i--) {
      x += rest % c->size[i] * c->x_stride[i];
      y += rest % c->size[i] * c->y_stride[i];
      rest /= c->size[i];
    }
    ck_transpose_matrix(job->pool, c->element, c->size[last], c->size[last - 1], c->x + x * c->element,
                        c->x_stride[last], c->y + y * c->element, c->y_stride[last - 1]);
  }
}

int ck_copy_strided(ck_pool *pool, long element_size, int rank, const long *dims, const void *x, const long *x_strides,
                    void *y, const long *y_strides) {
  if (rank < 0 || rank > CK_MAX_RANK) return CK_UNSUPPORTED;
  if (element_size != 1 && element_size != 2 && element_size != 4 && element_size != 8 && element_size != 16)
    return CK_UNSUPPORTED;
  struct copy_job job = {.element = element_size, .x = x, .y = y};
  long total = 1;
  for (int i = 0; i < rank; i++) {
    total *= dims[i] > 0 ? dims[i] : 0;
    if (dims[i] == 1) continue;
    const int last = job.rank - 1;
    if (last >= 0 && job.x_stride[last] == x_strides[i] * dims[i] && job.y_stride[last] == y_strides[i] * dims[i]) {
      job.size[last] *= dims[i];
      job.x_stride[last] = x_strides[i];
      job.y_stride[last] = y_strides[i];
      continue;
    }
    job.size[job.rank] = dims[i];
    job.x_stride[job.rank] = x_strides[i];
    job.y_stride[job.rank++] = y_strides[i];
  }
  if (total == 0) return CK_OK;
  if (job.rank == 0) {
    memcpy(y, x, element_size);
    return CK_OK;
  }
  const double cost = (double)total * ck_max(1, element_size / 4) * 4;
  const int last = job.rank - 1;
  /* y is dense along the last dimension and x along another: bring that one next to it and transpose planes. */
  if (last >= 1 && job.y_stride[last] == 1 && job.x_stride[last] > 1) {
    int other = last - 1;
    while (other >= 0 && job.x_stride[other] != 1) other--;
    if (other >= 0 && job.size[other] >= 4 && job.size[last] >= 4) {
      struct plane_job planes = {job, NULL};
      struct copy_job *c = &planes.copy;
      const long size = c->size[other], xs = c->x_stride[other], ys = c->y_stride[other];
      for (int i = other; i < last - 1; i++) {
        c->size[i] = c->size[i + 1];
        c->x_stride[i] = c->x_stride[i + 1];
        c->y_stride[i] = c->y_stride[i + 1];
      }
      c->size[last - 1] = size;
      c->x_stride[last - 1] = xs;
      c->y_stride[last - 1] = ys;
      const long count = total / (c->size[last] * c->size[last - 1]);
      if (count < 2 * ck_pool_threads(pool)) {
        planes.pool = pool;
        transpose_planes(&planes, 0, count);
      } else {
        ck_ranges(pool, count, cost, transpose_planes, &planes);
      }
      return CK_OK;
    }
  }
  if (job.rank == 1) ck_ranges(pool, job.size[0], cost, copy_columns, &job);
  else ck_ranges(pool, total / job.size[last], cost, copy_rows, &job);
  return CK_OK;
}

int ck_transpose(ck_pool *pool, long element_size, int rank, const long *dims, const int *permutation, const void *x,
                 void *y) {
  if (rank < 0 || rank > CK_MAX_RANK) return CK_UNSUPPORTED;
  long stride[CK_MAX_RANK], sizes[CK_MAX_RANK], x_strides[CK_MAX_RANK], y_strides[CK_MAX_RANK], step = 1;
  for (int i = rank - 1; i >= 0; i--) {
    stride[i] = step;
    step *= dims[i];
  }
  step = 1;
  for (int i = rank - 1; i >= 0; i--) {
    if (permutation[i] < 0 || permutation[i] >= rank) return CK_BAD_INDEX;
    sizes[i] = dims[permutation[i]];
    x_strides[i] = stride[permutation[i]];
    y_strides[i] = step;
    step *= sizes[i];
  }
  return ck_copy_strided(pool, element_size, rank, sizes, x, x_strides, y, y_strides);
}

/* -------------------------------------------------------------------------------------------------------- gather -- */

struct gather_job {
  long rows, row_bytes, count, index_size;
  const void *indices;
  const char *x;
  char *y;
  int failed;
};

static void gather_range(void *context, long begin, long end) {
  struct gather_job *job = context;
  for (long i = begin; i < end; i++) {
    const long outer = i / job->count, n = i % job->count;
    const int64_t row =
        job->index_size == 4 ? ((const int32_t *)job->indices)[n] : ((const int64_t *)job->indices)[n];
    if (row < 0 || row >= job->rows) {
      __atomic_store_n(&job->failed, 1, __ATOMIC_RELAXED);
      continue;
    }
    memcpy(job->y + i * job->row_bytes, job->x + (outer * job->rows + row) * job->row_bytes, job->row_bytes);
  }
}

int ck_gather(ck_pool *pool, long outer, long rows, long row_bytes, long count, const void *indices, long index_size,
              const void *x, void *y) {
  if (index_size != 4 && index_size != 8) return CK_UNSUPPORTED;
  struct gather_job job = {rows, row_bytes, count, index_size, indices, x, y, 0};
  ck_ranges(pool, outer * count, (double)outer * count * (row_bytes + 16), gather_range, &job);
  return job.failed ? CK_BAD_INDEX : CK_OK;
}
