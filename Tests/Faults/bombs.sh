#!/usr/bin/env bash
# Gives bombs to the program: small files that claim, inflate to, nest or repeat very much. They are the files of CASES and some
# sixty that are made here. Each goes through `inspect --digests --json`, `check` and `convert --to npy-flat`, graphs through `run`
# too, maps through `convert --map`. A run fails that ends by a signal or with a status that the README does not have, that takes more
# than SECONDS of processor time (more for a file that is large itself: a second for each 20 MB), or more memory than MIB at its peak
# (and four times the size of the file). Inputs that failed are copied to KEEP. The limits of `run` are the interpreter's: 10 s, 1 GiB.
# Program and worker count together for the time; the larger of them is the memory. Needs GNU time.
# usage: Tests/Faults/bombs.sh [CKPT_CONVERT [CASES [SECONDS [MIB [KEEP]]]]]     (default: Conformance/Cases/damaged, 1 s, 300 MiB)
set -euo pipefail
. "$(dirname "$0")/common.sh"
need /usr/bin/time "apt-get install time"
export LC_ALL=C
damaged=${2:-$cases/damaged} seconds=${3:-1} mebibytes=${4:-300} keep=${5:-}
bombs=$work/bombs
mkdir "$bombs" "$work/out"

# ---- what files are made of: hexadecimal digits, which `binary` makes bytes

binary() { tr -d '\n' | basenc --base16 -d; }
hexOf() { printf %s "$1" | basenc --base16 -w0; }
# repeat N STRING, where % is a zero byte
repeat() {
  if [ ${#2} = 1 ]; then head -c "$1" /dev/zero | tr '\0' "$2"; else yes "$2" 2>/dev/null | head -n "$1" | tr -d '\n' || true; fi
}
# little BYTES N: a little-endian number.
little() {
  local i
  for ((i = 0; i < $1; i++)); do printf %02X $(($2 >> 8 * i & 255)); done
}
varint() {
  local n=$1
  while ((n > 127 || n < 0)); do
    printf %02X $((n & 127 | 128))
    n=$((n >> 7 & 0x1FFFFFFFFFFFFFF))
  done
  printf %02X "$n"
}
# number FIELD N, field FIELD HEX, text FIELD STRING: a field of a protocol buffer.
number() { varint $(($1 << 3)) && varint "$2"; }
field() { varint $(($1 << 3 | 2)) && varint $((${#2} / 2)) && printf %s "$2"; }
text() { field "$1" "$(hexOf "$2")"; }
# nest N TAG…: N messages inside each other, with these tags in turn from the inside.
nest() {
  awk -v n="$1" -v tags="${*:2}" '
    function varint(x,  s) { for (; x > 127; x = int(x / 128)) s = s sprintf("%02X", x % 128 + 128); return s sprintf("%02X", x) }
    BEGIN {
      k = split(tags, tag, " ")
      for (i = 0; i < n; i++) { head[i] = tag[i % k + 1] varint(size); size += length(head[i]) / 2 }
      for (i = n - 1; i >= 0; i--) printf "%s", head[i]
    }'
}
# inner NAME OP INPUTS [KEY VALUE]…: a node with attributes; node: the same as a field of a GraphDef.
inner() {
  local input
  text 1 "$1" && text 2 "$2"
  for input in $3; do text 3 "$input"; done
  shift 3
  while (($#)); do
    field 5 "$(text 1 "$1")$(field 2 "$2")"
    shift 2
  done
}
node() { field 1 "$(inner "$@")"; }
dtype() { number 6 "$1"; }
shape() { for size in "$@"; do field 2 "$(number 1 "$size")"; done; }
# constant NAME DTYPE SHAPE FIELDS: a Const whose values are these fields of the TensorProto.
constant() {
  local type
  type=$(dtype "$2")
  node "$1" Const "${5:-}" dtype "$type" value "$(field 8 "$(number 1 "$2")$(field 2 "$(shape $3)")$4")"
}
# ints NAME N…: a vector, int NAME N [CONTROL]: a scalar, of int32.
int() { constant "$1" 3 "" "$(number 7 "$2")" "${3:-}"; }
ints() { constant "$1" 3 $(($# - 1)) "$(field 7 "$(for n in "${@:2}"; do varint "$n"; done)")"; }
float=$(dtype 1) whole=$(dtype 3)
one=$(constant one 1 "" 2D0000803F)

# make NAME: what is written goes to the bomb NAME, the name of a file in a folder of its own.
make() {
  mkdir -p "$bombs/${1%%/*}"
  cat >"$bombs/$1"
}
# npy DICT [BYTES]: an .npy file with this header.
npy() { printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "$1" && head -c "${2:-0}" /dev/zero; }
# safetensors: a header from the standard input.
safetensors() {
  local size
  cat >"$work/header"
  size=$(stat -c %s "$work/header")
  little 8 "$size" | binary
  cat "$work/header"
}
# crc32c: the masked checksum of TensorFlow of the standard input, as four bytes.
crcs=()
for ((i = 0; i < 256; i++)); do
  crc=$i
  for ((j = 0; j < 8; j++)); do crc=$((crc >> 1 ^ (crc & 1) * 0x82F63B78)); done
  crcs+=("$crc")
done
crc32c() {
  local crc=$((0xFFFFFFFF)) byte
  for byte in $(od -An -v -tu1); do crc=$((crc >> 8 ^ crcs[(crc ^ byte) & 255])); done
  crc=$((crc ^ 0xFFFFFFFF))
  little 4 $((((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF))
}

echo "bombs.sh: making bombs" >&2

# ---- numpy
npy "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }" | make npy-terabytes/model.npy
npy "{'descr': '<f4', 'fortran_order': True, 'shape': (1048576, 1048576), }" | make npy-fortran/model.npy
npy "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }" | make npy-overflow/model.npy
npy "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9223372036854775807, 9223372036854775807), }" | make npy-zero/model.npy
npy "{'descr': '|S2147483647', 'fortran_order': False, 'shape': (0,), }" | make npy-wide/model.npy
# header SIZE: an .npy of version 2 whose header of SIZE bytes is the standard input.
header() { printf '\x93NUMPY\x02\x00' && little 4 "$1" | binary && cat; }
repeat 50000000 ' ' | header 50000000 | make npy-spaces/model.npy
repeat 10000000 '(' | header 10000000 | make npy-deep/model.npy
{ printf "{'descr': '<f4', 'fortran_order': False, 'shape': (" && repeat 3000000 '1, ' && printf '), }'; } |
  { cat && head -c 3 /dev/zero | tr '\0' ' '; } >"$work/shape"
header "$(stat -c %s "$work/shape")" <"$work/shape" | make npy-dimensions/model.npy
: | header $((0xFFFFFFF0)) >"$work/sparse"
mkdir "$bombs/npy-sparse-header"
mv "$work/sparse" "$bombs/npy-sparse-header/model.npy"
truncate -s 4G "$bombs/npy-sparse-header/model.npy"

# ---- zip
if command -v zip >/dev/null; then
  # A thousand to one, and twice.
  npy "{'descr': '<f4', 'fortran_order': False, 'shape': (67108864,), }" $((256 << 20)) >"$work/w.npy"
  (cd "$work" && zip -q -9 inflates.npz w.npy)
  make npz-inflates/model.npz <"$work/inflates.npz"
  npy "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }" $((256 << 20)) >"$work/w.npy"
  (cd "$work" && zip -q -9 more.npz w.npy)
  make npz-more/model.npz <"$work/more.npz"
  npy "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }" 1000000 >"$work/w.npy"
  (cd "$work" && zip -q -9 claims.npz w.npy)
  make npz-claims/model.npz <"$work/claims.npz"
  rm "$work"/*.np?
fi
# archive N SAME: N members, or one member that the directory names N times under the same or other names.
archive() {
  npy "{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }" >"$work/empty"
  awk -v n="$1" -v same="$2" -v npy="$(basenc --base16 -w0 "$work/empty")" \
    -v crc="$(gzip -c "$work/empty" | tail -c 8 | head -c 4 | basenc --base16 -w0)" '
    function little(bytes, x,  s) { for (; bytes > 0; bytes--) { s = s sprintf("%02X", x % 256); x = int(x / 256) } return s }
    function name(i,  s, t, j) {
      t = sprintf("v%06d.npy", i)
      for (j = 1; j <= length(t); j++) s = s digit[substr(t, j, 1)]
      return s
    }
    BEGIN {
      for (i = 32; i < 127; i++) digit[sprintf("%c", i)] = sprintf("%02X", i)
      size = little(4, length(npy) / 2)
      fixed = "14000000000000002100" crc size size "0B00" "0000"
      for (i = 0; i < n; i++) if (!same || i == 0) { place[i] = at; at += 30 + 11 + length(npy) / 2; printf "504B0304%s%s%s", fixed, name(i), npy }
      for (i = 0; i < n; i++) printf "504B01021400%s0000000000000000" "0000" "%s%s", fixed, little(4, same ? 0 : place[i]), name(same == 1 ? 0 : i)
      printf "504B0506" "00000000" "%s%s%s%s" "0000", little(2, n), little(2, n), little(4, n * 57), little(4, at)
    }' | binary
}
archive 65000 0 | make npz-members/model.npz
archive 65000 1 | make npz-same/model.npz
archive 65000 2 | make npz-overlap/model.npz
# A directory of 2^60 members.
{
  printf '504B0606%s2D002D000000000000000000' "$(little 8 44)"
  printf '%s%s%s%s' "$(little 8 $((1 << 60)))" "$(little 8 $((1 << 60)))" "$(little 8 $((1 << 40)))" "$(little 8 0)"
  printf '504B060700000000%s01000000504B050600000000FFFFFFFFFFFFFFFFFFFFFFFF0000' "$(little 8 0)"
} | binary | make npz-directory/model.npz

# ---- safetensors
names() { awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "%s\"t%07d\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}", i ? "," : "{", i; print "}" }'; }
{ printf '{' && repeat 98999990 ' ' && printf '}'; } | safetensors | make st-spaces/model.safetensors
{ printf '{"' && repeat 98999900 'a' && printf '":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'; } | safetensors |
  make st-long-name/model.safetensors
{ printf '{"__metadata__":{"a":"' && repeat 49499950 '\n' && printf '"}}'; } | safetensors | make st-long-text/model.safetensors
repeat 98999990 '[' | safetensors | make st-brackets/model.safetensors
{ printf '{"a":' && repeat 100000 '[' && repeat 100000 ']' && printf '}'; } | safetensors | make st-nested/model.safetensors
repeat 100000 '{"a":' | safetensors | make st-objects/model.safetensors
names 100000 | safetensors | make st-names/model.safetensors
names 1000000 | safetensors | make st-million-names/model.safetensors
{ printf '{"__metadata__":{' && awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "\"k%d\":\"v\",", i; print "\"k\":\"v\"" }' && printf '}}'; } |
  safetensors | make st-metadata/model.safetensors
{ printf '{"a":{"dtype":"F32","data_offsets":[0,4],"shape":[1' && repeat 1000000 ',1' && printf ']}}'; } | safetensors | cat - <(printf 'aaaa') |
  make st-dimensions/model.safetensors
{ printf '{"a":{"dtype":"F32","data_offsets":[0,4],"shape":[' && repeat 10000000 '9' && printf ']}}'; } | safetensors | make st-digits/model.safetensors
{ printf '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' && repeat 100000 ',"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' && printf '}'; } |
  safetensors | make st-twice/model.safetensors
printf '{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}' | safetensors | make st-terabytes/model.safetensors

# ---- JSON: manifests, maps, lists of shards
# manifest NAME: a manifest from the standard input beside a vector of 16 numbers.
manifest() {
  make "$1/model.index.json"
  npy "{'descr': '<f4', 'fortran_order': False, 'shape': (16,), }" 64 | make "$1/model.npy"
}
head='{"format": "npy-flat", "version": 1, "vectors": [{"file": "model.npy", "dtype": "float32", "elements": 16}], "variables": ['
variables() {
  awk -v n="$1" -v head="$head" -v rest="$2" -v same="${3:-0}" \
    'BEGIN { printf "%s", head; for (i = 0; i < n; i++) printf "%s{\"name\": \"v%07d\", \"dtype\": \"float32\", %s}", i ? ", " : "", same ? 0 : i, rest; print "]}" }'
}
repeat 100000 '[' | manifest json-brackets
{ printf %s "$head" && repeat 100000 '{"name":' && repeat 100000 '}'; } | manifest json-nested
variables 1000000 '"shape": [0], "vector": 0, "offset": 0' | manifest json-million
variables 100000 '"shape": [16], "vector": 0, "offset": 0' | manifest json-same-range
variables 100000 '"shape": [0], "vector": 0, "offset": 0' 1 | manifest json-same-name
variables 1 '"shape": [1000000000, 1000000000], "vector": 0, "offset": 0' | manifest json-shape
variables 1 '"shape": [4294967296, 4294967296, 4294967296], "vector": 0, "offset": 9223372036854775807' | manifest json-overflow
awk 'BEGIN { printf "{\"format\": \"npy-flat\", \"version\": 1, \"vectors\": ["
  for (i = 0; i < 100000; i++) printf "%s{\"file\": \"model.npy\", \"dtype\": \"float32\", \"elements\": 16}", i ? "," : ""
  print "], \"variables\": []}" }' | manifest json-vectors
{ printf '{"metadata":{},"weight_map":{' && awk 'BEGIN { for (i = 0; i < 300000; i++) printf "\"a%d\":[\"s%d.weights.h5\"],", i, i; print "\"a\":[\"s.weights.h5\"]" }' && printf '}}'; } |
  make json-shards/model.weights.json
{ repeat 100000 '[' && repeat 100000 ']'; } | make map-brackets/map.json
repeat 100000 '{"a":' | make map-nested/map.json
awk 'BEGIN { printf "{"; for (i = 0; i < 1000000; i++) printf "\"a%d\":\"b%d\",", i, i; print "\"a\":\"b\"}" }' | make map-million/map.json
awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "a%d\tb%d\n", i, i }' | make map-lines/map.txt
awk 'BEGIN { printf "{\"plan\": 1, \"steps\": ["; for (i = 0; i < 500000; i++) printf "%s{\"source\":\"a%d\",\"target\":\"b%d\"}", i ? "," : "", i, i; print "]}" }' |
  make map-plan/map.json

# ---- pickles
{ printf '\x80\x02' && repeat 1000000 ']' && repeat 999999 'a' && printf .; } | make pickle-lists/model.pkl
{ printf '\x80\x02N' && repeat 1000000 $'\x85' && printf .; } | make pickle-tuples/model.pkl
{ printf '\x80\x02' && repeat 1000000 '(' && printf N. ; } | make pickle-marks/model.pkl
# Laughs: each pair holds the pair before it twice.
{ printf '\x80\x02N' && repeat 64 $'2\x86' && printf .; } | make pickle-pairs/model.pkl
{ printf '\x80\x02]q%%' && repeat 40 '](h%h%eq%' && printf .; } | tr % '\0' | make pickle-memo/model.pkl
{ printf '\x80\x04\x8e' && little 8 $((1 << 60)) | binary && printf 'aaaa.'; } | make pickle-bytes/model.pkl
{ printf '\x80\x02\x8b' && little 4 $((0x7FFFFFFF)) | binary && printf 'aaaa.'; } | make pickle-long/model.pkl
{ printf '\x80\x02Nr\xff\xff\xff\xff.'; } | make pickle-number/model.pkl
{ printf '\x80\x02' && repeat 3000000 'N' && printf .; } | make pickle-stack/model.pkl
{ printf '\x80\x02]' && repeat 2000000 'Na' && printf .; } | make pickle-elements/model.pkl
{ printf '\x80\x02I' && repeat 2000000 '9' && printf '\n.'; } | make pickle-digits/model.pkl
{ npy "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }" && printf '\x80\x02N' && repeat 1000000 $'\x85' && printf .; } |
  make pickle-object/model.npy

# ---- TensorFlow's bundles
block() { # HEX: a block with its trailer
  printf %s00 "$1"
  printf %s00 "$1" | binary | crc32c
}
bundle() { # HEX LASTKEY: a table of one data block
  local data meta index size
  data=$(block "$1")
  meta=$(block 0000000001000000)
  size=$((${#data} / 2))
  index=$(varint 0 && varint $((${#2} / 2)))
  local handle
  handle=$(varint 0 && varint $((size - 5)))
  index=$(block "$index$(varint $((${#handle} / 2)))$2${handle}0000000001000000")
  printf %s "$data$meta$index"
  local footer
  footer=$(varint "$size" && varint 8 && varint $((size + 13)) && varint $((${#index} / 2 - 5)))
  printf '%s%0*d57FB808B247547DB' "$footer" $((80 - ${#footer})) 0
}
# Keys of 16,000 bytes that take 5: 20,000 of them.
key=$(repeat 16000 61)
empty=080112041202080035D8EA82A2 # float32, [0], and the checksum of nothing
{
  entries=00000608011A020801 # the header: one data file
  entries+="00$(varint 16002)$(varint $((${#empty} / 2)))${key}0000$empty"
  entries+=$(awk -v n=20000 -v shared="$(varint 16000)" -v value="$empty" 'BEGIN {
    for (i = 1; i < n; i++) printf "%s02%02X%02X%02X%s", shared, length(value) / 2, int(i / 256), i % 256, value }')
  bundle "${entries}0000000001000000" "${key}FFFF" | binary
} | make bundle-keys/model.index
: | make bundle-keys/model.data-00000-of-00001
{ printf 'model_checkpoint_path: "m"\n' && awk 'BEGIN { for (i = 0; i < 500000; i++) printf "all_model_checkpoint_paths: \"m-%d\"\n", i }'; } |
  make state-paths/checkpoint
repeat 100000 'a { ' | make state-nested/checkpoint

# ---- graphs
graph() { cat | binary | make "$1"; }
# deep: a node whose attribute is a function with an attribute, and so on.
deep() { field 1 "$(text 1 out)$(text 2 NoOp)$(field 5 "$(text 1 f)$(field 2 "$(nest 99999 12 12 52)")")"; }
deep | graph proto-functions/model.pb
field 2 "$(deep)" | graph proto-meta/model.meta
{ number 1 1 && field 2 "$(field 2 "$(deep)")"; } | graph proto-saved/saved_model.pb
node out Const "" dtype "$float" value "$(field 8 "$(nest 100000 1A 7A)")" | graph proto-tensors/model.pb
{ node out NoOp "" && repeat 200000 0B; } | graph proto-groups/model.pb
{ constant weight 1 1099511627776 2D0000803F && node out Identity weight T "$float"; } | graph const-terabytes/model.pb
{ constant weight 1 67108864 2D0000803F && node out Identity weight T "$float"; } | graph const-repeats/model.pb
{ constant weight 1 "4294967296 4294967296 4294967296" 2D0000803F && node out Identity weight T "$float"; } | graph const-overflow/model.pb
awk 'BEGIN { for (i = 0; i < 500000; i++) { s = ""; t = sprintf("%07d", i); for (j = 1; j <= 7; j++) s = s "3" substr(t, j, 1); printf "0A0F0A07%s12044E6F4F70", s } }' |
  graph nodes-million/model.pb
{ node n0000000 NoOp "" && field 1 "$(text 1 out)$(text 2 NoOp)$(repeat 200000 1A086E30303030303030)"; } | graph nodes-inputs/model.pb
# chain N OP: each node reads the one before it.
chain() {
  printf %s "$one"
  node n0000000 Identity one T "$float"
  awk -v n="$1" -v op="$(text 2 "$2")" -v inputs="$3" -v type="$(field 5 "$(text 1 T)$(field 2 "$float")")" '
    function name(i,  s, t, j) { t = sprintf("%07d", i); for (j = 1; j <= 7; j++) s = s "3" substr(t, j, 1); return "6E" s }
    BEGIN { for (i = 1; i < n; i++) {
      s = "0A08" name(i) op
      for (k = 0; k < inputs; k++) s = s "1A08" name(i - 1)
      s = s type
      printf "0A%02X%s", length(s) / 2, s } }'
  node out Identity "$(printf 'n%07d' $(($1 - 1)))" T "$float"
}
chain 100000 Identity 1 | graph chain-identity/model.pb
chain 100000 Neg 1 | graph chain-neg/model.pb
chain 100000 Add 2 | graph chain-add/model.pb
# while: 1 if it grows, 0 if it only turns.
endless() {
  local int=$whole
  int zero 0
  node i Enter zero T "$int" frame_name "$(text 2 while)"
  node i/merge Merge "i i/next" T "$int" N "$(number 3 2)"
  int huge 2147483647 ^i/merge
  node less Less "i/merge huge" T "$int"
  node cond LoopCond less
  node i/switch Switch "i/merge cond" T "$int"
  node i/body Identity i/switch:1 T "$int"
  int none 0 ^i/body
  node i/add Add "i/body none" T "$int"
  node i/next NextIteration i/add T "$int"
  node out Exit i/switch T "$int"
}
doubling() {
  printf %s "$one"
  int zero 0
  int axis 0
  node start ExpandDims "one axis" T "$float" Tdim "$whole"
  node x Enter start T "$float" frame_name "$(text 2 while)"
  node x/merge Merge "x x/next" T "$float" N "$(number 3 2)"
  constant yes 10 "" 5801 ^x/merge
  node cond LoopCond yes
  node x/switch Switch "x/merge cond" T "$float"
  node x/body Identity x/switch:1 T "$float"
  int along 0 ^x/body
  node x/two ConcatV2 "x/body x/body along" T "$float" Tidx "$whole" N "$(number 3 2)"
  node x/next NextIteration x/two T "$float"
  node out Exit x/switch T "$float"
}
endless | graph loop-endless/model.pb
doubling | graph loop-doubles/model.pb
field 2 "$(endless)" | graph loop-meta/model.meta
# body NAME CALLED…: a function of one argument that calls others one after the other.
body() {
  local hex name=$1 last=x called n=0
  hex=$(field 1 "$(text 1 "$1")$(field 2 "$(text 1 x)$(number 3 1)")$(field 3 "$(text 1 y)$(number 3 1)")")
  shift
  for called in "$@"; do
    n=$((n + 1))
    hex+=$(field 3 "$(inner "c$n" PartitionedCall "$last" f "$(field 10 "$(text 1 "$called")")" \
      Tin "$(field 1 "$float")" Tout "$(field 1 "$float")")")
    last=c$n:output:0
  done
  hex+=$(field 4 "$(text 1 y)$(text 2 "$last")")
  field 1 "$hex"
}
calls() { node out PartitionedCall one f "$(field 10 "$(text 1 "$1")")" Tin "$(field 1 "$float")" Tout "$(field 1 "$float")"; }
{ printf %s "$one" && calls f && field 2 "$(body f f)"; } | graph function-itself/model.pb
{ printf %s "$one" && calls f60 && field 2 "$(body f0 && for ((i = 1; i <= 60; i++)); do body "f$i" "f$((i - 1))" "f$((i - 1))"; done)"; } |
  graph function-doubles/model.pb
# op NAME OP INPUTS ATTRIBUTES…: one op on scalars and vectors that asks for very much.
op() {
  local name=$1
  shift
  {
    printf %s "$one"
    int zero 0
    int step 1
    int billion 1000000000
    int hundred 100000000
    ints square 1000000000 1000000000
    ints wide 30000 30000
    ints vector 100000
    ints negative -1
    node out "$@"
  } | graph "op-$name/model.pb"
}
op fill Fill "square one" T "$float" index_type "$whole"
op fill-large Fill "wide one" T "$float" index_type "$whole"
op range Range "zero billion step" Tidx "$whole"
op linspace LinSpace "one one billion" T "$float" Tidx "$whole"
op random RandomUniform "square" T "$whole" dtype "$float"
op random-large RandomUniform "wide" T "$whole" dtype "$float"
op onehot OneHot "billion hundred one one" T "$float" TI "$whole"
op onehot-large OneHot "vector billion one one" T "$float" TI "$whole"
op broadcast BroadcastTo "one square" T "$float" Tidx "$whole"
op tile Tile "vector vector" T "$whole" Tmultiples "$whole"
op tensorarray TensorArrayV3 "billion" dtype "$float"
op reserve TensorListReserve "vector billion" element_dtype "$float" shape_type "$whole"
op unpack Unpack "vector" T "$whole" num "$(number 3 1000000000)"
op split Split "zero vector" T "$whole" num_split "$(number 3 1000000000)"
op reshape Reshape "vector square" T "$whole" Tshape "$whole"
op eye MatrixDiag "vector" T "$whole"
op placeholder Placeholder "" dtype "$float" shape "$(field 7 "$(shape 1000000000 1000000000)")"
op variable VariableV2 "" dtype "$float" shape "$(field 7 "$(shape 1000000000 1000000000)")"
{
  printf %s "$one"
  ints wide 9000 9000
  node a Fill "wide one" T "$float" index_type "$whole"
  node out MatMul "a a" T "$float"
} | graph op-matmul/model.pb

# ---- HDF5, through the program itself
"$tool" "$bombs/st-names/model.safetensors" --to hdf5 --quiet -o "$work/names" >/dev/null 2>&1 || true
[ ! -e "$work/names.h5" ] || make h5-names/model.h5 <"$work/names.h5"
if [ -e "$bombs/npz-inflates" ]; then
  "$tool" "$bombs/npz-inflates/model.npz" --to hdf5 --compress gzip --quiet -o "$work/zeros" >/dev/null 2>&1 || true
  [ ! -e "$work/zeros.h5" ] || make h5-inflates/model.h5 <"$work/zeros.h5"
fi
rm -f "$work"/*.h5

# ---- the runs
: >"$work/measured"
# measure INPUT SECONDS MIB ARGUMENT…
measure() {
  local input=$1 second=$2 mebi=$3 status=0 size wall user system memory what
  shift 3
  rm -rf "$work/out"
  mkdir "$work/out"
  /usr/bin/time -q -o "$work/time" -f '%e %U %S %M' timeout -k 5 60 "$tool" "$@" >/dev/null 2>"$work/said" || status=$?
  read -r wall user system memory <"$work/time"
  size=$(du -k --apparent-size "$input" | cut -f 1)
  points=$((points + 1))
  what="${1} $(basename "$(dirname "$input")")/$(basename "$input")"
  local faults
  faults=$(awk -v status="$status" -v time="$user $system" -v memory="$memory" -v second="$second" -v mebi="$mebi" -v size="$size" 'BEGIN {
    split(time, part, " ")
    used = part[1] + part[2]
    if (!index(" 0 1 64 65 66 69 73 74 ", " " status " ")) printf " status %d", status
    if (used > second + size / 20000) printf " %.1f s", used
    if (memory > mebi * 1024 && memory > size * 4) printf " %d MiB", memory / 1024
  }')
  awk -v user="$user" -v system_="$system" -v wall="$wall" -v memory="$memory" -v status="$status" -v size="$size" -v what="$what" \
    'BEGIN { printf "%.2f\t%d\t%d\t%s\t%d\t%s\n", user + system_, memory / 1024, status, wall, size, what }' >>"$work/measured"
  if [ -n "$faults" ]; then
    fail "$what:$faults (status $status, $(head -c 200 "$work/said" | tr '\n' ' '))"
    if [ -n "$keep" ]; then
      mkdir -p "$keep/$(basename "$(dirname "$input")")"
      cp --sparse=always "$(dirname "$input")"/* "$keep/$(basename "$(dirname "$input")")/"
    fi
  fi
}

trio() {
  measure "$1" "$seconds" "$mebibytes" inspect --digests --json "$1"
  measure "$1" "$seconds" "$mebibytes" check "$1"
  measure "$1" "$seconds" "$mebibytes" convert "$1" --to npy-flat -o "$work/out/model"
}

for folder in "$damaged"/*/ "$bombs"/*/; do
  folder=${folder%/}
  while IFS= read -r -d '' file; do
    case $file in
      */map.*) measure "$file" "$seconds" "$mebibytes" convert "$bundle" --to npz --map "$file" -o "$work/out/model" ;;
      *) trio "$file" ;;
    esac
    case $file in
      */saved_model.pb) measure "$file" 10 1024 run "$folder" --fetch out:0 ;;
      *.pb | *.meta) measure "$file" 10 1024 run "$file" --fetch out:0 ;;
    esac
  done < <(find "$folder" -maxdepth 1 -type f ! -name case.json ! -name tensors.json ! -name '*.data-*' -print0 | sort -z)
  [ "$folder" = "${folder#"$bombs"}" ] || rm -rf "$folder"
done

columns='s of processor\tMiB\tstatus\ts of the clock\tKB of input\trun'
printf "slowest: $columns\n" && sort -t $'\t' -k 1,1 -rn "$work/measured" | head -12
printf "largest: $columns\n" && sort -t $'\t' -k 2,2 -rn "$work/measured" | head -12
[ -z "$keep" ] || { mkdir -p "$keep" && cp "$work/measured" "$keep/measured.tsv"; }
report ", $(awk -F '\t' '{ seconds = $1 > seconds ? $1 : seconds; memory = $2 > memory ? $2 : memory } END {
  printf "slowest %.2f s of processor time, largest %d MiB", seconds, memory }' "$work/measured")"
