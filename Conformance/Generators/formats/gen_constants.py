"""Makes the case frozen-graph/constants: every dtype, as tensor_content and as a list, whole and with the last value repeated.

usage: python gen_constants.py CASES_DIR        (TensorFlow 2.21)

What each constant is, a session of TensorFlow says.
"""
import hashlib
import json
import os
import struct
import sys

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
folder = os.path.join(sys.argv[1], "frozen-graph", "constants")
os.makedirs(folder, exist_ok=True)
r = np.random.RandomState(5)
graph = v1.GraphDef()
graph.versions.producer = 1882


def const(name, proto):
    node = graph.node.add(name=name, op="Const")
    node.attr["dtype"].type = proto.dtype
    node.attr["value"].tensor.CopyFrom(proto)


def listed(dtype, shape, **lists):
    proto = v1.make_tensor_proto(0.0).__class__(dtype=dtype.as_datatype_enum)
    proto.tensor_shape.SetInParent()
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    for field, values in lists.items():
        getattr(proto, field).extend(values)
    return proto


for dtype in (tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16, tf.uint32,
              tf.uint64, tf.bool, tf.complex64, tf.complex128):
    values = (r.randn(2, 3) * 9).astype(dtype.as_numpy_dtype)
    proto = listed(dtype, [2, 3])
    proto.tensor_content = values.tobytes()
    const("content/" + dtype.name, proto)
    const("scalar/" + dtype.name, v1.make_tensor_proto(values[0, 0], dtype, shape=[]))
const("list/float32", listed(tf.float32, [2, 2], float_val=[1.5, -2, 0, 4]))
const("list/float64", listed(tf.float64, [3], double_val=[1e300, -0.0, 3]))
const("list/complex64", listed(tf.complex64, [2], scomplex_val=[1, 2, 3, 4]))
const("list/complex128", listed(tf.complex128, [1], dcomplex_val=[1, -1]))
const("list/int8", listed(tf.int8, [3], int_val=[-128, 127, 0]))
const("list/int64", listed(tf.int64, [3], int64_val=[-1, 2**62, 0]))
const("list/uint64", listed(tf.uint64, [2], uint64_val=[2**64 - 1, 0]))
const("list/uint32", listed(tf.uint32, [2], uint32_val=[2**32 - 1, 0]))
const("list/bool", listed(tf.bool, [2], bool_val=[True, False]))
const("list/half", listed(tf.float16, [2], half_val=[0x3C00, 0xC000]))
const("list/bfloat16", listed(tf.bfloat16, [2], half_val=[0x3F80, 0xBF80]))
const("list/strings", listed(tf.string, [2, 2], string_val=[b"", b"two", b"\x00\xff", b"x" * 200]))
const("repeated/float32", listed(tf.float32, [4, 5], float_val=[1.5]))
const("repeated/int32", listed(tf.int32, [7], int_val=[1, 2, -3]))
const("repeated/half", listed(tf.float16, [3], half_val=[0x3C00]))
const("repeated/strings", listed(tf.string, [3], string_val=[b"a", b"b"]))
const("zeros/float32", listed(tf.float32, [2, 3]))
const("zeros/int64", listed(tf.int64, []))
const("empty/float32", listed(tf.float32, [0, 3]))
const("empty/strings", listed(tf.string, [0]))
other = graph.node.add(name="sum", op="Add")
other.input.extend(["list/float32", "list/float32"])
other.attr["T"].type = tf.float32.as_datatype_enum
with open(os.path.join(folder, "constants.pb"), "wb") as f:
    f.write(graph.SerializeToString(deterministic=True))

tensors = []
with v1.Graph().as_default() as g:
    v1.import_graph_def(graph, name="")
    with v1.Session(graph=g) as session:
        for node in graph.node:
            if node.op != "Const":
                continue
            value = session.run(node.name + ":0")
            dtype = tf.as_dtype(node.attr["dtype"].type)
            array = np.asarray(value, object if dtype == tf.string else None)
            if dtype == tf.string:
                raw = b"".join(struct.pack("<Q", len(s)) + s for s in array.ravel())
            else:
                raw = np.ascontiguousarray(array).tobytes()
            tensors.append({"name": node.name, "dtype": dtype.name, "shape": list(array.shape), "sha256": hashlib.sha256(raw).hexdigest()})
with open(os.path.join(folder, "tensors.json"), "w") as f:
    f.write("{\n \"constants.pb\": [\n%s\n ]\n}\n" % ",\n".join("  " + json.dumps(t) for t in tensors))
with open(os.path.join(folder, "case.json"), "w") as f:
    json.dump({"schema": 1, "id": "frozen-graph/constants", "description": "constants of a graph: every dtype, every way to write it",
               "made_with": "tensorflow " + tf.__version__, "checkpoints": ["constants.pb"], "tensors": "tensors.json"}, f, indent=1)
    f.write("\n")
