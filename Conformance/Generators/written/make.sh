#!/usr/bin/env bash
# Adds what this release writes to the cases, where it is read for ever: a tiny checkpoint in every format that can be written.
# Their bytes are equal to those of a case that another library wrote, because convert compares; the digests are recorded anew.
# usage: Conformance/Generators/written/make.sh [PROGRAM]        (default: .build/release/ckpt-convert)
set -euo pipefail
program=$(realpath "${1:-$(dirname "$0")/../../../.build/release/ckpt-convert}")
cd "$(dirname "$0")/../../Cases"

written=written-$("$program" --version | awk 'NR == 1 {print $NF}')
if [ -e "$written" ]; then
  echo "make.sh: $written is there; what a release wrote is never changed" >&2
  exit 1
fi
for format in $("$program" formats | awk '$3 == "yes" {print $1}'); do
  case "$format" in
    keras-*) source=keras/keras231-rnn_weights/model.h5 ;;
    npy) source=tf-bundle/tf2-part_raw/model ;;
    *) source=tf-bundle/tf18-dtypes/model ;;
  esac
  mkdir -p "$written/$format"
  "$program" convert "$source" --to "$format" -o "$written/$format/store" --allow-loss --quiet
  "$program" conformance --record "$written/$format" "$written/$format/store"
done
