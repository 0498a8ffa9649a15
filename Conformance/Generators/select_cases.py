"""Takes the cases of this folder out of the three corpora that the generators make.

usage: python select_cases.py GOLDEN_DIR FORMATS_DIR DAMAGED_DIR CASES_DIR        (Python 3.11, numpy)

Writes one folder per case with its files, case.json and tensors.json (see ../README.md). Nothing is measured here: digests
are those that the original libraries gave; only flat vectors, which have no names of their own, are cut by the offsets that
their case records and hashed with hashlib.
"""
import hashlib
import json
import os
import pickle
import shutil
import sys
import zipfile

import numpy as np

GOLDEN, FORMATS, DAMAGED, CASES = sys.argv[1:5]

ES_AGENT = ("weights.npy", "weights_f64.npy", "weights.pkl", "weights_protocol2.pkl", "weights_py2.pkl", "weights_py2_protocol2.pkl")

FORMAT_CASES = """
tf-bundle: s-snappy-blocks s-tf18-dtypes s-tf115-dtypes s-tf2-dtypes s-tf18-shapes s-tf2-shapes s-tf2-strings
  s-tf18-odd_names s-tf2-odd_names s-tf18-part_fixed s-tf18-part_raw s-tf115-part_raw s-tf2-part_raw s-tf2-slices_far
  s-tf2-slices_noread s-tf18-sharded0 s-tf18-sharded1 s-tf115-sharded2 s-tf2-sharded s-tf18-merge s-tf18-nometa
  s-tf115-resource s-tf18-ema_adam s-tf2-v1saver
tf-object: s-tf18-object s-tf115-object s-tf115-keras_tf s-tf2-object s-tf2-optimizer s-tf2-keras_tf s-tf2-async s-tf2-iterator
  s-tf2-shard_max s-tf2-shard_task
tf-v1: s-snappy-v1 s-tf18-v1_compressible s-tf18-v1_dtypes s-tf18-v1_part s-tf18-v1_sharded s-tf115-v1_dtypes s-tf115-v1_sharded s-tf2-v1
saved-model: s-tf18-savedmodel s-tf115-savedmodel s-tf2-savedmodel
tf-state: s-tf18-state_rel s-tf115-state_abs
npy: s-npy-dtypes_le s-npy-dtypes_be s-npy-order s-npy-shapes s-npy-versions s-npy-handmade_headers s-npy-datetime s-npy-object
  s-npy-structured s-npy-strings
npz: s-npz-stored s-npz-deflated
safetensors: s-st-dtypes s-st-meta
keras: s-keras216-seq_full s-keras231-rnn_weights s-tfkeras-nested_weights s-keras3-nested_keras s-keras3-rnn_weights
  s-keras3-sharded_weights s-tfkeras-v3_weights
hdf5: s-h5py2-plain s-h5py2-dtypes s-h5py2-strings s-h5py3-dtypes s-h5py3-latest s-h5py3-v108 s-h5py3-layouts s-h5py3-layouts_latest
  s-h5py3-links s-h5py3-spaces s-h5py3-strings s-h5py3-paged s-h5py3-userblock
"""

DAMAGED_CASES = """
index-cut-0 index-cut-47 index-cut-80 index-cut-112 index-cut-159 data-cut-32 data-extra data-flip-1 index-flip-entry
index-flip-type index-flip-metaindex footer-flip-handle footer-flip-padding footer-magic missing-data dir-for-data
shard-missing shard-swapped entry-size-huge entry-offset-huge entry-dim-overflow entry-dim-overflow2 entry-size-small
entry-rank-300 entry-dtype-unknown entry-dtype-resource entry-crc-unmasked entry-unknown-field header-shards-huge
header-big-endian header-min-consumer header-missing only-header dup-key-differs unsorted overlap-part amplify name-traversal
name-not-utf8 table-restarts-huge table-shared-beyond table-varint-long table-block-empty table-type-2 table-snappy-claims-4g
table-handle-overflow slice-hole slice-overlap slice-outside slice-unlisted
string-len-2g string-len-nonminimal string-count-huge state-escape state-escapes state-concatenated state-missing-target
state-twice npy-empty npy-cut-data npy-extra-data npy-hlen-4g npy-header-call npy-header-shape-overflow
npy-header-shape-terabyte npy-header-nested-parens npy-header-dup-key npy-header-descr-native npy-pickle npy-no-newline
npz-dup npz-not-npy npz-crc npz-cut npz-half npz-encrypted npz-size-lies npz-method-99 npz-local-name-differs npz-bomb-hidden
npz-pickle npz-prefix st-empty st-hlen-huge st-hlen-short st-cut st-extra st-overlap st-gap st-reverse st-shape-mismatch
st-shape-overflow st-shape-negative st-dtype st-dup st-not-json st-array st-deep st-float-offset st-metadata-int
st-leading-space st-trailing-space
npy-raw-pickle npy-header-descr-object
v1-cut-0 v1-cut-20 v1-cut-407 v1-cut-813 v1-flip v1-slice-missing v1-meta-missing v1-meta-garbage v1-value-short v1-value-swapped
v1-shard-missing
h5-cut-0 h5-cut-8 h5-cut-96 h5-cut-19380 h5-latest-cut h5-extra h5-magic h5-superblock-version h5-latest-superblock-flip h5-ohdr-flip
h5-fadb-flip h5-bthd-flip h5-heap-tag h5-snod-tag h5-tree-self h5-snod-far h5-heap-size h5-heap-addr h5-eof-huge h5-root-far
h5-chunk-flip-gzip h5-chunk-flip-fletcher h5-chunk-flip-lzf h5-cycles h5-external-links h5-external-raw h5-huge-unwritten
h5-chunk-sizes h5-unknown-filter h5-names h5-heap-names
keras-weight-missing keras-layer-missing keras-weight-unlisted keras-weight-twice keras-weight-traversal keras-split-gap
keras-names-int keras-weight-is-group keras-config-bad-json keras-zip-no-weights keras-zip-two-weights keras-zip-h5-cut keras-zip-lambda
"""

# Names are data, and a length may be spelt with more bytes than it needs: nothing is wrong with such a file, and nothing is said.
UNREMARKABLE = "h5-names string-len-nonminimal".split()

# The exit status that refusing a file ends with: 65, corrupt, unless something is missing or is more than any version reads.
NOT_FOUND = """
header-shards-huge missing-data shard-missing state-escape state-missing-target v1-shard-missing
""".split()
UNSUPPORTED = """
entry-dtype-resource h5-external-raw h5-huge-unwritten h5-unknown-filter header-min-consumer npy-header-descr-object npy-pickle
npy-raw-pickle npz-encrypted npz-method-99 npz-pickle v1-cut-0 datetime object structured
""".split()

SAFETENSORS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32", "I16": "int16",
               "I8": "int8", "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool", "C64": "complex64",
               "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}


def write(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(value)


def lines(tensors):
    """JSON with one tensor a line."""
    groups = []
    for prefix, entries in tensors.items():
        body = ",\n".join("  " + json.dumps(t) for t in entries)
        groups.append(" %s: [\n%s\n ]" % (json.dumps(prefix), body))
    return "{\n" + ",\n".join(groups) + "\n}\n"


def tensor(t):
    if t["dtype"].startswith("enum<"):
        t = dict(t, dtype=t["dtype"][5:-1])
    if "string" in t["dtype"]:
        t = dict(t, dtype="string")
    dtype = np.dtype(t["dtype"]).newbyteorder("=").name if t["dtype"].startswith((">", "<", "|")) else SAFETENSORS.get(t["dtype"], t["dtype"])
    return {"name": t["name"], "dtype": dtype, "shape": t["shape"], "sha256": t["sha256"]}


def keras_name(path, main):
    """The variable of a dataset: of Keras 1 and 2 the label inside the layer's group without its `:0`, of Keras 3 the path."""
    if main.endswith((".weights.h5", ".keras", ".weights.json")):
        return path
    path = path.removeprefix("model_weights/")
    return path.split("/", 1)[1].removesuffix(":0")


def copy(source, target, names):
    for name in names:
        os.makedirs(os.path.dirname(os.path.join(target, name)), exist_ok=True)
        shutil.copyfile(os.path.join(source, name), os.path.join(target, name))


def tree(folder):
    return sorted(os.path.relpath(os.path.join(d, f), folder) for d, _, fs in os.walk(folder) for f in fs)


def is_there(folder, run):
    """Whether every file that a run names was taken along."""
    def files(value):
        if isinstance(value, str):
            return [value]
        return [value["file"]] if "file" in value else []
    named = sum((files(v) for v in list(run["feeds"].values()) + list(run["expects"].values())), [])
    weights = [run["checkpoint"] + ".index"] if run.get("checkpoint") else [run["flat"]["file"]]
    return all(os.path.exists(os.path.join(folder, n)) for n in named + weights)


def golden(name, keep, checkpoints=None):
    source, target = os.path.join(GOLDEN, name), os.path.join(CASES, name)
    copy(source, target, [f for f in tree(source) if keep(f)])
    case = json.load(open(os.path.join(source, "case.json")))
    if checkpoints is not None:
        case["checkpoints"] = checkpoints
    case["runs"] = [r for r in case["runs"] if is_there(target, r)]
    for run in case["runs"]:
        if "meta" in run and not os.path.exists(os.path.join(target, run["meta"])):
            run["meta"] = case["meta"]
    if "tensors" in case:
        all_tensors = json.load(open(os.path.join(source, case["tensors"])))
        write(os.path.join(target, "tensors.json"), lines({c: [tensor(t) for t in all_tensors[c]] for c in case["checkpoints"]}))
    return case, target


def finish(case, target):
    if case.get("expected") == "error":
        name = os.path.basename(target)
        case["status"] = 66 if name in NOT_FOUND else 69 if name in UNSUPPORTED else 65
    write(os.path.join(target, "case.json"), json.dumps(case, indent=1) + "\n")


def cut(target, file, order):
    """Names and digests of a vector's variables: float32 as the graph has them, where every value survives that."""
    path = os.path.join(target, file)
    vector = np.load(path) if file.endswith(".npy") else pickle.load(open(path, "rb"), encoding="latin1")
    if np.array_equal(vector.astype("<f4"), vector):
        vector = vector.astype("<f4")
    entries = []
    for v in order:
        count = int(np.prod(v["shape"], dtype=np.int64))
        part = np.ascontiguousarray(vector[v["offset"]:v["offset"] + count])
        assert part.size == count
        entries.append({"name": v["name"], "dtype": part.dtype.name, "shape": v["shape"], "sha256": hashlib.sha256(part.tobytes()).hexdigest()})
    return entries


def deflated_keras():
    """Keras stores the members of an archive; a zip program that packs it again deflates them."""
    source, target = os.path.join(CASES, "keras/keras3-nested_keras"), os.path.join(CASES, "keras/keras3-nested_deflated")
    os.makedirs(target, exist_ok=True)
    with zipfile.ZipFile(os.path.join(source, "model.keras")) as old, zipfile.ZipFile(os.path.join(target, "model.keras"), "w") as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name), old.read(name), zipfile.ZIP_DEFLATED)
    shutil.copy(os.path.join(source, "tensors.json"), target)
    case = json.load(open(os.path.join(source, "case.json")))
    case.update(id="keras/keras3-nested_deflated", description="the archive of keras3-nested_keras with deflated members")
    finish(case, target)


def main():
    def is_source(f):
        return not f.startswith("generators") and not f.endswith(("case.json", "tensors.json"))

    epochs = ["epoch-%d" % e for e in range(10)]
    case, target = golden(
        "mnist-slim",
        # One graph is enough: the epochs' graphs are the same.
        lambda f: is_source(f) and not f.startswith("expected") and (not f.endswith(".meta") or "epoch-9" in f),
        ["checkpoints/" + e for e in epochs])
    finish(case, target)
    finish(*golden("char-lstm", lambda f: is_source(f)))
    for name, orders in (("es-agent", {f: "order" for f in ES_AGENT}),
                         ("mnist-slim-flat", {"trainable.npy": "trainable_order", "global.npy": "global_order"})):
        case, target = golden("legacy-flat/" + name, is_source)
        case["tensors"] = "tensors.json"
        write(os.path.join(target, "tensors.json"), lines({f: cut(target, f, case["notes"][o]) for f, o in orders.items()}))
        finish(case, target)
    case, target = golden("legacy-flat/es-agent-indexed", is_source)
    manifest = json.load(open(os.path.join(target, "weights.index.json")))
    case["tensors"] = "tensors.json"
    write(os.path.join(target, "tensors.json"), lines({"weights.npy": cut(target, "weights.npy", manifest["tensors"])}))
    finish(case, target)

    corpus = {c["id"]: c for c in json.load(open(os.path.join(FORMATS, "manifest.json")))["cases"]}
    family = None
    for word in FORMAT_CASES.split():
        if word.endswith(":"):
            family = word[:-1]
            continue
        known = corpus[word]
        name = word[2:]
        for prefix in ("npy-", "npz-", "st-"):
            name = name.removeprefix(prefix)
        source, target = os.path.join(FORMATS, known["family"], word), os.path.join(CASES, family, name)
        copy(source, target, tree(source))
        case = {"schema": 1, "id": os.path.relpath(target, CASES), "description": known["notes"], "made_with": known["made_with"]}
        if family == "npy":
            case["checkpoints"] = [f for f in tree(source) if f.endswith(".npy")]
            tensors = {t["name"]: [tensor(t)] for t in known["tensors"]}
        else:
            main = "checkpoint" if family == "tf-state" else known.get("prefix") or os.path.basename(known["files"][0])
            case["checkpoints"] = [main]
            taken = known["tensors"]
            if family == "hdf5":
                # What is no tensor has no digest; it is listed as unreadable.
                taken = [dict(t, name=t["name"][1:]) for t in taken if t["sha256"]]
            if family == "keras":
                main = known["main"]
                case["checkpoints"] = [main]
                taken = [dict(t, name=keras_name(t["name"][1:], main)) for t in taken]
            tensors = {main: [tensor(t) for t in taken]}
        if known.get("expect"):
            case["expected"] = known["expect"]
        else:
            case["tensors"] = "tensors.json"
            write(os.path.join(target, "tensors.json"), lines(tensors))
        finish(case, target)

    deflated_keras()
    bad = {c["id"]: c for c in json.load(open(os.path.join(DAMAGED, "manifest.json")))}
    for word in DAMAGED_CASES.split():
        known = bad["sbad-" + word]
        source, target = os.path.join(DAMAGED, known["family"], known["id"]), os.path.join(CASES, "damaged", word)
        copy(source, target, tree(source))
        finish({"schema": 1, "id": "damaged/" + word, "description": known["damage"], "made_with": "select_cases.py from " + (known["base"] or "nothing: by hand"),
                "checkpoints": [known["main"]], "expected": "ok" if word in UNREMARKABLE else known["expected"], "say": known["say"]}, target)


main()
