#!/usr/bin/env python3
"""Lets Keras load the weights that ckpt-convert writes, and compares what the models predict.

usage: PYTHON keras_models.py TOOL {keras|tf_keras} [RECORDED]
  PYTHON     of an environment with Keras 2.1.6 or 2.3.1 over TensorFlow 1, tf-keras, or Keras 3
  RECORDED   folder with architecture.json, checkpoints/keras, weights.h5, model.h5, images.npy and expected/predictions.npy

For each of three models (sequential with batch normalisation, nested with a shared layer, recurrent): the file that Keras saved is
converted to a bundle, and back to Keras (1) directly from the original, (2) along a template of other values, (3) as a whole model.
"""
import importlib
import os
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
import numpy as np

TOOL = os.path.abspath(sys.argv[1])
K = importlib.import_module(sys.argv[2])
L = K.layers
VERSION = tuple(int(x) for x in K.__version__.split(".")[:2])
IS_V3 = sys.argv[2] == "keras" and VERSION[0] >= 3
WEIGHTS = ".weights.h5" if IS_V3 else ".h5"
FORMAT = "keras-v3" if IS_V3 else "keras-h5"
failures = []


def convert(source, target, out, *options):
    p = subprocess.run([TOOL, source, "--to", target, "-o", out, "--quiet", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if p.returncode:
        raise RuntimeError("convert %s --to %s %s: exit %d: %s" % (source, target, " ".join(options), p.returncode, p.stderr.decode()))


def first(layer, shape, **more):
    """The first layer of a sequential model, with its input."""
    return [K.Input(shape), layer(**more)] if IS_V3 else [layer(input_shape=shape, **more)]


def sequential(seed):
    np.random.seed(seed)
    m = K.models.Sequential()
    for layer in first(lambda **a: L.Conv2D(3, 3, name="conv", **a), (8, 8, 1)):
        m.add(layer)
    for layer in (L.BatchNormalization(name="norm"), L.Activation("relu", name="act"), L.Flatten(name="flat"), L.Dense(4, name="middle"),
                  L.Dense(4, name="again"), L.Dense(1, name="head", use_bias=False)):
        m.add(layer)
    return randomised(m), [np.random.RandomState(1).rand(5, 8, 8, 1).astype("float32")]


def nested(seed):
    np.random.seed(seed)
    i, j, k = (L.Input((4,), name="in_%s%d" % (n, seed)) for n in "abc")
    inner = K.models.Model(k, L.Dense(5, name="deep")(L.Dense(3, name="deeper")(k)), name="inner")
    shared = L.Dense(4, name="shared")
    a, b = inner(shared(i)), inner(shared(j))
    tail = K.models.Sequential(name="tail")
    for layer in first(lambda **x: L.Dense(3, name="end", **x), (10,)):
        tail.add(layer)
    m = K.models.Model([i, j], tail(L.concatenate([a, b], name="both")), name="whole")
    r = np.random.RandomState(2)
    return randomised(m), [r.rand(5, 4).astype("float32"), r.rand(5, 4).astype("float32")]


def recurrent(seed):
    np.random.seed(seed)
    m = K.models.Sequential()
    if IS_V3:
        m.add(K.Input((5,)))
        m.add(L.Embedding(11, 3, name="words"))
    else:
        m.add(L.Embedding(11, 3, input_length=5, name="words"))
    m.add(L.Bidirectional(L.LSTM(4, return_sequences=True), name="both"))
    m.add(L.GRU(5, name="cell"))
    m.add(L.Dense(2, name="head"))
    return randomised(m), [np.random.RandomState(3).randint(0, 11, (5, 5))]


def randomised(m):
    m.set_weights([np.random.rand(*w.shape).astype("float32") - 0.3 * (w.ndim > 1) for w in m.get_weights()])
    return m


def check(name, want, got):
    same = want.shape == got.shape and np.array_equal(want, got)
    print("%-60s %s" % (name, "equal" if same else "DIFFERENT by up to %g" % np.abs(want - got).max()))
    if not same:
        failures.append(name)


def attempt(name, body):
    try:
        body()
    except Exception as e:  # noqa
        print("%-60s FAILED: %s: %s" % (name, type(e).__name__, str(e)[:700]))
        failures.append(name)


def predict(m, x):
    return m.predict(x if len(x) > 1 else x[0], **({} if VERSION[0] < 2 else {"verbose": 0}))


def round_trips(build, work):
    model, x = build(1)
    want = predict(model, x)
    other, _ = build(2)
    at = lambda n: os.path.join(work, build.__name__ + "-" + n)
    model.save_weights(at("original") + WEIGHTS)
    other.save_weights(at("template") + WEIGHTS)
    whole = ".keras" if IS_V3 else ".h5"
    other.save(at("whole") + whole)
    convert(at("original") + WEIGHTS, "tf-bundle", at("bundle"))

    def directly():
        convert(at("original") + WEIGHTS, FORMAT, at("direct"))
        fresh, _ = build(3)
        fresh.load_weights(at("direct") + WEIGHTS)
        check(build.__name__ + ": weights, as they were", want, predict(fresh, x))

    def compressed():
        convert(at("original") + WEIGHTS, FORMAT, at("small"), "--compress", "gzip")
        fresh, _ = build(3)
        fresh.load_weights(at("small") + WEIGHTS)
        check(build.__name__ + ": weights, compressed", want, predict(fresh, x))

    def along_template():
        convert(at("bundle"), FORMAT, at("filled"), "--template", at("template") + WEIGHTS)
        fresh, _ = build(3)
        fresh.load_weights(at("filled") + WEIGHTS)
        check(build.__name__ + ": bundle along a template", want, predict(fresh, x))

    def whole_model():
        convert(at("bundle"), FORMAT, at("model"), "--template", at("whole") + whole)
        fresh = K.models.load_model(at("model") + whole)
        check(build.__name__ + ": bundle into a whole model", want, predict(fresh, x))

    for body in (directly, compressed, along_template, whole_model):
        attempt(build.__name__ + ": " + body.__name__, body)


def recorded(folder, work):
    """The network of 28x28 digits whose predictions the original Keras 2.1.6 recorded."""
    x, want = np.load(os.path.join(folder, "images.npy")), np.load(os.path.join(folder, "expected", "predictions.npy"))

    def build():
        m = K.models.Sequential()
        for layer in json_layers(os.path.join(folder, "architecture.json")):
            m.add(layer)
        return m

    def close(name, got):
        worst = float(np.abs(got - want).max())
        print("%-60s within %.2g" % (name, worst))
        if not worst <= 1e-5:
            failures.append(name)

    checkpoint = os.path.join(folder, "checkpoints", "keras")
    plain = ("--except", "Adam/*", "--except", "training/*")

    def without_template():
        convert(checkpoint, FORMAT, os.path.join(work, "plain"), *plain)
        m = build()
        m.load_weights(os.path.join(work, "plain") + WEIGHTS)
        close("recorded: checkpoint, no template", predict(m, [x]))

    def with_template():
        m = build()
        m.save_weights(os.path.join(work, "mine") + WEIGHTS)
        convert(checkpoint, FORMAT, os.path.join(work, "mine-filled"), "--template", os.path.join(work, "mine") + WEIGHTS, *plain)
        m.load_weights(os.path.join(work, "mine-filled") + WEIGHTS)
        close("recorded: checkpoint along a template", predict(m, [x]))

    def old_weights():
        m = build()
        m.save_weights(os.path.join(work, "again") + WEIGHTS)
        convert(os.path.join(folder, "weights.h5"), FORMAT, os.path.join(work, "again-filled"), "--template",
                os.path.join(work, "again") + WEIGHTS)
        m.load_weights(os.path.join(work, "again-filled") + WEIGHTS)
        close("recorded: Keras 2.1.6 weights along a template", predict(m, [x]))

    def whole():
        convert(checkpoint, "keras-h5", os.path.join(work, "model"), "--template", os.path.join(folder, "model.h5"), *plain)
        close("recorded: checkpoint into the whole model", predict(K.models.load_model(os.path.join(work, "model.h5")), [x]))

    bodies = [without_template, with_template, old_weights] + ([whole] if VERSION == (2, 1) else [])
    for body in bodies:
        attempt("recorded: " + body.__name__, body)


def json_layers(path):
    """The layers of an architecture that Keras 2.1.6 wrote, for any version."""
    import json
    config = json.load(open(path))["config"]
    known = {"filters", "kernel_size", "strides", "padding", "activation", "use_bias", "name", "units", "pool_size", "rate"}
    out = []
    for layer in config if isinstance(config, list) else config["layers"]:
        c = layer["config"]
        args = {k: (tuple(v) if isinstance(v, list) else v) for k, v in c.items() if k in known and v is not None}
        make = getattr(L, layer["class_name"])
        shape = c.get("batch_input_shape")
        if shape:
            out += first(lambda **a: make(**a, **args), tuple(shape[1:]))
        else:
            out.append(make(**args))
    return out


with tempfile.TemporaryDirectory() as work:
    print("%s %s" % (sys.argv[2], K.__version__))
    for build in (sequential, nested, recurrent):
        attempt(build.__name__, lambda: round_trips(build, work))
    if len(sys.argv) > 3:
        recorded(sys.argv[3], work)
print("%d failed" % len(failures))
sys.exit(1 if failures else 0)
