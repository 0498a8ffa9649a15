#!/usr/bin/env bash
# Sends SIGINT, SIGTERM and SIGHUP to conversions at random times. Each must end within a second, with status 130, 143 or 129 and
# nothing left, or have been done before: with status 0 and the whole output.
# usage: Tests/Faults/interrupt.sh [CKPT_CONVERT [N [SEED]]]        (default: 1000 signals, seed 1)
. "$(dirname "$0")/common.sh"
count=${2:-1000}
RANDOM=${3:-1}
source=$work/source/model.npy
mkdir "$work/source" "$work/out"
# 16 MB: long enough to be met in the middle.
{ printf '\x93NUMPY\x01\x00\x76\x00'; printf "%-117s\n" "{'descr': '<f4', 'fortran_order': False, 'shape': (4096, 1024), }"; head -c 16777216 /dev/zero; } >"$source"
before=$(fingerprint "$source")
declare -A numbers=([INT]=130 [TERM]=143 [HUP]=129) ended=()
names=(INT TERM HUP)
slowest=0
formats=(tf-bundle tf-v1 npy-flat npz safetensors hdf5)
now() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
# A child that a signal meets before it has become the program would end as this script does: by removing the folder.
trap - EXIT
# Without job control a background process ignores SIGINT.
set -m
for ((i = 0; i < count; i++)); do
  format=${formats[i % 6]}
  name=${names[i / 6 % 3]}
  "$tool" "$source" --to "$format" --quiet -o "$work/out/model" 2>"$work/said" &
  sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
  start=$(now)
  kill -"$name" $! 2>/dev/null
  wait $! 2>/dev/null
  status=$?
  time=$(($(now) - start))
  [ $time -le $slowest ] || slowest=$time
  points=$((points + 1))
  ended[$status]=$((${ended[$status]:-0} + 1))
  what="signal $i, $name, $format"
  if [ $status = 0 ]; then
    [ -n "$(digests "$work/out/model")" ] || fail "$what: done, and there is no output"
  else
    [ $status = "${numbers[$name]}" ] || fail "$what: status $status, $(cat "$work/said")"
    [ -z "$(ls -A "$work/out")" ] || fail "$what: left $(ls -A "$work/out")"
  fi
  [ $time -le 1000 ] || fail "$what: took $time ms"
  rm -rf "$work/out"
  mkdir "$work/out"
done
[ "$before" = "$(fingerprint "$source")" ] || fail "the source changed"
trap 'rm -rf "$work"' EXIT
report "; $(for status in "${!ended[@]}"; do printf 'status %s: %s, ' "$status" "${ended[$status]}"; done)slowest $slowest ms"
