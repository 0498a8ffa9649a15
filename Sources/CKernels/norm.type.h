/* Bias and normalisation of one element type. Takes T, X(name) = name_f32 and so on, TABLE: its loops, SQRT. */

/* Rows of `channels`; mean, scale and offset hold `copies` repetitions of the channels. */
struct X(affine_job) {
  long channels, copies, inner;
  const T *x, *mean, *scale, *offset;
  ck_activation activation;
  T *y;
};

static void X(affine_range)(void *context, long begin, long end) {
  const struct X(affine_job) *job = context;
  const X(ck_arithmetic) *loops = ck_kernels()->TABLE;
  for (long row = begin; row < end; row += job->copies) {
    const long n = ck_min(job->copies, end - row) * job->channels;
    loops->affine(n, job->x + row * job->channels, job->mean, job->scale, job->offset, job->activation,
                  job->y + row * job->channels);
  }
}

/* One channel of one image at a time (NCHW). */
static void X(affine_planes)(void *context, long begin, long end) {
  const struct X(affine_job) *job = context;
  const X(ck_arithmetic) *loops = ck_kernels()->TABLE;
  for (long plane = begin; plane < end; plane++) {
    const long c = plane % job->channels;
    loops->affine_scalar(job->inner, job->x + plane * job->inner, job->mean[c], job->scale[c], job->offset[c],
                         job->activation, job->y + plane * job->inner);
  }
}

void X(ck_bias_add)(ck_pool *pool, long rows, long channels, const T *x, const T *bias, ck_activation activation,
                    T *y) {
  if (channels <= 0) return;
  struct X(affine_job) job = {.channels = channels, .copies = 1, .x = x, .offset = bias, .activation = activation,
                              .y = y};
  T wide[2 * widened];
  if (channels <= widened && rows > 1) {
    job.copies = ck_ceil_div(widened, channels);
    for (long i = 0; i < job.copies; i++) memcpy(wide + i * channels, bias, channels * sizeof(T));
    job.offset = wide;
  }
  ck_ranges(pool, rows, (double)rows * channels * 4, X(affine_range), &job);
}

int X(ck_batch_norm)(ck_pool *pool, long outer, long channels, long inner, const T *x, const T *scale, const T *offset,
                     const T *mean, const T *variance, T epsilon, ck_activation activation, T *y) {
  if (outer <= 0 || channels <= 0 || inner <= 0) return CK_OK;
  const long copies = inner == 1 ? ck_min(outer, ck_max(1, widened / channels)) : 1, width = copies * channels;
  T *wide = ck_scratch(CK_SCRATCH_PARTS, (size_t)(3 * width) * sizeof(T));
  if (!wide) return CK_NO_MEMORY;
  for (long i = 0; i < width; i++) {
    const long c = i % channels;
    wide[i] = mean[c];
    wide[width + i] = 1 / SQRT(variance[c] + epsilon) * (scale ? scale[c] : 1);
    wide[2 * width + i] = offset ? offset[c] : 0;
  }
  struct X(affine_job) job = {channels, copies, inner, x, wide, wide + width, wide + 2 * width, activation, y};
  if (inner == 1) ck_ranges(pool, outer, (double)outer * channels * 5, X(affine_range), &job);
  else ck_ranges(pool, outer * channels, (double)outer * channels * inner * 5, X(affine_planes), &job);
  return CK_OK;
}
