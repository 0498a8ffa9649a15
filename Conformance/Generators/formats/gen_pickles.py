"""Makes a case of pickles and object arrays: nested lists, tuples and dictionaries, with every protocol.

usage: python gen_pickles.py CASES_DIR NAME     (Python 3.6 with numpy 1.16, and Python 3.11 with numpy 2; NAME is that of the case)

Names are the way to a value, joined with slashes (Formats/NumPy/Pickle/FORMAT.md, "Names").
"""
import collections
import hashlib
import json
import os
import pickle
import struct
import sys

import numpy as np

folder = os.path.join(sys.argv[1], "pickle", sys.argv[2])
os.makedirs(folder, exist_ok=True)
r = np.random.RandomState(7)
w, b = r.randn(3, 4).astype("f4"), r.randn(4)
half, big = r.randn(2, 2).astype("f2"), r.randint(0, 99, 6).astype(">i4")
root = collections.OrderedDict([
    ("layer1", {"w": w, "b": b}),
    ("layer2", [w.T, (half, np.zeros((0, 3), "f4"))]),
    ("step", 7), ("rate", 0.25), ("trained", True), ("name", u"n\u00e9t\n"), ("raw", b"\x00\xff"),
    ("big", big), ("scalar", np.float32(1.5)), ("flags", np.array([True, False])), ("far", -2**40),
])
grid = np.array([[w, 1], [b, "s"]], dtype=object)


def flat(value, path, out):
    if isinstance(value, dict):
        for k, v in value.items():
            flat(v, path + [k], out)
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
            a = np.asarray(value, "i8") if type(value) is int else np.asarray(value)
            a = a.astype(a.dtype.newbyteorder("<"))
            dtype, shape, raw = a.dtype.name, list(a.shape), a.tobytes()
        out.append({"name": "/".join(path), "dtype": dtype, "shape": shape, "sha256": hashlib.sha256(raw).hexdigest()})
    return out


tensors = collections.OrderedDict()
for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
    name = "protocol%d.pkl" % protocol
    with open(os.path.join(folder, name), "wb") as f:
        pickle.dump(root, f, protocol)
    tensors[name] = flat(root, [], [])
for name, value in (("dictionary.npy", root), ("grid.npy", grid)):
    np.save(os.path.join(folder, name), np.array(value, dtype=object))
    tensors[name] = flat(value, [], [])
with open(os.path.join(folder, "tensors.json"), "w") as f:
    groups = [" %s: [\n%s\n ]" % (json.dumps(n), ",\n".join("  " + json.dumps(t) for t in ts)) for n, ts in tensors.items()]
    f.write("{\n" + ",\n".join(groups) + "\n}\n")
made = "python %d.%d, numpy %s" % (sys.version_info[0], sys.version_info[1], np.__version__)
with open(os.path.join(folder, "case.json"), "w") as f:
    json.dump(collections.OrderedDict([
        ("schema", 1), ("id", "pickle/" + sys.argv[2]), ("description", "nested lists, tuples and dictionaries of arrays, every protocol; object arrays"),
        ("made_with", made), ("checkpoints", list(tensors)), ("tensors", "tensors.json")]), f, indent=1)
    f.write("\n")
