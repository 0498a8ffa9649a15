/* Matrix products. B is copied into panels (or read in place when there is too little work to repay that), A is read
 * in place; the register tiles are in tile.isa.h, the order of work in gemm.type.h. */
#include <stdlib.h>

#include "internal.h"

#define T float
#define X(name) name##_f32
#include "gemm.type.h"
#undef T
#undef X

#define T double
#define X(name) name##_f64
#include "gemm.type.h"
#undef T
#undef X

/* Unsigned, so that sums wrap. */
#define T uint32_t
#define X(name) name##_u32
#include "gemm.type.h"
#undef T
#undef X

int ck_gemm_f32(ck_pool *pool, int transpose_a, int transpose_b, long m, long n, long k, const float *a, long lda,
                const float *b, long ldb, float *c, long ldc, const float *bias, ck_activation activation) {
  return gemm_f32(pool, transpose_a, transpose_b, m, n, k, a, lda, b, ldb, c, ldc, bias, activation);
}

int ck_gemm_f64(ck_pool *pool, int transpose_a, int transpose_b, long m, long n, long k, const double *a, long lda,
                const double *b, long ldb, double *c, long ldc, const double *bias, ck_activation activation) {
  return gemm_f64(pool, transpose_a, transpose_b, m, n, k, a, lda, b, ldb, c, ldc, bias, activation);
}

int ck_gemm_i32(ck_pool *pool, int transpose_a, int transpose_b, long m, long n, long k, const int32_t *a, long lda,
                const int32_t *b, long ldb, int32_t *c, long ldc) {
  return gemm_u32(pool, transpose_a, transpose_b, m, n, k, (const uint32_t *)a, lda, (const uint32_t *)b, ldb,
                  (uint32_t *)c, ldc, NULL, CK_LINEAR);
}

int ck_gemm_batched_f32(ck_pool *pool, int transpose_a, int transpose_b, long batch, long m, long n, long k,
                        const float *a, const long *a_offsets, const float *b, const long *b_offsets, float *c) {
  return gemm_batched_f32(pool, transpose_a, transpose_b, batch, m, n, k, a, a_offsets, b, b_offsets, c);
}

int ck_gemm_batched_f64(ck_pool *pool, int transpose_a, int transpose_b, long batch, long m, long n, long k,
                        const double *a, const long *a_offsets, const double *b, const long *b_offsets, double *c) {
  return gemm_batched_f64(pool, transpose_a, transpose_b, batch, m, n, k, a, a_offsets, b, b_offsets, c);
}

int ck_gemm_batched_i32(ck_pool *pool, int transpose_a, int transpose_b, long batch, long m, long n, long k,
                        const int32_t *a, const long *a_offsets, const int32_t *b, const long *b_offsets, int32_t *c) {
  return gemm_batched_u32(pool, transpose_a, transpose_b, batch, m, n, k, (const uint32_t *)a, a_offsets,
                          (const uint32_t *)b, b_offsets, (uint32_t *)c);
}

struct ck_packed_f32 {
  ck_right_f32 right;
};

ck_packed_f32 *ck_pack_f32(ck_pool *pool, int transpose_b, long n, long k, const float *b, long ldb) {
  enum { alignment = 64 };
  const ck_tiles_f32 *tiles = ck_kernels()->tiles_f32;
  const size_t bytes = (size_t)ck_packed_size_f32(tiles, n, k) * sizeof(float);
  ck_packed_f32 *packed = malloc(sizeof *packed);
  float *panels = aligned_alloc(alignment, bytes / alignment * alignment + alignment);
  if (!packed || !panels) {
    free(packed);
    free(panels);
    return NULL;
  }
  ck_pack_panels_f32(pool, tiles, transpose_b, n, k, b, ldb, panels);
  packed->right = (ck_right_f32){.tiles = tiles, .n = n, .k = k, .panels = panels};
  return packed;
}

void ck_packed_free_f32(ck_packed_f32 *packed) {
  if (!packed) return;
  free((float *)packed->right.panels);
  free(packed);
}

const ck_right_f32 *ck_packed_right_f32(const ck_packed_f32 *packed) { return &packed->right; }

int ck_gemm_packed_f32(ck_pool *pool, int transpose_a, long m, const float *a, long lda, const ck_packed_f32 *packed,
                       float *c, long ldc, const float *bias, ck_activation activation) {
  const long n = packed->right.n, k = packed->right.k;
  if (m <= 0 || n <= 0) return CK_OK;
  if (transpose_a && k > 0) {
    float *rows = ck_scratch(CK_SCRATCH_LAYOUT, (size_t)m * k * sizeof(float));
    if (!rows) return CK_NO_MEMORY;
    ck_transpose_matrix(pool, sizeof(float), k, m, a, lda, rows, k);
    a = rows;
    lda = k;
  }
  product_run_f32(pool, m, &packed->right, a, lda, c, ldc, bias, activation);
  return CK_OK;
}
