"""Array, math and logic ops against TensorFlow: see oracle_graphs.py for how."""

from oracle_graphs import COMPLEX, FLOATS, INDICES, INTS, MOVING, NUMERIC, SIGNED, WIDE_FLOATS, case, main

SMALL = ["float32", "int32", "int64", "float64", "uint8", "bool", "float16", "bfloat16", "complex64"]
# What TensorFlow's arithmetic kernels have.
ARITHMETIC = ["float32", "int32", "float64", "int64", "float16", "bfloat16", "int8", "uint8", "int16", "uint16",
              "uint32",
              "uint64"]


def np():
    import numpy
    return numpy


def x_of(g, low=0, high=4, **kw):
    return g.feed(g.array(g.shape(low, high), **kw))


def broadcast_pair(g):
    """Two shapes that broadcast to one."""
    shape = g.shape(0, 4)
    def part():
        cut = [1 if g.flip(0.25) else d for d in shape]
        while cut and g.flip(0.2):
            cut = cut[1:]
        return cut
    a, b = part(), part()
    return (a, b) if g.flip(0.8) else (shape, shape)


def index(g, value, dtype=None):
    """A whole number or a list of them, fed or constant, as int32 or int64."""
    dtype = dtype or g.choice(INDICES)
    if g.flip():
        return g.const(value, dtype)
    return g.feed(np().asarray(value, dtype))


def axis_of(g, rank, allow_end=0):
    a = g.integer(0, rank - 1 + allow_end)
    return a - rank - allow_end if g.flip(0.4) else a


# ------------------------------------------------------------------------------------------------- shapes

@case("Shape", dtypes=SMALL, exact=True)
def shape(g):
    return g.op("Shape", input=x_of(g), out_type=g.choice(INDICES))


@case("ShapeN", dtypes=SMALL, exact=True)
def shape_n(g):
    return g.op("ShapeN", input=[x_of(g) for _ in range(g.integer(1, 3))], out_type=g.choice(INDICES))


@case("Size", dtypes=SMALL, exact=True)
def size(g):
    return g.op("Size", input=x_of(g), out_type=g.choice(INDICES))


@case("Rank", dtypes=SMALL, exact=True)
def rank(g):
    return g.op("Rank", input=x_of(g))


@case("Reshape", dtypes=MOVING, exact=True)
def reshape(g):
    dims = g.shape(0, 4)
    n = 1
    for d in dims:
        n *= d
    new = list(dims)
    g.rng.shuffle(new)
    if g.flip():
        new = [1] + new
    if g.flip() and n:
        new[g.integer(0, len(new) - 1)] = -1 if new else 0
    return g.op("Reshape", tensor=g.feed(g.array(dims)), shape=index(g, new) if new else g.const([], "int32"))


@case("Squeeze", dtypes=SMALL, exact=True)
def squeeze(g):
    dims = [1 if g.flip() else d for d in g.shape(0, 5)]
    ones = [i - (len(dims) if g.flip() else 0) for i, d in enumerate(dims) if d == 1]
    return g.op("Squeeze", input=g.feed(g.array(dims)), axis=[a for a in ones if g.flip()])


@case("ExpandDims", dtypes=SMALL, exact=True)
def expand_dims(g):
    dims = g.shape(0, 4)
    return g.op("ExpandDims", input=g.feed(g.array(dims)), axis=index(g, axis_of(g, len(dims), 1)))


@case("EnsureShape", dtypes=SMALL, exact=True)
def ensure_shape(g):
    dims = g.shape(0, 4)
    return g.op("EnsureShape", input=g.feed(g.array(dims)), shape=[None if g.flip() else d for d in dims])


@case("Bitcast", dtypes=["float32", "int32", "int64", "float64", "uint8", "int16", "float16", "complex64"], exact=True)
def bitcast(g):
    other = g.choice(["float32", "int32", "int64", "uint8", "int16", "uint32", "float64"])
    dims = g.shape(0, 3)
    a, b = np().dtype(g.dtype).itemsize, np().dtype(other).itemsize
    if b > a:
        dims.append(b // a)
    y = g.op("Bitcast", input=g.feed(g.array(dims)), type=other)
    return g.op("Bitcast", input=y[0], type={1: "uint8", 2: "int16", 4: "int32", 8: "int64"}[b])


@case("Fill", dtypes=MOVING, exact=True)
def fill(g):
    dims = g.shape(0, 4)
    return g.op("Fill", dims=index(g, dims) if dims else g.const([], "int32"), value=g.feed(g.array([])))


@case("ZerosLike", dtypes=MOVING, exact=True)
def zeros_like(g):
    return g.op("ZerosLike", x=x_of(g))


@case("OnesLike", dtypes=MOVING, exact=True)
def ones_like(g):
    return g.op("OnesLike", x=x_of(g))


@case("BroadcastTo", dtypes=MOVING, exact=True)
def broadcast_to(g):
    dims = g.shape(0, 4)
    part = [1 if g.flip(0.3) else d for d in dims]
    while part and g.flip(0.2):
        part = part[1:]
    return g.op("BroadcastTo", input=g.feed(g.array(part)), shape=index(g, dims) if dims else g.const([], "int32"))


@case("BroadcastArgs", dtypes=INDICES, exact=True)
def broadcast_args(g):
    a, b = broadcast_pair(g)
    return g.op("BroadcastArgs", s0=index(g, a, g.dtype), s1=index(g, b, g.dtype))


@case("BroadcastGradientArgs", dtypes=INDICES, exact=True, cases=60)
def broadcast_gradient_args(g):
    a, b = broadcast_pair(g)
    return g.op("BroadcastGradientArgs", s0=index(g, a, g.dtype), s1=index(g, b, g.dtype))


@case("DataFormatVecPermute", dtypes=INDICES, exact=True)
def data_format_vec_permute(g):
    formats = [("NHWC", "NCHW"), ("NCHW", "NHWC"), ("NHWC", "HWNC")]
    a, b = g.choice(formats)
    n = g.choice([4, 4, 2])
    return g.op("DataFormatVecPermute", x=g.feed(g.array([n] if g.flip() else [n, 2])), src_format=a, dst_format=b)


@case("DataFormatDimMap", dtypes=INDICES, exact=True)
def data_format_dim_map(g):
    a, b = g.choice([("NHWC", "NCHW"), ("NCHW", "NHWC")])
    return g.op("DataFormatDimMap", x=g.feed(g.array(g.shape(0, 2), low=-4, high=3)), src_format=a, dst_format=b)


@case("InvertPermutation", dtypes=INDICES, exact=True)
def invert_permutation(g):
    return g.op("InvertPermutation", x=g.feed(g.rng.permutation(g.integer(0, 9)).astype(g.dtype)))


@case("UnravelIndex", dtypes=INDICES, exact=True)
def unravel_index(g):
    dims = g.shape(1, 4, empty=0)
    total = int(np().prod(dims))
    return g.op("UnravelIndex", indices=g.feed(g.array(g.shape(0, 1), low=0, high=total - 1)),
                dims=index(g, dims, g.dtype))


# ------------------------------------------------------------------------------------------------- slices

@case("Slice", dtypes=MOVING, exact=True)
def slice_(g):
    dims = g.shape(1, 4)
    begin = [g.integer(0, d) for d in dims]
    size = [g.integer(0, d - b) if g.flip(0.7) else -1 for d, b in zip(dims, begin)]
    dtype = g.choice(INDICES)
    return g.op("Slice", input=g.feed(g.array(dims)), begin=index(g, begin, dtype), size=index(g, size, dtype))


def slice_spec(g, dims):
    """Begin, end, strides and masks for StridedSlice."""
    n, begin, end, strides, masks = len(dims), [], [], [], dict(begin=0, end=0, ellipsis=0, new=0, shrink=0)
    axis, i = 0, 0
    has_ellipsis = g.flip(0.3)
    while axis < n or g.flip(0.3):
        if i >= 8:
            break
        if has_ellipsis and not masks["ellipsis"] and g.flip(0.4):
            masks["ellipsis"] |= 1 << i
            axis += g.integer(0, n - axis)
            b, e, s = g.integer(-3, 3), g.integer(-3, 3), 1
        elif g.flip(0.15):
            masks["new"] |= 1 << i
            b, e, s = g.integer(-3, 3), g.integer(-3, 3), 1
        else:
            if axis >= n:
                break
            d = dims[axis]
            if g.flip(0.2) and d > 0:
                masks["shrink"] |= 1 << i
                b = g.integer(-d, d - 1)
                e, s = (b + 1, 1) if g.flip() else (g.integer(-3, 3), 1)
            else:
                b, e, s = g.integer(-d - 2, d + 2), g.integer(-d - 2, d + 2), g.choice([1, 1, 2, 3, -1, -1, -2, -3])
            if g.flip(0.3):
                masks["begin"] |= 1 << i
                if masks["shrink"] >> i & 1:
                    masks["begin"] &= ~(1 << i)
            if g.flip(0.3):
                masks["end"] |= 1 << i
            axis += 1
        begin.append(b), end.append(e), strides.append(s)
        i += 1
        if axis >= n or g.flip(0.1):
            if not g.flip(0.2):
                break
    return begin, end, strides, masks


@case("StridedSlice", dtypes=MOVING, exact=True, cases=400)
def strided_slice(g):
    dims = g.shape(1, 5)
    begin, end, strides, m = slice_spec(g, dims)
    dtype = g.choice(INDICES)
    return g.op("StridedSlice", input=g.feed(g.array(dims)), begin=index(g, begin, dtype), end=index(g, end, dtype),
                strides=g.const(strides, dtype), begin_mask=m["begin"], end_mask=m["end"], ellipsis_mask=m["ellipsis"],
                new_axis_mask=m["new"], shrink_axis_mask=m["shrink"])


@case("StridedSliceGrad", dtypes=["float32", "int32", "float64", "uint8"], exact=True, cases=100)
def strided_slice_grad(g):
    import tensorflow as tf
    dims = g.shape(1, 4)
    begin, end, strides, m = slice_spec(g, dims)
    args = dict(begin=g.const(begin), end=g.const(end), strides=g.const(strides), begin_mask=m["begin"],
                end_mask=m["end"], ellipsis_mask=m["ellipsis"], new_axis_mask=m["new"], shrink_axis_mask=m["shrink"])
    y = g.op("StridedSlice", input=tf.zeros(dims, g.dtype), **args)[0]
    return g.op("StridedSliceGrad", shape=g.const(dims), dy=g.feed(g.array(y.shape.as_list())), **args)


@case("Pack", dtypes=MOVING, exact=True)
def pack(g):
    dims = g.shape(0, 3)
    return g.op("Pack", values=[g.feed(g.array(dims)) for _ in range(g.integer(1, 4))], axis=axis_of(g, len(dims), 1))


@case("Unpack", dtypes=MOVING, exact=True)
def unpack(g):
    dims = g.shape(1, 4)
    axis = axis_of(g, len(dims))
    if dims[axis] == 0:
        dims[axis] = 2
    return g.op("Unpack", value=g.feed(g.array(dims)), num=dims[axis], axis=axis)


def concat_parts(g):
    dims = g.shape(1, 4)
    axis = axis_of(g, len(dims))
    parts = []
    for _ in range(g.integer(2, 4)):
        d = list(dims)
        d[axis] = g.integer(0, 4)
        parts.append(g.feed(g.array(d)))
    return parts, axis


@case("ConcatV2", dtypes=MOVING, exact=True)
def concat_v2(g):
    parts, axis = concat_parts(g)
    return g.op("ConcatV2", values=parts, axis=index(g, axis))


@case("Concat", dtypes=MOVING, exact=True)
def concat(g):
    parts, axis = concat_parts(g)
    return g.op("Concat", concat_dim=g.const(axis, "int32"), values=parts)


@case("ConcatOffset", dtypes=["int32"], exact=True)
def concat_offset(g):
    dims = g.shape(1, 4)
    axis = axis_of(g, len(dims))
    shapes = []
    for _ in range(g.integer(2, 4)):
        d = list(dims)
        d[axis] = g.integer(0, 4)
        shapes.append(index(g, d, "int32"))
    return g.op("ConcatOffset", concat_dim=g.const(axis, "int32"), shape=shapes)


@case("Split", dtypes=MOVING, exact=True)
def split(g):
    dims = g.shape(1, 4)
    axis, n = axis_of(g, len(dims)), g.integer(1, 4)
    dims[axis] *= n
    return g.op("Split", axis=g.const(axis, "int32"), value=g.feed(g.array(dims)), num_split=n)


@case("SplitV", dtypes=MOVING, exact=True)
def split_v(g):
    dims = g.shape(1, 4)
    axis = axis_of(g, len(dims))
    sizes = [g.integer(0, 3) for _ in range(g.integer(1, 4))]
    dims[axis] = sum(sizes)
    if g.flip(0.4):
        sizes[g.integer(0, len(sizes) - 1)] = -1
    return g.op("SplitV", value=g.feed(g.array(dims)), size_splits=index(g, sizes), axis=g.const(axis, "int32"),
                num_split=len(sizes))


@case("Pad", dtypes=MOVING, exact=True)
def pad(g):
    dims = g.shape(0, 5)
    p = [[g.integer(0, 2), g.integer(0, 2)] for _ in dims]
    return g.op("Pad", input=g.feed(g.array(dims)), paddings=index(g, np().reshape(p, [len(dims), 2]).astype("int32")))


@case("PadV2", dtypes=MOVING, exact=True)
def pad_v2(g):
    dims = g.shape(0, 5)
    p = [[g.integer(0, 2), g.integer(0, 2)] for _ in dims]
    return g.op("PadV2", input=g.feed(g.array(dims)),
                paddings=index(g, np().reshape(p, [len(dims), 2]).astype("int32")),
                constant_values=g.feed(g.array([])))


@case("MirrorPad", dtypes=MOVING, exact=True, cases=120)
def mirror_pad(g):
    dims = g.shape(1, 5, empty=0)
    mode = g.choice(["REFLECT", "SYMMETRIC"])
    skip = 1 if mode == "REFLECT" else 0
    p = [[g.integer(0, max(d - skip, 0)), g.integer(0, max(d - skip, 0))] for d in dims]
    return g.op("MirrorPad", input=g.feed(g.array(dims)), paddings=index(g, p), mode=mode)


@case("Tile", dtypes=SMALL, exact=True)
def tile(g):
    dims = g.shape(0, 4)
    m = [g.integer(0, 3) for _ in dims]
    return g.op("Tile", input=g.feed(g.array(dims)), multiples=index(g, m) if m else g.const([], "int32"))


@case("ExtractImagePatches", dtypes=["float32", "int32", "float64", "uint8", "int64"], exact=True, cases=60)
def extract_image_patches(g):
    return g.op("ExtractImagePatches", images=g.feed(g.array([g.integer(1, 2), g.integer(3, 9), g.integer(3, 9),
                                                              g.integer(1, 3)])),
                ksizes=[1, g.integer(1, 3), g.integer(1, 3), 1], strides=[1, g.integer(1, 3), g.integer(1, 3), 1],
                rates=[1, g.integer(1, 2), g.integer(1, 2), 1], padding=g.choice(["SAME", "VALID"]))


# ------------------------------------------------------------------------------------------------- orders

@case("Transpose", dtypes=MOVING, exact=True, cases=120)
def transpose(g):
    dims = g.shape(0, 6)
    perm = list(g.rng.permutation(len(dims)))
    perm = index(g, [int(p) for p in perm]) if perm else g.const([], "int32")
    return g.op("Transpose", x=g.feed(g.array(dims)), perm=perm)


@case("ConjugateTranspose", dtypes=COMPLEX + ["float32"], exact=True)
def conjugate_transpose(g):
    dims = g.shape(2, 5)
    return g.op("ConjugateTranspose", x=g.feed(g.array(dims)),
                perm=index(g, [int(p) for p in g.rng.permutation(len(dims))]))


@case("ReverseV2", dtypes=MOVING, exact=True)
def reverse_v2(g):
    dims = g.shape(1, 5)
    axes = [i - (len(dims) if g.flip(0.3) else 0) for i in range(len(dims)) if g.flip()]
    g.rng.shuffle(axes)
    return g.op("ReverseV2", tensor=g.feed(g.array(dims)), axis=index(g, axes) if axes else g.const([], "int32"))


@case("Reverse", dtypes=SMALL, exact=True)
def reverse(g):
    dims = g.shape(1, 5)
    return g.op("Reverse", tensor=g.feed(g.array(dims)), dims=g.const([g.flip() for _ in dims], "bool"))


@case("ReverseSequence", dtypes=SMALL, exact=True)
def reverse_sequence(g):
    dims = g.shape(2, 5, empty=0)
    seq, batch = (int(i) for i in g.rng.permutation(len(dims))[:2])
    lens = [g.integer(0, dims[seq]) for _ in range(dims[batch])]
    return g.op("ReverseSequence", input=g.feed(g.array(dims)), seq_lengths=index(g, lens), seq_dim=seq,
                batch_dim=batch)


@case("Roll", dtypes=SMALL, exact=True)
def roll(g):
    dims = g.shape(1, 4)
    n = g.integer(1, 3)
    shift, axis = [g.integer(-7, 7) for _ in range(n)], [axis_of(g, len(dims)) for _ in range(n)]
    if n == 1 and g.flip():
        shift, axis = shift[0], axis[0]
    return g.op("Roll", input=g.feed(g.array(dims)), shift=index(g, shift), axis=index(g, axis))


@case("SpaceToBatchND", dtypes=SMALL, exact=True)
def space_to_batch_nd(g):
    m = g.integer(1, 3)
    block = [g.integer(1, 3) for _ in range(m)]
    pads = [[g.integer(0, 2), g.integer(0, 2)] for _ in range(m)]
    dims = [g.integer(1, 3)] + [max(b * g.integer(1, 3) - sum(p), 0) for b, p in zip(block, pads)] + g.shape(0, 2)
    return g.op("SpaceToBatchND", input=g.feed(g.array(dims)), block_shape=g.const(block, g.choice(INDICES)),
                paddings=index(g, pads))


@case("BatchToSpaceND", dtypes=SMALL, exact=True)
def batch_to_space_nd(g):
    m = g.integer(1, 3)
    block = [g.integer(1, 3) for _ in range(m)]
    dims = [int(np().prod(block)) * g.integer(1, 2)] + [g.integer(1, 3) for _ in range(m)] + g.shape(0, 2)
    crops = []
    for b, d in zip(block, dims[1:]):
        first = g.integer(0, b * d - 1)
        crops.append([first, g.integer(0, b * d - 1 - first)])
    return g.op("BatchToSpaceND", input=g.feed(g.array(dims)), block_shape=g.const(block, g.choice(INDICES)),
                crops=index(g, crops))


@case("SpaceToBatch", dtypes=SMALL, exact=True)
def space_to_batch(g):
    b = g.integer(2, 3)
    pads = [[g.integer(0, 2), g.integer(0, 2)] for _ in range(2)]
    dims = [g.integer(1, 2)] + [max(b * g.integer(1, 3) - sum(p), 0) for p in pads] + [g.integer(1, 3)]
    return g.op("SpaceToBatch", input=g.feed(g.array(dims)), paddings=index(g, pads), block_size=b)


@case("BatchToSpace", dtypes=SMALL, exact=True)
def batch_to_space(g):
    b = g.integer(2, 3)
    dims = [b * b * g.integer(1, 2), g.integer(1, 3), g.integer(1, 3), g.integer(1, 3)]
    crops = [[g.integer(0, 1), 0], [0, g.integer(0, 1)]]
    return g.op("BatchToSpace", input=g.feed(g.array(dims)), crops=index(g, crops),
                block_size=b)


@case("SpaceToDepth", dtypes=SMALL, exact=True)
def space_to_depth(g):
    b = g.integer(2, 3)
    return g.op("SpaceToDepth", input=g.feed(g.array([g.integer(1, 2), b * g.integer(1, 3), b * g.integer(1, 3),
                                                      g.integer(1, 3)])), block_size=b)


@case("DepthToSpace", dtypes=SMALL, exact=True)
def depth_to_space(g):
    b = g.integer(2, 3)
    return g.op("DepthToSpace", input=g.feed(g.array([g.integer(1, 2), g.integer(1, 3), g.integer(1, 3),
                                                      b * b * g.integer(1, 3)])), block_size=b)


# ------------------------------------------------------------------------------------------------- places

@case("Gather", dtypes=SMALL, exact=True)
def gather(g):
    dims = g.shape(1, 4, empty=0)
    return g.op("Gather", params=g.feed(g.array(dims)),
                indices=g.feed(g.array(g.shape(0, 3), g.choice(INDICES), 0, dims[0] - 1)))


@case("GatherV2", dtypes=MOVING, exact=True, cases=120)
def gather_v2(g):
    dims = g.shape(1, 4, empty=0)
    axis = axis_of(g, len(dims))
    return g.op("GatherV2", params=g.feed(g.array(dims)), axis=index(g, axis),
                indices=g.feed(g.array(g.shape(0, 3), g.choice(INDICES), 0, dims[axis] - 1)))


@case("GatherV2 batch_dims", dtypes=SMALL, exact=True, cases=80)
def gather_v2_batch(g):
    dims = g.shape(2, 5, empty=0)
    axis = g.integer(0, len(dims) - 1)
    batch = g.integer(0, axis)
    shape = dims[:batch] + g.shape(0, 2)
    indices = g.feed(g.array(shape, g.choice(INDICES), 0, dims[axis] - 1))
    if batch and g.flip(0.3):
        batch -= len(shape)
    return g.op("GatherV2", params=g.feed(g.array(dims)), axis=index(g, axis - (len(dims) if g.flip(0.3) else 0)),
                indices=indices, batch_dims=batch)


def index_vectors(g, dims, lead, depth):
    columns = [g.array(lead, "int64", 0, d - 1) for d in dims[:depth]]
    x = np().stack(columns, -1) if depth else np().zeros(list(lead) + [0])
    return x.astype(g.choice(INDICES))


@case("GatherNd", dtypes=MOVING, exact=True)
def gather_nd(g):
    dims = g.shape(1, 4, empty=0)
    return g.op("GatherNd", params=g.feed(g.array(dims)),
                indices=g.feed(index_vectors(g, dims, g.shape(0, 2), g.integer(0, len(dims)))))


@case("ScatterNd", dtypes=["float32", "int32", "int64", "float64", "uint8", "bool", "int16", "float16"])
def scatter_nd(g):
    dims = g.shape(1, 3, empty=0)
    depth, lead = g.integer(1, len(dims)), g.shape(1, 2)
    at = index_vectors(g, dims, lead, depth)
    return g.op("ScatterNd", indices=g.feed(at), updates=g.feed(g.array(lead + dims[depth:])),
                shape=g.const(dims, at.dtype.name))


def tensor_scatter(name, dtypes, exact=True):
    @case(name, dtypes=dtypes, exact=exact)
    def build(g):
        dims = g.shape(1, 3, empty=0)
        depth = g.integer(1, len(dims))
        lead = g.shape(1, 2)
        at = index_vectors(g, dims, lead, depth)
        if name == "TensorScatterUpdate":  # the same place twice has no defined answer
            flat = np().unique(at.reshape(-1, depth), axis=0) if at.size else at.reshape(0, depth)
            lead, at = [flat.shape[0]], flat
        return g.op(name, tensor=g.feed(g.array(dims)), indices=g.feed(at),
                    updates=g.feed(g.array(lead + dims[depth:])))


tensor_scatter("TensorScatterUpdate", ["float32", "int32", "uint8", "bool", "float64", "int64"])
tensor_scatter("TensorScatterAdd", ["float32", "int32", "float64", "int64"], False)
tensor_scatter("TensorScatterSub", ["float32", "int32", "float64", "int64"], False)
tensor_scatter("TensorScatterMax", ["float32", "int32", "float64", "int64"])
tensor_scatter("TensorScatterMin", ["float32", "int32", "float64", "int64"])


@case("DynamicPartition", dtypes=SMALL, exact=True)
def dynamic_partition(g):
    dims, n = g.shape(1, 4), g.integer(1, 4)
    return g.op("DynamicPartition", data=g.feed(g.array(dims)), num_partitions=n,
                partitions=g.feed(g.array(dims[:g.integer(1, len(dims))], "int32", 0, n - 1)))


def stitch(name):
    @case(name, dtypes=SMALL, exact=True)
    def build(g):
        rest, total = g.shape(0, 2), g.integer(1, 9)
        order = g.rng.permutation(total)
        cut = sorted(g.integer(0, total) for _ in range(g.integer(0, 2)))
        parts = np().split(order, cut)
        return g.op(name, indices=[g.feed(p.astype("int32")) for p in parts],
                    data=[g.feed(g.array([len(p)] + rest)) for p in parts])


stitch("DynamicStitch")
stitch("ParallelDynamicStitch")


@case("Where", dtypes=NUMERIC + COMPLEX + ["bool"], exact=True)
def where(g):
    x = g.array(g.shape(1, 5))
    mask = g.rng.rand(*x.shape) < 0.5
    return g.op("Where", condition=g.feed(np().where(mask, x, np().zeros_like(x)).astype(x.dtype)))


def unique_input(g, n):
    return g.feed(g.array([n], low=0, high=5) if g.dtype != "bool" else g.array([n]))


@case("Unique", dtypes=["int32", "int64", "float32", "uint8", "float64", "int16"], exact=True)
def unique(g):
    x = g.array([g.integer(0, 12)], "int32", 0, 6).astype(g.dtype)
    return g.op("Unique", x=g.feed(x), out_idx=g.choice(INDICES))


@case("UniqueWithCounts", dtypes=["int32", "int64", "float32"], exact=True)
def unique_with_counts(g):
    x = g.array([g.integer(0, 12)], "int32", 0, 6).astype(g.dtype)
    return g.op("UniqueWithCounts", x=g.feed(x), out_idx=g.choice(INDICES))


def unique_v2(name):
    @case(name, dtypes=["int32", "int64", "float32"], exact=True, cases=40)
    def build(g):
        dims = g.shape(1, 3, 4, empty=0)
        axis = [axis_of(g, len(dims))] if len(dims) > 1 or g.flip() else []
        x = g.array(dims, "int32", 0, 1 if len(dims) > 1 else 5).astype(g.dtype)
        return g.op(name, x=g.feed(x), axis=g.const(axis, "int64"), out_idx=g.choice(INDICES))


unique_v2("UniqueV2")
unique_v2("UniqueWithCountsV2")


@case("ListDiff", dtypes=["int32", "int64", "float32", "uint8"], exact=True)
def list_diff(g):
    x = g.array([g.integer(0, 9)], "int32", 0, 9).astype(g.dtype)
    y = g.array([g.integer(0, 9)], "int32", 0, 9).astype(g.dtype)
    return g.op("ListDiff", x=g.feed(x), y=g.feed(y), out_idx=g.choice(INDICES))


def sorted_search(name):
    @case(name, dtypes=["float32", "int32", "int64", "float64", "uint8"], exact=True)
    def build(g):
        rows, n, m = g.integer(1, 3), g.integer(1, 9), g.integer(1, 5)
        s = np().sort(g.array([rows, n], "int32", 0, 9), -1).astype(g.dtype)
        return g.op(name, sorted_inputs=g.feed(s), values=g.feed(g.array([rows, m], "int32", 0, 9).astype(g.dtype)),
                    out_type=g.choice(INDICES))


sorted_search("LowerBound")
sorted_search("UpperBound")


# ------------------------------------------------------------------------------------------------- diagonals

@case("MatrixBandPart", dtypes=SMALL, exact=True)
def matrix_band_part(g):
    dims = g.shape(2, 4)
    dtype = g.choice(INDICES)
    return g.op("MatrixBandPart", input=g.feed(g.array(dims)), num_lower=index(g, g.integer(-1, dims[-2]), dtype),
                num_upper=index(g, g.integer(-1, dims[-1]), dtype))


@case("MatrixDiag", dtypes=SMALL, exact=True)
def matrix_diag(g):
    return g.op("MatrixDiag", diagonal=g.feed(g.array(g.shape(1, 3))))


@case("MatrixDiagPart", dtypes=SMALL, exact=True)
def matrix_diag_part(g):
    return g.op("MatrixDiagPart", input=g.feed(g.array(g.shape(2, 4, empty=0))))


@case("MatrixSetDiag", dtypes=SMALL, exact=True)
def matrix_set_diag(g):
    dims = g.shape(2, 4, empty=0)
    return g.op("MatrixSetDiag", input=g.feed(g.array(dims)), diagonal=g.feed(g.array(dims[:-2] + [min(dims[-2:])])))


def band(g, rows, columns):
    low = g.integer(-rows + 1, columns - 1)
    high = g.integer(low, columns - 1) if g.flip(0.7) else low
    longest = min(rows + min(high, 0), columns - max(low, 0))
    k = [low, high] if low != high or g.flip() else g.choice([low, [low]])
    return k, low, high, longest


def diagonals(version):
    align = (lambda g: dict(align=g.choice(["LEFT_LEFT", "RIGHT_LEFT", "LEFT_RIGHT", "RIGHT_RIGHT"]))) \
        if version == "V3" else (lambda g: {})

    @case("MatrixDiag" + version, dtypes=SMALL, exact=True, cases=100)
    def diag(g):
        rows, columns = g.integer(1, 5), g.integer(1, 5)
        k, low, high, longest = band(g, rows, columns)
        dims = g.shape(0, 2, 3) + ([high - low + 1] if high != low else []) + [longest]
        return g.op("MatrixDiag" + version, diagonal=g.feed(g.array(dims)), k=g.const(k, "int32"),
                    num_rows=g.const(g.choice([rows, rows, -1]), "int32"),
                    num_cols=g.const(g.choice([columns, columns, -1]), "int32"),
                    padding_value=g.feed(g.array([])), **align(g))

    @case("MatrixDiagPart" + version, dtypes=SMALL, exact=True, cases=100)
    def part(g):
        rows, columns = g.integer(1, 5), g.integer(1, 5)
        k = band(g, rows, columns)[0]
        return g.op("MatrixDiagPart" + version, input=g.feed(g.array(g.shape(0, 2, 3) + [rows, columns])),
                    k=g.const(k, "int32"), padding_value=g.feed(g.array([])), **align(g))

    @case("MatrixSetDiag" + version, dtypes=SMALL, exact=True, cases=100)
    def set_diag(g):
        rows, columns, lead = g.integer(1, 5), g.integer(1, 5), g.shape(0, 2, 3)
        k, low, high, longest = band(g, rows, columns)
        dims = lead + ([high - low + 1] if high != low else []) + [longest]
        return g.op("MatrixSetDiag" + version, input=g.feed(g.array(lead + [rows, columns])),
                    diagonal=g.feed(g.array(dims)), k=g.const(k, "int32"), **align(g))


diagonals("V2")
diagonals("V3")


@case("Diag", dtypes=["float32", "int32", "int64", "float64", "complex64"], exact=True)
def diag(g):
    return g.op("Diag", diagonal=g.feed(g.array(g.shape(1, 3, 4))))


@case("DiagPart", dtypes=["float32", "int32", "int64", "float64", "complex64"], exact=True)
def diag_part(g):
    half = g.shape(1, 2, 4)
    return g.op("DiagPart", input=g.feed(g.array(half + half)))


# ------------------------------------------------------------------------------------------------- sequences

@case("Range", dtypes=["int32", "int64", "float32", "float64"], cases=60)
def range_(g):
    if g.dtype in INDICES:
        start, n, delta = g.integer(-9, 9), g.integer(0, 9), g.choice([1, 2, 3, -1, -2])
        limit = start + delta * n - (g.integer(0, abs(delta) - 1) * (1 if delta > 0 else -1) if n else 0)
    else:
        start, delta = g.rng.uniform(-3, 3), g.choice([0.5, 0.3, -0.7, 1.0])
        limit = start + delta * g.rng.uniform(0, 12)
    return g.op("Range", start=index(g, start, g.dtype), limit=index(g, limit, g.dtype), delta=index(g, delta, g.dtype))


@case("LinSpace", dtypes=WIDE_FLOATS)
def lin_space(g):
    return g.op("LinSpace", start=g.feed(g.array([])), stop=g.feed(g.array([])), num=index(g, g.integer(1, 12)))


@case("OneHot", dtypes=SMALL, exact=True)
def one_hot(g):
    dims = g.shape(0, 3)
    kind = g.choice(["int32", "int64", "uint8"])
    return g.op("OneHot", indices=g.feed(g.array(dims, kind, 0 if kind == "uint8" else -2, 6)),
                depth=g.const(g.integer(0, 5), "int32"), on_value=g.feed(g.array([])), off_value=g.feed(g.array([])),
                axis=g.integer(-1, len(dims)))


# ------------------------------------------------------------------------------------------------- elementwise

def nonzero(x):
    return np().where(x == 0, np().ones_like(x), x)


def pair(name, dtypes, low=None, high=None, divisor=False, special=0.0, exact=False, cases=None, tolerance=None,
         b_low=None,
         b_high=None):
    @case(name, dtypes=dtypes, exact=exact, cases=cases or max(40, 5 * len(dtypes)), tolerance=tolerance)
    def build(g):
        a, b = broadcast_pair(g)
        unsigned = g.dtype.startswith("u")
        lo = max(low, 0) if unsigned and low is not None else low
        x = g.array(a, low=lo, high=high, special=special)
        lo = b_low if b_low is not None else lo
        y = g.array(b, low=max(lo, 0) if unsigned and lo is not None else lo,
                    high=b_high if b_high is not None else high,
                    special=special)
        if divisor:
            y = nonzero(y)
        return g.op(name, x=g.feed(x), y=g.feed(y))


pair("Add", ["float32", "int32", "float64", "int64", "float16", "bfloat16", "int8", "uint8", "int16"] + COMPLEX,
     special=0.1)
pair("AddV2", ARITHMETIC + COMPLEX, special=0.1)
pair("Sub", ARITHMETIC + COMPLEX, special=0.1)
pair("Mul", ARITHMETIC + COMPLEX, special=0.1)
pair("Div", ["float32", "int32", "float64", "int64", "float16", "bfloat16", "int8", "uint8", "int16"] + COMPLEX,
     divisor=True)
pair("RealDiv", FLOATS + COMPLEX, special=0.05)
pair("DivNoNan", ["float32", "float64", "float16", "bfloat16"], special=0.05)
pair("MulNoNan", ["float32", "float64", "float16", "bfloat16"])
pair("TruncateDiv", ["int32", "int64", "uint8", "int8", "int16", "uint16", "uint32", "uint64"], divisor=True)
pair("FloorDiv", ARITHMETIC, divisor=True)
pair("FloorMod", ["int32", "int64", "float32", "float64", "int8", "uint8", "uint64", "float16"], divisor=True,
     tolerance=4)
pair("Mod", ["int32", "int64", "float32", "float64"], divisor=True, tolerance=4)
pair("TruncateMod", ["int32", "int64", "float32", "float64"], divisor=True, tolerance=4)
pair("Maximum", ARITHMETIC, exact=True)
pair("Minimum", ARITHMETIC, exact=True)
pair("Pow", FLOATS, low=0.1, high=3, tolerance=4)
pair("SquaredDifference", ["float32", "float64", "int32", "int64", "float16", "bfloat16"], special=0.05, tolerance=4)
pair("Atan2", WIDE_FLOATS + ["bfloat16"], special=0.05)
pair("Xlogy", ["float32", "float64", "float16"], low=0, high=3, special=0.05)
pair("Xdivy", ["float32", "float64", "float16"], special=0.05)
pair("Xlog1py", ["float32", "float64", "float16"], low=0, high=3, special=0.05)
pair("BitwiseAnd", INTS)
pair("BitwiseOr", INTS)
pair("BitwiseXor", INTS)
pair("LeftShift", INTS, b_low=0, b_high=7)
pair("RightShift", INTS, b_low=0, b_high=7)
pair("Less", ARITHMETIC, low=-3, high=3, special=0.1)
pair("LessEqual", ARITHMETIC, low=-3, high=3, special=0.1)
pair("Greater", ARITHMETIC, low=-3, high=3, special=0.1)
pair("GreaterEqual", ARITHMETIC, low=-3, high=3, special=0.1)


@case("Pow integers", dtypes=["int32", "int64"], cases=40)
def pow_integers(g):
    a, b = broadcast_pair(g)
    return g.op("Pow", x=g.feed(g.array(a, low=-5, high=5)), y=g.feed(g.array(b, low=0, high=9)))


def igamma(name):
    @case(name, dtypes=WIDE_FLOATS, tolerance=20)
    def build(g):
        a, b = broadcast_pair(g)
        return g.op(name, a=g.feed(g.array(a, low=0.1, high=20)), x=g.feed(g.array(b, low=0.0, high=25)))


igamma("Igamma")
igamma("Igammac")


@case("NextAfter", dtypes=["float64"], exact=True)
def next_after(g):
    a, b = broadcast_pair(g)
    return g.op("NextAfter", x1=g.feed(g.array(a)), x2=g.feed(g.array(b)))


def equality(name):
    @case(name, dtypes=["float32", "int32", "bool", "int64", "float64", "uint8", "int8", "int16", "float16", "bfloat16",
                        "complex64", "complex128", "uint16", "uint32", "uint64"], cases=90)
    def build(g):
        a, b = broadcast_pair(g)
        low = 0 if g.dtype.startswith("u") else -2
        make = lambda s: g.array(s, "int32", low, 2).astype("float32" if g.dtype == "bfloat16" else g.dtype)
        if g.flip(0.1):
            a, b = [2, 3], [3, 2]
            try:
                return g.op(name, x=g.feed(make(a)), y=g.feed(make(b)), incompatible_shape_error=False)
            except TypeError:
                a = b
        return g.op(name, x=g.feed(make(a)), y=g.feed(make(b)))


equality("Equal")
equality("NotEqual")


@case("ApproximateEqual", dtypes=["float32", "float64", "int32"])
def approximate_equal(g):
    dims = g.shape()
    x = g.array(dims, low=-1, high=1)
    y = x + g.array(dims, low=0, high=1).astype(x.dtype) * x.dtype.type(1 if g.dtype == "int32" else 1e-3)
    return g.op("ApproximateEqual", x=g.feed(x), y=g.feed(y.astype(x.dtype)),
                tolerance=g.choice([1e-5, 5e-4, 1.0, 2.0]))


def logical(name):
    @case(name, dtypes=["bool"])
    def build(g):
        a, b = broadcast_pair(g)
        return g.op(name, x=g.feed(g.array(a)), y=g.feed(g.array(b)))


logical("LogicalAnd")
logical("LogicalOr")


@case("LogicalNot", dtypes=["bool"])
def logical_not(g):
    return g.op("LogicalNot", x=x_of(g))


@case("Select", dtypes=MOVING, exact=True)
def select(g):
    dims = g.shape(0, 4)
    c = g.choice([dims, [], dims[:1]]) if dims else []
    return g.op("Select", condition=g.feed(g.array(c, "bool")), x=g.feed(g.array(dims)), y=g.feed(g.array(dims)))


@case("SelectV2", dtypes=MOVING, exact=True, cases=90)
def select_v2(g):
    a, b = broadcast_pair(g)
    c = [1 if g.flip(0.3) else d for d in (a if len(a) > len(b) else b)]
    return g.op("SelectV2", condition=g.feed(g.array(c, "bool")), t=g.feed(g.array(a)), e=g.feed(g.array(b)))


def unary(name, dtypes=None, low=None, high=None, special=0.05, exact=False, tolerance=None, argument="x", cases=None,
          **kw):
    @case(name, dtypes=dtypes or ["float32", "float64", "float16", "bfloat16"], exact=exact, tolerance=tolerance,
          cases=cases)
    def build(g):
        x = g.feed(g.array(g.shape(0, 3, 9), low=low, high=high, special=special))
        return g.op(name.split()[0], **dict({argument: x}, **kw))


unary("Abs", ["float32", "int32", "float64", "int64", "float16", "bfloat16", "int8", "int16"], exact=True)
unary("Neg", ["float32", "int32", "float64", "int64", "float16", "bfloat16", "int8", "int16"], exact=True)
unary("Sign", ["float32", "int32", "float64", "int64", "float16", "bfloat16"], exact=True, special=0)  # NaN: by version
unary("Square", ["float32", "int32", "float64", "int64", "float16", "bfloat16"])
unary("Sqrt", low=0, high=30, special=0)  # of infinity: NaN in 1.15
unary("Rsqrt", low=0.01, high=30, special=0)  # of -0: by version
unary("Reciprocal", special=0.05)
unary("Inv", special=0.05)
unary("Exp", low=-12, high=12)
unary("Expm1", low=-3, high=3)
unary("Log", low=0.001, high=40)
unary("Log1p", low=-0.9, high=20)
unary("Sin", low=-20, high=20, special=0)
unary("Cos", low=-20, high=20, special=0)
unary("Tan", low=-1.4, high=1.4, tolerance=4)
unary("Asin", WIDE_FLOATS, low=-1, high=1)
unary("Acos", WIDE_FLOATS, low=-1, high=1)
unary("Atan", WIDE_FLOATS)
unary("Sinh", WIDE_FLOATS, low=-5, high=5)
unary("Cosh", WIDE_FLOATS, low=-5, high=5)
unary("Asinh", WIDE_FLOATS, low=-5, high=5, tolerance=4)
unary("Acosh", WIDE_FLOATS, low=1, high=20)
unary("Atanh", WIDE_FLOATS, low=-0.95, high=0.95)
unary("Tanh", low=-10, high=10)
unary("Sigmoid", low=-8, high=8)
unary("Erf", ["float32", "float64", "float16"], low=-4, high=4, special=0)
unary("Erfc", ["float32", "float64", "float16"], low=-4, high=4, tolerance=4)
unary("Erfinv", WIDE_FLOATS, low=-0.99, high=0.99, special=0, tolerance=8)
unary("Ndtri", WIDE_FLOATS, low=0.001, high=0.999, special=0, tolerance=8)
unary("Lgamma", ["float32", "float64"], low=0.1, high=20)
unary("Digamma", ["float32", "float64"], low=0.1, high=20, special=0)  # of 0: by version
unary("Floor", exact=True, low=-9, high=9)
unary("Ceil", exact=True, low=-9, high=9)
unary("Rint", WIDE_FLOATS, exact=True, low=-9, high=9)
unary("Round", ["float32", "float64", "float16"], exact=True, low=-9, high=9)
unary("IsNan", special=0.5)
unary("IsInf", special=0.5)
unary("IsFinite", special=0.5)
unary("Invert", INTS)
unary("PopulationCount", INTS)
for _dtype, _part in [("complex64", "float32"), ("complex128", "float64")]:
    for _name, _argument in [("Real", "input"), ("Imag", "input"), ("ComplexAbs", "x"), ("Angle", "input")]:
        unary(_name + " " + _dtype, [_dtype], argument=_argument, Tout=_part)
unary("Conj", COMPLEX, argument="input")


@case("Rint halves", dtypes=WIDE_FLOATS, exact=True)
def rint_halves(g):
    x = g.feed((g.array([9], "int32", -9, 9) / 2).astype(g.dtype))
    return g.op("Rint", x=x) + g.op("Round", x=x)


@case("Complex", dtypes=WIDE_FLOATS, exact=True)
def complex_(g):
    a, b = broadcast_pair(g)
    return g.op("Complex", real=g.feed(g.array(a)), imag=g.feed(g.array(b)),
                Tout="complex64" if g.dtype == "float32" else "complex128")


def gradient(name):
    @case(name, dtypes=["float32", "float64", "float16", "bfloat16"], tolerance=4)
    def build(g):
        dims = g.shape()
        return g.op(name, y=g.feed(g.array(dims, low=0.2, high=2)), dy=g.feed(g.array(dims)))


for _name in ["TanhGrad", "SigmoidGrad", "SqrtGrad", "RsqrtGrad", "ReciprocalGrad", "InvGrad"]:
    gradient(_name)

CASTABLE = ["float32", "int32", "float64", "int64", "bool", "uint8", "float16", "bfloat16", "int8", "int16", "uint16",
            "uint32", "uint64", "complex64", "complex128"]


@case("Cast", dtypes=CASTABLE, exact=True, cases=900)
def cast(g):
    to = g.choice(CASTABLE)
    # Defined conversions only: what leaves the target's range has its own case.
    low, high = (0, 100) if to.startswith("u") or g.dtype.startswith("u") else (-100, 100)
    x = g.array(g.shape(0, 3), low=low, high=high)
    if g.dtype in COMPLEX:
        x = np().abs(x.real).astype(x.dtype) + x.imag * x.dtype.type(1j)
    if g.dtype in FLOATS and g.flip(0.2):
        x = np().round(x)
    return g.op("Cast", x=g.feed(x), DstT=to)


@case("Cast out of range", dtypes=["float32", "float64", "int32", "int64"], exact=True, cases=160)
def cast_out_of_range(g):
    to = g.choice(["int32", "int64", "int8", "uint8", "int16", "uint16", "float16", "float32"])
    if g.version >= 200 and g.dtype.startswith("float") and to in ("int8", "uint8", "int16", "uint16"):
        to = "int32"  # 2.x gives the ends of the range, 1.15 what the processor does
    x = g.array([40], low=-2**31 + 1, high=2**31 - 1)
    if g.dtype.startswith("float"):
        x = (x * 10.0 ** g.rng.uniform(-9, 12, x.shape)).astype(g.dtype)
    return g.op("Cast", x=g.feed(x), DstT=to)


@case("Cast Truncate", dtypes=["float32", "float64"], exact=True)
def cast_truncate(g):
    return g.op("Cast", x=x_of(g), DstT=g.choice(["float16", "bfloat16", "float32"]), Truncate=True)


# ------------------------------------------------------------------------------------------------- large

SHAPES = [[70000], [300, 257], [20, 30, 129], [7, 9, 33, 40]]


def large(op, arguments, dtypes=("float32", "int32"), exact=False):
    """Inputs that the C kernels cut into pieces. arguments: of the case and a shape."""
    @case(op + " large", dtypes=list(dtypes), cases=4 * len(dtypes), tolerance=8, exact=exact)
    def build(g):
        return g.op(op, **arguments(g, g.choice(SHAPES)))


def make(g, shape):
    return g.feed(g.array(shape))


large("AddV2", lambda g, s: dict(x=make(g, s), y=make(g, g.choice([s, s[-1:], [1], s[:1] + [1] * (len(s) - 1)]))))
large("Less", lambda g, s: dict(x=make(g, s), y=make(g, s[-1:])))
large("Tanh", lambda g, s: dict(x=make(g, s)), ["float32", "float64", "float16"])
large("Transpose", lambda g, s: dict(x=make(g, s), perm=g.const([int(i) for i in g.rng.permutation(len(s))])),
      ["float32", "uint8", "int16", "float64", "complex128"], exact=True)
large("GatherV2", lambda g, s: dict(params=make(g, s), indices=g.feed(g.array([500], "int32", 0, s[0] - 1)),
                                    axis=g.const(0)), ["float32", "uint8"], exact=True)
large("ConcatV2", lambda g, s: dict(values=[make(g, s) for _ in range(3)], axis=g.const(len(s) - 1)), exact=True)
large("Pad", lambda g, s: dict(input=make(g, s), paddings=g.const([[1, 2]] * len(s))), exact=True)
large("StridedSlice", lambda g, s: dict(input=make(g, s), begin=g.const([-1] * len(s)), end=g.const([1] * len(s)),
                                        strides=g.const([-2] * len(s))), exact=True)
large("MatMul", lambda g, s: dict(a=make(g, [130, 300]), b=g.const(g.array([300, 170]), g.dtype)), WIDE_FLOATS)
large("BatchMatMulV2", lambda g, s: dict(x=make(g, [3, 4, 40, 50]), y=make(g, [4, 60, 50]), adj_y=True), WIDE_FLOATS)
large("Max", lambda g, s: dict(input=make(g, s), axis=g.const([g.integer(0, len(s) - 1)])), exact=True)
large("ArgMax", lambda g, s: dict(input=make(g, s), dimension=g.const(len(s) - 1)), exact=True)
large("TopKV2", lambda g, s: dict(input=make(g, [3, 20000]), k=g.const(40)), ["float32"], exact=True)
large("Tile", lambda g, s: dict(input=make(g, [30, 40, 5]), multiples=g.const([2, 3, 4])), exact=True)


# ------------------------------------------------------------------------------------------------- reductions

def reduction(name, dtypes, low=None, high=None, exact=False, tolerance=None, special=0.0, cases=None):
    @case(name, dtypes=dtypes, exact=exact, tolerance=tolerance, cases=cases or max(60, 8 * len(dtypes)))
    def build(g):
        dims = g.shape(0, 5)
        axes = [i - (len(dims) if g.flip(0.3) else 0) for i in range(len(dims)) if g.flip()]
        if g.version < 200 and (name == "EuclideanNorm" and all(dims[a] == 1 for a in axes) or
                                name == "Mean" and (g.dtype in ("int8",
                                                                "uint8") or g.dtype == "bfloat16" and 0 in dims)):
            return None  # 1.15 passes x on without its absolute value; adds bytes as bytes; has no NaN of bfloat16
        g.rng.shuffle(axes)
        kind = g.choice(INDICES)
        axis = g.const(axes[0], kind) if len(axes) == 1 and g.flip() else g.const(axes, kind)
        lo = max(low, 0) if low is not None and g.dtype.startswith("u") else low
        return g.op(name, input=g.feed(g.array(dims, low=lo, high=high, special=special)), axis=axis,
                    keep_dims=g.flip())


reduction("Sum", ARITHMETIC, tolerance=4)
reduction("Mean", ["float32", "int32", "float64", "int64", "float16", "bfloat16", "uint8", "int8", "int16"],
          tolerance=4)
reduction("Prod", ["float32", "int32", "float64", "int64", "float16", "bfloat16"], tolerance=8, low=-2, high=2)
reduction("Max", ARITHMETIC, exact=True)
reduction("Min", ARITHMETIC, exact=True)
reduction("EuclideanNorm", ["float32", "float64", "float16"], tolerance=4)
reduction("Any", ["bool"])
reduction("All", ["bool"])


def large_sum(name):
    @case(name + " large", dtypes=["float32", "float64"], cases=12, tolerance=8)
    def build(g):
        dims = g.choice([[100000], [300, 500], [40, 50, 60]])
        return g.op(name, input=g.feed(g.array(dims)), axis=g.const([g.integer(0, len(dims) - 1)]), keep_dims=False)


large_sum("Sum")
large_sum("Mean")


def arg_extreme(name):
    @case(name, dtypes=["float32", "int32", "float64", "int64", "uint8", "float16", "bfloat16", "int16"], cases=90)
    def build(g):
        dims = g.shape(1, 4, empty=0)
        x = g.array(dims, "int32", 0, 4).astype("float32" if g.dtype == "bfloat16" else g.dtype)
        return g.op(name, input=g.feed(x), dimension=index(g, axis_of(g, len(dims))), output_type=g.choice(INDICES))


arg_extreme("ArgMax")
arg_extreme("ArgMin")


def scan(name, dtypes, low=None, high=None):
    @case(name, dtypes=dtypes, tolerance=8, cases=max(40, 6 * len(dtypes)))
    def build(g):
        dims = g.shape(1, 4)
        lo = max(low, 0) if low is not None and g.dtype.startswith("u") else low
        if name == "CumulativeLogsumexp" and g.version < 200:
            return None  # 1.15 begins with the least finite number
        return g.op(name, x=g.feed(g.array(dims, low=lo, high=high)), axis=index(g, axis_of(g, len(dims))),
                    exclusive=g.flip(), reverse=g.flip())


scan("Cumsum", ["float32", "int32", "float64", "int64", "float16", "uint8", "int8"])
scan("Cumprod", ["float32", "int32", "float64", "int64"], -3, 3)
scan("CumulativeLogsumexp", WIDE_FLOATS)


def sum_all(name, dtypes):
    @case(name, dtypes=dtypes, tolerance=4)
    def build(g):
        dims = g.shape()
        return g.op(name, inputs=[g.feed(g.array(dims)) for _ in range(g.integer(1, 12))],
                    **({"shape": dims} if name == "AccumulateNV2" else {}))


sum_all("AddN", ["float32", "int32", "float64", "int64", "float16", "uint8"])
sum_all("AccumulateNV2", ["float32", "int32", "float64"])


@case("L2Loss", dtypes=["float32", "float64", "float16"], tolerance=4)
def l2_loss(g):
    return g.op("L2Loss", t=x_of(g))


# ------------------------------------------------------------------------------------------------- products

@case("MatMul", dtypes=["float32", "int32", "float64", "int64", "float16", "bfloat16"], tolerance=4, cases=90)
def mat_mul(g):
    big = 70 if g.flip(0.3) else 6
    m, n, k = (g.integer(1 if g.flip(0.95) else 0, big) for _ in range(3))
    ta, tb = g.flip(), g.flip()
    a = g.array([k, m] if ta else [m, k])
    b = g.array([n, k] if tb else [k, n])
    right = g.const(b, g.dtype) if g.flip() and g.dtype != "bfloat16" else g.feed(b)
    return g.op("MatMul", a=g.feed(a), b=right, transpose_a=ta, transpose_b=tb)


def batch_mat_mul(name):
    @case(name, dtypes=["float32", "int32", "float64", "int64", "float16", "bfloat16"], tolerance=4, cases=90)
    def build(g):
        m, n, k = (g.integer(1, 9) for _ in range(3))
        ta, tb = g.flip(), g.flip()
        a, b = broadcast_pair(g) if name != "BatchMatMul" else (g.shape(0, 3),) * 2
        a, b = a[-3:], b[-3:]
        extra = {"Tout": g.dtype} if name == "BatchMatMulV3" else {}
        return g.op(name, x=g.feed(g.array(a + ([k, m] if ta else [m, k]))),
                    y=g.feed(g.array(b + ([n, k] if tb else [k, n]))), adj_x=ta, adj_y=tb, **extra)


for _name in ["BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"]:
    batch_mat_mul(_name)

EQUATIONS = ["ab,bc->ac", "ab,cb->ac", "abc,acd->abd", "abc,dc->abd", "abc->cab", "aab->ab", "aa->a", "aa->", "ab->",
             "ab->b",
             "a,b->ab", "ab,ab->", "ab,ab->a", "a->aa", "abc,bd->acd", "...ab,...bc->...ac", "...ab,bc->...ac",
             "...a->a...", "...a->...", "a...,b...->ab...", "BTNH,BSNH->BNTS", "BNTS,BSNH->BTNH", "aab,bc->ac",
             "ab,b...->a...", "i,i->i", "ij,jk->", "ijk,k->ij", "abcd,acde->abe", "ab...,b...c->a...c", "aab,bb->ba",
             "ba->ab", "ii->ii", "ijj->iij", "...,...->...", "a...b->b...a", "ab,cd->adbc"]


@case("Einsum", dtypes=["float32", "float64", "int32", "int64", "bfloat16"], tolerance=8, cases=300)
def einsum(g):
    equation = EQUATIONS[g.index // 5 % len(EQUATIONS)]
    sizes = {}
    lead = g.shape(0, 2, 3, empty=0)
    inputs = []
    for part in equation.split("->")[0].split(","):
        dims, i = [], 0
        while i < len(part):
            if part[i] == ".":
                cut = lead[g.integer(0, len(lead)):] if g.flip(0.3) else lead
                dims += [1 if g.flip(0.2) else d for d in cut]
                i += 3
            else:
                dims.append(sizes.setdefault(part[i], g.integer(1, 4)))
                i += 1
        inputs.append(g.feed(g.array(dims)))
    return g.op("Einsum", inputs=inputs, equation=equation)


def square(g):
    n = g.integer(1, 6)
    return g.array(g.shape(0, 2, 3) + [n, n]) + np().eye(n, dtype=g.dtype) * np().dtype(g.dtype).type(4)


@case("MatrixInverse", dtypes=WIDE_FLOATS, tolerance=50)
def matrix_inverse(g):
    return g.op("MatrixInverse", input=g.feed(square(g)), adjoint=g.flip())


@case("MatrixDeterminant", dtypes=WIDE_FLOATS, tolerance=50)
def matrix_determinant(g):
    return g.op("MatrixDeterminant", input=g.feed(square(g)))


@case("LogMatrixDeterminant", dtypes=WIDE_FLOATS, tolerance=50)
def log_matrix_determinant(g):
    return g.op("LogMatrixDeterminant", input=g.feed(square(g)))


@case("Cholesky", dtypes=WIDE_FLOATS, tolerance=50)
def cholesky(g):
    a = square(g)
    return g.op("Cholesky", input=g.feed(np().matmul(a, np().swapaxes(a, -1, -2))))


@case("MatrixSolve", dtypes=WIDE_FLOATS, tolerance=50)
def matrix_solve(g):
    a = square(g)
    return g.op("MatrixSolve", matrix=g.feed(a), rhs=g.feed(g.array(list(a.shape[:-1]) + [g.integer(1, 4)])),
                adjoint=g.flip())


@case("MatrixTriangularSolve", dtypes=WIDE_FLOATS, tolerance=50, cases=40)
def matrix_triangular_solve(g):
    a = square(g)
    return g.op("MatrixTriangularSolve", matrix=g.feed(a), rhs=g.feed(g.array(list(a.shape[:-1]) + [g.integer(1, 4)])),
                lower=g.flip(), adjoint=g.flip())


# ------------------------------------------------------------------------------------------------- rows

@case("ClipByValue", dtypes=["float32", "int32", "float64", "int64", "float16", "uint8"], exact=True)
def clip_by_value(g):
    dims = g.shape()
    ends = [g.array(dims if g.flip(0.3) else []) for _ in range(2)]
    low, high = (np().minimum(*ends), np().maximum(*ends))
    return g.op("ClipByValue", t=g.feed(g.array(dims, special=0.05)), clip_value_min=g.feed(low),
                clip_value_max=g.feed(high))


@case("Cross", dtypes=["float32", "int32", "float64", "int64", "float16", "uint8", "int16"], tolerance=4)
def cross(g):
    dims = g.shape(0, 3) + [3]
    return g.op("Cross", a=g.feed(g.array(dims)), b=g.feed(g.array(dims)))


SEGMENTS = ["float32", "int32", "float64", "int64", "float16", "uint8", "int16", "bfloat16"]


def segments(name, dtypes):
    @case(name, dtypes=dtypes, tolerance=4)
    def build(g):
        dims = g.shape(1, 3)
        ids = np().sort(g.array(dims[:1], "int32", 0, 5))
        return g.op(name, data=g.feed(g.array(dims, low=-3 if g.dtype[0] != "u" else 0, high=3)),
                    segment_ids=g.feed(ids.astype(g.choice(INDICES))))


for _name in ["SegmentSum", "SegmentProd", "SegmentMax", "SegmentMin"]:
    segments(_name, SEGMENTS)
segments("SegmentMean", ["float32", "float64", "float16", "int32"])


def unsorted_segments(name):
    @case(name, dtypes=SEGMENTS, tolerance=4)
    def build(g):
        dims, n = g.shape(1, 3), g.integer(1, 6)
        ids = g.array(dims[:g.integer(1, len(dims))], g.choice(INDICES), -1, n - 1)
        return g.op(name, data=g.feed(g.array(dims, low=-3 if g.dtype[0] != "u" else 0, high=3)),
                    segment_ids=g.feed(ids),
                    num_segments=g.const(n, "int32"))


for _name in ["UnsortedSegmentSum", "UnsortedSegmentProd", "UnsortedSegmentMax", "UnsortedSegmentMin"]:
    unsorted_segments(_name)


def sparse_segments(name):
    @case(name, dtypes=WIDE_FLOATS, tolerance=4, cases=40)
    def build(g):
        dims, n = g.shape(1, 3, empty=0), g.integer(1, 9)
        ids = np().sort(g.array([n], "int32", 0, 5))
        extra = {"num_segments": g.const(int(ids[-1]) + g.integer(1, 3), "int32")} if name.endswith("Segments") else {}
        return g.op(name, data=g.feed(g.array(dims)), indices=g.feed(g.array([n], "int32", 0, dims[0] - 1)),
                    segment_ids=g.feed(ids), **extra)


for _name in ["SparseSegmentSum", "SparseSegmentMean", "SparseSegmentSqrtN"]:
    sparse_segments(_name)
    sparse_segments(_name + "WithNumSegments")


@case("Bincount", dtypes=["float32", "int32", "int64", "float64"], tolerance=4)
def bincount(g):
    dims = g.shape(1, 1)
    return g.op("Bincount", arr=g.feed(g.array(dims, "int32", 0, 9)), size=g.const(g.integer(0, 12), "int32"),
                weights=g.feed(g.array(dims if g.flip() else [0])))


@case("DenseBincount", dtypes=["float32", "int32", "int64", "float64"], tolerance=4)
def dense_bincount(g):
    dims, kind = g.shape(1, 2), g.choice(INDICES)
    return g.op("DenseBincount", input=g.feed(g.array(dims, kind, 0, 9)), size=g.const(g.integer(0, 12), kind),
                weights=g.feed(g.array(dims if g.flip() else [0])), binary_output=g.flip(0.3))


@case("Bucketize", dtypes=["float32", "int32", "int64", "float64"])
def bucketize(g):
    return g.op("Bucketize", input=g.feed(g.array(g.shape(0, 3), low=-5, high=5)),
                boundaries=sorted(float(v) for v in g.rng.choice([-3, -1, 0, 0.5, 2, 4], g.integer(0, 5))))


@case("HistogramFixedWidth", dtypes=["float32", "int32", "int64", "float64"])
def histogram_fixed_width(g):
    return g.op("HistogramFixedWidth", values=g.feed(g.array(g.shape(1, 3), low=-12, high=12)),
                nbins=g.const(g.integer(1, 9)),
                value_range=g.const([-9, 10], g.dtype), dtype=g.choice(INDICES))


@case("TopKV2", dtypes=["float32", "int32", "float64", "int64", "float16", "uint8", "bfloat16", "int16"], exact=True,
      cases=80)
def top_k_v2(g):
    dims = g.shape(0, 2) + [g.integer(1, 40)]
    x = g.array(dims, "int32", 0, 30).astype("float32" if g.dtype == "bfloat16" else g.dtype)
    return g.op("TopKV2", input=g.feed(x), k=g.const(g.integer(0, dims[-1]), "int32"), sorted=True)


@case("TopK", dtypes=["float32", "int32"], exact=True)
def top_k(g):
    dims = g.shape(0, 2) + [g.integer(1, 12)]
    return g.op("TopK", input=g.feed(g.array(dims)), k=g.integer(1, dims[-1]), sorted=True)


@case("NthElement", dtypes=["float32", "int32", "float64", "int64"], exact=True)
def nth_element(g):
    dims = g.shape(0, 2) + [g.integer(1, 12)]
    return g.op("NthElement", input=g.feed(g.array(dims)), n=g.const(g.integer(0, dims[-1] - 1), "int32"),
                reverse=g.flip())


def in_top_k(name):
    @case(name, dtypes=["float32"], cases=40)
    def build(g):
        rows, columns = g.integer(1, 6), g.integer(1, 9)
        k, kind = g.integer(1, columns), g.choice(INDICES)
        x = g.array([rows, columns], "int32", 0, 9).astype("float32")
        if g.flip(0.3):
            x[g.integer(0, rows - 1), g.integer(0, columns - 1)] = np().nan
        return g.op(name, predictions=g.feed(x), targets=g.feed(g.array([rows], kind, 0, columns)),
                    k=k if name == "InTopK" else g.const(k, kind))


in_top_k("InTopK")
in_top_k("InTopKV2")


if __name__ == "__main__":
    main()
