"""Times the kernels and TensorFlow in turn in one process; prints medians in milliseconds and their ratio. With one
thread it is CPU time, with more the clock's. The last column has the right matrix packed beforehand.
Usage: CC=clang python3 bench.py [threads]   (needs tensorflow)"""
import ctypes as C
import os
import sys
import tempfile
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow.compat.v1 as tf

from ck import Conv, Pooling, arg, build, call, ones_except

threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
now = time.process_time if threads == 1 else time.perf_counter
library = build(tempfile.mktemp(suffix=".so"))
pool = C.c_void_p(library.ck_pool_create(threads))
tf.disable_eager_execution()
session = tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1))
random = np.random.default_rng(0)


def numbers(*shape, scale=1.0):
    return (random.standard_normal(shape) * scale).astype(np.float32)


def variable(value):
    """Held by a variable, so that TensorFlow folds nothing."""
    return tf.get_variable(f"v{len(tf.global_variables())}", initializer=value, use_resource=False)


def runner(output):
    session.run(tf.global_variables_initializer())
    return session.make_callable(output)


def report(name, *functions, runs=30):
    for function in functions:
        function()
    times = [[] for _ in functions]
    for _ in range(runs):
        for function, own in zip(functions, times):
            start = now()
            function()
            own.append(now() - start)
    first, *rest = [1e3 * float(np.median(own)) for own in times]
    ours = "  ".join(f"{t:8.3f} ({t / first:.2f})" for t in rest)
    print(f"{name:31} tensorflow {first:8.3f}  ours {ours}", flush=True)


def pack(matrix, transposed=0):
    n, k = matrix.shape if transposed else matrix.shape[::-1]
    return C.c_void_p(call(library.ck_pack_f32, pool, transposed, n, k, matrix, matrix.shape[1]))


def gemm(m, n, k, transposed=0, runs=30):
    a, b, c = numbers(m, k), numbers(*((n, k) if transposed else (k, n))), np.empty((m, n), np.float32)
    packed = pack(b, transposed)
    report(f"gemm {m}x{n}x{k}" + (" transposed" if transposed else ""),
           runner(tf.matmul(variable(a), variable(b), transpose_b=bool(transposed)).op),
           lambda: call(library.ck_gemm_f32, pool, 0, transposed, m, n, k, a, k, b, b.shape[1], c, n, None, 0),
           lambda: call(library.ck_gemm_packed_f32, pool, 0, m, a, k, packed, c, n, None, 0), runs=runs)


def conv_shape(batch, side, in_c, out_c, taps, stride=1):
    out = call(library.ck_same_size, side, stride)
    pad = call(library.ck_same_pad, side, taps, stride, 1)
    return ones_except(Conv, batch=batch, in_h=side, in_w=side, in_c=in_c, filter_h=taps, filter_w=taps, out_h=out,
                       out_w=out, out_c=out_c, stride_h=stride, stride_w=stride, pad_top=pad, pad_left=pad)


def conv(batch, side, in_c, out_c, taps, stride=1, runs=30):
    shape = conv_shape(batch, side, in_c, out_c, taps, stride)
    x, w, bias = numbers(batch, side, side, in_c), numbers(taps, taps, in_c, out_c), numbers(out_c)
    y, packed = np.empty((batch, shape.out_h, shape.out_w, out_c), np.float32), pack(w.reshape(-1, out_c))
    theirs = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(variable(x), variable(w), stride, "SAME"), variable(bias)))
    report(f"conv {batch}x{side}x{side}x{in_c} -> {out_c} {taps}x{taps} /{stride}", runner(theirs.op),
           lambda: call(library.ck_conv_f32, pool, C.byref(shape), x, w, None, bias, 1, y),
           lambda: call(library.ck_conv_f32, pool, C.byref(shape), x, None, packed, bias, 1, y), runs=runs)


def mnist(batch, runs):
    x, labels = numbers(batch, 28, 28, 1), np.eye(10, dtype=np.float32)[random.integers(0, 10, batch)]
    filters = [(numbers(3, 3, 1, 16, scale=0.3), numbers(16)), (numbers(3, 3, 16, 16, scale=0.1), numbers(16))]
    layers = [(numbers(784, 100, scale=0.05), numbers(100)), (numbers(100, 100, scale=0.1), numbers(100)),
              (numbers(100, 10, scale=0.1), numbers(10))]
    h = variable(x)
    for w, b in filters:
        h = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(h, variable(w), 1, "SAME"), variable(b)))
        h = tf.nn.max_pool2d(h, 2, 2, "VALID")
    h = tf.reshape(h, (batch, 784))
    for i, (w, b) in enumerate(layers):
        h = tf.nn.bias_add(tf.matmul(h, variable(w)), variable(b))
        h = tf.nn.relu(h) if i < 2 else h
    theirs = runner(tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=h))

    steps, inputs = [], x
    for (w, b), side, in_c in zip(filters, (28, 14), (1, 16)):
        y, z = (np.empty((batch, s, s, 16), np.float32) for s in (side, side // 2))
        window = ones_except(Pooling, batch=batch, channels=16, in_h=side, in_w=side, window_h=2, window_w=2,
                             out_h=side // 2, out_w=side // 2, stride_h=2, stride_w=2)
        steps.append((library.ck_conv_f32, pool, C.byref(conv_shape(batch, side, in_c, 16, 3)), inputs, None,
                      pack(w.reshape(-1, 16)), b, 1, y))
        steps.append((library.ck_max_pool_f32, pool, C.byref(window), y, z))
        inputs = z
    for i, (w, b) in enumerate(layers):
        y = np.empty((batch, w.shape[1]), np.float32)
        steps.append((library.ck_gemm_packed_f32, pool, 0, batch, inputs, w.shape[0], pack(w), y, w.shape[1], b, i < 2))
        inputs = y
    loss, backprop = np.empty(batch, np.float32), np.empty((batch, 10), np.float32)
    steps.append((library.ck_softmax_xent_f32, pool, batch, 10, inputs, labels, loss, backprop))

    def ours():
        for step in steps:
            call(*step)
        return loss

    assert np.abs(theirs() - ours()).max() < 1e-4
    report(f"MNIST network, batch {batch}", theirs, ours, runs=runs)


def lstm(batch, hidden, runs=300):
    x, h, c = (numbers(batch, hidden) for _ in range(3))
    w, b = numbers(2 * hidden, 4 * hidden, scale=0.05), numbers(4 * hidden)
    i, j, f, o = tf.split(tf.nn.bias_add(tf.matmul(tf.concat([variable(x), variable(h)], 1), variable(w)),
                                         variable(b)), 4, 1)
    cell = variable(c) * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
    theirs = runner([cell, tf.tanh(cell) * tf.sigmoid(o)])
    gates, both = np.empty((batch, 4 * hidden), np.float32), np.empty((batch, 2 * hidden), np.float32)
    new_c, new_h, packed = np.empty_like(c), np.empty_like(c), pack(w)

    def ours(use_packed):
        both[:, :hidden], both[:, hidden:] = x, h
        if use_packed:
            call(library.ck_gemm_packed_f32, pool, 0, batch, both, 2 * hidden, packed, gates, 4 * hidden, b, 0)
        else:
            call(library.ck_gemm_f32, pool, 0, 0, batch, 4 * hidden, 2 * hidden, both, 2 * hidden, w, 4 * hidden, gates,
                 4 * hidden, b, 0)
        call(library.ck_lstm_gates_f32, pool, batch, hidden, gates, C.c_float(1), c, new_c, new_h)

    ours(True)
    assert np.abs(theirs()[1] - new_h).max() < 1e-5
    report(f"LSTM step, batch {batch}, hidden {hidden}", theirs, lambda: ours(False), lambda: ours(True), runs=runs)


gemm(1024, 1024, 1024)
gemm(1000, 100, 784)
gemm(64, 2048, 1024)
gemm(1, 2048, 1024, runs=300)
gemm(1, 2048, 1024, 1, runs=300)
conv(8, 56, 64, 64, 3)
conv(1000, 28, 1, 16, 3, runs=10)
conv(1000, 14, 16, 16, 3, runs=10)
conv(1, 7, 512, 512, 3)
conv(1, 224, 3, 64, 7, 2)
conv(1, 56, 64, 256, 1)
conv(1, 56, 256, 128, 1, 2)
mnist(1000, 30)
mnist(1, 300)
lstm(1, 128)
lstm(1, 512)
lstm(64, 512, 50)
