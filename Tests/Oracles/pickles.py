#!/usr/bin/env python3
"""Has real Pythons pickle nested lists, tuples and dictionaries with every protocol, and save object arrays, and compares what
ckpt-convert reads with what they hold.

usage: pickles.py ORACLES
  ORACLES  a folder with Python environments tf18, tf115, tf2 (numpy of three generations; a missing one is skipped)
Environment: CKPT_CONVERT, the binary (default .build/release/ckpt-convert).
"""
import hashlib
import json
import os
import subprocess
import sys
import tempfile

tool = os.path.abspath(os.environ.get("CKPT_CONVERT", ".build/release/ckpt-convert"))

# Run by the environment's own Python: writes files and prints, for each, what it must be read as.
WRITER = r'''
import collections, hashlib, json, pickle, struct, sys
import numpy as np

r = np.random.RandomState(7)
W, b = r.randn(3, 4).astype("f4"), r.randn(4)
big, fortran = r.randint(0, 99, 6).astype(">i4"), np.asfortranarray(r.randn(2, 3))
flags, none, half = np.array([True, False]), np.zeros((0, 3), "f4"), r.randn(2, 2, 2).astype("f2")
shared = r.randn(5).astype("c8")
roots = {
    "list": [W, b, big],
    "tuple": (W, [b, (half,)]),
    "dict": {"layer1": {"W": W, "b": b}, "layer2": [flags, none], "step": 7, "rate": 0.25, "trained": True, "name": "net"},
    "keys": {1: W, "s p/a": b, u"\u00e9\u4e2d": big, "": flags},
    "ordered": collections.OrderedDict([("z", W), ("a", collections.OrderedDict([("k", [shared, shared])]))]),
    "numbers": [1, -1, 255, 65536, -2**31, 2**31, 2**63 - 1, -2**63, 0.0, -1.5, float("inf"), 1e-300, False],
    "scalars": {"f": np.float32(1.5), "i": np.int64(-3), "b": np.bool_(True), "h": np.float16(2)},
    "strings": ["", "text", u"\u00fcn\u00ef\n\\", b"bytes\x00\xff", "x" * 300],
    "orders": {"f": fortran, "t": W.T, "0d": np.array(5, "i2"), "v": W[::2]},
    "many": [np.float64(i) for i in range(400)] + [list(range(300))],
}
objects = {
    "ragged": np.array([W, b, None], dtype=object),
    "boxed": np.array(roots["dict"], dtype=object),
    "grid": np.array([[W, 1], [b, "s"]], dtype=object),
    "inside": np.array([roots["dict"], [W]], dtype=object),
}
objects["ragged"][2] = half
roots["object"] = {"o": objects["grid"]}

def flat(value, path, out):
    if isinstance(value, dict):
        for k, v in value.items():
            flat(v, path + [k if isinstance(k, str) else str(k)], out)
    elif isinstance(value, (list, tuple)):
        for i, v in enumerate(value):
            flat(v, path + [str(i)], out)
    elif isinstance(value, np.ndarray) and value.dtype == object:
        for i in np.ndindex(value.shape):
            flat(value[i], path + [str(k) for k in i], out)
    else:
        if isinstance(value, (bytes, str)):
            raw = value if isinstance(value, bytes) else value.encode("utf-8")
            dtype, shape, raw = "string", [], struct.pack("<Q", len(raw)) + raw
        else:
            a = np.asarray(value) if not isinstance(value, int) or isinstance(value, bool) else np.asarray(value, "i8")
            a = a.astype(a.dtype.newbyteorder("<"))
            dtype, shape, raw = a.dtype.name, list(a.shape), a.tobytes()
        name = path[0] if path else ""
        for p in path[1:]:
            name = name + "/" + p if name else p
        out[name] = [dtype, shape, hashlib.sha256(raw).hexdigest()]
    return out

folder = sys.argv[1]
for name, root in sorted(roots.items()):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path = "%s/%s.%d.pkl" % (folder, name, protocol)
        with open(path, "wb") as f:
            pickle.dump(root, f, protocol)
        print(json.dumps([path, flat(root, [], {})]))
for name, array in sorted(objects.items()):
    path = "%s/%s.npy" % (folder, name)
    np.save(path, array)
    print(json.dumps([path, flat(array, [], {})]))
'''

failed = passed = 0
for name in ("tf18", "tf115", "tf2"):
    python = os.path.join(sys.argv[1], name, "bin", "python")
    if not os.path.exists(python):
        print("SKIP %s: not installed in %s" % (name, sys.argv[1]))
        continue
    work = tempfile.mkdtemp()
    written = subprocess.run([python, "-c", WRITER, work], capture_output=True, text=True)
    if written.returncode:
        sys.exit(written.stderr)
    equal = 0
    for line in written.stdout.splitlines():
        path, want = json.loads(line)
        done = subprocess.run([tool, "inspect", path, "--json", "--digests"], capture_output=True, text=True)
        got = {}
        if done.returncode == 0:
            got = {v["name"]: [v["dtype"], v["shape"], v["sha256"]] for v in json.loads(done.stdout)["variables"]}
        if got == want:
            equal += 1
        else:
            failed += 1
            wrong = sorted(k for k in set(got) | set(want) if got.get(k) != want.get(k))
            print("FAIL %s %s: %s %s" % (name, os.path.basename(path), done.stderr.strip(), wrong[:3]))
    passed += equal
    print("%s: %d files read equal" % (name, equal))
print("%d passed, %d failed" % (passed, failed))
sys.exit(1 if failed else 0)
