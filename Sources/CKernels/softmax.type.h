/* Softmax and losses of one element type. Takes T, X(name) = name_f32 and so on, TABLE: its loops, LOG. */

/* The op of all elements of a row: interleaved in 64 lanes, which are then folded in halves. */
static T X(row_reduce)(void (*rows)(long, long, long, const T *, const T *, T *), long n, const T *x, T start) {
  enum { width = 64 };
  T wide[width];
  for (int i = 0; i < width; i++) wide[i] = start;
  rows(n / width, width, width, x, NULL, wide);
  rows(1, n % width, 0, x + n / width * width, NULL, wide);
  for (long half = width / 2; half > 0; half /= 2) rows(1, half, 0, wide + half, NULL, wide);
  return wide[0];
}

struct X(softmax_job) {
  long columns;
  int logarithm, failed;
  const T *x, *labels;
  const int64_t *classes;
  T *y, *loss;
};

static void X(softmax_range)(void *context, long begin, long end) {
  const struct X(softmax_job) *job = context;
  const X(ck_arithmetic) *loops = ck_kernels()->TABLE;
  const long n = job->columns;
  for (long row = begin; row < end; row++) {
    const T *x = job->x + row * n;
    T *y = job->y + row * n;
    const T most = X(row_reduce)(loops->reduce[CK_REDUCE_MAX], n, x, -INFINITY);
    if (!job->logarithm) {
      loops->exp_shifted(n, x, most, y);
      const T scale = 1 / X(row_reduce)(loops->reduce[CK_REDUCE_SUM], n, y, 0);
      loops->binary[CK_BINARY_MUL](n, y, 1, &scale, 0, y);
      continue;
    }
    T sum = 0, part[256];
    for (long i = 0; i < n; i += 256) {
      const long count = ck_min(256, n - i);
      loops->exp_shifted(count, x + i, most, part);
      sum += X(row_reduce)(loops->reduce[CK_REDUCE_SUM], count, part, 0);
    }
    loops->affine_scalar(n, x, most, 1, -LOG(sum), CK_LINEAR, y);
  }
}

void X(ck_softmax)(ck_pool *pool, long rows, long columns, int logarithm, const T *x, T *y) {
  struct X(softmax_job) job = {.columns = columns, .logarithm = logarithm, .x = x, .y = y};
  if (columns > 0) ck_ranges(pool, rows, (double)rows * columns * 15, X(softmax_range), &job);
}

/* loss = sum(labels * (log(sum(exp(x - max))) - (x - max))), as TensorFlow computes it. */
static void X(xent_range)(void *context, long begin, long end) {
  struct X(softmax_job) *job = context;
  const X(ck_arithmetic) *loops = ck_kernels()->TABLE;
  const long n = job->columns;
  T part[256];
  for (long row = begin; row < end; row++) {
    const T *x = job->x + row * n, *labels = job->labels ? job->labels + row * n : NULL;
    T *y = job->y ? job->y + row * n : NULL;
    const int64_t class = job->classes ? job->classes[row] : 0;
    if (class < 0 || class >= n) {
      __atomic_store_n(&job->failed, 1, __ATOMIC_RELAXED);
      continue;
    }
    const T most = X(row_reduce)(loops->reduce[CK_REDUCE_MAX], n, x, -INFINITY);
    T sum = 0, loss = 0;
    for (long i = 0; i < n; i += 256) {
      const long count = ck_min(256, n - i);
      loops->exp_shifted(count, x + i, most, y ? y + i : part);
      sum += X(row_reduce)(loops->reduce[CK_REDUCE_SUM], count, y ? y + i : part, 0);
    }
    const T log_sum = LOG(sum);
    if (labels) {
      for (long i = 0; i < n; i++) loss += labels[i] * (log_sum - (x[i] - most));
    } else {
      loss = log_sum - (x[class] - most);
    }
    job->loss[row] = loss;
    if (!y) continue;
    const T scale = 1 / sum;
    loops->binary[CK_BINARY_MUL](n, y, 1, &scale, 0, y);
    if (labels) loops->binary[CK_BINARY_SUB](n, y, 1, labels, 1, y);
    else y[class] -= 1;
  }
}

void X(ck_softmax_xent)(ck_pool *pool, long rows, long columns, const T *logits, const T *labels, T *loss,
                        T *backprop) {
  struct X(softmax_job) job = {.columns = columns, .x = logits, .labels = labels, .y = backprop, .loss = loss};
  if (columns > 0) {
    ck_ranges(pool, rows, (double)rows * columns * 20, X(xent_range), &job);
  } else {
    for (long i = 0; i < rows; i++) loss[i] = 0;
  }
}

int X(ck_sparse_softmax_xent)(ck_pool *pool, long rows, long columns, const T *logits, const int64_t *labels, T *loss,
                              T *backprop) {
  struct X(softmax_job) job = {.columns = columns, .x = logits, .classes = labels, .y = backprop, .loss = loss};
  ck_ranges(pool, rows, (double)rows * columns * 20, X(xent_range), &job);
  return job.failed ? CK_BAD_INDEX : CK_OK;
}
