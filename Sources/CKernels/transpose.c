/* Moving bytes: transposes, strided copies, gathers. */
#include <string.h>

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
