/* Pooling and depthwise convolution of one element type. Takes T, X(name) = name_f32 and so on, TABLE: its loops. */

/* Either pooling (one of max, mean) or depthwise convolution (filter set). */
struct X(window_job) {
  ck_conv shape; /* in_c channels on both sides */
  void (*pool)(const ck_window *window, long pixels, long channels, const T *x, T *y);
  const T *input, *filter, *bias;
  ck_activation activation;
  T *output;
};

/* Output rows: all combinations of image, depth and height. */
static void X(window_rows)(void *context, long begin, long end) {
  const struct X(window_job) *job = context;
  const ck_conv *s = &job->shape;
  const long channels = s->in_c, in_row = s->in_w * channels, in_plane = s->in_h * in_row;
  for (long row = begin; row < end; row++) {
    const long image = row / (s->out_d * s->out_h), z = row / s->out_h % s->out_d, y = row % s->out_h;
    const struct span d = taps_inside(z, s->in_d, s->filter_d, s->stride_d, s->pad_front, s->dilation_d);
    const struct span h = taps_inside(y, s->in_h, s->filter_h, s->stride_h, s->pad_top, s->dilation_h);
    const T *input = job->input + image * s->in_d * in_plane +
                     (z * s->stride_d - s->pad_front + d.first * s->dilation_d) * in_plane +
                     (y * s->stride_h - s->pad_top + h.first * s->dilation_h) * in_row;
    T *output = job->output + row * s->out_w * channels;
    for (long x = 0, next; x < s->out_w; x = next) {
      /* neighbours that see the same taps */
      const struct span w = taps_inside(x, s->in_w, s->filter_w, s->stride_w, s->pad_left, s->dilation_w);
      for (next = x + 1; next < s->out_w; next++) {
        const struct span other = taps_inside(next, s->in_w, s->filter_w, s->stride_w, s->pad_left, s->dilation_w);
        if (other.first != w.first || other.count != w.count) break;
      }
      const ck_window window = {.d = d.count, .h = h.count, .w = w.count, .x_d = s->dilation_d * in_plane,
                                .x_h = s->dilation_h * in_row, .x_w = s->dilation_w * channels,
                                .filter_d = s->filter_h * s->filter_w * channels, .filter_h = s->filter_w * channels,
                                .filter_w = channels, .x_pixel = s->stride_w * channels};
      const T *from = input + (x * s->stride_w - s->pad_left + w.first * s->dilation_w) * channels;
      if (job->pool) {
        job->pool(&window, next - x, channels, from, output + x * channels);
        continue;
      }
      const T *filter = job->filter + ((d.first * s->filter_h + h.first) * s->filter_w + w.first) * channels;
      ck_kernels()->TABLE->depthwise(&window, next - x, channels, from, filter, job->bias, job->activation,
                                     output + x * channels);
    }
  }
}

static void X(window_run)(ck_pool *pool, struct X(window_job) *job) {
  const ck_conv *s = &job->shape;
  const long rows = s->batch * s->out_d * s->out_h;
  if (s->in_c <= 0 || s->out_w <= 0) return;
  ck_ranges(pool, rows, (double)rows * s->out_w * s->in_c * (s->filter_d * s->filter_h * s->filter_w + 1),
            X(window_rows), job);
}

static void X(pooling)(ck_pool *pool, const ck_pooling *p, const T *input, T *output,
                       void (*loop)(const ck_window *window, long pixels, long channels, const T *x, T *y)) {
  struct X(window_job) job = {
      .shape = {.batch = p->batch, .in_d = p->in_d, .in_h = p->in_h, .in_w = p->in_w, .in_c = p->channels,
                .filter_d = p->window_d, .filter_h = p->window_h, .filter_w = p->window_w, .out_d = p->out_d,
                .out_h = p->out_h, .out_w = p->out_w, .out_c = p->channels, .stride_d = p->stride_d,
                .stride_h = p->stride_h, .stride_w = p->stride_w, .dilation_d = 1, .dilation_h = 1, .dilation_w = 1,
                .pad_front = p->pad_front, .pad_top = p->pad_top, .pad_left = p->pad_left, .groups = 1},
      .pool = loop, .input = input, .output = output};
  X(window_run)(pool, &job);
}

void X(ck_max_pool)(ck_pool *pool, const ck_pooling *shape, const T *input, T *output) {
  X(pooling)(pool, shape, input, output, ck_kernels()->TABLE->max);
}

void X(ck_avg_pool)(ck_pool *pool, const ck_pooling *shape, const T *input, T *output) {
  X(pooling)(pool, shape, input, output, ck_kernels()->TABLE->mean);
}

/* With a multiplier, every channel is first repeated that often; then it is an ordinary depthwise convolution. */
int X(ck_depthwise)(ck_pool *pool, const ck_conv *shape, const T *input, const T *filter, const T *bias,
                    ck_activation activation, T *output) {
  struct X(window_job) job = {.shape = *shape, .input = input, .filter = filter, .bias = bias,
                              .activation = activation, .output = output};
  job.shape.in_d = job.shape.filter_d = job.shape.out_d = job.shape.stride_d = job.shape.dilation_d = 1;
  job.shape.pad_front = 0;
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
  X(window_run)(pool, &job);
  return CK_OK;
}
