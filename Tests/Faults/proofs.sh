#!/usr/bin/env bash
# Gives every file below FOLDER (the proof files of HDF5's advisories, a fuzzer's findings) to `inspect --digests
# --json`, `check` and `convert --to npy-flat`, each with 20 s of the clock and 1 GiB of address space, and counts how
# they end. A run fails that ends by a signal, a time-out or a status that the README does not have, that leaves
# something of an output that it does not report as done, or that changes its file. Nothing of FOLDER is kept here;
# where to get such files is in SECURITY.md.
# usage: Tests/Faults/proofs.sh FOLDER [CKPT_CONVERT]
set -euo pipefail
[ -d "${1:-}" ] || { echo "usage: Tests/Faults/proofs.sh FOLDER [CKPT_CONVERT]"; exit 64; }
folder=$(realpath "$1")
. "$(dirname "$0")/common.sh" "${@:2:1}"
declare -A ended=() crashed=()
files=0 slowest=0 slow= said=

# run FILE ARGUMENT…
run() {
  local file=$1 status=0 start=${EPOCHREALTIME/[.,]/} time what
  shift
  rm -rf "$work/out"
  mkdir "$work/out"
  (ulimit -v 1048576 && exec timeout -k 5 20 "$tool" "$@") >/dev/null 2>"$work/said" || status=$?
  time=$(((${EPOCHREALTIME/[.,]/} - start) / 1000))
  what="$1 ${file#"$folder"/}"
  [ $time -le $slowest ] || { slowest=$time slow=$what; }
  points=$((points + 1))
  ended["$1 $status"]=$((${ended["$1 $status"]:-0} + 1))
  case $status in
    0 | 1 | 65 | 66 | 69 | 73 | 74) ;;
    *) fail "$what: status $status, $time ms: $(head -c 300 "$work/said" | tr '\n' ' ')" ;;
  esac
  if [ $status != 0 ] && [ -n "$(ls -A "$work/out")" ]; then fail "$what: status $status, left $(ls -A "$work/out")"; fi
  # The worker may crash; that is what it is for.
  said=$(grep -oE -m 1 'the HDF5 library (crashed|gave up|took too long)[^;]*' "$work/said") || return 0
  crashed[$file]=$said
}

while IFS= read -r -d '' file; do
  files=$((files + 1))
  before=$(fingerprint "$file")
  run "$file" inspect --digests --json "$file"
  run "$file" check "$file"
  run "$file" convert "$file" --to npy-flat -o "$work/out/model"
  [ "$before" = "$(fingerprint "$file")" ] || fail "$file changed"
done < <(find "$folder" -type f -print0 | sort -z)

for file in "${!crashed[@]}"; do echo "worker: ${file#"$folder"/}: ${crashed[$file]}"; done | sort
for end in "${!ended[@]}"; do echo "$end: ${ended[$end]}"; done | sort
report ", $files files, the worker ended by itself with ${#crashed[@]} of them, slowest $slowest ms ($slow)"
