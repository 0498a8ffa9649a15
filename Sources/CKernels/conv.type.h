/* Convolutions of one element type. Takes T, X(name) = name_f32 and so on, and PACKED, a packed filter.
 *
 * A convolution is a product whose left matrix is never built: the rows of a tile are neighbouring output positions,
 * which lie at one distance from each other in the input, and every tap is a segment of the sum at some offset. Only
 * where taps fall outside the input is a zero-bordered box of it copied first. */

struct X(conv_plan) {
  X(ck_right) right;
  long images;
  long in_d, in_h, in_w, in_c; /* the source, in_c being its distance from pixel to pixel */
  long first_c;                /* the first channel of the group */
  long tap_count, length;      /* segments, and elements per segment */
  const long *tap_d, *tap_h, *tap_w; /* where each begins, in source positions from that of its output */
  long low_d, low_h, low_w, high_d, high_h, high_w; /* extent of all taps */
  long count_d, count_h, count_w;                   /* output positions */
  long step_d, step_h, step_w, origin_d, origin_h, origin_w; /* source position of an output position */
  long out_image, out_d, out_h, out_w;                       /* distances in the output */
  const T *source, *bias;
  T *out;
  ck_activation activation;

  int bordered;
  long box_h, box_w; /* rows and columns of the box */
  long band, bands, vector_pieces;
  const long *segments;
  int failed;
};

/* Copies the box of one band with zeros where it leaves the source. */
static void X(conv_box)(const struct X(conv_plan) *p, const T *image, long z, long y, long x, long depth, long rows,
                        T *box) {
  const size_t row_bytes = (size_t)(p->box_w * p->in_c) * sizeof(T);
  const long left = ck_min(ck_max(-x, 0), p->box_w), stop = ck_max(left, ck_min(p->in_w - x, p->box_w));
  for (long d = 0; d < depth; d++)
    for (long h = 0; h < rows; h++) {
      T *row = box + (d * p->box_h + h) * p->box_w * p->in_c;
      if (z + d < 0 || z + d >= p->in_d || y + h < 0 || y + h >= p->in_h || left == stop) {
        memset(row, 0, row_bytes);
        continue;
      }
      const T *from = image + (((z + d) * p->in_h + y + h) * p->in_w + x) * p->in_c;
      memset(row, 0, (size_t)(left * p->in_c) * sizeof(T));
      memcpy(row + left * p->in_c, from + left * p->in_c, (size_t)((stop - left) * p->in_c) * sizeof(T));
      memset(row + stop * p->in_c, 0, (size_t)((p->box_w - stop) * p->in_c) * sizeof(T));
    }
}

static void X(conv_piece)(void *context, long index) {
  struct X(conv_plan) *p = context;
  const long vectors = ck_ceil_div(p->right.n, p->right.tiles->lanes), pairs = ck_ceil_div(vectors, 2);
  const long columns = index % p->vector_pieces, band = index / p->vector_pieces % p->bands;
  const long plane = index / p->vector_pieces / p->bands, out_z = plane % p->count_d, image = plane / p->count_d;
  const long first = ck_piece_begin(p->count_h, p->bands, band);
  const long rows = ck_piece_begin(p->count_h, p->bands, band + 1) - first;
  const long z = out_z * p->step_d + p->origin_d + p->low_d, y = first * p->step_h + p->origin_h + p->low_h,
             x = p->origin_w + p->low_w;
  const T *source = p->source + image * p->in_d * p->in_h * p->in_w * p->in_c;
  long row_length = p->in_w * p->in_c;
  if (p->bordered) {
    const long depth = p->high_d - p->low_d + 1, height = (rows - 1) * p->step_h + p->high_h - p->low_h + 1;
    T *box = ck_scratch(CK_SCRATCH_BLOCK, (size_t)(depth * p->box_h * p->box_w * p->in_c) * sizeof(T));
    if (!box) {
      __atomic_store_n(&p->failed, 1, __ATOMIC_RELAXED);
      return;
    }
    X(conv_box)(p, source, z, y, x, depth, height, box);
    source = box;
    row_length = p->box_w * p->in_c;
  } else {
    source += ((z * p->in_h + y) * p->in_w + x) * p->in_c;
  }
  const X(ck_block) block = {
      .right = p->right, .segments = p->segments, .segment_count = p->tap_count, .length = p->length, .groups = rows,
      .group_rows = p->count_w, .a_group = p->step_h * row_length, .lda = p->step_w * p->in_c, .c_group = p->out_h,
      .ldc = p->out_w, .first_vector = 2 * ck_piece_begin(pairs, p->vector_pieces, columns),
      .end_vector = ck_min(vectors, 2 * ck_piece_begin(pairs, p->vector_pieces, columns + 1)), .bias = p->bias,
      .activation = p->activation};
  X(ck_block_run)(&block, source + p->first_c, p->out + image * p->out_image + out_z * p->out_d + first * p->out_h);
}

/* Runs a plan whose first part is filled in. `segments` has room for tap_count entries. */
static int X(conv_run)(ck_pool *pool, struct X(conv_plan) *p, long tap_width, long *segments) {
  static const long box_bytes = 192 << 10;
  if (p->images <= 0 || p->count_d <= 0 || p->count_h <= 0 || p->count_w <= 0 || p->right.n <= 0) return CK_OK;
  p->low_d = p->high_d = p->tap_count ? p->tap_d[0] : 0;
  p->low_h = p->high_h = p->tap_count ? p->tap_h[0] : 0;
  p->low_w = p->high_w = p->tap_count ? p->tap_w[0] : 0;
  for (long t = 0; t < p->tap_count; t++) {
    p->low_d = ck_min(p->low_d, p->tap_d[t]);
    p->low_h = ck_min(p->low_h, p->tap_h[t]);
    p->low_w = ck_min(p->low_w, p->tap_w[t]);
    p->high_d = ck_max(p->high_d, p->tap_d[t]);
    p->high_h = ck_max(p->high_h, p->tap_h[t]);
    p->high_w = ck_max(p->high_w, p->tap_w[t] + tap_width - 1);
  }
  p->bordered = p->origin_d + p->low_d < 0 || p->origin_h + p->low_h < 0 || p->origin_w + p->low_w < 0 ||
                (p->count_d - 1) * p->step_d + p->origin_d + p->high_d >= p->in_d ||
                (p->count_h - 1) * p->step_h + p->origin_h + p->high_h >= p->in_h ||
                (p->count_w - 1) * p->step_w + p->origin_w + p->high_w >= p->in_w;

  const long planes = p->images * p->count_d, k = p->tap_count * p->length, lanes = p->right.tiles->lanes;
  const long tap_rows = p->high_h - p->low_h + 1, depth = p->high_d - p->low_d + 1;
  p->box_w = (p->count_w - 1) * p->step_w + p->high_w - p->low_w + 1;
  const long row_bytes = ck_max(1, depth * p->box_w * p->in_c * (long)sizeof(T));
  p->band = ck_min(p->count_h, ck_max(1, (box_bytes / row_bytes - tap_rows) / p->step_h + 1));
  p->bands = ck_ceil_div(p->count_h, p->band);
  p->vector_pieces = 1;
  const double cost = (double)planes * p->count_h * p->count_w * (k + 8) * ck_ceil_div(p->right.n, lanes);
  const long wanted = ck_pieces(pool, planes * p->count_h * p->right.n, cost, 20000);
  if (planes * p->bands < wanted) {
    const long most = ck_max(1, ck_ceil_div(ck_ceil_div(p->right.n, lanes), 2));
    if (k * p->right.n > p->in_h * p->in_w * p->in_c)
      p->vector_pieces = ck_min(ck_ceil_div(wanted, planes * p->bands), most);
    p->bands = ck_min(p->count_h, p->bands * ck_ceil_div(wanted, planes * p->bands * p->vector_pieces));
  }
  p->band = ck_ceil_div(p->count_h, p->bands);
  p->box_h = (p->band - 1) * p->step_h + tap_rows;
  for (long t = 0; t < p->tap_count; t++)
    segments[t] = (((p->tap_d[t] - p->low_d) * (p->bordered ? p->box_h : p->in_h) + p->tap_h[t] - p->low_h) *
                       (p->bordered ? p->box_w : p->in_w) + p->tap_w[t] - p->low_w) * p->in_c;
  p->segments = segments;
  ck_parallel(pool, planes * p->bands * p->vector_pieces, X(conv_piece), p);
  return p->failed ? CK_NO_MEMORY : CK_OK;
}

/* The right matrix of one convolution: packed into scratch memory, or read in place for a handful of positions. */
static int X(conv_right)(ck_pool *pool, long positions, long n, long k, const T *filter, long ldb,
                         X(ck_right) *right) {
  const X(ck_tiles) *tiles = ck_kernels()->X(tiles);
  *right = (X(ck_right)){.tiles = tiles, .n = n, .k = k};
  if (positions <= tiles->rows[1] && n % tiles->lanes == 0) {
    right->direct = filter;
    right->ldb = ldb;
    return CK_OK;
  }
  T *panels = ck_scratch(CK_SCRATCH_PACK, (size_t)X(ck_packed_size)(tiles, n, ck_max(1, k)) * sizeof(T));
  if (!panels) return CK_NO_MEMORY;
  X(ck_pack_panels)(pool, tiles, 0, n, k, filter, ldb, panels);
  right->panels = panels;
  return CK_OK;
}

static int X(conv)(ck_pool *pool, const ck_conv *s, const T *input, const T *filter, const PACKED *packed,
                   const T *bias, ck_activation activation, T *output) {
  const long pixels = s->out_d * s->out_h * s->out_w, groups = ck_max(1, s->groups);
  if (s->batch <= 0 || pixels <= 0 || s->out_c <= 0) return CK_OK;
  const long group_c = s->in_c / groups, group_n = s->out_c / groups;
  const long taps = s->filter_d * s->filter_h * s->filter_w, k = taps * group_c;
  const int dense = s->dilation_d == 1 && s->dilation_h == 1 && s->dilation_w == 1;
  const int no_pad = s->pad_front == 0 && s->pad_top == 0 && s->pad_left == 0;

  /* Plain products: 1x1 filters, and filters as large as the image. */
  const int pointwise = taps == 1 && s->stride_d == 1 && s->stride_h == 1 && s->stride_w == 1 && no_pad &&
                        s->out_d == s->in_d && s->out_h == s->in_h && s->out_w == s->in_w;
  const int whole = pixels == 1 && dense && no_pad && s->filter_d == s->in_d && s->filter_h == s->in_h &&
                    s->filter_w == s->in_w;
  if (groups == 1 && (pointwise || whole)) {
    const long m = pointwise ? s->batch * pixels : s->batch;
    return X(conv_product)(pool, m, s->out_c, k, input, filter, packed, output, bias, activation);
  }

  const int merge = groups == 1 && s->dilation_w == 1;
  const long per_row = merge ? 1 : s->filter_w, count = s->filter_d * s->filter_h * per_row;
  long *table = ck_scratch(CK_SCRATCH_PARTS, (size_t)ck_max(1, count) * 4 * sizeof(long));
  if (!table) return CK_NO_MEMORY;
  long *tap_d = table + count, *tap_h = tap_d + count, *tap_w = tap_h + count;
  for (long t = 0; t < count; t++) {
    tap_w[t] = t % per_row * s->dilation_w;
    tap_h[t] = t / per_row % s->filter_h * s->dilation_h;
    tap_d[t] = t / per_row / s->filter_h * s->dilation_d;
  }
  for (long g = 0; g < groups; g++) {
    struct X(conv_plan) plan = {
        .images = s->batch, .in_d = s->in_d, .in_h = s->in_h, .in_w = s->in_w, .in_c = s->in_c,
        .first_c = g * group_c, .tap_count = count, .length = merge ? s->filter_w * s->in_c : group_c,
        .tap_d = tap_d, .tap_h = tap_h, .tap_w = tap_w,
        .count_d = s->out_d, .count_h = s->out_h, .count_w = s->out_w, .step_d = s->stride_d, .step_h = s->stride_h,
        .step_w = s->stride_w, .origin_d = -s->pad_front, .origin_h = -s->pad_top, .origin_w = -s->pad_left,
        .out_image = pixels * s->out_c, .out_d = s->out_h * s->out_w * s->out_c, .out_h = s->out_w * s->out_c,
        .out_w = s->out_c, .source = input, .bias = bias ? bias + g * group_n : NULL,
        .out = output + g * group_n, .activation = activation};
    if (packed && groups == 1) {
      plan.right = PACKED_RIGHT(packed);
    } else if (X(conv_right)(pool, s->batch * pixels, group_n, k, filter + g * group_n, s->out_c, &plan.right)) {
      return CK_NO_MEMORY;
    }
    int status = X(conv_run)(pool, &plan, merge ? s->filter_w : 1, table);
    if (status != CK_OK) return status;
  }
  return CK_OK;
}

/* ----------------------------------------------------------------------------------------- gradient of the input -- */

/* Along each axis the input positions first, first + stride, ... share their taps (a phase): those for which
 * first + pad - tap*dilation is a multiple of the stride. The quotient is where in the output such a tap starts, and
 * each next position of the phase lies one further. So every phase is a convolution of the output gradient. */
static int X(conv_backprop)(ck_pool *pool, const ck_conv *s, const T *filter, const T *gradient, T *out) {
  if (s->batch <= 0 || s->in_d <= 0 || s->in_h <= 0 || s->in_w <= 0 || s->in_c <= 0) return CK_OK;
  const X(ck_tiles) *tiles = ck_kernels()->X(tiles);
  const long taps = s->filter_d * s->filter_h * s->filter_w;
  long *table = ck_scratch(CK_SCRATCH_PARTS, (size_t)ck_max(1, taps) * 4 * sizeof(long));
  T *panels = ck_scratch(CK_SCRATCH_PACK, (size_t)X(ck_packed_size)(tiles, s->in_c, ck_max(1, taps * s->out_c)) *
                                              sizeof(T));
  T *rows = ck_scratch(CK_SCRATCH_LAYOUT, (size_t)ck_max(1, taps * s->out_c * s->in_c) * sizeof(T));
  if (!table || !panels || !rows) return CK_NO_MEMORY;
  for (long pd = 0; pd < ck_min(s->stride_d, s->in_d); pd++)
    for (long ph = 0; ph < ck_min(s->stride_h, s->in_h); ph++)
      for (long pw = 0; pw < ck_min(s->stride_w, s->in_w); pw++) {
        long *tap_d = table + taps, *tap_h = tap_d + taps, *tap_w = tap_h + taps, count = 0;
        for (long d = 0; d < s->filter_d; d++)
          for (long h = 0; h < s->filter_h; h++)
            for (long w = 0; w < s->filter_w; w++) {
              const long at_d = pd + s->pad_front - d * s->dilation_d, at_h = ph + s->pad_top - h * s->dilation_h,
                         at_w = pw + s->pad_left - w * s->dilation_w;
              if (at_d % s->stride_d != 0 || at_h % s->stride_h != 0 || at_w % s->stride_w != 0) continue;
              tap_d[count] = at_d / s->stride_d;
              tap_h[count] = at_h / s->stride_h;
              tap_w[count] = at_w / s->stride_w;
              /* [in_c,out_c] of this tap, as [out_c,in_c] */
              ck_transpose_matrix(NULL, sizeof(T), s->in_c, s->out_c,
                                  filter + ((d * s->filter_h + h) * s->filter_w + w) * s->in_c * s->out_c, s->out_c,
                                  rows + count * s->out_c * s->in_c, s->in_c);
              count++;
            }
        X(ck_pack_panels)(pool, tiles, 0, s->in_c, count * s->out_c, rows, s->in_c, panels);
        struct X(conv_plan) plan = {
            .right = {.tiles = tiles, .n = s->in_c, .k = count * s->out_c, .panels = panels}, .images = s->batch,
            .in_d = s->out_d, .in_h = s->out_h, .in_w = s->out_w, .in_c = s->out_c, .tap_count = count,
            .length = s->out_c, .tap_d = tap_d, .tap_h = tap_h, .tap_w = tap_w,
            .count_d = ck_ceil_div(s->in_d - pd, s->stride_d), .count_h = ck_ceil_div(s->in_h - ph, s->stride_h),
            .count_w = ck_ceil_div(s->in_w - pw, s->stride_w), .step_d = 1, .step_h = 1, .step_w = 1,
            .out_image = s->in_d * s->in_h * s->in_w * s->in_c, .out_d = s->stride_d * s->in_h * s->in_w * s->in_c,
            .out_h = s->stride_h * s->in_w * s->in_c, .out_w = s->stride_w * s->in_c, .source = gradient,
            .out = out + ((pd * s->in_h + ph) * s->in_w + pw) * s->in_c};
        int status = X(conv_run)(pool, &plan, 1, table);
        if (status != CK_OK) return status;
      }
  return CK_OK;
}
