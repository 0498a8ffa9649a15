"""Random one-op graphs, answered by TensorFlow and by `ckpt-convert run`, compared.

A table of cases is a module with functions under `@case`:

    from oracle_graphs import case, main

    @case("StridedSlice", dtypes=MOVING, exact=True)
    def strided_slice(g):
        x = g.feed(g.array(g.shape(1, 4)))        # a placeholder, fed from an npy file
        return g.op("StridedSlice", input=x, begin=g.const([0]), ...)   # raw op; list of outputs to compare

    if __name__ == "__main__":
        main()

`g` is one case: `g.rng` (numpy RandomState seeded by op and case number), `g.dtype` (a name such as "float32"), helpers
below. `g.op` calls tf.raw_ops with the names of TensorFlow's op definition. A case that raises while it is built is not
counted; one that TensorFlow refuses at run time must not make ours crash.

Usage: python ops_oracle.py [--ops A,B] [--cases N] [--seed S] [--keep DIR] [--verbose]
The environment's CKPT_CONVERT names the program. Without TensorFlow or the program: skipped, status 0.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zlib

try:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    import numpy as np
    import tensorflow as tf
    tf1 = tf.compat.v1
    tf1.logging.set_verbosity(tf1.logging.ERROR)
    MISSING = None
except ImportError as error:
    MISSING = str(error)

FLOATS = ["float32", "float64", "float16", "bfloat16"]
WIDE_FLOATS = ["float32", "float64"]
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
SIGNED = ["int8", "int16", "int32", "int64"]
INDICES = ["int32", "int64"]
COMPLEX = ["complex64", "complex128"]
NUMERIC = FLOATS + INTS
MOVING = NUMERIC + COMPLEX + ["bool"]

# Relative error that the arithmetic may have, by dtype of the output.
TOLERANCE = {"float32": 2e-5, "float64": 1e-11, "float16": 4e-3, "bfloat16": 2e-2, "complex64": 2e-5,
             "complex128": 1e-11}

CASES = []


class Spec:
    def __init__(self, name, build, dtypes, cases, exact, tolerance):
        self.name, self.build, self.dtypes = name, build, dtypes
        self.cases, self.exact, self.tolerance = cases, exact, tolerance


def case(name, dtypes=None, cases=None, exact=False, tolerance=None):
    """Adds a row to the table. exact: bits must agree. tolerance: factor on the dtype's own."""
    def add(build):
        CASES.append(Spec(name, build, dtypes or ["float32"], cases, exact, tolerance or 1))
        return build
    return add


class Case:
    """What a case builder works with."""

    def __init__(self, name, spec, index, seed):
        self.name, self.spec, self.index = name, spec, index
        self.rng = np.random.RandomState(zlib.crc32(("%s %d %d" % (spec.name, index, seed)).encode()) & 0x7fffffff)
        self.dtype = spec.dtypes[index % len(spec.dtypes)]
        # Of TensorFlow: 115, 221.
        self.version = int("".join(tf.__version__.split(".")[:2]))
        self.feeds = {}
        self.outputs = []

    # -- random things ------------------------------------------------------------------------------------------

    def integer(self, low, high):
        """low <= n <= high."""
        return int(self.rng.randint(low, high + 1))

    def flip(self, probability=0.5):
        return bool(self.rng.rand() < probability)

    def choice(self, items):
        return items[self.integer(0, len(items) - 1)]

    def shape(self, low=0, high=4, size=5, empty=0.05):
        """A shape of low...high dimensions, each 1...size, sometimes one of 0."""
        return [0 if self.flip(empty / 2) else self.integer(1, size) for _ in range(self.integer(low, high))]

    def array(self, shape, dtype=None, low=None, high=None, special=0.0):
        """Random elements. special: share of NaN, infinities and zeros among floats."""
        dtype = dtype or self.dtype
        shape = tuple(shape)
        if dtype == "bool":
            return self.rng.rand(*shape) < 0.5 if shape else np.bool_(self.rng.rand() < 0.5)
        if dtype.startswith("complex"):
            return np.asarray(self.rng.randn(*shape) + 1j * self.rng.randn(*shape)).astype(dtype)
        if dtype in FLOATS:
            x = np.asarray(self.rng.randn(*shape) if low is None else self.rng.uniform(low, high, shape))
            if special and (dtype != "bfloat16" or self.version >= 200):  # 1.15 confuses NaN and infinity there
                mask = np.asarray(self.rng.rand(*shape) < special)
                odd = np.asarray(self.rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0], size=shape))
                x = np.where(mask, odd, x)
            return x.astype("float32" if dtype == "bfloat16" else dtype)
        kind = np.iinfo(dtype)
        low = max(kind.min, -100) if low is None else low
        high = min(kind.max, 100) if high is None else high
        return np.asarray(self.rng.randint(low, high + 1, size=shape)).astype(dtype)

    # -- graph pieces -------------------------------------------------------------------------------------------

    def feed(self, array, dtype=None):
        """A placeholder, fed with the array; dtype "bfloat16" (also through g.dtype of a float32 array made for it)
        adds a Cast behind it."""
        array = np.asarray(array)
        narrow = dtype == "bfloat16" or dtype is None and self.dtype == "bfloat16" and array.dtype == np.float32
        x = tf1.placeholder(array.dtype, array.shape if self.flip() else None, name="x%d" % len(self.feeds))
        self.feeds[x.name] = array
        return tf1.cast(x, tf.bfloat16) if narrow else x

    def const(self, value, dtype="int32"):
        """A constant; strings as a list of bytes with dtype "string"."""
        return tf1.constant(value, dtype=tf.as_dtype(dtype))

    def op(self, op, **arguments):
        """A raw op; its outputs as a list."""
        arguments = {k: tf.as_dtype(v) if isinstance(v, str) and k in TYPE_ATTRIBUTES else v
                     for k, v in arguments.items()}
        result = getattr(tf.raw_ops, op)(**arguments)
        if isinstance(result, tf1.Operation):
            return list(result.outputs)
        if isinstance(result, (list, tuple)):
            flat = []
            for r in result:
                flat.extend(r if isinstance(r, (list, tuple)) else [r])
            return flat
        return [result]


TYPE_ATTRIBUTES = {"T", "Tidx", "out_type", "output_type", "out_idx", "DstT", "SrcT", "type", "Tout", "dtype", "Tpaddings",
                   "Tshape", "index_type", "Tindices", "Tlen", "Taxis"}


# ---------------------------------------------------------------------------------------------------------- running

def tensorflow_answers(graph, cases):
    """Values of every output; a case that TensorFlow refuses gets `refused`."""
    config = tf1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    config.graph_options.optimizer_options.opt_level = -1
    config.graph_options.place_pruned_graph = True  # else one op without a kernel refuses the whole graph
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    live = list(cases)
    with tf1.Session(graph=graph, config=config) as session:
        while live:
            feeds = {k: v for c in live for k, v in c.feeds.items()}
            try:
                values = session.run([c.fetches for c in live], feeds)
                for c, v in zip(live, values):
                    c.expected = v
                return
            except (tf.errors.OpError, ValueError, TypeError) as error:
                name = getattr(getattr(error, "op", None), "name", None) or ""
                found = [c for c in live if name.startswith(c.name + "/")]
                if not found:
                    found = [c for c in live if re.search(r"\b%s/" % re.escape(c.name), str(error))]
                if not found:
                    if len(live) == 1:
                        found = live
                    else:  # no name in the message: one by one
                        for c in live:
                            try:
                                c.expected = session.run(c.fetches, c.feeds)
                            except Exception as single:  # noqa: any refusal
                                c.refused = str(single)
                        return
                for c in found:
                    c.refused = str(error)
                live = [c for c in live if c not in found]


def our_answers(program, graph_path, folder, cases):
    """Runs the program on all cases; drops those that it names in an error, until it succeeds."""
    live = list(cases)
    while live:
        command = [program, "run", graph_path]
        for c in live:
            for name, array in c.feeds.items():
                path = os.path.join(folder, name.replace("/", "_").replace(":", "_") + ".npy")
                if not os.path.exists(path):
                    with open(path, "wb") as file:  # np.save makes a scalar of one dimension through ascontiguousarray
                        np.save(file, np.asarray(array))
                command += ["--feed", "%s=%s" % (name, path)]
        for c in live:
            for i, tensor in enumerate(c.fetches):
                command += ["--fetch", "%s=%s" % (tensor.name, os.path.join(folder, "%s_%d.out.npy" % (c.name, i)))]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        text = (done.stderr + done.stdout).decode(errors="replace")
        if done.returncode == 0:
            for c in live:
                try:
                    c.actual = [np.load(os.path.join(folder, "%s_%d.out.npy" % (c.name, i)))
                                for i in range(len(c.fetches))]
                except Exception as error:  # noqa: an output that is missing or unreadable
                    c.failure = "output: %s" % error
            return
        found = [c for c in live if re.search(r"'%s/" % re.escape(c.name), text)]
        crash = done.returncode < 0 or done.returncode >= 128
        if not found:
            if len(live) == 1:
                found = live
            else:
                middle = len(live) // 2
                our_answers(program, graph_path, folder, live[:middle])
                our_answers(program, graph_path, folder, live[middle:])
                return
        for c in found:
            lines = [line for line in text.splitlines() if "'%s/" % c.name in line] or text.splitlines()[-3:]
            c.failure = ("CRASH %d " % done.returncode if crash else "") + " | ".join(lines)[:400]
            c.crash = crash
        live = [c for c in live if c not in found]


def difference(expected, actual, exact, tolerance, name):
    """None where both agree, else a sentence; and the largest relative error."""
    expected, actual = np.asarray(expected), np.asarray(actual)
    if expected.dtype != actual.dtype:
        return "dtype %s, not %s" % (actual.dtype, expected.dtype), 0
    if expected.shape != actual.shape:
        return "shape %s, not %s" % (actual.shape, expected.shape), 0
    if expected.size == 0:
        return None, 0
    if exact or expected.dtype.kind in "biu":
        same = (expected == actual) | ((expected != expected) & (actual != actual))
        if np.all(same):
            return None, 0
        at = tuple(np.argwhere(~same)[0])
        return "%d of %d differ, at %s: %r, not %r" % (np.sum(~same), same.size, at, actual[at], expected[at]), 1
    limit = TOLERANCE[name] * tolerance
    wide = "complex128" if expected.dtype.kind == "c" else "float64"
    e, a = expected.astype(wide), actual.astype(wide)
    with np.errstate(all="ignore"):
        same = (e == a) | ((e != e) & (a != a))
        scale = np.maximum(np.abs(e), np.minimum(1.0, np.nanmax(np.where(np.isfinite(e), np.abs(e), 0)) + 1e-30))
        error = np.where(same, 0, np.abs(e - a) / scale)
        error = np.where(np.isfinite(error), error, np.inf)
    worst = float(np.max(error))
    if worst <= limit:
        return None, worst
    at = np.unravel_index(int(np.argmax(error)), error.shape)
    return "relative error %.3g at %s: %r, not %r" % (worst, at, actual[at], expected[at]), worst


def sentence(text):
    """The sentence of a refusal."""
    text = " ".join(text.replace("Graph execution error:", "").split())
    for mark in ["File \"", "Registered:", "[[node", "[[{{node"]:
        text = text.split(mark)[0] or text
    return text[:200]


def run_spec(program, spec, count, seed, options):
    graph = tf1.Graph()
    cases, unbuilt = [], {}
    prefix = re.sub(r"\W", "_", spec.name)
    with graph.as_default():
        for i in range(count):
            c = Case("%s_%d" % (prefix, i), spec, i, seed)
            c.expected = c.actual = c.failure = c.refused = None
            c.crash = False
            try:
                with tf1.name_scope(c.name + "/"):
                    c.outputs = spec.build(c)
                    if c.outputs is None:
                        continue
                    c.outputs = c.outputs if isinstance(c.outputs, (list, tuple)) else [c.outputs]
                    c.names = [t.dtype.base_dtype.name for t in c.outputs]
                    c.fetches = [tf1.cast(t, tf.float32) if t.dtype.base_dtype == tf.bfloat16 else tf1.identity(t)
                                 for t in c.outputs]
                cases.append(c)
            except (ValueError, TypeError, AttributeError, tf.errors.OpError, NotImplementedError) as error:
                unbuilt[str(error)[:300]] = c.dtype
    tensorflow_answers(graph, cases)
    folder = tempfile.mkdtemp(prefix="oracle-", dir=options.keep)
    try:
        path = os.path.join(folder, "graph.pb")
        with open(path, "wb") as file:
            file.write(graph.as_graph_def().SerializeToString())
        asked = [c for c in cases if c.expected is not None]
        our_answers(program, path, folder, asked)
        refused = [c for c in cases if c.refused]
        for c in refused[:3]:
            our_answers(program, path, folder, [c])
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    worst, failures = 0.0, []
    for c in asked:
        problem = c.failure
        if not problem:
            for i, (e, a) in enumerate(zip(c.expected, c.actual)):
                text, error = difference(e, a, spec.exact, spec.tolerance, c.names[i])
                worst = max(worst, error if np.isfinite(error) and not text else 0)
                if text and not problem:
                    problem = "output %d: %s" % (i, text)
        if problem:
            failures.append("%s (%s): %s" % (c.name, c.dtype, problem))
    for c in refused:
        if c.crash:
            failures.append("%s (%s): crashed where TensorFlow refuses: %s" % (c.name, c.dtype, c.failure))
    accepted = sum(1 for c in refused[:3] if c.actual is not None)
    return len(asked), failures, refused, accepted, worst, unbuilt


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ops", help="names separated by commas")
    parser.add_argument("--cases", type=int, help="cases per op")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="an existing folder for graphs, feeds and results")
    parser.add_argument("--verbose", action="store_true", help="every failure, what TensorFlow refused or could not build")
    options = parser.parse_args()
    program = os.environ.get("CKPT_CONVERT")
    reason = MISSING or (None if program else "CKPT_CONVERT is not set")
    if reason:
        print("skipped: %s" % reason)
        return
    wanted = set(options.ops.split(",")) if options.ops else None
    specs = [s for s in CASES if wanted is None or s.name in wanted or s.name.split()[0] in wanted]
    print("TensorFlow %s" % tf.__version__)
    print("%-34s %6s %6s %8s %11s  %s" % ("op", "cases", "differ", "refused", "worst error", ""))
    passed = failed = 0
    for spec in specs:
        count = options.cases or spec.cases or max(20, 4 * len(spec.dtypes))
        total, failures, refused, accepted, worst, unbuilt = run_spec(program, spec, count, options.seed, options)
        note = "not in this TensorFlow" if not total and not refused else ""
        if accepted:
            note += " %d of the refused run here" % accepted
        print("%-34s %6d %6d %8d %11.2g  %s" % (spec.name, total, len(failures), len(refused), worst, note.strip()))
        for line in failures if options.verbose else failures[:3]:
            print("    " + line)
        if options.verbose:
            for c in refused[:3]:
                print("    refused (%s): %s" % (c.dtype, sentence(c.refused)))
            for text, dtype in unbuilt.items():
                print("    not built (%s): %s" % (dtype, text.splitlines()[0] if text else ""))
        sys.stdout.flush()
        passed += total - len(failures)
        failed += len(failures)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)
