/* The matrix product of one element type. Takes T and X(name) = name_f32 and so on. */

/* How much of a sum one pass over the columns covers: A's rows for this many k stay in the first-level cache. */
enum { X(k_block) = 512 };

static long X(vectors)(const X(ck_tiles) *tiles, long n) { return ck_ceil_div(n, tiles->lanes); }

long X(ck_packed_size)(const X(ck_tiles) *tiles, long n, long k) { return X(vectors)(tiles, n) * tiles->lanes * k; }

struct X(pack_job) {
  const X(ck_tiles) *tiles;
  int transpose;
  long n, k;
  const T *b;
  long ldb;
  T *panels;
};

/* A few steps of k across all panels at a time, so that B is read along its rows. */
static void X(pack_range)(void *context, long begin, long end) {
  const struct X(pack_job) *job = context;
  const long lanes = job->tiles->lanes, most = job->transpose ? 128 : 8;
  for (long k = 0; k < job->k; k += most) {
    const long steps = ck_min(most, job->k - k);
    for (long p = begin; p < end; p++) {
      const long column = p * 2 * lanes, columns = ck_min(2 * lanes, job->n - column);
      const long width = columns > lanes ? 2 * lanes : lanes;
      const T *b = job->transpose ? job->b + column * job->ldb + k : job->b + k * job->ldb + column;
      job->tiles->pack(job->transpose, steps, columns, width, b, job->ldb, job->panels + column * job->k + k * width);
    }
  }
}

void X(ck_pack_panels)(ck_pool *pool, const X(ck_tiles) *tiles, int transpose, long n, long k, const T *b, long ldb,
                       T *panels) {
  struct X(pack_job) job = {tiles, transpose, n, k, b, ldb, panels};
  ck_ranges(pool, ck_ceil_div(n, 2 * tiles->lanes), (double)n * k * 2, X(pack_range), &job);
}

/* Rows at a large power of two from each other fall into the same few sets of the first-level cache, and a tile reads
 * a dozen of them side by side. */
static int X(rows_collide)(const X(ck_block) *block) {
  return block->groups == 1 && block->group_rows > 4 && block->lda * (long)sizeof(T) % 2048 == 0 &&
         block->end_vector - block->first_vector >= 8;
}

/* A copy of the block's rows for this pass, at a harmless distance. */
static const T *X(spread_rows)(const X(ck_block) *block, ck_tile *tile, const T *a) {
  const long distance = tile->length + 64 / (long)sizeof(T);
  T *rows = ck_scratch(CK_SCRATCH_ROWS, (size_t)(block->group_rows * distance) * sizeof(T));
  if (!rows) return a;
  for (long i = 0; i < block->group_rows; i++)
    memcpy(rows + i * distance, a + tile->segments[0] + i * block->lda, (size_t)tile->length * sizeof(T));
  tile->lda = distance;
  return rows - tile->segments[0];
}

/* One block of the sums: `tile` says which segments and how long, `b_first` is its first row in the right matrix. */
static void X(block_pass)(const X(ck_block) *block, ck_tile *tile, const T *a, T *c, long b_first) {
  const X(ck_right) *right = &block->right;
  const X(ck_tiles) *tiles = right->tiles;
  const long lanes = tiles->lanes, whole = right->n / lanes;
  tile->lda = block->lda;
  if (tile->segment_count == 1 && X(rows_collide)(block)) a = X(spread_rows)(block, tile, a);
  int log_most = 3;
  while (log_most > 1 && block->group_rows > tiles->rows[log_most]) log_most--;

  for (long v = block->first_vector; v < block->end_vector;) {
    int log_vectors = log_most;
    const T *b;
    if (right->panels) {
      while ((1 << log_vectors) > block->end_vector - v) log_vectors--;
      tile->b_row = log_vectors == 0 ? lanes : 2 * lanes;
      tile->b_panel = 2 * lanes * right->k;
      b = right->panels + v * lanes * right->k + b_first * tile->b_row;
    } else if (v < whole) {
      while ((1 << log_vectors) > ck_min(whole, block->end_vector) - v) log_vectors--;
      tile->b_row = right->ldb;
      tile->b_panel = 2 * lanes;
      b = right->direct + v * lanes + b_first * tile->b_row;
    } else {
      log_vectors = 0;
      tile->b_row = lanes;
      b = right->tail + b_first * lanes;
    }
    const long column = v * lanes, columns = ck_min(lanes << log_vectors, right->n - column);
    const T *bias = block->bias ? block->bias + column : NULL;
    const long pieces = ck_ceil_div(block->group_rows, tiles->rows[log_vectors]);
    for (long g = 0; g < block->groups; g++) {
      const T *a_group = a + g * block->a_group;
      T *c_group = c + g * block->c_group + column;
      for (long piece = 0; piece < pieces; piece++) {
        const long row = ck_piece_begin(block->group_rows, pieces, piece);
        const long rows = ck_piece_begin(block->group_rows, pieces, piece + 1) - row;
        tiles->run(tile, (int)rows, log_vectors, columns, a_group + row * tile->lda, b, c_group + row * block->ldc,
                   bias);
      }
    }
    v += 1 << log_vectors;
  }
}

void X(ck_block_run)(const X(ck_block) *block, const T *a, T *c) {
  ck_tile tile = {.ldc = block->ldc, .activation = block->activation};
  if (block->length <= X(k_block)) {
    const long together = ck_max(1, X(k_block) / ck_max(1, block->length));
    long first = 0;
    do {
      tile.segments = block->segments + first;
      tile.segment_count = ck_min(together, block->segment_count - first);
      tile.length = block->length;
      tile.accumulate = first > 0;
      tile.finish = first + tile.segment_count == block->segment_count;
      X(block_pass)(block, &tile, a, c, first * block->length);
      first += tile.segment_count;
    } while (first < block->segment_count);
    return;
  }
  tile.segment_count = 1;
  for (long s = 0; s < block->segment_count; s++)
    for (long k = 0; k < block->length; k += tile.length) {
      tile.segments = block->segments + s;
      tile.length = ck_min(X(k_block), block->length - k);
      tile.accumulate = s > 0 || k > 0;
      tile.finish = s == block->segment_count - 1 && k + tile.length == block->length;
      X(block_pass)(block, &tile, a + k, c, s * block->length + k);
    }
}

/* ------------------------------------------------------------------------------------------------------ products -- */

struct X(product) {
  X(ck_block) block;
  long m, row_pieces, vector_pieces;
  const T *a;
  T *c;
};

static void X(product_piece)(void *context, long index) {
  const struct X(product) *product = context;
  X(ck_block) block = product->block;
  const long vectors = X(vectors)(block.right.tiles, block.right.n);
  const long pairs = ck_ceil_div(vectors, 2), column_piece = index % product->vector_pieces;
  const long row = ck_piece_begin(product->m, product->row_pieces, index / product->vector_pieces);
  block.group_rows = ck_piece_begin(product->m, product->row_pieces, index / product->vector_pieces + 1) - row;
  block.first_vector = 2 * ck_piece_begin(pairs, product->vector_pieces, column_piece);
  block.end_vector = ck_min(vectors, 2 * ck_piece_begin(pairs, product->vector_pieces, column_piece + 1));
  X(ck_block_run)(&block, product->a + row * block.lda, product->c + row * block.ldc);
}

/* A is row-major here. Rows are cut into blocks that fit the second-level cache, columns only if that leaves threads
 * idle. */
static void X(product_run)(ck_pool *pool, long m, const X(ck_right) *right, const T *a, long lda, T *c, long ldc,
                           const T *bias, ck_activation activation) {
  static const long no_offset = 0;
  const X(ck_tiles) *tiles = right->tiles;
  struct X(product) product = {
      .block = {.right = *right, .segments = &no_offset, .segment_count = 1, .length = right->k, .groups = 1,
                .lda = lda, .ldc = ldc, .bias = bias, .activation = activation},
      .m = m, .a = a, .c = c};
  const double cost = (double)m * right->n * (right->k + 8) / tiles->lanes;
  const long wanted = ck_pieces(pool, m * right->n, cost, 20000);
  product.row_pieces = ck_ceil_div(m, 12 * tiles->rows[1]);
  product.vector_pieces = 1;
  if (product.row_pieces < wanted) {
    const long pairs = ck_ceil_div(X(vectors)(tiles, right->n), 2);
    product.vector_pieces = ck_min(ck_ceil_div(wanted, product.row_pieces), ck_max(1, pairs / 4));
    const long still = ck_ceil_div(wanted, product.row_pieces * product.vector_pieces);
    product.row_pieces = ck_min(product.row_pieces * still, ck_ceil_div(m, tiles->rows[1]));
  }
  ck_parallel(pool, product.row_pieces * product.vector_pieces, X(product_piece), &product);
}

static T X(finished)(T sum, const T *bias, ck_activation activation) {
  if (bias) sum += *bias;
  if (activation != CK_LINEAR && sum < 0) sum = 0;
  return activation == CK_RELU6 && sum > 6 ? 6 : sum;
}

struct X(dots_job) {
  const X(ck_tiles) *tiles;
  long k, ldb, step;
  const T *b, *x, *bias;
  ck_activation activation;
  T *y;
};

static void X(dots_range)(void *context, long begin, long end) {
  const struct X(dots_job) *job = context;
  T part[256];
  for (long i = begin; i < end; i += 256) {
    const long count = ck_min(256, end - i);
    job->tiles->dots(count, job->k, job->b + i * job->ldb, job->ldb, job->x, part);
    for (long j = 0; j < count; j++)
      job->y[(i + j) * (job->step ? job->step : 1)] =
          X(finished)(part[j], job->bias ? job->bias + (job->step ? 0 : i + j) : NULL, job->activation);
  }
}

/* One row of A against a row-major B, in blocks of k as the tiles have them. */
static void X(gemv_range)(void *context, long begin, long end) {
  enum { most = 2048 };
  const struct X(dots_job) *job = context;
  T sum[most];
  for (long j = begin, n; j < end; j += n) {
    n = ck_min(most, end - j);
    long k = 0;
    do {
      const long steps = ck_min(X(k_block), job->k - k);
      memset(sum, 0, n * sizeof(T));
      job->tiles->gemv(n, steps, job->x + k, job->b + k * job->ldb + j, job->ldb, sum);
      for (long i = 0; i < n; i++) job->y[j + i] = k > 0 ? sum[i] + job->y[j + i] : sum[i];
      k += steps;
    } while (k < job->k);
    for (long i = 0; i < n; i++)
      job->y[j + i] = X(finished)(job->y[j + i], job->bias ? job->bias + j + i : NULL, job->activation);
  }
}

/* y[i*step] = activation(rows[i] . x + bias), for matrices of one row (step 0: bias[i], y dense) or of one column
 * (step = ldc: bias[0]). */
static void X(dots_run)(ck_pool *pool, long rows, long k, const T *b, long ldb, const T *x, T *y, long step,
                        const T *bias, ck_activation activation) {
  const X(ck_tiles) *tiles = ck_kernels()->X(tiles);
  struct X(dots_job) job = {tiles, k, ldb, step, b, x, bias, activation, y};
  ck_ranges(pool, rows, (double)rows * (k + 8) / tiles->lanes * 2, X(dots_range), &job);
}

/* A column or row with a stride, made contiguous. */
static const T *X(contiguous)(int slot, long count, const T *x, long stride) {
  if (stride == 1) return x;
  T *copy = ck_scratch(slot, (size_t)count * sizeof(T));
  if (copy)
    for (long i = 0; i < count; i++) copy[i] = x[i * stride];
  return copy;
}

static int X(gemm)(ck_pool *pool, int transpose_a, int transpose_b, long m, long n, long k, const T *a, long lda,
                   const T *b, long ldb, T *c, long ldc, const T *bias, ck_activation activation) {
  enum { most_packed = 1 << 24 };
  if (m <= 0 || n <= 0) return CK_OK;
  const X(ck_tiles) *tiles = ck_kernels()->X(tiles);
  if (m == 1 && transpose_b) {
    const T *x = X(contiguous)(CK_SCRATCH_LAYOUT, k, a, transpose_a ? lda : 1);
    if (!x && k > 0) return CK_NO_MEMORY;
    X(dots_run)(pool, n, k, b, ldb, x, c, 0, bias, activation);
    return CK_OK;
  }
  if (m == 1 && k > 0) {
    struct X(dots_job) job = {.tiles = tiles, .k = k, .ldb = ldb, .b = b, .bias = bias, .activation = activation,
                              .x = X(contiguous)(CK_SCRATCH_LAYOUT, k, a, transpose_a ? lda : 1), .y = c};
    if (!job.x) return CK_NO_MEMORY;
    ck_ranges(pool, n, (double)n * (k + 8) / tiles->lanes * 2, X(gemv_range), &job);
    return CK_OK;
  }
  if (n == 1 && !transpose_a) {
    const T *x = X(contiguous)(CK_SCRATCH_LAYOUT, k, b, transpose_b ? 1 : ldb);
    if (!x && k > 0) return CK_NO_MEMORY;
    X(dots_run)(pool, m, k, a, lda, x, c, ldc, bias, activation);
    return CK_OK;
  }
  if (transpose_a && k > 0) {
    T *rows = ck_scratch(CK_SCRATCH_LAYOUT, (size_t)m * k * sizeof(T));
    if (!rows) return CK_NO_MEMORY;
    ck_transpose_matrix(pool, sizeof(T), k, m, a, lda, rows, k);
    a = rows;
    lda = k;
  }
  if (!transpose_b && m <= tiles->rows[1]) {
    const long tail = n % tiles->lanes;
    T *packed_tail = NULL;
    if (tail && k > 0) {
      packed_tail = ck_scratch(CK_SCRATCH_TAIL, (size_t)k * tiles->lanes * sizeof(T));
      if (!packed_tail) return CK_NO_MEMORY;
      tiles->pack(0, k, tail, tiles->lanes, b + n - tail, ldb, packed_tail);
    }
    X(ck_right) right = {.tiles = tiles, .n = n, .k = k, .direct = b, .tail = packed_tail, .ldb = ldb};
    X(product_run)(pool, m, &right, a, lda, c, ldc, bias, activation);
    return CK_OK;
  }
  const long width = 2 * tiles->lanes, chunk = ck_max(1, most_packed / (ck_max(1, k) * width)) * width;
  for (long column = 0; column < n; column += chunk) {
    const long columns = ck_min(chunk, n - column);
    T *panels = ck_scratch(CK_SCRATCH_PACK, (size_t)X(ck_packed_size)(tiles, columns, ck_max(1, k)) * sizeof(T));
    if (!panels) return CK_NO_MEMORY;
    X(ck_pack_panels)(pool, tiles, transpose_b, columns, k, b + column * (transpose_b ? ldb : 1), ldb, panels);
    X(ck_right) right = {.tiles = tiles, .n = columns, .k = k, .panels = panels};
    X(product_run)(pool, m, &right, a, lda, c + column, ldc, bias ? bias + column : NULL, activation);
  }
  return CK_OK;
}

/* ------------------------------------------------------------------------------------------------------- batches -- */

struct X(batch) {
  int transpose_a, transpose_b, failed;
  long m, n, k;
  const T *a, *b;
  const long *a_offsets, *b_offsets;
  T *c;
};

static void X(batch_item)(void *context, long i) {
  struct X(batch) *batch = context;
  const long m = batch->m, n = batch->n, k = batch->k;
  if (X(gemm)(NULL, batch->transpose_a, batch->transpose_b, m, n, k, batch->a + batch->a_offsets[i],
              batch->transpose_a ? m : k, batch->b + batch->b_offsets[i], batch->transpose_b ? k : n,
              batch->c + i * m * n, n, NULL, CK_LINEAR) != CK_OK)
    __atomic_store_n(&batch->failed, 1, __ATOMIC_RELAXED);
}

static int X(gemm_batched)(ck_pool *pool, int transpose_a, int transpose_b, long batch, long m, long n, long k,
                           const T *a, const long *a_offsets, const T *b, const long *b_offsets, T *c) {
  struct X(batch) job = {transpose_a, transpose_b, 0, m, n, k, a, b, a_offsets, b_offsets, c};
  if (batch >= 2 * ck_pool_threads(pool) && (double)batch * m * n * k > 1e5) {
    ck_parallel(pool, batch, X(batch_item), &job);
    return job.failed ? CK_NO_MEMORY : CK_OK;
  }
  for (long i = 0; i < batch; i++) {
    int status = X(gemm)(pool, transpose_a, transpose_b, m, n, k, a + a_offsets[i], transpose_a ? m : k,
                         b + b_offsets[i], transpose_b ? k : n, c + i * m * n, n, NULL, CK_LINEAR);
    if (status != CK_OK) return status;
  }
  return CK_OK;
}
