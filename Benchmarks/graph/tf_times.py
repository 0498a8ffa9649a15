#!/usr/bin/env python3
"""Times `session.run` of one TensorFlow (1.8 to 2.x) for Benchmarks/Sources/bench.

usage: tf_times.py THREADS < requests > answers    one request a line, one answer a line, until the input ends
       tf_times.py once REQUEST                    import, restore, run once, print the value of the first fetch
A request is JSON: {"graph": file, "checkpoint": prefix or null, "feeds": {name: npy}, "fetches": [name], "runs": n}. The
answer is two numbers, medians of `runs` warm runs in ms: of the clock and of the process's processor time; or `error: …`.
"""
import json
import os
import sys
import time
import warnings

warnings.filterwarnings("ignore")
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import numpy as np
import tensorflow as tf

if hasattr(tf, "compat") and hasattr(tf.compat, "v1"):
    tf = tf.compat.v1
    tf.disable_eager_execution()
tf.logging.set_verbosity(tf.logging.ERROR)


def open_session(request, threads):
    graph = tf.Graph()
    with graph.as_default():
        if request["checkpoint"]:
            saver = tf.train.import_meta_graph(request["graph"], clear_devices=True)
        else:
            definition = tf.GraphDef()
            with open(request["graph"], "rb") as f:
                definition.ParseFromString(f.read())
            tf.import_graph_def(definition, name="")
        config = tf.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads)
        session = tf.Session(graph=graph, config=config)
        if request["checkpoint"]:
            saver.restore(session, request["checkpoint"])
    return session, {name: np.load(path) for name, path in request["feeds"].items()}



def measure(request, opened, threads):
    key = json.dumps([request["graph"], sorted(request["feeds"].items()), request["fetches"]])
    if key not in opened:
        session, feeds = open_session(request, threads)
        for _ in range(3):
            session.run(request["fetches"], feeds)
        opened[key] = session, feeds
    session, feeds = opened[key]
    fetches = request["fetches"]
    session.run(fetches, feeds)
    clock, process = [], []
    last = time.perf_counter(), time.process_time()
    for _ in range(request["runs"]):
        session.run(fetches, feeds)
        now = time.perf_counter(), time.process_time()
        clock.append(now[0] - last[0])
        process.append(now[1] - last[1])
        last = now
    return "%.6f %.6f" % (np.median(clock) * 1000, np.median(process) * 1000)


if sys.argv[1] == "once":
    request = json.loads(sys.argv[2])
    session, feeds = open_session(request, 0)
    print(session.run(request["fetches"][0], feeds))
else:
    threads = int(sys.argv[1])
    opened = {}
    for line in sys.stdin:
        try:
            answer = measure(json.loads(line), opened, threads)
        except Exception as error:
            answer = "error: " + str(error).split("\n")[0]
        print(answer, flush=True)
