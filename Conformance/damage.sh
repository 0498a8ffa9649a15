# Damages copies of this repository's checkpoints in the ways in which real ones are damaged, each in a folder that is named for the
# cause that `ckpt-convert check` must find; what stands behind a dot tells files of one cause apart. A line for each says what to check.
# usage: sh damage.sh FOLDER     (CKPT_CONVERT names the program; it is looked for in PATH otherwise)
set -e
tool=${CKPT_CONVERT:-ckpt-convert}
cases=$(dirname "$0")/Cases
source=$cases/mnist-slim/checkpoints
out=$1
mkdir -p "$out"

# A folder with a copy of the checkpoint model.index, model.data-00000-of-00001.
bundle() {
  mkdir "$out/$1"
  cp "$source/epoch-9.index" "$out/$1/model.index"
  cp "$source/epoch-9.data-00000-of-00001" "$out/$1/model.data-00000-of-00001"
  echo "$1 $out/$1/model"
}
# A folder with one file, as the command that follows prints it.
file() {
  mkdir "$out/$1"
  path=$out/$1/$2
  name=$1
  shift 2
  "$@" > "$path"
  echo "$name $path"
}
# The same checkpoint in another format, as the file or files whole…
convert() { format=$1; shift; "$tool" convert "$source/epoch-9" --to "$format" -o "$out/whole" --force --quiet "$@"; }
# Overwrites COUNT bytes of FILE at OFFSET with zeros.
zero() { dd if=/dev/zero of="$1" bs=1 seek="$2" count="$3" conv=notrunc 2> /dev/null; }

data=model.data-00000-of-00001
convert safetensors
convert npz
convert hdf5
convert npy-flat
convert tf-v1
convert tf-bundle --shards 2

bundle empty
: > "$out/empty/$data"

bundle truncated.bundle
head -c 700000 "$source/epoch-9.data-00000-of-00001" > "$out/truncated.bundle/$data"
file truncated.safetensors model.safetensors head -c 500000 "$out/whole.safetensors"
file truncated.npz model.npz head -c 500000 "$out/whole.npz"
file truncated.hdf5 model.h5 head -c 500000 "$out/whole.h5"
file truncated.tf-v1 model.ckpt head -c 500000 "$out/whole"
file truncated.npy-flat model.npy head -c 500000 "$out/whole.npy"
sed 's/whole/model/g' "$out/whole.index.json" > "$out/truncated.npy-flat/model.index.json"

# What a download that reserved its space leaves: the end, or a part in the middle, was never written.
bundle zero-filled.end
zero "$out/zero-filled.end/$data" 524288 580800
bundle zero-filled.middle
zero "$out/zero-filled.middle/$data" 65536 65536
file zero-filled.npz model.npz cat "$out/whole.npz"
zero "$out/zero-filled.npz/model.npz" 400000 65536

# One bit, as a bad disk or cable turns it.
bundle checksum
printf '\377' | dd of="$out/checksum/$data" bs=1 seek=300000 conv=notrunc 2> /dev/null

bundle other-checkpoint
cp "$source/epoch-3.data-00000-of-00001" "$out/other-checkpoint/$data"

mkdir "$out/exchanged-shards" "$out/missing-file" "$out/missing-file.other-split"
for folder in exchanged-shards missing-file missing-file.other-split; do
  for suffix in index data-00000-of-00002 data-00001-of-00002; do
    cp "$out/whole.$suffix" "$out/$folder/model.$suffix"
  done
  echo "$folder $out/$folder/model"
done
cp "$out/whole.data-00000-of-00002" "$out/exchanged-shards/model.data-00001-of-00002"
cp "$out/whole.data-00001-of-00002" "$out/exchanged-shards/model.data-00000-of-00002"
rm "$out/missing-file/model.data-00001-of-00002"
mv "$out/missing-file.other-split/model.data-00001-of-00002" "$out/missing-file.other-split/model.data-00001-of-00003"

bundle git-lfs-pointer
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 1105088\n' 7 > "$out/git-lfs-pointer/$data"

file web-page model.h5 echo '<!DOCTYPE html><html><head><title>Sign in</title></head></html>'
bundle web-page.data
echo '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>' > "$out/web-page.data/$data"
file json model.ckpt echo '{"message": "Not Found", "status": "404"}'
file text model.safetensors echo '404: Not Found'

file compressed model.npz gzip -c "$out/whole.npz"
bundle compressed.data
gzip -c "$source/epoch-9.data-00000-of-00001" > "$out/compressed.data/$data"
file archive.tar model.ckpt tar -cf - -C "$source" epoch-9.index epoch-9.data-00000-of-00001
# The header that the zip archive of a checkpoint begins with (APPNOTE.TXT 4.3.7): version, flags, method, time, date, sum, sizes.
file archive.zip model.zip printf 'PK\003\004\024\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\013\0\0\0model.index'

mkdir "$out/state-file"
echo 'model_checkpoint_path: "/home/somebody/run-17/model.ckpt-1000"' > "$out/state-file/checkpoint"
echo "state-file $out/state-file"
rm "$out"/whole*
