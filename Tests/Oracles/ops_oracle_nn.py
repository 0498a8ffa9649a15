"""Neural-network, image, random, sparse and string ops against TensorFlow: see oracle_graphs.py for how."""

import os

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # which gives empty convolutions wrong shapes

from oracle_graphs import FLOATS, INDICES, MOVING, WIDE_FLOATS, case, main, tf

import numpy as np

MODERN = tf.__version__[0] != "1"

REALS = FLOATS + ["int32", "int64", "uint8", "int16", "int8", "uint16"]
HALVES = ["float32", "float64", "float16"]


def image(g, spatial=2, channels=None, size=9, low=None, high=None, dtype=None):
    shape = [g.integer(1, 3)] + [g.integer(1, size) for _ in range(spatial)] + [channels or g.integer(1, 5)]
    return g.array(shape, low=low, high=high, dtype=dtype)


# --------------------------------------------------------------------------------------------------- elementwise

@case("BiasAdd", dtypes=FLOATS + ["int32", "uint8"])
def bias_add(g):
    x = g.array(g.shape(2, 5))
    return g.op("BiasAdd", value=g.feed(x), bias=g.feed(g.array([x.shape[-1]])))


@case("BiasAdd NCHW", dtypes=WIDE_FLOATS + ["int64"])
def bias_add_nchw(g):
    x = g.array(g.shape(4, 4) if g.flip() else g.shape(5, 5))
    return g.op("BiasAdd", value=g.feed(x), bias=g.feed(g.array([x.shape[1]])), data_format="NCHW")


@case("BiasAddV1", dtypes=WIDE_FLOATS)
def bias_add_v1(g):
    x = g.array(g.shape(2, 4))
    return g.op("BiasAddV1", value=g.feed(x), bias=g.feed(g.array([x.shape[-1]])))


@case("BiasAddGrad", dtypes=WIDE_FLOATS + ["int32"])
def bias_add_grad(g):
    if g.flip():
        return g.op("BiasAddGrad", out_backprop=g.feed(g.array(g.shape(2, 4, empty=0))))
    return g.op("BiasAddGrad", out_backprop=g.feed(g.array(g.shape(4, 4, empty=0))), data_format="NCHW")


def activation(name, dtypes, tolerance=1, **arguments):
    @case(name, dtypes=dtypes, tolerance=tolerance)
    def build(g):
        x = g.array(g.shape(), special=0.1 if g.dtype != "bfloat16" else 0)
        if x.dtype.kind == "f":
            x = np.asarray(x * 8).astype(x.dtype)
        return g.op(name, features=g.feed(x), **{k: v(g) for k, v in arguments.items()})


activation("Relu", REALS)
activation("Relu6", REALS)
activation("LeakyRelu", FLOATS, alpha=lambda g: g.choice([0.2, 0.1, 0.0, 1.5, -0.3]))
activation("Elu", FLOATS, tolerance=4)
activation("Selu", FLOATS)
activation("Softplus", FLOATS, tolerance=8)  # TensorFlow rounds to bfloat16 at every step
activation("Softsign", FLOATS)


def gradient(name, dtypes, second="features"):
    @case(name, dtypes=dtypes)
    def build(g):
        shape = g.shape()
        return g.op(name, gradients=g.feed(g.array(shape)), **{second: g.feed(g.array(shape))})


gradient("ReluGrad", FLOATS)
gradient("Relu6Grad", FLOATS)
gradient("EluGrad", WIDE_FLOATS, "outputs")
gradient("SeluGrad", WIDE_FLOATS, "outputs")
gradient("LeakyReluGrad", WIDE_FLOATS)
gradient("SoftplusGrad", WIDE_FLOATS)
gradient("SoftsignGrad", WIDE_FLOATS)


@case("Softmax", dtypes=FLOATS, cases=60)
def softmax(g):
    x = g.array(g.shape(1, 4, 9), special=0.02 if g.flip(0.3) and g.dtype != "bfloat16" else 0)
    return g.op("Softmax", logits=g.feed(np.asarray(x * 20).astype(x.dtype)))


@case("LogSoftmax", dtypes=FLOATS, cases=40, tolerance=2)
def log_softmax(g):
    return g.op("LogSoftmax", logits=g.feed(g.array(g.shape(1, 4, 9), low=-30, high=30)))


@case("SoftmaxCrossEntropyWithLogits", dtypes=HALVES, cases=60, tolerance=2)
def cross_entropy(g):
    batch, classes = g.integer(2, 5), g.integer(2, 9)
    first, second = [batch, classes], [batch, classes]
    if g.flip(0.4):  # more of it at once makes TensorFlow 1.15 abort
        g.choice([first, second])[g.integer(0, 1)] = 1
    labels = g.array(second, low=0, high=1)
    return g.op("SoftmaxCrossEntropyWithLogits", features=g.feed(g.array(first, low=-5, high=5)), labels=g.feed(labels))


@case("SparseSoftmaxCrossEntropyWithLogits", dtypes=FLOATS, cases=40, tolerance=20)
def sparse_cross_entropy(g):
    batch, classes = g.integer(0, 5), g.integer(1, 9)
    labels = g.array([batch], g.choice(INDICES), 0, classes - (0 if g.flip(0.1) and g.dtype == "float32" else 1))
    return g.op("SparseSoftmaxCrossEntropyWithLogits", features=g.feed(g.array([batch, classes], low=-5, high=5)),
                labels=g.feed(labels))


# ------------------------------------------------------------------------------------------- convolution, pooling

def paddings(g, spatial, valid=False):
    if g.flip(0.25) and not valid:
        pads = [0, 0]
        for _ in range(spatial):
            pads += [g.integer(0, 3), g.integer(0, 3)]
        return {"padding": "EXPLICIT", "explicit_paddings": pads + [0, 0]}
    return {"padding": g.choice(["SAME", "VALID"])}


def steps(g, spatial, most=3):
    return [1] + [g.integer(1, most) for _ in range(spatial)] + [1]


@case("Conv2D", dtypes=["float32", "float32", "float64", "float16"], cases=160, tolerance=4)
def conv2d(g):
    x = image(g, size=12)
    f = g.array([g.integer(1, 5), g.integer(1, 5), x.shape[3], g.integer(1, 9)])
    strides = steps(g, 2, 4)
    dilations = steps(g, 2, 3) if g.flip(0.3) else [1] * 4
    return g.op("Conv2D", input=g.feed(x), filter=g.feed(f), strides=strides, dilations=dilations,
                **paddings(g, 2))


@case("Conv2D grouped", cases=20, tolerance=4)
def conv2d_grouped(g):
    groups = g.integer(1, 3)
    x = image(g, channels=groups * g.integer(1, 3), size=12)
    f = g.array([g.integer(1, 4), g.integer(1, 4), x.shape[3] // groups, groups * g.integer(1, 4)])
    return g.op("Conv2D", input=g.feed(x), filter=g.feed(f), strides=steps(g, 2), padding=g.choice(["SAME", "VALID"]))


@case("Conv2D constant filter", cases=40, tolerance=4)
def conv2d_constant(g):
    x = image(g, size=20, channels=g.integer(1, 40))
    f = g.array([g.integer(1, 3), g.integer(1, 3), x.shape[3], g.integer(1, 70)])
    return g.op("Conv2D", input=g.feed(x), filter=g.const(f, "float32"), strides=steps(g, 2), padding="SAME")


@case("Conv2D int32", dtypes=["int32"])
def conv2d_int32(g):
    x = image(g)
    f = g.array([g.integer(1, 3), g.integer(1, 3), x.shape[3], g.integer(1, 4)])
    return g.op("Conv2D", input=g.feed(x), filter=g.feed(f), strides=steps(g, 2), padding=g.choice(["SAME", "VALID"]))


@case("Conv2D NCHW", dtypes=WIDE_FLOATS, cases=40, tolerance=4)
def conv2d_nchw(g):
    # TensorFlow's CPU refuses NCHW: the same numbers, transposed around NHWC for it, are another case's job. Here the
    # channels are one, where both layouts hold the same bytes.
    x = image(g, channels=1, size=12)
    f = g.array([g.integer(1, 4), g.integer(1, 4), 1, 1])
    s = steps(g, 2)
    return g.op("Conv2D", input=g.feed(x), filter=g.feed(f), strides=s, padding="SAME")


@case("Conv2DBackpropInput", dtypes=["float32", "float32", "float64", "float16"], cases=120, tolerance=8)
def conv2d_backprop_input(g):
    n, h, w, c = g.integer(1, 3), g.integer(1, 12), g.integer(1, 12), g.integer(1, 5)
    kh, kw, out = g.integer(1, 5), g.integer(1, 5), g.integer(1, 6)
    strides = steps(g, 2)
    dilations = [1] * 4
    padding = paddings(g, 2)

    def size(i, k, s, axis):
        if padding["padding"] == "SAME":
            return -(-i // s)
        pads = padding.get("explicit_paddings", [0] * 8)
        return (i + pads[2 * axis] + pads[2 * axis + 1] - k + s) // s
    oh, ow = size(h, kh, strides[1], 1), size(w, kw, strides[2], 2)
    if oh < 1 or ow < 1:
        return None
    return g.op("Conv2DBackpropInput", input_sizes=g.const([n, h, w, c]), filter=g.feed(g.array([kh, kw, c, out])),
                out_backprop=g.feed(g.array([n, oh, ow, out])), strides=strides, dilations=dilations, **padding)


@case("Conv2DBackpropFilter", dtypes=WIDE_FLOATS, cases=40, tolerance=8)
def conv2d_backprop_filter(g):
    x = image(g, size=10)
    kh, kw, out = g.integer(1, 4), g.integer(1, 4), g.integer(1, 5)
    strides = steps(g, 2)
    oh, ow = -(-x.shape[1] // strides[1]), -(-x.shape[2] // strides[2])
    return g.op("Conv2DBackpropFilter", input=g.feed(x), filter_sizes=g.const([kh, kw, x.shape[3], out]),
                out_backprop=g.feed(g.array([x.shape[0], oh, ow, out])), strides=strides, padding="SAME")


def near(g, window):
    """Strides that leave out one element at most: beyond that, TensorFlow 2 begins three-dimensional SAME windows
    inside the input, unlike version 1 and unlike its two-dimensional ones."""
    return [1] + [g.integer(1, min(3, int(n) + 1)) for n in window] + [1]


@case("Conv3D", dtypes=WIDE_FLOATS, cases=40, tolerance=4)
def conv3d(g):
    x = image(g, 3, size=7)
    f = g.array([g.integer(1, 3), g.integer(1, 3), g.integer(1, 3), x.shape[4], g.integer(1, 5)])
    return g.op("Conv3D", input=g.feed(x), filter=g.feed(f), strides=near(g, f.shape[:3]),
                padding=g.choice(["SAME", "VALID"]))


@case("Conv3DBackpropInputV2", dtypes=WIDE_FLOATS, cases=40, tolerance=4)
def conv3d_backprop_input(g):
    sizes = [g.integer(1, 2)] + [g.integer(1, 7) for _ in range(3)] + [g.integer(1, 4)]
    k = [g.integer(1, 3) for _ in range(3)]
    out = g.integer(1, 4)
    strides = steps(g, 3)
    grad = [sizes[0]] + [-(-sizes[i + 1] // strides[i + 1]) for i in range(3)] + [out]
    return g.op("Conv3DBackpropInputV2", input_sizes=g.const(sizes), filter=g.feed(g.array(k + [sizes[4], out])),
                out_backprop=g.feed(g.array(grad)), strides=strides, padding="SAME")


@case("DepthwiseConv2dNative", dtypes=HALVES, cases=120, tolerance=4)
def depthwise(g):
    x = image(g, size=12, channels=g.integer(1, 12))
    f = g.array([g.integer(1, 5), g.integer(1, 5), x.shape[3], g.integer(1, 3)])
    stride = g.integer(1, 4)
    return g.op("DepthwiseConv2dNative", input=g.feed(x), filter=g.feed(f), strides=[1, stride, stride, 1],
                **paddings(g, 2))


@case("DepthwiseConv2dNativeBackpropInput", dtypes=WIDE_FLOATS, cases=40, tolerance=4)
def depthwise_backprop_input(g):
    n, h, w, c = g.integer(1, 3), g.integer(1, 9), g.integer(1, 9), g.integer(1, 5)
    kh, kw, m, stride = g.integer(1, 4), g.integer(1, 4), g.integer(1, 3), g.integer(1, 3)
    grad = [n, -(-h // stride), -(-w // stride), c * m]
    return g.op("DepthwiseConv2dNativeBackpropInput", input_sizes=g.const([n, h, w, c]),
                filter=g.feed(g.array([kh, kw, c, m])), out_backprop=g.feed(g.array(grad)),
                strides=[1, stride, stride, 1], padding="SAME")


@case("Dilation2D", dtypes=HALVES + ["int32", "uint8"], cases=40)
def dilation2d(g):
    x, rates, padding = image(g), steps(g, 2, 2), g.choice(["SAME", "VALID"])
    f = g.array([g.integer(1, 4), g.integer(1, 4), x.shape[3]])
    if padding == "VALID" and any((f.shape[i] - 1) * rates[i + 1] >= x.shape[i + 1] for i in (0, 1)):
        return None  # TensorFlow 1.15 aborts
    return g.op("Dilation2D", input=g.feed(x), filter=g.feed(f), strides=steps(g, 2), rates=rates, padding=padding)


@case("MaxPool", dtypes=REALS, cases=120)
def max_pool(g):
    x = image(g, size=12)
    return g.op("MaxPool", input=g.feed(x), ksize=steps(g, 2, 5), strides=steps(g, 2, 4),
                padding=g.choice(["SAME", "VALID"]))


@case("MaxPool channels", dtypes=HALVES)
def max_pool_channels(g):
    depth = g.integer(1, 4)
    x = image(g, channels=depth * g.integer(1, 3))
    return g.op("MaxPool", input=g.feed(x), ksize=[1, 1, 1, depth], strides=[1, 1, 1, depth], padding="VALID")


@case("MaxPoolV2", dtypes=HALVES)
def max_pool_v2(g):
    x = image(g, size=12)
    return g.op("MaxPoolV2", input=g.feed(x), ksize=g.const(steps(g, 2, 5)), strides=g.const(steps(g, 2, 4)),
                padding=g.choice(["SAME", "VALID"]))


@case("AvgPool", dtypes=HALVES, cases=80, tolerance=2)
def avg_pool(g):
    x = image(g, size=12)
    return g.op("AvgPool", value=g.feed(x), ksize=steps(g, 2, 5), strides=steps(g, 2, 4),
                padding=g.choice(["SAME", "VALID"]))


def volume_pool(name, dtypes, **options):
    @case(name, dtypes=dtypes, **options)
    def build(g):
        x, size, padding = image(g, 3, size=7), steps(g, 3), g.choice(["SAME", "VALID"])
        if padding == "VALID" and any(k > n for k, n in zip(size, x.shape)):
            return None  # TensorFlow 1.15 aborts
        return g.op(name, ksize=size, strides=near(g, size[1:4]), padding=padding, input=g.feed(x))


volume_pool("MaxPool3D", ["float32", "float16"] if not MODERN else ["float32"])
volume_pool("AvgPool3D", ["float32"], tolerance=2)


@case("MaxPoolWithArgmax", dtypes=["float32", "float64", "int32", "uint8"], cases=60)
def max_pool_with_argmax(g):
    x = image(g, size=9)
    arguments = {"include_batch_in_index": True} if g.flip() else {}
    size, padding = steps(g, 2, 4), g.choice(["SAME", "VALID"])
    if padding == "VALID" and (size[1] > x.shape[1] or size[2] > x.shape[2]):
        return None  # TensorFlow 1.15 aborts
    return g.op("MaxPoolWithArgmax", input=g.feed(x), ksize=size, strides=steps(g, 2, 3), padding=padding,
                Targmax=g.choice(["int32", "int64"]) if MODERN else "int64", **arguments)


# ------------------------------------------------------------------------------------------------- normalisation

@case("LRN", dtypes=["float32", "float16"], cases=40, tolerance=4)
def lrn(g):
    x = image(g, channels=g.integer(1, 12))
    return g.op("LRN", input=g.feed(x), depth_radius=g.integer(0, 6), bias=g.choice([1.0, 2.0]),
                alpha=g.choice([1.0, 0.1]), beta=g.choice([0.5, 0.75, 1.0]))


def batch_norm(name):
    @case(name, dtypes=["float32"] if name == "FusedBatchNorm" else ["float32", "float16"], cases=60, tolerance=8)
    def build(g):
        x = image(g, size=6)
        c = x.shape[3]
        vectors = [g.array([c], "float32"), g.array([c], "float32")]
        training = g.flip()
        moments = [g.array([0 if training else c], "float32"), g.array([0 if training else c], "float32", 0.1, 2)]
        names = ("scale", "offset", "mean", "variance")
        outputs = g.op(name, x=g.feed(x), is_training=training, epsilon=g.choice([1e-3, 1e-5]),
                       **{k: g.feed(v) for k, v in zip(names, vectors + moments)})
        # Without training TensorFlow 1 leaves the other outputs as its memory was.
        return outputs[:5] if training else outputs[:3 if MODERN else 1]


batch_norm("FusedBatchNorm")
batch_norm("FusedBatchNormV2")
batch_norm("FusedBatchNormV3")


@case("FusedBatchNormV3 average", cases=20, tolerance=8)
def batch_norm_average(g):
    x = image(g, size=6)
    c = x.shape[3]
    return g.op("FusedBatchNormV3", x=g.feed(x), scale=g.feed(g.array([c])), offset=g.feed(g.array([c])),
                mean=g.feed(g.array([c])), variance=g.feed(g.array([c], low=0.1, high=2)), is_training=True,
                epsilon=1e-3, exponential_avg_factor=g.choice([0.1, 0.5]))[:5]


@case("BatchNormWithGlobalNormalization", cases=20, tolerance=4)
def global_normalization(g):
    x = image(g)
    c = x.shape[3]
    return g.op("BatchNormWithGlobalNormalization", t=g.feed(x), m=g.feed(g.array([c])),
                v=g.feed(g.array([c], low=0.1, high=2)), beta=g.feed(g.array([c])), gamma=g.feed(g.array([c])),
                variance_epsilon=0.01, scale_after_normalization=g.flip())


# ------------------------------------------------------------------------------------------- recurrent, sequences

@case("LSTMBlockCell", dtypes=["float32", "float16"], cases=40, tolerance=4)
def lstm_block_cell(g):
    n, i, c = g.integer(1, 4), g.integer(1, 5), g.integer(1, 6)
    return g.op("LSTMBlockCell", x=g.feed(g.array([n, i])), cs_prev=g.feed(g.array([n, c])),
                h_prev=g.feed(g.array([n, c])), w=g.feed(g.array([i + c, 4 * c])), wci=g.feed(g.array([c])),
                wcf=g.feed(g.array([c])), wco=g.feed(g.array([c])), b=g.feed(g.array([4 * c])),
                forget_bias=g.choice([0.0, 1.0]), cell_clip=g.choice([-1.0, 0.5, 3.0]), use_peephole=g.flip())


def block_lstm(name):
    @case(name, dtypes=["float32"], cases=40, tolerance=8)
    def build(g):
        t, n, i, c = g.integer(1, 5), g.integer(1, 4), g.integer(1, 5), g.integer(1, 6)
        arguments = {"forget_bias": g.choice([0.0, 1.0])} if name == "BlockLSTM" else {}
        length = g.integer(0, t)
        outputs = g.op(name, seq_len_max=g.const(length, "int64"), x=g.feed(g.array([t, n, i])),
                    cs_prev=g.feed(g.array([n, c])), h_prev=g.feed(g.array([n, c])),
                    w=g.feed(g.array([i + c, 4 * c])), wci=g.feed(g.array([c])), wcf=g.feed(g.array([c])),
                    wco=g.feed(g.array([c])), b=g.feed(g.array([4 * c])), cell_clip=g.choice([-1.0, 0.5, 3.0]),
                    use_peephole=g.flip(), **arguments)
        # Beyond the length TensorFlow clears these two only.
        return outputs if length == t else [outputs[1], outputs[6]]


block_lstm("BlockLSTM")
block_lstm("BlockLSTMV2")


@case("GRUBlockCell", cases=20, tolerance=4)
def gru_block_cell(g):
    n, i, c = g.integer(1, 4), g.integer(1, 5), g.integer(1, 6)
    return g.op("GRUBlockCell", x=g.feed(g.array([n, i])), h_prev=g.feed(g.array([n, c])),
                w_ru=g.feed(g.array([i + c, 2 * c])), w_c=g.feed(g.array([i + c, c])), b_ru=g.feed(g.array([2 * c])),
                b_c=g.feed(g.array([c])))


@case("CTCGreedyDecoder", dtypes=WIDE_FLOATS, cases=40)
def ctc_greedy(g):
    t, n, c = g.integer(1, 8), g.integer(1, 4), g.integer(1, 5)
    return g.op("CTCGreedyDecoder", inputs=g.feed(g.array([t, n, c])),
                sequence_length=g.feed(g.array([n], "int32", 0, t)), merge_repeated=g.flip())


@case("CTCBeamSearchDecoder", dtypes=["float32"], cases=60, tolerance=4)  # TensorFlow's float64 is half float32
def ctc_beam(g):
    t, n, c = g.integer(3, 9), g.integer(1, 4), g.integer(3, 6)
    return g.op("CTCBeamSearchDecoder", inputs=g.feed(g.array([t, n, c], low=-4, high=4)),
                sequence_length=g.feed(g.array([n], "int32", 3, t)), beam_width=g.integer(4, 30),
                top_paths=g.integer(1, 3), merge_repeated=g.flip())


# -------------------------------------------------------------------------------------------------- quantisation

@case("FakeQuantWithMinMaxArgs", cases=40, tolerance=4)
def fake_quant_args(g):
    return g.op("FakeQuantWithMinMaxArgs", inputs=g.feed(g.array(g.shape(), low=-8, high=8)),
                min=g.choice([-6.0, 0.0, -1.3, 1.0]), max=g.choice([6.0, 2.5, 3.0]), num_bits=g.integer(2, 10),
                narrow_range=g.flip())


@case("FakeQuantWithMinMaxVars", cases=40, tolerance=4)
def fake_quant_vars(g):
    return g.op("FakeQuantWithMinMaxVars", inputs=g.feed(g.array(g.shape(), low=-8, high=8)),
                min=g.feed(np.float32(g.choice([-6.0, 0.0, -1.3, 1.0]))), max=g.feed(np.float32(g.choice([6.0, 2.5]))),
                num_bits=g.integer(2, 10), narrow_range=g.flip())


@case("FakeQuantWithMinMaxVarsPerChannel", cases=40, tolerance=4)
def fake_quant_channels(g):
    x = g.array(g.shape(1, 4), low=-8, high=8)
    return g.op("FakeQuantWithMinMaxVarsPerChannel", inputs=g.feed(x),
                min=g.feed(g.array([x.shape[-1]], low=-6, high=-0.1)), max=g.feed(g.array([x.shape[-1]], low=0.1,
                                                                                          high=6)),
                num_bits=g.integer(2, 10), narrow_range=g.flip())


@case("QuantizeAndDequantizeV2", dtypes=WIDE_FLOATS, cases=60, tolerance=4)
def quantize_and_dequantize(g):
    x = g.array(g.shape(1, 4), low=-8, high=8)
    axis = g.choice([-1, g.integer(0, x.ndim - 1)])
    shape = [] if axis < 0 else [x.shape[axis]]
    return g.op("QuantizeAndDequantizeV2", input=g.feed(x), input_min=g.feed(g.array(shape, low=-6, high=-0.1)),
                input_max=g.feed(g.array(shape, low=0.1, high=6)), signed_input=g.flip(0.8), num_bits=g.integer(2, 12),
                range_given=g.flip(), axis=axis,
                round_mode=g.choice(["HALF_TO_EVEN", "HALF_UP"]), narrow_range=g.flip())


@case("QuantizeAndDequantizeV3", dtypes=WIDE_FLOATS, cases=20, tolerance=4)
def quantize_and_dequantize_v3(g):
    return g.op("QuantizeAndDequantizeV3", input=g.feed(g.array(g.shape(1, 4), low=-8, high=8)),
                input_min=g.feed(g.array([], low=-6, high=-0.1)), input_max=g.feed(g.array([], low=0.1, high=6)),
                num_bits=g.const(g.integer(2, 12)), signed_input=g.flip(0.8), range_given=g.flip())


@case("QuantizeV2", cases=60)
def quantize(g):
    name, plain = g.choice([("qint8", "int8"), ("quint8", "uint8"), ("qint16", "int16"), ("quint16", "uint16")])
    mode = g.choice(["MIN_COMBINED", "MIN_FIRST", "SCALED"])
    x = g.array(g.shape(1, 3), low=-8, high=8)
    outputs = g.op("QuantizeV2", input=g.feed(x), min_range=g.const(g.choice([-6.0, 0.0, -1.3]), "float32"),
                   max_range=g.const(g.choice([6.0, 2.5]), "float32"), T=name, mode=mode,
                   round_mode=g.choice(["HALF_AWAY_FROM_ZERO", "HALF_TO_EVEN"]) if mode == "SCALED" else
                   "HALF_AWAY_FROM_ZERO")
    return [tf.bitcast(outputs[0], plain)] + outputs[1:]


@case("Dequantize", cases=60)
def dequantize(g):
    name, plain = g.choice([("qint8", "int8"), ("quint8", "uint8"), ("qint16", "int16"), ("quint16", "uint16")])
    x = tf.bitcast(g.feed(g.array(g.shape(1, 3), plain)), tf.as_dtype(name))
    return g.op("Dequantize", input=x, min_range=g.const(g.choice([-6.0, 0.0, -1.3]), "float32"),
                max_range=g.const(g.choice([6.0, 2.5]), "float32"), mode=g.choice(["MIN_COMBINED", "MIN_FIRST",
                                                                                   "SCALED"]))


# --------------------------------------------------------------------------------------------------------- images

def resize(name, dtypes, half=True, exact=False):
    @case(name, dtypes=dtypes, cases=80, exact=exact, tolerance=20)
    def build(g):
        x = image(g, size=9)
        arguments = {"align_corners": g.flip(0.4) and (MODERN or name != "ResizeArea")}
        if half:
            arguments["half_pixel_centers"] = not arguments["align_corners"] and g.flip()
        return g.op(name, images=g.feed(x), size=g.const([g.integer(1, 15), g.integer(1, 15)]), **arguments)


REALS_NO_BFLOAT = ["float32", "float64", "float16", "uint8", "int32", "int64", "int8", "int16", "uint16"]
resize("ResizeBilinear", REALS_NO_BFLOAT)
resize("ResizeNearestNeighbor", REALS_NO_BFLOAT, exact=True)
resize("ResizeBicubic", REALS_NO_BFLOAT)
resize("ResizeArea", REALS_NO_BFLOAT, half=False)


@case("CropAndResize", dtypes=REALS_NO_BFLOAT, cases=60, tolerance=20)
def crop_and_resize(g):
    x = image(g)
    n = g.integer(0, 4)
    return g.op("CropAndResize", image=g.feed(x), boxes=g.feed(g.array([n, 4], "float32", -0.3, 1.3)),
                box_ind=g.feed(g.array([n], "int32", 0, x.shape[0] - 1)),
                crop_size=g.const([g.integer(1, 6), g.integer(1, 6)]), method=g.choice(["bilinear", "nearest"]),
                extrapolation_value=g.choice([0.0, 5.0]))


def boxes_and_scores(g):
    # Equal scores go by number in version 2; in 1.15 as its queue happens to have them.
    n = g.integer(0, 30)
    corner = g.rng.uniform(0, 1, (n, 2))
    size = g.rng.uniform(0.05, 0.5, (n, 2))
    boxes = np.concatenate([corner, corner + size], 1).astype("float32")
    if g.flip(0.2) and n:
        boxes = boxes[:, [2, 3, 0, 1]]
    return boxes, np.round(g.rng.uniform(0, 1, n), 2 if MODERN and g.flip(0.3) else 6).astype("float32")


def suppression(name):
    @case(name, cases=40)
    def build(g):
        boxes, scores = boxes_and_scores(g)
        most, iou, score = g.integer(0, 12), np.float32(g.rng.uniform(0.1, 0.9)), np.float32(g.rng.uniform(-0.1, 0.5))
        arguments = {"boxes": g.feed(boxes), "scores": g.feed(scores), "max_output_size": g.const(most)}
        if name == "NonMaxSuppression":
            arguments["iou_threshold"] = float(iou)
        else:
            arguments["iou_threshold"] = g.feed(iou)
        if name[-1] in "345":
            arguments["score_threshold"] = g.feed(score)
        if name[-1] in "45":
            arguments["pad_to_max_output_size"] = g.flip()
        if name[-1] == "5":
            # 1.15 still lets iou_threshold suppress where suppression is soft.
            arguments["soft_nms_sigma"] = g.feed(np.float32(g.choice([0.0, 0.1, 0.5]) if MODERN else 0))
        return g.op(name, **arguments)


for op in ["NonMaxSuppression", "NonMaxSuppressionV2", "NonMaxSuppressionV3", "NonMaxSuppressionV4",
           "NonMaxSuppressionV5"]:
    suppression(op)


@case("NonMaxSuppressionWithOverlaps", cases=20)
def suppression_overlaps(g):
    if not MODERN:  # 1.15 chooses the same box again and again
        return None
    n = g.integer(1, 20)
    return g.op("NonMaxSuppressionWithOverlaps", overlaps=g.feed(g.array([n, n], low=0, high=1)),
                scores=g.feed(g.array([n], low=0, high=1)), max_output_size=g.const(g.integer(0, 9)),
                overlap_threshold=g.feed(np.float32(0.5)), score_threshold=g.feed(np.float32(0.1)))


@case("CombinedNonMaxSuppression", cases=40)
def combined_suppression(g):
    batch, n, classes = g.integer(1, 3), g.integer(1, 15), g.integer(1, 4)
    q = g.choice([1, classes])
    corner = g.rng.uniform(-0.2, 1, (batch, n, q, 2))
    boxes = np.concatenate([corner, corner + g.rng.uniform(0.05, 0.5, (batch, n, q, 2))], 3).astype("float32")
    arguments = {"clip_boxes": g.flip()}
    return g.op("CombinedNonMaxSuppression", boxes=g.feed(boxes), scores=g.feed(g.array([batch, n, classes], low=0,
                                                                                        high=1)),
                max_output_size_per_class=g.const(g.integer(1, 6)), max_total_size=g.const(g.integer(1, 12)),
                iou_threshold=g.feed(np.float32(0.4)), score_threshold=g.feed(np.float32(0.2)),
                pad_per_class=g.flip(), **arguments)


@case("RGBToHSV", dtypes=WIDE_FLOATS, tolerance=20)
def rgb_to_hsv(g):
    return g.op("RGBToHSV", images=g.feed(g.array(g.shape(0, 3) + [3], low=0, high=1)))


@case("HSVToRGB", dtypes=WIDE_FLOATS, tolerance=4)
def hsv_to_rgb(g):
    return g.op("HSVToRGB", images=g.feed(g.array(g.shape(0, 3) + [3], low=0, high=1)))


@case("AdjustHue", tolerance=20)
def adjust_hue(g):
    return g.op("AdjustHue", images=g.feed(g.array(g.shape(2, 3) + [3], low=0, high=1)),
                delta=g.feed(np.float32(g.rng.uniform(-1, 1))))


@case("AdjustSaturation", tolerance=20)
def adjust_saturation(g):
    return g.op("AdjustSaturation", images=g.feed(g.array(g.shape(2, 3) + [3], low=0, high=1)),
                scale=g.feed(np.float32(g.rng.uniform(0, 3))))


@case("AdjustContrastv2", tolerance=20)
def adjust_contrast(g):
    return g.op("AdjustContrastv2", images=g.feed(g.array(g.shape(3, 5))),
                contrast_factor=g.feed(np.float32(g.rng.uniform(0, 3))))


def projective(name):
    @case(name, dtypes=["float32", "float64", "uint8", "int32"], cases=40, tolerance=50)
    def build(g):
        x = image(g)
        t = np.tile(np.array([1, 0, 0, 0, 1, 0, 0, 0], "float32"), (g.choice([1, x.shape[0]]), 1))
        t = (t + g.rng.uniform(-0.3, 0.3, t.shape) * [1, 1, 5, 1, 1, 5, 0.1, 0.1]).astype("float32")
        arguments = {"fill_mode": g.choice(["CONSTANT", "REFLECT", "WRAP", "NEAREST"]),
                     "fill_value": g.feed(np.float32(3))} if name[-1] == "3" else {}
        interpolation = "NEAREST" if x.dtype.kind in "ui" else "BILINEAR"
        return g.op(name, images=g.feed(x), transforms=g.feed(t),
                    output_shape=g.const([g.integer(1, 9), g.integer(1, 9)]), interpolation=interpolation, **arguments)


projective("ImageProjectiveTransformV2")
projective("ImageProjectiveTransformV3")


# --------------------------------------------------------------------------------------------------------- random

def seeds(g):
    return {"seed": g.integer(1, 1 << 30), "seed2": g.integer(0, 1 << 30)}


def random_tensor(name, exact):
    @case(name, dtypes=FLOATS, cases=40, exact=exact)
    def build(g):
        return g.op(name, shape=g.const(g.shape(0, 3, 12)), dtype=g.dtype, **seeds(g))


random_tensor("RandomUniform", True)
random_tensor("RandomStandardNormal", False)
random_tensor("TruncatedNormal", False)


@case("RandomUniformInt", dtypes=INDICES, exact=True)
def random_uniform_int(g):
    low = g.integer(-100, 100)
    return g.op("RandomUniformInt", shape=g.const(g.shape(0, 3, 12)), minval=g.const(low, g.dtype),
                maxval=g.const(low + g.integer(1, 1000), g.dtype), **seeds(g))


@case("RandomShuffle", dtypes=[t for t in MOVING if t not in ("uint32", "uint64")], exact=True, cases=40)
def random_shuffle(g):
    return g.op("RandomShuffle", value=g.feed(g.array(g.shape(0, 3, 9))), **seeds(g))


@case("RandomGamma", dtypes=["float32", "float64"], cases=30, tolerance=10)
def random_gamma(g):
    return g.op("RandomGamma", shape=g.const(g.shape(1, 2, 9, empty=0)), alpha=g.feed(g.array(g.shape(0, 2, empty=0),
                                                                                              low=0.1, high=5)),
                **seeds(g))


@case("RandomPoissonV2", dtypes=["float32", "float64"], cases=30)
def random_poisson(g):
    return g.op("RandomPoissonV2", shape=g.const(g.shape(1, 2, 9, empty=0)),
                rate=g.feed(g.array(g.shape(0, 2, empty=0), low=0.1, high=g.choice([5, 50]))),
                dtype=g.choice(["int64", "float32", "int32"]), **seeds(g))


@case("Multinomial", dtypes=HALVES, cases=30, exact=True)
def multinomial(g):
    return g.op("Multinomial", logits=g.feed(g.array([1, g.integer(1, 9)], low=-2, high=2)),
                num_samples=g.const(g.integer(1, 20)), output_dtype=g.choice(["int32", "int64"]), **seeds(g))


def stateless(name, exact):
    @case(name, dtypes=["float32", "float64", "float16"], exact=exact)
    def build(g):
        return g.op(name, shape=g.const(g.shape(0, 3, 12)), seed=g.const([g.integer(-9, 99), g.integer(0, 1 << 30)],
                                                                         "int64"),
                    dtype=g.dtype)

    @case(name + "V2", dtypes=["float32", "float64", "float16"], exact=exact)
    def build_v2(g):
        key = g.const([g.integer(0, 1 << 60)], "uint64")
        counter = g.const([g.integer(0, 1 << 60), g.integer(0, 1 << 60)], "uint64")
        return g.op(name + "V2", shape=g.const(g.shape(0, 3, 12)), key=key, counter=counter, alg=g.const(1),
                    dtype=g.dtype)


stateless("StatelessRandomUniform", True)
stateless("StatelessRandomNormal", False)
stateless("StatelessTruncatedNormal", False)


@case("StatelessRandomUniformInt", dtypes=INDICES, exact=True)
def stateless_int(g):
    return g.op("StatelessRandomUniformInt", shape=g.const(g.shape(0, 3, 12)), seed=g.const([g.integer(0, 99), 7],
                                                                                            "int64"),
                minval=g.const(-5, g.dtype), maxval=g.const(g.integer(0, 99), g.dtype))


@case("StatelessMultinomial", dtypes=HALVES, exact=True)
def stateless_multinomial(g):
    return g.op("StatelessMultinomial", logits=g.feed(g.array([1, g.integer(1, 9)], low=-2, high=2)),
                num_samples=g.const(g.integer(1, 20)), seed=g.const([g.integer(0, 99), 7], "int64"))


@case("StatelessRandomGetKeyCounter", exact=True)
def key_counter(g):
    return g.op("StatelessRandomGetKeyCounter", seed=g.const([g.integer(-99, 99), g.integer(0, 1 << 30)], "int64"))


# --------------------------------------------------------------------------------------------------------- sparse

def sparse(g, shape=None, dtype=None, most=8, low=None, high=None):
    """Indices in order, values and shape of a random sparse tensor, as arrays."""
    shape = shape or [g.integer(1, 5) for _ in range(g.integer(2, 3))]
    size = int(np.prod(shape))
    places = np.sort(g.rng.permutation(size)[:g.integer(0, min(most, size))])
    indices = np.stack(np.unravel_index(places, shape), 1).astype("int64").reshape(-1, len(shape))
    return indices, g.array([len(places)], dtype, low, high), np.array(shape, "int64")


def fed(g, prefix, parts, names=("indices", "values", "shape")):
    return {prefix + name: g.feed(part) for name, part in zip(names, parts)}


def shown(outputs):
    """Strings as their lengths and hashes."""
    flat = []
    for t in outputs:
        if t.dtype.base_dtype == tf.string:
            flat += [tf.raw_ops.StringLength(input=t), tf.raw_ops.StringToHashBucketFast(input=t, num_buckets=1 << 62)]
        else:
            flat.append(t)
    return flat


@case("SparseTensorDenseMatMul", dtypes=["float32", "float64", "int32"], cases=40)
def sparse_matmul(g):
    m, k, n = g.integer(1, 6), g.integer(1, 6), g.integer(1, 6)
    a, b = g.flip(), g.flip()
    indices, values, shape = sparse(g, [k, m] if a else [m, k])
    if g.flip(0.3):
        order = g.rng.permutation(len(values))
        indices, values = indices[order], values[order]
    return g.op("SparseTensorDenseMatMul", a_indices=g.feed(indices.astype(g.choice(["int32", "int64"]))),
                a_values=g.feed(values), a_shape=g.feed(shape), b=g.feed(g.array([n, k] if b else [k, n])), adjoint_a=a,
                adjoint_b=b)


def cwise(name, dtypes):
    @case(name, dtypes=dtypes)
    def build(g):
        parts = sparse(g)
        dense = [int(n) if g.flip(0.7) else 1 for n in parts[2]][g.integer(0, 1):]
        return g.op(name, dense=g.feed(g.array(dense, low=1, high=9)), **fed(g, "sp_", parts))


cwise("SparseDenseCwiseMul", ["float32", "float64", "int32", "float16"])
cwise("SparseDenseCwiseAdd", ["float32", "float64", "int32"])
cwise("SparseDenseCwiseDiv", ["float32", "float64", "int32"])


@case("SparseFillEmptyRows", dtypes=MOVING, cases=40, exact=True)
def sparse_fill(g):
    indices, values, shape = sparse(g)
    if g.flip(0.2):
        order = g.rng.permutation(len(values))
        indices, values = indices[order], values[order]
    return g.op("SparseFillEmptyRows", indices=g.feed(indices), values=g.feed(values), dense_shape=g.feed(shape),
                default_value=g.feed(g.array([])))


@case("SparseFillEmptyRows strings", exact=True)
def sparse_fill_strings(g):
    indices, values, shape = sparse(g)
    if not len(values):
        return None
    return shown(g.op("SparseFillEmptyRows", indices=g.feed(indices),
                      values=g.const([b"v%d" % i for i in range(len(values))],
                 "string"), dense_shape=g.feed(shape), default_value=g.const(b"none", "string")))


@case("SparseReshape", exact=True)
def sparse_reshape(g):
    indices, _, shape = sparse(g)
    new = g.choice([[-1], [int(shape[0]), -1], [-1, int(shape[-1])], [1, -1, 1], [int(np.prod(shape))]])
    return g.op("SparseReshape", input_indices=g.feed(indices), input_shape=g.feed(shape), new_shape=g.const(new,
                                                                                                             "int64"))


def reduce(name, dtypes):
    @case(name, dtypes=dtypes)
    def build(g):
        parts = sparse(g)
        rank = len(parts[2])
        axes = sorted(set(g.integer(0, rank - 1) for _ in range(g.integer(0, 2))))
        return g.op(name, reduction_axes=g.const([a - rank * g.integer(0, 1) for a in axes]), keep_dims=g.flip(),
                    **fed(g, "input_", parts))


reduce("SparseReduceSum", ["float32", "float64", "int32"])
reduce("SparseReduceMax", ["float32", "float64", "int32"])
reduce("SparseReduceSumSparse", ["float32", "int64"])
reduce("SparseReduceMaxSparse", ["float32", "int64"])


@case("SparseToDense", dtypes=MOVING, cases=60, exact=True)
def sparse_to_dense(g):
    indices, values, shape = sparse(g)
    if g.flip(0.3):
        indices, shape = np.sort(g.rng.permutation(9)[:g.integer(0, 6)]), np.array([9])
        values = g.array([len(indices)])
    if g.flip(0.2):
        values = g.array([])
    kind = g.choice(INDICES)
    return g.op("SparseToDense", sparse_indices=g.feed(indices.astype(kind)), output_shape=g.feed(shape.astype(kind)),
                sparse_values=g.feed(values), default_value=g.feed(g.array([])), validate_indices=g.flip(0.7))


@case("SparseAdd", dtypes=["float32", "float64", "int32"], cases=40)
def sparse_add(g):
    a = sparse(g)
    b = sparse(g, [int(n) for n in a[2]])
    limit = g.array([], low=0, high=g.choice([0, 1]))
    return g.op("SparseAdd", thresh=g.feed(limit), **fed(g, "a_", a), **fed(g, "b_", b))


def between(name):
    @case(name, dtypes=["float32", "int32"])
    def build(g):
        a = sparse(g)
        return g.op(name, **fed(g, "a_", a), **fed(g, "b_", sparse(g, [int(n) for n in a[2]])))


between("SparseSparseMaximum")
between("SparseSparseMinimum")


@case("SparseConcat", dtypes=MOVING, cases=40, exact=True)
def sparse_concat(g):
    shape = [g.integer(1, 5) for _ in range(g.integer(2, 3))]
    axis = g.integer(0, len(shape) - 1)
    parts = []
    for _ in range(g.integer(2, 3)):
        shape[axis] = g.integer(1, 4)
        parts.append(sparse(g, list(shape)))
    return g.op("SparseConcat", indices=[g.feed(p[0]) for p in parts], values=[g.feed(p[1]) for p in parts],
                shapes=[g.feed(p[2]) for p in parts], concat_dim=axis - len(shape) * g.integer(0, 1))


@case("SparseSlice", dtypes=MOVING, cases=40, exact=True)
def sparse_slice(g):
    parts = sparse(g)
    start = [g.integer(0, int(n) - 1) for n in parts[2]]
    return g.op("SparseSlice", start=g.const(start, "int64"), size=g.const([g.integer(0, 5) for _ in start], "int64"),
                **fed(g, "", parts))


@case("SparseSplit", dtypes=MOVING, cases=40, exact=True)
def sparse_split(g):
    parts = sparse(g)
    axis = g.integer(0, len(parts[2]) - 1)
    return g.op("SparseSplit", split_dim=g.const(axis, "int64"), num_split=g.integer(1, int(parts[2][axis])),
                **fed(g, "", parts))


@case("SparseReorder", dtypes=MOVING, cases=40, exact=True)
def sparse_reorder(g):
    indices, values, shape = sparse(g)
    order = g.rng.permutation(len(values))
    return g.op("SparseReorder", input_indices=g.feed(indices[order]), input_values=g.feed(values[order]),
                input_shape=g.feed(shape))


@case("SparseSoftmax", dtypes=WIDE_FLOATS)
def sparse_softmax(g):
    return g.op("SparseSoftmax", **fed(g, "sp_", sparse(g)))


@case("SparseTensorDenseAdd", dtypes=["float32", "float64", "int32"])
def sparse_dense_add(g):
    parts = sparse(g)
    return g.op("SparseTensorDenseAdd", b=g.feed(g.array(parts[2])), **fed(g, "a_", parts))


SETS = ["int8", "int16", "int32", "int64", "uint8", "uint16"]
WORDS = ["a-b", "b-a", "intersection", "union"]


def small_set(g, shape):
    return g.array(shape, low=0, high=5)


@case("DenseToDenseSetOperation", dtypes=SETS, cases=40, exact=True)
def dense_dense_set(g):
    group = [g.integer(1, 3) for _ in range(g.integer(1, 2))]
    return g.op("DenseToDenseSetOperation", set1=g.feed(small_set(g, group + [g.integer(0, 5)])),
                set2=g.feed(small_set(g, group + [g.integer(0, 5)])), set_operation=g.choice(WORDS))


@case("DenseToDenseSetOperation strings", exact=True)
def dense_dense_set_strings(g):
    words = [b"", b"b", b"ab", b"B", bytes(bytearray([0xc3, 0xa4])), b"abc"]
    first, second = [[g.choice(words) for _ in range(4)] for _ in range(2)], [[g.choice(words)] * 2, [b"q", b"b"]]
    return shown(g.op("DenseToDenseSetOperation", set1=g.const(first, "string"), set2=g.const(second, "string"),
                 set_operation=g.choice(WORDS)))


@case("DenseToSparseSetOperation", dtypes=SETS, cases=40, exact=True)
def dense_sparse_set(g):
    group = [g.integer(1, 3) for _ in range(g.integer(1, 2))]
    return g.op("DenseToSparseSetOperation", set1=g.feed(small_set(g, group + [g.integer(1, 5)])),
                set_operation=g.choice(WORDS), **fed(g, "set2_", sparse(g, group + [4], low=0, high=5)))


@case("SparseToSparseSetOperation", dtypes=SETS, cases=40, exact=True)
def sparse_sparse_set(g):
    group = [g.integer(1, 3) for _ in range(g.integer(1, 2))]
    return g.op("SparseToSparseSetOperation", set_operation=g.choice(WORDS),
                **fed(g, "set1_", sparse(g, group + [3], low=0, high=5)), **fed(g, "set2_", sparse(g, group + [4],
                                                                                                   low=0, high=5)))


@case("SetSize", dtypes=SETS, exact=True)
def set_size(g):
    return g.op("SetSize", **fed(g, "set_", sparse(g, low=0, high=3)))


# -------------------------------------------------------------------------------------------------------- strings

def words(g, shape, longest=12, letters=b"ab cd,e-"):
    def word():
        return bytes(bytearray(letters[i] if isinstance(letters[i], int) else ord(letters[i])
                               for i in g.rng.randint(0, len(letters), g.integer(0, longest))))
    return g.const([word() for _ in range(int(np.prod(shape)))], "string"), shape


def text(g, shape=None, **arguments):
    shape = [g.integer(1, 5)] if shape is None else shape
    flat, shape = words(g, shape, **arguments)
    return tf.reshape(flat, shape)


def bucket(name, **arguments):
    @case(name, exact=True, cases=30)
    def build(g):
        x = text(g, [8], longest=g.choice([3, 20, 40, 80, 300]))
        return g.op(name, num_buckets=g.choice([7, 1000, 1 << 62]),
                    **dict({"string_tensor" if name == "StringToHashBucket" else "input": x}, **arguments))


bucket("StringToHashBucketFast")
bucket("StringToHashBucketStrong", key=[123456789, -987654321])
bucket("StringToHashBucket")


@case("StringJoin", exact=True)
def string_join(g):
    shape = [g.integer(1, 3), 2]
    parts = [text(g, [] if g.flip(0.3) else shape) for _ in range(g.integer(1, 3))]
    return shown(g.op("StringJoin", inputs=parts, separator=g.choice(["", ", "])))


@case("ReduceJoin", exact=True)
def reduce_join(g):
    shape = [g.integer(1, 3) for _ in range(3)]
    axes = [int(a) for a in g.rng.permutation(3)[:g.integer(0, 3)]]
    return shown(g.op("ReduceJoin", inputs=text(g, shape), reduction_indices=g.const(axes or np.zeros([0], "int32")),
                 keep_dims=g.flip(), separator=g.choice(["", "+"])))


@case("StringSplit", exact=True)
def string_split(g):
    return shown(g.op("StringSplit", input=text(g), delimiter=g.const(g.choice([b" ", b",", b"", b", "]), "string"),
                 skip_empty=g.flip()))


@case("StringSplitV2", exact=True, cases=40)
def string_split_v2(g):
    return shown(g.op("StringSplitV2", input=text(g), sep=g.const(g.choice([b" ", b",", b"", b"ab"]), "string"),
                 maxsplit=g.choice([-1, 1, 2])))


@case("Substr", exact=True, cases=40)
def substr(g):
    shape = [g.integer(1, 4)]
    other = g.choice([[], shape])
    return shown(g.op("Substr", input=text(g, shape), pos=g.feed(g.array(other, "int32", -3, 3)),
                 len=g.feed(g.array(other, "int32", 0, 5)), unit=g.choice(["BYTE", "UTF8_CHAR"])))


@case("AsString", dtypes=["float32", "float64", "int32", "int64", "int8", "bool", "complex64"], exact=True, cases=60)
def as_string(g):
    x = g.array(g.shape(0, 2), special=0.1)
    arguments = {}
    if g.dtype[:5] in ("float", "compl"):
        arguments = {"precision": g.choice([-1, 2, 0]), g.choice(["scientific", "shortest"]): g.flip()}
    return shown(g.op("AsString", input=g.feed(x), width=g.choice([-1, 8]), fill=g.choice(["", "0", "-"]), **arguments))


@case("StringToNumber", dtypes=["float32", "float64", "int32", "int64"], exact=True)
def string_to_number(g):
    whole = [b"12", b" -7 ", b"0", b"2147483647"]
    other = [b"1.5", b"-2e-3", b"inf", b"nan", b"  3.25  ", b"1e400", b"0.1"]
    return g.op("StringToNumber",
                string_tensor=g.const([g.choice(whole if g.dtype[0] == "i" else other) for _ in range(4)],
                "string"), out_type=g.dtype)


@case("StringLength", exact=True)
def string_length(g):
    return g.op("StringLength", input=text(g), unit=g.choice(["BYTE", "UTF8_CHAR"]))


@case("StringLower", exact=True)
def string_lower(g):
    return shown(g.op("StringLower", input=text(g, letters=b"aBcDZ[@`{z")))


@case("StringUpper", exact=True)
def string_upper(g):
    return shown(g.op("StringUpper", input=text(g, letters=b"aBcDZ[@`{z")))


@case("EncodeBase64", exact=True)
def encode_base64(g):
    return shown(g.op("EncodeBase64", input=text(g), pad=g.flip()))


@case("DecodeBase64", exact=True)
def decode_base64(g):
    return shown(g.op("DecodeBase64", input=tf.raw_ops.EncodeBase64(input=text(g), pad=g.flip())))


@case("DecodeRaw", dtypes=["float32", "uint8", "int16", "int64", "float64"], exact=True)
def decode_raw(g):
    x = g.array([3, 2]).astype(g.dtype)
    return g.op("DecodeRaw", bytes=g.const([row.tobytes() for row in x], "string"), out_type=g.dtype,
                little_endian=g.flip())


if __name__ == "__main__":
    main()
