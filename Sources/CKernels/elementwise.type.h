/* Elementwise functions of one element type. Takes T, X(name) = name_f32 and so on, TABLE: its loops. */

struct X(unary_job) {
  void (*fast)(long n, const T *x, T *y, T alpha);
  void (*library)(long n, const T *x, T *y);
  const T *x;
  T *y, alpha;
};

static void X(unary_range)(void *context, long begin, long end) {
  const struct X(unary_job) *job = context;
  if (job->fast) job->fast(end - begin, job->x + begin, job->y + begin, job->alpha);
  else job->library(end - begin, job->x + begin, job->y + begin);
}

static int X(unary)(ck_pool *pool, ck_unary op, long n, const T *x, T *y, T alpha) {
  if ((unsigned)op >= CK_UNARY_COUNT) return CK_UNSUPPORTED;
  struct X(unary_job) job = {ck_kernels()->TABLE->unary[op], X(library)[op], x, y, alpha};
  if (!job.fast && !job.library) return CK_UNSUPPORTED;
  ck_ranges(pool, n, (double)n * (job.fast ? 4 : 100), X(unary_range), &job);
  return CK_OK;
}

/* One of the three functions is set; `out` is T or, for comparisons, uint8_t. */
struct X(binary_job) {
  void (*fast)(long n, const T *a, int a_step, const T *b, int b_step, T *out);
  int (*library)(long n, const T *a, int a_step, const T *b, int b_step, T *out);
  void (*compare)(long n, const T *a, int a_step, const T *b, int b_step, uint8_t *out);
  struct broadcast shape;
  const T *a, *b;
  void *out;
  int status;
};

static int X(binary_run)(const struct X(binary_job) *job, long n, const T *a, int a_step, const T *b, int b_step,
                         long out) {
  if (job->library) return job->library(n, a, a_step, b, b_step, (T *)job->out + out);
  if (job->compare) job->compare(n, a, a_step, b, b_step, (uint8_t *)job->out + out);
  else job->fast(n, a, a_step, b, b_step, (T *)job->out + out);
  return CK_OK;
}

enum { X(gathered) = 1024 };

/* `n` elements of a row of some stride, made dense unless the stride is 0 or 1. Sets the step left. */
static const T *X(dense)(long n, const T *x, long stride, T *copy, int *step) {
  *step = stride != 0;
  if (stride == 0 || stride == 1) return x;
  for (long i = 0; i < n; i++) copy[i] = x[i * stride];
  return copy;
}

static void X(binary_range)(void *context, long begin, long end) {
  struct X(binary_job) *job = context;
  const struct broadcast *shape = &job->shape;
  const int last = shape->rank - 1;
  const long row_size = shape->size[last], a_stride = shape->a_stride[last], b_stride = shape->b_stride[last];
  int status = CK_OK;

  /* Short rows against one repeated row (a bias): several copies of it side by side make longer rows. */
  T copies[X(gathered)];
  if (last >= 1 && row_size <= X(gathered) / 4 && a_stride == 1 && b_stride == 1 && shape->b_stride[last - 1] == 0 &&
      shape->a_stride[last - 1] == row_size && begin % row_size == 0 && end % row_size == 0) {
    const long rows = X(gathered) / row_size, per_outer = shape->size[last - 1];
    long offset_a, offset_b, filled_from = -1;
    for (long row = begin / row_size, stop = end / row_size; row < stop;) {
      const long count = ck_min(rows, ck_min(stop - row, per_outer - row % per_outer));
      row_offsets(shape, row, &offset_a, &offset_b);
      if (filled_from != offset_b)
        for (long i = 0; i < rows; i++) memcpy(copies + i * row_size, job->b + offset_b, row_size * sizeof(T));
      filled_from = offset_b;
      status |= X(binary_run)(job, count * row_size, job->a + offset_a, 1, copies, 1, row * row_size);
      row += count;
    }
    if (status) __atomic_store_n(&job->status, status, __ATOMIC_RELAXED);
    return;
  }

  T copy_a[X(gathered)], copy_b[X(gathered)];
  const int direct = (a_stride == 0 || a_stride == 1) && (b_stride == 0 || b_stride == 1);
  for (long position = begin; position < end;) {
    const long row = position / row_size, column = position % row_size;
    long n = ck_min(row_size - column, end - position), offset_a, offset_b;
    if (!direct || (a_stride == 0 && b_stride == 0)) n = ck_min(n, X(gathered));
    row_offsets(shape, row, &offset_a, &offset_b);
    int a_step, b_step;
    const T *a = X(dense)(n, job->a + offset_a + column * a_stride, a_stride, copy_a, &a_step);
    const T *b = X(dense)(n, job->b + offset_b + column * b_stride, b_stride, copy_b, &b_step);
    if (!a_step && !b_step) {
      for (long i = 0; i < n; i++) copy_a[i] = *a;
      a = copy_a;
      a_step = 1;
    }
    status |= X(binary_run)(job, n, a, a_step, b, b_step, position);
    position += n;
  }
  if (status) __atomic_store_n(&job->status, status, __ATOMIC_RELAXED);
}

struct X(binary_rows) {
  struct X(binary_job) *job;
  long row_size;
};

static void X(binary_row_range)(void *context, long begin, long end) {
  const struct X(binary_rows) *rows = context;
  X(binary_range)(rows->job, begin * rows->row_size, end * rows->row_size);
}

static int X(binary_start)(ck_pool *pool, struct X(binary_job) *job, int rank, const long *dims,
                           const long *a_strides, const long *b_strides) {
  const int status = collapse(rank, dims, a_strides, b_strides, &job->shape);
  if (status != CK_OK) return status;
  const struct broadcast *shape = &job->shape;
  const double cost = (double)shape->total * (job->library ? 100 : 4);
  if (shape->rank == 1) {
    ck_ranges(pool, shape->total, cost, X(binary_range), job);
  } else if (shape->total > 0) {
    struct X(binary_rows) rows = {job, shape->size[shape->rank - 1]};
    if (shape->total / rows.row_size >= 2 * ck_pool_threads(pool))
      ck_ranges(pool, shape->total / rows.row_size, cost, X(binary_row_range), &rows);
    else ck_ranges(pool, shape->total, cost, X(binary_range), job);
  }
  return job->status;
}

int X(ck_binary)(ck_pool *pool, ck_binary op, int rank, const long *dims, const long *a_strides,
                 const long *b_strides, const T *a, const T *b, T *out) {
  if ((unsigned)op >= CK_BINARY_COUNT) return CK_UNSUPPORTED;
  struct X(binary_job) job = {
      .fast = ck_kernels()->TABLE->binary[op], .library = X(binary)[op], .a = a, .b = b, .out = out};
  if (!job.fast && !job.library) return CK_UNSUPPORTED;
  return X(binary_start)(pool, &job, rank, dims, a_strides, b_strides);
}

int X(ck_compare)(ck_pool *pool, ck_compare op, int rank, const long *dims, const long *a_strides,
                  const long *b_strides, const T *a, const T *b, uint8_t *out) {
  if ((unsigned)op >= CK_COMPARE_COUNT) return CK_UNSUPPORTED;
  struct X(binary_job) job = {.compare = ck_kernels()->TABLE->compare[op], .a = a, .b = b, .out = out};
  return X(binary_start)(pool, &job, rank, dims, a_strides, b_strides);
}
