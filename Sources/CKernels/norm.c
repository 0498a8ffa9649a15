/* Bias addition and normalisation: one scale and offset per channel, or per element of a row. */
#include "internal.h"

/* Short rows of channels are repeated side by side up to about this many elements. */
enum { widened = 256 };

#define T float
#define X(name) name##_f32
#define TABLE arithmetic_f32
#define SQRT sqrtf
#include "norm.type.h"
#undef T
#undef X
#undef TABLE
#undef SQRT

#define T double
#define X(name) name##_f64
#define TABLE arithmetic_f64
#define SQRT sqrt
#include "norm.type.h"

struct bias_nchw_job {
  long channels, inner;
  const float *x, *bias;
  ck_activation activation;
  float *y;
};

static void bias_nchw_range(void *context, long begin, long end) {
  const struct bias_nchw_job *job = context;
  for (long i = begin; i < end; i++)
    ck_kernels()->arithmetic_f32->affine_scalar(job->inner, job->x + i * job->inner, 0, 1, job->bias[i % job->channels],
                                                job->activation, job->y + i * job->inner);
}

void ck_bias_add_nchw_f32(ck_pool *pool, long batch, long channels, long inner, const float *x, const float *bias,
                          ck_activation activation, float *y) {
  struct bias_nchw_job job = {channels, inner, x, bias, activation, y};
  if (channels > 0 && inner > 0)
    ck_ranges(pool, batch * channels, (double)batch * channels * inner * 4, bias_nchw_range, &job);
}

int ck_batch_norm_training_f32(ck_pool *pool, long outer, long channels, long inner, const float *x,
                               const float *scale, const float *offset, float epsilon, ck_activation activation,
                               float *y, float *mean, float *biased_variance, float *sample_variance) {
  if (channels <= 0) return CK_OK;
  const float count = (float)outer * inner;
  float *memory = ck_scratch(CK_SCRATCH_TAIL, (size_t)(channels + (inner == 1 ? 0 : outer * channels)) * sizeof(float));
  if (!memory) return CK_NO_MEMORY;
  float *variance = memory, *parts = memory + channels;
  /* NCHW: one result per image and channel first, then over the images. */
  int status;
  if (inner == 1) {
    status = ck_reduce_f32(pool, CK_REDUCE_MEAN, 1, outer, channels, x, mean);
    if (status == CK_OK) status = ck_squares_f32(pool, 1, outer, channels, x, mean, variance);
  } else {
    status = ck_reduce_f32(pool, CK_REDUCE_SUM, outer * channels, inner, 1, x, parts);
    if (status == CK_OK) status = ck_reduce_f32(pool, CK_REDUCE_SUM, 1, outer, channels, parts, mean);
    for (long c = 0; c < channels; c++) mean[c] /= count;
    for (long i = 0; i < outer * channels && status == CK_OK; i++)
      status = ck_squares_f32(pool, 1, inner, 1, x + i * inner, mean + i % channels, parts + i);
    if (status == CK_OK) status = ck_reduce_f32(pool, CK_REDUCE_SUM, 1, outer, channels, parts, variance);
  }
  if (status != CK_OK) return status;
  for (long c = 0; c < channels; c++) {
    variance[c] /= count;
    if (biased_variance) biased_variance[c] = variance[c];
    if (sample_variance) sample_variance[c] = count > 1 ? variance[c] * (count / (count - 1)) : variance[c];
  }
  return ck_batch_norm_f32(pool, outer, channels, inner, x, scale, offset, mean, variance, epsilon, activation, y);
}

/* ------------------------------------------------------------------------------------------- layer normalisation -- */

struct layer_job {
  long columns;
  const float *x, *scale, *offset;
  float epsilon, *y;
};

static void layer_range(void *context, long begin, long end) {
  const struct layer_job *job = context;
  const ck_arithmetic_f32 *loops = ck_kernels()->arithmetic_f32;
  const long n = job->columns;
  for (long row = begin; row < end; row++) {
    const float *x = job->x + row * n;
    float *y = job->y + row * n, mean, squares;
    ck_reduce_f32(NULL, CK_REDUCE_MEAN, 1, n, 1, x, &mean);
    ck_squares_f32(NULL, 1, n, 1, x, &mean, &squares);
    loops->affine_scalar(n, x, mean, 1 / sqrtf(squares / n + job->epsilon), 0, CK_LINEAR, y);
    if (job->scale) loops->binary[CK_BINARY_MUL](n, y, 1, job->scale, 1, y);
    if (job->offset) loops->binary[CK_BINARY_ADD](n, y, 1, job->offset, 1, y);
  }
}

void ck_layer_norm_f32(ck_pool *pool, long rows, long columns, const float *x, const float *scale,
                       const float *offset, float epsilon, float *y) {
  struct layer_job job = {columns, x, scale, offset, epsilon, y};
  if (columns > 0) ck_ranges(pool, rows, (double)rows * columns * 8, layer_range, &job);
}
