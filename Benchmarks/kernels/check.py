"""Checks every kernel against NumPy on random shapes, for every instruction set this machine has, and that one and two
threads give the same bits.  Usage: CC=clang python3 check.py [rounds]   (needs numpy and scipy)"""
import ctypes as C
import itertools
import sys
import tempfile

import numpy as np
from scipy import special

from ck import Conv, Pooling, arg, build, call, longs, ones_except

library = build(tempfile.mktemp(suffix=".so"))
pool = C.c_void_p(library.ck_pool_create(2))
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 4
ISA = {0: "portable", 1: "neon", 2: "avx2", 3: "avx512"}
random = np.random.default_rng(7)
checked = 0
TYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64}
TOLERANCE = {"f32": 2e-5, "f64": 1e-12, "i32": 0, "i64": 0}


def numbers(kind, *shape, low=-2.0, high=2.0):
    if kind[0] == "i":
        return random.integers(-9, 10, shape).astype(TYPES[kind])
    return random.uniform(low, high, shape).astype(TYPES[kind])


def size(*choices):
    return int(random.choice(choices))


def both(name, outputs, function, *args, status=0):
    """Calls with and without threads; the outputs (arrays among the arguments) must agree to the bit."""
    global checked
    first = None
    for threads in (None, pool):
        for out in outputs:
            out.reshape(-1).view(np.uint8).fill(0xA5)
        got = call(function, threads, *args)
        assert status is None or got == status, f"{name}: returned {got}"
        bits = [out.tobytes() for out in outputs]
        assert first is None or bits == first, f"{name}: threads change the result"
        first = bits
    checked += 1


def near(name, got, expected, tolerance, scale=None):
    expected = np.asarray(expected)
    if got.size == 0:
        assert got.shape == expected.shape, name
        return
    scale = np.maximum(1, np.abs(expected)) if scale is None else scale
    with np.errstate(invalid="ignore"):
        both_nan = np.isnan(got) & np.isnan(expected)
        bad = ~((np.abs(got - expected) <= tolerance * scale) | (got == expected) | both_nan)
    if bad.any():
        where = np.argwhere(bad)[0]
        raise AssertionError(f"{name}: {bad.sum()} of {got.size} differ; first at {tuple(where)}: "
                             f"{got[tuple(where)]} is not {expected[tuple(where)]}")


def activated(x, activation):
    return x if activation == 0 else np.where(x < 0, 0, x) if activation == 1 else np.clip(x, 0, 6)


def strided(kind, rows, columns):
    """A matrix inside a wider one, and the length of a stored row."""
    wide = numbers(kind, rows, columns + size(0, 3))
    return wide, wide.shape[1]


# ------------------------------------------------------------------------------------------------------------- products

def check_gemm(kind):
    m, n, k = size(0, 1, 2, 5, 13, 40, 150), size(0, 1, 3, 16, 33, 64, 150, 700), size(0, 1, 2, 7, 64, 600, 1500)
    ta, tb, activation = size(0, 1), size(0, 1), size(0, 1, 2)
    a, lda = strided(kind, *((k, m) if ta else (m, k)))
    b, ldb = strided(kind, *((n, k) if tb else (k, n)))
    op_a = (a[:, :m].T if ta else a[:, :k]).astype(np.float64 if kind[0] == "f" else kind.replace("i", "int"))
    op_b = (b[:, :k].T if tb else b[:, :n]).astype(op_a.dtype)
    bias = numbers(kind, n) if size(0, 1) else None
    c = np.empty((m, n), TYPES[kind])
    name = f"gemm_{kind} {m}x{n}x{k} ta{ta} tb{tb}"
    if kind == "i32":
        both(name, [c], library.ck_gemm_i32, ta, tb, m, n, k, a, lda, b, ldb, c, n)
        near(name, c, op_a @ op_b, 0)
    else:
        both(name, [c], getattr(library, "ck_gemm_" + kind), ta, tb, m, n, k, a, lda, b, ldb, c, n, bias, activation)
        expected = activated(op_a @ op_b + (0 if bias is None else bias), activation)
        near(name, c, expected, TOLERANCE[kind], np.sqrt(k + 1))
    if kind == "f32":
        packed = C.c_void_p(call(library.ck_pack_f32, None, tb, n, k, b, ldb))
        again = np.empty_like(c)
        both(name + " packed", [again], library.ck_gemm_packed_f32, ta, m, a, lda, packed, again, n, bias, activation)
        near(name + " packed", again, expected, TOLERANCE[kind], np.sqrt(k + 1))
        if m > 1 and n > 1:
            assert again.tobytes() == c.tobytes(), name + ": packing changes the result"
        library.ck_packed_free_f32(packed)


def check_gemm_batched(kind):
    count, m, n, k = size(0, 1, 3, 17), size(1, 5, 30), size(1, 9, 40), size(0, 3, 70)
    ta, tb = size(0, 1), size(0, 1)
    a, b = numbers(kind, count, *((k, m) if ta else (m, k))), numbers(kind, *((n, k) if tb else (k, n)))
    c = np.empty((count, m, n), TYPES[kind])
    both(f"gemm_batched_{kind}", [c], getattr(library, "ck_gemm_batched_" + kind), ta, tb, count, m, n, k, a,
         longs([i * m * k for i in range(count)]), b, longs([0] * count), c)
    wide = np.float64 if kind[0] == "f" else np.int64
    expected = (a.swapaxes(1, 2) if ta else a).astype(wide) @ (b.T if tb else b).astype(wide)
    near(f"gemm_batched_{kind} {count} {m}x{n}x{k}", c, expected, TOLERANCE[kind], np.sqrt(k + 1))


# --------------------------------------------------------------------------------------------------------- convolutions

def taps(shape, axis, o):
    """(tap, input position) pairs inside the input along one axis, for output position o."""
    get = lambda name: getattr(shape, name)
    pad = get({"d": "pad_front", "h": "pad_top", "w": "pad_left"}[axis])
    size_ = get("filter_" + axis) if hasattr(shape, "filter_h") else get("window_" + axis)
    dilation = get("dilation_" + axis) if hasattr(shape, "dilation_h") else 1
    places = [(t, o * get("stride_" + axis) - pad + t * dilation) for t in range(size_)]
    return [(t, p) for t, p in places if 0 <= p < get("in_" + axis)]


def pairs(shape):
    """Every (output position, tap, input position) inside the input."""
    for out in itertools.product(range(shape.out_d), range(shape.out_h), range(shape.out_w)):
        axes = [taps(shape, axis, o) for axis, o in zip("dhw", out)]
        for chosen in itertools.product(*axes):
            yield out, tuple(t for t, _ in chosen), tuple(p for _, p in chosen)


def random_conv(deep, channels, outputs):
    fields = dict(batch=size(0, 1, 2, 5), in_c=channels, out_c=outputs)
    for axis, pad in zip("dhw" if deep else "hw", ("front", "top", "left") if deep else ("top", "left")):
        fields["in_" + axis], fields["filter_" + axis] = size(1, 4, 7, 17), size(1, 2, 3, 5)
        fields["stride_" + axis], fields["dilation_" + axis] = size(1, 1, 2, 3), size(1, 1, 2)
        fields["pad_" + pad] = size(0, 0, 1, 2)
        fields["out_" + axis] = call(library.ck_explicit_size, fields["in_" + axis], fields["filter_" + axis],
                                     fields["stride_" + axis], fields["dilation_" + axis], fields["pad_" + pad],
                                     size(0, 1, 2))
    return ones_except(Conv, **fields)


def check_conv(kind):
    groups = size(1, 1, 1, 2, 3)
    s = random_conv(size(0, 0, 1), groups * size(1, 2, 3, 16), groups * size(1, 3, 8, 16, 17, 40))
    s.groups = groups
    if size(0, 0, 1):
        s.in_d = s.out_d = s.filter_d = s.filter_h = s.filter_w = s.stride_d = s.stride_h = s.stride_w = 1
        s.pad_front = s.pad_top = s.pad_left = 0
        s.out_h, s.out_w = s.in_h, s.in_w
    x = numbers(kind, s.batch, s.in_d, s.in_h, s.in_w, s.in_c)
    f = numbers(kind, s.filter_d, s.filter_h, s.filter_w, s.in_c // groups, s.out_c)
    bias, activation = numbers(kind, s.out_c) if size(0, 1) else None, size(0, 1, 2)
    y = np.empty((s.batch, s.out_d, s.out_h, s.out_w, s.out_c), TYPES[kind])
    expected = np.zeros(y.shape)
    n, c = s.out_c // groups, s.in_c // groups
    for g in range(groups):
        for out, tap, place in pairs(s):
            expected[:, *out, g * n:g * n + n] += (x[:, *place, g * c:g * c + c].astype(np.float64) @
                                                   f[tap][:, g * n:g * n + n])
    expected = activated(expected + (0 if bias is None else bias), activation)
    name = f"conv_{kind} " + " ".join(f"{field}={getattr(s, field)}" for field, _ in Conv._fields_)
    if kind == "f64":
        both(name, [y], library.ck_conv_f64, C.byref(s), x, f, bias, activation, y)
        near(name, y, expected, 1e-12, 30)
        return
    both(name, [y], library.ck_conv_f32, C.byref(s), x, f, None, bias, activation, y)
    near(name, y, expected, 2e-5, 10)
    plain = y.tobytes()
    if groups == 1:
        k = s.filter_d * s.filter_h * s.filter_w * s.in_c
        packed = C.c_void_p(call(library.ck_pack_f32, pool, 0, s.out_c, k, f, s.out_c))
        both(name + " packed", [y], library.ck_conv_f32, C.byref(s), x, None, packed, bias, activation, y)
        near(name + " packed", y, expected, 2e-5, 10)
        library.ck_packed_free_f32(packed)
    z = np.empty((s.batch, s.out_c, s.out_d, s.out_h, s.out_w), np.float32)
    both(name + " nchw", [z], library.ck_conv_nchw_f32, C.byref(s), np.ascontiguousarray(np.moveaxis(x, 4, 1)), f, None,
         bias, activation, z)
    assert np.ascontiguousarray(np.moveaxis(z, 1, 4)).tobytes() == plain, name + " nchw"


def check_depthwise(kind):
    multiplier = size(1, 1, 2, 3)
    s = random_conv(0, size(1, 3, 8, 16, 40, 70), 1)
    s.out_c = s.in_c * multiplier
    x, f = numbers(kind, s.batch, s.in_h, s.in_w, s.in_c), numbers(kind, s.filter_h, s.filter_w, s.in_c, multiplier)
    bias, activation = numbers(kind, s.out_c) if size(0, 1) else None, size(0, 1, 2)
    y = np.empty((s.batch, s.out_h, s.out_w, s.in_c, multiplier), TYPES[kind])
    expected = np.zeros(y.shape)
    for out, tap, place in pairs(s):
        expected[:, *out[1:]] += x[:, *place[1:], :, None].astype(np.float64) * f[tap[1:]]
    expected = activated(expected + (0 if bias is None else bias.reshape(s.in_c, multiplier)), activation)
    both(f"depthwise_{kind}", [y], getattr(library, "ck_depthwise_" + kind), C.byref(s), x, f, bias, activation, y)
    near(f"depthwise_{kind}", y, expected, TOLERANCE[kind], 4)


def check_backprop(kind):
    s = random_conv(size(0, 0, 1), size(1, 3, 16, 20), size(1, 2, 16, 33))
    g = numbers(kind, s.batch, s.out_d, s.out_h, s.out_w, s.out_c)
    f = numbers(kind, s.filter_d, s.filter_h, s.filter_w, s.in_c, s.out_c)
    dx = np.empty((s.batch, s.in_d, s.in_h, s.in_w, s.in_c), TYPES[kind])
    expected = np.zeros(dx.shape)
    for out, tap, place in pairs(s):
        expected[:, *place] += g[:, *out].astype(np.float64) @ f[tap].T
    name = f"backprop_{kind} " + " ".join(f"{field}={getattr(s, field)}" for field, _ in Conv._fields_)
    both(name, [dx], getattr(library, "ck_conv_backprop_input_" + kind), C.byref(s), f, g, dx)
    near(name, dx, expected, TOLERANCE[kind], 10)


def check_pooling(kind):
    s = random_conv(size(0, 1), 1, 1)
    p = ones_except(Pooling, batch=s.batch, channels=size(1, 3, 16, 20, 64, 70), **{
        name: getattr(s, name.replace("window", "filter")) for name, _ in Pooling._fields_ if hasattr(s, name) and
        name != "batch" or name.startswith("window")})
    for axis in "dhw":
        pad = {"d": "pad_front", "h": "pad_top", "w": "pad_left"}[axis]
        setattr(p, "out_" + axis, call(library.ck_explicit_size, getattr(p, "in_" + axis), getattr(p, "window_" + axis),
                                       getattr(p, "stride_" + axis), 1, getattr(p, pad), 0))
    x = numbers(kind, p.batch, p.in_d, p.in_h, p.in_w, p.channels)
    x[random.uniform(size=x.shape) < 0.01] = np.nan
    y = np.empty((p.batch, p.out_d, p.out_h, p.out_w, p.channels), TYPES[kind])
    most, total, count = np.full(y.shape, np.finfo(y.dtype).min), np.zeros(y.shape), np.zeros(y.shape)
    for out, _, place in pairs(p):
        most[:, *out] = np.fmax(most[:, *out], x[:, *place])
        total[:, *out] += x[:, *place]
        count[:, *out] += 1
    both(f"max_pool_{kind}", [y], getattr(library, "ck_max_pool_" + kind), C.byref(p), x, y)
    near(f"max_pool_{kind}", y, most, 0)
    both(f"avg_pool_{kind}", [y], getattr(library, "ck_avg_pool_" + kind), C.byref(p), x, y)
    with np.errstate(invalid="ignore"):
        near(f"avg_pool_{kind}", y, total / count, TOLERANCE[kind])
    if kind == "f32" and p.in_d == p.window_d == p.out_d == 1:
        x = random.integers(0, 5, x.shape).astype(np.float32)
        at, include = np.empty(y.shape, np.int64), size(0, 1)
        both("max_pool_argmax", [y, at], library.ck_max_pool_argmax_f32, C.byref(p), include, x, y, at, status=None)
        best = np.full(y.shape, -np.inf)
        where = np.zeros(y.shape, np.int64)
        place_of = np.arange(x[:1].size).reshape(x[:1].shape) if p.batch else x
        for out, _, place in pairs(p):
            wins = x[:, *place] > best[:, *out]
            best[:, *out] = np.where(wins, x[:, *place], best[:, *out])
            where[:, *out] = np.where(wins, place_of[0, *place] if p.batch else 0, where[:, *out])
        if include and p.batch:
            where += np.arange(p.batch).reshape(-1, 1, 1, 1, 1) * x[0].size
        inside = best > -np.inf
        assert (at[inside] == where[inside]).all(), "max_pool_argmax"


# ---------------------------------------------------------------------------------------------------------- elementwise

UNARY = """relu relu6 leaky_relu elu selu tanh sigmoid exp expm1 log log1p sqrt rsqrt square neg abs reciprocal softplus
softsign sin cos tan asin acos atan sinh cosh asinh acosh atanh erf erfc lgamma digamma floor ceil rint sign""".split()
REFERENCE = dict(
    relu=lambda v: np.where(v < 0, 0, v), relu6=lambda v: np.where(v < 0, 0, np.where(v > 6, 6, v)),
    leaky_relu=lambda v: np.where(v > 0, v, v * 0.25), elu=lambda v: np.where(v < 0, np.expm1(v), v),
    selu=lambda v: 1.0507009873554805 * np.where(v < 0, 1.6732632423543772 * np.expm1(v), v), sigmoid=special.expit,
    rsqrt=lambda v: 1 / np.sqrt(v), neg=np.negative, reciprocal=lambda v: 1 / v, softplus=lambda v: np.logaddexp(v, 0),
    softsign=lambda v: v / (1 + np.abs(v)), asin=np.arcsin, acos=np.arccos, atan=np.arctan, asinh=np.arcsinh,
    acosh=np.arccosh, atanh=np.arctanh, erf=special.erf, erfc=special.erfc,
    lgamma=lambda v: np.where(v == -np.inf, np.inf, special.gammaln(v)), digamma=special.digamma)
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 1e-30, -1e-30, 1e-5, 88.5, -87.0, 100.0, -100.0, 1e30, -1e30, np.inf,
           -np.inf, np.nan]
#: Largest error in units of the last place of the result, and below which size of the result it is absolute.
ULPS = dict(tanh=(4, 0), sigmoid=(4, 0), exp=(2, 0), expm1=(4, 0), log=(3, 0), log1p=(4, 0), elu=(4, 0), selu=(5, 0),
            softplus=(4, 1e-6), erf=(8, 1e-6), lgamma=(8, 1), digamma=(8, 1), softsign=(2, 0), rsqrt=(2, 0))


def check_unary(kind):
    n = size(0, 1, 15, 64, 1000, 40000)
    x = numbers(kind, n, low=-10.0, high=10.0)
    wide = random.uniform(size=n) < 0.3
    x[wide] = numbers(kind, int(wide.sum()), low=-1.0, high=1.0)
    if n > 500 and kind[0] == "f":
        x[100:100 + len(SPECIAL)] = SPECIAL
    for op, name in enumerate(UNARY):
        y = np.empty_like(x)
        args = [op, n, x, y] + ([C.c_float(0.25)] if kind == "f32" else [C.c_double(0.25)] if kind == "f64" else [])
        if kind[0] == "i" and name not in ("relu", "neg", "abs", "sign", "square"):
            assert call(getattr(library, "ck_unary_" + kind), None, *args) == 4
            continue
        both(f"{name}_{kind}", [y], getattr(library, "ck_unary_" + kind), *args)
        with np.errstate(all="ignore"):
            exact = (REFERENCE.get(name) or getattr(np, name))(x.astype(np.float64 if kind[0] == "f" else x.dtype))
            expected = exact.astype(x.dtype)
        if kind[0] == "f":
            # results near the smallest number may be flushed to zero
            info = np.finfo(x.dtype)
            ulps, floor = ULPS.get(name, (3, 0)) if kind == "f32" else (1e5 if name == "digamma" else 64, 1)
            unit = np.spacing(np.clip(np.abs(np.nan_to_num(expected)), max(floor, 1e8 * info.tiny), info.max / 2))
            near(f"{name}_{kind}", y, expected, ulps, unit.astype(np.float64))
        else:
            near(f"{name}_{kind}", y, expected, 0)
        place = x.copy()
        args[2] = args[3] = place
        call(getattr(library, "ck_unary_" + kind), pool, *args)
        assert place.tobytes() == y.tobytes(), f"{name}_{kind} in place"


BINARY = """add sub mul div max min squared_difference floor_div floor_mod truncate_mod pow div_no_nan atan2 xlogy
xdivy""".split()
COMPARE = [np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal]


def binary_reference(name, a, b):
    integer = a.dtype.kind == "i"
    if name in ("div", "truncate_mod") and integer:
        quotient = (np.abs(a) // np.maximum(1, np.abs(b))) * np.sign(a) * np.sign(b)
        return quotient if name == "div" else a - quotient * b
    return dict(add=np.add, sub=np.subtract, mul=np.multiply, div=np.divide, max=np.maximum, min=np.minimum,
                squared_difference=lambda p, q: (p - q) ** 2, floor_mod=np.mod,
                floor_div=lambda p, q: p // q if integer else np.floor(p / q),
                truncate_mod=np.fmod, pow=np.power, div_no_nan=lambda p, q: np.where(q == 0, 0, p / q),
                atan2=np.arctan2, xlogy=special.xlogy, xdivy=lambda p, q: np.where(p == 0, 0, p / q))[name](a, b)


def check_binary(kind):
    rank = size(0, 1, 2, 3, 4)
    dims = [size(0, 1, 2, 3, 5, 16, 70) if rank > 2 else size(1, 3, 40, 700, 5000) for _ in range(rank)]
    drop = lambda: tuple(1 if size(0, 0, 1) else d for d in dims)
    a, b = numbers(kind, *drop()), numbers(kind, *drop())
    if size(0, 1) and a.ndim > 1:
        a = a.swapaxes(0, 1).copy().swapaxes(0, 1)
    strides = lambda v: longs([0 if v.shape[i] == 1 and dims[i] != 1 else v.strides[i] // v.itemsize
                               for i in range(rank)])
    for op, name in enumerate(BINARY):
        p, q = a, b
        if name == "pow":
            p, q = (np.abs(a), b) if kind[0] == "f" else (a % 4, np.abs(b))
        if name == "xlogy":
            q = np.abs(b)
        out = np.empty(dims, TYPES[kind])
        function = getattr(library, "ck_binary_" + kind)
        if kind[0] == "i" and ("div" in name or "mod" in name):
            q = np.where(q == 0, 3, q)
        p, q = np.asarray(p), np.asarray(q)
        if kind[0] == "i" and name in ("div_no_nan", "atan2", "xlogy", "xdivy"):
            continue
        shape = (C.c_int(rank), longs(dims), strides(p), strides(q))
        both(f"{name}_{kind} {dims}", [out], function, op, *shape, p, q, out)
        with np.errstate(all="ignore"):
            near(f"{name}_{kind} {a.shape} {b.shape}", out, np.broadcast_to(binary_reference(name, p, q), dims),
                 4 * TOLERANCE[kind] if name in ("pow", "xlogy") else TOLERANCE[kind] / 50)
    for op, reference in enumerate(COMPARE):
        p, q = np.asarray(np.round(a)), np.asarray(np.round(b))
        out = np.empty(dims, np.uint8)
        both(f"compare_{kind}", [out], getattr(library, "ck_compare_" + kind), op, C.c_int(rank), longs(dims),
             strides(p), strides(q), p, q, out)
        assert (out == np.broadcast_to(reference(p, q), dims)).all(), f"compare_{kind}"


def check_rows(kind):
    rows, columns, activation = size(0, 1, 7, 500), size(1, 3, 10, 64, 100, 1000), size(0, 1, 2)
    x, bias = numbers(kind, rows, columns, low=-8.0, high=8.0), numbers(kind, columns)
    y, wide, t = np.empty_like(x), x.astype(np.float64), TOLERANCE[kind]
    both(f"bias_add_{kind}", [y], getattr(library, "ck_bias_add_" + kind), rows, columns, x, bias, activation, y,
         status=None)
    near(f"bias_add_{kind}", y, activated(x + bias, activation), 0)
    for logarithm in (0, 1):
        both(f"softmax_{kind}", [y], getattr(library, "ck_softmax_" + kind), rows, columns, logarithm, x, y,
             status=None)
        near(f"softmax_{kind}", y, (special.log_softmax if logarithm else special.softmax)(wide, 1), t)
    labels, loss = special.softmax(numbers(kind, rows, columns), 1).astype(x.dtype), np.empty(rows, x.dtype)
    both(f"xent_{kind}", [loss, y], getattr(library, "ck_softmax_xent_" + kind), rows, columns, x, labels, loss, y,
         status=None)
    near(f"xent_{kind}", loss, -(labels * special.log_softmax(wide, 1)).sum(1), t)
    near(f"xent_{kind}", y, special.softmax(wide, 1) - labels, t)
    classes = random.integers(0, columns, rows)
    both(f"sparse_xent_{kind}", [loss, y], getattr(library, "ck_sparse_softmax_xent_" + kind), rows, columns, x,
         classes, loss, y)
    near(f"sparse_xent_{kind}", loss, -special.log_softmax(wide, 1)[np.arange(rows), classes], t)
    near(f"sparse_xent_{kind}", y, special.softmax(wide, 1) - np.eye(columns)[classes], t)
    total = np.empty(1, x.dtype)
    both(f"l2_loss_{kind}", [total], getattr(library, "ck_l2_loss_" + kind), x.size, x, total)
    near(f"l2_loss_{kind}", total, [(wide ** 2).sum() / 2], t)
    if kind == "f32":
        h = columns
        gates, c = numbers(kind, rows, 4 * h), numbers(kind, rows, h)
        new_c, new_h = np.empty_like(c), np.empty_like(c)
        both("lstm", [new_c, new_h], library.ck_lstm_gates_f32, rows, h, gates, C.c_float(1), c, new_c, new_h,
             status=None)
        i, j, f, o = np.split(gates.astype(np.float64), 4, 1)
        expected = special.expit(f + 1) * c + special.expit(i) * np.tanh(j)
        near("lstm c", new_c, expected, 1e-6)
        near("lstm h", new_h, special.expit(o) * np.tanh(expected), 1e-6)
        both("layer_norm", [y], library.ck_layer_norm_f32, rows, columns, x, bias, bias, C.c_float(1e-3), y,
             status=None)
        near("layer_norm", y, (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + 1e-3) * bias
             + bias, 1e-4)


def check_batch_norm(kind):
    outer, channels, inner = size(1, 3, 50, 700), size(1, 3, 16, 40), size(1, 1, 20)
    x, scale, offset = numbers(kind, outer, channels, inner), numbers(kind, channels), numbers(kind, channels)
    mean, variance = numbers(kind, channels), numbers(kind, channels, low=0.1, high=2.0)
    y, per = np.empty_like(x), lambda v: v.reshape(1, -1, 1)
    epsilon, activation = C.c_float(1e-3) if kind == "f32" else C.c_double(1e-3), size(0, 1)
    both(f"batch_norm_{kind}", [y], getattr(library, "ck_batch_norm_" + kind), outer, channels, inner, x, scale, offset,
         mean, variance, epsilon, activation, y)
    near(f"batch_norm_{kind}", y, activated((x - per(mean)) / np.sqrt(per(variance) + 1e-3) * per(scale) + per(offset),
                                            activation), TOLERANCE[kind], 5)
    if kind == "f32":
        m, v, s = (np.empty(channels, np.float32) for _ in range(3))
        both("batch_norm_training", [y, m, v, s], library.ck_batch_norm_training_f32, outer, channels, inner, x, scale,
             None, epsilon, activation, y, m, v, s)
        wide, count = x.astype(np.float64), outer * inner
        near("training mean", m, wide.mean((0, 2)), 1e-5)
        near("training variance", v, wide.var((0, 2)), 1e-5)
        near("training sample variance", s, wide.var((0, 2)) * count / max(1, count - 1), 1e-5)
        near("training y", y, activated((wide - per(wide.mean((0, 2)))) / np.sqrt(per(wide.var((0, 2))) + 1e-3)
                                        * per(scale), activation), 1e-4)


def check_reduce(kind):
    outer, reduce, inner = size(0, 1, 3, 40), size(0, 1, 2, 63, 500, 70000), size(1, 1, 2, 7, 64, 130)
    if outer * reduce * inner > 4e6:
        outer = 1
    x = numbers(kind, outer, reduce, inner)
    y, wide = np.empty((outer, inner), x.dtype), x.astype(np.float64) if kind[0] == "f" else x
    info = np.finfo(x.dtype) if kind[0] == "f" else np.iinfo(x.dtype)
    low, high = (-np.inf, np.inf) if kind[0] == "f" else (info.min, info.max)
    total = wide.sum(1, dtype=wide.dtype)
    with np.errstate(all="ignore"):
        mean = total / reduce if kind[0] == "f" else np.trunc(total / max(1, reduce))
        values = [total, mean, wide.max(1, initial=low), wide.min(1, initial=high), wide.prod(1, dtype=wide.dtype)]
    for op, expected in enumerate(values):
        both(f"reduce {op} {kind}", [y], getattr(library, "ck_reduce_" + kind), op, outer, reduce, inner, x, y)
        if op != 4 or kind[0] == "i" or reduce < 100:
            near(f"reduce {op} {kind} {x.shape}", y, expected, 2 * TOLERANCE[kind])
    if reduce:
        at = np.empty((outer, inner), np.int64)
        for smallest in (0, 1):
            both(f"argmax_{kind}", [at], getattr(library, "ck_argmax_" + kind), smallest, outer, reduce, inner, x, at,
                 status=None)
            assert (at == (x.argmin(1) if smallest else x.argmax(1))).all(), f"argmax_{kind}"
    if kind == "f32" and x.size:
        x[0, -1 if reduce else 0, 0] = np.nan
        both("reduce max of NaN", [y], library.ck_reduce_f32, 2, outer, reduce, inner, x, y)
        assert np.isnan(y[0, 0]) and np.isfinite(y.ravel()[1:]).all(), "reduce max of NaN"
        flags, out = (x > 1.9).astype(np.uint8), np.empty((outer, inner), np.uint8)
        both("any", [out], library.ck_reduce_any, outer, reduce, inner, flags, out, status=None)
        assert (out == flags.any(1)).all(), "any"
        both("all", [out], library.ck_reduce_all, outer, reduce, inner, flags, out, status=None)
        assert (out == flags.all(1)).all(), "all"


def check_moves(kind):
    rank = size(0, 1, 2, 3, 4, 5)
    dims = [size(1, 2, 3, 9, 33) if rank > 3 else size(0, 1, 4, 33, 170) for _ in range(rank)]
    order = random.permutation(rank).astype(np.int32)
    for item in (1, 2, 4, 8, 16):
        x = random.integers(0, 256, dims + [item]).astype(np.uint8)
        expected = np.ascontiguousarray(x.transpose(*order, rank))
        y = np.empty_like(expected)
        both(f"transpose {dims} {order}", [y], library.ck_transpose, item, C.c_int(rank), longs(dims), order, x, y)
        assert (y == expected).all(), f"transpose {dims} {order} {item}"
    outer, rows, columns, count = size(1, 3), size(1, 50), size(1, 7, 100), size(0, 1, 300)
    x, y = numbers(kind, outer, rows, columns), np.empty((outer, count, columns), TYPES[kind])
    for index_type in (np.int32, np.int64):
        indices = random.integers(0, rows, count).astype(index_type)
        args = [outer, rows, columns * x.itemsize, count, indices, indices.itemsize, x, y]
        both("gather", [y], library.ck_gather, *args)
        assert (y == x[:, indices]).all(), "gather"
        if count:
            indices[0] = rows
            both("gather", [y], library.ck_gather, *args, status=2)
    x = numbers(kind, 6, 50)
    y = np.empty((6, 25), TYPES[kind])
    both("copy_strided", [y], library.ck_copy_strided, x.itemsize, C.c_int(2), longs([6, 25]),
         C.c_void_p(x.ctypes.data + 49 * x.itemsize), longs([50, -2]), y, longs([25, 1]))
    assert (y == x[:, ::-2]).all(), "copy_strided"


CHECKS = [(check_gemm, 30, "f32 f64 i32"), (check_gemm_batched, 4, "f32 f64 i32"), (check_conv, 40, "f32 f64"),
          (check_depthwise, 10, "f32 f64"), (check_backprop, 15, "f32 f64"), (check_pooling, 12, "f32 f64"),
          (check_unary, 4, "f32 f64 i32 i64"), (check_binary, 10, "f32 f64 i32 i64"), (check_rows, 8, "f32 f64"),
          (check_batch_norm, 8, "f32 f64"), (check_reduce, 10, "f32 f64 i32 i64"), (check_moves, 8, "f32 f64 i32 i64")]

for isa in ISA:
    if not library.ck_force_isa(isa):
        continue
    for check, times, kinds in CHECKS:
        for kind in kinds.split():
            for _ in range(times * ROUNDS // 4):
                check(kind)
    print(f"{ISA[isa]}: ok", flush=True)
print(f"{checked} comparisons, each with one and two threads")
