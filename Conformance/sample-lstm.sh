# Samples the LSTM of Cases/char-lstm: 40 times the most probable next character, the state fed back by the names of its tensors.
# usage: sh sample-lstm.sh FIRST_CHARACTER     (CKPT_CONVERT names the program; it is looked for in PATH otherwise)
tool=${CKPT_CONVERT:-ckpt-convert}
case=$(dirname "$0")/Cases/char-lstm

index() { awk -F'"' -v want="$1" '/"/ { if ($2 == want) { print n + 0; exit } n++ }' "$case/vocabulary.json"; }
letter() { awk -F'"' -v want="$1" '/"/ { if (n + 0 == want) { print $2; exit } n++ }' "$case/vocabulary.json"; }
one_hot() { awk -v i="$1" 'BEGIN { for (k = 0; k < 52; k++) printf "%s%d", k ? "," : "[[[", k == i; print "]]]" }'; }

next=$(index "$1")
state=$case/feeds/blank_state.npy
text=
for step in $(seq 40); do
  out=$("$tool" run "$case/model/model.meta" --feed "x:0=$(one_hot "$next")" --feed "init_state:0=$state" \
    --fetch probabilities:0 --fetch rnn/while/Exit_3:0 --fetch rnn/while/Exit_4:0 --values) || exit
  next=$(echo "$out" | sed -n 1p | tr -d '[] ' | tr ',' '\n' | awk '$1 > best { best = $1; at = NR - 1 } END { print at + 0 }')
  state="[$(echo "$out" | sed -n 2p),$(echo "$out" | sed -n 3p)]"
  text="$text$(letter "$next")"
done
printf '%b\n' "$text"
