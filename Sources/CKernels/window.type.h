/* Pooling and depthwise convolution of one element type. Takes T, X(name) = name_f32 and so on, TABLE: its loops. */

struct X(pooling_job) {
  const ck_pooling *shape;
  void (*row)(long n, const T *x, int first, T *acc);
  void (*columns)(long pixels, long x_pixel, long taps, long channels, T divisor, const T *x, T *y);
  const T *input;
  T *output;
  int failed;
};

/* Output rows: all combinations of image, depth and height. The input rows of each are combined first. */
static void X(pooling_rows)(void *context, long begin, long end) {
  struct X(pooling_job) *job = context;
  const ck_pooling *s = job->shape;
  const long in_row = s->in_w * s->channels, in_plane = s->in_h * in_row;
  T *combined = ck_scratch(CK_SCRATCH_BLOCK, (size_t)ck_max(1, in_row) * sizeof(T));
  if (!combined) {
    __atomic_store_n(&job->failed, 1, __ATOMIC_RELAXED);
    return;
  }
  for (long row = begin; row < end; row++) {
    const long image = row / (s->out_d * s->out_h), z = row / s->out_h % s->out_d, y = row % s->out_h;
    const struct span d = taps_inside(z, s->in_d, s->window_d, s->stride_d, s->pad_front, 1);
    const struct span h = taps_inside(y, s->in_h, s->window_h, s->stride_h, s->pad_top, 1);
    const T *input = job->input + (image * s->in_d + z * s->stride_d - s->pad_front + d.first) * in_plane +
                     (y * s->stride_h - s->pad_top + h.first) * in_row;
    for (long i = 0; i < d.count; i++)
      for (long j = 0; j < h.count; j++)
        job->row(in_row, input + i * in_plane + j * in_row, i == 0 && j == 0, combined);
    const long rows = d.count * h.count;
    for (long x = 0, next; x < s->out_w; x = next) {
      /* neighbours that see all of their columns together, others one by one */
      const struct span w = taps_inside(x, s->in_w, s->window_w, s->stride_w, s->pad_left, 1);
      const long last = (s->in_w + s->pad_left - s->window_w) / s->stride_w;
      next = w.count == s->window_w ? ck_min(last + 1, s->out_w) : x + 1;
      job->columns(next - x, s->stride_w * s->channels, rows > 0 ? w.count : 0, s->channels, (T)(rows * w.count),
                   combined + (x * s->stride_w - s->pad_left + w.first) * s->channels,
                   job->output + (row * s->out_w + x) * s->channels);
    }
  }
}

static int X(pooling_run)(ck_pool *pool, struct X(pooling_job) *job) {
  const ck_pooling *s = job->shape;
  const long rows = s->batch * s->out_d * s->out_h;
  if (s->channels <= 0 || s->out_w <= 0) return CK_OK;
  ck_ranges(pool, rows, (double)rows * (s->in_w + s->out_w) * s->channels * s->window_d * s->window_h,
            X(pooling_rows), job);
  return job->failed ? CK_NO_MEMORY : CK_OK;
}

int X(ck_max_pool)(ck_pool *pool, const ck_pooling *shape, const T *input, T *output) {
  const X(ck_windows) *loops = ck_kernels()->TABLE;
  struct X(pooling_job) job = {shape, loops->max_row, loops->max_columns, input, output, 0};
  return X(pooling_run)(pool, &job);
}

int X(ck_avg_pool)(ck_pool *pool, const ck_pooling *shape, const T *input, T *output) {
  const X(ck_windows) *loops = ck_kernels()->TABLE;
  struct X(pooling_job) job = {shape, loops->sum_row, loops->mean_columns, input, output, 0};
  return X(pooling_run)(pool, &job);
}

struct X(depthwise_job) {
  ck_conv shape; /* in_c channels on both sides */
  const T *input, *filter, *bias;
  ck_activation activation;
  T *output;
};

/* Output rows: all combinations of image and height. */
static void X(depthwise_rows)(void *context, long begin, long end) {
  const struct X(depthwise_job) *job = context;
  const ck_conv *s = &job->shape;
  const long channels = s->in_c, in_row = s->in_w * channels;
  for (long row = begin; row < end; row++) {
    const long image = row / s->out_h, y = row % s->out_h;
    const struct span h = taps_inside(y, s->in_h, s->filter_h, s->stride_h, s->pad_top, s->dilation_h);
    const T *input =
        job->input + (image * s->in_h + y * s->stride_h - s->pad_top + h.first * s->dilation_h) * in_row;
    for (long x = 0, next; x < s->out_w; x = next) {
      /* neighbours that see all taps together, others one by one */
      const struct span w = taps_inside(x, s->in_w, s->filter_w, s->stride_w, s->pad_left, s->dilation_w);
      const long last = (s->in_w + s->pad_left - (s->filter_w - 1) * s->dilation_w - 1) / s->stride_w;
      next = w.count == s->filter_w ? ck_min(last + 1, s->out_w) : x + 1;
      const ck_window window = {.h = h.count, .w = w.count, .x_h = s->dilation_h * in_row,
                                .x_w = s->dilation_w * channels, .filter_h = s->filter_w * channels,
                                .filter_w = channels, .x_pixel = s->stride_w * channels};
      ck_kernels()->TABLE->depthwise(
          &window, next - x, channels, input + (x * s->stride_w - s->pad_left + w.first * s->dilation_w) * channels,
          job->filter + (h.first * s->filter_w + w.first) * channels, job->bias, job->activation,
          job->output + (row * s->out_w + x) * channels);
    }
  }
}

/* With a multiplier, every channel is first repeated that often; then it is an ordinary depthwise convolution. */
int X(ck_depthwise)(ck_pool *pool, const ck_conv *shape, const T *input, const T *filter, const T *bias,
                    ck_activation activation, T *output) {
  struct X(depthwise_job) job = {*shape, input, filter, bias, activation, output};
  if (shape->in_c <= 0) return CK_OK;
  const long multiplier = shape->out_c / shape->in_c, count = shape->batch * shape->in_h * shape->in_w * shape->in_c;
  if (multiplier > 1 && count > 0) {
    T *wide = ck_scratch(CK_SCRATCH_LAYOUT, (size_t)(count * multiplier) * sizeof(T));
    if (!wide) return CK_NO_MEMORY;
    for (long i = 0; i < count; i++)
      for (long q = 0; q < multiplier; q++) wide[i * multiplier + q] = input[i];
    job.input = wide;
  }
  job.shape.in_c = shape->in_c * multiplier;
  const long rows = shape->batch * shape->out_h;
  if (job.shape.in_c > 0)
    ck_ranges(pool, rows, (double)rows * shape->out_w * shape->out_c * (shape->filter_h * shape->filter_w + 1),
              X(depthwise_rows), &job);
  return CK_OK;
}
