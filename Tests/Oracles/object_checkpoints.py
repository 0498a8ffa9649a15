#!/usr/bin/env python3
"""Has the real TensorFlows restore what --names and --rename make of a checkpoint, and compares every value.

usage: object_checkpoints.py ORACLES
  ORACLES  a folder with Python environments tf115, tf2 (any of them may be missing: it is skipped, with that reason)
Environment: CKPT_CONVERT, the binary (default .build/release/ckpt-convert).

TensorFlow 2: several programs save an object checkpoint; --names tf1 makes name-based variables of it; --names tf2 fills a
second checkpoint of the same program, whose values are others, and the program restores that with assert_consumed.
TensorFlow 1: a saver's checkpoint is renamed and restored through the .meta that comes with it.
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.abspath(__file__)
TOOL = os.path.abspath(os.environ.get("CKPT_CONVERT", ".build/release/ckpt-convert"))
GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def convert(*arguments):
    done = subprocess.run([TOOL] + list(arguments), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit("%s: %s" % (" ".join(arguments), done.stderr))
    return done.stderr


def programs(tf):
    """Objects to save, by name; each call makes new ones with new values."""

    def module(seed):
        rng = tf.random.Generator.from_seed(seed)
        m = tf.Module()
        m.w = tf.Variable(rng.normal([3, 4]), name="layer/w")
        m.b = tf.Variable(rng.normal([4]), name="layer/b")
        m.parts = [tf.Variable(rng.normal([2]), name="part_%d" % i) for i in range(3)]
        m.text = tf.Variable(["seed", str(seed)], name="text")
        m.half = tf.Variable(tf.cast(rng.normal([5]), tf.bfloat16), name="half")
        return {"model": m}

    def train(model_and_optimizer):
        model, optimizer, variables = model_and_optimizer
        for _ in range(3):
            with tf.GradientTape() as tape:
                loss = tf.add_n([tf.reduce_sum(tf.square(v) + v) for v in variables])
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))

    def keras(keras_module, optimizer):
        def make(seed):
            keras_module.backend.clear_session()
            tf.random.set_seed(seed)
            model = keras_module.Sequential([
                keras_module.layers.Dense(4, name="first"), keras_module.layers.BatchNormalization(name="norm"),
                keras_module.layers.Dense(2, name="second")])
            model.build((None, 3))
            chosen = optimizer()
            train((model, chosen, model.trainable_variables))
            return {"model": model, "optimizer": chosen}
        return make

    def v1_optimizer(make_optimizer):
        def make(seed):
            m = module(seed)["model"]
            optimizer = make_optimizer()
            loss = lambda: tf.reduce_sum(tf.square(m.w)) + tf.reduce_sum(m.b)
            for _ in range(2):
                optimizer.minimize(loss, var_list=[m.w, m.b])
            return {"model": m, "optimizer": optimizer}
        return make

    train1 = tf.compat.v1.train
    rows = {
        "module": module,
        "v1-adam": v1_optimizer(lambda: train1.AdamOptimizer(0.01)),
        "v1-momentum": v1_optimizer(lambda: train1.MomentumOptimizer(0.01, 0.9)),
        "v1-rmsprop": v1_optimizer(lambda: train1.RMSPropOptimizer(0.01, centered=True)),
    }
    try:
        import tf_keras
        legacy = tf_keras.optimizers.legacy
        rows["legacy-adam"] = keras(tf_keras, lambda: legacy.Adam(0.01))
        rows["legacy-sgd"] = keras(tf_keras, lambda: legacy.SGD(0.01, momentum=0.9))
    except ImportError:
        print("SKIP tf_keras: not installed")
    return rows


def values(tf, prefix):
    reader = tf.train.load_checkpoint(prefix)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def same(a, b):
    if not hasattr(a, "dtype"):
        return a == b
    plain = (lambda v: v.tolist()) if a.dtype == object else (lambda v: v.tobytes())
    return a.dtype == b.dtype and a.shape == b.shape and plain(a) == plain(b)


def tf2(work):
    import tensorflow as tf
    failed = 0
    for name, make in programs(tf).items():
        folder = os.path.join(work, name)
        os.makedirs(folder)
        path = lambda last: os.path.join(folder, last)
        old = tf.train.Checkpoint(**make(1))
        source = old.save(path("old"))
        named = path("named")
        convert(source, "--to", "tf-bundle", "--names", "tf1", "-o", named)
        # The same program, started anew.
        fresh = tf.train.Checkpoint(**make(2))
        template = fresh.save(path("fresh"))
        filled = path("filled")
        said = convert(named, "--to", "tf-bundle", "--names", "tf2", "--template", template, "-o", filled)
        fresh.restore(filled).assert_consumed()
        again = fresh.write(path("again"))
        want, got = values(tf, source), values(tf, again)
        wrong = [k for k in want if k != GRAPH and not (k in got and same(want[k], got[k]))]
        by_name = values(tf, named)
        if GRAPH in by_name or len(by_name) != len([k for k in want if k != GRAPH and "CONFIG_JSON" not in k]):
            wrong.append("number of names")
        failed += bool(wrong)
        print("%s %s: %s, %s" % ("FAIL" if wrong else "ok", name, ", ".join(sorted(by_name)), wrong or "all equal"))
        print("   ", [line for line in said.splitlines() if "template" in line])
    # A SavedModel as the template.
    module = programs(tf)["module"]
    tf.saved_model.save(module(4)["model"], os.path.join(work, "saved"))
    source = tf.train.Checkpoint(**module(3)).save(os.path.join(work, "plain"))
    convert(source, "--to", "tf-bundle", "--names", "tf1", "--except", "save_counter/*", "-o", os.path.join(work, "named"))
    convert(os.path.join(work, "named"), "--to", "tf-bundle", "--names", "tf2", "--template", os.path.join(work, "saved"),
            "-o", os.path.join(work, "filled"))
    m = module(5)["model"]
    tf.train.Checkpoint(m).read(os.path.join(work, "filled")).assert_consumed()
    want = module(3)["model"]
    good = all(same(a.numpy(), b.numpy()) for a, b in zip(m.variables, want.variables))
    failed += not good
    print("%s saved-model" % ("ok" if good else "FAIL"))
    return failed


def tf115(work):
    import numpy as np
    import tensorflow as tf
    failed = 0
    for name, options in (("plain", {}), ("sharded", {"sharded": True}), ("dictionary", {"dictionary": True})):
        dictionary = options.pop("dictionary", False)
        with tf.Graph().as_default():
            tf.set_random_seed(1)
            x = tf.placeholder(tf.float32, [None, 3], "x")
            with tf.variable_scope("net", partitioner=tf.fixed_size_partitioner(2) if name == "sharded" else None):
                w = tf.get_variable("w", [4, 3], use_resource=dictionary)
                b = tf.get_variable("b", [4], use_resource=dictionary)
            y = tf.add(tf.matmul(x, tf.convert_to_tensor(w), transpose_b=True), tf.convert_to_tensor(b), "y")
            saver = tf.train.Saver({"net/k": w, "net/c": b} if dictionary else None, **options)
            feed = np.arange(6, dtype=np.float32).reshape(2, 3)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                want = session.run("y:0", {x: feed})
                prefix = saver.save(session, os.path.join(work, name), write_state=False)
        out = os.path.join(work, name + "-renamed")
        convert(prefix, "--to", "tf-bundle", "--rename", "^net/=>old/model/", "-o", out)
        keys = [n for n, _ in tf.train.list_variables(out)]
        with tf.Graph().as_default(), tf.Session() as session:
            saver = tf.train.import_meta_graph(out + ".meta")
            saver.restore(session, out)
            got = session.run("y:0", {"x:0": feed})
            again = [n for n, _ in tf.train.list_variables(saver.save(session, out + "-again", write_state=False))]
        good = same(want, got) and keys == again and all(k.startswith("old/model/") for k in keys)
        failed += not good
        print("%s %s: %s" % ("ok" if good else "FAIL", name, ", ".join(keys)))
    # An object checkpoint of the same TensorFlow, restored by a saver that knows names only.
    def program(values):
        w = tf.get_variable("layer/w", initializer=tf.constant(values, tf.float32), use_resource=True)
        optimizer = tf.train.AdamOptimizer(0.1)
        return w, optimizer, optimizer.minimize(tf.reduce_sum(tf.square(w)))

    with tf.Graph().as_default(), tf.Session() as session:
        w, optimizer, step = program([1, 2, 3])
        checkpoint = tf.train.Checkpoint(w=w, optimizer=optimizer)
        session.run(tf.global_variables_initializer())
        session.run(step)
        want = session.run([w, optimizer.get_slot(w, "m"), optimizer.get_slot(w, "v")])
        prefix = checkpoint.save(os.path.join(work, "object"), session=session)
    convert(prefix, "--to", "tf-bundle", "--names", "tf1", "-o", os.path.join(work, "object-names"))
    with tf.Graph().as_default(), tf.Session() as session:
        w, optimizer, step = program([0, 0, 0])
        tf.train.Saver().restore(session, os.path.join(work, "object-names"))
        got = session.run([w, optimizer.get_slot(w, "m"), optimizer.get_slot(w, "v")])
    good = all(same(a, b) for a, b in zip(want, got))
    failed += not good
    print("%s object checkpoint restored by names" % ("ok" if good else "FAIL"))
    return failed


if __name__ == "__main__":
    if len(sys.argv) == 4:
        sys.exit(1 if {"tf2": tf2, "tf115": tf115}[sys.argv[2]](sys.argv[3]) else 0)
    bad = 0
    for version in ("tf2", "tf115"):
        python = os.path.join(sys.argv[1], version, "bin", "python")
        if not os.path.exists(python):
            print("SKIP %s: not installed in %s" % (version, sys.argv[1]))
            continue
        environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="", TF_USE_LEGACY_KERAS="1")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([python, HERE, "run", version, folder], stderr=subprocess.PIPE, text=True,
                                  env=environment)
        if done.returncode:
            bad += 1
            print(done.stderr[-2000:])
        print("%s %s" % ("FAIL" if done.returncode else "ok", version))
    sys.exit(1 if bad else 0)
