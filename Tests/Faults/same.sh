#!/usr/bin/env bash
# Converts to every format in 6 locales, 4 time zones and with 1, 2 and 8 workers; Swift seeds its hashes anew in every process. All
# outputs of a conversion must be the same bytes.
# usage: Tests/Faults/same.sh [CKPT_CONVERT]
. "$(dirname "$0")/common.sh"
for conversion in "${conversions[@]}"; do
  IFS='|' read -r format input index options <<<"$conversion"
  first=
  for locale in C POSIX C.UTF-8 en_US.UTF-8 de_DE.UTF-8 tr_TR.UTF-8; do
    for zone in UTC Asia/Tokyo America/New_York Pacific/Chatham; do
      for jobs in 1 2 8; do
        rm -rf "$work/out"
        mkdir "$work/out"
        set -f
        LC_ALL=$locale LANG=$locale TZ=$zone "$tool" "$input" --to "$format" $options --jobs $jobs --quiet -o "$work/out/model" || fail "$conversion"
        set +f
        found=$(cd "$work/out" && sha256sum -- *)
        first=${first:-$found}
        [ "$found" = "$first" ] || fail "$format $options is other bytes with $locale, $zone, $jobs workers"
        points=$((points + 1))
      done
    done
  done
done
report ", ${#conversions[@]} conversions"
