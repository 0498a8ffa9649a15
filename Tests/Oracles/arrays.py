#!/usr/bin/env python3
"""Has numpy and the safetensors package read every npz and safetensors file that ckpt-convert writes from a corpus, and compares
the bytes of each array with the digests that the original libraries recorded. A safetensors file must also be byte for byte
the one that the package itself writes of the same tensors.

usage: PYTHON arrays.py CORPUS        PYTHON has numpy, and safetensors (without it that half is skipped, and says so)
  CORPUS  a folder with manifest.json, as the format corpus has it
Environment: CKPT_CONVERT, the binary (default .build/release/ckpt-convert).
"""
import hashlib
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

try:
    import safetensors
except ImportError:
    safetensors = None

FAMILIES = ("tf-bundle-v2", "tf-state", "tf-object", "tf-savedmodel", "npy", "safetensors")
NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32", "I16": "int16",
         "I8": "int8", "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool", "C64": "complex64",
         "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz"}
tool = os.path.abspath(os.environ.get("CKPT_CONVERT", ".build/release/ckpt-convert"))
corpus = sys.argv[1]
kept = []


def read_npz(path):
    """{name: (shape, bytes)}; numpy's own reader of each member. Names as bytes, because numpy cuts them at a NUL."""
    found = {}
    with np.load(path) as archive:
        for info in archive.zip.infolist():
            name = info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")
            with archive.zip.open(info) as member:
                array = np.lib.format.read_array(member, allow_pickle=False)
            note = json.loads(info.comment) if info.comment else {}
            assert name.endswith(b".npy")
            found[name[:-4]] = (note.get("shape", list(array.shape)), array.tobytes())
    return found


def serializable(tensors):
    """The tensors as `safetensors.serialize` takes them: by address since 0.8, as bytes before."""
    if not hasattr(safetensors, "TensorSpec"):
        return {n: {"dtype": NAMES[t["dtype"]], "shape": t["shape"], "data": bytes(t["data"])} for n, t in tensors}, None
    kept.clear()
    kept.extend(np.frombuffer(bytes(t["data"]) or b"x", np.uint8) for _, t in tensors)
    return {n: safetensors.TensorSpec(dtype=NAMES[t["dtype"]], shape=t["shape"], data_ptr=k.ctypes.data, data_len=len(t["data"]))
            for (n, t), k in zip(tensors, kept)}, None


def read_safetensors(path):
    with open(path, "rb") as f:
        content = f.read()
    tensors = safetensors.deserialize(content)
    if bytes(safetensors.serialize(*serializable(tensors))) != content:
        raise ValueError("is not byte for byte what the package writes")
    return {name.encode(): (list(t["shape"]), bytes(t["data"])) for name, t in tensors}


def inputs(case):
    folder = os.path.join(corpus, case["family"], case["id"])
    if case["family"] == "npy" and any(t["name"].endswith(".npy") for t in case["tensors"]):
        return [(os.path.join(folder, t["name"]), {os.path.basename(t["name"])[:-4]: t}) for t in case["tensors"]]
    main = case.get("prefix") or os.path.basename(case["files"][0])
    return [(os.path.join(folder, main), {t["name"]: t for t in case["tensors"]})]


failed = passed = refused = 0
work = tempfile.mkdtemp()
for format, read in (("npz", read_npz), ("safetensors", read_safetensors)):
    if format == "safetensors" and safetensors is None:
        print("SKIP safetensors: the package is not installed")
        continue
    for case in json.load(open(os.path.join(corpus, "manifest.json")))["cases"]:
        if case["family"] not in FAMILIES or case.get("expect"):
            continue
        for path, tensors in inputs(case):
            out = os.path.join(work, "out." + format)
            done = subprocess.run([tool, path, "--to", format, "--force", "-o", out], capture_output=True, text=True)
            if done.returncode == 69:
                refused += 1
                continue
            try:
                if done.returncode:
                    raise ValueError(done.stderr.strip())
                found = read(out)
                wanted = {n.encode("utf-8", "surrogateescape"): t for n, t in tensors.items()}
                if set(found) != set(wanted):
                    raise ValueError("names differ: %r" % sorted(set(found) ^ set(wanted))[:3])
                for name, tensor in wanted.items():
                    shape, content = found[name]
                    if tensor.get("sha256") and (shape, hashlib.sha256(content).hexdigest()) != (tensor["shape"], tensor["sha256"]):
                        raise ValueError("%r differs" % name)
                passed += 1
            except Exception as error:
                print("FAIL %s to %s: %s" % (case["id"], format, error))
                failed += 1
print("%d passed, %d failed, %d refused because the format cannot hold them" % (passed, failed, refused))
sys.exit(1 if failed or not passed else 0)
