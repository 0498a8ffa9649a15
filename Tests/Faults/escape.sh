#!/usr/bin/env bash
# Gives every damaged and hostile file of Conformance/Cases/damaged (and of a folder more, if one is named) to `inspect --digests` and
# `convert` and logs the system calls of the program and its worker. Nothing may be opened but files beside the input and in the
# output's folder, system libraries and devices; inputs only for reading; nothing connected, nothing started but the worker.
# Needs strace.
# usage: Tests/Faults/escape.sh [CKPT_CONVERT [FOLDER]]
. "$(dirname "$0")/common.sh"
need strace "apt-get install strace"
strace -o /dev/null true 2>/dev/null || { echo "skipped: strace may not trace here"; exit 0; }
slowest=0
allowed='^(/usr/|.*/usr/lib/swift/linux/lib|/lib|/etc/(ld\.so|localtime|ssl/|gss/|krb5|nsswitch|passwd|selinux)|/proc/|/sys/|/dev/(null|urandom|zero)|/tmp/\.?ckpt-convert-keras)'
toolFolder=$(dirname "$tool")

for folder in "$cases"/damaged/*/ ${2:+$(find "$2" -mindepth 2 -maxdepth 2 -type d)}; do
  folder=${folder%/}
  mapfile -t files < <(find "$folder" -maxdepth 1 -type f ! -name case.json ! -name tensors.json ! -name '*.data-*')
  before=$(fingerprint "${files[@]}")
  for file in "${files[@]}"; do
    rm -rf "$work/out"
    mkdir "$work/out"
    for command in "inspect --digests --json $file" "convert $file --to npz -o $work/out/model"; do
      start=${EPOCHREALTIME/[.,]/}
      strace -f -qq -o "$work/trace" -e trace=open,openat,openat2,creat,connect,socket,execve,rename,renameat2,unlink,link,symlink "$tool" $command >/dev/null 2>"$work/said"
      status=$?
      time=$(((${EPOCHREALTIME/[.,]/} - start) / 1000))
      [ $time -le $slowest ] || { slowest=$time slow=$(basename "$folder"); }
      points=$((points + 1))
      what="${command%% *} $(basename "$folder")/$(basename "$file")"
      case $status in 0 | 1 | 64 | 65 | 66 | 69 | 73 | 74) ;; *) fail "$what: status $status" ;; esac
      # Every path that was opened, with its flags.
      while IFS= read -r line; do
        path=${line#*\"} path=${path%%\"*}
        case $line in
          *'= -1 '*) continue ;; # refused by the kernel, or not there
        esac
        if [[ $path == "$folder"* ]]; then
          [[ $line == *O_RDONLY* ]] || fail "$what: the input is opened for writing: $line"
        elif [[ $path != "$work/out"* && $path != "$toolFolder"* && ! $path =~ $allowed ]]; then
          fail "$what: opened $path"
        fi
      done < <(grep -E ' (open|openat|openat2|creat)\(' "$work/trace")
      grep -E ' (connect|socket)\(AF_INET|connect\(' "$work/trace" && fail "$what: connects"
      [ "$(grep ' execve(' "$work/trace" | grep -vc -e "\"$tool\"" -e /proc/self/exe)" = 0 ] || fail "$what: starts $(grep ' execve(' "$work/trace" | tail -1)"
    done
  done
  [ "$before" = "$(fingerprint "${files[@]}")" ] || fail "$folder changed"
done
report ", slowest $slowest ms under strace ($slow)"
