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


def restore(prefix, name, dtype):
    """The tensor as numpy has it; quantised ones as the integers that they are."""
    bits = tf.as_dtype(SAME_BITS[dtype.name]) if dtype.name in SAME_BITS else None
    if tf.__version__.startswith("1."):
        from tensorflow.python.ops import gen_io_ops
        with tf.Graph().as_default(), tf.Session() as session:
            tensor = gen_io_ops.restore_v2(prefix, [name], [""], [dtype])[0]
            return session.run(tf.bitcast(tensor, bits) if bits else tensor)
    tensor = tf.raw_ops.RestoreV2(prefix=prefix, tensor_names=[name], shape_and_slices=[""], dtypes=[dtype])[0]
    return (tf.bitcast(tensor, bits) if bits else tensor).numpy()


def canonical(array, dtype):
    if dtype.name == "string":
        # As objects: numpy's own strings lose NULs at the end.
        array = np.asarray(array, dtype=object)
        texts = [t if isinstance(t, bytes) else t.encode() for t in array.reshape(-1).tolist()]
        return b"".join(struct.pack("<Q", len(t)) + t for t in texts)
    return np.ascontiguousarray(np.asarray(array)).tobytes()


def digests(prefix):
    reader = tf.train.load_checkpoint(prefix)
    found = {}
    for name, number in reader.get_variable_to_dtype_map().items():
        dtype = tf.as_dtype(number)
        if dtype.name in ("variant", "resource"):
            continue
        try:
            array = restore(prefix, name, dtype)
        except Exception:
            array = reader.get_tensor(name)
        found[name] = hashlib.sha256(canonical(array, dtype)).hexdigest()
    return found


for prefix in sys.argv[1:]:
    try:
        print(json.dumps({"prefix": prefix, "tensors": digests(prefix)}))
    except Exception as error:
        print(json.dumps({"prefix": prefix, "error": str(error).splitlines()[0][:200] if str(error) else repr(error)}))
    sys.stdout.flush()
