/* Convolutions and their gradients, on the tiles of the matrix product; depthwise convolutions are in window.c. */
#include <stdlib.h>

#include "internal.h"

long ck_same_size(long in, long stride) { return ck_ceil_div(in, stride); }

long ck_same_pad(long in, long filter, long stride, long dilation) {
  const long needed = (ck_ceil_div(in, stride) - 1) * stride + (filter - 1) * dilation + 1 - in;
  return needed > 0 ? needed / 2 : 0;
}

long ck_explicit_size(long in, long filter, long stride, long dilation, long pad_before, long pad_after) {
  const long room = in + pad_before + pad_after - (filter - 1) * dilation - 1;
  return room < 0 ? 0 : room / stride + 1;
}

long ck_valid_size(long in, long filter, long stride, long dilation) {
  return ck_explicit_size(in, filter, stride, dilation, 0, 0);
}

static int conv_product_f32(ck_pool *pool, long m, long n, long k, const float *a, const float *filter,
                            const ck_packed_f32 *packed, float *c, const float *bias, ck_activation activation) {
  if (packed) return ck_gemm_packed_f32(pool, 0, m, a, k, packed, c, n, bias, activation);
  return ck_gemm_f32(pool, 0, 0, m, n, k, a, k, filter, n, c, n, bias, activation);
}

static int conv_product_f64(ck_pool *pool, long m, long n, long k, const double *a, const double *filter,
                            const void *packed, double *c, const double *bias, ck_activation activation) {
  (void)packed;
  return ck_gemm_f64(pool, 0, 0, m, n, k, a, k, filter, n, c, n, bias, activation);
}

#define T float
#define PACKED ck_packed_f32
#define PACKED_RIGHT(packed) (*ck_packed_right_f32(packed))
#define X(name) name##_f32
#include "conv.type.h"
#undef T
#undef PACKED
#undef PACKED_RIGHT
#undef X

#define T double
#define PACKED ck_right_f64
#define PACKED_RIGHT(packed) (*(packed))
#define X(name) name##_f64
#include "conv.type.h"
#undef T
#undef PACKED
#undef PACKED_RIGHT
#undef X

int ck_conv_f32(ck_pool *pool, const ck_conv *shape, const float *input, const float *filter,
                const ck_packed_f32 *packed, const float *bias, ck_activation activation, float *output) {
  return conv_f32(pool, shape, input, filter, packed, bias, activation, output);
}

int ck_conv_f64(ck_pool *pool, const ck_conv *shape, const double *input, const double *filter, const double *bias,
                ck_activation activation, double *output) {
  return conv_f64(pool, shape, input, filter, NULL, bias, activation, output);
}

int ck_conv_backprop_input_f32(ck_pool *pool, const ck_conv *shape, const float *filter, const float *output_gradient,
                               float *input_gradient) {
  return conv_backprop_f32(pool, shape, filter, output_gradient, input_gradient);
}

int ck_conv_backprop_input_f64(ck_pool *pool, const ck_conv *shape, const double *filter,
                               const double *output_gradient, double *input_gradient) {
  return conv_backprop_f64(pool, shape, filter, output_gradient, input_gradient);
}

int ck_conv_nchw_f32(ck_pool *pool, const ck_conv *shape, const float *input, const float *filter,
                     const ck_packed_f32 *packed, const float *bias, ck_activation activation, float *output) {
  const long in_pixels = shape->in_d * shape->in_h * shape->in_w;
  const long out_pixels = shape->out_d * shape->out_h * shape->out_w;
  const long in_count = shape->batch * in_pixels * shape->in_c, out_count = shape->batch * out_pixels * shape->out_c;
  if (out_count <= 0) return CK_OK;
  float *nhwc_in = malloc((size_t)ck_max(1, in_count) * sizeof(float));
  float *nhwc_out = malloc((size_t)out_count * sizeof(float));
  int status = CK_NO_MEMORY;
  if (nhwc_in && nhwc_out) {
    const int swap[3] = {0, 2, 1};
    const long in_dims[3] = {shape->batch, shape->in_c, in_pixels};
    const long out_dims[3] = {shape->batch, out_pixels, shape->out_c};
    status = ck_transpose(pool, sizeof(float), 3, in_dims, swap, input, nhwc_in);
    if (status == CK_OK) status = ck_conv_f32(pool, shape, nhwc_in, filter, packed, bias, activation, nhwc_out);
    if (status == CK_OK) status = ck_transpose(pool, sizeof(float), 3, out_dims, swap, nhwc_out, output);
  }
  free(nhwc_in);
  free(nhwc_out);
  return status;
}
