#!/usr/bin/env python3
"""Has the real TensorFlows read every bundle that ckpt-convert writes from a corpus, and compares digests.

usage: bundles.py ORACLES CORPUS
  ORACLES  a folder with Python environments tf18, tf115, tf2 (any of them may be missing: it is skipped, with that reason)
  CORPUS   a folder with manifest.json, as the format corpus has it
Environment: CKPT_CONVERT, the binary (default .build/release/ckpt-convert).

A tensor that a TensorFlow cannot read from the original file either (a dtype that it does not know, slices that it cannot
glue) is not held against the bundle; it is counted.
"""
import json
import os
import subprocess
import sys
import tempfile

FAMILIES = ("tf-bundle-v2", "tf-state", "tf-object", "tf-savedmodel")
here = os.path.dirname(os.path.abspath(__file__))
tool = os.path.abspath(os.environ.get("CKPT_CONVERT", ".build/release/ckpt-convert"))
oracles, corpus = sys.argv[1:3]
work = tempfile.mkdtemp()

bundles = []
for case in json.load(open(os.path.join(corpus, "manifest.json")))["cases"]:
    if case["family"] not in FAMILIES:
        continue
    prefix = os.path.join(corpus, case["family"], case["id"], case["prefix"])
    for shards in ("1", "3"):
        out = os.path.join(work, case["id"] + "." + shards)
        done = subprocess.run([tool, prefix, "--to", "tf-bundle", "--shards", shards, "-o", out], capture_output=True, text=True)
        if done.returncode:
            sys.exit("%s: %s" % (case["id"], done.stderr))
        bundles.append((case, prefix, out))


def read(python, prefixes):
    """What a TensorFlow finds; one that dies of a file is asked again from the next file on."""
    found = {}
    while prefixes:
        done = subprocess.run([python, os.path.join(here, "tf_digests.py")] + prefixes, capture_output=True, text=True)
        rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        found.update((row["prefix"], row) for row in rows)
        prefixes = prefixes[len(rows):]
        if prefixes:
            found[prefixes[0]] = {"error": "died with status %d" % done.returncode}
            prefixes = prefixes[1:]
    return found


failed = passed = skipped = 0
for name in ("tf18", "tf115", "tf2"):
    python = os.path.join(oracles, name, "bin", "python")
    if not os.path.exists(python):
        print("SKIP %s: not installed in %s" % (name, oracles))
        skipped += 1
        continue
    found = read(python, sorted({original for _, original, _ in bundles}) + [out for _, _, out in bundles])
    equal = unknown = 0
    for case, original, out in bundles:
        ours, theirs = found[out], found[original]
        want = {t["name"]: t["sha256"] for t in case["tensors"] if t["sha256"]}
        if "tensors" not in ours:
            # Fair only where the original cannot be read either.
            if "tensors" in theirs:
                failed += 1
                print("FAIL %s %s: %s" % (name, out, ours["error"]))
            else:
                unknown += len(want)
            continue
        for tensor, digest in want.items():
            if ours["tensors"].get(tensor) == digest:
                equal += 1
            else:
                failed += 1
                print("FAIL %s %s: %r" % (name, out, tensor))
    passed += equal
    print("%s: %d tensors of %d bundles read back equal; %d tensors that it cannot read from the original either" % (
        name, equal, len(bundles), unknown))
print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
sys.exit(1 if failed or not passed else 0)
