#!/usr/bin/env bash
# Converts checkpoints to HDF5 where there is not enough room: on memory file systems of every size in steps (as root), under limits on
# the size of a file, and with single and lasting failures of every write (where strace is there). Each must end with status 74 or 73
# and a sentence, and leave nothing behind.
# usage: Tests/FullDisk/run.sh [CKPT_CONVERT]        (default: .build/release/ckpt-convert)
set -uo pipefail
cd "$(dirname "$0")/../.."

tool=$(realpath "${1:-.build/release/ckpt-convert}")
work=$(mktemp -d)
mounted=
trap '[ -n "$mounted" ] && umount "$work/disk"; rm -rf "$work"' EXIT
mkdir "$work/disk" "$work/out"
tried=0 failed=0 refused=0 done=0

# judge FOLDER STATUS WHAT: what became of a conversion into FOLDER.
judge() {
  tried=$((tried + 1))
  local left
  left=$(find "$1" -mindepth 1 -printf '%f ')
  if [ "$2" = 0 ]; then
    done=$((done + 1))
    [ "$left" = "out.h5 " ] && rm -f "$1/out.h5" && return
    echo "FAIL $3: status 0, in the folder: $left"
  else
    refused=$((refused + 1))
    { [ "$2" = 74 ] || [ "$2" = 73 ]; } && [ -z "$left" ] && [ -s "$work/said" ] && return
    echo "FAIL $3: status $2, said '$(head -c 300 "$work/said")', left '$left'"
  fi
  failed=$((failed + 1))
  find "$1" -mindepth 1 -delete
}

# convert FOLDER CHECKPOINT COMPRESSION: with `within` before the program, a limit or a tracer.
# What is said goes through a pipe, to which no limit on files applies.
convert() {
  "${within[@]}" "$tool" "$2" --to hdf5 --compress "$3" -o "$1/out" 2>&1 >/dev/null | cat >"$work/said"
  return "${PIPESTATUS[0]}"
}

cases=Conformance/Cases
small=$cases/tf-bundle/tf2-strings/model
large=$cases/mnist-slim/checkpoints/epoch-9
within=(env)
for compression in none gzip; do
  for checkpoint in "$small" "$large"; do
    convert "$work/out" "$checkpoint" $compression
    judge "$work/out" $? "$checkpoint, $compression, without a limit"
  done
done
[ $done = 4 ] || { echo "the conversions do not even work with room enough"; exit 1; }

# ---- a small disk
if mount -t tmpfs -o size=4k none "$work/disk" 2>"$work/said"; then
  mounted=1
  for compression in none gzip; do
    for sizes in "$small 4 4 160" "$large 64 16 1600"; do
      read -r checkpoint first step last <<<"$sizes"
      for ((size = first; size <= last; size += step)); do
        mount -o "remount,size=${size}k" "$work/disk"
        convert "$work/disk" "$checkpoint" $compression
        judge "$work/disk" $? "$checkpoint, $compression, a disk of $size KiB"
      done
    done
  done
else
  echo "skipped: disks of every size ($(head -1 "$work/said"))"
fi

# ---- a limit on the size of a file
within=(bash -c 'ulimit -f "$0"; exec "$@"' 0)
for compression in none gzip; do
  for sizes in "$small 0 1 24" "$large 0 24 1200"; do
    read -r checkpoint first step last <<<"$sizes"
    for ((size = first; size <= last; size += step)); do
      within[3]=$size
      convert "$work/out" "$checkpoint" $compression
      judge "$work/out" $? "$checkpoint, $compression, files of at most $size KiB"
    done
  done
done

# ---- every write
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
  for compression in none gzip; do
    for call in pwrite64:ENOSPC ftruncate:EIO fsync:EIO; do
      for lasting in "" +; do
        for ((n = 1; n < 400; n++)); do
          within=(strace -f -qq -o "$work/trace" -e "trace=${call%:*}" -e "inject=${call%:*}:error=${call#*:}:when=$n$lasting")
          convert "$work/out" "$small" $compression
          status=$?
          grep -q INJECTED "$work/trace" || { find "$work/out" -mindepth 1 -delete; break; }
          judge "$work/out" $status "$small, $compression, ${call%:*} number $n$lasting fails with ${call#*:}"
        done
      done
    done
  done
else
  echo "skipped: failures of single writes (strace is not there or may not trace)"
fi

echo "$tried conversions: $done done, $refused refused, $failed failures"
[ $failed = 0 ]
