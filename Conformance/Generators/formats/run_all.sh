#!/bin/sh
# Makes the format corpus and, from it, the damaged one.  usage: PY18=... PY115=... PY2=... SNAPPY=... sh run_all.sh OUT_DIR DAMAGED_DIR
# PY18: Python 3.6, tensorflow 1.8.0, numpy 1.16.6
# PY115: Python 3.7, tensorflow 1.15.5
# PY2: Python 3.11, tensorflow 2.21, tf-keras, numpy 2.4.6, h5py 3
# SNAPPY: the program built from snappy_table.cc
here=$(dirname "$0"); out=$1; export PYTHONDONTWRITEBYTECODE=1
mkdir -p "$out"
rm -rf "$out"/parts "$out"/tf-* "$out"/npy "$out"/hdf5
$PY18 $here/gen_tf1.py "$out"; $PY115 $here/gen_tf1.py "$out"; $PY2 $here/gen_tf2.py "$out"
$PY115 $here/gen_snappy.py "$out" "$SNAPPY"
$PY2 $here/gen_npy.py "$out"
$PY2 $here/gen_hdf5.py "$out"; $PY18 $here/gen_hdf5.py "$out"
$PY2 $here/assemble.py "$out"
$PY115 $here/verify.py "$out" tf; $PY2 $here/verify.py "$out"
rm -rf "$out/parts"
$PY2 $here/make_bad.py "$out" "$2"
