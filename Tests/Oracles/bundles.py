#!/usr/bin/env python3
"""Has the real TensorFlows read every bundle and V1 checkpoint that ckpt-convert writes from a corpus, and compares digests.

usage: bundles.py ORACLES CORPUS [FORMAT…]
  ORACLES  a folder with Python environments tf18, tf115, tf2 (any of them may be missing: it is skipped, with that reason)
  CORPUS   a folder with manifest.json, as the format corpus has it
  FORMAT   tf-bundle, tf-v1 (default: both)
Environment: CKPT_CONVERT, the binary (default .build/release/ckpt-convert).

A tensor that a TensorFlow cannot read from the original file either (a dtype that it does not know, slices that it cannot
glue) is not held against the output; it is counted.
"""
import json
import os
import subprocess
import sys
import tempfile

FAMILIES = ("tf-bundle-v2", "tf-checkpoint-v1", "tf-state", "tf-object", "tf-savedmodel")
OUTPUTS = {"tf-bundle": (["--shards", "1"], ["--shards", "3"]), "tf-v1": (["--allow-loss"],)}
here = os.path.dirname(os.path.abspath(__file__))
tool = os.path.abspath(os.environ.get("CKPT_CONVERT", ".build/release/ckpt-convert"))
oracles, corpus = sys.argv[1:3]
formats = sys.argv[3:] or sorted(OUTPUTS)
work = tempfile.mkdtemp()

bundles = []
for case in json.load(open(os.path.join(corpus, "manifest.json")))["cases"]:
    if case["family"] not in FAMILIES:
        continue
    prefix = os.path.join(corpus, case["family"], case["id"], case["prefix"])
    for number, (to, options) in enumerate((to, options) for to in formats for options in OUTPUTS[to]):
        out = os.path.join(work, "%s.%d" % (case["id"], number))
        done = subprocess.run([tool, prefix, "--to", to, "-o", out] + options, capture_output=True, text=True)
        if done.returncode:
            sys.exit("%s: %s" % (case["id"], done.stderr))
        listed = json.loads(subprocess.run([tool, "inspect", out, "--json"], capture_output=True, text=True).stdout)
        bundles.append((case, prefix, out, {v["name"] for v in listed["variables"]}))


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
    found = read(python, sorted({original for _, original, _, _ in bundles}) + [out for _, _, out, _ in bundles])
    equal = unknown = 0
    for case, original, out, held in bundles:
        ours, theirs = found[out], found[original]
        want = {t["name"]: t["sha256"] for t in case["tensors"] if t["sha256"] and t["name"] in held}
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
    print("%s: %d tensors of %d checkpoints read back equal; %d tensors that it cannot read from the original either" % (
        name, equal, len(bundles), unknown))
print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
sys.exit(1 if failed or not passed else 0)
