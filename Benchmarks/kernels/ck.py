"""Builds Sources/CKernels as a shared library and calls it through ctypes. Arrays are NumPy."""
import ctypes as C
import os
import pathlib
import subprocess

import numpy as np

SOURCES = pathlib.Path(__file__).resolve().parents[2] / "Sources" / "CKernels"
FLAGS = os.environ.get("CK_FLAGS", "-O3 -fno-math-errno").split()


def build(out):
    command = [os.environ.get("CC", "clang"), "-std=c11", "-shared", "-fPIC", *FLAGS, "-I", str(SOURCES / "include")]
    subprocess.run([*command, *map(str, sorted(SOURCES.glob("*.c"))), "-o", out, "-lm", "-lpthread"], check=True)
    library = C.CDLL(out)
    library.ck_pool_create.restype = C.c_void_p
    library.ck_pool_destroy.argtypes = [C.c_void_p]
    library.ck_pack_f32.restype = C.c_void_p
    for name in ("same_size", "same_pad", "valid_size", "explicit_size"):
        getattr(library, "ck_" + name).restype = C.c_long
    return library


def arg(x):
    """A ctypes argument: arrays and None are pointers, ints are longs, floats are C floats."""
    if x is None:
        return C.c_void_p(None)
    if isinstance(x, np.ndarray):
        return C.c_void_p(x.ctypes.data)
    if isinstance(x, (bool, int, np.integer)):
        return C.c_long(int(x))
    if isinstance(x, float):
        return C.c_float(x)
    return x


def call(function, *args):
    return function(*map(arg, args))


def longs(values):
    return (C.c_long * max(1, len(values)))(*values)


CONV_FIELDS = """batch in_d in_h in_w in_c filter_d filter_h filter_w out_d out_h out_w out_c stride_d stride_h stride_w
dilation_d dilation_h dilation_w pad_front pad_top pad_left groups""".split()
POOLING_FIELDS = """batch channels in_d in_h in_w window_d window_h window_w out_d out_h out_w
stride_d stride_h stride_w pad_front pad_top pad_left""".split()


class Conv(C.Structure):
    _fields_ = [(name, C.c_long) for name in CONV_FIELDS]


class Pooling(C.Structure):
    _fields_ = [(name, C.c_long) for name in POOLING_FIELDS]


def ones_except(kind, **fields):
    """A shape whose unnamed paddings are 0 and other unnamed fields 1."""
    return kind(**{name: fields.get(name, 0 if name.startswith("pad") else 1) for name, _ in kind._fields_})
