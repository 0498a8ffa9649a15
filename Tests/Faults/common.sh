# What the scripts of this folder share. Sourced with the path of the program as first argument (default: .build/release/ckpt-convert).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tool=$(realpath "${1:-.build/release/ckpt-convert}")
[ -x "$tool" ] || { echo "$tool is not there: swift build -c release --product ckpt-convert"; exit 1; }
cases=$PWD/Conformance/Cases
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
points=0 failures=0

# need PROGRAM REASON: ends the script as skipped where a program is missing.
need() {
  command -v "$1" >/dev/null || { echo "skipped: $1 is not there ($2)"; exit 0; }
}

fail() {
  failures=$((failures + 1))
  echo "FAIL $*"
}

# digests PATH: what a checkpoint holds: names, dtypes, shapes and the SHA-256 of every variable; nothing where there is none.
digests() {
  "$tool" inspect "$1" --digests --json 2>/dev/null | grep '"sha256"' | sed 's/, "role".*"sha256"/, "sha256"/'
}

# fingerprint FILE…: content, times, mode and place of files.
fingerprint() { sha256sum "$@" && stat -c '%n %s %y %z %a %i' "$@"; }

# stagings FOLDER: the private folders of conversions in it.
stagings() { find "$1" -maxdepth 1 -name '.*.ckpt-convert-tmp'; }

# The conversions that are tried: FORMAT|INPUT|INDEX|OPTIONS. INDEX is the file that makes the output `model` exist.
bundle=$cases/tf-bundle/tf18-nometa/model-123456
keras=$cases/keras
conversions=(
  "tf-bundle|$bundle|model.index|--shards 2 --state-file"
  "tf-v1|$bundle|model|--state-file"
  "npy-flat|$cases/mnist-slim/checkpoints/epoch-9|model.index.json|--only Conv*"
  "npy|$bundle|model.npy|--only dense/kernel"
  "npz|$bundle|model.npz|"
  "safetensors|$bundle|model.safetensors|"
  "hdf5|$bundle|model.h5|"
  "hdf5|$bundle|model.h5|--compress gzip"
  "keras-h5|$keras/keras216-seq_full/model.h5|model.h5|"
  "keras-v3|$keras/keras3-rnn_weights/model.weights.h5|model.weights.h5|"
)

report() {
  echo "$(basename "$0"): $points points, $failures failures$1"
  [ $failures = 0 ]
}
