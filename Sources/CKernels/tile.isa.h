/* Register tiles of the matrix product, for one element type T and one instruction set.
 * Takes T, NAME(x), TYPED(x), VECTOR_BYTES, ACCUMULATORS (registers that a tile may use for sums) and IS_FLOAT. */

#if IS_FLOAT
INLINE NAME(vector) NAME(activate)(NAME(vector) x, ck_activation activation) {
  if (activation == CK_LINEAR) return x;
  typedef __typeof__(x < x) mask;
  mask kept = ~(x < 0);
  x = (NAME(vector))((mask)x & kept);
  if (activation == CK_RELU) return x;
  NAME(vector) six = (NAME(vector)){} + 6;
  mask above = x > 6;
  return (NAME(vector))(((mask)six & above) | ((mask)x & ~above));
}
#else
INLINE NAME(vector) NAME(activate)(NAME(vector) x, ck_activation activation) {
  (void)activation;
  return x;
}
#endif

INLINE void NAME(tile)(int R, int V, const ck_tile *tile, long columns, const T *restrict a, const T *restrict b,
                       T *restrict c, const T *bias) {
  enum { lanes = NAME(lanes) };
  NAME(vector) sum[R * V];
#pragma clang loop unroll(full)
  for (int i = 0; i < R * V; i++) sum[i] = (NAME(vector)){};

  const long lda = tile->lda, b_row = tile->b_row, b_panel = tile->b_panel, length = tile->length;
  for (long s = 0; s < tile->segment_count; s++) {
    const T *row = a + tile->segments[s];
    for (long k = 0; k < length; k++, row++, b += b_row) {
      NAME(vector) right[V];
#pragma clang loop unroll(full)
      for (int v = 0; v < V; v++) right[v] = NAME(load)(b + v / 2 * b_panel + v % 2 * lanes);
#pragma clang loop unroll(full)
      for (int i = 0; i < R; i++) {
#pragma clang loop unroll(full)
        for (int v = 0; v < V; v++) sum[i * V + v] += row[i * lda] * right[v];
      }
    }
  }

  T edge[R * V * lanes], edge_bias[V * lanes];
  T *out = c;
  long ldc = tile->ldc;
  const int partial = columns < V * lanes;
  if (partial) {
    out = edge;
    ldc = V * lanes;
    if (tile->accumulate)
      for (int i = 0; i < R; i++)
        for (long j = 0; j < columns; j++) edge[i * V * lanes + j] = c[i * tile->ldc + j];
    if (bias) {
      for (long j = 0; j < columns; j++) edge_bias[j] = bias[j];
      bias = edge_bias;
    }
  }
  if (tile->accumulate) {
#pragma clang loop unroll(full)
    for (int i = 0; i < R * V; i++) sum[i] += NAME(load)(out + i / V * ldc + i % V * lanes);
  }
  if (tile->finish) {
    if (bias) {
#pragma clang loop unroll(full)
      for (int i = 0; i < R * V; i++) sum[i] += NAME(load)(bias + i % V * lanes);
    }
    if (tile->activation != CK_LINEAR) {
#pragma clang loop unroll(full)
      for (int i = 0; i < R * V; i++) sum[i] = NAME(activate)(sum[i], tile->activation);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < R * V; i++) NAME(store)(out + i / V * ldc + i % V * lanes, sum[i]);
  if (partial)
    for (int i = 0; i < R; i++)
      for (long j = 0; j < columns; j++) c[i * tile->ldc + j] = edge[i * V * lanes + j];
}

#define TILE_CASE(R, V) \
  case R: \
    NAME(tile)(R, V, tile, columns, a, b, c, bias); \
    break;
#define TILE_PARAMETERS \
  const ck_tile *tile, int rows, long columns, const T *a, const T *b, T *c, const T *bias

/* Vectors 8, 4, 2, 1 with at most ACCUMULATORS sums; one vector alone goes up to 14 rows. */
static void NAME(tile8)(TILE_PARAMETERS) {
  switch (rows) {
    TILE_CASE(1, 8)
#if ACCUMULATORS >= 24
    TILE_CASE(2, 8) TILE_CASE(3, 8)
#endif
  }
}

static void NAME(tile4)(TILE_PARAMETERS) {
  switch (rows) {
    TILE_CASE(1, 4) TILE_CASE(2, 4) TILE_CASE(3, 4)
#if ACCUMULATORS >= 24
    TILE_CASE(4, 4) TILE_CASE(5, 4) TILE_CASE(6, 4)
#endif
  }
}

static void NAME(tile2)(TILE_PARAMETERS) {
  switch (rows) {
    TILE_CASE(1, 2) TILE_CASE(2, 2) TILE_CASE(3, 2) TILE_CASE(4, 2) TILE_CASE(5, 2) TILE_CASE(6, 2)
#if ACCUMULATORS >= 24
    TILE_CASE(7, 2) TILE_CASE(8, 2) TILE_CASE(9, 2) TILE_CASE(10, 2) TILE_CASE(11, 2) TILE_CASE(12, 2)
#endif
  }
}

static void NAME(tile1)(TILE_PARAMETERS) {
  switch (rows) {
    TILE_CASE(1, 1) TILE_CASE(2, 1) TILE_CASE(3, 1) TILE_CASE(4, 1) TILE_CASE(5, 1) TILE_CASE(6, 1) TILE_CASE(7, 1)
    TILE_CASE(8, 1) TILE_CASE(9, 1) TILE_CASE(10, 1) TILE_CASE(11, 1) TILE_CASE(12, 1)
#if ACCUMULATORS >= 24
    TILE_CASE(13, 1) TILE_CASE(14, 1)
#endif
  }
}

/* y[rows] = B . x with B's rows ldb apart, `rows` any number: 4 rows at a time, each in two interleaved vectors. */
INLINE T NAME(lane_sum)(NAME(vector) v) {
  T lane[NAME(lanes)];
  NAME(store)(lane, v);
#pragma clang loop unroll(full)
  for (int width = NAME(lanes) / 2; width > 0; width /= 2) {
#pragma clang loop unroll(full)
    for (int i = 0; i < width; i++) lane[i] += lane[i + width];
  }
  return lane[0];
}

INLINE void NAME(dots_n)(int R, long k, const T *restrict b, long ldb, const T *restrict x, T *restrict y) {
  enum { lanes = NAME(lanes) };
  NAME(vector) even[R], odd[R];
#pragma clang loop unroll(full)
  for (int i = 0; i < R; i++) even[i] = odd[i] = (NAME(vector)){};
  long j = 0;
  for (; j + 2 * lanes <= k; j += 2 * lanes) {
    NAME(vector) p = NAME(load)(x + j), q = NAME(load)(x + j + lanes);
#pragma clang loop unroll(full)
    for (int i = 0; i < R; i++) {
      even[i] += NAME(load)(b + i * ldb + j) * p;
      odd[i] += NAME(load)(b + i * ldb + j + lanes) * q;
    }
  }
  T total[R];
#pragma clang loop unroll(full)
  for (int i = 0; i < R; i++) total[i] = NAME(lane_sum)(even[i] + odd[i]);
  for (; j < k; j++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < R; i++) total[i] += b[i * ldb + j] * x[j];
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < R; i++) y[i] = total[i];
}

static void NAME(dots)(long rows, long k, const T *b, long ldb, const T *x, T *y) {
  long i = 0;
  for (; i + 4 <= rows; i += 4) NAME(dots_n)(4, k, b + i * ldb, ldb, x, y + i);
  for (; i < rows; i++) NAME(dots_n)(1, k, b + i * ldb, ldb, x, y + i);
}

/* sum[n] += x[k] * B[k,n], the rows of B ldb apart: eight rows stream through at a time, each sum in rising k. */
static void NAME(gemv)(long n, long k, const T *restrict x, const T *restrict b, long ldb, T *restrict sum) {
  enum { lanes = NAME(lanes) };
  long i = 0;
  for (; i + 8 <= k; i += 8, b += 8 * ldb) {
    long j = 0;
    for (; j + lanes <= n; j += lanes) {
      NAME(vector) v = NAME(load)(sum + j);
#pragma clang loop unroll(full)
      for (int r = 0; r < 8; r++) v += x[i + r] * NAME(load)(b + r * ldb + j);
      NAME(store)(sum + j, v);
    }
    for (; j < n; j++)
      for (int r = 0; r < 8; r++) sum[j] += x[i + r] * b[r * ldb + j];
  }
  for (; i < k; i++, b += ldb)
    for (long j = 0; j < n; j++) sum[j] += x[i] * b[j];
}

static void NAME(pack)(int transpose, long k, long columns, long width, const T *restrict b, long ldb,
                       T *restrict panel) {
  if (!transpose && columns == width) {
    for (long i = 0; i < k; i++, panel += width, b += ldb) {
#pragma clang loop vectorize(disable) unroll(disable)
      for (long j = 0; j < width; j += NAME(lanes)) NAME(store)(panel + j, NAME(load)(b + j));
    }
    return;
  }
  if (!transpose) {
    for (long i = 0; i < k; i++, panel += width, b += ldb) {
      for (long j = 0; j < columns; j++) panel[j] = b[j];
      for (long j = columns; j < width; j++) panel[j] = 0;
    }
    return;
  }
  /* 4 by 4 elements at a time, then what is left at the edges. */
  typedef T quad __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T))));
  const long k4 = k / 4 * 4, columns4 = columns / 4 * 4;
  for (long i = 0; i < k4; i += 4)
    for (long j = 0; j < columns4; j += 4) {
      const T *from = b + j * ldb + i;
      const quad p = *(const quad *)from, q = *(const quad *)(from + ldb), r = *(const quad *)(from + 2 * ldb),
                 s = *(const quad *)(from + 3 * ldb);
      const quad pq = __builtin_shufflevector(p, q, 0, 4, 1, 5), pq2 = __builtin_shufflevector(p, q, 2, 6, 3, 7);
      const quad rs = __builtin_shufflevector(r, s, 0, 4, 1, 5), rs2 = __builtin_shufflevector(r, s, 2, 6, 3, 7);
      T *to = panel + i * width + j;
      *(quad *)to = __builtin_shufflevector(pq, rs, 0, 1, 4, 5);
      *(quad *)(to + width) = __builtin_shufflevector(pq, rs, 2, 3, 6, 7);
      *(quad *)(to + 2 * width) = __builtin_shufflevector(pq2, rs2, 0, 1, 4, 5);
      *(quad *)(to + 3 * width) = __builtin_shufflevector(pq2, rs2, 2, 3, 6, 7);
    }
  for (long i = 0; i < k; i++)
    for (long j = i < k4 ? columns4 : 0; j < width; j++) panel[i * width + j] = j < columns ? b[j * ldb + i] : 0;
}

static void NAME(run)(const ck_tile *tile, int rows, int log_vectors, long columns, const T *a, const T *b, T *c,
                      const T *bias) {
  switch (log_vectors) {
    case 0: NAME(tile1)(tile, rows, columns, a, b, c, bias); break;
    case 1: NAME(tile2)(tile, rows, columns, a, b, c, bias); break;
    case 2: NAME(tile4)(tile, rows, columns, a, b, c, bias); break;
    case 3: NAME(tile8)(tile, rows, columns, a, b, c, bias); break;
  }
}


static const TYPED(ck_tiles) NAME(tiles) = {
    .lanes = NAME(lanes),
    .rows = {ACCUMULATORS >= 24 ? 14 : 12, ACCUMULATORS / 2, ACCUMULATORS / 4, ACCUMULATORS / 8},
    .run = NAME(run),
    .dots = NAME(dots),
    .gemv = NAME(gemv),
    .pack = NAME(pack),
};

#undef TILE_CASE
#undef TILE_PARAMETERS
