#!/usr/bin/env bash
# Starts two conversions to the same output at once, to the hundredth of a second apart at most. Without --force exactly one must win and the other say so;
# with it the output must be one of the two, whole. Nothing may be left.
# usage: Tests/Faults/race.sh [CKPT_CONVERT [N [SEED]]]        (default: 1000 races, seed 1)
. "$(dirname "$0")/common.sh"
count=${2:-1000}
RANDOM=${3:-1}
mkdir "$work/out"
both=0
for ((i = 0; i < count; i++)); do
  IFS='|' read -r format input index options <<<"${conversions[i % ${#conversions[@]}]}"
  force=
  [ $((i / ${#conversions[@]} % 2)) = 0 ] || force=--force
  set -f
  one=("$tool" "$input" --to "$format" $options --quiet $force -o "$work/out/model")
  set +f
  "${one[@]}" 2>"$work/said.1" &
  first=$!
  sleep "0.00$((RANDOM % 10))"
  "${one[@]}" --cast float64 2>"$work/said.2" &
  wait $first
  first=$?
  wait $!
  second=$?
  points=$((points + 1))
  what="race $i, $format $options $force"
  case $first,$second in
    0,0)
      [ -n "$force" ] || fail "$what: both won"
      both=$((both + 1))
      ;;
    0,73) grep -q 'another ckpt-convert\|already there' "$work/said.2" || fail "$what: said $(cat "$work/said.2")" ;;
    73,0) grep -q 'another ckpt-convert\|already there' "$work/said.1" || fail "$what: said $(cat "$work/said.1")" ;;
    *) fail "$what: status $first and $second: $(cat "$work"/said.*)" ;;
  esac
  [ -n "$(digests "$work/out/$index")" ] || fail "$what: no output: $(ls -A "$work/out" | tr '\n' ' ')"
  if [ -z "$force" ]; then
    "$tool" inspect "$work/out/$index" --json | grep -q float64 && found=1 || found=0
    [ $found = $((second == 0)) ] || fail "$what: the output is not the winner's"
  fi
  [ -z "$(stagings "$work/out")" ] || fail "$what: left $(stagings "$work/out")"
  rm -rf "$work/out"
  mkdir "$work/out"
done
report "; with --force $both of $((count / 2)) came one after the other"
