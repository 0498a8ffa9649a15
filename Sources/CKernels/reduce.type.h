/* Reductions of one element type. Takes T, X(name) = name_f32 and so on, IS_FLOAT, HIGHEST, LOWEST and TABLE, its
 * loops. */

struct X(reduce_job) {
  void (*rows)(long rows, long width, long stride, const T *x, const T *shift, T *acc);
  void (*combine)(long rows, long width, long stride, const T *x, const T *shift, T *acc);
  ck_reduction op;
  T start;
  long reduce, inner, blocks;
  const T *x, *shift;
  T *y, *parts;
};

/* acc[inner] = start op the given rows of x. */
static void X(reduce_rows)(const struct X(reduce_job) *job, long rows, const T *x, T *acc) {
  const long inner = job->inner, beside = side_by_side(inner);
  for (long i = 0; i < inner; i++) acc[i] = job->start;
  if (beside == 1 || rows < 2 * beside) {
    job->rows(rows, inner, inner, x, job->shift, acc);
    return;
  }
  T wide[64], wide_shift[64];
  const long width = beside * inner, groups = rows / beside;
  for (long i = 0; i < width; i++) wide[i] = job->start;
  if (job->shift)
    for (long i = 0; i < width; i++) wide_shift[i] = job->shift[i % inner];
  const T *shift = job->shift ? wide_shift : NULL;
  job->rows(groups, width, width, x, shift, wide);
  job->rows(1, (rows - groups * beside) * inner, 0, x + groups * width, shift, wide);
  for (long left = beside; left > 1; left -= left / 2)
    job->combine(1, left / 2 * inner, 0, wide + (left - left / 2) * inner, NULL, wide);
  job->combine(1, inner, 0, wide, NULL, acc);
}

static void X(reduce_finish)(const struct X(reduce_job) *job, T *y) {
  if (job->op != CK_REDUCE_MEAN) return;
#if !IS_FLOAT
  if (job->reduce == 0) return;
#endif
  for (long i = 0; i < job->inner; i++) y[i] /= (T)job->reduce;
}

/* Units are outer positions when there is one block, else the blocks of all outer positions. */
static void X(reduce_range)(void *context, long begin, long end) {
  const struct X(reduce_job) *job = context;
  for (long unit = begin; unit < end; unit++) {
    const long outer = unit / job->blocks, first = unit % job->blocks * block_rows(job->inner);
    const long rows = job->blocks == 1 ? job->reduce : ck_min(block_rows(job->inner), job->reduce - first);
    T *acc = (job->blocks == 1 ? job->y : job->parts) + unit * job->inner;
    X(reduce_rows)(job, rows, job->x + (outer * job->reduce + first) * job->inner, acc);
    if (job->blocks == 1) X(reduce_finish)(job, acc);
  }
}

static void X(reduce_join)(void *context, long begin, long end) {
  const struct X(reduce_job) *job = context;
  for (long outer = begin; outer < end; outer++) {
    T *parts = job->parts + outer * job->blocks * job->inner;
    for (long distance = 1; distance < job->blocks; distance *= 2)
      for (long i = 0; i + distance < job->blocks; i += 2 * distance)
        job->combine(1, job->inner, job->inner, parts + (i + distance) * job->inner, NULL, parts + i * job->inner);
    memcpy(job->y + outer * job->inner, parts, job->inner * sizeof(T));
    X(reduce_finish)(job, job->y + outer * job->inner);
  }
}

/* op CK_REDUCE_COUNT: the sum of (x - shift[inner])^2. */
static int X(reduce)(ck_pool *pool, ck_reduction op, long outer, long reduce, long inner, const T *x, const T *shift,
                     T *y) {
  if ((unsigned)op > CK_REDUCE_COUNT) return CK_UNSUPPORTED;
  if (outer <= 0 || inner <= 0) return CK_OK;
  struct X(reduce_job) job = {.op = op, .reduce = reduce, .inner = inner, .x = x, .shift = shift, .y = y};
  job.rows = op == CK_REDUCE_COUNT ? ck_kernels()->TABLE->reduce_squares : ck_kernels()->TABLE->reduce[op];
  job.combine = op == CK_REDUCE_COUNT ? ck_kernels()->TABLE->reduce[CK_REDUCE_SUM] : job.rows;
  job.start = op == CK_REDUCE_MAX ? LOWEST : op == CK_REDUCE_MIN ? HIGHEST : op == CK_REDUCE_PROD;
  job.blocks = ck_max(1, ck_ceil_div(reduce, block_rows(inner)));
  const double cost = (double)outer * (reduce + 1) * inner * 2;
  if (job.blocks > 1) {
    job.parts = ck_scratch(CK_SCRATCH_PARTS, (size_t)(outer * job.blocks * inner) * sizeof(T));
    if (!job.parts) return CK_NO_MEMORY;
  }
  ck_ranges(pool, outer * job.blocks, cost, X(reduce_range), &job);
  if (job.blocks > 1) ck_ranges(pool, outer, (double)outer * job.blocks * inner, X(reduce_join), &job);
  return CK_OK;
}

/* -------------------------------------------------------------------------------------- position of the extremes -- */

struct X(argmax_job) {
  int smallest;
  long reduce, inner;
  const T *x;
  int64_t *y;
};

static void X(argmax_range)(void *context, long begin, long end) {
  const struct X(argmax_job) *job = context;
  for (long unit = begin; unit < end; unit++) {
    const T *x = job->x + unit / job->inner * job->reduce * job->inner + unit % job->inner;
    T best = job->smallest ? HIGHEST : LOWEST;
    long at = -1;
    for (long r = 0; r < job->reduce; r++) {
      const T v = x[r * job->inner];
      if ((job->smallest ? v < best : v > best) || (at < 0 && v == best)) {
        best = v;
        at = r;
      }
    }
    job->y[unit] = at < 0 ? 0 : at;
  }
}

void X(ck_argmax)(ck_pool *pool, int smallest, long outer, long reduce, long inner, const T *x, int64_t *y) {
  struct X(argmax_job) job = {smallest, reduce, inner, x, y};
  if (inner > 0) ck_ranges(pool, outer * inner, (double)outer * inner * (reduce + 1) * 10, X(argmax_range), &job);
}
