/* Windows that slide over pixels of many channels: pooling and depthwise convolution. Takes what vector.isa.h made,
 * LOWEST, and NAME(activate) of tile.isa.h.
 * Each function makes `pixels` neighbouring outputs of `channels` each; see ck_window for where the elements lie. */

#define FOR_WINDOW(offset, filter_offset) \
  for (long d = 0; d < window->d; d++) \
    for (long h = 0; h < window->h; h++) \
      for (long w = 0, offset = d * window->x_d + h * window->x_h, \
                filter_offset = d * window->filter_d + h * window->filter_h; \
           w < window->w; w++, offset += window->x_w, filter_offset += window->filter_w)

/* One pixel and V vectors, or `columns` < lanes of one vector. */
INLINE void NAME(max_vectors)(int V, const ck_window *window, const T *x, T *y) {
  enum { lanes = NAME(lanes) };
  NAME(vector) most[V];
  for (int i = 0; i < V; i++) most[i] = (NAME(vector)){} + LOWEST;
  FOR_WINDOW(offset, unused) {
    (void)unused;
    for (int i = 0; i < V; i++) {
      const NAME(vector) v = NAME(load)(x + offset + i * lanes);
      most[i] = NAME(choose)(v > most[i], v, most[i]);
    }
  }
  for (int i = 0; i < V; i++) NAME(store)(y + i * lanes, most[i]);
}

INLINE void NAME(mean_vectors)(int V, const ck_window *window, const T *x, T *y) {
  enum { lanes = NAME(lanes) };
  NAME(vector) sum[V];
  for (int i = 0; i < V; i++) sum[i] = (NAME(vector)){};
  FOR_WINDOW(offset, unused) {
    (void)unused;
    for (int i = 0; i < V; i++) sum[i] += NAME(load)(x + offset + i * lanes);
  }
  const T count = (T)(window->d * window->h * window->w);
  for (int i = 0; i < V; i++) NAME(store)(y + i * lanes, sum[i] / count);
}

INLINE void NAME(max_pixel)(const ck_window *window, long channels, const T *x, T *y) {
  enum { lanes = NAME(lanes) };
  long c = 0;
  for (; c + 4 * lanes <= channels; c += 4 * lanes) NAME(max_vectors)(4, window, x + c, y + c);
  for (; c + lanes <= channels; c += lanes) NAME(max_vectors)(1, window, x + c, y + c);
  if (c == channels) return;
  for (long j = c; j < channels; j++) y[j] = LOWEST;
  FOR_WINDOW(offset, unused) {
    (void)unused;
    for (long j = c; j < channels; j++) y[j] = x[offset + j] > y[j] ? x[offset + j] : y[j];
  }
}

INLINE void NAME(mean_pixel)(const ck_window *window, long channels, const T *x, T *y) {
  enum { lanes = NAME(lanes) };
  long c = 0;
  for (; c + 4 * lanes <= channels; c += 4 * lanes) NAME(mean_vectors)(4, window, x + c, y + c);
  for (; c + lanes <= channels; c += lanes) NAME(mean_vectors)(1, window, x + c, y + c);
  if (c == channels) return;
  for (long j = c; j < channels; j++) y[j] = 0;
  FOR_WINDOW(offset, unused) {
    (void)unused;
    for (long j = c; j < channels; j++) y[j] += x[offset + j];
  }
  const T count = (T)(window->d * window->h * window->w);
  for (long j = c; j < channels; j++) y[j] /= count;
}

static void NAME(max_window)(const ck_window *window, long pixels, long channels, const T *x, T *y) {
  for (long p = 0; p < pixels; p++) NAME(max_pixel)(window, channels, x + p * window->x_pixel, y + p * channels);
}

static void NAME(mean_window)(const ck_window *window, long pixels, long channels, const T *x, T *y) {
  for (long p = 0; p < pixels; p++) NAME(mean_pixel)(window, channels, x + p * window->x_pixel, y + p * channels);
}

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
        NAME(depthwise_vectors)(4, 2, window, channels, from + c, filter + c, bias ? bias + c : NULL, activation, to + c);
      for (; c + lanes <= channels; c += lanes)
        NAME(depthwise_vectors)(4, 1, window, channels, from + c, filter + c, bias ? bias + c : NULL, activation, to + c);
    } else {
      for (; c + lanes <= channels; c += lanes)
        NAME(depthwise_vectors)(1, 1, window, channels, from + c, filter + c, bias ? bias + c : NULL, activation, to + c);
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
    .max = NAME(max_window),
    .mean = NAME(mean_window),
    .depthwise = NAME(depthwise_window),
};

#undef FOR_WINDOW
