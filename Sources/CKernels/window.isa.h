/* Windows that slide over pixels of many channels: pooling and depthwise convolution. Takes what vector.isa.h made,
 * LOWEST, and NAME(activate) of tile.isa.h. */

/* Rows of windows, combined before the columns are: rows are long and lie in order, columns are short. */
static void NAME(max_row)(long n, const T *x, int first, T *acc) {
  if (first) {
#pragma clang loop vectorize(assume_safety)
    for (long i = 0; i < n; i++) acc[i] = x[i] > LOWEST ? x[i] : LOWEST;
  } else {
#pragma clang loop vectorize(assume_safety)
    for (long i = 0; i < n; i++) acc[i] = x[i] > acc[i] ? x[i] : acc[i];
  }
}

static void NAME(sum_row)(long n, const T *x, int first, T *acc) {
  if (first) memcpy(acc, x, n * sizeof(T));
  else NAME(add)(n, acc, 1, x, 1, acc);
}

/* `pixels` outputs, each the largest (the sum, divided) of `taps` pixels in a row. */
#define COLUMNS(name, start, vector_step, step, divided) \
  static void NAME(name)(long pixels, long x_pixel, long taps, long channels, T divisor, const T *x, T *y) { \
    enum { lanes = NAME(lanes) }; \
    (void)divisor; \
    for (long p = 0; p < pixels; p++, x += x_pixel, y += channels) { \
      long c = 0; \
      for (; c + lanes <= channels; c += lanes) { \
        NAME(vector) a = (NAME(vector)){} + (start); \
        for (long t = 0; t < taps; t++) { \
          const NAME(vector) v = NAME(load)(x + t * channels + c); \
          a = vector_step; \
        } \
        NAME(store)(y + c, divided); \
      } \
      for (; c < channels; c++) { \
        T a = start; \
        for (long t = 0; t < taps; t++) { \
          const T v = x[t * channels + c]; \
          a = step; \
        } \
        y[c] = divided; \
      } \
    } \
  }

COLUMNS(max_columns, LOWEST, NAME(choose)(v > a, v, a), v > a ? v : a, a)
COLUMNS(mean_columns, 0, a + v, a + v, a / divisor)

#define FOR_WINDOW(offset, filter_offset) \
  for (long h = 0; h < window->h; h++) \
    for (long w = 0, offset = h * window->x_h, filter_offset = h * window->filter_h; w < window->w; \
         w++, offset += window->x_w, filter_offset += window->filter_w)

/* P pixels and V vectors share the loads of the filter. */
INLINE void NAME(depthwise_vectors)(int P, int V, const ck_window *window, long channels, const T *x, const T *filter,
                                    const T *bias, ck_activation activation, T *y) {
  enum { lanes = NAME(lanes) };
  NAME(vector) sum[P * V];
  for (int i = 0; i < P * V; i++) sum[i] = (NAME(vector)){};
  FOR_WINDOW(offset, filter_offset) {
    for (int i = 0; i < V; i++) {
      const NAME(vector) f = NAME(load)(filter + filter_offset + i * lanes);
      for (int p = 0; p < P; p++) sum[p * V + i] += NAME(load)(x + p * window->x_pixel + offset + i * lanes) * f;
    }
  }
  for (int p = 0; p < P; p++)
    for (int i = 0; i < V; i++) {
      NAME(vector) v = sum[p * V + i];
      if (bias) v += NAME(load)(bias + i * lanes);
      NAME(store)(y + p * channels + i * lanes, NAME(activate)(v, activation));
    }
}

static void NAME(depthwise_window)(const ck_window *window, long pixels, long channels, const T *x, const T *filter,
                                   const T *bias, ck_activation activation, T *y) {
  enum { lanes = NAME(lanes) };
  for (long p = 0; p < pixels;) {
    const int several = p + 4 <= pixels;
    const T *from = x + p * window->x_pixel;
    T *to = y + p * channels;
    long c = 0;
    if (several) {
      for (; c + 2 * lanes <= channels; c += 2 * lanes)
        NAME(depthwise_vectors)(4, 2, window, channels, from + c, filter + c,
                                bias ? bias + c : NULL, activation, to + c);
      for (; c + lanes <= channels; c += lanes)
        NAME(depthwise_vectors)(4, 1, window, channels, from + c, filter + c,
                                bias ? bias + c : NULL, activation, to + c);
    } else {
      for (; c + lanes <= channels; c += lanes)
        NAME(depthwise_vectors)(1, 1, window, channels, from + c, filter + c,
                                bias ? bias + c : NULL, activation, to + c);
    }
    const long done = several ? 4 : 1;
    for (long q = 0; q < done && c < channels; q++) {
      const T *pixel = from + q * window->x_pixel;
      T *out = to + q * channels;
      for (long j = c; j < channels; j++) out[j] = 0;
      FOR_WINDOW(offset, filter_offset) {
        for (long j = c; j < channels; j++) out[j] += pixel[offset + j] * filter[filter_offset + j];
      }
      for (long j = c; j < channels; j++) out[j] = NAME(activated)(out[j] + (bias ? bias[j] : 0), activation);
    }
    p += done;
  }
}

static const TYPED(ck_windows) NAME(windows) = {
    .max_row = NAME(max_row),
    .sum_row = NAME(sum_row),
    .max_columns = NAME(max_columns),
    .mean_columns = NAME(mean_columns),
    .depthwise = NAME(depthwise_window),
};

#undef COLUMNS
#undef FOR_WINDOW
