"""Runs inside one of the real TensorFlows: reads bundles and prints, as JSON, the SHA-256 of every tensor's canonical bytes.

usage: tf_digests.py PREFIX…      one JSON object a line: {"prefix", "tensors": {name: digest}} or {"prefix", "error"}
"""
import hashlib
import json
import os
import struct
import sys
import warnings

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.filterwarnings("ignore")
import numpy as np
import tensorflow as tf

SAME_BITS = {"qint8": "int8", "quint8": "uint8", "qint16": "int16", "quint16": "uint16", "qint32": "int32"}


def restore(prefix, names, dtypes):
    """The tensors as numpy has them; quantised ones as the integers that they are. One call: V1 files are read whole for each."""
    bits = [tf.as_dtype(SAME_BITS[d.name]) if d.name in SAME_BITS else None for d in dtypes]
    slices = [""] * len(names)
    if tf.__version__.startswith("1."):
        from tensorflow.python.ops import gen_io_ops
        with tf.Graph().as_default(), tf.Session() as session:
            tensors = gen_io_ops.restore_v2(prefix, names, slices, dtypes)
            return session.run([tf.bitcast(t, b) if b else t for t, b in zip(tensors, bits)])
    tensors = tf.raw_ops.RestoreV2(prefix=prefix, tensor_names=names, shape_and_slices=slices, dtypes=dtypes)
    return [(tf.bitcast(t, b) if b else t).numpy() for t, b in zip(tensors, bits)]


def canonical(array, dtype):
    if dtype.name == "string":
        # As objects: numpy's own strings lose NULs at the end.
        array = np.asarray(array, dtype=object)
        texts = [t if isinstance(t, bytes) else t.encode() for t in array.reshape(-1).tolist()]
        return b"".join(struct.pack("<Q", len(t)) + t for t in texts)
    return np.ascontiguousarray(np.asarray(array)).tobytes()


def digests(prefix):
    reader = tf.train.load_checkpoint(prefix)
    types = {name: tf.as_dtype(number) for name, number in reader.get_variable_to_dtype_map().items()}
    names = [name for name, dtype in types.items() if dtype.name not in ("variant", "resource")]
    try:
        arrays = restore(prefix, names, [types[name] for name in names])
    except Exception:
        arrays = [alone(reader, prefix, name, types[name]) for name in names]
    return {n: hashlib.sha256(canonical(a, types[n])).hexdigest() for n, a in zip(names, arrays)}


def alone(reader, prefix, name, dtype):
    try:
        return restore(prefix, [name], [dtype])[0]
    except Exception:
        return reader.get_tensor(name)


for prefix in sys.argv[1:]:
    try:
        print(json.dumps({"prefix": prefix, "tensors": digests(prefix)}))
    except Exception as error:
        print(json.dumps({"prefix": prefix, "error": str(error).splitlines()[0][:200] if str(error) else repr(error)}))
    sys.stdout.flush()
