#!/usr/bin/env python3
"""Has h5py read every HDF5 file that ckpt-convert writes from a corpus, plain and compressed, and compares names, shapes and the bytes
of each dataset with the digests that the original libraries recorded.

usage: PYTHON hdf5.py CORPUS        PYTHON has h5py, 2.10 or 3 (Python 3.6 or newer)
  CORPUS  a folder with manifest.json, as the format corpus has it
Environment: CKPT_CONVERT, the binary (default .build/release/ckpt-convert).
"""
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

import h5py
import numpy as np

FAMILIES = ("tf-bundle-v2", "tf-state", "tf-object", "tf-savedmodel", "npy", "safetensors")
tool = os.path.abspath(os.environ.get("CKPT_CONVERT", ".build/release/ckpt-convert"))
corpus = sys.argv[1]


def values(source):
    """The array of a dataset or an attribute."""
    array = np.empty(source.shape, source.dtype)
    if array.size and isinstance(source, h5py.h5a.AttrID):
        source.read(array)
    elif array.size:
        source.read(h5py.h5s.ALL, h5py.h5s.ALL, array)
    return array


def raw(element):
    if isinstance(element, str):
        return element.encode("utf-8", "surrogateescape")
    return element.tobytes() if isinstance(element, np.ndarray) else bytes(element or b"")


def canonical(array):
    if array.dtype.kind != "O":
        return array.tobytes()
    elements = [raw(e) for e in array.reshape(-1)]
    return b"".join(struct.pack("<Q", len(e)) + e for e in elements)


def read(path):
    """{name as bytes: (shape, canonical bytes)}"""
    found, paths = {}, []
    with h5py.File(path, "r") as file:
        file.id.links.visit(lambda name: paths.append(name) and None)
        for name in paths:
            dataset = h5py.h5o.open(file.id, name)
            if not isinstance(dataset, h5py.h5d.DatasetID):
                continue
            if h5py.h5a.exists(dataset, b"variable_name"):
                array = values(h5py.h5a.open(dataset, b"variable_name"))
                name = raw(array[()]) if array.dtype.kind == "O" else array.tobytes()
            found[name] = (list(dataset.shape), canonical(values(dataset)))
    return found


def inputs(case):
    folder = os.path.join(corpus, case["family"], case["id"])
    if case["family"] == "npy" and any(t["name"].endswith(".npy") for t in case["tensors"]):
        return [(os.path.join(folder, t["name"]), {os.path.basename(t["name"])[:-4]: t}) for t in case["tensors"]]
    main = case.get("prefix") or os.path.basename(case["files"][0])
    return [(os.path.join(folder, main), {t["name"]: t for t in case["tensors"]})]


failed = passed = refused = tensors_read = 0
work = tempfile.mkdtemp()
for compress in ("none", "gzip"):
    for case in json.load(open(os.path.join(corpus, "manifest.json")))["cases"]:
        if case["family"] not in FAMILIES or case.get("expect"):
            continue
        for path, tensors in inputs(case):
            out = os.path.join(work, "out.h5")
            command = [tool, path, "--to", "hdf5", "--compress", compress, "--force", "-o", out]
            done = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
            _, said = done.communicate()
            if done.returncode == 69:
                refused += 1
                continue
            try:
                if done.returncode:
                    raise ValueError(said.strip())
                found = read(out)
                wanted = {n.encode("utf-8", "surrogateescape"): t for n, t in tensors.items()}
                if set(found) != set(wanted):
                    raise ValueError("names differ: %r" % sorted(set(found) ^ set(wanted))[:3])
                for name, tensor in wanted.items():
                    shape, content = found[name]
                    tensors_read += 1
                    if tensor.get("sha256") and (shape, hashlib.sha256(content).hexdigest()) != (tensor["shape"], tensor["sha256"]):
                        raise ValueError("%r differs" % name)
                passed += 1
            except Exception as error:
                print("FAIL %s, %s: %s: %s" % (case["id"], compress, type(error).__name__, error))
                failed += 1
shutil.rmtree(work)
print("h5py %s, HDF5 %s: %d files with %d datasets passed, %d failed, %d refused because HDF5 cannot hold them"
      % (h5py.version.version, h5py.version.hdf5_version, passed, tensors_read, failed, refused))
sys.exit(1 if failed or not passed else 0)
