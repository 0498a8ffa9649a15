#!/usr/bin/env bash
# Gives bombs to the program: small files that claim, inflate to, nest or repeat very much. They are the files of
# CASES and some hundred that are made here. Each goes through `inspect --digests --json`, `check` and `convert --to
# npy-flat`, graphs through `run` too, maps through `convert --map`. A run fails that ends by a signal or with a
# status that the README does not have, that takes more than SECONDS of processor time (and one more for each 20 MB of
# the file), or more memory than MIB at its peak (and than four times the file). Inputs that failed are copied to
# KEEP, with a table of all runs. The limits for `run` are the interpreter's: 10 s and 1 GiB. Program and worker count
# together for the time; the larger of them is the memory. Needs GNU time.
# usage: Tests/Faults/bombs.sh [CKPT_CONVERT [CASES [SECONDS [MIB [KEEP]]]]]
#        (default: Conformance/Cases/damaged, 1 s, 300 MiB)
set -euo pipefail
. "$(dirname "$0")/common.sh"
need /usr/bin/time "apt-get install time"
export LC_ALL=C
damaged=${2:-$cases/damaged} seconds=${3:-1} mebibytes=${4:-300} keep=${5:-}
bombs=$work/bombs
mkdir "$bombs" "$work/out"

# ---- what files are made of

# make FOLDER/NAME: a bomb from the standard input. Each has a folder of its own.
make() {
  mkdir -p "$bombs/${1%%/*}"
  cat >"$bombs/$1"
}
# repeat N STRING: a string of one character may be anything, a longer one has no newline in it.
repeat() {
  if [ ${#2} = 1 ]; then
    head -c "$1" /dev/zero | tr '\0' "$2"
  else
    { yes "$2" || true; } 2>/dev/null | head -n "$1" | tr -d '\n'
  fi
}
# series N TEMPLATE [SEPARATOR [FIRST]]: the template N times; # is its number, @ the same in digits of bytes, ~ that before.
series() {
  awk -v n="$1" -v template="$2" -v separator="${3:-}" -v first="${4:-0}" '
    function digits(i,  s, j) {
      i = sprintf("%07d", i)
      for (j = 1; j <= 7; j++) s = s "3" substr(i, j, 1)
      return s
    }
    BEGIN {
      parts = split(template, part, /[#@~]/)
      for (k = 2; k <= parts; k++) {
        at += length(part[k - 1]) + 1
        kind[k] = substr(template, at, 1)
      }
      for (i = first; i < first + n; i++) {
        text = (i > first ? separator : "") part[1]
        for (k = 2; k <= parts; k++)
          text = text (kind[k] == "#" ? sprintf("%07d", i) : digits(kind[k] == "@" ? i : i - 1)) part[k]
        printf "%s", text
      }
    }'
}
# Bytes are hexadecimal digits until `binary` makes them bytes.
binary() { tr -d '\n' | basenc --base16 -d; }
digitsOf() { printf %s "$1" | basenc --base16 -w 0; }
# little BYTES N: a little-endian number.
little() {
  local i
  for ((i = 0; i < $1; i++)); do printf %02X $(($2 >> 8 * i & 255)); done
}

echo "bombs.sh: making bombs" >&2

# ---- numpy

# npy SHAPE [DTYPE [BYTES]]: an .npy file.
npy() {
  printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '${2:-<f4}', 'fortran_order': False, 'shape': ($1), }"
  head -c "${3:-0}" /dev/zero
}
# long: an .npy of version 2 whose header is the standard input.
long() {
  cat >"$work/header"
  printf '\x93NUMPY\x02\x00'
  little 4 "$(stat -c %s "$work/header")" | binary
  cat "$work/header"
}
npy "1099511627776," | make npy-terabytes/model.npy
npy "4611686018427387904, 4" | make npy-overflow/model.npy
npy "0, 9223372036854775807, 9223372036854775807" | make npy-zero/model.npy
npy "0," "|S2147483647" | make npy-wide/model.npy
repeat 50000000 ' ' | long | make npy-spaces/model.npy
repeat 10000000 '(' | long | make npy-deep/model.npy
{ printf "{'descr': '<f4', 'fortran_order': False, 'shape': (" && repeat 3000000 '1, ' && printf '), }\n'; } |
  long | make npy-dimensions/model.npy
{ printf '\x93NUMPY\x02\x00' && little 4 $((0xFFFFFFF0)) | binary; } | make npy-sparse/model.npy
truncate -s 4G "$bombs/npy-sparse/model.npy"

# ---- zip

if command -v zip >/dev/null; then
  # zipped NAME: one member, deflated.
  zipped() {
    cat >"$work/w.npy"
    (cd "$work" && rm -f w.zip && zip -q -9 w.zip w.npy)
    make "$1/model.npz" <"$work/w.zip"
    rm "$work/w.npy" "$work/w.zip"
  }
  # A thousand to one: as large as it says, larger, much smaller.
  npy "67108864," "<f4" $((256 << 20)) | zipped npz-inflates
  npy "4," "<f4" $((256 << 20)) | zipped npz-more
  npy "1099511627776," "<f4" 1000000 | zipped npz-claims
fi
# archive N KIND: N members (kind 0), or one of which the directory speaks N times, under its name (1) or others (2).
archive() {
  npy "0," >"$work/empty"
  awk -v n="$1" -v kind="$2" -v npy="$(basenc --base16 -w 0 "$work/empty")" \
    -v crc="$(gzip -c "$work/empty" | tail -c 8 | head -c 4 | basenc --base16 -w 0)" '
    function little(bytes, x,  s) {
      for (; bytes > 0; bytes--) { s = s sprintf("%02X", x % 256); x = int(x / 256) }
      return s
    }
    function name(i,  s, j) {
      i = sprintf("%07d", i)
      for (j = 1; j <= 7; j++) s = s "3" substr(i, j, 1)
      return s "2E6E7079"
    }
    BEGIN {
      size = little(4, length(npy) / 2)
      fixed = "14000000000000002100" crc size size "0B000000"
      for (i = 0; i < (kind ? 1 : n); i++) {
        place[i] = at
        at += 30 + 11 + length(npy) / 2
        printf "504B0304%s%s%s", fixed, name(i), npy
      }
      for (i = 0; i < n; i++)
        printf "504B01021400%s00000000000000000000%s%s", fixed, little(4, kind ? 0 : place[i]), name(kind == 1 ? 0 : i)
      printf "504B050600000000%s%s%s%s0000", little(2, n), little(2, n), little(4, n * 57), little(4, at)
    }' | binary
}
archive 65000 0 | make npz-members/model.npz
archive 65000 1 | make npz-same/model.npz
archive 65000 2 | make npz-overlap/model.npz
# A directory of 2^60 members.
{
  printf '504B06062C000000000000002D002D000000000000000000'
  little 8 $((1 << 60)) && little 8 $((1 << 60)) && little 8 $((1 << 40)) && little 8 0
  printf '504B060700000000000000000000000001000000504B050600000000FFFFFFFFFFFFFFFFFFFFFFFF0000'
} | binary | make npz-directory/model.npz

# ---- safetensors

# safetensors NAME: the header is the standard input.
safetensors() {
  cat >"$work/header"
  { little 8 "$(stat -c %s "$work/header")" | binary && cat "$work/header"; } | make "$1/model.safetensors"
}
none='{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
{ printf '{' && repeat 98999990 ' ' && printf '}'; } | safetensors st-spaces
{ printf '{"' && repeat 98999900 a && printf '":%s}' "$none"; } | safetensors st-long-name
{ printf '{"__metadata__":{"a":"' && repeat 49499900 '\n' && printf '"}}'; } | safetensors st-long-text
repeat 98999990 '[' | safetensors st-brackets
{ printf '{"a":' && repeat 100000 '[' && repeat 100000 ']' && printf '}'; } | safetensors st-nested
repeat 100000 '{"a":' | safetensors st-objects
{ printf '{' && series 100000 "\"t#\":$none" , && printf '}'; } | safetensors st-names
{ printf '{' && series 1000000 "\"t#\":$none" , && printf '}'; } | safetensors st-million-names
{ printf '{' && series 100000 "\"a\":$none" , && printf '}'; } | safetensors st-twice
{ printf '{"__metadata__":{' && series 1000000 '"k#":"v"' , && printf '}}'; } | safetensors st-metadata
{ printf '{"a":{"dtype":"F32","data_offsets":[0,4],"shape":[1' && repeat 1000000 ,1 && printf ']}}'; } |
  safetensors st-dimensions
{ printf '{"a":{"dtype":"F32","data_offsets":[0,4],"shape":[' && repeat 10000000 9 && printf ']}}'; } | safetensors st-digits
printf '{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}' | safetensors st-terabytes

# ---- JSON: manifests, lists of shards, maps

# manifest NAME: the standard input beside a vector of 16 numbers.
manifest() {
  make "$1/model.index.json"
  npy "16," "<f4" 64 | make "$1/model.npy"
}
vector='{"file": "model.npy", "dtype": "float32", "elements": 16}'
head="{\"format\": \"npy-flat\", \"version\": 1, \"vectors\": [$vector], \"variables\": ["
# variables N NAME REST
variables() { printf %s "$head" && series "$1" "{\"name\": \"$2\", \"dtype\": \"float32\", $3}" , && printf ']}'; }
repeat 100000 '[' | manifest json-brackets
{ printf %s "$head" && repeat 100000 '{"name":' && repeat 100000 '}'; } | manifest json-nested
variables 100000 v# '"shape": [0], "vector": 0, "offset": 0' | manifest json-names
variables 1000000 v# '"shape": [0], "vector": 0, "offset": 0' | manifest json-million
variables 100000 v# '"shape": [16], "vector": 0, "offset": 0' | manifest json-same-range
variables 100000 v '"shape": [0], "vector": 0, "offset": 0' | manifest json-same-name
variables 1 v '"shape": [1000000000, 1000000000], "vector": 0, "offset": 0' | manifest json-shape
variables 1 v '"shape": [4294967296, 4294967296, 4294967296], "vector": 0, "offset": 9223372036854775807' |
  manifest json-overflow
{
  printf '{"format": "npy-flat", "version": 1, "vectors": ['
  series 100000 "$vector" ,
  printf '], "variables": []}'
} | manifest json-vectors
{ printf '{"metadata":{},"weight_map":{' && series 100000 '"a#":["s#.weights.h5"]' , && printf '}}'; } |
  make json-shards/model.weights.json
{ repeat 100000 '[' && repeat 100000 ']'; } | make map-brackets/map.json
repeat 100000 '{"a":' | make map-nested/map.json
{ printf '{' && series 1000000 '"a#":"b#"' , && printf '}'; } | make map-million/map.json
series 1000000 'a#\tb#\n' | make map-lines/map.txt
{ printf '{"plan": 1, "steps": [' && series 500000 '{"source":"a#","target":"b#"}' , && printf ']}'; } |
  make map-plan/map.json

# ---- pickles

pickle() { make "$1/model.pkl"; }
{ printf '\x80\x02' && repeat 1000000 ']' && repeat 999999 a && printf .; } | pickle pickle-lists
{ printf '\x80\x02N' && repeat 1000000 $'\x85' && printf .; } | pickle pickle-tuples
{ printf '\x80\x02' && repeat 1000000 '(' && printf N.; } | pickle pickle-marks
{ printf '\x80\x02' && repeat 3000000 N && printf .; } | pickle pickle-stack
{ printf '\x80\x02]' && repeat 2000000 Na && printf .; } | pickle pickle-elements
{ printf '\x80\x02I' && repeat 2000000 9 && printf '\n.'; } | pickle pickle-digits
# Laughs: each pair has the one before it twice, each list too.
{ printf '\x80\x02N' && repeat 64 $'2\x86' && printf .; } | pickle pickle-pairs
{ printf '\x80\x02(]q%%' && repeat 40 '](h%h%eq%' && printf t.; } | tr % '\0' | pickle pickle-memo
{ printf '\x80\x04\x8E' && little 8 $((1 << 60)) | binary && printf aaaa.; } | pickle pickle-bytes
{ printf '\x80\x02\x8B' && little 4 $((0x7FFFFFFF)) | binary && printf aaaa.; } | pickle pickle-long
printf '\x80\x02Nr\xff\xff\xff\xff.' | pickle pickle-number
{ npy "1," "|O" && printf '\x80\x02N' && repeat 1000000 $'\x85' && printf .; } | make pickle-object/model.npy

# ---- protocol buffers

varint() {
  local n=$1
  while ((n > 127 || n < 0)); do
    printf %02X $((n & 127 | 128))
    n=$((n >> 7 & 0x1FFFFFFFFFFFFFF))
  done
  printf %02X "$n"
}
# number FIELD N, field FIELD DIGITS, text FIELD STRING: a field of a message.
number() { varint $(($1 << 3)) && varint "$2"; }
field() { varint $(($1 << 3 | 2)) && varint $((${#2} / 2)) && printf %s "$2"; }
text() { field "$1" "$(digitsOf "$2")"; }
# nest N TAG…: N messages inside each other, these tags in turn from the inside; after a colon, what precedes the inner one.
nest() {
  awk -v n="$1" -v tags="${*:2}" '
    function varint(x,  s) {
      for (; x > 127; x = int(x / 128)) s = s sprintf("%02X", x % 128 + 128)
      return s sprintf("%02X", x)
    }
    BEGIN {
      k = split(tags, tag, " ")
      for (i = 0; i < n; i++) {
        split(tag[i % k + 1], part, ":")
        head[i] = part[1] varint(size + length(part[2]) / 2) part[2]
        size += length(head[i]) / 2
      }
      for (i = n - 1; i >= 0; i--) printf "%s", head[i]
    }'
}

# ---- TensorFlow's bundles

# masked: the CRC-32C of the standard input as TensorFlow stores it.
crcs=()
for ((i = 0; i < 256; i++)); do
  crc=$i
  for ((j = 0; j < 8; j++)); do crc=$((crc >> 1 ^ (crc & 1) * 0x82F63B78)); done
  crcs+=("$crc")
done
masked() {
  local crc=$((0xFFFFFFFF)) byte
  for byte in $(od -An -v -tu1); do crc=$((crc >> 8 ^ crcs[(crc ^ byte) & 255])); done
  crc=$((crc ^ 0xFFFFFFFF))
  little 4 $(((crc >> 15 | crc << 17) + 0xA282EAD8 & 0xFFFFFFFF))
}
block() { printf %s00 "$1" && printf %s00 "$1" | binary | masked; }
# table ENTRIES LASTKEY: an index of one block.
table() {
  local restarts=0000000001000000 data meta index size handle footer
  data=$(block "$1$restarts")
  meta=$(block $restarts)
  size=$((${#data} / 2))
  handle=$(varint 0 && varint $((size - 5)))
  index=$(block "$(varint 0 && varint $((${#2} / 2)) && varint $((${#handle} / 2)))$2$handle$restarts")
  footer=$(varint $size && varint 8 && varint $((size + 13)) && varint $((${#index} / 2 - 5)))
  printf '%s%0*d57FB808B247547DB' "$data$meta$index$footer" $((80 - ${#footer})) 0
}
header=00000608011A020801             # one data file
empty=080112041202080035D8EA82A2      # float32, [0], the checksum of nothing
key=$(repeat 16000 61)
# 20,000 names of 16,002 bytes that take 19 each, and as many short ones.
{
  printf %s "$header" && varint 0 && varint 16002 && varint 13 && printf '%s0000%s' "$key" $empty
  awk -v shared="$(varint 16000)" -v value=$empty 'BEGIN {
    for (i = 1; i < 20000; i++) printf "%s020D%02X%02X%s", shared, int(i / 256), i % 256, value }'
} >"$work/entries"
table "$(cat "$work/entries")" "${key}FFFF" | binary | make bundle-keys/model.index
: | make bundle-keys/model.data-00000-of-00001
table "$header$(series 20000 "00070D@$empty")" 3A | binary | make bundle-names/model.index
: | make bundle-names/model.data-00000-of-00001
{ printf 'model_checkpoint_path: "m"\n' && series 300000 'all_model_checkpoint_paths: "m-#"\n'; } |
  make state-paths/checkpoint
repeat 100000 'a { ' | make state-nested/checkpoint

# ---- graphs

graph() { binary | make "$1/model.pb"; }
# inner NAME OP INPUTS [KEY VALUE]…: a node with attributes; node: the same as a field of a graph.
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
shape() { for size in "$@"; do field 2 "$(number 1 "$size")"; done; }
# constant NAME DTYPE SHAPE FIELDS [CONTROL]: FIELDS are the values' of the TensorProto.
constant() {
  # shellcheck disable=SC2086
  node "$1" Const "${5:-}" dtype "$(number 6 "$2")" value "$(field 8 "$(number 1 "$2")$(field 2 "$(shape $3)")$4")"
}
# int NAME N [CONTROL]: a scalar; ints NAME N…: a vector.
int() { constant "$1" 3 "" "$(number 7 "$2")" "${3:-}"; }
ints() { constant "$1" 3 $(($# - 1)) "$(field 7 "$(for n in "${@:2}"; do varint "$n"; done)")"; }
float=$(number 6 1) whole=$(number 6 3)
value=2D0000803F # 1 as a float
one=$(constant one 1 "" $value)

# deep: a node with a function among its attributes that has one among its own, and so on.
deep() { node out NoOp "" f "$(nest 99999 12 12 52)"; }
deep | graph proto-functions
field 2 "$(deep)" | binary | make proto-meta/model.meta
{ number 1 1 && field 2 "$(field 2 "$(deep)")"; } | binary | make proto-saved/saved_model.pb
node out Const "" dtype "$float" value "$(field 8 "0815$(nest 100000 1A:0815 7A)")" | graph proto-tensors
{ node out NoOp "" && repeat 200000 0B; } | graph proto-groups

# Constants of one value that is repeated.
repeated() { constant weight 1 "$1" $value && node out Identity weight T "$float"; }
repeated 1099511627776 | graph const-terabytes
repeated 67108864 | graph const-repeats
repeated "4294967296 4294967296 4294967296" | graph const-overflow

series 500000 0A0F0A07@12044E6F4F70 | graph nodes-many
{ node n0000000 NoOp "" && field 1 "$(text 1 out)$(text 2 NoOp)$(repeat 200000 1A086E30303030303030)"; } | graph nodes-inputs
# chain N OP INPUTS: each node reads the one before it.
chain() {
  local hex
  hex="0A086E@$(text 2 "$2")$(repeat "$3" 1A086E~)$(field 5 "$(text 1 T)$(field 2 "$float")")"
  printf %s "$one"
  node "n$(printf %07d 0)" Identity one T "$float"
  series $(($1 - 1)) "0A$(varint $(((${#hex} + 13 + 13 * $3) / 2)))$hex" "" 1
  node out Identity "$(printf n%07d $(($1 - 1)))" T "$float"
}
chain 100000 Identity 1 | graph chain-identity
chain 100000 Neg 1 | graph chain-neg
chain 100000 Add 2 | graph chain-add

# A loop that never ends, and one whose tensor doubles.
endless() {
  int zero 0
  node i Enter zero T "$whole" frame_name "$(text 2 while)"
  node i/merge Merge "i i/next" T "$whole" N "$(number 3 2)"
  int huge 2147483647 ^i/merge
  node less Less "i/merge huge" T "$whole"
  node cond LoopCond less
  node i/switch Switch "i/merge cond" T "$whole"
  node i/body Identity i/switch:1 T "$whole"
  int none 0 ^i/body
  node i/add Add "i/body none" T "$whole"
  node i/next NextIteration i/add T "$whole"
  node out Exit i/switch T "$whole"
}
doubling() {
  printf %s "$one"
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
endless | graph loop-endless
doubling | graph loop-doubles
field 2 "$(endless)" | binary | make loop-meta/model.meta

# library NAME CALLED…: a function that calls others one after the other.
pass=(Tin "$(field 1 "$float")" Tout "$(field 1 "$float")")
called() { field 10 "$(text 1 "$1")"; }
library() {
  local last=x n=0 name argument
  argument=$(number 3 1)
  field 1 "$(text 1 "$1")$(field 2 "$(text 1 x)$argument")$(field 3 "$(text 1 y)$argument")"
  for name in "${@:2}"; do
    n=$((n + 1))
    field 3 "$(inner "c$n" PartitionedCall "$last" f "$(called "$name")" "${pass[@]}")"
    last=c$n:output:0
  done
  field 4 "$(text 1 y)$(text 2 "$last")"
}
{
  printf %s "$one"
  node out PartitionedCall one f "$(called f)" "${pass[@]}"
  field 2 "$(field 1 "$(library f f)")"
} | graph function-itself
{
  printf %s "$one"
  node out PartitionedCall one f "$(called f50)" "${pass[@]}"
  field 2 "$(field 1 "$(library f0)"
    for ((i = 1; i <= 50; i++)); do field 1 "$(library "f$i" "f$((i - 1))" "f$((i - 1))")"; done)"
} | graph function-doubles

# op NAME OP INPUTS ATTRIBUTES…: one op that asks for very much of these.
op() {
  local name=$1
  shift
  {
    printf %s "$operands"
    node out "$@"
  } | graph "op-$name"
}
operands=$(
  printf %s "$one"
  int zero 0
  int step 1
  int billion 1000000000
  int hundred 100000000
  ints square 1000000000 1000000000
  ints wide 30000 30000
  ints large 9000 9000
  ints vector 100000
  ints hundreds 100000000
  constant pads 3 "1 2" "$(field 7 "$(varint 0 && varint 2000000000)")"
  node a Fill "large one" T "$float" index_type "$whole"
)
op fill Fill "square one" T "$float" index_type "$whole"
op fill-large Fill "wide one" T "$float" index_type "$whole"
op range Range "zero billion step" Tidx "$whole"
op linspace LinSpace "one one billion" T "$float" Tidx "$whole"
op random RandomUniform square T "$whole" dtype "$float"
op random-large RandomUniform wide T "$whole" dtype "$float"
op onehot OneHot "zero hundred one one" T "$float" TI "$whole"
op onehot-vector OneHot "square billion one one" T "$float" TI "$whole"
op broadcast BroadcastTo "one square" T "$float" Tidx "$whole"
op tile Tile "vector hundreds" T "$whole" Tmultiples "$whole"
op tensorarray TensorArrayV3 billion dtype "$float"
op reserve TensorListReserve "vector billion" element_dtype "$float" shape_type "$whole"
op unpack Unpack vector T "$whole" num "$(number 3 1000000000)"
op split Split "zero vector" T "$whole" num_split "$(number 3 1000000000)"
op reshape Reshape "vector square" T "$whole" Tshape "$whole"
op pad Pad "square pads" T "$whole" Tpaddings "$whole"
op diagonal MatrixDiag a T "$float"
op matmul MatMul "a a" T "$float"
op placeholder Placeholder "" dtype "$float" shape "$(field 7 "$(shape 1000000000 1000000000)")"
op variable VariableV2 "" dtype "$float" shape "$(field 7 "$(shape 1000000000 1000000000)")"

# ---- HDF5, written by the program itself

# written NAME INPUT OPTION…
written() {
  "$tool" "$2" --to hdf5 "${@:3}" --quiet -o "$work/written" >/dev/null 2>&1 || return 0
  make "$1/model.h5" <"$work/written.h5"
  rm -f "$work/written.h5"
}
{ printf '{' && series 20000 "\"t#\":$none" , && printf '}'; } | safetensors st-some-names
written h5-names "$bombs/st-some-names/model.safetensors"
[ ! -e "$bombs/npz-inflates" ] || written h5-inflates "$bombs/npz-inflates/model.npz" --compress gzip

# ---- the runs

: >"$work/measured"
# measure INPUT SECONDS MIB ARGUMENT…
measure() {
  local input=$1 second=$2 mebi=$3 status=0 size wall user system memory what faults folder
  shift 3
  folder=$(dirname "$input")
  what="$1 $(basename "$folder")/$(basename "$input")"
  rm -rf "$work/out"
  mkdir "$work/out"
  (ulimit -t 30 && exec /usr/bin/time -q -o "$work/time" -f '%e %U %S %M' timeout -k 5 300 "$tool" "$@") \
    >/dev/null 2>"$work/said" || status=$?
  read -r wall user system memory <"$work/time"
  size=$(du -k "$folder" | cut -f 1)
  points=$((points + 1))
  faults=$(awk -v status="$status" -v used="$user" -v more="$system" -v memory="$memory" -v second="$second" \
    -v mebi="$mebi" -v size="$size" 'BEGIN {
      if (!index(" 0 1 64 65 66 69 73 74 ", " " status " ")) printf " status %d", status
      if (used + more > second + size / 20000) printf " %.1f s", used + more
      if (memory > mebi * 1024 && memory > size * 4) printf " %d MiB", memory / 1024
    }')
  awk -v user="$user" -v system_="$system" -v wall="$wall" -v memory="$memory" -v status="$status" -v size="$size" \
    -v what="$what" -v said="$(grep -a -v '^warning' "$work/said" | tail -n 1 | head -c 200 | tr '\t' ' ' || true)" \
    'BEGIN { printf "%.2f\t%d\t%d\t%s\t%d\t%s\t%s\n", user + system_, memory / 1024, status, wall, size, what, said }' \
    >>"$work/measured"
  if [ -n "$faults" ]; then
    fail "$what:$faults (status $status, $(head -c 200 "$work/said" | tr '\n' ' '))"
    if [ -n "$keep" ]; then
      mkdir -p "$keep/$(basename "$folder")"
      cp --sparse=always "$folder"/* "$keep/$(basename "$folder")/"
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
    # A manifest's vector leads to the manifest.
    [[ $file != "$bombs"/json-*.npy ]] || continue
    case $file in
      */map.*) measure "$file" "$seconds" "$mebibytes" convert "$bundle" --to npz --map "$file" -o "$work/out/model" ;;
      *) trio "$file" ;;
    esac
    case $file in
      */saved_model.pb) measure "$file" 10 1024 run "$folder" --fetch out:0 ;;
      *.pb | *.meta) measure "$file" 10 1024 run "$file" --fetch out:0 ;;
    esac
  done < <(find "$folder" -maxdepth 1 -type f ! -name case.json ! -name tensors.json ! -name '*.data-*' -print0 |
    sort -z)
  [ "$folder" = "${folder#"$bombs"}" ] || rm -rf "$folder"
done

columns='s of processor\tMiB\tstatus\ts of the clock\tKB of input\trun\n'
# shellcheck disable=SC2059 # the format is the column line itself
{ printf "slowest: $columns" && sort -t $'\t' -k 1,1 -rn "$work/measured" | head -n 12 | cut -f 1-6; } || true
# shellcheck disable=SC2059
{ printf "largest: $columns" && sort -t $'\t' -k 2,2 -rn "$work/measured" | head -n 12 | cut -f 1-6; } || true
[ -z "$keep" ] || { mkdir -p "$keep" && cp "$work/measured" "$keep/measured.tsv"; }
report ", $(awk -F '\t' '{ if ($1 > seconds) seconds = $1; if ($2 > memory) memory = $2 } END {
  printf "slowest %.2f s of processor time, largest %d MiB", seconds, memory }' "$work/measured")"
