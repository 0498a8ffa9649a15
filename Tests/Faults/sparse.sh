#!/usr/bin/env bash
# Reads and converts checkpoints of 1, 10 and 100 GB that take no room on the disk (one .npy, and four variables in a
# safetensors), and holds the peak of memory against that of the smallest: it must be flat within 10 %. `check` reads
# all three sizes, `inspect --digests` and the conversions the first two; outputs are removed at once, but the largest
# needs 10 GB of room in FOLDER. The largest process is looked at, and the worker of HDF5 by itself. Needs GNU time
# and some minutes.
# usage: Tests/Faults/sparse.sh CKPT_CONVERT FOLDER [GB…]           (default: 1 10 100; conversions stop at 10)
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: Tests/Faults/sparse.sh CKPT_CONVERT FOLDER [GB…]"; exit 64; }
parent=$(realpath "$2")
. "$(dirname "$0")/common.sh" "$1"
need /usr/bin/time "apt-get install time"
shift 2
sizes=("$@")
(($#)) || sizes=(1 10 100)
folder=$(mktemp -d "$parent/sparse.XXXXXX")
trap 'rm -rf "$work" "$folder"' EXIT
declare -A first=()

# npy ELEMENTS, safetensors ELEMENTS: a file of float32 without a byte of its own.
npy() {
  printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': ($1,), }" \
    >"$folder/model.npy"
  truncate -s $((128 + 4 * $1)) "$folder/model.npy"
}
safetensors() {
  local header='{' part=$(($1 / 4)) i
  for i in 0 1 2 3; do
    header+="\"part$i\":{\"dtype\":\"F32\",\"shape\":[$part],\"data_offsets\":[$((4 * part * i)),$((4 * part * (i + 1)))]},"
  done
  header="${header%,}}"
  while ((${#header} % 8)); do header+=' '; done
  { printf '%016x' ${#header} | fold -w 2 | tac | tr -d '\n' | tr a-f A-F | basenc --base16 -d && printf %s "$header"; } \
    >"$folder/model.safetensors"
  truncate -s $((8 + ${#header} + 16 * part)) "$folder/model.safetensors"
}

# watch: prints the peak of the worker in KiB, as far as it was seen, until told to stop.
watch() {
  local peak=0 parent pid now
  while [ ! -e "$work/done" ]; do
    parent=$(cat "$work/pid" 2>/dev/null || true)
    for pid in $(pgrep -P "${parent:-$$}" -f hdf5-worker || true); do
      now=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status" 2>/dev/null) || now=
      [ "${now:-0}" -le $peak ] || peak=$now
    done
    sleep 0.1
  done
  echo $peak >"$work/worker"
}

# measure GB KIND ARGUMENT…: KIND is what peaks are compared within.
measure() {
  local size=$1 kind=$2 status=0 wall user system memory worker
  shift 2
  rm -f "$work/done" "$work/pid"
  watch &
  /usr/bin/time -q -o "$work/time" -f '%e %U %S %M' \
    bash -c 'echo $$ >"$1" && shift && exec "$@"' - "$work/pid" "$tool" "$@" >"$work/said" 2>&1 || status=$?
  touch "$work/done"
  wait $!
  rm -rf "$folder"/out*
  read -r wall user system memory <"$work/time"
  worker=$(cat "$work/worker")
  points=$((points + 1))
  printf '%-28s %4s GB  %7d KiB  worker %6d KiB  %7.1f s  (user %.1f, system %.1f)\n' \
    "$kind" "$size" "$memory" "$worker" "$wall" "$user" "$system"
  [ $status = 0 ] || fail "$kind, $size GB: status $status: $(head -c 300 "$work/said")"
  first[$kind]=${first[$kind]:-$memory}
  ((memory * 10 <= first[$kind] * 11)) || fail "$kind: $memory KiB at $size GB, ${first[$kind]} KiB at ${sizes[0]} GB"
}

for size in "${sizes[@]}"; do
  npy $((size * 250000000))
  measure "$size" "check npy" check "$folder/model.npy"
  if ((size <= 10)); then
    measure "$size" "inspect --digests npy" inspect --digests "$folder/model.npy"
    measure "$size" "npy to npy-flat" convert "$folder/model.npy" --to npy-flat -o "$folder/out"
    rm "$folder/model.npy"
    safetensors $((size * 250000000))
    measure "$size" "check safetensors" check "$folder/model.safetensors"
    for format in npz tf-bundle hdf5; do
      measure "$size" "safetensors to $format" convert "$folder/model.safetensors" --to $format -o "$folder/out"
    done
  fi
  rm -f "$folder"/model.*
done
report ""
