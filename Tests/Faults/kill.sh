#!/usr/bin/env bash
# Kills conversions at every system call that changes anything, for every format that is written, fresh and with --force. Afterwards
# the destination must hold the old checkpoint, the new one, or none where there was none, whole; the source must be what it was; and
# `clean` must take away what is left, after which the same conversion must succeed.
# Needs strace. With the Python of a TensorFlow as second argument that reads the bundles and V1 checkpoints, too.
# usage: Tests/Faults/kill.sh [CKPT_CONVERT [PYTHON]]
. "$(dirname "$0")/common.sh"
python=${2:-}
need strace "apt-get install strace"
strace -o /dev/null true 2>/dev/null || { echo "skipped: strace may not trace here"; exit 0; }
mkdir "$work/kept"

# What changes something. Of the openings only those that make a file count; they are found in a run without a kill.
calls="mkdir fallocate pwrite64 write ftruncate fsync flock link rename renameat2 unlink unlinkat rmdir"

# judge STATUS WHAT: looks at $out after a run. Uses old, new, mode, format, input, index, options.
judge() {
  local found state key
  found=$(digests "$out/$index")
  if [ "$found" = "$new" ]; then state=new
  elif [ "$mode" = force ] && [ "$found" = "$old" ]; then state=old
  elif [ "$mode" = fresh ] && [ ! -e "$out/$index" ]; then state=absent
  else fail "$2: the destination is broken: $(ls -A "$out" | tr '\n' ' ')"; return
  fi
  case $1 in
    137) ;;
    0) [ $state = new ] || fail "$2: status 0, and the destination is $state" ;;
    65 | 73 | 74) # the worker was killed, not the program
      [ -z "$(stagings "$out")" ] || fail "$2: left $(stagings "$out")" ;;
    *) fail "$2: status $1" ;;
  esac
  [ "$before" = "$(fingerprint "${sources[@]}")" ] || fail "$2: the source changed"
  "$tool" clean --quiet "$out" || fail "$2: cannot be cleaned"
  [ -z "$(stagings "$out")" ] || fail "$2: not cleaned: $(stagings "$out")"
  # Each state that is met for the first time is kept for TensorFlow, and the conversion repeated upon it.
  key=$(cd "$out" && find . -type f | sort | xargs -r sha256sum | sha256sum | cut -c 1-16)
  if [ ! -e "$work/met/$key" ]; then
    touch "$work/met/$key"
    if [ $state != absent ] && [[ $format == tf-* ]]; then
      cp -r "$out" "$work/kept/$format.$mode.$state.$key"
    fi
    "$tool" "$input" --to "$format" $options --force --quiet -o "$out/model" 2>"$work/said" || fail "$2: cannot be repeated: $(cat "$work/said")"
    [ "$(digests "$out/$index")" = "$new" ] || fail "$2: repeated, it is not the new one"
  fi
}

for conversion in "${conversions[@]}"; do
  IFS='|' read -r format input index options <<<"$conversion"
  mapfile -t sources < <(find "$(dirname "$input")" -maxdepth 1 -type f | sort)
  before=$(fingerprint "${sources[@]}")
  for mode in fresh force; do
    out=$work/out
    rm -rf "$work/old" "$work/met" "$out"
    mkdir "$work/old" "$work/met" "$out"
    set -f # globs among the options are the program's
    "$tool" "$input" --to "$format" $options --quiet -o "$out/model" || fail "$conversion does not work"
    new=$(digests "$out/$index")
    printf '%s\n' "$new" >"$work/kept/$format.new"
    if [ $mode = force ]; then
      # What is replaced has as many files and other numbers.
      "$tool" "$input" --to "$format" ${options#--shards 2} --cast float64 --quiet -o "$work/old/model" || fail "$conversion: no old one"
      old=$(digests "$work/old/$index")
      printf '%s\n' "$old" >"$work/kept/$format.old"
    fi
    set +f
    reset() { rm -rf "$out"; cp -a "$work/old" "$out"; }
    set -f
    run=("$tool" "$input" --to "$format" $options --jobs 1 --quiet -o "$out/model")
    set +f
    [ $mode = force ] && run+=(--force)
    # attempt CALL N
    attempt() {
      reset
      strace -f -qq -o "$work/trace" -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" "${run[@]}" >"$work/said" 2>&1
      status=$?
      grep -q 'killed by SIGKILL' "$work/trace" || return 1
      points=$((points + 1))
      judge $status "$format $options $mode, $1 number $2"
    }
    for call in $calls; do
      # The shell's own words about killed programs are of no interest.
      for ((n = 1; n < 500; n++)); do attempt $call $n 2>/dev/null || break; done
    done
    reset
    strace -f -qq -o "$work/trace" -e trace=openat "${run[@]}" >"$work/said" 2>&1
    for n in $(awk '{ count[$1]++ } /O_CREAT/ { print count[$1] }' "$work/trace" | sort -un); do attempt openat "$n" 2>/dev/null; done
  done
done

if [ -n "$python" ]; then
  asked=0
  for folder in "$work"/kept/tf-*.*.*.*; do
    IFS=. read -r format _ state _ <<<"$(basename "$folder")"
    hashes() { grep -o '"[0-9a-f]\{64\}"' | sort; }
    [ "$("$python" Tests/Oracles/tf_digests.py "$folder/model" 2>/dev/null | hashes)" = "$(hashes <"$work/kept/$format.$state")" ] || fail "TensorFlow does not find the $state checkpoint in $(basename "$folder")"
    asked=$((asked + 1))
  done
  report ", 0 lost; TensorFlow read $asked different states"
else
  report ""
fi
