"""Makes Conformance/LayoutInference: networks whose variables were flattened into one vector that nobody described.

TensorFlow 1.8.0, numpy 1.16.6 (Generators/golden/requirements-tf18.txt). Run in this folder:

    tf18/bin/python make.py

For every network a graph (.meta); for every vector the order in which its variables really lie ("truth"), one input and
what TensorFlow computed from it. The vectors of Cases/legacy-flat are listed too, with the answers recorded there.
"""
import json
import os
import shutil

import numpy as np

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
OUT = os.path.join(ROOT, "LayoutInference")
CASES = []


# Networks: each builds a graph and returns (input placeholder, output). Names of layers may be made in any order.

def mlp(sizes, order=None, names=None, scope=None):
    """Dense layers; the variables are made in `order`, used from first to last."""
    def build():
        x = tf.placeholder(tf.float32, [None, sizes[0]], name="x")
        count = len(sizes) - 1
        labels = names or ["h%d" % (i + 1) for i in range(count)]
        layers = {}
        for i in order or range(count):
            with tf.variable_scope((scope + "/" if scope else "") + labels[i]):
                layers[i] = (tf.get_variable("weights", [sizes[i], sizes[i + 1]]),
                             tf.get_variable("biases", [sizes[i + 1]]))
        y = x
        for i in range(count):
            y = tf.nn.bias_add(tf.matmul(y, layers[i][0]), layers[i][1])
            if i < count - 1:
                y = tf.tanh(y)
        return x, tf.identity(y, name="y")
    return build


def numbered(sizes):
    """W1, b1, W2, b2, … in one scope."""
    def build():
        x = tf.placeholder(tf.float32, [None, sizes[0]], name="x")
        y = x
        with tf.variable_scope("net"):
            for i in range(len(sizes) - 1):
                w = tf.get_variable("W%d" % (i + 1), [sizes[i], sizes[i + 1]])
                b = tf.get_variable("b%d" % (i + 1), [sizes[i + 1]])
                y = tf.matmul(y, w) + b
                if i < len(sizes) - 2:
                    y = tf.nn.relu(y)
        return x, tf.identity(y, name="y")
    return build


def keras_like(sizes):
    """tf.layers.dense: dense/kernel, dense/bias, dense_1/kernel, …"""
    def build():
        x = tf.placeholder(tf.float32, [None, sizes[0]], name="x")
        y = x
        for i, size in enumerate(sizes[1:]):
            y = tf.layers.dense(y, size, activation=tf.nn.elu if i < len(sizes) - 2 else None)
        return x, tf.identity(y, name="y")
    return build


def policies(sizes, old_first=False):
    """Two copies whose scopes share a beginning, as in policy gradients."""
    def build():
        x = tf.placeholder(tf.float32, [None, sizes[0]], name="x")
        outputs = {}
        for scope in ["policy_old", "policy"] if old_first else ["policy", "policy_old"]:
            y = x
            for i in range(len(sizes) - 1):
                with tf.variable_scope("%s/fc%d" % (scope, i)):
                    w = tf.get_variable("w", [sizes[i], sizes[i + 1]])
                    b = tf.get_variable("b", [sizes[i + 1]])
                y = tf.tanh(tf.matmul(y, w) + b)
            outputs[scope] = y
        return x, tf.concat([outputs["policy"], outputs["policy_old"]], 1, name="y")
    return build


def old_policy(sizes):
    """Asked for what the old one of two policies does."""
    both = policies(sizes)

    def build():
        x, _ = both()
        y = tf.get_default_graph().get_tensor_by_name("Tanh_%d:0" % (2 * len(sizes) - 3))
        return x, tf.identity(y, name="z")
    return build


def cnn(channels, training, fused_order=False):
    """Convolutions with batch norm; in training mode the statistics are those of the batch."""
    def build():
        x = tf.placeholder(tf.float32, [None, 8, 8, 2], name="x")
        y = x
        for i, size in enumerate(channels):
            y = tf.layers.conv2d(y, size, 3, padding="same", use_bias=fused_order, name="conv%d" % i)
            y = tf.layers.batch_normalization(y, training=training, name="bn%d" % i, fused=False)
            y = tf.nn.relu(y)
        y = tf.reduce_mean(y, [1, 2])
        y = tf.layers.dense(y, 5, name="logits")
        return x, tf.identity(y, name="y")
    return build


def lstm(inputs, units, depth):
    def build():
        x = tf.placeholder(tf.float32, [None, 4, inputs], name="x")
        cells = [tf.nn.rnn_cell.BasicLSTMCell(units) for _ in range(depth)]
        out, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.MultiRNNCell(cells), x, dtype=tf.float32)
        y = tf.layers.dense(out[:, -1], 3, name="softmax")
        return x, tf.identity(y, name="y")
    return build


def values(variable, random):
    """What training might have left in a variable."""
    shape, name = variable.shape.as_list(), variable.op.name
    if variable.dtype.base_dtype.is_integer:
        return np.array(1234, variable.dtype.base_dtype.as_numpy_dtype)
    last = name.split("/")[-1]
    noise = random.standard_normal_(shape)
    if last in ("Adam_1", "RMSProp", "Adagrad"):
        return 1e-4 * noise ** 2
    if last in ("Adam", "Momentum", "RMSProp_1"):
        return 1e-2 * noise
    if last.startswith("beta1_power"):
        return np.array(0.5)
    if last.startswith("beta2_power"):
        return np.array(0.9)
    if "variance" in last:
        return 0.5 + random.uniform_(shape)
    if last == "gamma":
        return 1 + 0.1 * noise
    if len(shape) < 2:
        return 0.1 * noise
    return noise * (2.0 / (np.prod(shape[:-1]) + shape[-1])) ** 0.5


class Random(object):
    def __init__(self, seed):
        self.state = np.random.RandomState(seed)

    def standard_normal_(self, shape):
        return np.asarray(self.state.standard_normal(shape))

    def uniform_(self, shape):
        return np.asarray(self.state.uniform(size=shape))


OPTIMIZERS = {
    "adam": lambda: tf.train.AdamOptimizer(),
    "momentum": lambda: tf.train.MomentumOptimizer(0.1, 0.9),
    "rmsprop": lambda: tf.train.RMSPropOptimizer(0.1),
}


def network(name, build, seed, vectors, optimizer=None, ema=False):
    """Builds, exports and runs one network; `vectors` are (label, how the variables are chosen and ordered, dtype)."""
    graph = tf.Graph()
    random = Random(seed)
    with graph.as_default():
        x, y = build()
        if optimizer:
            step = tf.train.create_global_step()
            train = OPTIMIZERS[optimizer]().minimize(tf.reduce_sum(y ** 2), global_step=step)
            if ema:
                with tf.control_dependencies([train]):
                    tf.train.ExponentialMovingAverage(0.99).apply(tf.trainable_variables())
        variables = tf.global_variables()
        held = {}
        for v in variables:
            owner = v.op.name[:-len("/ExponentialMovingAverage")]
            wide = values(v, random)
            if v.op.name.endswith("/ExponentialMovingAverage"):
                wide = held[owner] * 0.98
            held[v.op.name] = wide
        feed = random.standard_normal_([3] + x.shape.as_list()[1:]).astype(np.float32)
        with tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=1)) as session:
            for v in variables:
                v.load(held[v.op.name].astype(v.dtype.base_dtype.as_numpy_dtype), session)
            answer = session.run(y, {x: feed})
            # float64 vectors hold what a float64 program had, of which the graph takes the nearest float32.
            tf.train.export_meta_graph(os.path.join(OUT, name + ".meta"), clear_devices=True, strip_default_attrs=True)
            np.save(os.path.join(OUT, name + ".x.npy"), feed)
            np.save(os.path.join(OUT, name + ".y.npy"), answer)
            for label, choose, dtype in vectors:
                chosen = choose(variables)
                parts = [held[v.op.name].astype(v.dtype.base_dtype.as_numpy_dtype).ravel() for v in chosen]
                if dtype == "wide":
                    parts = [held[v.op.name].ravel() for v in chosen]
                vector = np.concatenate(parts)
                if dtype in ("float32", "float64"):
                    vector = vector.astype(dtype)
                file = "%s.%s.npy" % (name, label)
                np.save(os.path.join(OUT, file), vector)
                CASES.append({
                    "name": "%s/%s" % (name, label), "graph": name + ".meta", "vector": file,
                    "feeds": {x.name: name + ".x.npy"}, "expects": {y.name: name + ".y.npy"},
                    "truth": [v.op.name for v in chosen]})


def trainable(_):
    return tf.trainable_variables()


def everything(_):
    return tf.global_variables()


def scoped(scope):
    return lambda _: tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, scope=scope)


def by_name(choose):
    return lambda variables: sorted(choose(variables), key=lambda v: v.op.name)


def natural(choose):
    def key(v):
        digits = ""
        out = []
        for c in v.op.name + "\0":
            if c.isdigit():
                digits += c
                continue
            if digits:
                out.append((0, int(digits), ""))
                digits = ""
            out.append((1, 0, c))
        return out
    return lambda variables: sorted(choose(variables), key=key)


def moved(choose, order):
    """As a program that makes the layers h1, h2, … in another order than the graph at hand would have it."""
    def choice(variables):
        layers = {}
        for v in choose(variables):
            layers.setdefault(v.op.name.split("/")[0], []).append(v)
        return [v for name in order for v in layers[name]]
    return choice


def make():
    if os.path.isdir(OUT):
        for file in os.listdir(OUT):
            if file.endswith((".meta", ".npy", ".json")):
                os.remove(os.path.join(OUT, file))
    else:
        os.makedirs(OUT)
    network("mlp-distinct", mlp([5, 7, 6, 3]), 1, [
        ("trainable", trainable, "float32"), ("name", by_name(trainable), "float32"),
        ("float64", trainable, "float64"), ("wide", trainable, "wide")])
    network("mlp-equal", mlp([6, 6, 6, 6, 6, 2]), 2, [
        ("trainable", trainable, "float32"), ("name", by_name(trainable), "float32"),
        ("moved", moved(trainable, ["h1", "h3", "h2", "h4", "h5"]), "float32")])
    network("mlp-shuffled", mlp([6, 6, 6, 6, 6, 2], order=[2, 0, 4, 1, 3]), 3, [
        ("trainable", trainable, "float32"), ("name", by_name(trainable), "float32"),
        ("float64", trainable, "float64"),
        ("moved", moved(trainable, ["h1", "h2", "h5", "h3", "h4"]), "float32")])
    network("mlp-tens", mlp([4] * 12, names=["layer%d" % i for i in range(11)]), 4, [
        ("trainable", trainable, "float32"), ("name", by_name(trainable), "float32"),
        ("natural", natural(trainable), "float32")])
    network("mlp-numbered", numbered([6, 6, 6, 6, 2]), 5, [
        ("trainable", trainable, "float32"), ("name", by_name(trainable), "float64")])
    network("mlp-keras", keras_like([6, 8, 8, 8, 3]), 6, [
        ("all", everything, "float32"), ("wide", everything, "wide")])
    network("mlp-adam", keras_like([5, 9, 7, 3]), 7, [
        ("trainable", trainable, "float32"), ("all", everything, "float32"), ("raw", everything, None),
        ("name", by_name(everything), "float32")], optimizer="adam")
    network("mlp-equal-adam", mlp([6, 6, 6, 6, 2], order=[1, 0, 3, 2]), 8, [
        ("trainable", trainable, "float32"), ("all", everything, "float32"),
        ("float64", everything, "float64")], optimizer="adam")
    network("mlp-ema", mlp([5, 40, 7, 3]), 9, [
        ("trainable", trainable, "float32"), ("all", everything, "float32"),
        ("no-slots", lambda vs: [v for v in vs if not v.op.name.endswith("Momentum")], "float32")],
        optimizer="momentum", ema=True)
    network("policies", policies([5, 6, 6, 2]), 10, [
        ("both", scoped("policy"), "float32"), ("name", by_name(scoped("policy")), "float32")])
    network("policies-old-first", policies([5, 6, 6, 2], old_first=True), 11, [
        ("both", scoped("policy"), "float32"), ("float64", scoped("policy"), "float64")])
    network("policy", old_policy([5, 6, 6, 2]), 12, [
        ("old", scoped("policy_old"), "float32"), ("old-name", by_name(scoped("policy_old")), "float64")])
    network("cnn", cnn([4, 4, 6], False), 13, [
        ("all", everything, "float32"), ("float64", everything, "float64"),
        ("name", by_name(everything), "float32")])
    network("cnn-distinct", cnn([3, 4, 6], False), 14, [
        ("all", everything, "float32"), ("wide", everything, "wide")])
    network("cnn-training", cnn([4, 4, 4], True, fused_order=True), 15, [
        ("trainable", trainable, "float32"), ("name", by_name(trainable), "float32")])
    network("cnn-rmsprop", cnn([4, 6], False), 16, [
        ("all", everything, "float32")], optimizer="rmsprop")
    network("lstm-equal", lstm(6, 6, 3), 17, [
        ("trainable", trainable, "float32"), ("name", by_name(trainable), "float32"),
        ("float64", trainable, "float64")])
    network("lstm", lstm(5, 7, 2), 18, [
        ("all", everything, "float32"), ("wide", everything, "wide")])


def legacy():
    """The vectors of Cases/legacy-flat, with the first run of each that says something about the network."""
    base = os.path.join(ROOT, "Cases", "legacy-flat")
    for folder in sorted(os.listdir(base)):
        with open(os.path.join(base, folder, "case.json")) as file:
            case = json.load(file)
        place = "../Cases/legacy-flat/%s/" % folder
        graph = tf.Graph()
        with graph.as_default():
            tf.train.import_meta_graph(os.path.join(base, folder, case["meta"]), clear_devices=True)
            seen = set()
            for run in case["runs"]:
                flat = run["flat"]
                if not run["feeds"] or flat["file"] in seen:
                    continue
                seen.add(flat["file"])
                if "index" in flat:
                    with open(os.path.join(base, folder, flat["index"])) as file:
                        tensors = json.load(file)["tensors"]
                    truth = [t["name"] for t in sorted(tensors, key=lambda t: t["offset"])]
                else:
                    truth = [v.op.name for v in tf.get_collection(flat["collection"], scope=flat["scope"] or None)]
                name, want = [(n, w) for n, w in sorted(run["expects"].items()) if "BiasAdd" in n][0]
                CASES.append({
                    "name": "legacy-flat/%s/%s" % (folder, flat["file"]), "graph": place + case["meta"],
                    "vector": place + flat["file"], "feeds": {k: place + v for k, v in sorted(run["feeds"].items())},
                    "expects": {name: place + want["file"]}, "truth": truth})


make()
legacy()
with open(os.path.join(OUT, "experiment.json"), "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(c, sort_keys=True) for c in CASES) + "\n]\n")
print(len(CASES), "vectors")
