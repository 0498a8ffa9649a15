#!/usr/bin/env bash
# Runs a conversion to every format, and the reading of every damaged bundle, vector and archive, under Valgrind: no byte is read that was
# never written or is not the program's. Better on a debug binary; the HDF5 worker is another process and not looked at.
# usage: Tests/Faults/valgrind.sh [CKPT_CONVERT]
. "$(dirname "$0")/common.sh"
need valgrind "apt-get install valgrind"
check() {
  valgrind -q --error-exitcode=99 "$tool" "$@" >/dev/null 2>"$work/said"
  status=$?
  points=$((points + 1))
  [ $status != 99 ] && [ $status -lt 128 ] || fail "$*: status $status: $(head -5 "$work/said")"
}
set -f
for conversion in "${conversions[@]}"; do
  IFS='|' read -r format input index options <<<"$conversion"
  check "$input" --to "$format" $options --quiet -o "$work/model.$points"
done
set +f
for file in "$cases"/damaged/*/*.{index,npy,npz,json}; do
  case $file in */case.json | */tensors.json) ;; *) check inspect --digests "$file" ;; esac
done
report ""
