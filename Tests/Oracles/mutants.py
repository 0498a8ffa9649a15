#!/usr/bin/env python3
"""Damages checkpoints and compares what ckpt-convert still reads of them with what the format's own library reads: names,
dtypes, shapes and bytes. The library is asked in a child process, because some inputs end it. What both read must be equal;
what the library refuses and we read is a bug until EXPLAINED, at the end of this file, says why it is none.

usage: PYTHON mutants.py TOOL CASES FORMAT [COUNT [SEED]] [options]
  PYTHON  has the library: TensorFlow 2 for tf-bundle and tf-v1, numpy for npy and npz, safetensors, h5py for hdf5
  TOOL    the binary of ckpt-convert
  CASES   the folder Conformance/Cases, whose sound files are damaged
  COUNT   inputs (default 1000);  SEED: decides them together with their numbers (default 0)
options:
  --first N            number of the first input (default 0)
  --jobs N             inputs at once (default 2)
  --all                asks the library about what we refuse too, and lists what it reads
  --report FILE        takes every disagreement, a line of JSON each
  --write NUMBER FILE  writes that input to FILE and what belongs to it beside it, says what was done, and runs nothing
Status 1 where a difference is not explained. TMPDIR, best in memory, is where inputs are written.
"""
import argparse
import collections
import glob
import hashlib
import json
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from queue import Empty

SECONDS = 30  # that an oracle may take for an input
ADDRESSES = 3 << 30  # bytes that it may ask for beyond those that it has
LIMITS = (0, 1, 2, 3, 4, 7, 8, 16, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, (1 << 31) - 1, 1 << 31, (1 << 32) - 1,
          1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 2)


# ---- bytes

def damage(r, data, low=0, high=None):
    """One edit of a bytearray between two places: a bit, a byte, a number, a block, an end."""
    high = len(data) if high is None else min(high, len(data))
    if high <= low:
        return "nothing"
    at = r.randrange(low, high)
    how = r.randrange(16)
    if how < 5:
        bit = r.randrange(8)
        data[at] ^= 1 << bit
        return "bit %d of byte %d" % (bit, at)
    if how < 8:
        data[at] = r.randrange(256)
        return "byte %d" % at
    if how < 10:
        data[at] = (data[at] + r.choice((-1, 1))) & 255
        return "byte %d by one" % at
    if how < 13:
        width = r.choice((2, 4, 8))
        number = r.choice(LIMITS + (len(data), at, r.randrange(1 << 16)))
        piece = (number & ((1 << 8 * width) - 1)).to_bytes(width, "little")[:high - at]
        data[at:at + len(piece)] = piece
        return "number %d at %d" % (number, at)
    size = min(r.choice((1, 2, 4, 8, 16, 64)), high - at)
    if how == 13:
        source = r.randrange(len(data))
        data[at:at + size] = bytes(data[source:source + size]).ljust(size, b"\0")
        return "%d bytes of %d copied to %d" % (size, source, at)
    if how == 14:
        if r.randrange(2):
            del data[at:at + size]
            return "%d bytes taken out at %d" % (size, at)
        data[at:at] = bytes(r.randrange(256) for _ in range(size))
        return "%d bytes put in at %d" % (size, at)
    data[at:at + size] = bytes([r.choice((0, 0xFF, 0x20))]) * size
    return "%d equal bytes at %d" % (size, at)


CRC32C = []
for _n in range(256):
    for _ in range(8):
        _n = _n >> 1 ^ (0x82F63B78 if _n & 1 else 0)
    CRC32C.append(_n)


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def masked(crc):
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(number, longer=0):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    for _ in range(longer):
        out[-1] |= 0x80
        out.append(0)
    return bytes(out)


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, at
        shift += 7
        if shift > 63:
            raise ValueError("varint")


# ---- protocol buffers: trees of [number, wire type, value], where the value of a message is a tree

def parse(data, depth=0):
    """None where the bytes are no message, or one that would not be written so."""
    tree, at = [], 0
    try:
        while at < len(data):
            start = at
            tag, at = read_varint(data, at)
            number, wire = tag >> 3, tag & 7
            if not 0 < number < 1 << 29:
                return None
            if wire == 0:
                value, at = read_varint(data, at)
                if data[start:at] != varint(tag) + varint(value):
                    return None
            elif wire in (1, 5):
                size = 8 if wire == 1 else 4
                value = int.from_bytes(data[at:at + size], "little")
                at += size
            elif wire == 2:
                size, at = read_varint(data, at)
                value = bytes(data[at:at + size])
                at += size
                nested = parse(value, depth + 1) if value and depth < 8 else None
                value = value if nested is None else nested
            else:
                return None
            if at > len(data):
                return None
            tree.append([number, wire, value])
    except (IndexError, ValueError):
        return None
    return tree if encode(tree) == bytes(data) else None


def encode(tree):
    out = bytearray()
    for number, wire, value in tree:
        if wire == "raw":
            out += value
            continue
        longer = 0
        if isinstance(wire, tuple):
            wire, longer = wire
        out += varint(number << 3 | wire)
        if wire == 0:
            out += varint(value & (1 << 64) - 1, longer)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            out += (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        else:
            content = encode(value) if isinstance(value, list) else value
            out += varint(len(content), longer) + content
    return bytes(out)


def field(tree, number, default=0):
    """The last value of a field."""
    values = [f[2] for f in tree or [] if f[0] == number]
    return values[-1] if values else default


def lists(tree):
    return [tree] + [t for f in tree if isinstance(f[2], list) for t in lists(f[2])]


def edit_fields(r, tree):
    """One edit of a message: of a value, of a field's place, of how it is written."""
    parents = [t for t in lists(tree) if t]
    if not parents:
        tree.append([1, 0, 1])
        return "field 1 put in"
    parent = r.choice(parents)
    i = r.randrange(len(parent))
    number, wire, value = parent[i]
    how = r.randrange(20)
    if how < 9:
        if isinstance(value, int):
            parent[i][2] = r.choice((r.choice(LIMITS), value + 1, max(0, value - 1), value + (1 << 32), value * 2,
                                     value // 2, r.randrange(1, 33)))
            return "field %d from %d to %d" % (number, value, parent[i][2])
        if isinstance(value, bytes):
            data = bytearray(value)
            what = damage(r, data) if data else "nothing"
            parent[i][2] = bytes(data)
            return "field %d: %s" % (number, what)
    if how < 11:
        again = copy_of(parent[i])
        parent.insert(r.randrange(len(parent) + 1), again)
        if r.randrange(2):
            return "field %d twice" % number
        return "field %d twice, then %s" % (number, edit_fields(r, again[2] if isinstance(value, list) else parent))
    if how < 13:
        del parent[i]
        return "field %d taken out" % number
    if how < 14:
        j = r.randrange(len(parent))
        parent[i], parent[j] = parent[j], parent[i]
        return "fields %d and %d changed places" % (i, j)
    if how < 15:
        new = r.randrange(1, 40)
        group = varint(new << 3 | 3) + b"\x08\x01" + varint(new << 3 | 4)
        parent.insert(i, r.choice(([new, 0, r.choice(LIMITS)], [new, 1, 9], [new, 2, b"x"], [new, 5, 7], [0, "raw", group])))
        return "field %d put in" % new
    if how < 16:
        parent[i][0] = r.randrange(1, 20)
        return "field %d is %d" % (number, parent[i][0])
    if how < 17 and isinstance(wire, int):
        parent[i][1] = (wire, r.choice((1, 2, 4)))
        return "field %d: a longer varint" % number
    if how < 18 and isinstance(value, int):
        parent[i][1] = r.choice((0, 1, 5))
        return "field %d of wire type %d" % (number, parent[i][1])
    if isinstance(value, bytes) and value:
        cut = r.choice((len(value) // 2, len(value) // 8 * 4))
        kind = r.randrange(3)
        if kind == 0:
            parent[i:i + 1] = [[number, 2, value[:cut]], [number, 2, value[cut:]]]
        elif kind == 1 and len(value) % 4 == 0:
            parent[i:i + 1] = [[number, 5, int.from_bytes(value[k:k + 4], "little")] for k in range(0, len(value), 4)]
        else:
            numbers, at = [], 0
            try:
                while at < len(value):
                    one, at = read_varint(value, at)
                    numbers.append([number, 0, one])
            except (IndexError, ValueError):
                numbers = [[number, 2, value]]
            parent[i:i + 1] = numbers
        return "field %d in pieces" % number
    parent.append([r.randrange(1, 20), 0, r.choice(LIMITS)])
    return "field %d put in" % parent[-1][0]


def copy_of(item):
    return [copy_of(x) for x in item] if isinstance(item, list) else item


# ---- TensorFlow's tables

SAME_BITS = {"qint8": "int8", "quint8": "uint8", "qint16": "int16", "quint16": "uint16", "qint32": "int32"}
MAGIC = bytes.fromhex("57fb808b247547db")


def read_block(data, at, size):
    """Entries of a block that is not compressed."""
    if data[at + size] != 0:
        return None
    count = int.from_bytes(data[at + size - 4:at + size], "little")
    end, entries, key = at + size - 4 - 4 * count, [], b""
    while at < end:
        shared, at = read_varint(data, at)
        unshared, at = read_varint(data, at)
        length, at = read_varint(data, at)
        key = key[:shared] + bytes(data[at:at + unshared])
        entries.append((key, bytes(data[at + unshared:at + unshared + length])))
        at += unshared + length
    return entries


def read_table(data):
    """All entries; None where a block is compressed."""
    at = len(data) - 48
    for _ in range(2):
        _, at = read_varint(data, at)
    place, at = read_varint(data, at)
    size, at = read_varint(data, at)
    entries = []
    for _, value in read_block(data, place, size) or []:
        place, after = read_varint(value, 0)
        block = read_block(data, place, read_varint(value, after)[0])
        if block is None:
            return None
        entries += block
    return entries


def write_block(entries, interval, share=True):
    out, restarts, last = bytearray(), [], b""
    for i, (key, value) in enumerate(entries):
        shared = 0
        if i % interval == 0:
            restarts.append(len(out))
        elif share:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    for place in restarts or [0]:
        out += struct.pack("<I", place)
    return bytes(out) + struct.pack("<I", len(restarts or [0]))


def snappy(data):
    """A stream of literals only."""
    out = bytearray(varint(len(data)))
    for start in range(0, len(data), 60):
        piece = data[start:start + 60]
        out += bytes([len(piece) - 1 << 2]) + piece
    return bytes(out)


def write_table(r, entries, odd):
    """A table of these entries; where `odd`, laid out as no writer does."""
    interval = r.choice((1, 2, 3, 16, 1000)) if odd else 16
    places = range(1, len(entries))
    cuts = sorted(r.sample(places, min(len(places), r.randrange(4)))) if odd else []
    out, index = bytearray(), []

    def put(content, compressed):
        stored = snappy(content) if compressed else content
        place = varint(len(out)) + varint(len(stored))
        stored += b"\1" if compressed else b"\0"
        out.extend(stored + struct.pack("<I", masked(crc32c(stored))))
        return place

    for a, b in zip([0] + cuts, cuts + [len(entries)]):
        block = entries[a:b]
        last = block[-1][0] if block else b""
        if odd and b == len(entries):
            last += r.choice((b"", b"\0", b"zz", b"\xff\xff"))
        index.append((last, put(write_block(block, interval, not odd or r.randrange(4) > 0), odd and r.randrange(4) == 0)))
    meta = put(write_block([(b"m", b"x")] if odd and r.randrange(8) == 0 else [], 16), False)
    footer = meta + put(write_block(index, 1), odd and r.randrange(8) == 0)
    return bytes(out) + footer.ljust(40, b"\0") + MAGIC


def repair_table(data):
    """Makes the sums of all blocks right that can still be found."""
    if len(data) <= 48:
        return
    data[-8:] = MAGIC

    def mend(place, size):
        if place + size + 5 <= len(data):
            data[place + size + 1:place + size + 5] = struct.pack("<I", masked(crc32c(data[place:place + size + 1])))

    try:
        at, handles = len(data) - 48, []
        for _ in range(4):
            number, at = read_varint(data, at)
            handles.append(number)
        mend(*handles[:2])
        place, end = handles[2], handles[2] + handles[3]
        at = place
        while at < min(end, len(data)):
            _, at = read_varint(data, at)
            key, at = read_varint(data, at)
            size, at = read_varint(data, at)
            offset, after = read_varint(data, at + key)
            mend(offset, read_varint(data, after)[0])
            at += key + size
    except (IndexError, ValueError):
        pass
    try:
        mend(*handles[2:])
    except (TypeError, IndexError, ValueError):
        pass


def ordered_number(value):
    """Google's ordered code of a number with sign; FORMAT.md of tf-bundle, "Slice keys"."""
    count = (~value if value < 0 else value).bit_length() // 7 + 1
    out = bytearray((value & (1 << 80) - 1).to_bytes(10, "big")[-count:])
    head = (0xFF00 >> count & 0xFF).to_bytes(1, "big") if count < 8 else bytes([0xFF, 0xFF00 >> count - 8 & 0xFF])
    for i, bits in enumerate(head):
        out[i] ^= bits
    return bytes(out)


def slice_key(name, extents):
    """The key of a slice: extents are (start, length or None)."""
    def unsigned(number):
        content = number.to_bytes((number.bit_length() + 7) // 8, "big")
        return bytes([len(content)]) + content

    escaped = b"".join({0: b"\0\xff", 255: b"\xff\0"}.get(b, bytes([b])) for b in name)
    key = unsigned(0) + escaped + b"\0\1" + unsigned(len(extents))
    return key + b"".join(ordered_number(s) + ordered_number(-1 if n is None else n) for s, n in extents)


def slice_proto(extents):
    return [[1, 2, ([[1, 0, s]] if s else []) + ([[2, 0, n]] if n is not None else [])] for s, n in extents]


def cut_up(r, shape):
    """Boxes that cover a shape, now and then not quite; None where there is nothing to cut."""
    axes, count = [i for i, n in enumerate(shape) if n > 1], 1
    for n in shape:
        count *= n
    if not axes or count > 4096:
        return None
    axis = r.choice(axes)
    cuts = sorted(r.sample(range(1, shape[axis]), min(shape[axis] - 1, r.choice((1, 1, 2)))))
    boxes = []
    for a, b in zip([0] + cuts, cuts + [shape[axis]]):
        boxes.append([(a, b - a) if i == axis else (0, r.choice((None, n))) for i, n in enumerate(shape)])
    if r.randrange(4) == 0:
        box = r.choice(boxes)
        start, length = box[axis]
        box[axis] = r.choice(((start + 1, length), (max(0, start - 1), length), (start, length + 1), (start, length - 1),
                              (start, None)))
    if r.randrange(6) == 0:
        boxes.append(list(r.choice(boxes)))
    if r.randrange(6) == 0:
        r.shuffle(boxes)
    return boxes


def gathered(data, shape, width, box):
    """The bytes of a box, row by row."""
    places, stride = [0], width
    for (start, length), size in reversed(list(zip(box, shape))):
        count = size - start if length is None else length
        places = [p + (start + k) * stride for k in range(max(0, count)) for p in places]
        stride *= size
    return b"".join(data[p:p + width].ljust(width, b"\0") for p in places)


# Bytes of an element by TensorFlow's number of the dtype.
WIDTHS = {1: 4, 2: 8, 3: 4, 4: 1, 5: 2, 6: 1, 8: 8, 9: 8, 10: 1, 11: 1, 12: 1, 13: 4, 14: 2, 15: 2, 16: 2, 17: 2, 18: 16,
          19: 2, 22: 4, 23: 8, 24: 1, 25: 1, 26: 1, 27: 1, 28: 1, 29: 1, 30: 1, 31: 1, 32: 1}


def shape_of(tree):
    dimensions = [f[2] for f in tree if f[0] == 2] if isinstance(tree, list) else []
    return [field(d, 1) if isinstance(d, list) else 0 for d in dimensions]


def reshape(r, shape):
    """Another shape of as many elements, as a tree."""
    count = 1
    for n in shape:
        count *= n
    choices = [[count], [1, count], [count, 1], shape[::-1], shape + [1], [1] * r.choice((4, 30, 200)) + [count]]
    if count == 0:
        choices += [[0], [0, 1 << 40], [5, 0, 7]]
    for d in (2, 3, 4):
        if count and count % d == 0:
            choices += [[d, count // d], [count // d, d]]
    return [[2, 2, [[1, 0, n]] if n else []] for n in r.choice(choices)]


class Format:
    """How sound files are found, damaged, and read by the library that they belong to."""
    library = None

    def __init__(self, cases):
        self.seeds = self.sound(cases)
        if not self.seeds:
            raise SystemExit("no sound files of this format in " + cases)

    def mutant(self, seed, number):
        """(files by the end of their name, what was done)"""
        r = random.Random("%s %d %d" % (self.name, seed, number))
        name, files = r.choice(self.seeds)
        files = {n: bytearray(b) for n, b in files.items()}
        return files, "%s: %s" % (name, self.damage(r, files))

    def write(self, files, stem):
        for end, content in files.items():
            path = os.path.join(os.path.dirname(stem), end[1:]) if end.startswith("/") else stem + end
            with open(path, "wb") as f:
                f.write(content)

    def load(self):
        """Imports the library, before any child is made."""

    def path(self, stem, files):
        """What both are given."""
        return stem + next(iter(files))


def read_files(paths, stem):
    return {p[len(stem):]: open(p, "rb").read() for p in sorted(paths)}


# ---- TensorFlow

class Bundle(Format):
    name = "tf-bundle"

    def sound(self, cases):
        seeds = []
        for index in sorted(glob.glob(os.path.join(cases, "tf-bundle/*/*.index"))):
            stem = index[:-6]
            files = read_files(glob.glob(glob.escape(stem) + ".data-*"), stem)
            if sum(map(len, files.values())) < 1 << 14:
                seeds.append((os.path.basename(os.path.dirname(index)), {".index": open(index, "rb").read(), **files}))
        return seeds

    def path(self, stem, files):
        return stem

    def damage(self, r, files):
        index, done = files[".index"], []
        entries = read_table(index)
        how = r.randrange(100)
        if entries is None and how >= 45:
            how %= 45
        if how < 8:
            target = r.choice(sorted(files))
            return "%s: %s, sums as they were" % (target, damage(r, files[target]))
        if how < 45:
            for _ in range(r.choice((1, 1, 1, 2))):
                done.append(damage(r, index, 0, r.choice((len(index), max(1, len(index) - 48)))))
            if r.randrange(4) and entries is not None and self.mend_raw(index, files):
                done.append("sums of tensors made right")
            repair_table(index)
            return "; ".join(done)
        trees = [[key, parse(value)] for key, value in entries]
        for _ in range(r.choice((1, 1, 2))):
            done.append(self.edited(r, trees, files))
        if r.randrange(5):
            self.mend(trees, files)
        entries = [(k, encode(t)) for k, t in trees]
        if r.randrange(6):
            entries.sort(key=lambda e: e[0])
        odd = r.randrange(3) == 0
        files[".index"] = bytearray(write_table(r, entries, odd))
        return "; ".join(done) + (", an odd table" if odd else "")

    def edited(self, r, trees, files):
        """One edit; none where an earlier one left nothing that it could be made of."""
        try:
            return self.edit(r, trees, files)
        except (TypeError, ValueError, IndexError, AttributeError):
            return "nothing"

    def edit(self, r, trees, files):
        how = r.randrange(20)
        i = r.randrange(len(trees))
        key, tree = trees[i]
        if how < 9:
            return "entry %r: %s" % (key, edit_fields(r, tree))
        if how < 10:
            return "header: " + edit_fields(r, trees[0][1])
        if how < 11:
            new = bytearray(key or b"n")
            what = damage(r, new)
            trees[i][0] = bytes(new)
            return "key %r: %s" % (key, what)
        if how < 12:
            trees.insert(i, [key + r.choice((b"", b"x", b"\0", b"/y", b"\xff")), copy_of(tree)])
            return "entry %r again as %r" % (key, trees[i][0])
        if how < 13:
            trees[0][1] = r.choice(([[1, 0, 1], [2, 0, 1]], trees[0][1] + [[2, 0, 1]], [[1, 0, len(files) - 1]],
                                    trees[0][1] + [[1, 0, len(files)]]))
            return "another header"
        data = [n for n in sorted(files) if n.startswith(".data") and files[n]]
        if how < 15 and data:
            name = r.choice(data)
            return "%s: %s" % (name, damage(r, files[name]))
        plain = [t for t in trees[1:] if t[1] and not field(t[1], 7, None) and field(t[1], 1) in WIDTHS]
        if not plain or not data:
            return "header: " + edit_fields(r, trees[0][1])
        key, tree = entry = r.choice(plain)
        shape, width = shape_of(field(tree, 2, [])), WIDTHS[field(tree, 1)]
        if how < 16:
            same = [d for d, w in WIDTHS.items() if w == width]
            for f in tree:
                if f[0] == 1:
                    f[2] = r.choice(same)
            return "entry %r: dtype %d" % (key, field(tree, 1))
        if how < 17:
            tree[:] = [f for f in tree if f[0] != 2] + [[2, 2, reshape(r, shape)]]
            return "entry %r: shape %s" % (key, shape_of(field(tree, 2, [])))
        if how < 18:
            room = max(0, len(files[data[0]]) - field(tree, 5))
            tree[:] = [f for f in tree if f[0] != 4] + [[4, 0, r.randrange(1 + room)]]
            return "entry %r: offset %d" % (key, field(tree, 4))
        boxes = cut_up(r, shape)
        name = ".data-%05d-of-%05d" % (field(tree, 3), len(files) - 1)
        if boxes is None or name not in files:
            return "nothing"
        whole = bytes(files[name][field(tree, 4):field(tree, 4) + field(tree, 5)])
        for box in boxes:
            content = gathered(whole, shape, width, box)
            dims = [[2, 2, [[1, 0, n - s if c is None else c]]] for (s, c), n in zip(box, shape)]
            place = [[3, 0, field(tree, 3)], [4, 0, len(files[name])], [5, 0, len(content)]]
            place.append([6, 5, masked(crc32c(content))])
            trees.append([slice_key(key, box), [[1, 0, field(tree, 1)], [2, 2, dims], *place]])
            files[name] += content
        entry[1][:] = [f for f in tree if f[0] in (1, 2)] + [[7, 2, slice_proto(box)] for box in boxes]
        return "entry %r in slices %s" % (key, boxes)

    def mend_raw(self, index, files):
        """The sums of tensors, in an index that was damaged in place."""
        try:
            entries = read_table(bytes(index))
        except (IndexError, ValueError):
            return False
        found = False
        for _, value in entries or []:
            tree = parse(value)
            old = field(tree, 6, None)
            if old is None or not isinstance(old, int):
                continue
            self.mend([[b"", []], [b"x", tree]], files)
            place = index.find(value)
            if place >= 0 and len(encode(tree)) == len(value):
                index[place:place + len(value)] = encode(tree)
                found = True
        return found

    def mend(self, trees, files):
        """Makes the sums of tensors right that can be found."""
        for _, tree in trees[1:]:
            if not tree or any(f[0] in (1, 3, 4, 5) and not isinstance(f[2], int) or f[0] == 7 for f in tree):
                continue
            name = ".data-%05d-of-%05d" % (field(tree, 3), len(files) - 1)
            data = bytes(files.get(name, b""))[field(tree, 4):field(tree, 4) + field(tree, 5)]
            total = crc32c(data)
            if field(tree, 1) == 7:
                try:
                    total = self.mend_strings(tree, data, files[name])
                except (IndexError, ValueError, KeyError):
                    continue
            for f in tree:
                if f[0] == 6 and f[1] == 5:
                    f[2] = masked(total)

    def mend_strings(self, tree, data, file):
        count, at, total = 1, 0, 0
        for n in shape_of(field(tree, 2, [])):
            count *= n
        if count > len(data):
            raise ValueError("count")
        for _ in range(count):
            length, at = read_varint(data, at)
            total = crc32c(length.to_bytes(4 if length < 1 << 32 else 8, "little"), total)
        mark = struct.pack("<I", masked(total))
        if at + 4 > len(data):
            raise ValueError("mark")
        file[field(tree, 4) + at:field(tree, 4) + at + 4] = mark
        return crc32c(mark + data[at + 4:], total)

    def load(self):
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        import tensorflow as tf
        self.library = tf

    def read(self, path, ours):
        tf = self.library
        reader = tf.train.load_checkpoint(path)
        try:
            dtypes = {n.encode(): tf.as_dtype(d).name for n, d in reader.get_variable_to_dtype_map().items()}
            shapes = {n.encode(): list(s) for n, s in reader.get_variable_to_shape_map().items()}
        except UnicodeDecodeError:
            # Python lists names that are text only; the others can be asked for.
            dtypes, shapes = dict.fromkeys(ours), {}
        found = {}
        for name, dtype in dtypes.items():
            if dtype is None and not reader.has_tensor(name):
                continue
            try:
                array = reader.get_tensor(name)
            except Exception as error:
                try:
                    # Some of what it cannot do the op can.
                    array = tf.raw_ops.RestoreV2(prefix=path, tensor_names=[name], shape_and_slices=[""],
                                                 dtypes=[tf.as_dtype(dtype)])[0]
                    array = (tf.bitcast(array, tf.as_dtype(SAME_BITS[dtype])) if dtype in SAME_BITS else array).numpy()
                except Exception as other:
                    found[name] = {"error": first_line(other if "not supported" in str(error) else error)}
                    continue
            content = canonical(array)
            shape = list(getattr(array, "shape", ()))
            found[name] = {"dtype": dtype, "shape": shapes.get(name, shape), "sha256": hashlib.sha256(content).hexdigest()}
            if dtype == "bool" and content == b"\1" and not shape:
                # A scalar of numpy: any byte but 0 was there.
                found[name]["or"] = {hashlib.sha256(bytes([b])).hexdigest() for b in range(1, 256)}
            if name in shapes and shapes[name] != shape:
                found[name] = {"error": "lists the shape %s and reads %s" % (shapes[name], shape)}
        return found


class V1(Bundle):
    name = "tf-v1"

    def sound(self, cases):
        seeds = []
        for folder in sorted(glob.glob(os.path.join(cases, "tf-v1/*"))):
            paths = [p for p in glob.glob(folder + "/model.ckpt*") if not p.endswith(".meta")]
            stem = re.sub(r"-\d{5}-of-\d{5}$", "", min(paths))
            seeds.append((os.path.basename(folder), read_files(paths, stem)))
        return seeds

    def path(self, stem, files):
        count = re.search(r"-of-(\d{5})$", max(files))
        return stem + "-?????-of-" + count.group(1) if count else stem

    def damage(self, r, files):
        target, done = r.choice(sorted(files)), []
        data = files[target]
        entries = read_table(data)
        how = r.randrange(100)
        if entries is None and how >= 30:
            how %= 30
        if how < 5:
            return "%s, sums as they were" % damage(r, data)
        if how < 30:
            for _ in range(r.choice((1, 1, 1, 2))):
                done.append(damage(r, data, 0, r.choice((len(data), max(1, len(data) - 48)))))
            repair_table(data)
            return "; ".join(done)
        trees = [[key, parse(value)] for key, value in entries]
        trees = [t if t[1] is not None else [t[0], [[0, "raw", dict(entries)[t[0]]]]] for t in trees]
        for _ in range(r.choice((1, 1, 2))):
            done.append(self.edited(r, trees, files))
        entries = [(k, encode(t)) for k, t in trees]
        if r.randrange(6):
            entries.sort(key=lambda e: e[0])
        odd = r.randrange(3) == 0
        files[target] = bytearray(write_table(r, entries, odd))
        return "; ".join(done) + (", an odd table" if odd else "")

    def edit(self, r, trees, files):
        how = r.randrange(20)
        i = r.randrange(len(trees))
        key, tree = trees[i]
        if how < 6:
            return "record %r: %s" % (key, edit_fields(r, tree))
        if how < 10:
            # The values, not what stands around them.
            data = field(field(tree, 2, []), 3, None) if i else None
            if isinstance(data, list) and data:
                return "values of %r: %s" % (key, edit_fields(r, data))
            return "record %r: %s" % (key, edit_fields(r, tree))
        if how < 14:
            return "list: " + edit_fields(r, trees[0][1])
        if how < 15:
            new = bytearray(key or b"n")
            what = damage(r, new)
            trees[i][0] = bytes(new)
            return "key %r: %s" % (key, what)
        if how < 16:
            trees.insert(i, [key + r.choice((b"", b"x", b"\0")), copy_of(tree)])
            return "record %r again" % key
        meta = field(trees[0][1], 1, [])
        listed = [f[2] for f in meta if f[0] == 1 and isinstance(f[2], list)] if isinstance(meta, list) else []
        if not listed:
            return "nothing"
        tensor = r.choice(listed)
        name = field(tensor, 1, b"")
        if isinstance(name, list):
            name = encode(name)
        shape, dtype = shape_of(field(tensor, 2, [])), field(tensor, 3)
        records = [t for t in trees[1:] if record_name(t[1]) == name]
        if how < 17:
            for f in tensor:
                if f[0] == 3:
                    f[2] = r.choice((3, 4, 5, 6, 9, 10, 11, 12, 13, 17, 19, 1, 2))
            return "dtype of %r: %s" % (name, field(tensor, 3))
        if how < 18 and len(records) == 1:
            tensor[:] = [f for f in tensor if f[0] not in (2, 4)] + [[2, 2, reshape(r, shape)]]
            extents = [(0, None)] * len(shape_of(field(tensor, 2, [])))
            tensor.append([4, 2, slice_proto(extents)])
            records[0][0] = slice_key(name, extents)
            records[0][1][-1][2] = [f if f[0] != 2 else [2, 2, slice_proto(extents)] for f in records[0][1][-1][2]]
            return "shape of %r: %s" % (name, shape_of(field(tensor, 2, [])))
        boxes = cut_up(r, shape)
        values = field(field(records[0][1], 2, []), 3, []) if records else []
        if dtype not in (1, 2) or len(records) != 1 or boxes is None or not isinstance(values, list):
            return "list: " + edit_fields(r, trees[0][1])
        number = 5 if dtype == 1 else 6
        content = field(values, number, b"")
        if not isinstance(content, bytes):
            return "nothing"
        trees.remove(records[0])
        tensor[:] = [f for f in tensor if f[0] != 4] + [[4, 2, slice_proto(box)] for box in boxes]
        for box in boxes:
            part = gathered(content, shape, WIDTHS[dtype], box)
            record = [[1, 2, name], [2, 2, slice_proto(box)], [3, 2, [[number, 2, part]]]]
            trees.append([slice_key(name, box), [[2, 2, record]]])
        return "%r in slices %s" % (name, boxes)


def record_name(tree):
    name = field(field(tree, 2, []), 1, None) if isinstance(field(tree, 2, []), list) else None
    return encode(name) if isinstance(name, list) else name


def canonical(array):
    """Bytes row by row and little-endian; strings each with its length in front."""
    import numpy as np
    if isinstance(array, (bytes, str)):
        array = np.asarray(array, dtype=object)
    array = np.asarray(array)
    if array.dtype.kind == "O":
        texts = [t if isinstance(t, bytes) else t.encode("utf-8", "surrogateescape") for t in array.reshape(-1).tolist()]
        return b"".join(struct.pack("<Q", len(t)) + t for t in texts)
    return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def described(array):
    dtype = "string" if array.dtype.kind in "OS" else array.dtype.newbyteorder("=").name
    return {"dtype": dtype, "shape": list(array.shape), "sha256": hashlib.sha256(canonical(array)).hexdigest()}


# ---- numpy

DESCRS = """<f4 >f4 =f4 |f4 f4 <f2 <f8 <f16 <c8 >c16 |b1 ? <b1 |i1 <i1 >u1 |u1 <u2 >u4 <u8 <i2 <i4 >i8 float32 int64 bool
half single double float int long B d g |S3 <U2 |V4 <M8[s] |O O (2,)<f4 <f4,<i4 2f4 <F4 uint8 e <i3 <<f4 complex64 cfloat i L
bfloat16 str object void float16 i8 u1 b1 c8 uint64 complex128 !f4 @f4""".split() + ["", "f4 ", " <f4"]
# The first ones, which a header may have, more often.
TOKENS = 5 * [" ", "\n", "\t", "\f", "L", "#x", "1", "0"] + ["\v", "\r", "#x\n", "\0", "\xe9", "\xc3\xa9"] + r"""# \ 00 - + _
( ) [ ] { } , ' " u b r True False None ; '' 0x1 1e1 .0 . j : () 2 3 'x': if or and * -1 ~ ...""".split()


# Folders of files that are no plain numbers.
REFUSED = r"/npy/(object|strings|structured|datetime)/"


def header_text(r, fields):
    quote = r.choice("''''\"")
    pairs = ["%s%s%s:%s%s" % (quote, k, quote, r.choice((" ", " ", "", "\t", "\n")), v) for k, v in fields]
    return "{" + r.choice((", ", ", ", ",", " , ")).join(pairs) + r.choice((", }", ", }", "}", ",}", " }")) + r.choice((
        "\n", "\n", " \n", "", "   ", "\n\n", "\t\n"))


def npy(version, text, data, length=None):
    head = text.encode("latin1", "replace")
    length = len(head) if length is None else length
    size = struct.pack("<H", length & 0xFFFF) if version[0] == 1 else struct.pack("<I", length & 0xFFFFFFFF)
    return b"\x93NUMPY" + bytes(version) + size + head + data


def split_npy(content):
    wide = content[6] > 1
    length = int.from_bytes(content[8:12 if wide else 10], "little")
    start = (12 if wide else 10) + length
    return (content[6], content[7]), content[12 if wide else 10:start].decode("latin1"), bytes(content[start:])


def damage_npy(r, content):
    """(another npy file, what was done)"""
    how = r.randrange(10)
    if how < 3:
        data, done = bytearray(content), []
        for _ in range(r.choice((1, 1, 2))):
            done.append(damage(r, data, r.choice((0, 0, 128)), r.choice((len(data), 128, 12))))
        return bytes(data), "; ".join(done)
    version, text, data = split_npy(content)
    if how < 6:
        done = []
        for _ in range(r.choice((1, 1, 2))):
            at = r.randrange(len(text.rstrip()) + 2)
            token = r.choice(TOKENS)
            if r.randrange(2):
                text = text[:at] + token + text[at:]
                done.append("%r put in at %d" % (token, at))
            else:
                text = text[:at] + token + text[at + 1:]
                done.append("%r instead of character %d" % (token, at))
    else:
        fields = re.findall(r"'(descr|fortran_order|shape)': ('[^']*'|\[.*\]|True|False|\([^)]*\))", text)
        shape = [int(n) for n in re.findall(r"\d+", dict((k, v) for k, v in fields).get("shape", ""))]
        done = []
        for _ in range(r.choice((1, 1, 2))):
            what = r.randrange(6)
            if what < 2:
                descr = r.choice(DESCRS)
                fields = [(k, "'%s'" % descr if k == "descr" else v) for k, v in fields]
                done.append("descr " + descr)
            elif what < 4:
                count = 1
                for n in shape:
                    count *= n
                new = r.choice(([count], [1, count], shape[::-1], [], shape + [1], [0], [0, 1 << 62, 8], [1 << 62, 8, 0],
                                [1] * 33 + [count], [1] * 65 + [count], [-1], [count + 1], [max(0, count - 1)], [1 << 63],
                                [2, count // 2], [True, count]))
                form = r.choice("%s|%s|%s|%sL|0%s|+%s| %s |%s.0|0x%s|%s_0|--%s|(%s)|-%s".split("|"))
                spelled = ", ".join((form if r.randrange(3) == 0 else "%s") % n for n in new)
                spelled = "(" + spelled + r.choice((",", "") if len(new) != 1 else (",", ",", ",", "")) + ")"
                fields = [(k, spelled if k == "shape" else v) for k, v in fields]
                done.append("shape " + spelled)
            elif what < 5:
                flag = r.choice(("True", "False", "False", "1", "0", "None", "'True'", "not False"))
                fields = [(k, flag if k == "fortran_order" else v) for k, v in fields]
                done.append("order")
            else:
                r.shuffle(fields)
                if r.randrange(2) and fields:
                    fields.append(r.choice(fields))
                done.append("order of the keys")
        text = header_text(r, fields)
    if r.randrange(4) == 0:
        version = r.choice(((1, 0), (2, 0), (3, 0), (3, 0), (1, 1), (0, 0), (4, 0)))
    if r.randrange(8) == 0:
        data = r.choice((data[:-1], data + b"\0", data + data, b"", data[1:]))
        done.append("%d bytes of data" % len(data))
    if r.randrange(30) == 0:
        text = text.rstrip("\n") + " " * r.choice((1000, 9800, 9900, 10000, 65000)) + "\n"
    length = len(text) + r.choice((-1, 1, 8)) if r.randrange(15) == 0 else None
    return npy(version, text, data, length), "version %d.%d, %s" % (version + ("; ".join(done),))


class Npy(Format):
    name = "npy"

    def sound(self, cases):
        paths = [p for p in sorted(glob.glob(os.path.join(cases, "npy/*/*.npy"))) if not re.search(REFUSED, p)]
        return [(os.path.relpath(p, cases), {".npy": open(p, "rb").read()}) for p in paths]

    def damage(self, r, files):
        files[".npy"], done = damage_npy(r, files[".npy"])
        return done

    def load(self):
        import warnings
        import numpy
        warnings.simplefilter("ignore")
        self.library = numpy

    def read(self, path, ours):
        return {os.path.basename(path)[:-4].encode(): described(self.library.load(path, allow_pickle=False))}


class Npz(Npy):
    name = "npz"

    def sound(self, cases):
        paths = sorted(glob.glob(os.path.join(cases, "npz/*/*.npz")))
        seeds = [(os.path.relpath(p, cases), {".npz": open(p, "rb").read()}) for p in paths]
        self.arrays = [files[".npy"] for _, files in Npy.sound(self, cases)]
        return seeds

    def damage(self, r, files):
        data, how = files[".npz"], r.randrange(10)
        if how == 0:
            return damage(r, data) + ", sums as they were"
        if how < 5:
            done = []
            end = data.rfind(b"PK\5\6")
            directory = int.from_bytes(data[end + 16:end + 20], "little")
            for _ in range(r.choice((1, 1, 1, 2))):
                done.append(damage(r, data, r.choice((0, 0, directory, end)), r.choice((len(data), len(data), directory))))
            self.repair(data)
            return "; ".join(done)
        members = []
        for _ in range(r.randrange(1, 4)):
            content, done = r.choice(self.arrays), "sound"
            if r.randrange(4) == 0:
                content, done = damage_npy(r, content)
            name = r.choice((b"a", b"b/c", b"", b"x.npy", b"w", b"\xc3\xa9", b"\xff\xfe", b"../u", b"/abs", b"a b", b"n\0m",
                             b"C:\\d"))
            members.append((name + r.choice((b".npy", b".npy", b".npy", b".npy", b".npy", b"", b".NPY")), content, done))
        files[".npz"], odd = self.archive(r, members)
        return "members %s; %s" % ([(n, d) for n, _, d in members], odd)

    def archive(self, r, members):
        """A zip archive, now and then an odd one."""
        out, directory, odd = bytearray(), bytearray(), []

        def oddly(what, chance=20):
            if r.randrange(chance) == 0:
                odd.append(what)
                return True
            return False

        if oddly("bytes in front", 40):
            out += b"#!/bin/sh\n"
        for name, content, _ in members:
            method = 8 if r.randrange(3) == 0 else 0
            packer = zlib.compressobj(6, zlib.DEFLATED, -15)
            stored = packer.compress(content) + packer.flush() if method else content
            if method and oddly("bytes behind the stream"):
                stored += b"\0\0"
            crc = zlib.crc32(content)
            if oddly("wrong sum", 40):
                crc ^= 1
            flags, extra, descriptor, local_extra = 0, b"", b"", b""
            if oddly("utf-8 flag", 8):
                flags |= 0x800
            if oddly("odd flag", 30):
                flags |= 1 << r.randrange(16)
            sizes = [len(stored), len(content)]
            local = [crc] + sizes
            if oddly("descriptor", 8):
                flags |= 8
                form = r.choice("IQ")
                descriptor = r.choice((b"PK\7\x08", b"")) + struct.pack("<I" + form * 2, crc, *sizes)
                local = r.choice(([0, 0, 0], local))
            central = list(sizes)
            if oddly("zip64 sizes", 8):
                extra = struct.pack("<HHQQ", 1, 16, sizes[1], sizes[0])
                central = [0xFFFFFFFF] * 2
                if r.randrange(2) and flags & 8 == 0:
                    local, local_extra = [crc, 0xFFFFFFFF, 0xFFFFFFFF], extra
            if oddly("another extra field", 12):
                extra += struct.pack("<HH", r.choice((0x5455, 0x7075, 0xCAFE)), 4) + b"abcd"
                local_extra += r.choice((b"", struct.pack("<HH", 0xCAFE, 2) + b"xy", b"\0"))
            comment = r.choice((b"note", b'{"dtype": "bfloat16"}', b"{")) if oddly("comment", 15) else b""
            if oddly("gap", 30):
                out += b"\0" * 3
            start = len(out)
            local_name = name + b"_" if oddly("other name in the local header", 40) else name
            version = r.choice((10, 20, 45, 63)) if oddly("version") else 20
            lengths = (len(local_name), len(local_extra))
            out += b"PK\3\4" + struct.pack("<HHHHHIIIHH", version, flags, method, 0, 33, *local, *lengths)
            out += local_name + local_extra + stored + descriptor
            for _ in range(2 if oddly("twice in the directory", 60) else 1):
                mode = r.choice((0, 0o600 << 16, 0x10, 0o120777 << 16))
                directory += b"PK\1\2" + struct.pack("<HHHHHHIII", 0x0314, version, flags, method, 0, 33, crc, *central)
                directory += struct.pack("<HHHHHII", len(name), len(extra), len(comment), 0, 0, mode, start)
                directory += name + extra + comment
        comment = b"made by hand" if oddly("comment of the archive", 15) else b""
        count, place = len(members), len(out)
        end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, len(directory), place, len(comment)) + comment
        if oddly("zip64 end", 12):
            record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), place)
            locator = struct.pack("<4sIQI", b"PK\6\7", 0, place + len(directory), 1)
            end = record + locator + (end if r.randrange(2) else struct.pack(
                "<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, len(comment)) + comment)
        if oddly("bytes behind", 40):
            end += b"\n"
        return out + directory + end, ", ".join(odd)

    def repair(self, data):
        """Sums of stored members, in their headers and in the directory."""
        at = data.find(b"PK\1\2")
        while at >= 0 and at + 46 <= len(data):
            method, size, header = (int.from_bytes(data[at + a:at + b], "little") for a, b in ((10, 12), (20, 24), (42, 46)))
            lengths = data[header + 26:header + 30]
            if method == 0 and len(lengths) == 4:
                start = header + 30 + sum(struct.unpack("<HH", lengths))
                if start + size <= len(data):
                    sum32 = struct.pack("<I", zlib.crc32(bytes(data[start:start + size])))
                    data[at + 16:at + 20] = data[header + 14:header + 18] = sum32
            at = data.find(b"PK\1\2", at + 1)

    def read(self, path, ours):
        # As numpy.load reads members, but by the entry of each: numpy's names may be ambiguous.
        found, read = {}, self.library.lib.format
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                name = info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")
                name = name[:-4] if name.endswith(b".npy") else name
                try:
                    with archive.open(info) as member:
                        if member.read(6) != read.MAGIC_PREFIX:
                            # Not an array: what we leave out.
                            continue
                    with archive.open(info) as member:
                        found[name] = described(read.read_array(member, allow_pickle=False))
                        if member.read(1):
                            raise ValueError("bytes behind the array")
                except Exception as error:
                    found[name] = {"error": first_line(error)}
                if found[name].get("dtype") == "uint16" and info.comment == b'{"dtype": "bfloat16"}':
                    # Our own way to say what numpy cannot.
                    found[name]["dtype"] = "bfloat16"
        return found


# ---- safetensors

SAFETENSORS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
               "I16": "int16", "I8": "int8", "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8",
               "BOOL": "bool", "C64": "complex64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
               "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz"}
# The first ones, which a header may have, more often.
PIECES = 4 * [" ", "\n", r"\u0041", "x", "1", "0"] + ["\xe9", "\xff", "\1", "\0", "\t", "\v", "\ufeff"] + r"""-1 1.0 1e2 -0
00 0x1 18446744073709551615 9223372036854775808 null true {} [] "" \ud83d\ude00 \ud800 \udc80 \u0000 \n \/ \x , : " { } [ ]
// ' [[[[ \uD83D \u00e9 1E0 0.0 +1 NaN _""".split()


class Safetensors(Format):
    name = "safetensors"

    def sound(self, cases):
        return [(os.path.relpath(p, cases), {".safetensors": open(p, "rb").read()})
                for p in sorted(glob.glob(os.path.join(cases, "safetensors/*/*.safetensors")))]

    def damage(self, r, files):
        content = files[".safetensors"]
        length = int.from_bytes(content[:8], "little")
        text, data, done, how = bytes(content[8:8 + length]), bytes(content[8 + length:]), [], r.randrange(10)
        if how < 3:
            for _ in range(r.choice((1, 1, 2))):
                done.append(damage(r, content, r.choice((0, 8)), r.choice((len(content), 8 + length, 16))))
            return "; ".join(done)
        if how < 6:
            for _ in range(r.choice((1, 1, 2))):
                at = r.randrange(len(text.rstrip()) + 1)
                piece = r.choice(PIECES)
                piece = piece.encode("utf-8" if r.randrange(2) else "latin1", "replace")
                cut = r.choice((0, 0, 0, 0, 1, 2))
                text = text[:at] + piece + text[at + cut:]
                done.append("%r instead of %d bytes at %d" % (piece, cut, at))
        else:
            entries = [[k, dict(v)] for k, v in json.loads(text).items()]
            for _ in range(r.choice((1, 1, 1, 2))):
                done.append(self.edit(r, entries))
            if r.randrange(3):
                entries, data = self.packed(entries, data)
            text = self.text(r, entries)
            if r.randrange(8) == 0:
                data = r.choice((data[:-1], data + b"\0", data[8:], data + b"\0" * 8))
                done.append("%d bytes of data" % len(data))
        length = max(0, len(text) + (r.choice((-1, 1)) if r.randrange(20) == 0 else 0))
        files[".safetensors"] = struct.pack("<Q", length) + text + data
        return "; ".join(done)

    def edit(self, r, entries):
        i = r.randrange(len(entries))
        name, value = entries[i]
        how = r.randrange(9)
        if how == 0 or not isinstance(value.get("data_offsets"), list) or len(value["data_offsets"]) != 2:
            entries[i][0] = r.choice((name + "x", "", "__metadata__", "a/b", "\u00e9", "\0", entries[0][0], "\U0001f600"))
            return "%r is %r" % (name, entries[i][0])
        begin, end = value["data_offsets"]
        if how < 3:
            shape = value["shape"] if isinstance(value.get("shape"), list) else []
            value["shape"] = r.choice((shape[::-1], shape + [1], [end - begin], [], [0], [0, 1 << 63, 4], [1 << 62, 8, 0],
                                       [1] * 300, [(1 << 64) - 1, 0], shape + [0], ["1"], [1.0], [None], None, [-1], [[1]]))
            return "shape of %r: %.60s" % (name, value["shape"])
        if how < 5:
            value["dtype"] = r.choice(sorted(SAFETENSORS) + ["F4", "F8_E8M0", "f32", "", None, 1, "F6_E2M3", ["F32"]])
            return "dtype of %r: %s" % (name, value["dtype"])
        if how < 6:
            value["data_offsets"] = r.choice(([begin + 1, end], [begin, end + 1], [end, begin], [begin, end, end], [begin],
                                              [0, end - begin], [1.0 * begin, end], {"0": begin}, [begin, begin],
                                              [str(begin), end], None))
            return "offsets of %r: %s" % (name, value["data_offsets"])
        if how < 7:
            value[r.choice(("x", "Dtype", "", "dtype "))] = r.choice((1, None, [[]], {"a": {}}, "t"))
            return "a member of %r" % name
        if how < 8:
            again = {**value, "data_offsets": r.choice(([begin, end], [end, end], [begin, begin]))}
            again["shape"] = r.choice((value.get("shape"), [0]))
            entries.append([name + r.choice(("", "2")), again])
            return "%r again" % name
        r.shuffle(entries)
        return "another order"

    def packed(self, entries, data):
        """Offsets that fit what dtypes and shapes take now."""
        widths, at = {"64": 8, "32": 4, "16": 2}, 0
        for _, value in entries:
            shape = value.get("shape")
            if "data_offsets" not in value or not isinstance(shape, list) or not all(isinstance(n, int) for n in shape):
                continue
            count = 1
            for n in shape:
                count *= n
            size = count * widths.get(str(value.get("dtype"))[-2:], 1)
            if not 0 <= size < 1 << 12:
                continue
            value["data_offsets"] = [at, at + size]
            at += size
        return entries, (data * (1 + at // max(1, len(data))))[:at] if data else bytes(at)

    def text(self, r, entries):
        """JSON whose keys may be there twice."""
        loose = r.randrange(3) == 0
        ascii_only = bool(r.randrange(2))
        members = []
        for name, value in entries:
            text = json.dumps(value, ensure_ascii=ascii_only, separators=(", ", ": ") if loose else (",", ":"))
            if r.randrange(25) == 0:
                text = text.replace('"shape"', '"shape":[],"shape"', 1)
            members.append(json.dumps(name, ensure_ascii=ascii_only) + (" : " if loose else ":") + text)
        end = r.choice(("", " ", "       ", "\n", "\t", "\0", "x", "{}") if r.randrange(4) == 0 else ("", "  "))
        return ("{" + (" ,\n " if loose else ",").join(members) + "}" + end).encode()

    def load(self):
        import safetensors
        self.library = safetensors

    def read(self, path, ours):
        with open(path, "rb") as f:
            content = f.read()
        found = {}
        for name, tensor in self.library.deserialize(content):
            digest = hashlib.sha256(bytes(tensor["data"])).hexdigest()
            dtype = SAFETENSORS.get(tensor["dtype"], tensor["dtype"])
            found[name.encode()] = {"dtype": dtype, "shape": list(tensor["shape"]), "sha256": digest}
        return found


# ---- HDF5

STRUCTURES = (b"\x89HDF TREE SNOD HEAP GCOL OHDR OCHK FRHP FHDB FHIB BTHD BTLF BTIN FADB FAHD EAHD EAIB EASB EADB FSHD SMTB "
              b"SMLI").split()


def lookup3(data):
    """Bob Jenkins's hash, HDF5's sum of metadata."""
    def rotate(x, k):
        return (x << k | x >> 32 - k) & 0xFFFFFFFF

    a = b = c = 0xDEADBEEF + len(data) & 0xFFFFFFFF
    at = 0
    while len(data) - at > 12:
        x, y, z = struct.unpack_from("<III", data, at)
        a, b, c = (a + x) & 0xFFFFFFFF, (b + y) & 0xFFFFFFFF, (c + z) & 0xFFFFFFFF
        for k in (4, 6, 8, 16, 19, 4):
            a = (a - c) & 0xFFFFFFFF ^ rotate(c, k)
            c = (c + b) & 0xFFFFFFFF
            a, b, c = b, c, a
        at += 12
    if at == len(data):
        return c
    x, y, z = struct.unpack("<III", bytes(data[at:]).ljust(12, b"\0"))
    a, b, c = (a + x) & 0xFFFFFFFF, (b + y) & 0xFFFFFFFF, (c + z) & 0xFFFFFFFF
    for k in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - rotate(b, k)) & 0xFFFFFFFF
        a, b, c = c, a, b
    return b


class HDF5(Format):
    name = "hdf5"

    def sound(self, cases):
        seeds = []
        for path in sorted(glob.glob(os.path.join(cases, "hdf5/*/*.h5"))):
            folder = os.path.dirname(path)
            if os.path.basename(path) != "model.h5" or os.path.getsize(path) > 100_000:
                continue
            files = {".h5": open(path, "rb").read()}
            for other in ("other.h5", "raw_part.bin"):
                if os.path.exists(os.path.join(folder, other)):
                    files["/" + other] = open(os.path.join(folder, other), "rb").read()
            seeds.append((os.path.basename(folder), files))
        return seeds

    def damage(self, r, files):
        data, done = files[".h5"], []
        starts = [m.start() for s in STRUCTURES for m in re.finditer(re.escape(s), data)]
        # Headers of the old form have no signature: version 1, a zero, few messages, a count of references, a size.
        old = re.finditer(rb"\x01\0[\x01-\x20]\0\x01\0\0\0..\0{6}", data, re.S)
        starts += [m.start() for m in old if m.start() % 8 == 0]
        for _ in range(r.choice((1, 1, 2, 3))):
            low, high = 0, len(data)
            if starts and r.randrange(5):
                low = r.choice(starts)
                high = low + r.choice((16, 64, 300))
            done.append(damage(r, data, low, high))
        if r.randrange(4):
            self.repair(data)
            done.append("sums of headers made right")
        return "; ".join(done)

    def repair(self, data):
        """Sums of superblocks and of the first parts of object headers of the new form."""
        if len(data) > 48 and data[8] in (2, 3):
            data[44:48] = struct.pack("<I", lookup3(data[:44]))
        for match in list(re.finditer(b"OHDR\2", bytes(data))):
            start = match.start()
            flags = data[start + 5]
            head = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
            width = 1 << (flags & 3)
            end = start + head + width + int.from_bytes(data[start + head:start + head + width], "little")
            if end + 4 <= len(data):
                data[end:end + 4] = struct.pack("<I", lookup3(bytes(data[start:end])))

    def load(self):
        # Raw data in other files are looked for beside the file.
        os.environ["HDF5_EXTFILE_PREFIX"] = "${ORIGIN}"
        import h5py
        import numpy
        self.library, self.numpy = h5py, numpy

    def read(self, path, ours):
        h5py, np = self.library, self.numpy
        found, paths = {}, []
        with h5py.File(path, "r") as file:
            file.id.links.visit(lambda name: paths.append(name) and None)
            for name in paths:
                name = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
                try:
                    dataset = h5py.h5o.open(file.id, name)
                    if not isinstance(dataset, h5py.h5d.DatasetID):
                        continue
                    if dataset.get_space().get_simple_extent_type() == h5py.h5s.NULL:
                        raise ValueError("a null dataspace")
                    array = np.empty(dataset.shape, dataset.dtype)
                    if array.nbytes > 1 << 28:
                        raise ValueError("%d bytes are not asked for" % array.nbytes)
                    fixed = array.dtype.kind == "S"
                    if array.size:
                        # Strings of fixed width as they are stored: numpy would lose NULs at the end.
                        dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, array, *[dataset.get_type()] * fixed)
                    found[name] = self.value(self.cut(array, dataset.get_type().get_strpad()) if fixed else array)
                except Exception as error:
                    found[name] = {"error": first_line(error)}
        return found

    def cut(self, array, padding):
        """Strings of fixed width, without what pads them."""
        np, content, width = self.numpy, array.tobytes(), array.dtype.itemsize
        strings = [content[i:i + width] for i in range(0, len(content), width)]
        if padding == self.library.h5t.STR_NULLTERM:
            strings = [t.split(b"\0")[0] for t in strings]
        else:
            strings = [t.rstrip(b" " if padding == self.library.h5t.STR_SPACEPAD else b"\0") for t in strings]
        out = np.empty(len(strings), dtype=object)
        out[:] = strings
        return out.reshape(array.shape)

    def value(self, array):
        np = self.numpy
        if array.dtype.kind == "O":
            array = array.copy()
            flat = array.reshape(-1)
            for i, item in enumerate(flat):
                if not isinstance(item, (bytes, str)) and item not in (0, None):
                    raise ValueError("holds %s" % type(item).__name__)
                flat[i] = item or b""
            return described(flat.reshape(array.shape))
        if array.dtype.kind == "V":
            raise ValueError("holds %s" % array.dtype)
        # Enumerations are their integers.
        return described(array.astype(np.dtype(array.dtype.str), copy=False))


FORMATS = {f.name: f for f in (Bundle, V1, Npy, Npz, Safetensors, HDF5)}


# ---- both readers

def first_line(error):
    """Kind and first line of an exception."""
    lines = str(error).strip().splitlines()
    return "%s: %s" % (type(error).__name__, lines[0][:300] if lines else "")


class Oracle:
    """A process that imports the library, and a child of it that answers until an input ends it."""

    def __init__(self, form):
        self.pipe, other = multiprocessing.Pipe()
        self.log = tempfile.TemporaryFile()
        self.process = os.fork()
        if not self.process:
            self.pipe.close()
            try:
                self.serve(form, other)
            except EOFError:
                pass
            finally:
                os._exit(0)
        other.close()

    def serve(self, form, pipe):
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1):
            os.dup2(null, stream)
        os.dup2(self.log.fileno(), 2)
        form.load()
        while True:
            child = os.fork()
            if not child:
                try:
                    used = int(open("/proc/self/statm").read().split()[0]) * 4096
                    resource.setrlimit(resource.RLIMIT_AS, (used + ADDRESSES,) * 2)
                except (OSError, ValueError):
                    pass
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                try:
                    while self.answer(form, pipe):
                        pass
                except EOFError:
                    os._exit(78)
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 78:
                return
            if status:
                pipe.send({"died": os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)})

    def answer(self, form, pipe):
        request = pipe.recv()
        if request is None:
            return False
        signal.alarm(SECONDS)
        try:
            found = {"found": form.read(*request)}
        except MemoryError as error:
            found = {"error": first_line(error)}
        except Exception as error:
            found = {"error": first_line(error)}
        signal.alarm(0)
        pipe.send(found)
        return True

    def renew(self):
        """The next answer comes from a new child."""
        self.pipe.send(None)

    def read(self, path, ours):
        """{"found"} or {"error"} or {"died", "error"}"""
        self.log.seek(0)
        self.log.truncate()
        self.pipe.send((path, ours))
        answer = self.pipe.recv()
        if "died" in answer:
            self.log.seek(0)
            lines = self.log.read().decode("utf-8", "replace").splitlines()
            fatal = [line for line in lines if re.search(r"Check failed|terminate called|what\(\)|^F\d{4}|Assert", line)]
            number = answer["died"]
            kind = "ends with signal %d" % number if number > 0 else "ends with status %d" % -number
            if number == signal.SIGALRM:
                kind = "takes more than %d s" % SECONDS
            answer["error"] = kind + (": " + re.sub(r"^[FE]\d{4} \S+ +\d+ ", "", fatal[0]) if fatal else "")
        return answer


def ask_tool(tool, form, path):
    """{"found", "unreadable"} or {"refused"} or {"broken"}"""
    done = subprocess.run([tool, "inspect", path, "--from", form.name, "--json", "--digests", "--progress", "never"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode in (65, 66, 69):
        return {"refused": said.splitlines()[-1].replace("ckpt-convert: ", "") if said else ""}
    if done.returncode:
        return {"broken": "status %d: %s" % (done.returncode, said)}
    try:
        report = json.loads(done.stdout.decode("utf-8"))
    except ValueError as error:
        return {"broken": "no JSON: %s" % error}
    found = {bytes_of(v): {k: v[k] for k in ("dtype", "shape", "sha256")} for v in report["variables"]}
    return {"found": found, "unreadable": {bytes_of(v) for v in report.get("unreadable", [])}}


def bytes_of(variable):
    return variable["name"].encode("utf-8", "surrogateescape")


def compare(ours, theirs, form):
    """(class, message): equal, differ, refused or crashed; of several the first that is not explained"""
    if "found" not in theirs:
        return ("crashed" if "died" in theirs else "refused"), theirs["error"]
    all_of_them = list(differences(ours, theirs["found"]))
    for kind, message in all_of_them:
        if explanation(form, kind, message) is None:
            return kind, message
    return all_of_them[0] if all_of_them else ("equal", "")


def differences(ours, want):
    found = ours["found"]
    for name, mine in sorted(found.items()):
        if name not in want:
            yield "differ", "reads a name that the library does not: %s (%s)" % (quoted(name), mine["dtype"])
            continue
        other = want[name]
        if "error" in other:
            yield "refused", "one variable (%s): %s" % (mine["dtype"], other["error"])
        elif other["dtype"] is not None and other["dtype"] != mine["dtype"]:
            yield "differ", "dtype %s where the library has %s" % (mine["dtype"], other["dtype"])
        elif other["shape"] != mine["shape"]:
            yield "differ", "shape %s where the library has %s (%s)" % (mine["shape"], other["shape"], mine["dtype"])
        elif other["sha256"] != mine["sha256"] and mine["sha256"] not in other.get("or", ()):
            yield "differ", "other bytes of %s" % mine["dtype"]
    for name in sorted(set(want) - set(found)):
        if name not in ours["unreadable"] and "error" not in want[name]:
            yield "differ", "misses a name that the library has: %s" % quoted(name)


def quoted(name):
    return "'%s'" % name.decode("utf-8", "backslashreplace")


def grouped(message):
    """A message without what differs from input to input."""
    message = re.sub(r"(KeyError: )['\"](.*)['\"]$", r"\1\2", message)
    message = re.sub(r"(header: |after |bundle entry: ).*", r"\1…", message)
    message = re.sub(r"'[^']*'|\"[^\"]*\"", "'…'", message)
    message = re.sub(r"\{\{.*?\}\} |one variable \(\w+\): | \[Op:\w+\]", "", message)
    message = re.sub(r"Error: .* not found in", "Error: … not found in", message)
    message = re.sub(r"\b(u?int|q?u?int|b?float|complex)\d+\w*|\b(bool|half|string)\b", "DTYPE", message)
    message = re.sub(r"(?<![\w<])/[\w./?-]+", "FILE", message)
    message = re.sub(r"\[[\d, …]*\]", "[…]", message)
    return re.sub(r"0x[0-9a-f]+|-?\d+", "N", message)[:200]


def explanation(form, kind, message):
    for formats, kinds, pattern, reason in EXPLAINED:
        if form.name in formats.split() and kind in kinds.split() and re.search(pattern, message):
            return reason
    return None


# ---- the run

def work(number_of_worker, options, queue):
    form = FORMATS[options.format](options.cases)
    folder = tempfile.mkdtemp(prefix="mutants-")
    oracle = Oracle(form)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    try:
        for number in range(options.first + number_of_worker, options.first + options.count, options.jobs):
            files, done = form.mutant(options.seed, number)
            for name in os.listdir(folder):
                os.unlink(os.path.join(folder, name))
            stem = os.path.join(folder, "in")
            form.write(files, stem)
            path = form.path(stem, files)
            ours = ask_tool(options.tool, form, path)
            if "broken" in ours:
                queue.put((number, "broken", ours["broken"], done))
                continue
            if "refused" in ours:
                message = ours["refused"].replace(stem, "in")
                if options.all:
                    theirs = oracle.read(path, [])
                    if "found" in theirs and not any("error" in t for t in theirs["found"].values()):
                        queue.put((number, "only they", message, done))
                        continue
                queue.put((number, "refused by us", message, done))
                continue
            theirs = oracle.read(path, sorted(ours["found"]))
            kind, message = compare(ours, theirs, form)
            if kind != "equal" and "died" not in theirs:
                # Once more, by a child that no other input has touched.
                oracle.renew()
                kind, message = compare(ours, oracle.read(path, sorted(ours["found"])), form)
            queue.put((number, kind, message.replace(stem, "in"), done))
    except BaseException as error:
        queue.put((-1, "broken", "the worker: %s" % first_line(error), ""))
        raise
    finally:
        oracle.pipe.close()
        shutil.rmtree(folder, ignore_errors=True)
        queue.put(None)


KINDS = {"equal": "both read the same", "differ": "both read, DIFFERENTLY", "refused": "we read, the library refuses",
         "crashed": "we read, the library crashes", "refused by us": "we refuse",
         "only they": "we refuse, the library reads", "broken": "the tool breaks"}


def run(options):
    queue = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=work, args=(i, options, queue)) for i in range(options.jobs)]
    for worker in workers:
        worker.start()
    counts, groups, open_ends = collections.Counter(), {}, len(workers)
    while open_ends:
        try:
            item = queue.get(timeout=10)
        except Empty:
            # A worker that was killed says nothing.
            item = (-1, "broken", "a worker is gone", "") if sum(w.is_alive() for w in workers) < open_ends else 0
            open_ends -= bool(item)
        if item == 0:
            continue
        if item is None:
            open_ends -= 1
            continue
        number, kind, message, done = item
        counts[kind] += 1
        if kind not in ("equal", "refused by us"):
            if options.report:
                with open(options.report, "a") as f:
                    f.write(json.dumps([options.format, options.seed, number, kind, message, done]) + "\n")
            groups.setdefault((kind, grouped(message)), []).append((number, message, done))
        if sum(counts.values()) % 1000 == 0:
            print("%d done: %s" % (sum(counts.values()), dict(counts)), file=sys.stderr, flush=True)
    for worker in workers:
        worker.join()
    form = FORMATS[options.format]
    unexplained = 0
    print("%s, seed %d, inputs %d to %d" % (options.format, options.seed, options.first, options.first + options.count - 1))
    for kind, title in KINDS.items():
        if counts[kind]:
            print("%7d %s" % (counts[kind], title))
    for (kind, message), items in sorted(groups.items(), key=lambda g: (list(KINDS).index(g[0][0]), -len(g[1]))):
        reasons = collections.Counter(explanation(form, kind, m) for _, m, _ in items)
        items.sort()
        if kind != "only they":
            unexplained += reasons[None]
        print("%s, %d times: %s" % (KINDS[kind], len(items), message))
        for reason in sorted(filter(None, reasons)):
            print("    explained: " + reason)
        shown = [i for i in items if explanation(form, kind, i[1]) is None][:4] or items[:1]
        for number, text, done in shown:
            print("    %d: %.300s" % (number, done))
            if text != message:
                print("        %.300s" % text)
    print("%d of %d not explained" % (unexplained, sum(len(i) for (k, _), i in groups.items() if k != "only they")))
    return 1 if unexplained else 0


# (formats, classes, part of the message, why it is no fault of ours)
EXPLAINED = (
    ("tf-bundle", "refused", r"Dtype \w+ not supported", "TensorFlow puts slices of some dtypes together only"),
    ("tf-bundle tf-v1", "refused", r"NumPy arrays can have at most 64", "numpy has 64 dimensions, TensorFlow 254"),
    ("tf-v1", "crashed", r"Only tensors of size up to 8", "TensorFlow reads 8 dimensions of a V1 checkpoint"),
    ("tf-v1", "refused", r"not found in checkpoint file|Error copying slice data",
     "TensorFlow drops a record that has lengths of more than 5 bytes, odd lists beside its slice, or its numbers as tensor_content"),
    ("tf-v1", "refused", r"not yet supported", "TensorFlow's ops of V1 know fewer dtypes"),
    ("npy npz", "refused", r"maximum supported dimension", "numpy has 64 dimensions, a shape 254"),
    ("npy npz", "refused", r"Header info length .* is large", "numpy stops at 10,000 characters, because it evaluates them"),
    ("tf-bundle tf-v1", "refused", r"Overlapping slices", "slices without elements share none; those that share one are refused"),
    ("npz", "refused", r"zip file version", "what a member needs is seen in the member; the version that it says is not looked at"),
    ("npz", "refused", r"UnicodeDecodeError", "names are bytes, whatever their flag says"),
    ("hdf5", "refused", r"bad object header message count|gap found in early version",
     "HDF5 1.14 counts what headers hold, 1.10 does not; what is read is the same"),
    ("tf-bundle tf-v1", "refused", r"Checkpoint producer version -", "who wrote a file does not say how it is read"),
    ("safetensors", "refused", r"invalid UTF-8|lone leading surrogate", "names are bytes"),
    ("hdf5", "refused", r"greater than maxdim|likely file corruption|out of bounds|is zero|can't be zero|positions overlap"
     r"|invalid datatype size|unusually large #",
     "HDF5 1.14 checks more of what a header says than 1.10, and than what is read needs"),
    ("hdf5", "refused", r"invalid deflate aggression level", "the level is nothing that a reader needs"),
    ("hdf5", "refused", r"bad superblock status flags", "the flags are of programs that write while others read"),
    ("hdf5", "refused", r"bad coordinate offset", "a chunk's key still names the chunk; one that names another is refused"),
    ("hdf5", "refused", r"Insufficient precision in available types|Unspecified error in H5Tget_ebias", "numpy has no such type, and float64 holds its numbers"),
    ("hdf5", "refused", r"Unknown string encoding|Unknown DTYPE encoding", "strings are bytes, whatever they are said to be"),
)


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: PYTHON ")[1])
    parser.add_argument("tool")
    parser.add_argument("cases")
    parser.add_argument("format", choices=sorted(FORMATS))
    parser.add_argument("count", type=int, nargs="?", default=1000)
    parser.add_argument("seed", type=int, nargs="?", default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--report")
    parser.add_argument("--write", nargs=2)
    options = parser.parse_args()
    options.tool = os.path.abspath(options.tool)
    if options.write:
        form = FORMATS[options.format](options.cases)
        files, done = form.mutant(options.seed, int(options.write[0]))
        form.write(files, os.path.abspath(options.write[1]))
        print(done)
        return 0
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
