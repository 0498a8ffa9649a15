/* Sliding windows over images: pooling and depthwise convolution. */
#include "internal.h"

/* One axis: which taps of the window at output position o lie inside. */
struct span {
  long first, count;
};

static struct span taps_inside(long o, long in, long taps, long stride, long pad, long dilation) {
  const long start = o * stride - pad;
  long first = start < 0 ? ck_ceil_div(-start, dilation) : 0;
  long end = in - start <= 0 ? 0 : ck_min(taps, (in - start - 1) / dilation + 1);
  if (first > end) first = end;
  return (struct span){first, end - first};
}

#define T float
#define X(name) name##_f32
#define TABLE windows_f32
#include "window.type.h"
#undef T
#undef X
#undef TABLE

#define T double
#define X(name) name##_f64
#define TABLE windows_f64
#include "window.type.h"

struct argmax_job {
  const ck_pooling *shape;
  int include_batch;
  const float *input;
  float *output;
  int64_t *argmax;
};

static void argmax_rows(void *context, long begin, long end) {
  const struct argmax_job *job = context;
  const ck_pooling *s = job->shape;
  const long channels = s->channels;
  for (long row = begin; row < end; row++) {
    const long image = row / s->out_h, y = row % s->out_h, plane = s->in_h * s->in_w * channels;
    const struct span h = taps_inside(y, s->in_h, s->window_h, s->stride_h, s->pad_top, 1);
    const float *input = job->input + image * plane;
    for (long x = 0; x < s->out_w; x++) {
      const struct span w = taps_inside(x, s->in_w, s->window_w, s->stride_w, s->pad_left, 1);
      float *best = job->output + (row * s->out_w + x) * channels;
      int64_t *at = job->argmax + (row * s->out_w + x) * channels;
      for (long c = 0; c < channels; c++) {
        best[c] = -FLT_MAX;
        at[c] = 0;
      }
      for (long i = 0; i < h.count; i++)
        for (long j = 0; j < w.count; j++) {
          const long offset = ((y * s->stride_h - s->pad_top + h.first + i) * s->in_w + x * s->stride_w - s->pad_left +
                               w.first + j) * channels;
          for (long c = 0; c < channels; c++) {
            const float v = input[offset + c];
            const int wins = (i == 0 && j == 0) || v > best[c];
            best[c] = wins ? v : best[c];
            at[c] = wins ? offset + c : at[c];
          }
        }
      if (job->include_batch)
        for (long c = 0; c < channels; c++) at[c] += image * plane;
    }
  }
}

void ck_max_pool_argmax_f32(ck_pool *pool, const ck_pooling *shape, int include_batch, const float *input,
                            float *output, int64_t *argmax) {
  struct argmax_job job = {shape, include_batch, input, output, argmax};
  const double cost = (double)shape->batch * shape->out_h * shape->out_w * shape->channels * shape->window_h *
                      shape->window_w * 4;
  ck_ranges(pool, shape->batch * shape->out_h, cost, argmax_rows, &job);
}
